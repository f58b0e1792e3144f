//! Writing data sets in D4RL's HDF5 layout.

use std::path::Path;

use hdf5_pure::{AttrValue, DatasetBuilder, Datatype, EnumTypeBuilder, FileBuilder, make_i8_type};

use super::{Dataset, RewardConvention, TimeoutMeaning};
use crate::EnvError;
use crate::files::{Unfinished, folder_of};

/// Rows per compressed chunk: large enough to compress well, small enough to read in pieces.
const CHUNK_ROWS: usize = 32_768;

/// Settings of [`write_hdf5`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Replace a file that is already there.
    pub overwrite: bool,
    /// Level of gzip compression, 0 to 9.
    pub compression: u32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        // The low bits of trajectories are noise: on 1e6 umaze rows level 4 takes 2.6 times as long as
        // level 1 and saves 2.5 % of the size.
        Self { overwrite: false, compression: 1 }
    }
}

impl WriteOptions {
    /// Says now what [`write_hdf5`] would refuse later: to be called before the data are made.
    ///
    /// # Errors
    /// [`EnvError::Data`] when the file is there and may not be replaced, its folder is not, or the
    /// compression level does not exist.
    pub fn check(&self, path: &Path) -> Result<(), EnvError> {
        let refuse = |problem: &str| Err(EnvError::Data { path: path.into(), problem: problem.into() });
        if self.compression > 9 {
            return refuse("gzip compression levels go from 0 to 9");
        }
        if path.exists() && !path.is_file() {
            return refuse("this is a folder, a device or a pipe; name a file");
        }
        if !self.overwrite && path.exists() {
            return refuse("the file exists already; choose another name or allow overwriting");
        }
        if !folder_of(path).is_dir() {
            return refuse("the folder does not exist; create it first");
        }
        Ok(())
    }
}

/// Writes a data set as a D4RL HDF5 file: `observations`, `actions`, `rewards`, `terminals`, `timeouts`
/// and, where present, `infos/goal`, `infos/qpos`, `infos/qvel`; numbers as f32, flags as h5py's boolean
/// enumeration, all gzip-compressed. Origin stands in attributes of the root group: `env_id`, `seed`,
/// `generator`, `generator_version`, `layout_hash`, `timeout_meaning`, `reward_convention`,
/// `description`.
///
/// The file appears whole or not at all: it is written under a temporary name in the same folder, synced
/// and renamed.
///
/// # Errors
/// Those of [`Dataset::check`] and [`WriteOptions::check`]; [`EnvError::Io`] when the system refuses.
pub fn write_hdf5(dataset: &Dataset, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
    options.check(path)?;
    dataset.check()?;
    let failed = |problem: String| EnvError::Data { path: path.into(), problem };
    let description = match &dataset.metadata.description {
        said if said.is_empty() => None,
        said => Some(
            toml::to_string(said).map_err(|e| failed(format!("its description cannot be written: {e}")))?,
        ),
    };
    let builder = build(dataset, description, options)
        .map_err(|e| failed(format!("cannot be laid out as HDF5: {e}")))?;

    let io = |source| EnvError::Io { path: path.into(), source };
    let mut file = Unfinished::begin(path, options.overwrite).map_err(io)?;
    builder.finish_to(file.file()).map_err(|e| match e {
        hdf5_pure::Error::Io(source) => io(source),
        other => failed(format!("writing failed: {other}")),
    })?;
    file.finish().map_err(io)
}

fn build(
    dataset: &Dataset,
    description: Option<String>,
    options: WriteOptions,
) -> Result<FileBuilder, hdf5_pure::FormatError> {
    let rows = dataset.len();
    let boolean = EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build()?;
    let mut file = FileBuilder::new();
    let mut infos = file.create_group("infos");
    let mut has_infos = false;
    for (name, values, width) in dataset.float_arrays() {
        let target = match name.strip_prefix("infos/") {
            Some(name) => {
                has_infos = true;
                infos.create_dataset(name)
            }
            None => file.create_dataset(name),
        };
        target.with_f32_data(values);
        let shape: &[usize] = if name == "rewards" { &[rows] } else { &[rows, width] };
        compress(target, shape, options.compression);
    }
    for (name, flags) in [("terminals", &dataset.terminals), ("timeouts", &dataset.timeouts)] {
        write_flags(file.create_dataset(name), &boolean, flags, options.compression);
    }
    if has_infos {
        file.add_group(infos.finish());
    }
    file.set_attr("env_id", AttrValue::String(dataset.env_id.clone()));
    let metadata = &dataset.metadata;
    if let Some(seed) = metadata.seed {
        file.set_attr("seed", AttrValue::U64(seed));
    }
    if let Some(version) = metadata.generator_version {
        file.set_attr("generator_version", AttrValue::U32(version));
    }
    for (name, text) in [("generator", &metadata.generator), ("layout_hash", &metadata.layout_hash)] {
        if let Some(text) = text {
            file.set_attr(name, AttrValue::String(text.clone()));
        }
    }
    let meaning = match metadata.timeouts {
        TimeoutMeaning::GoalSwitch => "goal-switch",
        TimeoutMeaning::Truncation => "truncation",
    };
    file.set_attr("timeout_meaning", AttrValue::String(meaning.into()));
    let convention = match metadata.rewards {
        RewardConvention::OfAction => "of-action",
        RewardConvention::OfObservation => "of-observation",
        RewardConvention::Missing => "missing",
    };
    file.set_attr("reward_convention", AttrValue::String(convention.into()));
    if let Some(description) = description {
        file.set_attr("description", AttrValue::String(description));
    }
    Ok(file)
}

pub(super) fn write_flags(target: &mut DatasetBuilder, boolean: &Datatype, flags: &[bool], level: u32) {
    let bytes: Vec<u8> = flags.iter().map(|flag| u8::from(*flag)).collect();
    target.with_enum_u8_data(boolean.clone(), &bytes);
    compress(target, &[flags.len()], level);
}

pub(super) fn compress(target: &mut DatasetBuilder, shape: &[usize], level: u32) {
    let shape: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    let mut chunk = shape.clone();
    if let Some(rows) = chunk.first_mut() {
        *rows = (*rows).min(CHUNK_ROWS as u64);
    }
    target.with_shape(&shape).with_chunks(&chunk).with_shuffle().with_deflate(level);
}
