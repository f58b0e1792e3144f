//! A choice between two plans: each with the outcomes that were sampled of it, and what it is worth.

use forethought_agent::{EpisodeRecord, PlanRecord};

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour::{GROUND, HALO, INK, MUTED};
use super::fan::{fan, ordinary_step, path};
use super::maze::{Mark, Maze, legend};
use super::profile::COLOURS;
use super::scene::{MazeScene, point};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 74.0;
const ROOM: [f64; 2] = [700.0, 560.0];
/// Room below the maze, for words.
const FOOT: f64 = 156.0;
const LINE: f64 = 19.0;

/// The plan that an episode began with beside one that promised more and was passed over, the likeliest of these, for a task
/// with an end; `None` where there is none. `lost`: what being lost for good is charged with, in steps.
pub fn choice(record: &EpisodeRecord, scene: &MazeScene, title: &str, lost: f64) -> Option<Picture> {
    let chosen = record.plans.first()?;
    let promise = |plan: &PlanRecord| plan.outlook.as_ref().and_then(|outlook| outlook.promise);
    let chance = |plan: &PlanRecord| plan.outlook.as_ref().and_then(|outlook| outlook.chance).unwrap_or(0.0);
    // Of equals the last is kept, and they come with what promises most first.
    let more = chosen.rejected.iter().rev().filter(|plan| promise(plan) > promise(chosen));
    let rejected = more.max_by(|a, b| chance(a).total_cmp(&chance(b)))?;
    let start = record.observations.first().and_then(|at| scene.place(at))?;
    let words = [told(rejected)?, told(chosen)?];
    let samples = chosen.outlook.as_ref()?.samples;

    let maze = Maze::fitted(scene, [MARGIN, HEAD], ROOM);
    let foot = HEAD + maze.size[1];
    let mut canvas = Canvas::new(maze.size[0] + 2.0 * MARGIN, foot + FOOT);
    canvas.text([MARGIN, 34.0], Anchor::Start, 19.0, r#"font-weight="600""#, title);
    let subtitle = format!(
        "two plans (thick) and {samples} sampled outcomes of each chunk of theirs (thin); jumps are dotted"
    );
    canvas.text([MARGIN, 57.0], Anchor::Start, 13.0, &format!(r#"fill="{MUTED}""#), &subtitle);
    maze.open(&mut canvas, scene);
    if let Some(goal) = record.goal.as_deref().and_then(point) {
        maze.goal(&mut canvas, goal, scene.goal_radius);
    }
    let plans = [(rejected, COLOURS[5]), (chosen, COLOURS[0])];
    for (plan, colour) in plans {
        let thin = format!(
            r#"fill="none" stroke="{colour}" stroke-opacity="0.75" stroke-width="1.1" stroke-linejoin="round""#
        );
        fan(&mut canvas, (&maze, scene), plan, start, &thin);
    }
    for (plan, colour) in plans {
        let points =
            || std::iter::once(start).chain(plan.observations.iter().filter_map(|at| scene.place(at)));
        for (stroke, width) in [(GROUND, 6.5), (colour, 4.0)] {
            let style = format!(
                r#"fill="none" stroke="{stroke}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round""#
            );
            path(&mut canvas, &maze, points(), ordinary_step(plan, scene), &style);
        }
    }
    maze.names(&mut canvas, scene);
    maze.start(&mut canvas, start, scene.ball_radius);
    canvas.unclip();

    let marks = [(Mark::Start, "start".to_owned()), (Mark::Goal, "goal".to_owned())];
    let x = legend(&mut canvas, [MARGIN, foot + 26.0], &marks);
    let charged = format!("expected: the mean over outcomes; where no way leads on, {lost:.0} steps");
    canvas.text([x, foot + 26.0], Anchor::Start, 13.0, &format!(r#"fill="{MUTED}""#), &charged);
    let half = maze.size[0] / 2.0;
    for (at, ((_, colour), lines)) in plans.into_iter().zip(&words).enumerate() {
        let (x, y) = (MARGIN + at as f64 * half, foot + 56.0);
        let heading = ["passed over: promises more", "chosen: is worth more"][at];
        canvas.polyline(
            &[[x, y - 5.0], [x + 22.0, y - 5.0]],
            &format!(r#"stroke="{colour}" stroke-width="5""#),
        );
        canvas.text([x + 32.0, y], Anchor::Start, 15.0, r#"font-weight="600""#, heading);
        for (line, text) in lines.iter().enumerate() {
            let (y, style) = (y + LINE * (line + 1) as f64 + 2.0, format!(r#"fill="{INK}" {HALO}"#));
            canvas.text([x + 32.0, y], Anchor::Start, 14.0, &style, text);
        }
    }
    let skipped =
        plans.iter().flat_map(|(plan, _)| &plan.observations).filter(|at| scene.place(at).is_none()).count();
    Some(Picture { text: canvas.finish(title), skipped })
}

/// What is said of a plan.
fn told(plan: &PlanRecord) -> Option<Vec<String>> {
    let outlook = plan.outlook.as_ref()?;
    let (promise, chance) = (outlook.promise?, outlook.chance?);
    Some(vec![
        format!("if all goes as planned: {:.0} steps to the goal", -promise),
        format!("chance of that: {:.0} %", 100.0 * chance),
        format!("expected: {:.0} steps", -outlook.mean),
    ])
}

#[cfg(test)]
mod tests {
    use forethought_agent::{OutcomeRecord, OutlookRecord};

    use super::*;
    use crate::picture::sample;

    #[test]
    fn both_plans_are_drawn_with_what_they_are_worth() {
        let mut record = sample::record();
        assert!(choice(&record, &sample::scene(), "t", 1e4).is_none(), "nothing was passed over");
        let outlook = |promise, mean, chance| OutlookRecord {
            promise: Some(promise),
            mean,
            chance: Some(chance),
            samples: 3,
            outcomes: vec![OutcomeRecord {
                first_frame: 20,
                observations: vec![vec![2.0, 2.0], vec![1.0, f64::NAN]],
            }],
            ..OutlookRecord::default()
        };
        let mut rejected = record.plans[0].clone();
        rejected.outlook = Some(outlook(-120.0, -640.4, 0.3125));
        record.plans[0].outlook = Some(outlook(-250.0, -251.0, 1.0));
        record.plans[0].rejected = vec![rejected];
        let text = choice(&record, &sample::scene(), "a < b", 1e4).unwrap().text;
        for says in [
            "a &lt; b",
            "10000 steps",
            "3 sampled",
            "120 steps",
            "31 %",
            "640 steps",
            "250 steps",
            "100 %",
            "251 steps",
        ] {
            assert!(text.contains(says), "{says}");
        }
        assert!(!text.contains("NaN"));
    }
}
