//! `forethought study`: experiments that explain the sampler.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::print_json;
use crate::cli::{StudyArgs, StudyCommand, StudyOptions};
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::picture::Picture;
use crate::study::{horizon, memory};

pub fn run(args: &StudyArgs) -> Result<(), Failure> {
    match &args.what {
        StudyCommand::Memory(options) => {
            let out = folder(options, "memory")?;
            let results = memory::run(options)?;
            let (text, figure) = (memory::table(&results), memory::figure(&results));
            finish(options, &out, &results, &text, &figure)
        }
        StudyCommand::Horizon(options) => {
            let prepared = horizon::prepare(options)?;
            let out = folder(options, "horizon")?;
            let results = horizon::run(options, prepared)?;
            let (text, figure) = (horizon::table(&results), horizon::figure(&results));
            finish(options, &out, &results, &text, &figure)
        }
    }
}

/// The folder of the results, taken before anything is computed.
fn folder(options: &StudyOptions, name: &str) -> Result<OutputDir, Failure> {
    let quick = if options.quick { "-quick" } else { "" };
    let default = || Path::new("runs").join(format!("study-{name}{quick}"));
    let policy = if options.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    Ok(OutputDir::create(options.out.clone().unwrap_or_else(default), policy)?)
}

fn finish<T: Serialize>(
    options: &StudyOptions,
    out: &OutputDir,
    results: &T,
    text: &str,
    figure: &Picture,
) -> Result<(), Failure> {
    let files = [
        out.write_json("results.json", results)?,
        out.write_text("table.txt", text)?,
        out.write_text("figure.svg", &figure.text)?,
    ];
    if options.json {
        print_json(&json!({ "results": results, "files": files }));
        return Ok(());
    }
    print!("{text}");
    println!("\nfigure, table and results in {}", out.path().display());
    Ok(())
}
