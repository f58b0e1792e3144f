//! Writing data sets in OGBench's layout of numpy's `.npz` files.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::npy::{write_flags, write_numbers};
use super::zip_write::ZipWriter;
use super::{Dataset, TimeoutMeaning, WriteOptions};
use crate::EnvError;
use crate::files::Unfinished;

/// The file that OGBench keeps beside `path` for the episodes to validate with: `x.npz` has `x-val.npz`.
pub fn validation_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-val");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Writes a data set as an `.npz` file in OGBench's layout, which its own loader and [`super::read_npz`] read:
/// `observations` and `actions` (float32, `[rows, entries]`), `terminals` (bool, `[rows]`: true where an episode ends,
/// and in the last row) and, where present, `qpos` and `qvel`. Rewards, goals and origin have no place in it: keep an HDF5
/// file of those.
///
/// The file appears whole or not at all: it is written under a temporary name in the same folder, synced and renamed.
/// The same data give the same bytes.
///
/// # Errors
/// Those of [`Dataset::check`] and [`WriteOptions::check`]; [`EnvError::Io`] when the system refuses, or the file would
/// be larger than 4 GiB.
pub fn write_npz(dataset: &Dataset, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
    options.check(path)?;
    dataset.check()?;
    let io = |source| EnvError::Io { path: path.into(), source };
    let mut file = Unfinished::begin(path, options.overwrite).map_err(io)?;
    add_arrays(dataset, BufWriter::new(file.file()), options.compression).map_err(io)?;
    file.finish().map_err(io)
}

fn add_arrays(dataset: &Dataset, out: impl io::Write, level: u32) -> io::Result<()> {
    let mut zip = ZipWriter::new(out, level);
    zip.add("observations.npy", &write_numbers(&dataset.observations, Some(dataset.observation_dim)))?;
    zip.add("actions.npy", &write_numbers(&dataset.actions, Some(dataset.action_dim)))?;
    // Where only the goal changed, the episode goes on.
    let cut = dataset.metadata.timeouts == TimeoutMeaning::Truncation;
    let last = dataset.len().saturating_sub(1);
    let flags = dataset.terminals.iter().zip(&dataset.timeouts).enumerate();
    let ends = flags.map(|(row, (terminal, timeout))| *terminal || (cut && *timeout) || row == last);
    zip.add("terminals.npy", &write_flags(ends))?;
    if let Some(simulator) = &dataset.simulator {
        zip.add("qpos.npy", &write_numbers(&simulator.positions, Some(simulator.dim)))?;
        zip.add("qvel.npy", &write_numbers(&simulator.velocities, Some(simulator.dim)))?;
    }
    zip.finish()
}
