//! The report: one HTML file that loads nothing.

use std::fmt::Write;

use super::MAZES;
use super::figures::{Benchmark, CellFigures, RowFigures};
use super::names::short;
use super::planners::{Row, Source};
use super::published::{PUBLISHED, REMARK};
use super::tables::{MEASURES, Measure, NO_CHECKPOINT, estimate};
use crate::document;
use crate::failure::Failure;
use crate::picture::{self, Curve, escape};
use crate::settings;

/// Columns of a maze's own table that the large one does not have.
const DETAILS: [Measure; 5] = [
    Measure {
        title: "mean ± standard error",
        cell: |figures| {
            let error = figures.score.standard_error.map_or(String::new(), |e| format!(" ± {e:.1}"));
            Some(format!("{:.1}{error}", figures.score.mean))
        },
    },
    Measure {
        title: "interquartile mean",
        cell: |figures| {
            let score = &figures.score;
            Some(estimate(score.interquartile_mean, score.interquartile_mean_interval))
        },
    },
    Measure {
        title: "probability of improvement",
        cell: |figures| {
            let improvement = figures.improvement?;
            let interval = improvement.interval;
            Some(format!("{:.2} [{:.2}, {:.2}]", improvement.probability, interval.low, interval.high))
        },
    },
    Measure {
        title: "arrived, 95 % interval",
        cell: |figures| {
            let share = figures.arrived_share;
            Some(format!("{:.0} to {:.0} %", 100.0 * share.low, 100.0 * share.high))
        },
    },
    Measure {
        title: "plans; rows; ms per plan",
        cell: |figures| {
            let planning = figures.planning?;
            let ms = 1e3 * planning.seconds_per_plan;
            Some(format!("{}; {}; {ms:.1}", planning.plans, planning.rows))
        },
    },
];

/// The whole page.
///
/// # Errors
/// Settings that cannot be rendered.
pub fn page(benchmark: &Benchmark) -> Result<String, Failure> {
    let mut html = document::head("Maze2D and Multi2D");
    let _ = writeln!(
        html,
        "<p class=\"muted\">{} episodes of each planner on each maze, seeds {} to {}, planners on {}, \
         forethought {}. Scores are D4RL's: 0 is a random policy, 100 its reference controller; the reward \
         counts every step at the goal and is not latched.</p>",
        benchmark.episodes,
        benchmark.first_seed,
        benchmark.last_seed(),
        escape(&benchmark.device),
        escape(&benchmark.code_version),
    );
    overview(&mut html, benchmark);
    html.push_str(
        "<h2>Maze by maze</h2>\n<p>A profile shows which share of the episodes scores above each \
        value; a curve further right is better. The interquartile mean is that of the middle half of the \
        episodes. Probability of improvement is the share of all pairs of one episode of the row and one of \
        <i>diffusion-forcing, diffused-action</i> in which the row's scores higher, ties counting half. \
        Intervals are 95 % percentile bootstrap intervals, those of arrivals Wilson's. Episodes are planned \
        together; the time of a plan is its share of the batch.</p>\n",
    );
    for maze in &benchmark.mazes {
        detail(&mut html, maze);
    }
    published(&mut html);
    protocol(&mut html, benchmark)?;
    html.push_str(document::END);
    Ok(html)
}

// Writing to a `String` cannot fail, so the results of `write!` below are dropped.

fn overview(html: &mut String, benchmark: &Benchmark) {
    html.push_str(
        "<h2>The table</h2>\n<p>Mean score with its 95 % bootstrap interval; below it the paired \
        difference to <i>diffusion-forcing, diffused-action</i> on the same starts, goals and noise, then \
        arrivals and mean steps to arrive.</p>\n<div class=\"wide\"><table>\n<thead><tr><th>planner",
    );
    html.push_str("<small>executor</small></th>");
    for maze in &benchmark.mazes {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(short(&maze.environment)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for &row in &benchmark.rows {
        let _ = write!(html, "<tr>{}", heading(row));
        for maze in &benchmark.mazes {
            match maze.row(row) {
                Some(figures) => summary(html, figures),
                None if row.needs_checkpoint() && maze.checkpoint.is_none() => {
                    let _ = write!(html, "<td class=\"none\">{NO_CHECKPOINT}</td>");
                }
                None => html.push_str("<td class=\"none\">-</td>"),
            }
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn heading(row: &Row) -> String {
    let executor = if row.plans() { row.executor } else { "reference" };
    format!("<th scope=\"row\">{}<small>{}</small></th>", escape(row.planner), escape(executor))
}

fn summary(html: &mut String, figures: &RowFigures) {
    let [score, difference, _, _, arrived, steps] = &MEASURES;
    let text = |measure: &Measure| (measure.cell)(figures).unwrap_or_default();
    let score = text(score);
    let (mean, interval) = score.split_once(' ').unwrap_or((&score, ""));
    let _ = write!(html, "<td><b>{mean}</b> <small>{interval}</small>");
    let difference = text(difference);
    if !difference.is_empty() {
        let _ = write!(html, "<small>Δ {difference}</small>");
    }
    let _ = write!(html, "<small>{} arrived", text(arrived));
    if figures.steps_to_arrive.is_some() {
        let _ = write!(html, ", {} steps", text(steps));
    }
    html.push_str("</small></td>");
}

fn detail(html: &mut String, maze: &CellFigures) {
    let _ = writeln!(html, "<h3>{}</h3>", escape(short(&maze.environment)));
    if maze.checkpoint.is_none() {
        html.push_str("<p>No checkpoint comes with this maze: nothing that needs one was scored.</p>\n");
    }
    if maze.results.is_empty() {
        return;
    }
    let scores: Vec<(String, Vec<f64>)> =
        maze.results.iter().map(|f| (f.row.name(), f.scored.results.scores())).collect();
    let curves: Vec<Curve<'_>> = scores.iter().map(|(name, scores)| Curve { name, scores }).collect();
    html.push_str(&picture::profile(short(&maze.environment), &curves).text);
    html.push_str("<div class=\"wide\"><table>\n<thead><tr><th>planner<small>executor</small></th>");
    let stayed = &MEASURES[3];
    let columns = DETAILS.iter().map(|measure| (measure.title, measure)).chain([("if stayed", stayed)]);
    let columns: Vec<_> = columns.collect();
    for (title, _) in &columns {
        let _ = write!(html, "<th scope=\"col\">{title}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for figures in &maze.results {
        let _ = write!(html, "<tr>{}", heading(figures.row));
        for (_, measure) in &columns {
            let _ = write!(html, "<td>{}</td>", (measure.cell)(figures).unwrap_or_else(|| "-".into()));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn published(html: &mut String) {
    let _ = write!(
        html,
        "<h2>Published figures, for orientation only</h2>\n<p>{REMARK}</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th>method</th>"
    );
    for id in MAZES {
        let _ = write!(html, "<th scope=\"col\">{}</th>", short(id));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &PUBLISHED {
        let (method, source) = (escape(row.method), escape(row.source));
        let _ = write!(html, "<tr><th scope=\"row\" class=\"source\">{method}<small>{source}</small></th>");
        for score in row.scores {
            let _ = write!(html, "<td>{score:.1}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn protocol(html: &mut String, benchmark: &Benchmark) -> Result<(), Failure> {
    let _ = write!(
        html,
        "<h2>Protocol</h2>\n<p>Episode <i>i</i> has seed {} + <i>i</i>, for the start, the goal and the \
         planner's noise, so that all rows meet the same episodes. Intervals come from {} bootstrap resamples. \
         Per-episode results, each with its full protocol record, are in <code>cells/</code> beside this file. \
         A planner is the maze's own configuration with these settings changed:</p>\n<dl>\n",
        benchmark.first_seed, benchmark.resamples
    );
    for row in &benchmark.rows {
        let changed = match row.source {
            Source::Policy => "a reference: no plan, no configuration".to_owned(),
            Source::Simulator => {
                "no checkpoint, no configuration; its settings are in its protocol record".to_owned()
            }
            Source::Checkpoint(settings) => {
                let executor = format!("executor.name={}", row.executor);
                let list = settings.iter().copied().chain([executor.as_str()]);
                list.map(|setting| format!("<code>{}</code>", escape(setting))).collect::<Vec<_>>().join(" ")
            }
        };
        let (name, about) = (escape(&row.name()), escape(row.about));
        let _ = writeln!(html, "<dt>{name}</dt><dd>{about}<br>{changed}</dd>");
    }
    html.push_str("</dl>\n");
    for maze in &benchmark.mazes {
        let name = escape(short(&maze.environment));
        let Some(hash) = &maze.checkpoint else {
            let _ = writeln!(html, "<p>{name}: {NO_CHECKPOINT}</p>");
            continue;
        };
        let protocol = maze.results.iter().map(|figures| &figures.scored.results.protocol);
        let layout = protocol.clone().find_map(|protocol| protocol.layout_hash.clone()).unwrap_or_default();
        let _ = write!(
            html,
            "<details><summary>{name}</summary>\n<p>Checkpoint <code>{}</code><br>layout and physics \
             <code>{}</code></p>\n",
            escape(hash),
            escape(&layout)
        );
        if let Some(configuration) = protocol.clone().find_map(|protocol| protocol.configuration.as_ref()) {
            let toml = settings::render(configuration)?;
            let planner =
                maze.results.iter().find(|figures| figures.scored.results.protocol.configuration.is_some());
            let planner = planner.map(|figures| figures.row.name()).unwrap_or_default();
            let _ = write!(
                html,
                "<p>Configuration of {}:</p>\n<pre>{}</pre>\n",
                escape(&planner),
                document::escape_lines(&toml)
            );
        }
        html.push_str("</details>\n");
    }
    Ok(())
}
