//! Planned positions and velocities, tracked.

use forethought_envs::{BoxSpace, EnvSpec, FeatureKind};

use crate::error::{check, check_len, finish};
use crate::{Controller, PD, PdConfig, PlanView, PolicyError};

/// `kp (p_plan - p) + kv (v_plan - v)`, clipped to the action space: one action entry per position.
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
    /// Controller with these gains. Positions and velocities are the observation's features of those kinds.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for gains that are missing or not finite, [`PolicyError::Unsuitable`] unless the
    /// environment observes one position per action entry, and as many velocities or none.
    pub fn new(spec: &EnvSpec, config: &PdConfig) -> Result<Self, PolicyError> {
        let positions = tracked(spec, PD, FeatureKind::Position)?;
        let velocities = spec.entries(FeatureKind::Velocity);
        let velocities =
            if velocities.is_empty() { velocities } else { tracked(spec, PD, FeatureKind::Velocity)? };
        let gain = |name, value: Option<f64>| {
            value.filter(|gain| gain.is_finite()).ok_or_else(|| PolicyError::Setting {
                name,
                value: value.map_or("not given".into(), |gain| gain.to_string()),
                remedy: "give the action per unit of error: no gain suits every robot".into(),
            })
        };
        let position_gain = gain("control.pd.position_gain", config.position_gain)?;
        let velocity_gain = match velocities.is_empty() {
            true => 0.0,
            false => gain("control.pd.velocity_gain", config.velocity_gain)?,
        };
        let (space, observation) = (spec.action.clone(), spec.observation.len());
        Ok(Self { space, observation, position_gain, velocity_gain, positions, velocities })
    }
}

/// Observation entries of the features of a kind, one per action entry: what a controller that works axis by axis
/// needs.
pub(crate) fn tracked(
    spec: &EnvSpec,
    name: &'static str,
    kind: FeatureKind,
) -> Result<Vec<usize>, PolicyError> {
    let (entries, actions) = (spec.entries(kind), spec.action.len());
    if entries.len() == actions && entries.iter().all(|&entry| entry < spec.observation.len()) {
        return Ok(entries);
    }
    let word = if kind == FeatureKind::Position { "position" } else { "velocity" };
    Err(PolicyError::Unsuitable {
        name,
        env: spec.id.clone(),
        reason: format!(
            "it needs one {word} per action entry ({actions}), and the observation's features of kind `{word}` have {} \
             entries: describe the features, or choose `diffused-action`",
            entries.len()
        ),
    })
}

impl Controller for PdTracking {
    fn name(&self) -> &'static str {
        PD
    }

    fn command(
        &mut self,
        observation: &[f64],
        ahead: PlanView<'_>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        let planned = ahead.next_observation(self.observation);
        check("observation", observation, self.observation)?;
        check("planned observation", planned, self.observation)?;
        check_len("command", action, self.space.len())?;
        let error = |index: usize| planned[index] - observation[index];
        for (i, command) in action.iter_mut().enumerate() {
            let velocity = self.velocities.get(i).map_or(0.0, |&index| self.velocity_gain * error(index));
            *command = self.position_gain * error(self.positions[i]) + velocity;
        }
        finish(action, &self.space)
    }
}
