//! Performance profiles: which share of episodes scores above each value.

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{INK, MUTED, WALL};
use crate::statistics::{Interval, performance_profile};

/// One planner's scores.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name, for the legend.
    pub name: &'a str,
    /// Score of each episode, task by task.
    pub tasks: Vec<&'a [f64]>,
}

/// Colours that colour-blind readers tell apart (Okabe and Ito), each solid first and then dashed.
pub(super) const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#1c2230"];

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
/// The plot's left, top, right and bottom edge; the legend stands right of it.
const PLOT: [f64; 4] = [52.0, 34.0, 500.0, 254.0];

/// Draws the share of episodes with a score above `x` against `x`, one step curve each (Agarwal et al. 2021,
/// section 4.1), with its pointwise 95 % band. A curve further right is better at every level; scores that are not finite are
/// left out.
pub fn profile(title: &str, curves: &[Curve<'_>]) -> Picture {
    let tasks: Vec<Vec<Vec<f64>>> = curves
        .iter()
        .map(|curve| {
            let finite = |scores: &&[f64]| scores.iter().copied().filter(|score| score.is_finite()).collect();
            curve.tasks.iter().map(finite).filter(|scores: &Vec<f64>| !scores.is_empty()).collect()
        })
        .collect();
    let finite: Vec<Vec<f64>> = tasks.iter().map(|tasks| tasks.concat()).collect();
    let all = curves.iter().flat_map(|curve| &curve.tasks).map(|scores| scores.len()).sum::<usize>();
    let skipped = all - finite.iter().map(Vec::len).sum::<usize>();
    let (low, high) = range(&finite);
    let [left, top, right, bottom] = PLOT;
    let place = |[x, share]: [f64; 2]| {
        [left + (right - left) * (x - low) / (high - low), bottom - (bottom - top) * share]
    };

    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let muted = format!(r#"fill="{MUTED}""#);
    canvas.text([left, 18.0], Anchor::Start, 13.0, &format!(r#"fill="{INK}" font-weight="600""#), title);
    let rule = format!(r#"fill="none" stroke="{WALL}" stroke-width="1""#);
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        canvas.polyline(&[place([low, share]), place([high, share])], &rule);
        let label = format!("{:.0} %", 100.0 * share);
        canvas.text([left - 6.0, place([low, share])[1] + 4.0], Anchor::End, 11.0, &muted, &label);
    }
    let spacing = GRID * ((high - low) / (8.0 * GRID)).ceil().max(1.0);
    // On multiples of the spacing, so that zero has a line; adding zero keeps it from being written as -0.
    let mut x = (low / spacing).ceil() * spacing + 0.0;
    while x <= high {
        let at = place([x, 0.0]);
        canvas.polyline(&[at, place([x, 1.0])], &rule);
        canvas.text([at[0], bottom + 16.0], Anchor::Middle, 11.0, &muted, &format!("{x:.0}"));
        x += spacing;
    }
    canvas.text([0.5 * (left + right), bottom + 36.0], Anchor::Middle, 11.0, &muted, "score x");
    canvas.text([right + 18.0, top], Anchor::Start, 11.0, &muted, "share of episodes above x");
    for (index, tasks) in tasks.iter().enumerate().rev() {
        let band: Vec<[f64; 2]> = band(tasks, low, high).into_iter().map(place).collect();
        let colour = COLOURS[index % COLOURS.len()];
        canvas.polyline(&band, &format!(r#"fill="{colour}" fill-opacity="0.12" stroke="none""#));
    }
    // The first curve is drawn last, so that it lies on top.
    for (index, (curve, scores)) in curves.iter().zip(&finite).enumerate().rev() {
        let dash = ["", r#" stroke-dasharray="6 3""#][(index / COLOURS.len()) % 2];
        let colour = COLOURS[index % COLOURS.len()];
        let width = if index == 0 { 2.6 } else { 1.6 };
        let style = format!(r#"fill="none" stroke="{colour}" stroke-width="{width}"{dash}"#);
        let points: Vec<[f64; 2]> = steps(scores, low, high).into_iter().map(place).collect();
        canvas.polyline(&points, &style);
        let y = top + 20.0 + 18.0 * index as f64;
        canvas.polyline(&[[right + 18.0, y - 4.0], [right + 42.0, y - 4.0]], &style);
        canvas.text([right + 48.0, y], Anchor::Start, 11.0, &format!(r#"fill="{INK}""#), curve.name);
    }
    if skipped > 0 {
        let note = format!("{skipped} scores left out: not finite");
        canvas.text([left, HEIGHT - 6.0], Anchor::Start, 11.0, &muted, &note);
    }
    Picture { text: canvas.finish(&format!("{title}: share of episodes above each score")), skipped }
}

/// Levels at which a band is drawn: finer than a screen shows.
const LEVELS: usize = 160;
/// Resamples of a band: 2000, as rliable takes for profiles.
const RESAMPLES: usize = 2000;
/// Their seed.
const SEED: u64 = 0;

/// Corners `[score, share]` around the band of a curve: its lower side, and back along the upper one.
fn band(tasks: &[Vec<f64>], low: f64, high: f64) -> Vec<[f64; 2]> {
    let level = |index: usize| low + (high - low) * index as f64 / LEVELS as f64;
    let levels: Vec<f64> = (0..=LEVELS).map(level).collect();
    let tasks: Vec<&[f64]> = tasks.iter().map(Vec::as_slice).collect();
    // No scores, no band.
    let Ok(profile) = performance_profile(&tasks, &levels, RESAMPLES, SEED) else { return Vec::new() };
    let side =
        |of: fn(&Interval) -> f64| levels.iter().zip(&profile).map(move |(x, (_, band))| [*x, of(band)]);
    let upper: Vec<[f64; 2]> = side(|band| band.high).collect();
    side(|band| band.low).chain(upper.into_iter().rev()).collect()
}

/// Score units between grid lines.
const GRID: f64 = 20.0;

/// The axis: all scores and zero, out to grid lines.
fn range(scores: &[Vec<f64>]) -> (f64, f64) {
    let all = || scores.iter().flatten().copied();
    let low = (all().fold(0.0, f64::min) / GRID).floor() * GRID;
    let high = (all().fold(GRID, f64::max) / GRID).ceil() * GRID;
    (low, high)
}

/// Corners `[score, share]` of the step curve from `low` to `high`; no scores, no corners.
fn steps(scores: &[f64], low: f64, high: f64) -> Vec<[f64; 2]> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() {
        return Vec::new();
    }
    let mut corners = vec![[low, 1.0]];
    let mut before = 1.0;
    for group in sorted.chunk_by(|left, right| left.total_cmp(right).is_eq()) {
        let above = sorted.partition_point(|score| score.total_cmp(&group[0]).is_le());
        let share = (sorted.len() - above) as f64 / sorted.len() as f64;
        corners.extend([[group[0], before], [group[0], share]]);
        before = share;
    }
    corners.push([high, before]);
    corners
}

/// Height of the step curve at `x`: what the picture shows there.
#[cfg(test)]
pub fn share_above(scores: &[f64], x: f64) -> f64 {
    let corners = steps(scores, f64::MIN, f64::MAX);
    corners.iter().rev().find(|[score, _]| *score <= x).map_or(f64::NAN, |[_, share]| *share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_falls_by_the_share_of_episodes_that_have_the_score() {
        let corners = steps(&[20.0, 10.0, 0.0, 10.0], -20.0, 40.0);
        let expected = [
            [-20.0, 1.0],
            [0.0, 1.0],
            [0.0, 0.75],
            [10.0, 0.75],
            [10.0, 0.25],
            [20.0, 0.25],
            [20.0, 0.0],
            [40.0, 0.0],
        ];
        assert_eq!(corners, expected);
        assert!(steps(&[], 0.0, 1.0).is_empty());
    }

    #[test]
    fn the_axis_ends_on_grid_lines_around_everything_and_zero() {
        assert_eq!(range(&[vec![-13.0, 5.0], vec![161.0]]), (-20.0, 180.0));
        assert_eq!(range(&[]), (0.0, 20.0));
    }

    #[test]
    fn every_curve_is_named_and_broken_scores_are_counted() {
        let scores = [-17.3, f64::NAN, 200.2];
        let names: Vec<String> = (0..9).map(|i| format!("planner <{i}>")).collect();
        let curves: Vec<Curve<'_>> = names.iter().map(|name| Curve { name, tasks: vec![&scores] }).collect();
        let picture = profile("a & b", &curves);
        assert_eq!(picture.skipped, 9);
        assert!(picture.text.contains("a &amp; b") && picture.text.contains("9 scores left out"));
        for i in 0..9 {
            assert!(picture.text.contains(&format!("planner &lt;{i}&gt;")), "{i}");
        }
        assert!(
            !picture.text.contains("NaN") && picture.text.contains(">0<") && !picture.text.contains(">-0<")
        );
        assert!(profile("nothing", &[]).text.contains("</svg>"));
        assert_eq!(picture.text.matches("fill-opacity").count(), 9, "a band for each");
    }

    #[test]
    fn a_band_goes_round_its_curve() {
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i) * 2.0).collect();
        let corners = band(std::slice::from_ref(&scores), -20.0, 80.0);
        assert_eq!(corners.len(), 2 * (LEVELS + 1));
        let (lower, upper) = corners.split_at(LEVELS + 1);
        for (low, high) in lower.iter().zip(upper.iter().rev()) {
            assert!(
                low[0].to_bits() == high[0].to_bits()
                    && low[1] <= share_above(&scores, low[0])
                    && share_above(&scores, low[0]) <= high[1]
            );
        }
        // Certain at both ends, and a tenth and more wide in the middle.
        assert_eq!((lower[0], upper[LEVELS]), ([-20.0, 1.0], [-20.0, 1.0]));
        let middle = LEVELS * 6 / 10;
        assert!(upper[LEVELS - middle][1] - lower[middle][1] > 0.2);
        assert!(band(&[], 0.0, 20.0).is_empty());
    }
}
