//! An episode as a picture that moves: the ball, its trail, and at every moment the plan that it follows.
//!
//! Plain SVG with its own animation, which pages show as they show any image.

use forethought_agent::EpisodeRecord;

use super::Picture;
use super::canvas::{Anchor, Canvas, Cycle};
use super::colour;
use super::episode::heading;
use super::maze::Maze;
use super::scene::{MazeScene, Point, point};

const MARGIN: f64 = 20.0;
const HEAD: f64 = 62.0;
const ROOM: [f64; 2] = [760.0, 560.0];
/// Least width: what the words need.
const LEAST_WIDTH: f64 = 420.0;
/// Seconds shown per environment step: a third to a half of real time for mazes, slow enough to follow.
const SECONDS_PER_STEP: f64 = 0.025;
/// Steps shown after the first arrival, so that staying is seen.
const AFTERWARDS: usize = 60;
/// Share of the cycle during which the end stands still.
const REST: f64 = 0.12;
/// Steps between two positions of the ball that are written down.
const STRIDE: usize = 3;
/// Points of a plan that are written down, at most.
const PLAN_POINTS: usize = 40;

/// Draws the episode up to shortly after the arrival at step `arrival`, or whole.
pub fn moving(
    record: &EpisodeRecord,
    scene: &MazeScene,
    arrival: Option<usize>,
    score: Option<f64>,
) -> Picture {
    let (executed, mut skipped) = scene.places(&record.observations);
    let last = executed.len().saturating_sub(1);
    let end = arrival.map_or(last, |step| step.saturating_add(AFTERWARDS).min(last));
    let share = |step: usize| (1.0 - REST) * step.min(end) as f64 / end.max(1) as f64;
    let cycle = Cycle { seconds: end as f64 * SECONDS_PER_STEP / (1.0 - REST) };

    let maze = Maze::fitted(scene, [0.0; 2], ROOM);
    let width = maze.size[0].max(LEAST_WIDTH) + 2.0 * MARGIN;
    let maze = maze.moved_to([(width - maze.size[0]) / 2.0, HEAD]);
    let foot = HEAD + maze.size[1];
    let mut canvas = Canvas::new(width, foot + 60.0);
    let (title, subtitle) = heading(record, score);
    canvas.text([MARGIN, 30.0], Anchor::Start, 19.0, r#"font-weight="600""#, &title);
    canvas.text([MARGIN, 50.0], Anchor::Start, 13.0, &format!(r#"fill="{}""#, colour::MUTED), &subtitle);
    maze.open(&mut canvas, scene);
    maze.axes(&mut canvas);
    if let Some(goal) = record.goal.as_deref().and_then(point) {
        maze.goal(&mut canvas, goal, scene.goal_radius);
    }
    for (at, plan) in record.plans.iter().enumerate().filter(|(_, plan)| plan.first_step <= end) {
        let until = record.plans.get(at + 1).filter(|next| next.first_step <= end);
        let until = until.map_or(1.0, |next| share(next.first_step));
        let (planned, lost) = scene.places(&plan.observations);
        skipped += lost;
        let points: Vec<Point> = planned.into_iter().flatten().collect();
        let every = points.len().div_ceil(PLAN_POINTS).max(1);
        let thinned = points.iter().step_by(every).chain(points.last()).copied();
        let shown = maze.placed(thinned);
        let style = format!(
            r#"fill="none" stroke="{}" stroke-width="3" stroke-dasharray="1 7" stroke-linecap="round""#,
            colour::time(0.75)
        );
        canvas.shown_between(&shown, [share(plan.first_step), until], cycle, &style);
    }
    let way: Vec<(usize, Point)> = executed
        .iter()
        .enumerate()
        .take(end + 1)
        .filter(|(step, _)| step % STRIDE == 0 || *step == end)
        .filter_map(|(step, point)| point.map(|point| (step, point)))
        .collect();
    let (times, points): (Vec<f64>, Vec<Point>) =
        way.into_iter().map(|(step, point)| (share(step), point)).unzip();
    let points = maze.placed(points.into_iter());
    let trail = format!(
        r#"fill="none" stroke="{}" stroke-width="3" stroke-linecap="round" stroke-linejoin="round""#,
        colour::time(0.15)
    );
    canvas.drawn_along(&points, &times, cycle, &trail);
    for mover in &scene.movers {
        let course = scene.course(mover, &record.observations);
        let seen = course
            .iter()
            .enumerate()
            .take(end + 1)
            .filter_map(|(step, place)| Some((share(step), (*place)?)));
        let (times, places): (Vec<f64>, Vec<Point>) = seen.unzip();
        let style = format!(r#"fill="{0}" fill-opacity="0.5" stroke="{0}" stroke-width="1.4""#, colour::ZONE);
        let places = maze.placed(places.into_iter());
        canvas.moved_along(&places, &times, cycle, maze.length(mover.radius).max(3.0), &style);
    }
    let ball = format!(r#"fill="{}" stroke="{}" stroke-width="2""#, colour::time(0.15), colour::GROUND);
    canvas.moved_along(&points, &times, cycle, maze.length(scene.ball_radius).max(6.0), &ball);
    canvas.unclip();
    let said =
        ["line: what was driven  ·  circle: the goal", "dots: the plan in force, made anew every few steps"];
    for (line, text) in said.into_iter().enumerate() {
        let at = [MARGIN, foot + 26.0 + 18.0 * line as f64];
        canvas.text(at, Anchor::Start, 13.0, &format!(r#"fill="{}""#, colour::MUTED), text);
    }
    Picture { text: canvas.finish(&format!("{title}: {subtitle}")), skipped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    /// Values of an animation's attribute, as numbers.
    fn numbers<'a>(text: &'a str, attribute: &str) -> impl Iterator<Item = Vec<f64>> + 'a {
        let begins = format!(" {attribute}=\"");
        text.split("<animate ").skip(1).filter_map(move |element| {
            let list = element.split_once(&begins)?.1.split('"').next()?.to_owned();
            list.split(';').map(|value| value.parse().ok()).collect()
        })
    }

    #[test]
    fn every_animation_has_a_time_for_every_value_and_they_rise() {
        let picture = moving(&sample::record(), &sample::scene(), Some(80), Some(97.0));
        let animations = picture.text.matches("<animate ").count();
        let times: Vec<Vec<f64>> = numbers(&picture.text, "keyTimes").collect();
        assert!(animations > 8 && times.len() == animations);
        for times in &times {
            assert!(times.is_sorted() && times[0] >= 0.0 && times[times.len() - 1] <= 1.0, "{times:?}");
        }
        let values: Vec<usize> = numbers(&picture.text, "values").map(|values| values.len()).collect();
        let longest = times.iter().map(Vec::len).max();
        assert_eq!(values.iter().max().copied(), longest, "the ball and its trail");
        for loader in ["http:", "https:", "href"] {
            assert!(!picture.text.replace("http://www.w3.org", "").contains(loader), "{loader}");
        }
    }

    #[test]
    fn it_ends_shortly_after_the_arrival_and_one_plan_follows_the_other() {
        let record = sample::record();
        let plans =
            |arrival| moving(&record, &sample::scene(), arrival, None).text.matches("\"visibility\"").count();
        assert_eq!(plans(None), record.plans.len());
        let end = 30 + AFTERWARDS;
        assert_eq!(plans(Some(30)), record.plans.iter().filter(|plan| plan.first_step <= end).count());
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let mut record = sample::record();
        record.observations.iter_mut().skip(3).for_each(|observation| observation[0] = f64::NAN);
        record.plans.iter_mut().for_each(|plan| plan.observations.clear());
        let picture = moving(&record, &sample::scene(), None, None);
        assert!(picture.skipped > 0 && !picture.text.contains("NaN"));
        record.observations.clear();
        assert!(!moving(&record, &sample::scene(), Some(usize::MAX), None).text.contains("NaN"));
    }
}
