//! The score over the values of one setting.

use super::Picture;
use super::axis::ScoreAxis;
use super::canvas::{Anchor, Canvas};
use super::colour::{GOAL, HALO, INK, MUTED};
use crate::statistics::Interval;

/// One value of the setting.
#[derive(Clone, Debug)]
pub struct Response {
    /// The value.
    pub label: String,
    /// Mean score.
    pub score: f64,
    /// Its interval.
    pub interval: Interval,
    /// Whether it is the configured one.
    pub configured: bool,
    /// Said below the label.
    pub note: String,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 330.0;
/// The plot's left, top, right and bottom edge.
const PLOT: [f64; 4] = [52.0, 52.0, 736.0, 256.0];
/// Blue of Okabe and Ito's palette.
const BLUE: &str = "#0072b2";

/// Draws one mean with its interval for each value, evenly spaced in their order, over a band with the score of
/// the settings as configured and its interval. Values whose score is not finite are left out.
pub fn responses(
    title: &str,
    axis: &str,
    responses: &[Response],
    configured: f64,
    band: Interval,
) -> Picture {
    let [left, top, right, bottom] = PLOT;
    let sound =
        |r: &&Response| [r.score, r.interval.low, r.interval.high].iter().all(|score| score.is_finite());
    let skipped = responses.len() - responses.iter().filter(sound).count();
    let all = responses.iter().filter(sound).flat_map(|r| [r.interval.low, r.interval.high]);
    let scores = ScoreAxis::new(all.chain([band.low, band.high]), top, bottom);

    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (ink, muted) = (format!(r#"fill="{INK}""#), format!(r#"fill="{MUTED}""#));
    canvas.text([left, 18.0], Anchor::Start, 13.0, &format!(r#"{ink} font-weight="600""#), title);
    canvas.text(
        [left, 38.0],
        Anchor::Start,
        11.0,
        &muted,
        "mean score with 95 % interval; time of a plan below",
    );
    scores.draw(&mut canvas, left, right);
    if configured.is_finite() && band.low.is_finite() && band.high.is_finite() {
        let [high, low] = [band.high, band.low].map(|score| scores.place(score));
        canvas.rect(
            [left, high],
            [right - left, low - high],
            &format!(r#"fill="{GOAL}" fill-opacity="0.1""#),
        );
        let style = format!(r#"fill="none" stroke="{GOAL}" stroke-width="1.2" stroke-dasharray="5 4""#);
        let y = scores.place(configured);
        canvas.polyline(&[[left, y], [right, y]], &style);
        let style = format!(r#"fill="{GOAL}""#);
        canvas.text([right, 38.0], Anchor::End, 11.0, &style, &format!("as configured: {configured:.1}"));
    }
    let step = (right - left) / responses.len().max(1) as f64;
    let x = |at: usize| left + step * (at as f64 + 0.5);
    let places: Vec<(usize, &Response)> = responses.iter().enumerate().filter(|(_, r)| sound(r)).collect();
    // Between words there is nothing.
    let ordered = responses.iter().all(|response| response.label.parse::<f64>().is_ok());
    let line: Vec<[f64; 2]> =
        places.iter().filter(|_| ordered).map(|&(at, r)| [x(at), scores.place(r.score)]).collect();
    canvas.polyline(&line, &format!(r#"fill="none" stroke="{BLUE}" stroke-width="1" stroke-opacity="0.4""#));
    for &(at, response) in &places {
        let colour = if response.configured { GOAL } else { BLUE };
        let [high, low, y] =
            [response.interval.high, response.interval.low, response.score].map(|score| scores.place(score));
        let style = format!(r#"fill="none" stroke="{colour}" stroke-width="1.8""#);
        canvas.polyline(&[[x(at), high], [x(at), low]], &style);
        for end in [high, low] {
            canvas.polyline(&[[x(at) - 5.0, end], [x(at) + 5.0, end]], &style);
        }
        canvas.circle([x(at), y], 4.5, &format!(r#"fill="{colour}""#));
        let value = format!("{:.1}", response.score);
        canvas.text([x(at) + 8.0, y - 6.0], Anchor::Start, 11.0, &format!("{ink} {HALO}"), &value);
    }
    for (at, response) in responses.iter().enumerate() {
        canvas.text([x(at), bottom + 18.0], Anchor::Middle, 12.0, &ink, &response.label);
        canvas.text([x(at), bottom + 34.0], Anchor::Middle, 11.0, &muted, &response.note);
    }
    canvas.text([0.5 * (left + right), bottom + 58.0], Anchor::Middle, 11.0, &muted, axis);
    if skipped > 0 {
        let note = format!("{skipped} left out: not finite");
        canvas.text([right, bottom + 58.0], Anchor::End, 11.0, &muted, &note);
    }
    Picture { text: canvas.finish(&format!("{title}: mean score over {axis}")), skipped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_named_and_broken_scores_are_counted() {
        let interval = Interval { low: 80.0, high: 120.0 };
        let response = |label: &str, score| Response {
            label: label.into(),
            score,
            interval,
            configured: false,
            note: "1 ms".into(),
        };
        let shown = [response("<4>", 100.0), response("8", f64::NAN)];
        let picture = responses("a & b", "levels", &shown, 90.0, interval);
        assert_eq!(picture.skipped, 1);
        for part in ["&lt;4&gt;", ">8<", "a &amp; b", "1 left out", "as configured: 90.0", "100.0"] {
            assert!(picture.text.contains(part), "`{part}` is not in {}", picture.text);
        }
        assert!(!picture.text.contains("NaN"));
        assert!(responses("nothing", "", &[], f64::NAN, interval).text.contains("</svg>"));
    }
}
