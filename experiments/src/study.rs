//! What the studies under `examples/` share: their options, and where results go.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use serde_json::json;

use crate::console;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::picture::Picture;
pub use crate::speed::machine::peak_memory_mb;

/// Runs a study under the options typed, and says what went wrong.
pub fn main(study: impl FnOnce(&Options) -> Result<(), Failure>) -> ExitCode {
    run(&Options::parse(), study)
}

/// The same for a study with options of its own beside these.
pub fn run(options: &Options, study: impl FnOnce(&Options) -> Result<(), Failure>) -> ExitCode {
    match study(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::note(&failure);
            ExitCode::from(failure.code())
        }
    }
}

/// Options of a study.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Few steps and samples: shows that everything runs, not what comes out.
    #[arg(long)]
    pub quick: bool,
    /// Seed of everything random.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=crate::cli::MAX_SEED), default_value_t = 0)]
    pub seed: u64,
    /// Folder for figure, table and results. Default: runs/study-NAME, with --quick runs/study-NAME-quick
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// The folder of the results, taken before anything is computed.
    ///
    /// # Errors
    /// A folder that is in use or cannot be written to.
    pub fn folder(&self, name: &str) -> Result<OutputDir, Failure> {
        let quick = if self.quick { "-quick" } else { "" };
        let default = || Path::new("runs").join(format!("study-{name}{quick}"));
        let policy = if self.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
        Ok(OutputDir::create(self.out.clone().unwrap_or_else(default), policy)?)
    }

    /// Writes what came out, and says it.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn finish<T: Serialize>(
        &self,
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
        if self.json {
            console::json(&json!({ "results": results, "files": console::all_shown(&files) }))?;
            return Ok(());
        }
        console::print(text)?;
        console::line(format_args!("\nfigure, table and results in {}", out.path().display()))?;
        Ok(())
    }
}
