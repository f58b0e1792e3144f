//! A learned policy that acts.

use forethought_envs::{EnvError, EnvSpec, Policy, SharedTask};

use super::{LEARNED_POLICIES, PolicyManifest};
use crate::PolicyError;
use crate::perceptron::{Mlp, Tape};

/// What a policy network commands, for the environment that it was trained for. It acts without chance: it commands the middle
/// of its distribution.
#[derive(Clone, Debug)]
pub struct LearnedPolicy {
    pub(super) manifest: PolicyManifest,
    pub(super) actor: Mlp,
    tape: Tape,
    input: Vec<f32>,
    goal: Vec<f32>,
}

impl LearnedPolicy {
    pub(super) fn new(manifest: PolicyManifest, actor: Mlp) -> Self {
        Self { manifest, actor, tape: Tape::default(), input: Vec::new(), goal: Vec::new() }
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &PolicyManifest {
        &self.manifest
    }

    /// Refuses an environment that it was not trained for.
    ///
    /// # Errors
    /// [`PolicyError::Unsuitable`] naming both.
    pub fn check_for(&self, spec: &EnvSpec) -> Result<(), PolicyError> {
        let manifest = &self.manifest;
        let known = LEARNED_POLICIES.iter().find(|name| **name == manifest.policy);
        let refuse = |reason: String| {
            Err(PolicyError::Unsuitable { name: known.unwrap_or(&"policy"), env: spec.id.clone(), reason })
        };
        let scaling = &manifest.scaling;
        let sizes = [scaling.observations.width(), scaling.action_low.len()];
        let theirs = [spec.observation.len(), spec.action.len()];
        let same_place = match &manifest.layout_hash {
            Some(hash) => Some(hash) == spec.layout_hash.as_ref(),
            None => manifest.environment == spec.id,
        };
        if !same_place || sizes != theirs {
            return refuse(format!(
                "it was trained for `{}`: train one for this environment",
                forethought_envs::printable(&manifest.environment)
            ));
        }
        if !manifest.goal_entries.is_empty() && manifest.goal_entries != spec.condition {
            return refuse("its goals speak of other entries of an observation: train it anew".into());
        }
        Ok(())
    }
}

impl Policy for LearnedPolicy {
    fn name(&self) -> &str {
        &self.manifest.policy
    }

    fn reset(&mut self, _seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.goal.clear();
        let entries = &self.manifest.goal_entries;
        if entries.is_empty() {
            return Ok(());
        }
        match task.condition() {
            Some(condition) if condition.entries == entries => {
                self.manifest.scaling.entries(entries, condition.values, &mut self.goal);
                Ok(())
            }
            _ => Err(EnvError::Mismatch(format!(
                "`{}` acts towards goals for entries {entries:?} of an observation, and the task has none such",
                self.manifest.policy
            ))),
        }
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let scaling = &self.manifest.scaling;
        let (entries, numbers) = (scaling.observations.width(), scaling.action_low.len());
        if observation.len() != entries || action.len() != numbers {
            return Err(EnvError::Mismatch(format!(
                "an observation has {entries} entries and an action {numbers}, {} and {} were given",
                observation.len(),
                action.len()
            )));
        }
        if let Some(index) = observation.iter().position(|value| !value.is_finite()) {
            let value = observation.get(index).copied().unwrap_or(f64::NAN);
            return Err(EnvError::NonFinite { what: "observation".into(), index, value });
        }
        self.input.clear();
        scaling.observation(observation.iter().copied(), &mut self.input);
        self.input.extend_from_slice(&self.goal);
        let outputs = self.actor.forward(&mut self.tape, &self.input);
        let outputs = outputs.map_err(|error| EnvError::Mismatch(error.to_string()))?;
        for (column, (command, output)) in action.iter_mut().zip(outputs).enumerate() {
            let output = if self.manifest.head == super::Head::Mean { *output } else { output.tanh() };
            *command = scaling.action_out(column, output);
        }
        match action.iter().position(|command| !command.is_finite()) {
            Some(index) => Err(EnvError::NonFinite { what: "command".into(), index, value: f64::NAN }),
            None => Ok(()),
        }
    }
}
