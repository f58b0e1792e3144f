//! References: policies that need no plan of others.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::motion::Motion;
use super::search::{HORIZON, Search, ways};
use super::state::OBSTACLES;
use super::{
    CROSSING_ARM_JOINTS, CROSSING_ARM_LAW, CROSSING_ARM_OBSERVATION, CROSSING_ARM_OBSTACLES, CrossingArmState,
};
use crate::crossing::foresight::{Foresight, Future, Seen, Weighing, look};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6172_6d73;
/// Steps for which a collision counts whole in a mean over futures.
const COMMITTED: usize = 12;

/// Margin of the references, in metres: what their search overlooks between two instants, and how far the hand strays in two steps from
/// where they foresee it, is less.
pub const CROSSING_ARM_MARGIN: f64 = 0.02;

/// A reference.
#[derive(Clone, Debug)]
pub struct CrossingArmPolicy {
    name: &'static str,
    foresight: Foresight,
    search: Search,
    seen: Option<[Seen; CROSSING_ARM_OBSTACLES]>,
    futures: Vec<Future<CROSSING_ARM_OBSTACLES>>,
    rng: ChaCha8Rng,
}

impl CrossingArmPolicy {
    /// To the goal at once, whatever moves: `full-speed`.
    pub fn full_speed() -> Self {
        Self::new("full-speed", Foresight::None, Search::new(0.0, Weighing::Mean, HORIZON))
    }

    /// Foresees that every obstacle goes on as it does now, and keeps `margin` metres more between than not to touch; plans anew in
    /// each step: `constant-velocity`.
    pub fn constant_velocity(margin: f64) -> Self {
        Self::new("constant-velocity", Foresight::AsNow, Search::new(margin, Weighing::Mean, HORIZON))
    }

    /// Goes only where no obstacle can come, whatever it decides: `cautious`.
    pub fn cautious() -> Self {
        Self::new("cautious", Foresight::Anywhere, Search::new(CROSSING_ARM_MARGIN, Weighing::Mean, HORIZON))
    }

    /// Knows the law, draws futures by it from what it has seen, and takes the plan that is best in the mean: `sampler`. It is
    /// told the law and nothing of an episode's own draws.
    pub fn sampler() -> Self {
        Self::new("sampler", Foresight::Drawn, Search::new(CROSSING_ARM_MARGIN, Weighing::Mean, COMMITTED))
    }

    /// The same, but takes the plan that is best in the best of its futures, as one does who draws decisions and outcomes
    /// together and keeps the best: `optimist`.
    pub fn optimist() -> Self {
        Self::new("optimist", Foresight::Drawn, Search::new(CROSSING_ARM_MARGIN, Weighing::Best, COMMITTED))
    }

    fn new(name: &'static str, foresight: Foresight, search: Search) -> Self {
        Self { name, foresight, search, seen: None, futures: foresight.futures(), rng: episode_rng(0) }
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(POLICY_STREAM);
    rng
}

/// To the goal at once, by the way that is soonest.
pub(super) fn straight(motion: &Motion, goal: [f64; 2]) -> [f64; CROSSING_ARM_JOINTS] {
    ways(motion, goal).first().map_or([0.0; CROSSING_ARM_JOINTS], |way| motion.towards(*way))
}

impl Policy for CrossingArmPolicy {
    fn name(&self) -> &str {
        self.name
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        (self.rng, self.seen) = (episode_rng(seed), None);
        self.search.reset();
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let (Some(state), Ok(action)) =
            (CrossingArmState::of(observation), <&mut [f64; CROSSING_ARM_JOINTS]>::try_from(action))
        else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations of {CROSSING_ARM_OBSERVATION} entries (arm, obstacles and goal) and gives \
                 actions of {CROSSING_ARM_JOINTS}",
                self.name
            )));
        };
        let seen = look(self.seen.as_ref(), observation.get(OBSTACLES..).unwrap_or_default());
        self.seen = Some(seen);
        self.foresight.fill(&CROSSING_ARM_LAW, &seen, HORIZON, &mut self.rng, &mut self.futures);
        let motion = Motion { angles: state.angles, rates: state.rates };
        *action = match self.foresight {
            Foresight::None => straight(&motion, state.goal),
            _ => self.search.act(motion, state.goal, &self.futures, &mut self.rng),
        };
        Ok(())
    }
}
