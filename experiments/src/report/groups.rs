//! Varied settings: a table and a plot for each.

use super::figures::{Figures, Measure, PLANNING, Sheet, cell};
use crate::picture::{self, Picture, Response};
use crate::resolve::{file_stem, short};
use crate::results::{Arm, Group};
use crate::table::{Table, numbers, words};

/// Columns after the value's.
pub fn measures(sheet: &Sheet<'_>) -> impl Iterator<Item = &'static Measure> + use<> {
    sheet.measures().chain(&PLANNING)
}

/// All tables, one below the other.
pub fn text(sheet: &Sheet<'_>) -> String {
    let mut tables = Vec::new();
    for environment in &sheet.results.layout.environments {
        for group in &sheet.results.layout.groups {
            let rows = rows(sheet, environment, group);
            if rows.is_empty() {
                continue;
            }
            let columns = measures(sheet).map(|measure| numbers(measure.column));
            let mut table = Table::new([words(&group.axis)].into_iter().chain(columns).collect::<Vec<_>>());
            for (label, figures) in rows {
                table.row(
                    [label].into_iter().chain(measures(sheet).map(|m| cell(m, figures))).collect::<Vec<_>>(),
                );
            }
            let about = if group.about.is_empty() { String::new() } else { format!(": {}", group.about) };
            tables.push(format!("{}: {}{about}\n\n{table}", short(environment), group.name));
        }
    }
    tables.join("\n")
}

/// Label and figures of every value, after the baseline where it is none of them; stars mark the baseline.
pub fn rows<'a>(sheet: &'a Sheet<'_>, environment: &str, group: &Group) -> Vec<(String, &'a Figures)> {
    let arms = arms(sheet, environment, group);
    if arms.is_empty() {
        return Vec::new();
    }
    let own = (!arms.iter().any(|(_, _, own)| *own))
        .then(|| sheet.get(environment, &sheet.results.layout.baseline))
        .flatten()
        .map(|figures| ("as configured *".to_owned(), figures));
    let starred = |(arm, figures, own): (&Arm, &'a Figures, bool)| {
        (if own { format!("{} *", arm.label) } else { arm.label.clone() }, figures)
    };
    own.into_iter().chain(arms.into_iter().map(starred)).collect()
}

/// The values that were scored, and whether each is the baseline.
fn arms<'a, 'g>(
    sheet: &'a Sheet<'_>,
    environment: &str,
    group: &'g Group,
) -> Vec<(&'g Arm, &'a Figures, bool)> {
    let scored = |arm: &'g Arm| {
        let figures = sheet.get(environment, &arm.variant)?;
        Some((arm, figures, sheet.is_baseline(environment, &arm.variant)))
    };
    group.arms.iter().filter_map(scored).collect()
}

/// The plot of one varied setting: the score of each value.
pub fn picture(sheet: &Sheet<'_>, environment: &str, group: &Group) -> Option<Picture> {
    let baseline = sheet.get(environment, &sheet.results.layout.baseline)?;
    let response = |(arm, figures, configured): (&'_ Arm, &'_ Figures, bool)| Response {
        label: arm.label.clone(),
        score: figures.score.mean,
        interval: figures.score.bar(),
        configured,
        note: figures.ms_per_plan().map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
    };
    let responses: Vec<Response> = arms(sheet, environment, group).into_iter().map(response).collect();
    let title = format!("{environment}: {}", group.name);
    let own = &baseline.score;
    (!responses.is_empty()).then(|| picture::responses(&title, &group.axis, &responses, own.mean, own.bar()))
}

/// All plots by name of their file.
pub fn pictures(sheet: &Sheet<'_>) -> Vec<(String, Picture)> {
    let layout = &sheet.results.layout;
    let mut pictures = Vec::new();
    for environment in &layout.environments {
        for group in &layout.groups {
            let place = match layout.environments.len() {
                1 => String::new(),
                _ => format!("{}--", file_stem(&short(environment))),
            };
            if let Some(picture) = picture(sheet, environment, group) {
                pictures.push((format!("{place}{}.svg", file_stem(&group.name)), picture));
            }
        }
    }
    pictures
}
