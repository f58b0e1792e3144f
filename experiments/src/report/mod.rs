//! Tables, plots and a page from results alone.

mod calibration;
mod figures;
mod groups;
mod page;
mod pairs;
mod rows;
mod times;
mod together;

use crate::failure::Failure;
use crate::picture::Picture;
use crate::results::Results;

pub use figures::Sheet;
pub use page::page;
pub use pairs::Pairs;

/// Resamples of the bootstrap intervals.
pub const RESAMPLES: usize = 10_000;
/// Seed of the bootstrap.
pub const SEED: u64 = 0;

/// All tables, one below the other, with what they stand on.
///
/// # Errors
/// Those of the statistics.
pub fn text(sheet: &Sheet<'_>) -> Result<String, Failure> {
    let mut text = format!("{}\n{}\n", sheet.results.layout.title, basis(sheet.results));
    let parts = [
        rows::text(sheet),
        together::text(sheet),
        groups::text(sheet),
        times::text(sheet),
        calibration::text(sheet)?,
        published(sheet.results),
    ];
    for part in parts {
        if !part.is_empty() {
            text += &format!("\n{part}");
        }
    }
    Ok(text)
}

/// All pictures by name of their file.
///
/// # Errors
/// Those of the statistics.
pub fn pictures(sheet: &Sheet<'_>) -> Result<Vec<(String, Picture)>, Failure> {
    let mut pictures = groups::pictures(sheet);
    pictures.extend(together::picture(sheet).map(|picture| ("profiles.svg".to_owned(), picture)));
    pictures.extend(times::pictures(sheet));
    pictures.extend(calibration::pictures(sheet)?);
    Ok(pictures)
}

/// What the figures stand on, in a few sentences.
pub fn basis(results: &Results) -> String {
    let mut devices: Vec<&str> = Vec::new();
    let mut commits: Vec<&str> = Vec::new();
    for record in &results.records {
        for (all, one) in [(&mut devices, &record.made.device), (&mut commits, &record.commit)] {
            if !all.contains(&one.as_str()) {
                all.push(one);
            }
        }
    }
    let places = |name: &str, place: &Option<Vec<f64>>| match place {
        Some(place) => format!(" all with {name} {place:?},"),
        None => String::new(),
    };
    let mut ends = places("start", &results.ends.start) + &places("goal", &results.ends.goal);
    let numbered = results.records.iter().flat_map(|record| &record.episodes).any(|one| one.task.is_some());
    match results.ends.task {
        Some(number) => ends += &format!(" all of task {number},"),
        None if numbered => ends += " through the benchmark's tasks in turn where it numbers them,",
        None => {}
    }
    format!(
        "{} episodes of each variant, seeds {} to {},{ends} on {}; all variants meet the same starts, goals and noise. \
         Intervals are 95 % bootstrap intervals, those of success Wilson's. Differences are to {} (*), episode by \
         episode. Episodes are planned together; the time of a plan is its share of the batch. Commit {}.",
        results.episodes,
        results.first_seed,
        results.last_seed(),
        devices.join(" and "),
        results.layout.baseline,
        commits.join(", "),
    )
}

fn published(results: &Results) -> String {
    let layout = &results.layout;
    let known = |id: &&String| layout.published.iter().any(|row| row.scores.contains_key(*id));
    let environments: Vec<&String> = layout.environments.iter().filter(known).collect();
    if environments.is_empty() {
        return String::new();
    }
    let columns = environments.iter().map(|id| crate::table::numbers(&crate::resolve::short(id)));
    let mut table = crate::table::Table::new(
        [crate::table::words("method")].into_iter().chain(columns).collect::<Vec<_>>(),
    );
    for row in &layout.published {
        let score = |id: &&String| row.scores.get(*id).map_or("-".into(), |score| format!("{score:.1}"));
        let cells = environments.iter().map(score);
        table.row([row.method.clone()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    format!("Published figures, for orientation only\n\n{table}\n{}\n", wrapped(&layout.remark))
}

/// Breaks text at spaces into lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < 100 => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Writes tables, pictures and page. Gives the text.
///
/// # Errors
/// Those of the statistics and of the folder.
pub fn write(
    out: &crate::output::OutputDir,
    sheet: &Sheet<'_>,
) -> Result<(String, Vec<std::path::PathBuf>), Failure> {
    let text = text(sheet)?;
    let mut files = vec![out.write_text("table.txt", &text)?];
    for (name, picture) in pictures(sheet)? {
        files.push(out.write_text(&name, &picture.text)?);
    }
    files.push(out.write_text("report.html", &page(sheet)?)?);
    Ok((text, files))
}
