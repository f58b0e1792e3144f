//! A maze at a place in a picture, and what is drawn into it.

use forethought_envs::Zone;

use super::canvas::{Anchor, Canvas};
use super::colour;
use super::scene::{MazeScene, Point};

/// Number of distinct colours along a path; more would only make the file longer.
const SHADES: f64 = 64.0;

/// Numbers along an edge at most, and their size.
const MOST_TICKS: f64 = 16.0;
const TICK: f64 = 10.0;
/// Discs of a body that moves, at most.
const DISCS: usize = 12;

/// Radius at which a zone that is a point is drawn, in metres.
const POINT: f64 = 1.0;

/// The maze's place in a picture: equal scale on both axes, x to the right, y up.
pub(super) struct Maze {
    bounds: [f64; 4],
    at: [f64; 2],
    scale: f64,
    /// Width and height in picture units.
    pub(super) size: [f64; 2],
}

/// Radius at which a zone is drawn, in metres.
fn drawn(zone: &Zone) -> f64 {
    if zone.radius > 0.0 { zone.radius } else { POINT }
}

impl Maze {
    /// As large as fits into `room` with its top left corner at `at`.
    pub(super) fn fitted(scene: &MazeScene, at: [f64; 2], room: [f64; 2]) -> Self {
        let bounds = scene.drawable_bounds();
        let extent = [bounds[2] - bounds[0], bounds[3] - bounds[1]];
        let scale = (room[0] / extent[0]).min(room[1] / extent[1]);
        Self { bounds, at, scale, size: extent.map(|side| side * scale) }
    }

    /// The same maze elsewhere in the picture.
    pub(super) fn moved_to(&self, at: [f64; 2]) -> Self {
        Self { at, ..*self }
    }

    fn place(&self, [x, y]: Point) -> [f64; 2] {
        [self.at[0] + (x - self.bounds[0]) * self.scale, self.at[1] + (self.bounds[3] - y) * self.scale]
    }

    /// Draws walls, zones and frame, and keeps what follows inside until [`Canvas::unclip`].
    pub(super) fn open(&self, canvas: &mut Canvas, scene: &MazeScene) {
        canvas.clip(self.at, self.size);
        let walls = scene.drawable_walls().map(|[x0, y0, x1, y1]| {
            let corner = self.place([x0.min(x1), y0.max(y1)]);
            (corner, [(x1 - x0).abs() * self.scale, (y1 - y0).abs() * self.scale])
        });
        canvas.rects(walls, &format!(r#"fill="{0}" stroke="{0}" stroke-width="0.6""#, colour::WALL));
        for zone in scene.drawable_zones() {
            let fill = if zone.radius > 0.0 { 0.25 } else { 0.0 };
            let style = format!(
                r#"fill="{0}" fill-opacity="{fill}" stroke="{0}" stroke-width="1.4" stroke-dasharray="3 2""#,
                colour::ZONE
            );
            canvas.circle(self.place(zone.at), drawn(zone) * self.scale, &style);
        }
    }

    /// What the zones are called.
    pub(super) fn names(&self, canvas: &mut Canvas, scene: &MazeScene) {
        let style = format!(r#"fill="{}" {}"#, colour::INK, colour::HALO);
        for zone in scene.drawable_zones() {
            let ([x, y], radius) = (self.place(zone.at), drawn(zone));
            canvas.text([x, y + radius * self.scale + 11.0], Anchor::Middle, 11.0, &style, &zone.name);
        }
    }

    /// Metres along the lower and the left edge, at every whole one or, of a large maze, at some.
    pub(super) fn axes(&self, canvas: &mut Canvas) {
        let [x0, y0, x1, y1] = self.bounds;
        let every = ((x1 - x0).max(y1 - y0) / MOST_TICKS).ceil().max(1.0);
        let ticks = |from: f64, to: f64| {
            let (first, last) = ((from / every).floor() + 1.0, (to / every).ceil() - 1.0);
            (0..=(last - first).max(-1.0) as usize)
                .map(move |i| (first + i as f64) * every)
                .filter(move |at| *at < to)
        };
        let style = format!(r#"fill="{}""#, colour::MUTED);
        let edge = self.at[1] + self.size[1] - TICK / 2.0;
        for x in ticks(x0, x1) {
            canvas.text([self.place([x, y0])[0], edge], Anchor::Middle, TICK, &style, &format!("{x:.0}"));
        }
        for y in ticks(y0, y1) {
            let at = [self.at[0] + TICK / 2.0, self.place([x0, y])[1] + TICK / 3.0];
            canvas.text(at, Anchor::Start, TICK, &style, &format!("{y:.0}"));
        }
        canvas.text([self.at[0] + TICK / 2.0, edge], Anchor::Start, TICK, &style, "m");
    }

    /// The goal: a cross, and a disc of the radius that counts as reached.
    pub(super) fn goal(&self, canvas: &mut Canvas, goal: Point, radius: f64) {
        let style = format!(
            r#"fill="{0}" fill-opacity="0.12" stroke="{0}" stroke-width="1.2" stroke-dasharray="4 3""#,
            colour::GOAL
        );
        canvas.circle(self.place(goal), radius * self.scale, &style);
        cross(canvas, self.place(goal), (radius * self.scale * 0.3).clamp(2.5, 6.0));
    }

    /// The start: a ring of the ball's size.
    pub(super) fn start(&self, canvas: &mut Canvas, start: Point, radius: f64) {
        ring(canvas, self.place(start), (radius * self.scale).max(3.0));
    }

    /// Points in the picture.
    pub(super) fn placed(&self, points: impl Iterator<Item = Point>) -> Vec<[f64; 2]> {
        points.map(|point| self.place(point)).collect()
    }

    /// A length in the picture.
    pub(super) fn length(&self, length: f64) -> f64 {
        let [from, to] = [[0.0, 0.0], [length, 0.0]].map(|point| self.place(point));
        (to[0] - from[0]).abs()
    }

    /// A path coloured by time; a missing point leaves a gap. `time(i)` is in `0..=1`.
    pub(super) fn path(
        &self,
        canvas: &mut Canvas,
        points: &[Option<Point>],
        width: f64,
        time: impl Fn(usize) -> f64,
    ) {
        let mut run: Vec<[f64; 2]> = Vec::new();
        let mut shade = 0.0;
        for (index, point) in points.iter().enumerate() {
            let next = (time(index) * SHADES).floor();
            let Some(point) = point.map(|point| self.place(point)) else {
                stroke(canvas, &run, shade, width);
                run.clear();
                continue;
            };
            if run.is_empty() {
                shade = next;
            }
            run.push(point);
            if next > shade {
                // The point that opens a shade also closes the one before it, so that no gap shows.
                stroke(canvas, &run, shade, width);
                run = vec![point];
                shade = next;
            }
        }
        stroke(canvas, &run, shade, width);
    }

    /// Where another body was: its disc now and then, coloured by time as the path is.
    pub(super) fn mover(
        &self,
        canvas: &mut Canvas,
        course: &[Option<Point>],
        radius: f64,
        time: impl Fn(usize) -> f64,
    ) {
        let every = course.len().div_ceil(DISCS).max(1);
        for (index, place) in course.iter().enumerate().step_by(every) {
            let Some(place) = *place else { continue };
            disc(canvas, self.place(place), radius * self.scale, time(index));
        }
    }

    /// A planned path as dots coloured by time, at least `spacing` picture units apart, the last one always.
    pub(super) fn dots(
        &self,
        canvas: &mut Canvas,
        points: &[Option<Point>],
        spacing: f64,
        time: impl Fn(usize) -> f64,
    ) {
        let mut last: Option<[f64; 2]> = None;
        let final_one = points.iter().rposition(Option::is_some);
        for (index, point) in points.iter().enumerate() {
            let Some(at) = point.map(|point| self.place(point)) else { continue };
            let far = last.is_none_or(|last| (at[0] - last[0]).hypot(at[1] - last[1]) >= spacing);
            if far || final_one == Some(index) {
                dot(canvas, at, time(index));
                last = Some(at);
            }
        }
    }

    /// One token of a plan under way: the noisier, the fainter. `noise` is in `0..=1`.
    pub(super) fn token(&self, canvas: &mut Canvas, point: Point, time: f64, noise: f64) {
        let style = format!(r#"fill="{}" fill-opacity="{:.2}""#, colour::time(time), 1.0 - 0.75 * noise);
        canvas.circle(self.place(point), 2.0, &style);
    }
}

fn stroke(canvas: &mut Canvas, run: &[[f64; 2]], shade: f64, width: f64) {
    let style = format!(
        r#"fill="none" stroke="{}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round""#,
        colour::time(shade / SHADES)
    );
    canvas.polyline(run, &style);
}

fn dot(canvas: &mut Canvas, at: [f64; 2], time: f64) {
    let style = format!(r#"fill="{}" stroke="{}" stroke-width="1""#, colour::time(time), colour::GROUND);
    canvas.circle(at, 3.6, &style);
}

fn cross(canvas: &mut Canvas, [x, y]: [f64; 2], arm: f64) {
    let style = format!(r#"stroke="{}" stroke-width="2" stroke-linecap="round""#, colour::GOAL);
    canvas.polyline(&[[x - arm, y - arm], [x + arm, y + arm]], &style);
    canvas.polyline(&[[x - arm, y + arm], [x + arm, y - arm]], &style);
}

fn ring(canvas: &mut Canvas, at: [f64; 2], radius: f64) {
    let style = format!(r#"fill="{}" stroke="{}" stroke-width="2""#, colour::GROUND, colour::INK);
    canvas.circle(at, radius, &style);
}

/// What a legend can explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Start,
    Goal,
    Executed,
    Planned,
    Outcomes,
    Mover,
}

/// Another body at a moment, `time` in `0..=1`.
fn disc(canvas: &mut Canvas, at: [f64; 2], radius: f64, time: f64) {
    let colour = colour::time(time);
    let style = format!(r#"fill="{colour}" fill-opacity="0.12" stroke="{colour}" stroke-width="1.2""#);
    canvas.circle(at, radius, &style);
}

/// Draws marks with their names in one line from `at` (the text's baseline); gives back where it ended.
pub(super) fn legend(canvas: &mut Canvas, at: [f64; 2], entries: &[(Mark, String)]) -> f64 {
    let [mut x, y] = at;
    for (mark, name) in entries {
        let middle = y - 4.0;
        let width = match mark {
            Mark::Start => {
                ring(canvas, [x + 6.0, middle], 4.5);
                12.0
            }
            Mark::Goal => {
                cross(canvas, [x + 6.0, middle], 4.5);
                12.0
            }
            Mark::Executed => {
                let line = [0.0, 6.0, 12.0, 18.0, 24.0].map(|step| [x + step, middle]);
                for (index, pair) in line.windows(2).enumerate() {
                    stroke(canvas, pair, index as f64 * SHADES / 4.0, 3.0);
                }
                24.0
            }
            Mark::Planned => {
                for index in 0..3 {
                    let step = f64::from(index);
                    dot(canvas, [x + 4.0 + 9.0 * step, middle], step / 2.0);
                }
                26.0
            }
            Mark::Outcomes => {
                for rise in [-4.0, 0.0, 4.0] {
                    canvas.polyline(&[[x, middle], [x + 24.0, middle + rise]], &colour::outcome());
                }
                24.0
            }
            Mark::Mover => {
                disc(canvas, [x + 6.0, middle], 5.0, 0.5);
                12.0
            }
        };
        canvas.text([x + width + 6.0, y], Anchor::Start, 13.0, "", name);
        // SVG cannot measure text; 7.3 units a character is the widest the listed fonts come to at size 13.
        x += width + 6.0 + 7.3 * name.chars().count() as f64 + 14.0;
    }
    x
}

/// The colour bar with the steps `from` and `to` at its ends, `width` wide, its labels below it.
pub(super) fn time_legend(canvas: &mut Canvas, at: [f64; 2], width: f64, from: usize, to: usize) {
    let style = format!(r#"fill="{}""#, colour::MUTED);
    canvas.time_bar(at, [width, 8.0]);
    let baseline = at[1] + 22.0;
    canvas.text([at[0], baseline], Anchor::Start, 12.0, &style, &format!("step {from}"));
    let steps = to.saturating_sub(from);
    if steps >= 4 && width > 200.0 {
        let share = (steps / 2) as f64 / steps as f64;
        let middle = (from + steps / 2).to_string();
        canvas.text([at[0] + width * share, baseline], Anchor::Middle, 12.0, &style, &middle);
    }
    canvas.text([at[0] + width, baseline], Anchor::End, 12.0, &style, &to.to_string());
}

/// The note that some points were left out, if any were.
pub(super) fn skipped_note(canvas: &mut Canvas, at: [f64; 2], skipped: usize) {
    if skipped > 0 {
        let points = if skipped == 1 { "point" } else { "points" };
        let note = format!("{skipped} {points} left out: not finite");
        canvas.text(at, Anchor::Start, 12.0, &format!(r#"fill="{}""#, colour::GOAL), &note);
    }
}
