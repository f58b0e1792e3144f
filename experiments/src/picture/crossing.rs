//! Many routes in a square, one small square for each case, and a plot of what became of them.

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{INK, MUTED, WALL};
use super::lines::{LinePanel, draw, key};

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// What became of it: an index into the names given to [`crossing`].
    pub kind: usize,
    /// Positions in `-1.4..=1.4` on both axes.
    pub points: Vec<[f64; 2]>,
}

/// The routes of one case.
#[derive(Clone, Debug)]
pub struct RoutePanel {
    /// The case.
    pub name: String,
    /// What came of it.
    pub note: String,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// Colours of the kinds (Okabe and Ito), the last for what has not ended.
const KINDS: [&str; 4] = ["#0072b2", "#d55e00", "#cc79a7", "#8a909c"];

const MARGIN: f64 = 24.0;
const COLUMNS: usize = 4;
const SIDE: f64 = 216.0;
const GAP: f64 = 16.0;
const LABEL: f64 = 40.0;
const HEAD: f64 = 92.0;
const PLOT: f64 = 300.0;
/// Half the side of what is shown.
const REACH: f64 = 1.4;

/// Draws the cases in a grid and the plot below it. Points that are not finite end their route and are counted.
pub fn crossing(
    title: &str,
    subtitle: &str,
    kinds: [&str; 4],
    cases: &[RoutePanel],
    plot: &LinePanel<'_>,
) -> Picture {
    let rows = cases.len().div_ceil(COLUMNS) as f64;
    let foot = HEAD + rows * (SIDE + LABEL + GAP);
    let width = 2.0 * MARGIN + COLUMNS as f64 * (SIDE + GAP) - GAP;
    let mut canvas = Canvas::new(width, foot + PLOT + MARGIN);
    let muted = format!(r#"fill="{MUTED}""#);
    canvas.text([MARGIN, 32.0], Anchor::Start, 18.0, r#"font-weight="600""#, title);
    canvas.text([MARGIN, 54.0], Anchor::Start, 12.5, &muted, subtitle);
    let mut x = MARGIN;
    for (kind, name) in kinds.iter().enumerate() {
        canvas.polyline(&[[x, 74.0], [x + 22.0, 74.0]], &style(kind, 2.4, 1.0));
        canvas.text([x + 28.0, 78.0], Anchor::Start, 12.0, &format!(r#"fill="{INK}""#), name);
        x += 52.0 + 7.0 * name.chars().count() as f64;
    }
    let mut skipped = 0;
    for (index, case) in cases.iter().enumerate() {
        let at = [
            MARGIN + (index % COLUMNS) as f64 * (SIDE + GAP),
            HEAD + LABEL + (index / COLUMNS) as f64 * (SIDE + LABEL + GAP),
        ];
        canvas.text([at[0], at[1] - 21.0], Anchor::Start, 12.5, r#"font-weight="600""#, &case.name);
        canvas.text([at[0], at[1] - 6.0], Anchor::Start, 11.5, &muted, &case.note);
        skipped += square(&mut canvas, at, &case.routes);
    }
    let area = [0.62 * width, PLOT];
    skipped += draw(&mut canvas, [MARGIN, foot], area, plot);
    for (index, line) in plot.lines.iter().enumerate() {
        key(&mut canvas, [MARGIN + area[0] + 12.0, foot + 50.0 + 24.0 * index as f64], line);
    }
    Picture { text: canvas.finish(title), skipped }
}

fn style(kind: usize, width: f64, opacity: f64) -> String {
    let colour = KINDS[kind.min(KINDS.len() - 1)];
    format!(
        r#"fill="none" stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}" stroke-linejoin="round""#
    )
}

fn square(canvas: &mut Canvas, at: [f64; 2], routes: &[Route]) -> usize {
    canvas.rect(at, [SIDE; 2], &format!(r#"fill="none" stroke="{WALL}" stroke-width="1""#));
    canvas.clip(at, [SIDE; 2]);
    let scale = SIDE / (2.0 * REACH);
    let place = |[x, y]: [f64; 2]| [at[0] + (x + REACH) * scale, at[1] + (REACH - y) * scale];
    let mut skipped = 0;
    for route in routes {
        let sound = route.points.iter().take_while(|p| p.iter().all(|v| v.is_finite()));
        let points: Vec<[f64; 2]> = sound.map(|&point| place(point)).collect();
        skipped += route.points.len() - points.len();
        canvas.polyline(&points, &style(route.kind, 1.2, 0.6));
    }
    for route in routes {
        if let Some(&start) = route.points.first() {
            canvas.circle(place(start), 2.2, &format!(r#"fill="{INK}""#));
        }
    }
    canvas.unclip();
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Line, Scale};

    #[test]
    fn every_case_is_named_and_broken_points_end_their_route() {
        let plot = LinePanel {
            title: "shares",
            x_label: "history",
            x_ticks: vec![(0.0, "0".into()), (1.0, "all".into())],
            y_range: Some([0.0, 1.0]),
            percent: true,
            scale: Scale::Linear,
            lines: vec![Line {
                name: "opposite",
                colour: 0,
                dashed: false,
                points: vec![[0.0, 0.1, 0.2, 0.3]],
            }],
        };
        let route = Route { kind: 9, points: vec![[0.0, 0.0], [1.0, 1.0], [f64::NAN, 0.0], [0.0, 0.0]] };
        let case = |i: usize| RoutePanel {
            name: format!("case <{i}>"),
            note: "note".into(),
            routes: vec![route.clone()],
        };
        let cases: Vec<RoutePanel> = (0..5).map(case).collect();
        let picture = crossing("t", "s", ["a", "b", "c", "d & e"], &cases, &plot);
        assert_eq!(picture.skipped, 10);
        assert!((0..5).all(|i| picture.text.contains(&format!("case &lt;{i}&gt;"))));
        assert!(picture.text.contains("d &amp; e") && picture.text.contains(">50 %<"));
        assert!(!picture.text.contains("NaN"));
    }
}
