//! From data to a policy.

use std::collections::BTreeMap;

use forethought_envs::EnvSpec;
use forethought_envs::data::{Dataset, RewardConvention};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, Sampler};
use super::manifest::{FORMAT, PolicyManifest};
use super::transitions::{Scaling, Transitions};
use super::{
    CQL, DIFFUSION_QL, HIQL, IQL, LEARNED_POLICIES, LearnedConfig, LearnedPolicy, TD3_BC, learner, unknown,
};
use crate::PolicyError;
use crate::perceptron::Mlp;

/// Keeps the draws of batches and of noise apart from others of the same seed.
const BATCH_STREAM: u64 = 0x6261_7463;
const NOISE_STREAM: u64 = 0x6e6f_6973;

/// Where training stands.
#[derive(Clone, Copy, Debug)]
pub struct LearnedProgress<'a> {
    /// Steps done.
    pub step: u64,
    /// Losses of the last one, by name.
    pub losses: &'a [(&'static str, f32)],
}

/// Trains a policy by its name on a data set of an environment, on `threads` threads; the numbers are the same for any. `progress` is
/// told of every step; where it answers `false` training stops, and the policy is what it is then.
///
/// # Errors
/// [`PolicyError::UnknownLearned`], [`PolicyError::Setting`], [`PolicyError::Unsuitable`] for data or an environment that it
/// cannot be trained on, [`PolicyError::Diverged`] where a loss is no number any more.
pub fn train(
    name: &str,
    dataset: &Dataset,
    spec: &EnvSpec,
    config: &LearnedConfig,
    threads: usize,
    progress: &mut (dyn FnMut(LearnedProgress<'_>) -> bool + Send),
) -> Result<LearnedPolicy, PolicyError> {
    let name = LEARNED_POLICIES.into_iter().find(|known| *known == name).ok_or_else(|| unknown(name))?;
    config.check(name)?;
    spec.check()?;
    // Zeros instead would be learnt from in silence.
    if [TD3_BC, IQL, CQL, DIFFUSION_QL].contains(&name)
        && dataset.metadata.rewards == RewardConvention::Missing
    {
        return Err(PolicyError::Unsuitable {
            name,
            env: spec.id.clone(),
            reason: "the data record no rewards: add them, or choose bc, gcbc, gcivl, gciql or hiql".into(),
        });
    }
    let scaling = Scaling::fit(name, dataset, spec, config)?;
    let data = Transitions::new(name, dataset, spec, &scaling)?;
    let (goal_entries, transitions) = (data.goal_entries.clone(), data.steps.len());
    let mut learner = learner(name, data.sizes, config)?;
    let sampler = Sampler::new(data, &config.goals, config.train.discount, config.train.batch)
        .with_subgoals((name == HIQL).then_some(config.hiql.subgoal_steps));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    let pool = pool.map_err(|error| PolicyError::Setting {
        name: "threads",
        value: threads.to_string(),
        remedy: format!("the system gives no such number: {error}"),
    })?;
    let stream = |stream| {
        let mut rng = ChaCha8Rng::seed_from_u64(config.train.seed);
        rng.set_stream(stream);
        rng
    };
    let (mut draws, mut noise, mut batch) = (stream(BATCH_STREAM), stream(NOISE_STREAM), Batch::default());
    let mut steps = 0;
    pool.install(|| {
        while steps < config.train.steps {
            sampler.draw(&mut batch, &mut draws);
            let losses = learner.update(&batch, &mut noise)?;
            steps += 1;
            if let Some((loss, value)) = losses.iter().find(|(_, value)| !value.is_finite()) {
                return Err(PolicyError::Diverged { loss, value: *value, step: steps });
            }
            if !progress(LearnedProgress { step: steps, losses: &losses }) {
                break;
            }
        }
        Ok(())
    })?;
    let actor = learner.actor().clone();
    let named = |(name, network): (&str, &Mlp)| (name.to_owned(), network.clone());
    let beside: BTreeMap<String, Mlp> = learner.beside().into_iter().map(named).collect();
    let manifest = PolicyManifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        policy: name.to_owned(),
        environment: spec.id.clone(),
        layout_hash: spec.layout_hash.clone(),
        goal_entries,
        steps,
        transitions,
        config: config.clone(),
        // Known once they are written.
        weights_sha256: String::new(),
        network: actor.config().clone(),
        beside: beside.iter().map(|(name, network)| (name.clone(), network.config().clone())).collect(),
        head: learner.head(),
        scaling,
    };
    Ok(LearnedPolicy::new(manifest, actor, beside))
}
