//! Score against planning time, where times were taken.

use super::figures::{Figures, Sheet, cell};
use super::rows::starred;
use crate::picture::{self, Frontier, Level, Picture, Place};
use crate::resolve::{file_stem, short};
use crate::table::{Table, numbers, words};

/// One variant that was timed.
struct Point<'a> {
    name: String,
    figures: &'a Figures,
    configured: bool,
    on_front: bool,
}

/// The variants of an environment that were timed, each once.
fn points<'a>(sheet: &'a Sheet<'_>, environment: &str) -> Vec<Point<'a>> {
    let timed = sheet.all().iter().filter(|figures| figures.environment == environment);
    let own = |variant: &str| {
        let record = sheet.results.record(environment, variant);
        record.is_some_and(|record| record.same_as.is_none() && record.times.is_some())
    };
    let mut points: Vec<Point<'a>> = timed
        .filter(|figures| own(&figures.variant))
        .map(|figures| Point {
            name: label(sheet, &figures.variant),
            figures,
            configured: sheet.is_baseline(environment, &figures.variant),
            on_front: false,
        })
        .collect();
    mark_front(&mut points);
    points
}

/// What a preset calls the variant, or its own name.
pub(super) fn label(sheet: &Sheet<'_>, variant: &str) -> String {
    let layout = &sheet.results.layout;
    let named = |group: &&crate::results::Group| group.name == "frontier";
    let arms = layout.groups.iter().filter(named).flat_map(|group| &group.arms);
    let arm = arms.into_iter().find(|arm| arm.variant == variant);
    // Values that are several settings have long names.
    let short = || {
        let of = |group: &crate::results::Group| {
            let arm = group.arms.iter().find(|arm| arm.variant == variant)?;
            Some(format!("{} {}", group.name, arm.label))
        };
        layout.groups.iter().filter(|_| variant.contains(',')).find_map(of)
    };
    match arm {
        _ if variant == layout.baseline && !layout.groups.is_empty() => "as configured".into(),
        Some(arm) => arm.label.clone(),
        None => short().unwrap_or_else(|| variant.to_owned()),
    }
}

/// Marks the points that no other point beats in both.
fn mark_front(points: &mut [Point<'_>]) {
    let places: Vec<Option<(f64, f64)>> =
        points.iter().map(|point| Some((point.figures.replan_ms()?, point.figures.score.mean))).collect();
    for (point, own) in points.iter_mut().zip(&places) {
        point.on_front = own.is_some_and(|(ms, score)| {
            let beats = |other: &(f64, f64)| other.0 <= ms && other.1 >= score && *other != (ms, score);
            !places.iter().flatten().any(beats)
        });
    }
}

/// The tables.
pub fn text(sheet: &Sheet<'_>) -> String {
    let tables = sheet.results.layout.environments.iter().filter_map(|environment| {
        let points = points(sheet, environment);
        (!points.is_empty()).then(|| table(sheet, environment, &points))
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(sheet: &Sheet<'_>, environment: &str, points: &[Point<'_>]) -> String {
    let machine = points.iter().find_map(|point| point.figures.times.as_ref());
    let machine = machine.map_or(String::new(), |times| {
        format!(" ({}, {} threads, {} rounds)", times.processor, times.threads, times.rounds)
    });
    let own = [
        words("variant"),
        words(""),
        numbers("replan, ms"),
        numbers("first plan, ms"),
        numbers("rows, replan / first"),
        numbers("load"),
    ];
    let columns = own.into_iter().chain(sheet.measures().map(|measure| numbers(measure.column)));
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for Point { name, figures, on_front, .. } in points {
        let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.2}"));
        let times = figures.times.as_ref();
        let rows = [times.and_then(|times| times.replan), times.and_then(|times| times.cold)];
        let rows = rows.map(|time| time.map_or("-".into(), |time| format!("{:.1}", time.rows)));
        let load = times.and_then(|times| times.load).map_or("-".into(), |load| format!("{load:.1}"));
        let name = if figures.variant == sheet.results.layout.baseline && *name == figures.variant {
            starred(sheet, name)
        } else {
            name.clone()
        };
        let front = if *on_front { "|" } else { "" };
        let own =
            [name, front.into(), ms(figures.replan_ms()), ms(figures.cold_ms()), rows.join(" / "), load];
        table.row(
            own.into_iter().chain(sheet.measures().map(|measure| cell(measure, figures))).collect::<Vec<_>>(),
        );
    }
    let mut text = format!(
        "{}: plans made one at a time{machine}\n|: no other replans faster and scores higher; load: load average \
         while timed, beside other work plans take longer\n\n{table}",
        short(environment)
    );
    if let Some(reference) = &sheet.results.layout.reference_time {
        text += &format!("\n{}: {:.0} ms ({})\n", reference.name, reference.ms, reference.source);
    }
    text
}

/// The plots by name of their file.
pub fn pictures(sheet: &Sheet<'_>) -> Vec<(String, Picture)> {
    let layout = &sheet.results.layout;
    let mut pictures = Vec::new();
    for environment in &layout.environments {
        let points = points(sheet, environment);
        if points.is_empty() {
            continue;
        }
        let place = |point: &'_ Point<'_>| -> Option<(String, f64)> {
            Some((point.name.clone(), point.figures.replan_ms()?))
        };
        let named: Vec<(String, f64, &Point<'_>)> =
            points.iter().filter_map(|point| place(point).map(|(name, ms)| (name, ms, point))).collect();
        let places: Vec<Place<'_>> = named
            .iter()
            .map(|(name, ms, point)| Place {
                name,
                ms: *ms,
                cold_ms: point.figures.cold_ms(),
                score: point.figures.score.mean,
                interval: point.figures.score.bar(),
                configured: point.configured,
                on_front: point.on_front,
            })
            .collect();
        let published = layout.published.iter();
        let levels: Vec<Level<'_>> = published
            .filter_map(|row| Some(Level { name: &row.method, score: *row.scores.get(environment)? }))
            .collect();
        let threads =
            points.iter().find_map(|point| point.figures.times.as_ref()).map_or(1, |times| times.threads);
        let picture = picture::frontier(&Frontier {
            title: &format!("{environment}: score against planning time"),
            subtitle: &format!(
                "{} episodes a point, 95 % intervals; one plan at a time ({threads} threads)",
                sheet.results.episodes
            ),
            places: &places,
            levels: &levels,
            reference: layout.reference_time.as_ref().map(|time| (time.name.as_str(), time.ms)),
        });
        let name = match layout.environments.len() {
            1 => "score-against-time.svg".to_owned(),
            _ => format!("{}--score-against-time.svg", file_stem(&short(environment))),
        };
        pictures.push((name, picture));
    }
    pictures
}
