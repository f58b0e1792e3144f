//! Reading robomimic's HDF5 layout: one group for each demonstration.

use hdf5_pure::AttrValue;
use serde_json::Value;

use super::episodes::{Episode, Episodes, ending};
use super::hdf5_arrays::Arrays;
use super::parts::{Chosen, Part, side_by_side};
use super::reader::{DataReader, ReadOptions, Source};
use super::{DataDescription, Dataset};
use crate::EnvError;

/// `data/demo_0`, `data/demo_1`, ... with `actions`, `obs/*` and, where they are, `rewards`, `dones` and `next_obs/*`.
///
/// Demonstrations come in the order of their numbers. `next_obs` are what the last action of each led to; the others say
/// what the next row of `obs` says again.
pub(super) struct Robomimic;

impl DataReader for Robomimic {
    fn name(&self) -> &'static str {
        "robomimic"
    }

    fn recognises(&self, source: &Source) -> bool {
        source.episode_groups().iter().any(|name| name == "data")
    }

    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let mut arrays = source.into_arrays()?;
        dataset(&mut arrays, options)
    }
}

fn dataset(arrays: &mut Arrays, options: &ReadOptions) -> Result<Dataset, EnvError> {
    let masks = arrays.root_groups().iter().any(|name| name == "mask");
    let data = arrays.group("data")?;
    arrays.enter(data, "data".into());
    let (env_id, step_seconds) = environment(arrays)?;
    let demos = arrays.numbered("demo_")?;
    if demos.is_empty() {
        return Err(arrays.error(
            "`data` holds no demonstration (`demo_0`, `demo_1`, ...); links are not followed: copy the demonstrations in"
                .into(),
        ));
    }
    let mut notes = Vec::new();
    let mut chosen: Option<Chosen> = None;
    let mut episodes: Option<Episodes> = None;
    let (mut early, mut without_end, count) = (0, 0, demos.len());
    for (number, group) in demos {
        let name = format!("demo_{number}");
        arrays.enter(group, name.clone());
        let chosen = match &mut chosen {
            Some(chosen) => chosen,
            None => chosen.insert(parts(arrays, options, &mut notes)?),
        };
        let attributes = arrays.attributes()?;
        let (actions, action_dim) = arrays.actions("actions", &attributes)?;
        let steps = actions.len() / action_dim.max(1);
        if let Some(said) = attributes.get("num_samples").and_then(AttrValue::as_u64)
            && said != steps as u64
        {
            return Err(arrays.error(format!(
                "{name}: num_samples says {said} steps, and there are {steps} actions: collect or copy it again, or \
                 leave this demonstration out"
            )));
        }
        let (observations, after) = observed(arrays, chosen, &name, steps)?;
        without_end += usize::from(!after);
        let rewards = if arrays.has("rewards")? { Some(arrays.column("rewards")?) } else { None };
        let (terminal, before) = ending(&arrays.flags_of("dones", steps)?);
        early += before;
        let episodes = episodes.get_or_insert_with(|| Episodes::new([chosen.width(), action_dim], 0));
        let episode = Episode { observations, actions, rewards, goals: None, terminal };
        episodes.push(action_dim, episode).map_err(|problem| arrays.error(format!("{name}: {problem}")))?;
    }
    if early > 0 {
        notes.push(format!(
            "{early} rows before the last of their demonstrations are marked done; demonstrations go on to their ends"
        ));
    }
    if without_end > 0 {
        notes.push(format!(
            "{without_end} of {count} demonstrations have no `next_obs`, so what their last actions led to is not known"
        ));
    }
    if masks {
        notes.push(
            "`mask` is not used: episodes to validate with are held out by the setting data.validation"
                .into(),
        );
    }
    let description = DataDescription {
        step_seconds,
        features: chosen.as_ref().map(Chosen::features).unwrap_or_default(),
        ..DataDescription::default()
    };
    let (Some(episodes), true) = (episodes, chosen.is_some()) else {
        return Err(arrays.error("`data` holds no demonstration: copy some in".into()));
    };
    Ok(episodes.finish(env_id, description, notes, options))
}

/// Which parts of the observation are read, told by the first demonstration.
fn parts(arrays: &Arrays, options: &ReadOptions, notes: &mut Vec<String>) -> Result<Chosen, EnvError> {
    let mut there = arrays.parts("obs")?.unwrap_or_default();
    // States of the simulator are an observation only where somebody asks for them.
    let states = arrays.parts("")?.unwrap_or_default().into_iter().find(|part| part.key == "states");
    if there.is_empty() && options.observations.is_none() {
        let remedy = match &states {
            Some(_) => "make them with robomimic's `dataset_states_to_obs.py`, or ask for `states`",
            None => "make them with robomimic's `dataset_states_to_obs.py`",
        };
        return Err(arrays.error(format!("the demonstrations hold no observations (`obs`): {remedy}")));
    }
    if let Some(states) = states.filter(|_| {
        options.observations.as_ref().is_some_and(|asked| asked.iter().any(|key| key == "states"))
    }) {
        there.push(Part { key: "states".into(), ..states });
    }
    let mut chosen =
        Chosen::of(there, options.observations.as_deref()).map_err(|problem| arrays.error(problem))?;
    notes.extend(chosen.note.take());
    Ok(chosen)
}

/// Observations before each action and, where `next_obs` tell it, after the last; and whether they do.
fn observed(
    arrays: &mut Arrays,
    chosen: &Chosen,
    name: &str,
    steps: usize,
) -> Result<(Vec<f32>, bool), EnvError> {
    let (mut before, mut after) = (Vec::new(), Some(Vec::new()));
    for (key, width) in &chosen.parts {
        let place =
            if key == "states" && !arrays.has("obs/states")? { key.clone() } else { format!("obs/{key}") };
        let values = part(arrays, &place, *width, steps, name)?;
        before.push((values, *width));
        let next = format!("next_obs/{key}");
        after = match after {
            Some(mut after) if steps > 0 && arrays.has(&next)? => {
                let values = arrays.lend(|arrays| part(arrays, &next, *width, steps, name))?;
                after.extend_from_slice(&values[(steps - 1) * width..]);
                Some(after)
            }
            _ => None,
        };
    }
    let mut observations = side_by_side(before).unwrap_or_default();
    let known = after.is_some();
    observations.extend(after.unwrap_or_default());
    Ok((observations, known))
}

/// A part of the observation, which must have so many rows and entries.
fn part(
    arrays: &mut Arrays,
    key: &str,
    width: usize,
    steps: usize,
    name: &str,
) -> Result<Vec<f32>, EnvError> {
    let (values, found) = arrays.vectors(key)?;
    if found != width || values.len() != steps.saturating_mul(width) {
        return Err(arrays.error(format!(
            "{name}: `{key}` has {} rows of {found} entries, and {steps} rows of {width} belong to its actions and to the \
             first demonstration: collect or copy it again, or leave this demonstration out",
            values.len() / found.max(1)
        )));
    }
    Ok(values)
}

/// Name of the environment and seconds of a step, as `env_args` tells them.
fn environment(arrays: &Arrays) -> Result<(Option<String>, Option<f64>), EnvError> {
    let attributes = arrays.attributes()?;
    let said = attributes.get("env_args").and_then(AttrValue::as_str);
    let said: Value = said.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let name = said.get("env_name").and_then(Value::as_str).map(str::to_owned);
    let frequency =
        said.get("env_kwargs").and_then(|kwargs| kwargs.get("control_freq")).and_then(Value::as_f64);
    let seconds =
        frequency.filter(|hertz| *hertz > 0.0).map(f64::recip).filter(|seconds| seconds.is_finite());
    Ok((name, seconds))
}
