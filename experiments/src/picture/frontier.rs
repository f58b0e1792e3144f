//! Score against the time of a plan.

use super::Picture;
use super::axis::{ScoreAxis, TimeAxis, duration};
use super::canvas::{Anchor, Canvas};
use super::colour::{GOAL, HALO, INK, MUTED};
use crate::statistics::Interval;

/// One setting of the planner.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its name.
    pub name: &'a str,
    /// Milliseconds of a replan.
    pub ms: f64,
    /// Milliseconds of a first plan; drawn for the configured settings.
    pub cold_ms: Option<f64>,
    /// Mean score.
    pub score: f64,
    /// Its interval.
    pub interval: Interval,
    /// Whether it is the configured one.
    pub configured: bool,
    /// Whether no other replans faster and scores higher.
    pub on_front: bool,
}

/// A method whose time is not known.
#[derive(Clone, Copy, Debug)]
pub struct Level<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its score.
    pub score: f64,
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Frontier<'a> {
    /// Heading.
    pub title: &'a str,
    /// Below it.
    pub subtitle: &'a str,
    /// Settings of the planner.
    pub places: &'a [Place<'a>],
    /// Horizontal marks.
    pub levels: &'a [Level<'a>],
    /// Vertical mark: another program's plan by name, and its milliseconds.
    pub reference: Option<(&'a str, f64)>,
}

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 470.0;
/// The plot's left, top, right and bottom edge; right of it stand the names of the horizontal marks.
const PLOT: [f64; 4] = [52.0, 62.0, 690.0, 404.0];
/// Blue of Okabe and Ito's palette.
const BLUE: &str = "#0072b2";
const FONT: f64 = 11.0;
/// Least distance between names of horizontal marks.
const LINE: f64 = 14.0;

/// Draws scores with their intervals against the time of a replan on a logarithmic axis; a ring stands at the time
/// of a first plan with the configured settings. Places that are not finite are left out.
pub fn frontier(frontier: &Frontier<'_>) -> Picture {
    let [left, top, right, bottom] = PLOT;
    let sound = |p: &&Place<'_>| {
        let numbers = [p.score, p.interval.low, p.interval.high, p.ms];
        numbers.iter().all(|number| number.is_finite()) && p.ms > 0.0
    };
    let places: Vec<&Place<'_>> = frontier.places.iter().filter(sound).collect();
    let skipped = frontier.places.len() - places.len();
    let intervals = places.iter().flat_map(|p| [p.interval.low, p.interval.high]);
    // What was measured fills the plot; what lies outside of it is said at its edge.
    let scores = ScoreAxis::around(intervals, top, bottom);
    let cold = |p: &Place<'_>| p.cold_ms.filter(|_| p.configured);
    let all = places.iter().flat_map(|p| [Some(p.ms), cold(p)]).flatten();
    let times = TimeAxis::new(all, left, right);

    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (ink, muted) = (format!(r#"fill="{INK}""#), format!(r#"fill="{MUTED}""#));
    let bold = format!(r#"{ink} font-weight="600""#);
    canvas.text([left, 18.0], Anchor::Start, 13.0, &bold, frontier.title);
    canvas.text([left, 36.0], Anchor::Start, FONT, &muted, frontier.subtitle);
    scores.draw(&mut canvas, left, right);
    times.draw(&mut canvas, top, bottom);
    let axis = "time of a replan, logarithmic; ring: first plan of an episode, as configured";
    canvas.text([0.5 * (left + right), bottom + 38.0], Anchor::Middle, FONT, &muted, axis);
    levels(&mut canvas, frontier.levels, &scores);
    let mut taken = Vec::new();
    if let Some((name, ms)) = frontier.reference.filter(|(_, ms)| ms.is_finite() && *ms > 0.0) {
        let text = if times.holds(ms) {
            let x = times.place(ms);
            let style = format!(r#"fill="none" stroke="{MUTED}" stroke-width="1.4" stroke-dasharray="3 3""#);
            canvas.polyline(&[[x, top], [x, bottom]], &style);
            taken.push([x - 2.0, top, x + 2.0, bottom]);
            format!("{name}: {}", duration(ms))
        } else {
            let arrow = if ms < times.first() { '\u{2190}' } else { '\u{2192}' };
            format!("{name}: {} {arrow}", duration(ms))
        };
        canvas.text([right, top - 8.0], Anchor::End, FONT, &muted, &text);
    }
    let mut front: Vec<[f64; 2]> =
        places.iter().filter(|p| p.on_front).map(|p| [times.place(p.ms), scores.place(p.score)]).collect();
    front.sort_by(|one, other| one[0].total_cmp(&other[0]));
    canvas
        .polyline(&front, &format!(r#"fill="none" stroke="{BLUE}" stroke-width="5" stroke-opacity="0.15""#));
    for place in &places {
        taken.push(dot(&mut canvas, place, &times, &scores));
    }
    for place in &places {
        let at = [times.place(place.ms), scores.place(place.score)];
        let corner = free_corner(at, place.name, &taken);
        let (width, style) = (width(place.name), if place.configured { &bold } else { &ink });
        // From the dot to the nearest end of a name that found no room beside it.
        let nearest = [at[0].clamp(corner[0], corner[0] + width), corner[1] + 0.5 * FONT];
        if (nearest[1] - at[1]).abs() > FONT {
            canvas.polyline(&[at, nearest], &format!(r#"fill="none" stroke="{MUTED}" stroke-width="0.7""#));
        }
        let style = format!("{style} {HALO}");
        canvas.text([corner[0], corner[1] + FONT - 2.0], Anchor::Start, FONT, &style, place.name);
        taken.push([corner[0], corner[1], corner[0] + width, corner[1] + FONT]);
    }
    if skipped > 0 {
        let note = format!("{skipped} points left out: not finite");
        canvas.text([right, bottom + 38.0], Anchor::End, FONT, &muted, &note);
    }
    Picture { text: canvas.finish(frontier.title), skipped }
}

/// Horizontal marks, their names right of the plot and moved apart where they would lie on each other. Those outside of
/// the plot are named at its edge with an arrow.
fn levels(canvas: &mut Canvas, levels: &[Level<'_>], scores: &ScoreAxis) {
    let [left, top, right, bottom] = PLOT;
    let mut levels: Vec<&Level<'_>> = levels.iter().filter(|level| level.score.is_finite()).collect();
    levels.sort_by(|one, other| other.score.total_cmp(&one.score));
    let mut above = f64::NEG_INFINITY;
    for level in levels {
        let y = scores.place(level.score).clamp(top, bottom);
        let style = format!(r#"fill="none" stroke="{MUTED}" stroke-width="1" stroke-dasharray="7 4""#);
        let name_y = y.max(above + LINE);
        above = name_y;
        let mut text = format!("{} {:.1}", level.name, level.score);
        if scores.holds(level.score) {
            canvas.polyline(&[[left, y], [right, y], [right + 8.0, name_y]], &style);
        } else {
            let arrow = if y <= top { '\u{2191}' } else { '\u{2193}' };
            text = format!("{arrow} {text}");
        }
        canvas.text([right + 11.0, name_y + 4.0], Anchor::Start, FONT, &format!(r#"fill="{MUTED}""#), &text);
    }
}

/// One point with its interval and its first plan; gives the box that it fills.
fn dot(canvas: &mut Canvas, place: &Place<'_>, times: &TimeAxis, scores: &ScoreAxis) -> [f64; 4] {
    let colour = if place.configured { GOAL } else { BLUE };
    let (x, y) = (times.place(place.ms), scores.place(place.score));
    let [high, low] = [place.interval.high, place.interval.low].map(|score| scores.place(score));
    let line = |width: f64, opacity: f64| {
        format!(r#"fill="none" stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}""#)
    };
    let cold = place.cold_ms.filter(|ms| place.configured && ms.is_finite() && *ms > 0.0);
    if let Some(cold) = cold.map(|ms| times.place(ms)) {
        canvas.polyline(&[[x, y], [cold - 3.5, y]], &line(1.0, 0.5));
        canvas.circle([cold, y], 3.5, &line(1.2, 0.7));
    }
    canvas.polyline(&[[x, high], [x, low]], &line(1.4, 0.7));
    for end in [high, low] {
        canvas.polyline(&[[x - 4.0, end], [x + 4.0, end]], &line(1.4, 0.7));
    }
    let radius = if place.configured { 6.5 } else { 4.5 };
    canvas.circle([x, y], radius, &format!(r#"fill="{colour}""#));
    [x - radius, high.min(y - radius), x + radius, low.max(y + radius)]
}

/// Width of a text, roughly.
fn width(text: &str) -> f64 {
    0.56 * FONT * text.chars().count() as f64
}

/// Where a name beside `at` covers least of what is there: its top left corner.
fn free_corner(at: [f64; 2], name: &str, taken: &[[f64; 4]]) -> [f64; 2] {
    let [left, top, right, bottom] = PLOT;
    let width = width(name);
    let heights = [-0.5, -1.6, 0.6, -2.8, 1.8, -4.0, 3.0, -5.2, 4.2];
    let sides = [at[0] + 9.0, at[0] - 9.0 - width];
    let corners = heights.iter().flat_map(|rows| sides.map(|x| [x, at[1] + rows * FONT]));
    let covered = |[x, y]: [f64; 2]| -> f64 {
        let outside = x < left || x + width > right || y < top || y + FONT > bottom;
        let shared = taken.iter().map(|[x0, y0, x1, y1]| {
            ((x + width).min(*x1) - x.max(*x0)).max(0.0) * ((y + FONT).min(*y1) - y.max(*y0)).max(0.0)
        });
        shared.sum::<f64>() + if outside { 1e6 } else { 0.0 }
    };
    // The first of equals: near before far.
    corners
        .min_by(|one, other| covered(*one).total_cmp(&covered(*other)))
        .unwrap_or([at[0] + 9.0, at[1] - 0.5 * FONT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_named_once_and_names_at_one_place_move_apart() {
        let interval = Interval { low: 90.0, high: 120.0 };
        let place = |name, ms| Place {
            name,
            ms,
            cold_ms: Some(2.0 * ms),
            score: 100.0,
            interval,
            configured: false,
            on_front: true,
        };
        let places = [place("fast", 2.0), place("same", 2.0), place("broken", f64::NAN)];
        let level = |name, score| Level { name, score };
        let levels = [level("one", 110.0), level("two", 110.5), level("far", 3.0), level("above", 400.0)];
        let drawn = Frontier {
            title: "a & b",
            subtitle: "",
            places: &places,
            levels: &levels,
            reference: Some(("other", 2500.0)),
        };
        let picture = frontier(&drawn);
        assert_eq!(picture.skipped, 1);
        assert!(picture.text.contains("2.5 s \u{2192}") && !picture.text.contains("NaN"));
        assert!(picture.text.contains("\u{2193} far 3.0") && picture.text.contains("\u{2191} above 400.0"));
        let y = |name: &str| {
            let text = &picture.text;
            let end = text.find(&format!(">{name}")).unwrap_or_else(|| panic!("`{name}` is not in {text}"));
            let start = text[..end].rfind(" y=\"").unwrap() + 4;
            text[start..].split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!((y("one 110.0") - y("two 110.5")).abs() >= LINE - 0.01);
        let x = |name: &str| picture.text.find(&format!(">{name}<")).unwrap();
        assert!(x("fast") != x("same") && !picture.text.contains(">broken<"));
    }
}
