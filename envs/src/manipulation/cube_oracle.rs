//! A reference that does the tasks: the package's plans without noise, one cube after the other.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Cubes;
use super::cube_order::next_move;
use super::cube_plan::carry;
use super::cube_seen::CubeSeen;
use super::hand_plan::HandPlan;
use super::robot::{STARTS, place};
use super::spot::Spot;
use crate::{EnvError, Policy, SharedTask};

/// Registered name.
const NAME: &str = "oracle";
/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6375_6265;

/// Moves cubes to the goal of the task, looking again after each move. It asks nothing but the observation and the goal.
#[derive(Clone, Debug)]
pub struct CubeOracle {
    cubes: Cubes,
    goals: Option<Vec<[f64; 3]>>,
    plan: HandPlan,
    random: ChaCha8Rng,
}

impl CubeOracle {
    /// The reference of these cubes.
    pub fn new(cubes: Cubes) -> Self {
        let random = ChaCha8Rng::seed_from_u64(0);
        Self { cubes, goals: None, plan: HandPlan::default(), random }
    }
}

impl Policy for CubeOracle {
    fn name(&self) -> &str {
        NAME
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.goals = None;
        let condition = task.condition();
        let values = condition.map(|condition| condition.values).unwrap_or_default();
        let (goals, rest) = values.as_chunks::<3>();
        if goals.len() != self.cubes.count() || !rest.is_empty() {
            return Err(EnvError::Mismatch(format!(
                "the policy `{NAME}` needs a goal of `{}`: {} numbers, {} were given",
                self.cubes.id(),
                3 * self.cubes.count(),
                values.len()
            )));
        }
        self.goals = Some(goals.iter().map(|goal| place(*goal)).collect());
        self.plan = HandPlan::default();
        self.random = ChaCha8Rng::seed_from_u64(seed);
        self.random.set_stream(POLICY_STREAM);
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let Some(goals) = &self.goals else {
            return Err(EnvError::NeedsReset(NAME.to_owned()));
        };
        let seen = CubeSeen::of(observation, self.cubes.count())?;
        if self.plan.done() {
            let cubes: Vec<[f64; 3]> = (0..self.cubes.count()).map(|cube| seen.cube(cube)).collect();
            if let Some((cube, to)) = next_move(&cubes, goals, None) {
                let hand = seen.robot().spot();
                let from = Spot { at: seen.cube(cube), yaw: seen.cube_yaw(cube) };
                let goal = Spot { at: to, yaw: 0.0 };
                self.plan = carry(hand, from, goal, STARTS, 0.0, &mut self.random);
            }
        }
        let chosen = self.plan.act(&seen.robot(), true);
        action.iter_mut().zip(chosen).for_each(|(slot, value)| *slot = value);
        Ok(())
    }
}
