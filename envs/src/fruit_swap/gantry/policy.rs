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

/// What is seen at rest does not tell which move is next.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::fruit_swap::alike::{Rest, kolmogorov_smirnov, told_by_the_nearest};
    use crate::fruit_swap::gantry::FruitGantry;
    use crate::fruit_swap::{FRUIT_SWAP_SLOTS, Fruit};
    use crate::mujoco::MujocoLibrary;
    use crate::{Environment, Start};

    const EPISODES: u64 = 300;
    const STAGES: usize = 3;
    /// Entries that vary: hand, apple and orange off their slots along x and y; with their standard deviations, about, in metres.
    const VARY: usize = 7;
    const SCALE: [f64; VARY] = [0.017, 0.012, 0.012, 0.003, 0.003, 0.003, 0.003];
    /// Those that do not: speeds of the hand, the opening, heights of the fruits.
    const STAY: usize = 6;

    /// What the oracle sees when it begins each of its moves, and the least and the most of what does not vary.
    fn rests() -> Option<(Vec<Rest<VARY>>, [[f64; 2]; STAY])> {
        let library = MujocoLibrary::find().ok()?;
        let mut env = FruitGantry::of_model(&FruitGantry::model(&library).unwrap()).unwrap();
        let mut oracle = FruitGantryPolicy::oracle();
        let (mut all, mut bounds) = (Vec::new(), [[f64::INFINITY, f64::NEG_INFINITY]; STAY]);
        for seed in 0..EPISODES {
            env.reset(&Start::seed(seed)).unwrap();
            oracle.reset(seed, &env.task()).unwrap();
            let mut action = [0.0; 4];
            loop {
                let state = *env.rules().state();
                if oracle.mover.rested() && oracle.chooser.begun() < STAGES {
                    let now = state.arrangement().unwrap();
                    assert_eq!(env.rules().stage(), oracle.chooser.begun());
                    let [[ax, ay], [ox, oy]] = Fruit::ALL.map(|fruit| {
                        let [x, y, _] = state.fruit(fruit);
                        [x - FRUIT_SWAP_SLOTS[now.slot(fruit)], y]
                    });
                    let ([x, y, z], [vx, vy, vz]) = (state.hand, state.speed);
                    all.push((now.number(), oracle.chooser.begun(), [x, y, z, ax, ay, ox, oy]));
                    let stays = [vx, vy, vz, state.opening, state.apple[2], state.orange[2]];
                    for ([least, most], value) in bounds.iter_mut().zip(stays) {
                        (*least, *most) = (least.min(value), most.max(value));
                    }
                }
                oracle.act(env.observation(), &mut action).unwrap();
                if env.step(&action).unwrap().ended() {
                    break;
                }
            }
        }
        Some((all, bounds))
    }

    /// Largest difference of an entry's distributions between the first stage and another.
    fn apart(all: &[Rest<VARY>], entry: usize) -> f64 {
        let of = |stage: usize| -> Vec<f64> {
            all.iter().filter(|rest| rest.1 == stage).map(|rest| rest.2[entry]).collect()
        };
        (1..STAGES).map(|stage| kolmogorov_smirnov(&mut of(0), &mut of(stage))).fold(0.0, f64::max)
    }

    #[test]
    fn rests_before_the_first_second_and_third_move_are_alike() {
        let Some((all, bounds)) = rests() else { return };
        assert_eq!(all.len(), STAGES * EPISODES as usize);
        // Hundredths of a millimetre, and of a millimetre a second: what is left of how the hand and a fruit came there.
        assert!(bounds.iter().all(|[least, most]| most - least < 1e-5), "{bounds:?}");
        let told = told_by_the_nearest(&all, SCALE);
        // 900 guesses have a standard error of 1.6 %, nearest pairs make it 2.2 % at most.
        assert!((told - 1.0 / 3.0).abs() < 0.067, "{told}");
        // Exceeded by one pair of equal laws in 1,000.
        let most = 1.95 * (2.0 / EPISODES as f64).sqrt();
        for entry in 0..VARY {
            let off = apart(&all, entry);
            assert!(off < most, "{entry}: {off}");
        }
        // A trace of a quarter of a centimetre a move would be seen.
        let traced: Vec<Rest<VARY>> = all
            .iter()
            .map(|&(number, stage, mut seen)| {
                seen[5] += 0.0025 * stage as f64;
                (number, stage, seen)
            })
            .collect();
        assert!(apart(&traced, 5) > most);
    }
}
