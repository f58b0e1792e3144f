//! `forethought collect`: offline data from the generator that an environment brings.

use forethought_envs::data::{WriteOptions, write_hdf5};
use forethought_envs::{collect, make};
use serde_json::json;

use crate::cli::CollectArgs;
use crate::console;
use crate::failure::Failure;
use crate::{progress, resolve, shipped};

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
    let write = WriteOptions { overwrite: args.force, ..WriteOptions::default() };
    if path.is_file() && !args.force {
        return Err(Failure::broken(format!(
            "{} exists already: name another file with --out, or replace it with --force",
            path.display()
        )));
    }
    write.check(&path)?;
    let seed = args.seed.unwrap_or(configuration.data.seed);
    let rows = configuration.data.rows;
    let bar = progress::bar(rows as u64, "steps", args.shared.json);
    let dataset = collect(id, rows, seed, &mut |done, _| bar.set_position(done as u64))?;
    bar.set_message("writing");
    write_hdf5(&dataset, &path, write)?;
    bar.finish();
    let summary = dataset.summary();
    if args.shared.json {
        console::json(&json!({ "path": console::shown(&path), "summary": summary }))?;
    } else {
        console::line(format_args!(
            "{} steps of {id} (seed {seed}), {} goals reached, in {}",
            summary.rows,
            summary.timeouts,
            path.display()
        ))?;
    }
    Ok(())
}
