//! References: policies that need no plan of others.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::crossing::foresight::{Foresight, Future, Seen, Weighing, look};
use crate::crossing::search::{HORIZON, Search, straight, towards};
use crate::crossing::{CROSSING_CARTS, CROSSING_LAW, CROSSING_OBSERVATION, CrossingRobot};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6372_6f73;
/// Steps for which a collision counts whole in a mean over futures.
const COMMITTED: usize = 8;

/// Margin of the references, in metres: what their search overlooks between two instants is less.
pub const CROSSING_MARGIN: f64 = 0.05;

/// A reference.
#[derive(Clone, Debug)]
pub struct CrossingPolicy {
    name: &'static str,
    foresight: Foresight,
    search: Search,
    seen: Option<[Seen; CROSSING_CARTS]>,
    futures: Vec<Future<CROSSING_CARTS>>,
    rng: ChaCha8Rng,
}

impl CrossingPolicy {
    /// Straight to the goal, whatever moves: `full-speed`.
    pub fn full_speed() -> Self {
        Self::new("full-speed", Foresight::None, Search::new(0.0, Weighing::Mean, HORIZON))
    }

    /// Foresees that every cart goes on as it does now, and keeps `margin` metres more between than not to touch; plans anew in
    /// each step: `constant-velocity`.
    pub fn constant_velocity(margin: f64) -> Self {
        Self::new("constant-velocity", Foresight::AsNow, Search::new(margin, Weighing::Mean, HORIZON))
    }

    /// Goes only where no cart can come, whatever it decides: `cautious`.
    pub fn cautious() -> Self {
        Self::new("cautious", Foresight::Anywhere, Search::new(CROSSING_MARGIN, Weighing::Mean, HORIZON))
    }

    /// Knows the law, draws futures by it from what it has seen, and takes the plan that is best in the mean: `sampler`. It is
    /// told the law and nothing of an episode's own draws.
    pub fn sampler() -> Self {
        Self::new("sampler", Foresight::Drawn, Search::new(CROSSING_MARGIN, Weighing::Mean, COMMITTED))
    }

    /// The same, but takes the plan that is best in the best of its futures, as one does who draws decisions and outcomes
    /// together and keeps the best: `optimist`.
    pub fn optimist() -> Self {
        Self::new("optimist", Foresight::Drawn, Search::new(CROSSING_MARGIN, Weighing::Best, COMMITTED))
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

impl Policy for CrossingPolicy {
    fn name(&self) -> &str {
        self.name
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        (self.rng, self.seen) = (episode_rng(seed), None);
        self.search.reset();
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let (Ok(&[x, y, vx, vy, ref carts @ .., goal_x, goal_y]), Ok(action)) =
            (<&[f64; CROSSING_OBSERVATION]>::try_from(observation), <&mut [f64; 2]>::try_from(action))
        else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations of {CROSSING_OBSERVATION} entries (robot, carts and goal) and gives actions of two",
                self.name
            )));
        };
        let (seen, goal) = (look(self.seen.as_ref(), carts), [goal_x, goal_y]);
        self.seen = Some(seen);
        let robot = CrossingRobot { position: [x, y], velocity: [vx, vy] };
        self.foresight.fill(&CROSSING_LAW, &seen, HORIZON, &mut self.rng, &mut self.futures);
        *action = match self.foresight {
            Foresight::None => towards(robot, straight(robot.position, goal)),
            _ => self.search.act(robot, goal, &self.futures, &mut self.rng),
        };
        Ok(())
    }
}
