//! Reading data sets in D4RL's HDF5 layout.

use std::path::Path;

use hdf5_pure::AttrValue;

use super::following::mark_cuts;
use super::hdf5_arrays::Arrays;
use super::parts::NO_PARTS;
use super::reader::{DataReader, ReadOptions, Source, read_as};
use super::recording::{Stated, recognise};
use super::{DataDescription, Dataset, DatasetMetadata, RewardConvention, SimulatorState, TimeoutMeaning};
use crate::EnvError;

/// Reads an HDF5 file in D4RL's layout, whoever wrote it.
///
/// Needs `observations`, `actions`, and `terminals` or `timeouts`; takes `rewards`, `infos/goal` and `infos/qpos`
/// with `infos/qvel` where they are. Where `next_observations` are, an episode also ends after each row whose next
/// observation is not the one of the next row. Vectors may have shape `[rows]` or `[rows, 1]`; numbers may be of any size
/// and kind, flags of any that hold 0 and 1. Other keys are ignored. The result has passed [`Dataset::check`].
///
/// What time-outs and rewards mean is taken from `options`, else from the attributes `timeout_meaning`,
/// `reward_convention` and `description` (a [`DataDescription`] as TOML), else from the rows themselves: the recordings of D4RL's maze2d are told by observations
/// that are recorded twice. All others are episodes with rewards of their actions.
///
/// # Errors
/// [`EnvError::Io`] when the file cannot be opened; [`EnvError::Data`] when it is not HDF5, is cut off or
/// damaged, misses a key, holds a type or shape that cannot be trained on (discrete actions and images among
/// them), is larger than allowed, is asked for parts of its observations, or fails the check.
pub fn read_hdf5(path: &Path, options: &ReadOptions) -> Result<Dataset, EnvError> {
    read_as(path, options, |_| Ok(&D4rl))
}

/// D4RL's layout in HDF5, and what is to be read where nothing else is recognised.
pub(super) struct D4rl;

impl DataReader for D4rl {
    fn name(&self) -> &'static str {
        "D4RL"
    }

    fn recognises(&self, source: &Source) -> bool {
        source.is_hdf5()
    }

    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let mut arrays = source.into_arrays()?;
        if options.observations.is_some() {
            return Err(arrays.error(NO_PARTS.into()));
        }
        dataset(&mut arrays, options)
    }
}

fn dataset(arrays: &mut Arrays, options: &ReadOptions) -> Result<Dataset, EnvError> {
    let attributes = arrays.attributes()?;
    let text = |name: &str| attributes.get(name).and_then(AttrValue::as_str).map(str::to_owned);
    let description = match text("description") {
        Some(text) => DataDescription::parse(&text, arrays.path())?,
        None => DataDescription::default(),
    };
    let stated_timeouts = match text("timeout_meaning").as_deref() {
        Some("goal-switch") => Some(TimeoutMeaning::GoalSwitch),
        Some("truncation") => Some(TimeoutMeaning::Truncation),
        Some(other) => {
            return Err(arrays
                .error(format!("attribute timeout_meaning is `{other}`: give goal-switch or truncation")));
        }
        None => None,
    };
    let stated_rewards = match text("reward_convention").as_deref() {
        Some("of-action") => Some(RewardConvention::OfAction),
        Some("of-observation") => Some(RewardConvention::OfObservation),
        Some("missing") => Some(RewardConvention::Missing),
        Some(other) => {
            return Err(arrays.error(format!(
                "attribute reward_convention is `{other}`: give of-action, of-observation or missing"
            )));
        }
        None => None,
    };
    let (observations, observation_dim) = arrays.vectors("observations")?;
    let (actions, action_dim) = arrays.actions("actions", &attributes)?;
    let rows = observations.len() / observation_dim.max(1);
    let has_timeouts = arrays.has("timeouts")?;
    let terminals = if arrays.has("terminals")? {
        arrays.flags("terminals")?
    } else if has_timeouts {
        vec![false; rows]
    } else {
        return Err(arrays.error(
            "neither `terminals` nor `timeouts` is there, so nothing says where trajectories end: add one of them \
             (true in the last row of each; all false for one unbroken run)"
                .into(),
        ));
    };
    let timeouts = if has_timeouts { arrays.flags("timeouts")? } else { vec![false; rows] };
    let (rewards, found_rewards) = if arrays.has("rewards")? {
        (arrays.column("rewards")?, None)
    } else {
        (vec![0.0; rows], Some(RewardConvention::Missing))
    };
    let goals = if arrays.has("infos/goal")? { Some(arrays.vectors("infos/goal")?) } else { None };
    let simulator = if arrays.has("infos/qpos")? && arrays.has("infos/qvel")? {
        let (positions, dim) = arrays.vectors("infos/qpos")?;
        let (velocities, velocity_dim) = arrays.vectors("infos/qvel")?;
        // Bodies with free joints have more positions than velocities; nothing here uses those.
        (dim == velocity_dim).then_some(SimulatorState { dim, positions, velocities })
    } else {
        None
    };
    let mut dataset = Dataset {
        env_id: text("env_id")
            .or_else(|| description.environment.clone())
            .or_else(|| options.env_id.clone())
            .unwrap_or_default(),
        observation_dim,
        action_dim,
        goal_dim: goals.as_ref().map_or(0, |(_, width)| *width),
        observations,
        actions,
        rewards,
        terminals,
        timeouts,
        goals: goals.map(|(values, _)| values),
        simulator,
        metadata: DatasetMetadata {
            seed: attributes.get("seed").and_then(AttrValue::as_u64),
            generator: text("generator"),
            generator_version: attributes
                .get("generator_version")
                .and_then(AttrValue::as_u64)
                .and_then(|v| u32::try_from(v).ok()),
            layout_hash: text("layout_hash"),
            description: description.clone(),
            ..DatasetMetadata::default()
        },
    };
    let stated = Stated {
        timeouts: options.timeouts.or(stated_timeouts).or(description.timeouts),
        rewards: found_rewards.or(options.rewards).or(stated_rewards).or(description.rewards),
        marks: has_timeouts,
        goal: options.goal.clone(),
    };
    recognise(&mut dataset, &stated);
    if dataset.metadata.timeouts == TimeoutMeaning::Truncation && arrays.has("next_observations")? {
        let (next, width) = arrays.lend(|arrays| arrays.vectors("next_observations"))?;
        if width != dataset.observation_dim || next.len() != dataset.observations.len() {
            return Err(arrays.error(
                "`next_observations` and `observations` have different shapes, so they do not belong together: write the \
                 file again, or leave `next_observations` out"
                    .into(),
            ));
        }
        mark_cuts(&mut dataset, &next);
    }
    Ok(dataset)
}
