//! The report: one HTML file that loads nothing.

use super::study::{Ablation, StudyFigures};
use super::tables::{basis, cells, headings, rows, starred};
use crate::configuration::Configuration;
use crate::document;
use crate::failure::Failure;
use crate::picture::{self, Picture, Response, escape};
use crate::settings;

/// The picture of one study: the score of each arm.
pub fn picture(ablation: &Ablation, study: &StudyFigures) -> Picture {
    let responses: Vec<Response<'_>> = study
        .arms
        .iter()
        .map(|arm| Response {
            label: &arm.label,
            score: arm.figures.score.mean,
            interval: arm.figures.score.mean_interval,
            configured: arm.configured,
            note: arm.figures.ms_per_plan().map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
        })
        .collect();
    let configured = &ablation.configured.figures.score;
    let title = format!("{}: {}", ablation.environment, study.name);
    picture::responses(&title, &study.axis, &responses, configured.mean, configured.mean_interval)
}

/// The whole page; `configuration` is the configuration itself.
///
/// # Errors
/// Settings that cannot be rendered.
pub fn page(ablation: &Ablation, configuration: &Configuration) -> Result<String, Failure> {
    let mut html = document::head(&format!("Ablation of {}", ablation.environment));
    html += &format!("<p class=\"muted\">{}</p>\n", escape(&basis(ablation)));
    for study in &ablation.studies {
        html += &format!("<h2>{}</h2>\n", escape(&study.name));
        if let Some(about) = &study.about {
            html += &format!("<p>{}.</p>\n", escape(about));
        }
        html += &picture(ablation, study).text;
        let headings: Vec<&str> = [study.axis.as_str()].into_iter().chain(headings()).collect();
        let rows: Vec<Vec<String>> = rows(ablation, study)
            .into_iter()
            .map(|arm| [starred(arm)].into_iter().chain(cells(&arm.figures)).collect())
            .collect();
        html += &document::table(&headings, &rows);
    }
    html += &format!(
        "<h2>Protocol</h2>\n<p>Checkpoint <code>{}</code>, forethought {}, {} bootstrap resamples. Per-episode \
         results, each with its full protocol record, are in <code>{}</code> beside this file.</p>\n\
         <p>The settings as configured (*):</p>\n<pre>{}</pre>\n",
        escape(&ablation.checkpoint),
        escape(&ablation.code_version),
        ablation.resamples,
        super::FOLDER,
        document::escape_lines(&settings::render(configuration)?),
    );
    html.push_str(document::END);
    Ok(html)
}
