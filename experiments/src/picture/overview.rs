//! Many episodes at a glance: one small maze each.

use forethought_agent::EpisodeRecord;

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour;
use super::maze::{Maze, skipped_note, time_legend};
use super::scene::{MazeScene, point};

const MARGIN: f64 = 24.0;
const GAP: f64 = 14.0;
const HEAD: f64 = 72.0;
const LABEL: f64 = 20.0;

/// One episode of an overview.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// What happened.
    pub record: &'a EpisodeRecord,
    /// Its score, shown above it.
    pub score: f64,
}

/// Draws the executed paths of all `panels` in a grid, in the order given, each with its seed and score.
/// `title` and `subtitle` stand above. All panels share one colour scale, up to the longest episode.
pub fn overview(title: &str, subtitle: &str, scene: &MazeScene, panels: &[Panel<'_>]) -> Picture {
    let columns = columns(panels.len());
    let side = (1000.0 / columns as f64 - GAP).clamp(88.0, 230.0);
    let maze = Maze::fitted(scene, [0.0; 2], [side, side]);
    // A narrow maze still needs room for its label.
    let pitch = [maze.size[0].max(88.0) + GAP, maze.size[1] + LABEL + GAP];
    let width = (2.0 * MARGIN + columns as f64 * pitch[0] - GAP).max(560.0);
    let foot = HEAD + panels.len().div_ceil(columns) as f64 * pitch[1];
    let mut canvas = Canvas::new(width, foot + 62.0);
    canvas.text([MARGIN, 34.0], Anchor::Start, 19.0, r#"font-weight="600""#, title);
    canvas.text([MARGIN, 56.0], Anchor::Start, 13.0, &format!(r#"fill="{}""#, colour::MUTED), subtitle);

    let last_step = panels.iter().map(|panel| panel.record.observations.len()).max().unwrap_or(0).max(2) - 1;
    let line = (side / 90.0).clamp(1.4, 2.4);
    let mut skipped = 0;
    for (index, panel) in panels.iter().enumerate() {
        let place = [(index % columns) as f64, (index / columns) as f64];
        let at = [MARGIN + place[0] * pitch[0], HEAD + LABEL + place[1] * pitch[1]];
        let (executed, missing) = scene.places(&panel.record.observations);
        skipped += missing;
        let (seed, score) = (format!("seed {}", panel.record.seed), format!("{:.1}", panel.score));
        let right = at[0] + maze.size[0].max(88.0);
        let muted = format!(r#"fill="{}""#, colour::MUTED);
        canvas.text([at[0], at[1] - 5.0], Anchor::Start, 11.0, &muted, &seed);
        canvas.text([right, at[1] - 5.0], Anchor::End, 12.0, r#"font-weight="600""#, &score);
        let maze = maze.moved_to(at);
        maze.open(&mut canvas, scene);
        if let Some(goal) = panel.record.goal.as_deref().and_then(point) {
            maze.goal(&mut canvas, goal, scene.goal_radius);
        }
        maze.path(&mut canvas, &executed, line, |step| step as f64 / last_step as f64);
        if let Some(start) = executed.first().copied().flatten() {
            maze.start(&mut canvas, start, scene.ball_radius);
        }
        canvas.unclip();
    }
    time_legend(&mut canvas, [MARGIN, foot + 4.0], width - 2.0 * MARGIN, 0, last_step);
    skipped_note(&mut canvas, [MARGIN, foot + 48.0], skipped);
    Picture { text: canvas.finish(title), skipped }
}

/// Columns of a grid somewhat wider than high.
fn columns(count: usize) -> usize {
    ((1.3 * count as f64).sqrt().ceil() as usize).clamp(1, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    #[test]
    fn every_episode_has_its_panel_and_score() {
        let records: Vec<EpisodeRecord> =
            (0..13).map(|seed| EpisodeRecord { seed, ..sample::record() }).collect();
        let panels: Vec<Panel<'_>> =
            records.iter().map(|record| Panel { record, score: record.seed as f64 + 0.25 }).collect();
        let picture = overview("13 episodes", "mean 6.3", &sample::scene(), &panels);
        for seed in 0..13 {
            assert!(picture.text.contains(&format!(">seed {seed}</text>")));
            assert!(picture.text.contains(&format!(">{:.1}</text>", f64::from(seed) + 0.25)));
        }
    }

    #[test]
    fn no_episodes_and_broken_ones_are_still_pictures() {
        assert!(overview("none", "", &sample::scene(), &[]).text.ends_with("</svg>\n"));
        let mut record = sample::record();
        record.observations[2][0] = f64::NAN;
        let panels = [Panel { record: &record, score: f64::NAN }, Panel { record: &record, score: 1.0 }];
        let picture = overview("a < b", "", &sample::scene(), &panels);
        assert_eq!(picture.skipped, 2);
        assert!(picture.text.contains("a &lt; b") && picture.text.contains("2 points left out"));
    }
}
