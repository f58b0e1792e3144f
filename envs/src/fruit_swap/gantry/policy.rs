//! References of the gantry.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::mover::{Command, Move, Mover};
use super::{FRUIT_GANTRY_ACTION, FRUIT_GANTRY_OBSERVATION, FruitGantryState};
use crate::fruit_swap::chooser::{Chooser, Chooses};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6761_6e74;

/// A reference. All three make a move in the same way, and choose as those of [`crate::fruit_swap::FruitSwapPolicy`] do.
#[derive(Clone, Debug)]
pub struct FruitGantryPolicy {
    chooser: Chooser,
    mover: Mover,
    rng: ChaCha8Rng,
}

impl FruitGantryPolicy {
    /// Looks at the arrangement once, and makes the three moves in order: `oracle`. The data are its.
    pub fn oracle() -> Self {
        Self::new(Chooses::InOrder)
    }

    /// Draws one of the three moves each time it has rested: `memoryless`.
    pub fn memoryless() -> Self {
        Self::new(Chooses::AsOften)
    }

    /// Goes round the ring of arrangements in one direction, the best rule of the present alone: `ring`.
    pub fn ring() -> Self {
        Self::new(Chooses::ByRing)
    }

    fn new(chooses: Chooses) -> Self {
        let mut rng = episode_rng(0);
        Self { chooser: Chooser::new(chooses), mover: Mover::resting(&mut rng), rng }
    }

    /// What the hand is to do now.
    pub(super) fn command(&mut self, state: &FruitGantryState) -> Command {
        if self.mover.rested()
            && let Some((fruit, slot)) = self.chooser.next(state.arrangement(), &mut self.rng)
        {
            self.mover.begin(Move::draw(fruit, slot, &mut self.rng));
        }
        self.mover.act(state)
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(POLICY_STREAM);
    rng
}

impl Policy for FruitGantryPolicy {
    fn name(&self) -> &str {
        self.chooser.chooses().name()
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        self.rng = episode_rng(seed);
        self.mover = Mover::resting(&mut self.rng);
        self.chooser.reset();
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let (Some(state), FRUIT_GANTRY_ACTION) = (FruitGantryState::of(observation), action.len()) else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations of {FRUIT_GANTRY_OBSERVATION} entries (hand, its speed, opening, fruits and the ways to \
                 them) and gives actions of {FRUIT_GANTRY_ACTION}",
                self.name()
            )));
        };
        action.copy_from_slice(&self.command(&state).action);
        Ok(())
    }
}
