//! Those who drove the data, as policies: what a planner that learnt from them is held against.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{HalfCheetahData, HalfCheetahSampler};
use crate::{EnvError, Policy, SharedTask};

/// Keeps the noise apart from the draws of the environment that is reset with the same seed.
const DRIVER_STREAM: u64 = 0x6472_6976;

/// A sampler with the budget and the noise of data of one quality: `data-short`, `data-medium` or `data-good`.
pub struct HalfCheetahDriver {
    name: &'static str,
    sampler: HalfCheetahSampler,
    noise: f64,
    random: ChaCha8Rng,
}

impl HalfCheetahDriver {
    /// Who drove these data; of mixed data who drove their first episode.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo or the model cannot be had.
    pub fn make(id: &str, data: HalfCheetahData) -> Result<Self, EnvError> {
        let (budget, noise) = data.driver(0);
        let sampler = HalfCheetahSampler::make(id, budget)?;
        Ok(Self { name: data.driver_name(), sampler, noise, random: random_of(0) })
    }
}

fn random_of(seed: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(DRIVER_STREAM);
    random
}

impl Policy for HalfCheetahDriver {
    fn name(&self) -> &str {
        self.name
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.random = random_of(seed);
        let of_sampler = self.random.next_u64();
        self.sampler.reset(of_sampler, task)
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        self.sampler.act(observation, action)?;
        for value in action {
            *value = (*value + self.noise * self.random.sample::<f64, _>(StandardNormal)).clamp(-1.0, 1.0);
        }
        Ok(())
    }
}
