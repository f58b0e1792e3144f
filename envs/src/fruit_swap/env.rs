//! The environment around table and hand.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::environment::check_action;
use crate::fruit_swap::arrangement::slot_under;
use crate::fruit_swap::moves::FruitMoves;
use crate::fruit_swap::{
    FRUIT_SWAP_ARRANGEMENTS, FRUIT_SWAP_OBSERVATION, FRUIT_SWAP_OPEN, FRUIT_SWAP_REACH_X, FRUIT_SWAP_REACH_Z,
    FRUIT_SWAP_STEP_SECONDS, Fruit, FruitArrangement, FruitSwapState, FruitSwapTask,
};
use crate::phase::Phase;
use crate::{
    BoxSpace, EnvError, EnvSpec, Environment, Feature, FeatureKind, ScoreRange, SharedTask, Simulator,
    Snapshot, Start, Task, Transition,
};

/// Registered name.
pub const FRUIT_SWAP: &str = "fruit-swap-v0";
/// Steps of an episode at most: twice what the oracle needs, who needed 106 at most in 2,000 episodes.
pub const FRUIT_SWAP_STEPS: usize = 220;
/// Reward of the step that succeeds. All others earn nothing.
pub const FRUIT_SWAP_REWARD: f64 = 100.0;

/// Swap the fruits through the free slot, the apple first: observation (hand x, hand z, opening, apple x, apple z, orange x, orange z)
/// in metres, action `[dx, dz, grip]` within +-1 as in [`FruitSwapState::step`].
///
/// Three moves are to be made, each of one fruit to the slot that is free: the apple, the orange, the apple. A move is made
/// when a fruit that nobody holds lies within 2 cm of the middle of another slot than its last. Fruits may be set down beside the
/// slots, put back and taken again. Success is when all three are made, both fruits lie where they are wanted, and the hand is
/// 15 cm up or higher; it earns 100 and terminates the episode. Any other move to another slot terminates it with nothing: what
/// comes after could not succeed. So a mean score is the percentage of successes.
///
/// The order is what has to be remembered. The six arrangements make a ring, of which each move goes to the one or the other
/// neighbour, and the swapped arrangement is opposite: were any order good, a rule that always goes on in one direction would
/// swap the fruits and remember nothing. In order, no rule that sees only the present is right from more than three of the six
/// starts.
///
/// Time limits are [`crate::TimeLimit`]'s.
#[derive(Clone, Debug)]
pub struct FruitSwapEnv {
    spec: EnvSpec,
    state: FruitSwapState,
    /// What is observed of `state`.
    seen: [f64; FRUIT_SWAP_OBSERVATION],
    phase: Phase,
    moves: FruitMoves,
}

impl FruitSwapEnv {
    /// The hand's place is the one feature of kind position: it is what actions move axis by axis. The opening follows the sign of
    /// its action and not the size, and the fruits are other bodies, which leap when they fall: neither can be
    /// followed as a position.
    ///
    /// # Errors
    /// None: the bounds are constants.
    pub fn new() -> Result<Self, EnvError> {
        Self::named(FRUIT_SWAP)
    }

    /// The same under another name.
    pub(super) fn named(id: &str) -> Result<Self, EnvError> {
        let ([left, right], [low, high]) = (FRUIT_SWAP_REACH_X, FRUIT_SWAP_REACH_Z);
        let (along, up) = (right - left, high - low);
        let bounds = BoxSpace::new(
            vec![left, low, 0.0, left, low, left, low, -along, -up, -along, -up],
            vec![right, high, FRUIT_SWAP_OPEN, right, high, right, high, along, up, along, up],
        )?;
        let spec = EnvSpec {
            features: vec![
                Feature::new("hand", 2, FeatureKind::Position),
                Feature::new("opening", 1, FeatureKind::Other),
                Feature::new("apple", 2, FeatureKind::Other),
                Feature::new("orange", 2, FeatureKind::Other),
                Feature::new("way to the apple", 2, FeatureKind::Other),
                Feature::new("way to the orange", 2, FeatureKind::Other),
            ],
            step_seconds: Some(FRUIT_SWAP_STEP_SECONDS),
            score: Some(ScoreRange { min: 0.0, max: FRUIT_SWAP_REWARD }),
            tasks: FRUIT_SWAP_ARRANGEMENTS,
            ..EnvSpec::of_spaces(id, bounds, BoxSpace::symmetric(3, 1.0))
        };
        let (start, state) = drawn(0, None);
        let moves = FruitMoves::new(start);
        Ok(Self { spec, state, seen: state.observation(), phase: Phase::Before, moves })
    }

    /// Everything that moves.
    pub fn state(&self) -> &FruitSwapState {
        &self.state
    }

    /// The arrangement that the episode began with, which no observation but the first shows.
    pub fn start(&self) -> FruitArrangement {
        self.moves.start
    }

    /// How many of the three moves are made.
    pub fn stage(&self) -> usize {
        self.moves.stage
    }

    /// Looks where the fruits lie. Whether a fruit has gone where none should have.
    fn watch(&mut self) -> bool {
        let mut astray = false;
        for fruit in Fruit::ALL.into_iter().filter(|fruit| self.state.held() != Some(*fruit)) {
            if let Some(slot) = slot_under(self.state.fruit(fruit)[0]) {
                astray |= self.moves.lies(fruit, slot);
            }
        }
        astray
    }
}

/// Arrangement and state at the start of an episode. Draws are the same whether the arrangement is asked for or not.
fn drawn(seed: u64, asked: Option<FruitArrangement>) -> (FruitArrangement, FruitSwapState) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let number = rng.random_range(1..=FRUIT_SWAP_ARRANGEMENTS);
    let first = FruitArrangement::FIRST;
    let start = asked.or_else(|| FruitArrangement::numbered(number)).unwrap_or(first);
    (start, start.draw(&mut rng))
}

impl Environment for FruitSwapEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The arrangement is drawn from the seed, or said by the task's number ([`FruitArrangement::numbered`]); all else is the
    /// seed's in any case.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for another task, for a start position and for a goal. The state is untouched then.
    fn reset(&mut self, asked: &Start) -> Result<(), EnvError> {
        let seed = Start { task: None, ..asked.clone() }.only_seed(&self.spec.id)?;
        let arrangement = FruitArrangement::asked(asked.task, &self.spec.id)?;
        let (start, state) = drawn(seed, arrangement);
        (self.state, self.seen) = (state, state.observation());
        (self.phase, self.moves) = (Phase::Running, FruitMoves::new(start));
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        let (Phase::Running, &[dx, dz, grip]) = (self.phase, action) else {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        };
        self.state.step([dx, dz, grip]);
        self.seen = self.state.observation();
        let astray = self.watch();
        let task = FruitSwapTask::of(self.moves.start);
        let success = !astray && self.moves.done() && task.reached(&self.seen);
        if astray || success {
            self.phase = Phase::Over;
        }
        Ok(Transition {
            reward: if success { FRUIT_SWAP_REWARD } else { 0.0 },
            success,
            terminated: astray || success,
            ..Transition::default()
        })
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        Arc::new(FruitSwapTask::of(self.moves.start))
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Simulator for FruitSwapEnv {
    /// State: the observation. Words: 0 before the first episode, 1 in one, 2 after one's end; the number of the arrangement
    /// that it began with; moves made.
    fn snapshot(&self) -> Snapshot {
        let [start, stage] = self.moves.words();
        Snapshot {
            env_id: self.spec.id.clone(),
            state: self.seen.to_vec(),
            words: vec![self.phase.word(), start, stage],
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let (Some(state), &[phase, number, stage]) =
            (FruitSwapState::of(&snapshot.state), snapshot.words.as_slice())
        else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` has {FRUIT_SWAP_OBSERVATION} numbers and 3 words, this one has {} and {}",
                self.spec.id,
                snapshot.state.len(),
                snapshot.words.len()
            )));
        };
        snapshot.check_from(&self.spec.id)?;
        let phase = Phase::of_word(phase);
        let moves = FruitMoves::of_words([number, stage]);
        let inside = self.spec.observation.contains(&snapshot.state);
        let (Some(phase), Some(moves), true) = (phase, moves, inside) else {
            return Err(EnvError::Mismatch(format!(
                "the words {:?} or the numbers {:?} are none of a snapshot of `{}`: it is damaged, take another",
                snapshot.words, snapshot.state, self.spec.id
            )));
        };
        (self.state, self.seen) = (state, state.observation());
        (self.phase, self.moves) = (phase, moves);
        Ok(())
    }
}
