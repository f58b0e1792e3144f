//! What was foretold against what came: one panel for each variant.

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{HALO, INK, MUTED, WALL};
use super::profile::COLOURS;
use crate::statistics::Interval;

/// Plans that were given about the same chance.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The chance.
    pub foretold: f64,
    /// Share that went as planned.
    pub share: f64,
    /// Interval of the share.
    pub interval: Interval,
    /// Plans.
    pub plans: usize,
}

/// What one variant foretold.
#[derive(Clone, Debug)]
pub struct Calibration<'a> {
    /// Name, for the panel's heading.
    pub name: &'a str,
    /// By rising chance.
    pub promises: Vec<Promise>,
}

const ABREAST: usize = 3;
const MARGIN: f64 = 24.0;
const HEAD: f64 = 74.0;
const PANEL: [f64; 2] = [280.0, 300.0];
/// Sides of a plot.
const SIDE: f64 = 216.0;

/// Draws the share of plans that went as planned against the chance that was foretold, with intervals and numbers of
/// plans; on the diagonal things happen as often as was said. Promises that are not finite are left out and counted.
pub fn calibration(title: &str, panels: &[Calibration<'_>]) -> Picture {
    let rows = panels.len().div_ceil(ABREAST);
    let size = [2.0 * MARGIN + ABREAST as f64 * PANEL[0], HEAD + rows as f64 * PANEL[1]];
    let mut canvas = Canvas::new(size[0], size[1]);
    canvas.text([MARGIN, 32.0], Anchor::Start, 18.0, r#"font-weight="600""#, title);
    let subtitle = "share of the plans that went as planned, against the chance that was foretold; beside each point: plans";
    canvas.text([MARGIN, 54.0], Anchor::Start, 12.5, &format!(r#"fill="{MUTED}""#), subtitle);
    let mut skipped = 0;
    for (index, panel) in panels.iter().enumerate() {
        let (column, row) = (index % ABREAST, index / ABREAST);
        let at = [MARGIN + column as f64 * PANEL[0], HEAD + row as f64 * PANEL[1]];
        skipped += draw(&mut canvas, at, panel);
    }
    Picture { text: canvas.finish(title), skipped }
}

fn draw(canvas: &mut Canvas, at: [f64; 2], panel: &Calibration<'_>) -> usize {
    let (left, bottom) = (at[0] + 36.0, at[1] + 28.0 + SIDE);
    let place = |[x, y]: [f64; 2]| [left + SIDE * x.clamp(0.0, 1.0), bottom - SIDE * y.clamp(0.0, 1.0)];
    let muted = format!(r#"fill="{MUTED}""#);
    let rule = format!(r#"fill="none" stroke="{WALL}" stroke-width="1""#);
    canvas.text([at[0], at[1] + 14.0], Anchor::Start, 12.5, r#"font-weight="600""#, panel.name);
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        canvas.polyline(&[place([tick, 0.0]), place([tick, 1.0])], &rule);
        canvas.polyline(&[place([0.0, tick]), place([1.0, tick])], &rule);
        let (label, [x, _], [_, y]) =
            (format!("{:.0} %", 100.0 * tick), place([tick, 0.0]), place([0.0, tick]));
        canvas.text([x, bottom + 16.0], Anchor::Middle, 10.5, &muted, &label);
        canvas.text([left - 6.0, y + 4.0], Anchor::End, 10.5, &muted, &label);
    }
    let dashed = format!(r#"fill="none" stroke="{MUTED}" stroke-width="1.2" stroke-dasharray="5 4""#);
    canvas.polyline(&[place([0.0, 0.0]), place([1.0, 1.0])], &dashed);
    let whisker = format!(r#"fill="none" stroke="{}" stroke-width="2""#, COLOURS[0]);
    let point = format!(r#"fill="{}""#, COLOURS[0]);
    let sound = |one: &&Promise| {
        [one.foretold, one.share, one.interval.low, one.interval.high].iter().all(|v| v.is_finite())
    };
    let mut drawn = 0;
    for one in panel.promises.iter().filter(sound) {
        drawn += 1;
        canvas.polyline(
            &[place([one.foretold, one.interval.low]), place([one.foretold, one.interval.high])],
            &whisker,
        );
        let [x, y] = place([one.foretold, one.share]);
        canvas.circle([x, y], 3.6, &point);
        // Inside the plot, and off the diagonal where the share is near it.
        let (x, anchor) = if one.foretold > 0.5 { (x - 7.0, Anchor::End) } else { (x + 7.0, Anchor::Start) };
        let y = (y + if one.foretold > 0.5 { -3.0 } else { 12.0 }).clamp(bottom - SIDE + 10.0, bottom - 3.0);
        canvas.text([x, y], anchor, 10.5, &format!(r#"fill="{INK}" {HALO}"#), &one.plans.to_string());
    }
    panel.promises.len() - drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_plans_are_shown_and_what_is_broken_is_counted() {
        let promise = |foretold, plans| Promise {
            foretold,
            share: 0.5,
            interval: Interval { low: 0.4, high: 0.6 },
            plans,
        };
        let promises = vec![promise(0.0, 123), promise(f64::NAN, 7), promise(1.0, 4567)];
        let picture = calibration("a < b", &[Calibration { name: "one & only", promises }]);
        assert_eq!(picture.skipped, 1);
        for shown in [">123<", ">4567<", "a &lt; b", "one &amp; only"] {
            assert!(picture.text.contains(shown), "{shown}");
        }
        assert!(!picture.text.contains("NaN") && !picture.text.contains(">7<"));
        assert!(calibration("nothing", &[]).text.contains("</svg>"));
    }
}
