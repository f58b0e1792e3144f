//! One episode: the maze, where the ball went, and one of the plans it followed.

use forethought_agent::EpisodeRecord;

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour;
use super::fan::fan;
use super::maze::{Mark, Maze, legend, skipped_note, time_legend};
use super::scene::{MazeScene, point};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 72.0;
const ROOM: [f64; 2] = [640.0, 560.0];
const LEAST_WIDTH: f64 = 560.0;

/// Draws the executed path as a line and plan number `plan` (from 0, if there is one) as dots, both coloured
/// by environment step, with start, goal and its radius. `score` is shown as given, beside the return.
pub fn episode(
    record: &EpisodeRecord,
    scene: &MazeScene,
    plan: Option<usize>,
    score: Option<f64>,
) -> Picture {
    let plan = plan.and_then(|index| record.plans.get(index));
    let (executed, mut skipped) = scene.places(&record.observations);
    let planned = plan.map(|plan| scene.places(&plan.observations));
    skipped += planned.as_ref().map_or(0, |(_, skipped)| *skipped);
    let first_planned = plan.map_or(0, |plan| plan.first_step.saturating_add(1));
    let end_planned = plan.map_or(0, |plan| plan.first_step.saturating_add(plan.observations.len()));
    let last_step = record.observations.len().saturating_sub(1).max(end_planned);
    let time = |step: usize| step as f64 / last_step.max(1) as f64;

    let maze = Maze::fitted(scene, [0.0; 2], ROOM);
    let width = maze.size[0].max(LEAST_WIDTH) + 2.0 * MARGIN;
    let maze = maze.moved_to([(width - maze.size[0]) / 2.0, HEAD]);
    let foot = HEAD + maze.size[1];
    let note = if skipped > 0 { 20.0 } else { 0.0 };
    let mut canvas = Canvas::new(width, foot + 84.0 + note);

    let (title, subtitle) = heading(record, score);
    canvas.text([MARGIN, 34.0], Anchor::Start, 19.0, r#"font-weight="600""#, &title);
    canvas.text([MARGIN, 56.0], Anchor::Start, 13.0, &format!(r#"fill="{}""#, colour::MUTED), &subtitle);

    let mut marks = Vec::new();
    maze.open(&mut canvas, scene);
    maze.axes(&mut canvas);
    if let Some(goal) = record.goal.as_deref().and_then(point) {
        maze.goal(&mut canvas, goal, scene.goal_radius);
        marks.push((Mark::Goal, "goal".to_owned()));
    }
    // Below what was done: what doing the plan was expected to lead to.
    let from = plan.and_then(|plan| executed.get(plan.first_step).copied().flatten());
    if let (Some(plan), Some(from)) = (plan, from) {
        fan(&mut canvas, (&maze, scene), plan, from, &colour::outcome());
    }
    for mover in &scene.movers {
        maze.mover(&mut canvas, &scene.course(mover, &record.observations), mover.radius, time);
    }
    match scene.movers.as_slice() {
        [] => {}
        [mover] => marks.push((Mark::Mover, mover.name.clone())),
        _ => marks.push((Mark::Mover, "others".to_owned())),
    }
    maze.path(&mut canvas, &executed, 3.0, time);
    marks.push((Mark::Executed, "executed".to_owned()));
    if let (Some(plan), Some((planned, _))) = (plan, &planned) {
        maze.dots(&mut canvas, planned, 9.0, |frame| time(first_planned.saturating_add(frame)));
        marks.push((Mark::Planned, format!("planned at step {}", plan.first_step)));
        if plan.outlook.as_ref().is_some_and(|outlook| !outlook.outcomes.is_empty()) {
            marks.push((Mark::Outcomes, "its sampled outcomes".to_owned()));
        }
    }
    if let Some(start) = executed.first().copied().flatten() {
        maze.start(&mut canvas, start, scene.ball_radius);
        marks.insert(0, (Mark::Start, "start".to_owned()));
    }
    canvas.unclip();

    legend(&mut canvas, [MARGIN, foot + 28.0], &marks);
    time_legend(&mut canvas, [MARGIN, foot + 44.0], width - 2.0 * MARGIN, 0, last_step);
    skipped_note(&mut canvas, [MARGIN, foot + 86.0], skipped);
    Picture { text: canvas.finish(&format!("{title}: {subtitle}")), skipped }
}

/// Title and subtitle of anything that shows one episode.
pub(super) fn heading(record: &EpisodeRecord, score: Option<f64>) -> (String, String) {
    let mut parts = vec![record.controller.clone(), format!("{} steps", record.actions.len())];
    parts.retain(|part| !part.is_empty());
    parts.push(format!("return {}", short(record.rewards.iter().sum())));
    parts.extend(score.map(|score| format!("score {score:.1}")));
    (format!("{}, seed {}", record.env_id, record.seed), parts.join("  ·  "))
}

/// Whole numbers without decimals, others with two.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    #[test]
    fn shows_ids_score_steps_and_the_chosen_plan() {
        let record = sample::record();
        let picture = episode(&record, &sample::scene(), Some(1), Some(97.25));
        for expected in ["maze2d-umaze-v1, seed 3", "score 97.2", "planned at step 20", "step 0"] {
            assert!(picture.text.contains(expected), "{expected}");
        }
        assert_eq!(picture.skipped, 0);
        assert!(!picture.text.contains("left out"));
    }

    #[test]
    fn both_edges_are_numbered_in_metres() {
        let text = episode(&sample::record(), &sample::scene(), None, None).text;
        // The small maze reaches from -0.7 to 4.3 both ways.
        for metre in ["0", "1", "2", "3", "4"] {
            assert_eq!(text.matches(&format!(">{metre}</text>")).count(), 2, "{metre}");
        }
        let mut far = sample::scene();
        far.bounds = [-1e5, 0.0, 1e5, 1.0];
        assert!(episode(&sample::record(), &far, None, None).text.matches("</text>").count() < 60);
    }

    #[test]
    fn time_runs_to_the_end_of_the_plan_when_that_is_later() {
        let record = sample::record();
        let end = record.plans[7].first_step + record.plans[7].observations.len();
        assert!(end > record.actions.len());
        let picture = episode(&record, &sample::scene(), Some(7), None);
        assert!(picture.text.contains(&format!(">{end}</text>")));
    }

    #[test]
    fn points_that_are_not_finite_are_left_out_and_counted() {
        let mut record = sample::record();
        record.observations[4] = vec![f64::NAN, 0.0];
        record.observations[5] = vec![f64::INFINITY, 0.0];
        record.observations[9].clear();
        record.plans[0].observations[0][1] = f64::NEG_INFINITY;
        let picture = episode(&record, &sample::scene(), Some(0), None);
        assert_eq!(picture.skipped, 4);
        assert!(picture.text.contains("4 points left out"));
        assert!(!picture.text.contains("NaN") && !picture.text.contains("inf"));
    }

    /// A disc for each of some steps; where the lane is left at one end and entered at the other, none.
    #[test]
    fn bodies_that_move_are_drawn_where_they_were() {
        let mut scene = sample::scene();
        let mover = |at| forethought_envs::Mover { name: "cart".into(), at, radius: 0.3 };
        use forethought_envs::Coordinate::{Entry, Fixed};
        let plain = episode(&sample::record(), &scene, None, None).text;
        scene.movers = vec![mover([Fixed(1.0), Entry(1)])];
        let drawn = episode(&sample::record(), &scene, None, None).text;
        let discs = |text: &str| text.matches(r#"fill-opacity="0.12""#).count();
        assert!(discs(&drawn) > discs(&plain) + 4 && drawn.contains(">cart</text>"));
        scene.movers = vec![mover([Fixed(1.0), Entry(9)])];
        assert_eq!(discs(&episode(&sample::record(), &scene, None, None).text), discs(&plain) + 1);
        let leaps = [vec![0.0, 0.0], vec![0.0, 1.0], vec![0.0, 4.0], vec![0.0, 3.0]];
        let course = scene.course(&mover([Fixed(1.0), Entry(1)]), &leaps);
        assert_eq!(course, [Some([1.0, 0.0]), Some([1.0, 1.0]), None, Some([1.0, 3.0])]);
    }

    #[test]
    fn an_empty_record_is_still_a_picture() {
        let picture = episode(&EpisodeRecord::default(), &sample::scene(), Some(3), None);
        assert!(picture.text.starts_with("<svg") && picture.text.ends_with("</svg>\n"));
        assert!(!picture.text.contains("planned"));
    }

    #[test]
    fn y_points_up() {
        // The lowest point of the maze has the larger picture coordinate.
        let scene = sample::scene();
        let mut record = EpisodeRecord { observations: vec![vec![0.8, 0.8]], ..Default::default() };
        let height = |record: &EpisodeRecord| {
            let text = episode(record, &scene, None, None).text;
            let ring = text.lines().find(|line| line.contains(r#"stroke-width="2""#)).unwrap().to_owned();
            ring.split("cy=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap()
        };
        let low = height(&record);
        record.observations[0][1] = 2.8;
        assert!(height(&record) < low);
    }

    #[test]
    fn names_with_markup_stay_text() {
        let record = EpisodeRecord {
            env_id: "</text><script>alert(1)</script>".into(),
            controller: "\"&'".into(),
            ..sample::record()
        };
        let text = episode(&record, &sample::scene(), None, None).text;
        assert!(
            !text.contains("<script") && text.contains("&lt;script&gt;") && text.contains("&quot;&amp;&#39;")
        );
    }
}
