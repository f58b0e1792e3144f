//! Writes a small D4RL file and, beside it, what a reader must find in it; or reads one and says what is
//! in it. Used by `envs/interop/check.sh` to hold our files against Python's h5py.
//!
//! ```text
//! write_d4rl write FILE.hdf5 EXPECTED.json
//! write_d4rl read  FILE.hdf5 FOUND.json
//! ```
// A command-line program talks to the terminal.
#![allow(clippy::print_stderr)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use forethought_envs::data::{Dataset, ReadOptions, WriteOptions, read_hdf5, write_hdf5};
use forethought_envs::maze::{GenerateOptions, generate};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", file, expected] => write(Path::new(file), Path::new(expected)),
        ["read", file, found] => read(Path::new(file), Path::new(found)),
        _ => Err("usage: write_d4rl write FILE.hdf5 EXPECTED.json | read FILE.hdf5 FOUND.json".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(file: &Path, expected: &Path) -> Result<(), Box<dyn Error>> {
    // More rows than a chunk holds, and not a multiple of it.
    let options = GenerateOptions { rows: 50_001, seed: u64::MAX - 1, ..GenerateOptions::default() };
    let dataset = generate("maze2d-umaze-v1", &options, &mut |_, _| {})?;
    write_hdf5(&dataset, file, WriteOptions { overwrite: true, ..WriteOptions::default() })?;
    std::fs::write(expected, serde_json::to_string_pretty(&describe(&dataset))?)?;
    Ok(())
}

fn read(file: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
    let options = ReadOptions { env_id: Some("maze2d-umaze-v1".into()), ..ReadOptions::default() };
    let dataset = read_hdf5(file, &options)?;
    std::fs::write(found, serde_json::to_string_pretty(&describe(&dataset))?)?;
    Ok(())
}

/// Shapes, sums weighted by position (so that order counts), and some rows as they are.
fn describe(dataset: &Dataset) -> Value {
    let mut arrays = serde_json::Map::new();
    let mut floats = |key: &str, values: &[f32], width: usize| {
        let rows = dataset.len();
        let shape = if key == "rewards" { json!([rows]) } else { json!([rows, width]) };
        arrays.insert(
            key.into(),
            json!({
                "dtype": "float32", "shape": shape,
                "weighted_sum": weighted_sum(values.iter().map(|v| f64::from(*v))),
                "first": values.iter().take(8).collect::<Vec<_>>(),
                "last": values.iter().rev().take(8).collect::<Vec<_>>(),
            }),
        );
    };
    floats("observations", &dataset.observations, dataset.observation_dim);
    floats("actions", &dataset.actions, dataset.action_dim);
    floats("rewards", &dataset.rewards, 1);
    if let Some(goals) = &dataset.goals {
        floats("infos/goal", goals, dataset.goal_dim);
    }
    if let Some(simulator) = &dataset.simulator {
        floats("infos/qpos", &simulator.positions, simulator.dim);
        floats("infos/qvel", &simulator.velocities, simulator.dim);
    }
    for (key, flags) in [("terminals", &dataset.terminals), ("timeouts", &dataset.timeouts)] {
        arrays.insert(
            key.into(),
            json!({
                "dtype": "bool", "shape": [flags.len()],
                "weighted_sum": weighted_sum(flags.iter().map(|f| f64::from(u8::from(*f)))),
                "count": flags.iter().filter(|f| **f).count(),
            }),
        );
    }
    json!({
        "env_id": dataset.env_id,
        "seed": dataset.metadata.seed,
        "generator": dataset.metadata.generator,
        "generator_version": dataset.metadata.generator_version,
        "layout_hash": dataset.metadata.layout_hash,
        "arrays": arrays,
    })
}

fn weighted_sum(values: impl Iterator<Item = f64>) -> f64 {
    values.enumerate().map(|(i, v)| v * (1 + i % 997) as f64).sum()
}
