//! A reference that does the tasks of the scene: the package's plans without noise, one thing after the other.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::cube_plan::carry;
use super::hand_plan::HandPlan;
use super::scene_order::{Move, next_move};
use super::scene_plan::{OVER_DRAWER, OVER_WINDOW, press, slide};
use super::scene_seen::SceneSeen;
use super::scene_things::{
    HAND_STARTS, SCENE, SCENE_NUMBERS, SceneThings, button_top, drawer_handle, window_handle,
};
use super::spot::Spot;
use crate::{EnvError, Policy, SharedTask};

/// Registered name.
const NAME: &str = "oracle";
/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x7363_656e_6500;

/// Brings the things to the goal of the task, looking again after each plan. It asks nothing but the observation and the goal.
#[derive(Clone, Debug)]
pub struct SceneOracle {
    goal: Option<SceneThings>,
    plan: HandPlan,
    random: ChaCha8Rng,
}

impl SceneOracle {
    /// The reference of the scene.
    pub fn new() -> Self {
        Self { goal: None, plan: HandPlan::default(), random: ChaCha8Rng::seed_from_u64(0) }
    }
}

impl Default for SceneOracle {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for SceneOracle {
    fn name(&self) -> &str {
        NAME
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.goal = None;
        let condition = task.condition();
        let values = condition.map(|condition| condition.values).unwrap_or_default();
        let Ok(values) = <[f64; SCENE_NUMBERS]>::try_from(values) else {
            return Err(EnvError::Mismatch(format!(
                "the policy `{NAME}` needs a goal of `{SCENE}`: {SCENE_NUMBERS} numbers, {} were given",
                values.len()
            )));
        };
        self.goal = Some(SceneThings::of_shown(values));
        self.plan = HandPlan::default();
        self.random = ChaCha8Rng::seed_from_u64(seed);
        self.random.set_stream(POLICY_STREAM);
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let Some(goal) = &self.goal else {
            return Err(EnvError::NeedsReset(NAME.to_owned()));
        };
        let seen = SceneSeen::of(observation)?;
        if self.plan.done() {
            let (hand, now, random) = (seen.robot().spot(), seen.things(), &mut self.random);
            self.plan = match next_move(&now, goal) {
                Move::Cube(at) => carry(hand, seen.cube(), Spot { at, yaw: 0.0 }, HAND_STARTS, 0.0, random),
                Move::Button(button) => press(hand, button_top(button), 0.0, random),
                Move::Drawer(to) => {
                    slide(hand, drawer_handle(now.drawer), drawer_handle(to), OVER_DRAWER, 0.0, random)
                }
                Move::Window(to) => {
                    slide(hand, window_handle(now.window), window_handle(to), OVER_WINDOW, 0.0, random)
                }
            };
        }
        let chosen = self.plan.act(&seen.robot(), true);
        action.iter_mut().zip(chosen).for_each(|(slot, value)| *slot = value);
        Ok(())
    }
}
