//! The rules.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::HalfCheetahTask;
use crate::environment::check_finite;
use crate::mujoco::{
    GymnasiumModel, MujocoEnv, MujocoLibrary, MujocoModel, MujocoPart, MujocoRules, MujocoSim,
};
use crate::{
    BoxSpace, EnvError, EnvSpec, Feature, FeatureKind, ScoreRange, SharedTask, Start, TimeLimit, Transition,
};

/// Registered name.
pub const HALF_CHEETAH: &str = "half-cheetah-v5";
/// Steps of an episode: 50 seconds.
pub const HALF_CHEETAH_EPISODE_STEPS: usize = 1000;
/// What the square of an action costs.
pub const HALF_CHEETAH_CONTROL_COST: f64 = 0.1;
/// The package's file.
pub const HALF_CHEETAH_MODEL: &str = "half_cheetah.xml";

/// Joints, the first three of which are those of the torso in the plane; motors.
pub(super) const JOINTS: usize = 9;
pub(super) const MOTORS: usize = 6;
/// Numbers of an observation.
pub(super) const SEEN: usize = 2 * JOINTS - 1;
/// Time steps of 10 ms in a step: 20 Hz.
pub(super) const SUBSTEPS: usize = 5;
/// How far a start strays: positions uniformly, speeds by this deviation.
const START_NOISE: f64 = 0.1;
/// Returns that D4RL scores 0 and 100 (`halfcheetah`: a random policy and soft actor-critic, in MuJoCo 2 and version 2 of the
/// environment). Random actions earn as much here.
const SCORE: ScoreRange = ScoreRange { min: -280.178953, max: 12135.0 };

/// Rules of the half-cheetah. Observation: height of the torso above where it hangs at rest (metres), its pitch, angles of thigh,
/// shin and foot behind and in front (radians), then its speed forward and upward (metres per second), and the speeds of the
/// pitch and of the six joints. How far it has come is not seen. Action: the six motors, +-1 each.
///
/// The reward of a step is the metres per second that it brought the torso forward, less a tenth of the action's square.
/// Actions are clipped before they are charged for; the package charges for them as they come. No state ends an episode, and
/// none is success.
///
/// A start's `position` are the nine joint positions, or these and the nine speeds, in the model's order: forward, up, pitch,
/// then the joints.
#[derive(Clone, Debug)]
pub struct HalfCheetah {
    spec: EnvSpec,
    start: [[f64; JOINTS]; 2],
    step_seconds: f64,
    /// Where the torso was before the step.
    from: f64,
}

impl HalfCheetah {
    /// The environment, with its time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo or the model cannot be had.
    pub fn make(id: &str) -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        let library = MujocoLibrary::find().map_err(|error| error.of(id))?;
        let model = GymnasiumModel::find(HALF_CHEETAH_MODEL).map_err(|error| error.of(id))?;
        TimeLimit::new(Self::with_model(id, &library, &model)?, HALF_CHEETAH_EPISODE_STEPS)
    }

    /// The environment with this library and this model, without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where the model does not load; [`EnvError::Mismatch`] where it has other joints or motors.
    pub fn with_model(
        id: &str,
        library: &MujocoLibrary,
        model: &GymnasiumModel,
    ) -> Result<MujocoEnv<Self>, EnvError> {
        Self::of_model(id, &compile(id, library, model)?, model.hash())
    }

    /// The environment of a model that is compiled, with the hash of its text.
    pub(super) fn of_model(id: &str, model: &MujocoModel, hash: String) -> Result<MujocoEnv<Self>, EnvError> {
        MujocoEnv::new(model, Self::new(id, model, hash)?)
    }

    fn new(id: &str, model: &MujocoModel, hash: String) -> Result<Self, EnvError> {
        let step_seconds = SUBSTEPS as f64 * model.timestep();
        let open = |len| BoxSpace::symmetric(len, f64::INFINITY);
        // The speed forward is along no axis that a position is seen of, so that it is none of their velocities.
        let spec = EnvSpec {
            features: vec![
                Feature::new("height", 1, FeatureKind::Position),
                Feature::new("pitch", 1, FeatureKind::Angle),
                Feature::new("joints", MOTORS, FeatureKind::Angle),
                Feature::new("speed forward", 1, FeatureKind::Other),
                Feature::new("speed upward", 1, FeatureKind::Velocity),
                Feature::new("pitch speed", 1, FeatureKind::Other),
                Feature::new("joint speeds", MOTORS, FeatureKind::Other),
            ],
            step_seconds: Some(step_seconds),
            max_episode_steps: Some(HALF_CHEETAH_EPISODE_STEPS),
            score: Some(SCORE),
            layout_hash: Some(hash),
            ..EnvSpec::of_spaces(id, open(SEEN), BoxSpace::symmetric(MOTORS, 1.0))
        };
        Ok(Self { spec, start: [[0.0; JOINTS]; 2], step_seconds, from: 0.0 })
    }

    fn named<T>(&self, answer: Result<T, crate::mujoco::MujocoError>) -> Result<T, EnvError> {
        answer.map_err(|error| error.of(&self.spec.id))
    }
}

/// The package's model, compiled.
pub(super) fn compile(
    id: &str,
    library: &MujocoLibrary,
    model: &GymnasiumModel,
) -> Result<MujocoModel, EnvError> {
    let compiled = MujocoModel::from_text(library, model.text()).map_err(|error| error.of(id))?;
    let sizes = [MujocoPart::Positions, MujocoPart::Velocities, MujocoPart::Controls]
        .map(|part| compiled.len_of(part));
    if sizes != [JOINTS, JOINTS, MOTORS] {
        return Err(EnvError::Mismatch(format!(
            "`{id}`: the model in `{}` has {} positions, {} speeds and {} motors where {JOINTS}, {JOINTS} and {MOTORS} \
             belong: put gymnasium's own file there (envs/interop/gymnasium.sh)",
            crate::printable(model.path().display()),
            sizes[0],
            sizes[1],
            sizes[2]
        )));
    }
    Ok(compiled)
}

/// What a step earned: metres per second forward, less the cost of the action. In the package's order of operations.
pub(super) fn reward(from: f64, to: f64, step_seconds: f64, action: &[f64]) -> f64 {
    let effort: f64 = action.iter().map(|value| value * value).sum();
    (to - from) / step_seconds - HALF_CHEETAH_CONTROL_COST * effort
}

impl MujocoRules for HalfCheetah {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        SUBSTEPS
    }

    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let without = Start { position: None, ..asked.clone() };
        let mut random = ChaCha8Rng::seed_from_u64(without.only_seed(&self.spec.id)?);
        let positions = [(); JOINTS].map(|()| random.random_range(-START_NOISE..START_NOISE));
        let speeds = [(); JOINTS].map(|()| START_NOISE * random.sample::<f64, _>(StandardNormal));
        let mut start = [positions, speeds];
        if let Some(position) = &asked.position {
            check_finite("start position", position)?;
            let (given, []) = position.as_chunks::<JOINTS>() else {
                return Err(self.misplaced(position.len()));
            };
            match given {
                [positions] => start = [*positions, [0.0; JOINTS]],
                [positions, speeds] => start = [*positions, *speeds],
                _ => return Err(self.misplaced(position.len())),
            }
        }
        self.start = start;
        Ok(())
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        let [positions, speeds] = &self.start;
        let placed = sim.write(MujocoPart::Positions, positions);
        self.named(placed.and_then(|()| sim.write(MujocoPart::Velocities, speeds)))
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        self.from = forward(sim);
        control.iter_mut().zip(action).for_each(|(slot, value)| *slot = *value);
        Ok(())
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        let parts = [sim.positions().get(1..).unwrap_or_default(), sim.velocities()];
        seen.iter_mut().zip(parts.into_iter().flatten()).for_each(|(slot, value)| *slot = *value);
        Ok(())
    }

    fn outcome(&mut self, action: &[f64], sim: &MujocoSim, _seen: &[f64]) -> Transition {
        Transition {
            reward: reward(self.from, forward(sim), self.step_seconds, action),
            ..Transition::default()
        }
    }

    fn task(&self) -> SharedTask {
        Arc::new(HalfCheetahTask)
    }

    /// Nothing: all follows from the simulation's state.
    fn save(&self, _numbers: &mut Vec<f64>, _words: &mut Vec<u64>) {}

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        if numbers.is_empty() && words.is_empty() {
            return Ok(());
        }
        Err(EnvError::Mismatch(format!(
            "a snapshot of `{}` holds nothing besides the simulation's state: it is damaged, take another",
            self.spec.id
        )))
    }
}

impl HalfCheetah {
    fn misplaced(&self, got: usize) -> EnvError {
        EnvError::Mismatch(format!(
            "a start position of `{}` has {JOINTS} joint positions, or these and {JOINTS} speeds; {got} numbers were given",
            self.spec.id
        ))
    }
}

/// How far forward the torso is.
pub(super) fn forward(sim: &MujocoSim) -> f64 {
    sim.positions().first().copied().unwrap_or(f64::NAN)
}
