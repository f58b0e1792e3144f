//! The reference: a runner that tries out what to do.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::HALF_CHEETAH_MODEL;
use super::env::{JOINTS, MOTORS, SEEN, SUBSTEPS, compile, forward, reward};
use crate::action_search::{ActionSearch, SearchSettings};
use crate::environment::check_finite;
use crate::mujoco::{GymnasiumModel, MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoSim};
use crate::{BoxSpace, EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const POLICY_STREAM: u64 = 0x7361_6d70;

/// What the search has besides its budget: of some thirty settings tried over two episodes of 300 steps each, about those that
/// earned most with 30 futures.
const NOISE: f64 = 0.8;
const CORRELATION: f64 = 0.5;
const KEPT: usize = 3;
const TEMPERATURE: f64 = 0.1;
/// A torso that leans further than this (its cosine: 74 degrees) is on its way over. Without a charge the best of short futures
/// is to go head over heels: it earns as much (3200 and 4000 in 1000 steps), and the pitch grows without bounds.
const UPRIGHT: f64 = 0.27;
const OVER_COST: f64 = 10.0;

/// How much is tried out in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfCheetahBudget {
    /// Steps looked ahead.
    pub horizon: usize,
    /// Futures tried.
    pub samples: usize,
}

impl HalfCheetahBudget {
    /// Half a second ahead, 8 futures: it runs, slowly and with stops.
    pub const SHORT: Self = Self { horizon: 10, samples: 8 };
    /// 0.8 s ahead, 12 futures.
    pub const MEDIUM: Self = Self { horizon: 16, samples: 12 };
    /// 0.8 s ahead, 28 futures: a steady run.
    pub const GOOD: Self = Self { horizon: 16, samples: 28 };
}

/// Tries out a few dozen futures in each step, in a simulation of its own, and does what begins the best of them: `sampler`.
///
/// It has the environment's dynamics, which no learned planner has: its results are privileged. It takes the state from the
/// observation, which lacks only how far the runner has come. A future is worth what it earns, less a charge for lying on one's back.
pub struct HalfCheetahSampler {
    sim: MujocoSim,
    search: ActionSearch,
    random: ChaCha8Rng,
    step_seconds: f64,
    /// The model's own first state, and the one that is acted in.
    rest: Vec<f64>,
    now: Vec<f64>,
}

impl HalfCheetahSampler {
    /// The reference of a budget.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo or the model cannot be had.
    pub fn make(id: &str, budget: HalfCheetahBudget) -> Result<Self, EnvError> {
        let library = MujocoLibrary::find().map_err(|error| error.of(id))?;
        let model = GymnasiumModel::find(HALF_CHEETAH_MODEL).map_err(|error| error.of(id))?;
        Self::of_model(id, &compile(id, &library, &model)?, budget)
    }

    pub(super) fn of_model(
        id: &str,
        model: &MujocoModel,
        budget: HalfCheetahBudget,
    ) -> Result<Self, EnvError> {
        let settings = SearchSettings {
            horizon: budget.horizon,
            samples: budget.samples,
            kept: KEPT,
            noise: NOISE,
            correlation: CORRELATION,
            temperature: TEMPERATURE,
        };
        let mut rest = vec![0.0; model.state_len()];
        let made = model.simulate().and_then(|sim| sim.state(&mut rest).map(|()| sim));
        Ok(Self {
            sim: made.map_err(|error| error.of(id))?,
            search: ActionSearch::new(settings, &BoxSpace::symmetric(MOTORS, 1.0)),
            random: random_of(0),
            step_seconds: SUBSTEPS as f64 * model.timestep(),
            now: rest.clone(),
            rest,
        })
    }

    /// Puts what is seen into the state that is acted in.
    fn see(&mut self, observation: &[f64]) -> Result<(), MujocoError> {
        let (places, speeds) = observation.split_at(JOINTS - 1);
        let mut positions = [0.0; JOINTS];
        positions.iter_mut().skip(1).zip(places).for_each(|(slot, value)| *slot = *value);
        self.sim.restore(&self.rest)?;
        self.sim.write(MujocoPart::Positions, &positions)?;
        self.sim.write(MujocoPart::Velocities, speeds)?;
        self.sim.state(&mut self.now)
    }
}

fn random_of(seed: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(POLICY_STREAM);
    random
}

/// What these actions `[h, a]` earn from a state on, less what lying on one's back is charged with.
fn worth(
    sim: &mut MujocoSim,
    from: &[f64],
    actions_ha: &[f64],
    step_seconds: f64,
) -> Result<f64, MujocoError> {
    sim.restore(from)?;
    let mut worth = 0.0;
    for action in actions_ha.chunks_exact(MOTORS) {
        let before = forward(sim);
        sim.set_control(action)?;
        sim.step(SUBSTEPS)?;
        worth += reward(before, forward(sim), step_seconds, action);
        let upright = sim.positions().get(2).is_some_and(|pitch| pitch.cos() >= UPRIGHT);
        worth -= if upright { 0.0 } else { OVER_COST };
    }
    Ok(worth)
}

impl Policy for HalfCheetahSampler {
    fn name(&self) -> &str {
        "sampler"
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        self.random = random_of(seed);
        self.search.reset();
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        if observation.len() != SEEN || action.len() != MOTORS {
            return Err(EnvError::Mismatch(format!(
                "policy `sampler` takes observations of {SEEN} entries and gives actions of {MOTORS}; {} and {} were given",
                observation.len(),
                action.len()
            )));
        }
        check_finite("observation", observation)?;
        self.see(observation).map_err(|error| error.of(self.name()))?;
        let Self { sim, search, random, step_seconds, now, .. } = self;
        // A future in which the simulation diverges is worth nothing.
        search.act(random, |tried| worth(sim, now, tried, *step_seconds).unwrap_or(f64::NAN), action);
        Ok(())
    }
}
