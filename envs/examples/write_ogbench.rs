//! Makes the two files of an OGBench data set, to train on and to validate with, in OGBench's own layout.
//!
//! ```text
//! write_ogbench NAME EPISODES SEED FILE.npz
//! ```
//!
//! writes `FILE.npz` and `FILE-val.npz`, the second with a tenth of the episodes. Observations are those that the package
//! records, late after a jump; `qpos` holds where the ball was. `envs/interop/ogbench_check.py` reads them with numpy.
// A command-line program talks to the terminal.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use forethought_envs::data::{WriteOptions, validation_path, write_npz};
use forethought_envs::maze::{OgBenchName, OgBenchOptions, generate_ogbench};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [name, episodes, seed, file] => write(name, episodes, seed, Path::new(file)),
        _ => Err("usage: write_ogbench NAME EPISODES SEED FILE.npz".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(id: &str, episodes: &str, seed: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let (episodes, seed): (usize, u64) = (episodes.parse()?, seed.parse()?);
    let length = OgBenchName::find(id).map_or(1, |name| name.data.episode_rows(name.maze));
    for (path, episodes, validation) in
        [(file.to_owned(), episodes, false), (validation_path(file), episodes.div_ceil(10), true)]
    {
        let rows = episodes.saturating_mul(length);
        let options = OgBenchOptions { rows, seed, validation, stale_observations: true };
        let dataset = generate_ogbench(id, &options, &mut |_, _| {})?;
        write_npz(&dataset, &path, WriteOptions { overwrite: true, ..WriteOptions::default() })?;
        println!("{episodes} episodes, {rows} rows in {}", path.display());
    }
    Ok(())
}
