//! Where data have been, and how long their episodes are and what they earn.

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{MUTED, WALL, time};

/// How often two columns were where.
#[derive(Clone, Debug)]
pub struct Visits<'a> {
    /// Names of the columns, x and y.
    pub labels: [&'a str; 2],
    /// Their values, row by row.
    pub points: Vec<[f64; 2]>,
}

/// How often values lie where.
#[derive(Clone, Debug)]
pub struct Histogram<'a> {
    /// What is counted.
    pub title: &'a str,
    /// The values.
    pub values: Vec<f64>,
}

/// Cells along each side of the map.
const CELLS: usize = 72;
/// Bars of a histogram.
const BARS: usize = 32;
/// Colours of the map: counts differ by powers of ten, and the eye tells no more apart.
const SHADES: usize = 12;
const SIZE: [f64; 2] = [860.0, 450.0];
/// Left, top, right and bottom edge of the map.
const MAP: [f64; 4] = [64.0, 70.0, 404.0, 410.0];
/// The same of the first histogram; each next one lies below.
const FIRST: [f64; 4] = [480.0, 92.0, 830.0, 212.0];
const BELOW: f64 = 198.0;

/// Draws the map, darker to brighter by the logarithm of the count, and the histograms beside it. Values that are not finite are
/// left out and counted.
pub fn coverage(title: &str, subtitle: &str, visits: &Visits<'_>, histograms: &[Histogram<'_>]) -> Picture {
    let mut canvas = Canvas::new(SIZE[0], SIZE[1]);
    canvas.text([24.0, 30.0], Anchor::Start, 16.0, r#"font-weight="600""#, title);
    canvas.text([24.0, 50.0], Anchor::Start, 12.0, &format!(r#"fill="{MUTED}""#), subtitle);
    let mut skipped = map(&mut canvas, visits);
    for (i, histogram) in histograms.iter().enumerate() {
        let [left, top, right, bottom] = FIRST;
        let down = i as f64 * BELOW;
        skipped += bars(&mut canvas, [left, top + down, right, bottom + down], histogram);
    }
    Picture { text: canvas.finish(title), skipped }
}

fn map(canvas: &mut Canvas, visits: &Visits<'_>) -> usize {
    let [left, top, right, bottom] = MAP;
    let sound = |point: &&[f64; 2]| point.iter().all(|value| value.is_finite());
    let points = || visits.points.iter().filter(sound);
    let [x, y] = [0, 1].map(|axis| range(points().map(|point| point[axis])));
    let mut counts = vec![0_u32; CELLS * CELLS];
    for point in points() {
        let cell = bin(point[1], y, CELLS) * CELLS + bin(point[0], x, CELLS);
        counts[cell] = counts[cell].saturating_add(1);
    }
    let most = f64::from(counts.iter().copied().max().unwrap_or(0)).ln_1p().max(1e-9);
    let size = [(right - left) / CELLS as f64, (bottom - top) / CELLS as f64];
    for shade in 0..SHADES {
        let of_this = |count: u32| {
            let share = f64::from(count).ln_1p() / most;
            count > 0 && ((share * SHADES as f64).ceil() as usize).clamp(1, SHADES) == shade + 1
        };
        let cells = counts.iter().enumerate().filter(|(_, count)| of_this(**count)).map(|(cell, _)| {
            let (row, column) = ((cell / CELLS) as f64, (cell % CELLS) as f64);
            ([left + column * size[0], bottom - (row + 1.0) * size[1]], size)
        });
        let style = format!(r#"fill="{}""#, time(shade as f64 / (SHADES - 1) as f64));
        canvas.rects(cells, &style);
    }
    frame(canvas, MAP);
    let muted = format!(r#"fill="{MUTED}""#);
    ends(canvas, MAP, x);
    canvas.text([0.5 * (left + right), bottom + 18.0], Anchor::Middle, 12.0, &muted, visits.labels[0]);
    canvas.text([left - 6.0, bottom], Anchor::End, 11.0, &muted, &short(y[0]));
    canvas.text([left - 6.0, top + 10.0], Anchor::End, 11.0, &muted, &short(y[1]));
    let name = format!("{}: up; the brighter, the more often", visits.labels[1]);
    canvas.text([left, bottom + 34.0], Anchor::Start, 11.0, &muted, &name);
    visits.points.len() - points().count()
}

fn bars(canvas: &mut Canvas, plot: [f64; 4], histogram: &Histogram<'_>) -> usize {
    let [left, top, right, bottom] = plot;
    let values = || histogram.values.iter().copied().filter(|value| value.is_finite());
    let x = range(values());
    let mut counts = [0_usize; BARS];
    values().for_each(|value| counts[bin(value, x, BARS)] += 1);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    canvas.text([left, top - 12.0], Anchor::Start, 13.0, "", histogram.title);
    let width = (right - left) / BARS as f64;
    let shapes = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, count)| {
        let height = (bottom - top) * *count as f64 / most as f64;
        ([left + i as f64 * width, bottom - height], [width - 1.0, height])
    });
    canvas.rects(shapes, &format!(r#"fill="{}""#, time(0.4)));
    frame(canvas, plot);
    ends(canvas, plot, x);
    let muted = format!(r#"fill="{MUTED}""#);
    canvas.text([left - 6.0, top + 10.0], Anchor::End, 11.0, &muted, &most.to_string());
    histogram.values.len() - values().count()
}

fn frame(canvas: &mut Canvas, [left, top, right, bottom]: [f64; 4]) {
    canvas.rect([left, top], [right - left, bottom - top], &format!(r#"fill="none" stroke="{WALL}""#));
}

/// The numbers at both ends of the x axis.
fn ends(canvas: &mut Canvas, [left, _, right, bottom]: [f64; 4], range: [f64; 2]) {
    let muted = format!(r#"fill="{MUTED}""#);
    canvas.text([left, bottom + 18.0], Anchor::Start, 11.0, &muted, &short(range[0]));
    canvas.text([right, bottom + 18.0], Anchor::End, 11.0, &muted, &short(range[1]));
}

/// Smallest and largest value; where there is but one, with room around it.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] = values
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    match high - low {
        width if width > 0.0 => [low, high],
        _ if low.is_finite() => [low - 0.5, low + 0.5],
        _ => [0.0, 1.0],
    }
}

fn bin(value: f64, [low, high]: [f64; 2], bins: usize) -> usize {
    (((value - low) / (high - low) * bins as f64) as usize).min(bins - 1)
}

/// A number in four digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(0.01..1e5).contains(&size) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: Vec<[f64; 2]>, values: Vec<f64>) -> Picture {
        let visits = Visits { labels: ["x", "y"], points };
        coverage("a", "b", &visits, &[Histogram { title: "returns", values }])
    }

    #[test]
    fn each_visited_cell_is_drawn_once_and_what_is_not_finite_is_counted() {
        let nan = f64::NAN;
        let picture = drawn(vec![[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [nan, 0.0]], vec![3.0, nan, 5.0, 5.0]);
        assert_eq!(picture.skipped, 2);
        // Two cells of the map and two bars, each a step of a path.
        assert_eq!(picture.text.matches('M').count(), 4);
        assert!(picture.text.contains(">5.00<") && picture.text.contains(">3.00<"), "ends of the axis");
    }

    #[test]
    fn nothing_and_a_single_value_can_be_drawn() {
        for points in [vec![], vec![[2.0, 2.0]], vec![[f64::MAX, f64::MIN], [0.0, 0.0]]] {
            let picture = drawn(points, vec![]);
            assert!(picture.text.starts_with("<svg") && !picture.text.contains("NaN"), "{}", picture.text);
        }
    }

    #[test]
    fn numbers_at_the_ends_are_short() {
        let shown = [0.0, -1.234, 123.4, 2.5e-5, 1e9].map(short);
        assert_eq!(shown, ["0.00", "-1.23", "123", "2.50e-5", "1.00e9"].map(str::to_owned));
    }
}
