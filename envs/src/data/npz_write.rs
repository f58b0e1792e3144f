//! Writing data sets in OGBench's layout of numpy's `.npz` files.

use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use npyz::{AutoSerialize, Serialize, WriterBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{Dataset, TimeoutMeaning, WriteOptions};
use crate::EnvError;
use crate::files::Unfinished;

/// Arrays of more bytes are noted with sizes of 64 bits; some room is left for what stands before the numbers.
const LARGE_FILE: u64 = 0xf000_0000;

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
/// Those of [`Dataset::check`] and [`WriteOptions::check`]; [`EnvError::Io`] when the system refuses.
pub fn write_npz(dataset: &Dataset, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
    options.check(path)?;
    dataset.check()?;
    let io = |source| EnvError::Io { path: path.into(), source };
    let mut file = Unfinished::begin(path, options.overwrite).map_err(io)?;
    add_arrays(dataset, BufWriter::new(file.file()), options.compression).map_err(io)?;
    file.finish().map_err(io)
}

fn add_arrays(dataset: &Dataset, out: impl Write, level: u32) -> io::Result<()> {
    // Sizes stand behind the arrays: an unfinished file is appended to, and nothing in it is put right later.
    let mut zip = ZipWriter::new_stream(out);
    let rows = dataset.len();
    let wide = |width: usize| vec![rows as u64, width as u64];
    let (observations, actions) = (dataset.observations.iter().copied(), dataset.actions.iter().copied());
    add(&mut zip, "observations", &wide(dataset.observation_dim), observations, level)?;
    add(&mut zip, "actions", &wide(dataset.action_dim), actions, level)?;
    // Where only the goal changed, the episode goes on.
    let cut = dataset.metadata.timeouts == TimeoutMeaning::Truncation;
    let last = rows.saturating_sub(1);
    let flags = dataset.terminals.iter().zip(&dataset.timeouts).enumerate();
    let ends = flags.map(|(row, (terminal, timeout))| *terminal || (cut && *timeout) || row == last);
    add(&mut zip, "terminals", &[rows as u64], ends, level)?;
    if let Some(simulator) = &dataset.simulator {
        add(&mut zip, "qpos", &wide(simulator.dim), simulator.positions.iter().copied(), level)?;
        add(&mut zip, "qvel", &wide(simulator.dim), simulator.velocities.iter().copied(), level)?;
    }
    zip.finish()?.flush()
}

/// Adds an array under a name.
fn add<T: AutoSerialize + Serialize>(
    zip: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    shape: &[u64],
    values: impl Iterator<Item = T>,
    level: u32,
) -> io::Result<()> {
    // No time of day: the same data give the same bytes.
    // Deflate's levels begin at 1 there.
    let (method, level) = match level {
        0 => (CompressionMethod::Stored, None),
        level => (CompressionMethod::Deflated, Some(level.into())),
    };
    let file = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(level)
        .last_modified_time(DateTime::default())
        .large_file(array_bytes(shape, size_of::<T>()) > LARGE_FILE);
    zip.start_file(format!("{name}.npy"), file)?;
    let mut out = BufWriter::new(zip);
    let array = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut out);
    let mut array = array.begin_nd()?;
    array.extend(values)?;
    array.finish()?;
    out.flush()
}

fn array_bytes(shape: &[u64], number: usize) -> u64 {
    shape.iter().fold(number as u64, |bytes, len| bytes.saturating_mul(*len))
}
