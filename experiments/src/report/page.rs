//! The report as one HTML file that loads nothing.

use super::figures::{Figures, Measure, PLANNING, Sheet, cell};
use super::{calibration, groups, rows, times, together};
use crate::document::{self, escape_lines};
use crate::failure::Failure;
use crate::picture::{self, Curve, escape};
use crate::resolve::short;
use crate::results::{Record, Results};

/// A column that only the page has.
const IMPROVEMENT: Measure = Measure {
    title: "Probability of improvement over the baseline (*)",
    column: "probability of improvement",
    cell: |figures| {
        let improvement = figures.improvement?;
        let interval = improvement.interval;
        Some(format!("{:.2} [{:.2}, {:.2}]", improvement.probability, interval.low, interval.high))
    },
};

/// The whole page.
///
/// # Errors
/// Settings that cannot be rendered.
pub fn page(sheet: &Sheet<'_>) -> Result<String, Failure> {
    let results = sheet.results;
    let mut html = document::head(&results.layout.title);
    html += &format!("<p class=\"muted\">{}</p>\n", escape(&super::basis(results)));
    let names = rows::shown(sheet);
    if results.layout.environments.len() > 1 && !names.is_empty() {
        html += "<h2>The table</h2>\n";
        html += &overview(sheet, &names);
    }
    html += &all(sheet);
    if !names.is_empty() {
        html += "<h2>Environment by environment</h2>\n<p>A profile shows which share of the episodes scores above each \
                 value; a curve further right is better. Bands are 95 % bootstrap intervals at each value. Probability of improvement is the share of all pairs of one \
                 episode of the row and one of the baseline in which the row's scores higher, ties counting half.</p>\n";
        for id in &results.layout.environments {
            html += &detail(sheet, id, &names);
        }
    }
    html += &varied(sheet);
    for (_, picture) in times::pictures(sheet) {
        html += &format!("<h2>Score against planning time</h2>\n{}", picture.text);
    }
    let foretold = calibration::pictures(sheet)?;
    if !foretold.is_empty() {
        html += "<h2>Foretold and come true</h2>\n<p>Of every plan outcomes are sampled; the share of them that are where the plan \
                 says when the next one is due is a chance that can be held against what came. On the diagonal things happen \
                 as often as was said. Intervals are Wilson's and take plans as independent, which those of an episode are \
                 not.</p>\n";
    }
    for (_, picture) in foretold {
        html += &picture.text;
    }
    html += &published(results);
    html += &protocol(results)?;
    html.push_str(document::END);
    Ok(html)
}

fn overview(sheet: &Sheet<'_>, names: &[&str]) -> String {
    let ids = &sheet.results.layout.environments;
    let shorts: Vec<String> = ids.iter().map(|id| short(id)).collect();
    let headings: Vec<&str> = ["variant"].into_iter().chain(shorts.iter().map(String::as_str)).collect();
    let text = |figures: &Figures| {
        let shown = sheet.measures().take(3).filter_map(|measure| (measure.cell)(figures));
        shown.collect::<Vec<_>>().join("\n")
    };
    let row = |name: &&str| {
        let cells = ids.iter().map(|id| sheet.get(id, name).map_or("-".into(), text));
        [rows::starred(sheet, name)].into_iter().chain(cells).collect()
    };
    document::table(&headings, &names.iter().map(row).collect::<Vec<_>>())
}

/// Every variant over all environments; empty where there is one, or no score that means the same in all.
fn all(sheet: &Sheet<'_>) -> String {
    let Some(picture) = together::picture(sheet) else { return String::new() };
    let headings: Vec<&str> = ["variant"].into_iter().chain(together::COLUMNS).collect();
    let row = |one: &together::Together| {
        [rows::starred(sheet, &one.variant)].into_iter().chain(together::cells(one)).collect()
    };
    let figures: Vec<Vec<String>> = sheet.together().iter().map(row).collect();
    format!(
        "<h2>All environments together</h2>\n<p>Over all episodes of all environments, of the variants that were scored in each. \
         2000 resamples are drawn, environment by environment (stratified bootstrap); the interquartile mean leaves out the lowest \
         and the highest quarter of all scores; probability of improvement is the mean over the environments (Agarwal et al. \
         2021).</p>\n{}{}",
        picture.text,
        document::table(&headings, &figures)
    )
}

fn detail(sheet: &Sheet<'_>, id: &str, names: &[&str]) -> String {
    let mut html = format!("<h3>{}</h3>\n", escape(&short(id)));
    let there: Vec<(&str, &Record, &Figures)> = names
        .iter()
        .filter_map(|name| Some((*name, sheet.results.record(id, name)?, sheet.get(id, name)?)))
        .collect();
    let scores: Vec<(&str, Vec<f64>)> =
        there.iter().map(|(name, record, _)| (*name, record.scores())).collect();
    let curves: Vec<Curve<'_>> =
        scores.iter().map(|(name, scores)| Curve { name, tasks: vec![scores.as_slice()] }).collect();
    html += &picture::profile(&short(id), &curves).text;
    let measures = || sheet.measures().chain([&IMPROVEMENT]).chain(&PLANNING);
    let headings: Vec<&str> =
        ["variant"].into_iter().chain(measures().map(|measure| measure.column)).collect();
    let row = |(name, _, figures): &(&str, &Record, &Figures)| {
        [rows::starred(sheet, name)]
            .into_iter()
            .chain(measures().map(|measure| cell(measure, figures)))
            .collect()
    };
    html + &document::table(&headings, &there.iter().map(row).collect::<Vec<_>>())
}

fn varied(sheet: &Sheet<'_>) -> String {
    let mut html = String::new();
    for id in &sheet.results.layout.environments {
        for group in &sheet.results.layout.groups {
            let rows = groups::rows(sheet, id, group);
            let Some(picture) = groups::picture(sheet, id, group) else { continue };
            html += &format!("<h2>{}: {}</h2>\n", escape(&short(id)), escape(&group.name));
            html += &format!("<p>{}</p>\n{}", escape(&group.about), picture.text);
            let headings: Vec<&str> = [group.axis.as_str()]
                .into_iter()
                .chain(groups::measures(sheet).map(|measure| measure.column))
                .collect();
            let row = |(label, figures): (String, &Figures)| {
                [label]
                    .into_iter()
                    .chain(groups::measures(sheet).map(|measure| cell(measure, figures)))
                    .collect()
            };
            html += &document::table(&headings, &rows.into_iter().map(row).collect::<Vec<_>>());
        }
    }
    html
}

fn published(results: &Results) -> String {
    let layout = &results.layout;
    let known = |id: &&String| layout.published.iter().any(|row| row.scores.contains_key(*id));
    let ids: Vec<&String> = layout.environments.iter().filter(known).collect();
    if ids.is_empty() {
        return String::new();
    }
    let shorts: Vec<String> = ids.iter().map(|id| short(id)).collect();
    let headings: Vec<&str> = ["method"].into_iter().chain(shorts.iter().map(String::as_str)).collect();
    let row = |row: &crate::results::Published| {
        let cells =
            ids.iter().map(|id| row.scores.get(*id).map_or("-".into(), |score| format!("{score:.1}")));
        [format!("{}\n{}", row.method, row.source)].into_iter().chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = layout.published.iter().map(row).collect();
    format!(
        "<h2>Published figures, for orientation only</h2>\n<p>{}</p>\n{}",
        escape(&layout.remark),
        document::table(&headings, &rows)
    )
}

fn protocol(results: &Results) -> Result<String, Failure> {
    let mut html = format!(
        "<h2>Protocol</h2>\n<p>Episode <i>i</i> has seed {} + <i>i</i>, for the start, the goal and the planner's noise, \
         so that all variants meet the same episodes. Intervals come from {} bootstrap resamples. Every episode is in \
         <code>{}</code>, and what made it in <code>{}</code>.</p>\n<dl>\n",
        results.first_seed,
        super::RESAMPLES,
        crate::results::EPISODES,
        crate::results::PROTOCOL
    );
    for row in &results.layout.rows {
        let set: Vec<String> = row.set.iter().map(|set| format!("<code>{}</code>", escape(set))).collect();
        html += &format!(
            "<dt>{}</dt><dd>{}<br>{}</dd>\n",
            escape(&row.variant),
            escape(&row.about),
            set.join(" ")
        );
    }
    html.push_str("</dl>\n");
    for id in &results.layout.environments {
        let Some(record) = results.baseline(id) else { continue };
        html += &format!(
            "<details><summary>{}</summary>\n<p>Checkpoint <code>{}</code><br>layout and physics <code>{}</code><br>\
             scored by forethought {}, commit <code>{}</code></p>\n<pre>{}</pre>\n</details>\n",
            escape(&short(id)),
            escape(record.made.checkpoint.as_deref().unwrap_or("none")),
            escape(record.made.layout_hash.as_deref().unwrap_or("none")),
            escape(&record.version),
            escape(&record.commit),
            escape_lines(&serde_json::to_string_pretty(&record.made.settings)?),
        );
    }
    Ok(html)
}
