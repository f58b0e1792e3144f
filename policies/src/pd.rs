//! Planned positions and velocities, tracked.

use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::{check, check_len, finish};
use crate::{Executor, ExecutorConfig, PD, PlanFrame, PolicyError};

/// `kp (p_plan - p) + kv (v_plan - v)`, clipped to the action space: one action entry per position.
///
/// The gains of [`ExecutorConfig::default`] are those of the reference implementation of Diffusion
/// Forcing, version 1.5.
#[derive(Clone, Debug)]
pub struct PdTracking {
    space: BoxSpace,
    observation: usize,
    position_gain: f64,
    velocity_gain: f64,
    positions: Vec<usize>,
    velocities: Vec<usize>,
}

impl PdTracking {
    /// Executor with the gains and observation entries of `config`.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for gains that are not finite, for entries outside the observation, and
    /// unless there is one position per action entry and as many velocities or none.
    pub fn new(spec: &EnvSpec, config: &ExecutorConfig) -> Result<Self, PolicyError> {
        for (name, value) in [
            ("executor.position_gain", config.position_gain),
            ("executor.velocity_gain", config.velocity_gain),
        ] {
            if !value.is_finite() {
                let remedy = "give a finite number".to_owned();
                return Err(PolicyError::Setting { name, value: value.to_string(), remedy });
            }
        }
        tracked_entries(spec, "executor.positions", &config.positions, false)?;
        tracked_entries(spec, "executor.velocities", &config.velocities, true)?;
        Ok(Self {
            space: spec.action.clone(),
            observation: spec.observation.len(),
            position_gain: config.position_gain,
            velocity_gain: config.velocity_gain,
            positions: config.positions.clone(),
            velocities: config.velocities.clone(),
        })
    }
}

/// Refuses a list of observation entries unless there is one per action entry, or none where that is allowed.
pub(crate) fn tracked_entries(
    spec: &EnvSpec,
    name: &'static str,
    list: &[usize],
    may_be_empty: bool,
) -> Result<(), PolicyError> {
    let (entries, actions) = (spec.observation.len(), spec.action.len());
    let fits = list.len() == actions || (may_be_empty && list.is_empty());
    if fits && list.iter().all(|&index| index < entries) {
        return Ok(());
    }
    let or_none = if may_be_empty { ", or an empty list to track positions alone" } else { "" };
    Err(PolicyError::Setting {
        name,
        value: format!("{list:?}"),
        remedy: format!(
            "`{}` has {actions} action and {entries} observation entries: give {actions} observation entries below \
             {entries}{or_none}",
            spec.id
        ),
    })
}

impl Executor for PdTracking {
    fn name(&self) -> &'static str {
        PD
    }

    fn command(
        &mut self,
        observation: &[f64],
        frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        let frame = frame.ok_or(PolicyError::NeedsPlan(PD))?;
        check("observation", observation, self.observation)?;
        check("planned observation", frame.observation, self.observation)?;
        check_len("command", action, self.space.len())?;
        let error = |index: usize| frame.observation[index] - observation[index];
        for (i, command) in action.iter_mut().enumerate() {
            let velocity = self.velocities.get(i).map_or(0.0, |&index| self.velocity_gain * error(index));
            *command = self.position_gain * error(self.positions[i]) + velocity;
        }
        finish(action, &self.space)
    }
}
