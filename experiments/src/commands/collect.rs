//! `forethought collect`: offline data from the generator that an environment brings.

use std::path::PathBuf;

use forethought_envs::data::{
    DataLayout, Dataset, TimeoutMeaning, WriteOptions, validation_path, write_data,
};
use forethought_envs::{collect, collect_validation, entry, make};
use serde_json::json;

use crate::cli::CollectArgs;
use crate::console;
use crate::failure::Failure;
use crate::{output, progress, resolve, shipped};

pub fn run(args: &CollectArgs) -> Result<(), Failure> {
    let shared = &args.shared;
    let id = &resolve::environment_id(shared.typed())?;
    make(id)?;
    let base = shipped::configuration(id);
    let configuration = resolve::configuration(id, base, shared.config.as_deref(), &shared.overrides)?;
    let path = args.out.clone().unwrap_or_else(|| resolve::data_file(id));
    if args.out.is_none()
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::broken(format!(
                "cannot make the folder {}: {error}; name another file with --out",
                folder.display()
            ))
        })?;
    }
    // This layout keeps the episodes to validate with in a file beside.
    let beside = DataLayout::of_name(&path) == DataLayout::Npz && entry(id)?.has_validation_data();
    let beside = beside.then(|| validation_path(&path));
    let write = WriteOptions { overwrite: args.force, ..WriteOptions::default() };
    for path in [&path].into_iter().chain(&beside) {
        output::unless_there(path, args.force, " with --out")?;
        write.check(path)?;
    }
    let seed = args.seed.unwrap_or(configuration.data.seed);
    let rows = configuration.data.rows;
    let bar = progress::bar(rows as u64, "steps", args.shared.json);
    let mut files = vec![(path, collect(id, rows, seed, &mut |done, _| bar.set_position(done as u64))?)];
    if let Some(beside) = beside {
        bar.set_message("to validate with");
        files.extend(collect_validation(id, rows, seed, &mut |_, _| {})?.map(|dataset| (beside, dataset)));
    }
    bar.set_message("writing");
    for (path, dataset) in &files {
        write_data(dataset, path, write)?;
    }
    bar.finish();
    for (path, dataset) in files.iter().take(1) {
        for what in dataset.lost_in(DataLayout::of_name(path)) {
            console::note(format_args!(
                "{what}: this layout has no place for them; name a .hdf5 file with --out to keep all"
            ));
        }
    }
    told(args, &files, id, seed)
}

fn told(args: &CollectArgs, files: &[(PathBuf, Dataset)], id: &str, seed: u64) -> Result<(), Failure> {
    if args.shared.json {
        let file = |(path, dataset): &(PathBuf, Dataset)| json!({ "path": console::shown(path), "summary": dataset.summary() });
        let mut told = files.first().map_or(json!({}), file);
        if let Some(validation) = files.get(1) {
            told["validation"] = file(validation);
        }
        console::json(&told)?;
        return Ok(());
    }
    for (i, (path, dataset)) in files.iter().enumerate() {
        let summary = dataset.summary();
        let ends = match dataset.metadata.timeouts {
            TimeoutMeaning::Truncation => "episodes",
            TimeoutMeaning::GoalSwitch => "goals reached",
        };
        let what = if i == 0 { "steps" } else { "steps to validate with" };
        console::line(format_args!(
            "{} {what} of {id} (seed {seed}), {} {ends}, in {}",
            summary.rows,
            summary.timeouts,
            path.display()
        ))?;
    }
    Ok(())
}
