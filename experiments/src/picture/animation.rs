//! An episode as one HTML file that plays itself: no network, no library.

use forethought_agent::{EpisodeRecord, PlanRecord, PlanSnapshot};
use serde::Serialize;

use super::canvas::escape;
use super::denoising::spread;
use super::episode::heading;
use super::scene::{MazeScene, Point, point};
use super::{Picture, colour};

/// Rows of the first plan's history that are kept, and of every other one's; more would be too quick to see and make
/// the file large.
const HISTORY_ROWS: [usize; 2] = [48, 8];

const PAGE: &str = include_str!("animation/page.html");
const PLAYER: &str = include_str!("animation/player.js");

/// What the player reads. Points are rounded to millimetres; `null` is a point that cannot be drawn.
#[derive(Serialize)]
struct Script {
    walls: Vec<[f64; 4]>,
    bounds: [f64; 4],
    ball_radius: f64,
    goal_radius: f64,
    goal: Option<Point>,
    /// `[steps + 1]`.
    path: Vec<Option<Point>>,
    /// Sum of rewards before each step, `[steps + 1]`.
    returns: Vec<f64>,
    plans: Vec<PlanScript>,
    /// Anchors of the colour ramp, red, green, blue.
    ramp: [[f64; 3]; 9],
}

#[derive(Serialize)]
struct PlanScript {
    first_step: usize,
    value: f64,
    rows: usize,
    took_ms: f64,
    path: Vec<Option<Point>>,
    history: Vec<RowScript>,
}

#[derive(Serialize)]
struct RowScript {
    row: usize,
    level: Vec<f64>,
    path: Vec<Option<Point>>,
}

/// Renders a page that plays the episode: ball, trail, the current plan, and on request how each plan with a
/// history was denoised (at most 48 rows of the first plan and 8 of any other, evenly spread). `score` is shown as given.
///
/// Opened with `#step=40` (and `&row=3` for a row of the denoising) it starts paused there.
pub fn animation(record: &EpisodeRecord, scene: &MazeScene, score: Option<f64>) -> Picture {
    let script = script(record, scene);
    let lost = |path: &[Option<Point>]| path.iter().filter(|point| point.is_none()).count();
    let skipped = lost(&script.path) + script.plans.iter().map(|plan| lost(&plan.path)).sum::<usize>();
    let (title, mut subtitle) = heading(record, score);
    if skipped > 0 {
        subtitle.push_str(&format!("  ·  {skipped} points left out: not finite"));
    }
    // `<` is the one character that could end the script element early.
    let data = serde_json::to_string(&script).unwrap_or_else(|_| "null".to_owned()).replace('<', "\\u003c");
    let (title, subtitle) = (escape(&title), escape(&subtitle));
    let mut text = String::with_capacity(PAGE.len() + PLAYER.len() + data.len());
    // One pass over the page, so that a marker inside the data stays data.
    for (index, part) in PAGE.split("%%").enumerate() {
        text.push_str(match (index % 2, part) {
            (1, "TITLE") => &title,
            (1, "SUBTITLE") => &subtitle,
            (1, "SCRIPT") => &data,
            (1, "PLAYER") => PLAYER,
            _ => part,
        });
    }
    Picture { text, skipped }
}

fn script(record: &EpisodeRecord, scene: &MazeScene) -> Script {
    let mut total = 0.0;
    let mut returns = vec![0.0];
    for reward in &record.rewards {
        total += if reward.is_finite() { reward } else { &0.0 };
        returns.push(rounded(total));
    }
    Script {
        walls: scene.drawable_walls().map(|wall| wall.map(rounded)).collect(),
        bounds: scene.drawable_bounds().map(rounded),
        ball_radius: scene.ball_radius,
        goal_radius: scene.goal_radius,
        goal: record.goal.as_deref().and_then(point),
        path: path(scene, &record.observations),
        returns,
        plans: record
            .plans
            .iter()
            .enumerate()
            .map(|(at, plan)| plan_script(scene, plan, HISTORY_ROWS[at.min(1)]))
            .collect(),
        ramp: colour::ANCHORS,
    }
}

fn plan_script(scene: &MazeScene, plan: &PlanRecord, most: usize) -> PlanScript {
    let rows = spread(plan.trace.len(), most);
    PlanScript {
        first_step: plan.first_step,
        value: rounded(plan.score),
        rows: plan.rows,
        took_ms: rounded(plan.took_s * 1e3),
        path: path(scene, &plan.observations),
        history: rows
            .into_iter()
            .filter_map(|row| plan.trace.get(row))
            .map(|row| row_script(scene, row))
            .collect(),
    }
}

fn row_script(scene: &MazeScene, frame: &PlanSnapshot) -> RowScript {
    RowScript { row: frame.row, level: frame.uncertainty.clone(), path: path(scene, &frame.observations) }
}

fn path(scene: &MazeScene, observations: &[Vec<f64>]) -> Vec<Option<Point>> {
    scene.places(observations).0.into_iter().map(|point| point.map(|point| point.map(rounded))).collect()
}

/// Three decimals: a millimetre of the maze, less than a pixel.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    fn data(text: &str) -> serde_json::Value {
        let start = text.find(r#"<script type="application/json""#).unwrap();
        let json = &text[start + text[start..].find('>').unwrap() + 1..];
        serde_json::from_str(&json[..json.find("</script>").unwrap()]).unwrap()
    }

    #[test]
    fn the_page_holds_the_whole_episode_and_loads_nothing() {
        let record = sample::record();
        let page = animation(&record, &sample::scene(), Some(97.0)).text;
        let data = data(&page);
        assert_eq!(data["path"].as_array().unwrap().len(), record.observations.len());
        assert_eq!(data["returns"].as_array().unwrap().len(), record.observations.len());
        assert_eq!(data["plans"].as_array().unwrap().len(), record.plans.len());
        assert_eq!(data["plans"][0]["history"].as_array().unwrap().len(), 11);
        let total: f64 = record.rewards.iter().sum();
        assert!((data["returns"][record.rewards.len()].as_f64().unwrap() - total).abs() < 1e-9);
        for loader in ["http:", "https:", "src=", "<link", "@import", "url(", "fetch("] {
            assert!(!page.contains(loader), "{loader}");
        }
        assert!(!page.contains("%%"));
    }

    #[test]
    fn long_histories_are_thinned_and_keep_their_ends() {
        let mut record = sample::record();
        let frame = record.plans[0].trace[0].clone();
        record.plans[0].trace = (0..500).map(|row| PlanSnapshot { row, ..frame.clone() }).collect();
        let data = data(&animation(&record, &sample::scene(), None).text);
        let rows = data["plans"][0]["history"].as_array().unwrap();
        assert_eq!(rows.len(), HISTORY_ROWS[0]);
        assert_eq!((&rows[0]["row"], &rows[HISTORY_ROWS[0] - 1]["row"]), (&0.into(), &499.into()));
    }

    #[test]
    fn hostile_names_and_broken_points_do_not_break_the_page() {
        let mut record = sample::record();
        record.env_id = "</script><b>%%PLAYER%%".into();
        record.observations[3][1] = f64::NAN;
        record.plans[1].observations[0].clear();
        record.rewards[0] = f64::NAN;
        let picture = animation(&record, &sample::scene(), None);
        assert_eq!(picture.skipped, 2);
        assert!(picture.text.contains("2 points left out"));
        assert!(!picture.text.contains("<b>"));
        assert_eq!(picture.text.matches("</script>").count(), 2);
        assert!(data(&picture.text)["path"][3].is_null());
    }

    #[test]
    fn an_empty_record_still_gives_a_page() {
        let page = animation(&EpisodeRecord::default(), &sample::scene(), None).text;
        assert_eq!(data(&page)["path"].as_array().unwrap().len(), 0);
    }
}
