//! References: who remembers which move is next, and who does not.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::fruit_swap::chooser::{Chooser, Chooses};
use crate::fruit_swap::mover::{Command, Mover};
use crate::fruit_swap::{FRUIT_SWAP_OBSERVATION, FruitArrangement, FruitSwapState};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6672_7569;

/// A reference. All three make a move in the same way, and differ in which fruit they take next; none asks the task.
///
/// What an observation shows at rest is where the fruits lie, and each arrangement is one at which the first, the second or
/// the third move is next. [`Self::memoryless`] and [`Self::ring`] forget every move once it is made. They do remember the
/// move that they are at: who looks at the present alone does not even know where the fruit in its hand was going.
#[derive(Clone, Debug)]
pub struct FruitSwapPolicy {
    chooser: Chooser,
    mover: Mover,
    rng: ChaCha8Rng,
}

impl FruitSwapPolicy {
    /// Looks at the arrangement once, at the start, and then makes the three moves in order: `oracle`. The data are its.
    pub fn oracle() -> Self {
        Self::new(Chooses::InOrder)
    }

    /// Draws one of the three moves that may be next, each time it has rested: the apple two times of three. That is what
    /// the data show of a present without a past, and no other rule that treats all arrangements alike is right more
    /// often: `memoryless`. It makes all three in order in 4 of 27 episodes.
    pub fn memoryless() -> Self {
        Self::new(Chooses::AsOften)
    }

    /// The best rule of the present alone: it goes round the ring of arrangements in one direction: `ring`. That is in order from
    /// every second start, and from no other.
    pub fn ring() -> Self {
        Self::new(Chooses::ByRing)
    }

    fn new(chooses: Chooses) -> Self {
        let mut rng = episode_rng(0);
        Self { chooser: Chooser::new(chooses), mover: Mover::resting(&mut rng), rng }
    }

    /// What the hand is to do now.
    pub(super) fn command(&mut self, state: &FruitSwapState) -> Command {
        if self.mover.rested()
            && let Some((fruit, slot)) = self.chooser.next(FruitArrangement::seen(state), &mut self.rng)
        {
            self.mover.begin(fruit, slot, &mut self.rng);
        }
        self.mover.act(state, &mut self.rng)
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(POLICY_STREAM);
    rng
}

impl Policy for FruitSwapPolicy {
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
        let (Some(state), 3) = (FruitSwapState::of(observation), action.len()) else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations of {FRUIT_SWAP_OBSERVATION} entries (hand, opening, fruits and the ways to them) and \
                 gives actions of 3",
                self.name()
            )));
        };
        action.copy_from_slice(&self.command(&state).action);
        Ok(())
    }
}

/// What is seen at rest does not tell which move is next.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::fruit_swap::alike::{Rest, kolmogorov_smirnov, told_by_the_nearest};
    use crate::fruit_swap::{FRUIT_SWAP_SLOTS, Fruit, FruitSwapEnv};
    use crate::{Environment, Start};

    const EPISODES: u64 = 1200;
    const STAGES: usize = 3;

    /// Standard deviations, about, of what is seen besides the arrangement: hand x and z, apple and orange off their slots, in metres.
    const SCALE: [f64; 4] = [0.02, 0.013, 0.003, 0.003];

    /// What the oracle sees when it begins each of its moves.
    fn rests() -> Vec<Rest<4>> {
        let mut env = FruitSwapEnv::new().unwrap();
        let mut oracle = FruitSwapPolicy::oracle();
        let mut all = Vec::new();
        for seed in 0..EPISODES {
            env.reset(&Start::seed(seed)).unwrap();
            oracle.reset(seed, &env.task()).unwrap();
            let mut action = [0.0; 3];
            loop {
                let state = *env.state();
                if oracle.mover.rested() && oracle.chooser.begun() < STAGES {
                    let now = FruitArrangement::seen(&state).unwrap();
                    let [apple, orange] =
                        Fruit::ALL.map(|fruit| state.fruit(fruit)[0] - FRUIT_SWAP_SLOTS[now.slot(fruit)]);
                    let [x, z] = state.hand;
                    assert_eq!((state.opening, env.stage()), (0.1, oracle.chooser.begun()));
                    all.push((now.number(), oracle.chooser.begun(), [x, z, apple, orange]));
                }
                oracle.act(env.observation(), &mut action).unwrap();
                if env.step(&action).unwrap().ended() {
                    break;
                }
            }
        }
        all
    }

    #[test]
    fn rests_before_the_first_second_and_third_move_are_alike() {
        let all = rests();
        assert_eq!(all.len(), STAGES * EPISODES as usize);
        let told = told_by_the_nearest(&all, SCALE);
        // 3,600 guesses have a standard error of 0.8 %; pairs that are nearest to one another are right or wrong together,
        // which makes it 1.1 % at most.
        assert!((told - 1.0 / 3.0).abs() < 0.033, "{told}");
        for entry in 0..4 {
            let of = |stage: usize| -> Vec<f64> {
                all.iter().filter(|rest| rest.1 == stage).map(|rest| rest.2[entry]).collect()
            };
            for stage in 1..STAGES {
                let off = kolmogorov_smirnov(&mut of(0), &mut of(stage));
                // Exceeded by one pair of equal laws in 1,000: 1.95 sqrt(2 / n).
                assert!(off < 1.95 * (2.0 / EPISODES as f64).sqrt(), "{entry}, {stage}: {off}");
            }
        }
        // A trace of a quarter of a centimetre a move would be seen.
        let traced: Vec<Rest<4>> = all
            .iter()
            .map(|&(number, stage, [x, z, apple, orange])| {
                (number, stage, [x, z, apple, orange + 0.0025 * stage as f64])
            })
            .collect();
        let told = told_by_the_nearest(&traced, SCALE);
        assert!(told > 0.4, "{told}");
    }
}
