//! References: policies that need no plan.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::toy_car::{TOY_CAR_BEST_FACTOR, ToyCarDriver};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6472_6976;

/// Who drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Best,
    Data,
    FullThrottle,
}

/// A reference: the driver model at its best or as in the data, or full throttle.
#[derive(Clone, Debug)]
pub struct ToyCarPolicy {
    who: Who,
    driver: ToyCarDriver,
    rng: ChaCha8Rng,
}

impl ToyCarPolicy {
    /// The driver model with the time gap with which it drives best: `best-driver`.
    pub fn best() -> Self {
        Self::new(Who::Best)
    }

    /// The driver model as in the data, its time gap drawn for each episode, noise included: `data-driver`.
    pub fn of_the_data() -> Self {
        Self::new(Who::Data)
    }

    /// Full throttle, whatever is ahead: what one does who takes the best of all outcomes for granted. `full-throttle`.
    pub fn full_throttle() -> Self {
        Self::new(Who::FullThrottle)
    }

    fn new(who: Who) -> Self {
        Self { who, driver: ToyCarDriver { factor: TOY_CAR_BEST_FACTOR }, rng: episode_rng(0) }
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(POLICY_STREAM);
    rng
}

impl Policy for ToyCarPolicy {
    fn name(&self) -> &str {
        match self.who {
            Who::Best => "best-driver",
            Who::Data => "data-driver",
            Who::FullThrottle => "full-throttle",
        }
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        self.rng = episode_rng(seed);
        if self.who == Who::Data {
            self.driver = ToyCarDriver::draw(&mut self.rng);
        }
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let (&[ego_x, ego_speed, leader_x, leader_speed], [acceleration]) = (observation, action) else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations of 4 entries (position and speed of both cars) and gives actions of one",
                self.name()
            )));
        };
        let seen = [ego_x, ego_speed, leader_x, leader_speed];
        *acceleration = match self.who {
            Who::Best => self.driver.act(seen),
            Who::Data => self.driver.act_noisily(seen, &mut self.rng),
            Who::FullThrottle => 1.0,
        };
        Ok(())
    }
}
