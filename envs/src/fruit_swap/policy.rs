//! References: who remembers which move is next, and who does not.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fruit_swap::mover::{Command, Mover};
use crate::fruit_swap::{FRUIT_SWAP_OBSERVATION, FRUIT_SWAP_ORDER, Fruit, FruitArrangement, FruitSwapState};
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x6672_7569;

/// How the next move is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chooses {
    InOrder,
    AsOften,
    ByRing,
}

/// A reference. All three make a move in the same way, and differ in which fruit they take next; none asks the task.
///
/// What an observation shows at rest is where the fruits lie, and each arrangement is one at which the first, the second or
/// the third move is next. [`Self::memoryless`] and [`Self::ring`] forget every move once it is made. They do remember the
/// move that they are at: who looks at the present alone does not even know where the fruit in its hand was going.
#[derive(Clone, Debug)]
pub struct FruitSwapPolicy {
    chooses: Chooses,
    mover: Mover,
    /// Moves begun, and the arrangement that they lead to, as far as it was seen.
    begun: usize,
    arrangement: Option<FruitArrangement>,
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
        Self { chooses, mover: Mover::resting(&mut rng), begun: 0, arrangement: None, rng }
    }

    /// What the hand is to do now.
    pub(super) fn command(&mut self, state: &FruitSwapState) -> Command {
        if self.mover.rested()
            && let Some((fruit, slot)) = self.next(state)
        {
            self.mover.begin(fruit, slot, &mut self.rng);
        }
        self.mover.act(state, &mut self.rng)
    }

    /// Fruit and slot of the next move; `None` while the fruits do not show an arrangement, or when all is done.
    fn next(&mut self, state: &FruitSwapState) -> Option<(Fruit, usize)> {
        if self.arrangement.is_none() || self.chooses != Chooses::InOrder {
            self.arrangement = FruitArrangement::seen(state);
        }
        let now = self.arrangement?;
        let fruit = match self.chooses {
            Chooses::InOrder => FRUIT_SWAP_ORDER.get(self.begun).copied()?,
            Chooses::AsOften => FRUIT_SWAP_ORDER[self.rng.random_range(0..FRUIT_SWAP_ORDER.len())],
            Chooses::ByRing if now.follows() => Fruit::Apple,
            Chooses::ByRing => Fruit::Orange,
        };
        self.begun += 1;
        self.arrangement = Some(now.moved(fruit));
        Some((fruit, now.free()))
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(POLICY_STREAM);
    rng
}

impl Policy for FruitSwapPolicy {
    fn name(&self) -> &str {
        match self.chooses {
            Chooses::InOrder => "oracle",
            Chooses::AsOften => "memoryless",
            Chooses::ByRing => "ring",
        }
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        self.rng = episode_rng(seed);
        self.mover = Mover::resting(&mut self.rng);
        (self.begun, self.arrangement) = (0, None);
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
    use crate::fruit_swap::{FRUIT_SWAP_SLOTS, FruitSwapEnv};
    use crate::{Environment, Start};

    const EPISODES: u64 = 1200;
    const STAGES: usize = 3;

    /// Arrangement, next move, and what else is seen: hand x and z, apple and orange off their slots, in metres.
    type Rest = (usize, usize, [f64; 4]);

    /// What the oracle sees when it begins each of its moves.
    fn rests() -> Vec<Rest> {
        let mut env = FruitSwapEnv::new().unwrap();
        let mut oracle = FruitSwapPolicy::oracle();
        let mut all = Vec::new();
        for seed in 0..EPISODES {
            env.reset(&Start::seed(seed)).unwrap();
            oracle.reset(seed, &env.task()).unwrap();
            let mut action = [0.0; 3];
            loop {
                let state = *env.state();
                if oracle.mover.rested() && oracle.begun < STAGES {
                    let now = FruitArrangement::seen(&state).unwrap();
                    let [apple, orange] =
                        Fruit::ALL.map(|fruit| state.fruit(fruit)[0] - FRUIT_SWAP_SLOTS[now.slot(fruit)]);
                    let [x, z] = state.hand;
                    assert_eq!((state.opening, env.stage()), (0.1, oracle.begun));
                    all.push((now.number(), oracle.begun, [x, z, apple, orange]));
                }
                oracle.act(env.observation(), &mut action).unwrap();
                if env.step(&action).unwrap().ended() {
                    break;
                }
            }
        }
        all
    }

    /// Share of rests whose nearest other rest of the same arrangement is before the same move.
    fn told_by_the_nearest(all: &[Rest]) -> f64 {
        // Each entry in units of about its standard deviation.
        let scale = [0.02, 0.013, 0.003, 0.003];
        let off = |a: &Rest, b: &Rest| -> f64 {
            (0..4).map(|entry| ((a.2[entry] - b.2[entry]) / scale[entry]).powi(2)).sum()
        };
        let right = |(i, one): (usize, &Rest)| {
            let others = all.iter().enumerate().filter(|(j, other)| *j != i && other.0 == one.0);
            let nearest = others.min_by(|a, b| off(a.1, one).total_cmp(&off(b.1, one)));
            nearest.is_some_and(|(_, nearest)| nearest.1 == one.1)
        };
        all.iter().enumerate().filter(|one| right(*one)).count() as f64 / all.len() as f64
    }

    /// Largest difference between the distribution functions of two samples.
    fn kolmogorov_smirnov(a: &mut [f64], b: &mut [f64]) -> f64 {
        a.sort_by(f64::total_cmp);
        b.sort_by(f64::total_cmp);
        let below = |all: &[f64], x: f64| all.partition_point(|value| *value <= x) as f64 / all.len() as f64;
        a.iter().chain(b.iter()).map(|x| (below(a, *x) - below(b, *x)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn rests_before_the_first_second_and_third_move_are_alike() {
        let all = rests();
        assert_eq!(all.len(), STAGES * EPISODES as usize);
        let told = told_by_the_nearest(&all);
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
        let traced: Vec<Rest> = all
            .iter()
            .map(|&(number, stage, [x, z, apple, orange])| {
                (number, stage, [x, z, apple, orange + 0.0025 * stage as f64])
            })
            .collect();
        let told = told_by_the_nearest(&traced);
        assert!(told > 0.4, "{told}");
    }
}
