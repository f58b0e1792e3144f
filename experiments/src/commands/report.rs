//! `forethought report`: tables, plots and a page from folders of results.

use serde_json::json;

use crate::cli::ReportArgs;
use crate::console;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::report::{self, Pairs, Sheet};
use crate::results::{self, PROTOCOL, Results};

/// Carries out the command.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    let mut folders: Vec<(String, Results)> = Vec::new();
    for path in &args.folders {
        let refused = || {
            Failure::refused(format!(
                "{} holds no {PROTOCOL}: name a folder that `eval` wrote",
                path.display()
            ))
        };
        let results = results::read(path)?.ok_or_else(refused)?;
        if let Some((environment, variant)) = results.unsound.first() {
            return Err(Failure::refused(format!(
                "{}: the episodes of `{variant}` in {environment} are not those that the protocol seals (an interrupted \
                 write, damage or an edit): restore them, or score them again with `eval`",
                path.display()
            )));
        }
        folders.push((path.display().to_string(), results));
    }
    if args.within.is_some_and(|points| !(points.is_finite() && points >= 0.0)) {
        return Err(Failure::refused("--within must be zero or a positive number of points"));
    }
    if args.within.is_some() && folders.len() < 2 {
        return Err(Failure::refused("--within compares folders: name at least two"));
    }
    let pairs = if folders.len() > 1 { Some(Pairs::new(&folders)?) } else { None };
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = args.out.as_ref().map(|path| OutputDir::create(path, policy)).transpose()?;
    match (&pairs, folders.first()) {
        (Some(pairs), _) => compared(args, pairs, out.as_ref())?,
        (None, Some((_, results))) => alone(args, results, out.as_ref())?,
        (None, None) => {}
    }
    match (&pairs, args.within) {
        (Some(pairs), Some(points)) => within(pairs, points),
        _ => Ok(()),
    }
}

fn alone(args: &ReportArgs, results: &Results, out: Option<&OutputDir>) -> Result<(), Failure> {
    let sheet = Sheet::new(results)?;
    let (text, files) = match out {
        Some(out) => report::write(out, &sheet)?,
        None => (report::text(&sheet)?, Vec::new()),
    };
    if args.json {
        console::json(
            &json!({ "results": sheet.all(), "together": sheet.together(), "layout": results.layout, "files": console::all_shown(&files) }),
        )?;
    } else {
        console::print(&text)?;
        for file in &files {
            console::line(format_args!("  {}", file.display()))?;
        }
    }
    Ok(())
}

fn compared(args: &ReportArgs, pairs: &Pairs, out: Option<&OutputDir>) -> Result<(), Failure> {
    let text = pairs.text();
    let mut files = Vec::new();
    if let Some(out) = out {
        files.push(out.write_text("table.txt", &text)?);
        files.push(out.write_text("report.html", &pairs.page())?);
        files.push(out.write_text("differences.svg", &pairs.picture().text)?);
    }
    if args.json {
        console::json(&json!({ "comparison": pairs, "files": console::all_shown(&files) }))?;
    } else {
        console::print(&text)?;
        for file in &files {
            console::line(format_args!("  {}", file.display()))?;
        }
    }
    Ok(())
}

/// Fails where a mean differs by more than `points`.
fn within(pairs: &Pairs, points: f64) -> Result<(), Failure> {
    let far: Vec<String> = pairs
        .pairs
        .iter()
        .filter(|pair| pair.difference.mean.abs() > points)
        .map(|pair| format!("{}, {}: {:+.1}", pair.environment, pair.variant, pair.difference.mean))
        .collect();
    match far.is_empty() {
        true => Ok(()),
        false => Err(Failure::broken(format!("scores differ by more than {points}: {}", far.join("; ")))),
    }
}
