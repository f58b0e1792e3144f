//! `forethought merge`: the parts of an evaluation that `eval --shard` scored, as one.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::MergeArgs;
use crate::console;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::report::{self, Sheet};
use crate::results::{self, Merge, PROTOCOL};
use crate::shard::PARTS;

/// Carries out the command.
pub fn run(args: &MergeArgs) -> Result<(), Failure> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => whole(&args.folders)?,
    };
    let mut folders = Vec::new();
    for folder in &args.folders {
        folders.extend(parts(folder)?);
    }
    let mut merge = Merge::default();
    for folder in &folders {
        merge.add(folder)?;
    }
    let results = merge.finish()?;
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = OutputDir::create(out, policy)?;
    results::write(&out, &results)?;
    let sheet = Sheet::new(&results)?;
    let (text, files) = report::write(&out, &sheet)?;
    if args.json {
        return console::json(
            &json!({ "results": sheet.all(), "layout": results.layout, "parts": folders.len(),
            "files": console::all_shown(&files), "folder": console::shown(out.path()) }),
        );
    }
    console::print(&text)?;
    console::line(format_args!(
        "\n{} parts, {} episodes of each variant, in {}",
        folders.len(),
        results.episodes,
        out.path().display()
    ))
}

/// The folder itself where it holds results, else the folders in it, by name.
fn parts(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if folder.join(PROTOCOL).exists() {
        return Ok(vec![folder.to_owned()]);
    }
    let unread = |error: std::io::Error| {
        Failure::refused(format!("{}: {error}: name what `eval --shard` wrote", folder.display()))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.join(PROTOCOL).exists() {
            found.push(path);
        }
    }
    if found.is_empty() {
        let refused = format!(
            "{} holds no results, nor does a folder in it: name what `eval --shard` wrote",
            folder.display()
        );
        return Err(Failure::refused(refused));
    }
    let of = |path: &PathBuf| path.file_name()?.to_str()?.rsplit_once("-of-")?.1.parse::<usize>().ok();
    if let Some(of) = found.iter().filter_map(of).max().filter(|of| found.len() < *of) {
        let (shown, there) = (folder.display(), found.len());
        return Err(Failure::refused(format!(
            "{shown} holds {there} of {of} parts: run the others first, or name the parts one by one for what there is"
        )));
    }
    found.sort();
    Ok(found)
}

/// Where the parts in one folder of parts belong.
fn whole(folders: &[PathBuf]) -> Result<PathBuf, Failure> {
    let name = match folders {
        [one] => one.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(PARTS)),
        _ => None,
    };
    match (name, folders) {
        (Some(name), [one]) if !name.is_empty() => Ok(one.with_file_name(name)),
        _ => Err(Failure::refused(format!(
            "name the folder for the whole with --out (only NAME{PARTS} goes into NAME by itself)"
        ))),
    }
}
