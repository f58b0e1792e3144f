//! Sampled outcomes of a plan, as a fan of thin lines; steps that no body could take are dotted.

use forethought_agent::PlanRecord;

use super::canvas::Canvas;
use super::maze::Maze;
use super::scene::{MazeScene, Point};

/// A step of so many ordinary ones is a jump.
const LEAP: f64 = 5.0;
/// Points of a line are at least so many picture units apart.
const SPACING: f64 = 5.0;

/// The step of a plan that is longer than half of the others; none where it has none that can be drawn.
pub(super) fn ordinary_step(plan: &PlanRecord, scene: &MazeScene) -> Option<f64> {
    let points: Vec<Point> = plan.observations.iter().filter_map(|at| scene.place(at)).collect();
    let mut steps: Vec<f64> = points.windows(2).map(|pair| apart(pair[0], pair[1])).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}

/// Draws every outcome from where the plan says that it begins; `start` is where the plan does.
pub(super) fn fan(
    canvas: &mut Canvas,
    (maze, scene): (&Maze, &MazeScene),
    plan: &PlanRecord,
    start: Point,
    style: &str,
) {
    let outcomes = plan.outlook.iter().flat_map(|outlook| &outlook.outcomes);
    for outcome in outcomes {
        let before = outcome.first_frame.checked_sub(1).and_then(|frame| plan.observations.get(frame));
        let from = before.map_or(Some(start), |at| scene.place(at));
        let points = from.into_iter().chain(outcome.observations.iter().filter_map(|at| scene.place(at)));
        path(canvas, maze, points, ordinary_step(plan, scene), style);
    }
}

/// A line, with its jumps dotted.
pub(super) fn path(
    canvas: &mut Canvas,
    maze: &Maze,
    points: impl Iterator<Item = Point>,
    ordinary: Option<f64>,
    style: &str,
) {
    let far = ordinary.map_or(f64::INFINITY, |step| LEAP * step);
    let mut run: Vec<Point> = Vec::new();
    let mut last: Option<Point> = None;
    for point in points {
        if let Some(last) = last.filter(|last| apart(*last, point) > far) {
            run.push(last);
            solid(canvas, maze, &run, style);
            run.clear();
            let dotted = format!(r#"{style} stroke-dasharray="1.5 4""#);
            canvas.polyline(&maze.placed([last, point].into_iter()), &dotted);
        }
        run.push(point);
        last = Some(point);
    }
    solid(canvas, maze, &run, style);
}

fn solid(canvas: &mut Canvas, maze: &Maze, points: &[Point], style: &str) {
    let placed = maze.placed(points.iter().copied());
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for (at, point) in placed.iter().enumerate() {
        if at + 1 == placed.len() || kept.last().is_none_or(|last| apart(*last, *point) >= SPACING) {
            kept.push(*point);
        }
    }
    canvas.polyline(&kept, style);
}

fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    #[test]
    fn jumps_are_dotted_and_what_cannot_be_drawn_is_left_out() {
        let maze = Maze::fitted(&sample::scene(), [0.0; 2], [400.0; 2]);
        let drawn = |points: &[Point]| {
            let mut canvas = Canvas::new(400.0, 400.0);
            path(&mut canvas, &maze, points.iter().copied(), Some(0.1), "");
            let text = canvas.finish("t");
            (text.matches("<polyline").count(), text.matches("dasharray").count())
        };
        assert_eq!(drawn(&[[1.0, 1.0], [1.1, 1.0], [1.2, 1.0]]), (1, 0));
        assert_eq!(drawn(&[[1.0, 1.0], [1.1, 1.0], [3.0, 3.0], [3.1, 3.0]]), (3, 1));
        assert_eq!(drawn(&[]), (0, 0));
        assert_eq!(ordinary_step(&PlanRecord::default(), &sample::scene()), None);
    }
}
