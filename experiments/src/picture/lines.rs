//! Line plots with bands: a figure of several panels that share one legend.

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{INK, MUTED, WALL};
use super::profile::COLOURS;

/// A line with its band.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Name, for the legend.
    pub name: &'a str,
    /// Which colour of the palette.
    pub colour: usize,
    /// Dashed, for references.
    pub dashed: bool,
    /// `[x, lower end, value, upper end]`, by rising x.
    pub points: Vec<[f64; 4]>,
}

/// How y is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from zero.
    Linear,
    /// By powers of ten; what is not positive lies on the lowest line.
    Log,
}

/// One plot.
#[derive(Clone, Debug)]
pub struct LinePanel<'a> {
    /// What is plotted, with its unit.
    pub title: &'a str,
    /// Name of the x axis.
    pub x_label: &'a str,
    /// Where x has grid lines, and their labels; the first and last are the ends of the axis.
    pub x_ticks: Vec<(f64, String)>,
    /// Ends of the y axis; `None` fits the values.
    pub y_range: Option<[f64; 2]>,
    /// Label y in per cent.
    pub percent: bool,
    /// Layout of y.
    pub scale: Scale,
    /// The lines; the first is drawn on top.
    pub lines: Vec<Line<'a>>,
}

const PANEL: [f64; 2] = [450.0, 290.0];
const MARGIN: f64 = 24.0;
const HEAD: f64 = 70.0;

/// Draws the panels two abreast under a title and a legend. Values that are not finite are left out and counted.
pub fn lines(title: &str, subtitle: &str, panels: &[LinePanel<'_>]) -> Picture {
    let rows = panels.len().div_ceil(2);
    let first = panels.first().map(|panel| panel.lines.as_slice()).unwrap_or_default();
    let legend_at = HEAD + rows as f64 * PANEL[1];
    let size = [2.0 * (MARGIN + PANEL[0]), legend_at + 22.0 * first.len().div_ceil(2) as f64 + 14.0];
    let mut canvas = Canvas::new(size[0], size[1]);
    canvas.text([MARGIN, 32.0], Anchor::Start, 18.0, r#"font-weight="600""#, title);
    canvas.text([MARGIN, 54.0], Anchor::Start, 12.5, &format!(r#"fill="{MUTED}""#), subtitle);
    let mut skipped = 0;
    for (index, panel) in panels.iter().enumerate() {
        let at = [MARGIN + (index % 2) as f64 * PANEL[0], HEAD + (index / 2) as f64 * PANEL[1]];
        skipped += draw(&mut canvas, at, PANEL, panel);
    }
    for (index, line) in first.iter().enumerate() {
        let at =
            [MARGIN + 44.0 + (index % 2) as f64 * PANEL[0], legend_at + 22.0 * (index / 2) as f64 + 10.0];
        key(&mut canvas, at, line);
    }
    Picture { text: canvas.finish(title), skipped }
}

/// A line's sample and name, from the left end of its baseline.
pub(super) fn key(canvas: &mut Canvas, [x, y]: [f64; 2], line: &Line<'_>) {
    canvas.polyline(&[[x, y - 4.0], [x + 26.0, y - 4.0]], &stroke(line));
    canvas.text([x + 34.0, y], Anchor::Start, 12.0, &format!(r#"fill="{INK}""#), line.name);
}

/// Draws one panel into the rectangle; gives back how many points were left out.
pub(super) fn draw(canvas: &mut Canvas, at: [f64; 2], size: [f64; 2], panel: &LinePanel<'_>) -> usize {
    let (left, top) = (at[0] + 50.0, at[1] + 30.0);
    let (right, bottom) = (at[0] + size[0] - 18.0, at[1] + size[1] - 48.0);
    let axis = Axis::of(panel);
    let (x0, x1) = match (panel.x_ticks.first(), panel.x_ticks.last()) {
        (Some(first), Some(last)) if last.0 > first.0 => (first.0, last.0),
        _ => (0.0, 1.0),
    };
    let across = |x: f64| left + (right - left) * (x - x0) / (x1 - x0);
    let up = |y: f64| bottom - (bottom - top) * axis.share(y);

    let muted = format!(r#"fill="{MUTED}""#);
    let rule = format!(r#"fill="none" stroke="{WALL}" stroke-width="1""#);
    canvas.text([at[0], at[1] + 16.0], Anchor::Start, 12.5, r#"font-weight="600""#, panel.title);
    for y in axis.ticks() {
        canvas.polyline(&[[left, up(y)], [right, up(y)]], &rule);
        let label = label(y, panel);
        canvas.text([left - 6.0, up(y) + 4.0], Anchor::End, 11.0, &muted, &label);
    }
    for (x, label) in &panel.x_ticks {
        canvas.polyline(&[[across(*x), top], [across(*x), bottom]], &rule);
        canvas.text([across(*x), bottom + 16.0], Anchor::Middle, 11.0, &muted, label);
    }
    canvas.text([0.5 * (left + right), bottom + 34.0], Anchor::Middle, 11.0, &muted, panel.x_label);

    let sound = |line: &Line<'_>| -> Vec<[f64; 4]> {
        line.points.iter().copied().filter(|point| point.iter().all(|v| v.is_finite())).collect()
    };
    canvas.clip([left, top - 3.0], [right - left, bottom - top + 6.0]);
    for line in panel.lines.iter().rev().filter(|line| !line.dashed) {
        let points = sound(line);
        let lower = points.iter().map(|p| [across(p[0]), up(p[1])]);
        let upper = points.iter().rev().map(|p| [across(p[0]), up(p[3])]);
        let band: Vec<[f64; 2]> = lower.chain(upper).collect();
        let style = format!(r#"fill="{}" fill-opacity="0.16" stroke="none""#, colour(line));
        canvas.polyline(&band, &style);
    }
    for line in panel.lines.iter().rev() {
        let middle: Vec<[f64; 2]> = sound(line).iter().map(|p| [across(p[0]), up(p[2])]).collect();
        canvas.polyline(&middle, &stroke(line));
    }
    canvas.unclip();
    panel.lines.iter().map(|line| line.points.len() - sound(line).len()).sum()
}

fn colour(line: &Line<'_>) -> &'static str {
    COLOURS[line.colour % COLOURS.len()]
}

fn stroke(line: &Line<'_>) -> String {
    let dash = if line.dashed { r#" stroke-dasharray="5 4""# } else { "" };
    format!(r#"fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"{dash}"#, colour(line))
}

fn label(y: f64, panel: &LinePanel<'_>) -> String {
    match (panel.percent, panel.scale) {
        (true, _) => format!("{} %", short(100.0 * y)),
        (false, Scale::Linear) => short(y),
        (false, Scale::Log) => format!("1e{:.0}", y.log10()),
    }
}

/// Up to four decimals, as many as are needed.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The y axis.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn of(panel: &LinePanel<'_>) -> Self {
        let values = || panel.lines.iter().flat_map(|line| &line.points).flat_map(|p| p[1..].iter().copied());
        let log = panel.scale == Scale::Log;
        let [low, high] = match panel.y_range {
            Some(range) => range,
            None if log => {
                let usable = || values().filter(|v| v.is_finite() && *v > 0.0);
                let (low, high) = (usable().fold(f64::INFINITY, f64::min), usable().fold(0.0, f64::max));
                let (low, high) = if high > 0.0 { (low, high) } else { (0.1, 1.0) };
                let low = low.log10().floor();
                [10f64.powf(low), 10f64.powf(high.log10().ceil().max(low + 1.0))]
            }
            None => {
                let high = values().filter(|v| v.is_finite()).fold(0.0, f64::max);
                let step = step(high);
                [0.0, (high / step).ceil().max(1.0) * step]
            }
        };
        Self { low, high, log }
    }

    /// Height of a value, 0 to 1 inside the axis.
    fn share(&self, y: f64) -> f64 {
        if self.log {
            let y = y.max(self.low);
            (y / self.low).ln() / (self.high / self.low).ln()
        } else {
            (y - self.low) / (self.high - self.low)
        }
    }

    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let (from, to) = (self.low.log10().round() as i32, self.high.log10().round() as i32);
            return (from..=to).map(|power| 10f64.powi(power)).collect();
        }
        let step = step(self.high - self.low);
        let count = ((self.high - self.low) / step).round() as usize;
        (0..=count).map(|i| self.low + i as f64 * step).collect()
    }
}

/// A round step that cuts a span into four to ten.
fn step(span: f64) -> f64 {
    if !(span.is_finite() && span > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(span.log10().floor());
    let lead = span / power;
    power
        * if lead < 2.0 {
            0.25
        } else if lead < 5.0 {
            0.5
        } else {
            1.0
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel<'a>(scale: Scale, points: &[[f64; 4]]) -> LinePanel<'a> {
        LinePanel {
            title: "a < b",
            x_label: "x",
            x_ticks: vec![(0.0, "0".into()), (4.0, "4".into())],
            y_range: None,
            percent: false,
            scale,
            lines: vec![Line { name: "one & only", colour: 0, dashed: false, points: points.to_vec() }],
        }
    }

    #[test]
    fn axes_reach_from_zero_or_a_power_of_ten_past_the_largest_value() {
        let axis = Axis::of(&panel(Scale::Linear, &[[0.0, 0.1, 0.2, 0.33]]));
        assert!(axis.low == 0.0 && (axis.high - 0.35).abs() < 1e-12);
        assert_eq!(axis.ticks().len(), 8);
        let axis = Axis::of(&panel(Scale::Log, &[[0.0, 0.004, 0.02, 0.3], [1.0, 0.0, 0.0, 0.0]]));
        assert_eq!(axis.ticks(), [0.001, 0.01, 0.1, 1.0]);
        assert!((axis.share(0.1) - 2.0 / 3.0).abs() < 1e-12 && axis.share(0.0) == 0.0);
        let empty = Axis::of(&panel(Scale::Log, &[[0.0; 4]]));
        assert_eq!(empty.ticks(), [0.1, 1.0]);
    }

    #[test]
    fn broken_points_are_counted_and_everything_is_escaped() {
        for scale in [Scale::Linear, Scale::Log] {
            let points = [[0.0, 1.0, 2.0, 3.0], [1.0, f64::NAN, 2.0, 3.0], [4.0, 1.0, 2.0, f64::INFINITY]];
            let picture = lines("t", "s", &[panel(scale, &points)]);
            assert_eq!(picture.skipped, 2);
            assert!(picture.text.contains("a &lt; b") && picture.text.contains("one &amp; only"));
            assert!(!picture.text.contains("NaN") && !picture.text.contains("inf"));
        }
        assert!(lines("nothing", "", &[]).text.contains("</svg>"));
    }
}
