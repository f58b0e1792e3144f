//! From data to a policy.

use std::collections::BTreeMap;
use std::path::Path;

use forethought_envs::EnvSpec;
use forethought_envs::data::{Dataset, RewardConvention};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, Sampler};
use super::manifest::{FORMAT, PolicyManifest};
use super::state::{self, Standing};
use super::transitions::{Scaling, Transitions};
use super::{
    CQL, DIFFUSION_QL, HIQL, IQL, LEARNED_POLICIES, LearnedConfig, LearnedPolicy, Learner, TD3_BC, learner,
    unknown,
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

/// A policy that is being trained.
pub struct Training {
    learner: Box<dyn Learner>,
    sampler: Sampler,
    pool: rayon::ThreadPool,
    draws: ChaCha8Rng,
    noise: ChaCha8Rng,
    batch: Batch,
    /// Of the policy as it is now, but for what its networks say of themselves.
    manifest: PolicyManifest,
}

impl Training {
    /// Begins the training of a policy by its name on a data set of an environment, on `threads` threads; the numbers are the same for any.
    ///
    /// # Errors
    /// [`PolicyError::UnknownLearned`], [`PolicyError::Setting`], [`PolicyError::Unsuitable`] for data or an environment that it
    /// cannot be trained on.
    pub fn new(
        name: &str,
        dataset: &Dataset,
        spec: &EnvSpec,
        config: &LearnedConfig,
        threads: usize,
    ) -> Result<Self, PolicyError> {
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
                reason: "the data record no rewards: add them, or choose bc, gcbc, gcivl, gciql or hiql"
                    .into(),
            });
        }
        let scaling = Scaling::fit(name, dataset, spec, config)?;
        let data = Transitions::new(name, dataset, spec, &scaling)?;
        let (goal_entries, transitions, data_sha256) =
            (data.goal_entries.clone(), data.steps.len(), data.sha256());
        let learner = learner(name, data.sizes, config)?;
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
        let actor = learner.actor().config().clone();
        let manifest = PolicyManifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            policy: name.to_owned(),
            environment: spec.id.clone(),
            layout_hash: spec.layout_hash.clone(),
            goal_entries,
            steps: 0,
            transitions,
            data_sha256,
            config: config.clone(),
            // Known once they are written.
            weights_sha256: String::new(),
            network: actor,
            beside: learner
                .beside()
                .into_iter()
                .map(|(name, network)| (name.to_owned(), network.config().clone()))
                .collect(),
            head: learner.head(),
            scaling,
        };
        let (draws, noise) = (stream(BATCH_STREAM), stream(NOISE_STREAM));
        Ok(Self { learner, sampler, pool, draws, noise, batch: Batch::default(), manifest })
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.manifest.steps
    }

    /// Whether all of the steps are done.
    pub fn complete(&self) -> bool {
        self.manifest.steps >= self.manifest.config.train.steps
    }

    /// Whether a policy is what this training ends in.
    ///
    /// # Errors
    /// In what it differs, in words.
    pub fn made(&self, policy: &PolicyManifest) -> Result<(), String> {
        let (differs, wanted) = (policy.differs(&self.manifest), self.manifest.config.train.steps);
        match differs.is_empty() {
            true if policy.steps == wanted => Ok(()),
            true => Err(format!("steps ({} then, {wanted} now)", policy.steps)),
            false => Err(differs),
        }
    }

    /// Goes on to the end. `progress` is told of every step; where it answers `false` training stops there, to be gone on with or not.
    ///
    /// # Errors
    /// [`PolicyError::Diverged`] where a loss is no number any more.
    pub fn run(
        &mut self,
        progress: &mut (dyn FnMut(LearnedProgress<'_>) -> bool + Send),
    ) -> Result<(), PolicyError> {
        let Self { learner, sampler, pool, draws, noise, batch, manifest } = self;
        pool.install(|| {
            while manifest.steps < manifest.config.train.steps {
                sampler.draw(batch, draws);
                let losses = learner.update(batch, noise)?;
                manifest.steps += 1;
                let step = manifest.steps;
                if let Some((loss, value)) = losses.iter().find(|(_, value)| !value.is_finite()) {
                    return Err(PolicyError::Diverged { loss, value: *value, step });
                }
                if !progress(LearnedProgress { step, losses: &losses }) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The policy as it is now.
    pub fn policy(&self) -> LearnedPolicy {
        let named = |(name, network): (&str, &Mlp)| (name.to_owned(), network.clone());
        let beside: BTreeMap<String, Mlp> = self.learner.beside().into_iter().map(named).collect();
        LearnedPolicy::new(self.manifest.clone(), self.learner.actor().clone(), beside)
    }

    /// Writes where training stands into a folder, so that [`Self::resume`] goes on from there.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] naming the file; what stood there still does.
    pub fn save(&mut self, folder: &Path) -> Result<(), PolicyError> {
        let standing = Standing {
            manifest: self.manifest.clone(),
            draws: self.draws.get_word_pos().to_string(),
            noise: self.noise.get_word_pos().to_string(),
            sha256: String::new(),
        };
        state::write(folder, self.learner.as_mut(), standing)
    }

    /// Goes to where a folder says that this training stood; `false` where it says nothing. It ends in the same bytes as one that was
    /// never stopped.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] for a damaged file, and for a training with other settings or data, naming them. The training is of no
    /// use then.
    pub fn resume(&mut self, folder: &Path) -> Result<bool, PolicyError> {
        let Some(standing) = state::read(folder, self.learner.as_mut(), &self.manifest)? else {
            return Ok(false);
        };
        let words = |words: &str| state::words(folder, words);
        self.draws.set_word_pos(words(&standing.draws)?);
        self.noise.set_word_pos(words(&standing.noise)?);
        self.manifest.steps = standing.manifest.steps;
        Ok(true)
    }

    /// Forgets where training stood, once there is nothing to go on with.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] for a file that cannot be removed.
    pub fn forget(folder: &Path) -> Result<(), PolicyError> {
        state::remove(folder)
    }
}
