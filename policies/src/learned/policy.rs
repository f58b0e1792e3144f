//! A learned policy that acts.

use std::collections::BTreeMap;

use forethought_envs::{EnvError, EnvSpec, Policy, SharedTask};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::batch::join;
use super::denoising::{Chain, Level, levels};
use super::hiql::to_length;
use super::td3_bc::normal;
use super::{Head, LEARNED_POLICIES, PolicyManifest};
use crate::PolicyError;
use crate::perceptron::{Mlp, Tape};

/// Keeps the draws of acting apart from others of the same seed.
const ACT_STREAM: u64 = 0x6163_7473;

/// What a policy network commands, for the environment that it was trained for. It acts without chance: it commands the middle
/// of its distribution. Diffusion-QL's alone has no middle: it draws, by the seed of the episode.
#[derive(Clone, Debug)]
pub struct LearnedPolicy {
    pub(super) manifest: PolicyManifest,
    pub(super) actor: Mlp,
    beside: BTreeMap<String, Mlp>,
    tape: Tape,
    input: Vec<f32>,
    goal: Vec<f32>,
    levels: Vec<Level>,
    chain: Chain,
    rng: ChaCha8Rng,
}

impl LearnedPolicy {
    pub(super) fn new(manifest: PolicyManifest, actor: Mlp, beside: BTreeMap<String, Mlp>) -> Self {
        let denoised = manifest.head == Head::Denoised;
        Self {
            levels: levels(if denoised { manifest.config.diffusion_ql.denoising_steps } else { 0 }),
            manifest,
            actor,
            beside,
            tape: Tape::default(),
            input: Vec::new(),
            goal: Vec::new(),
            chain: Chain::default(),
            rng: ChaCha8Rng::seed_from_u64(0),
        }
    }

    /// Every network by its name in files.
    pub(super) fn networks(&self) -> Vec<(&str, &Mlp)> {
        let beside = self.beside.iter().map(|(name, network)| (name.as_str(), network));
        [("actor", &self.actor)].into_iter().chain(beside).collect()
    }

    /// The network's answer to what it is shown, as an action in `[-1, 1]`, with no bound kept yet.
    fn answer(&mut self) -> Result<Vec<f32>, PolicyError> {
        if self.manifest.head == Head::Denoised {
            return self.drawn();
        }
        if let Some(high) = self.beside.get("high") {
            // Where to go first, and then how.
            let mut subgoal = high.forward(&mut self.tape, &self.input)?.to_vec();
            to_length(&mut subgoal, high.config().output());
            self.input.truncate(self.input.len().saturating_sub(self.goal.len()));
            self.input.append(&mut subgoal);
        }
        let mut outputs = self.actor.forward(&mut self.tape, &self.input)?.to_vec();
        if self.manifest.head != Head::Mean {
            outputs.iter_mut().for_each(|output| *output = output.tanh());
        }
        Ok(outputs)
    }

    /// One of several actions, by chance in proportion to `exp Q`, where `Q` is the lower of two.
    fn drawn(&mut self) -> Result<Vec<f32>, PolicyError> {
        let (rows, width) = (self.manifest.config.diffusion_ql.candidates, self.actor.config().output());
        let s_bo = self.input.repeat(rows);
        let noise: Vec<Vec<f32>> =
            self.levels.iter().map(|_| (0..rows * width).map(|_| normal(&mut self.rng)).collect()).collect();
        let a_ba = self.chain.run(&self.actor, &self.levels, &s_bo, rows, &noise)?;
        let (input, mut worth) = (join(rows, &[&s_bo, &a_ba]), vec![f32::INFINITY; rows]);
        for critic in self.beside.values() {
            let q_b = critic.forward(&mut self.tape, &input)?;
            worth.iter_mut().zip(q_b).for_each(|(worth, q)| *worth = worth.min(*q));
        }
        let best = worth.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = worth.iter().map(|worth| (worth - best).exp()).collect();
        let mut left = self.rng.random::<f32>() * weights.iter().sum::<f32>();
        let chosen = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let at = chosen.unwrap_or(0) * width;
        Ok(a_ba.get(at..at + width).unwrap_or_default().to_vec())
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

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.rng = ChaCha8Rng::seed_from_u64(seed);
        self.rng.set_stream(ACT_STREAM);
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
        let outputs = self.answer().map_err(|error| EnvError::Mismatch(error.to_string()))?;
        for (column, (command, output)) in action.iter_mut().zip(outputs).enumerate() {
            *command = self.manifest.scaling.action_out(column, output);
        }
        match action.iter().position(|command| !command.is_finite()) {
            Some(index) => Err(EnvError::NonFinite { what: "command".into(), index, value: f64::NAN }),
            None => Ok(()),
        }
    }
}
