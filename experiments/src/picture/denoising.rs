//! One plan while it is denoised: panels side by side, each token as faint as it is noisy.

use forethought_agent::{EpisodeRecord, PlanSnapshot};

use super::Picture;
use super::canvas::{Anchor, Canvas};
use super::colour;
use super::maze::{Maze, skipped_note, time_legend};
use super::scene::{MazeScene, point};

const MARGIN: f64 = 24.0;
const GAP: f64 = 18.0;
const HEAD: f64 = 72.0;
const PANEL: [f64; 2] = [230.0, 230.0];
const STRIP: f64 = 34.0;
const COLUMNS: usize = 6;

/// Draws up to `panels` rows of plan number `plan` (from 0), evenly spread, the first and last always.
/// Dots are planned positions coloured by time; below each maze a bar per token shows its noise level.
/// `None` when there is no such plan or its history was not kept.
pub fn denoising(record: &EpisodeRecord, scene: &MazeScene, plan: usize, panels: usize) -> Option<Picture> {
    let plan = record.plans.get(plan).filter(|plan| !plan.trace.is_empty())?;
    let shown = spread(plan.trace.len(), panels);
    let columns = shown.len().min(COLUMNS);
    let maze = Maze::fitted(scene, [0.0; 2], PANEL);
    let pitch = [maze.size[0] + GAP, maze.size[1] + STRIP + 52.0];
    let width = (2.0 * MARGIN + columns as f64 * pitch[0] - GAP).max(560.0);
    let foot = HEAD + shown.len().div_ceil(columns) as f64 * pitch[1];
    let mut canvas = Canvas::new(width, foot + 62.0);

    let title = format!("{}, seed {}: plan made at step {}", record.env_id, record.seed, plan.first_step);
    let subtitle = format!(
        "{} rows of the scheduling matrix  ·  dots: planned positions, fainter where noisier  ·  bars: noise level of each token, in the order of time",
        plan.rows
    );
    let muted = format!(r#"fill="{}""#, colour::MUTED);
    canvas.text([MARGIN, 34.0], Anchor::Start, 19.0, r#"font-weight="600""#, &title);
    canvas.text([MARGIN, 56.0], Anchor::Start, 13.0, &muted, &subtitle);

    let start = record.observations.get(plan.first_step).and_then(|observation| scene.place(observation));
    let goal = record.goal.as_deref().and_then(point);
    let mut skipped = 0;
    for (index, frame) in shown.iter().filter_map(|&row| plan.trace.get(row)).enumerate() {
        let (column, line) = (index % columns, index / columns);
        let at = [MARGIN + column as f64 * pitch[0], HEAD + 22.0 + line as f64 * pitch[1]];
        canvas.text([at[0], at[1] - 8.0], Anchor::Start, 13.0, "", &format!("row {}", frame.row));
        let maze = maze.moved_to(at);
        maze.open(&mut canvas, scene);
        if let Some(goal) = goal {
            maze.goal(&mut canvas, goal, scene.goal_radius);
        }
        skipped += tokens(&mut canvas, (&maze, scene), frame);
        if let Some(start) = start {
            maze.start(&mut canvas, start, scene.ball_radius);
        }
        canvas.unclip();
        levels(&mut canvas, [at[0], at[1] + maze.size[1] + 8.0], maze.size[0], frame);
    }
    let frames = plan.trace.last().map_or(0, |frame| frame.observations.len());
    let (from, to) = (plan.first_step.saturating_add(1), plan.first_step.saturating_add(frames));
    time_legend(&mut canvas, [MARGIN, foot + 4.0], width - 2.0 * MARGIN, from, to);
    skipped_note(&mut canvas, [MARGIN, foot + 48.0], skipped);
    Some(Picture { text: canvas.finish(&title), skipped })
}

/// Up to `panels` indices below `count`, evenly spread, ends included; at least one.
pub(super) fn spread(count: usize, panels: usize) -> Vec<usize> {
    let panels = panels.clamp(1, count.max(1));
    if panels == 1 {
        return vec![count.saturating_sub(1)];
    }
    (0..panels).map(|panel| (panel * (count - 1) + (panels - 1) / 2) / (panels - 1)).collect()
}

/// Draws a row's tokens, latest first so that the next steps lie on top; gives back how many could not be.
fn tokens(canvas: &mut Canvas, (maze, scene): (&Maze, &MazeScene), frame: &PlanSnapshot) -> usize {
    let last = frame.observations.len().saturating_sub(1).max(1) as f64;
    let mut skipped = 0;
    for (index, observation) in frame.observations.iter().enumerate().rev() {
        match scene.place(observation) {
            Some(place) => maze.token(canvas, place, index as f64 / last, noise(frame, index)),
            None => skipped += 1,
        }
    }
    skipped
}

/// Bars of the noise level, one a token, on a hairline.
fn levels(canvas: &mut Canvas, at: [f64; 2], width: f64, frame: &PlanSnapshot) {
    let count = frame.uncertainty.len().max(1) as f64;
    let bar = width / count;
    // A hair of overlap where bars are thinner than a pixel, a gap where there is room for one.
    let drawn = if bar >= 3.0 { bar - 1.0 } else { bar + 0.2 };
    let bars = (0..frame.uncertainty.len()).map(|index| {
        let height = STRIP * noise(frame, index);
        ([at[0] + index as f64 * bar, at[1] + STRIP - height], [drawn, height])
    });
    // The colour bar's gradient spans the strip: each bar has the colour of its dot.
    canvas.rects(bars, r#"fill="url(#time)""#);
    let base = at[1] + STRIP;
    let style = format!(r#"stroke="{}" stroke-width="1""#, colour::MUTED);
    canvas.polyline(&[[at[0], base], [at[0] + width, base]], &style);
}

/// Noise level as a share of the highest, `0..=1`.
fn noise(frame: &PlanSnapshot, index: usize) -> f64 {
    frame.uncertainty.get(index).copied().unwrap_or(0.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample;

    #[test]
    fn spread_keeps_both_ends_and_repeats_nothing() {
        assert_eq!(spread(10, 4), [0, 3, 6, 9]);
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(5, 1), [4]);
        assert_eq!(spread(1, 5), [0]);
        for count in 2..40 {
            for panels in 2..9 {
                let rows = spread(count, panels);
                assert_eq!((rows[0], rows[rows.len() - 1]), (0, count - 1));
                assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{count} {panels} {rows:?}");
            }
        }
    }

    #[test]
    fn first_and_last_row_are_shown() {
        let record = sample::record();
        let last = record.plans[0].trace.last().unwrap().row;
        let text = denoising(&record, &sample::scene(), 0, 5).unwrap().text;
        assert!(text.contains(">row 0</text>") && text.contains(&format!(">row {last}</text>")));
        assert_eq!(text.matches(">row ").count(), 5);
    }

    #[test]
    fn clean_tokens_are_opaque_and_noisy_ones_faint() {
        let record = sample::record();
        let text = denoising(&record, &sample::scene(), 0, 2).unwrap().text;
        let tokens = record.plans[0].trace[0].observations.len();
        assert_eq!(text.matches(r#"fill-opacity="0.25""#).count(), tokens, "pure noise in the first row");
        assert_eq!(text.matches(r#"fill-opacity="1.00""#).count(), tokens, "clean in the last row");
    }

    #[test]
    fn a_plan_without_history_has_no_picture() {
        let mut record = sample::record();
        record.plans[0].trace.clear();
        assert_eq!(denoising(&record, &sample::scene(), 0, 5), None);
        assert_eq!(denoising(&record, &sample::scene(), 99, 5), None);
    }

    #[test]
    fn odd_records_do_not_break_the_file() {
        let mut record = sample::record();
        record.plans[0].trace[0].uncertainty.truncate(3);
        record.plans[0].trace[0].observations[5][0] = f64::NAN;
        let picture = denoising(&record, &sample::scene(), 0, 0).unwrap();
        assert_eq!(picture.skipped, 0, "only the last row is shown");
        let picture = denoising(&record, &sample::scene(), 0, 4).unwrap();
        assert_eq!(picture.skipped, 1);
        assert!(!picture.text.contains("NaN"));
    }
}
