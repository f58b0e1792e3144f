//! A planar arm of two joints that is to bring its tip to a place: `reacher-mujoco-v0`. Model, rules and figures are the
//! project's own.

use std::f64::consts::PI;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::{MujocoEnv, MujocoLibrary, MujocoModel, MujocoPart, MujocoRules, MujocoSensor, MujocoSim};
use crate::environment::check_finite;
use crate::{
    BoxSpace, EnvError, EnvSpec, Feature, FeatureKind, GoalTask, Policy, SharedTask, Start, TimeLimit,
    Transition,
};

/// Registered name.
pub const REACHER: &str = "reacher-mujoco-v0";
/// Steps of an episode: two seconds.
pub const REACHER_EPISODE_STEPS: usize = 100;
/// Distance of the tip from its goal that counts as there, metres.
pub const REACHER_RADIUS: f64 = 0.02;

pub(super) const MODEL: &str = include_str!("reacher.xml");
/// Lengths of both links, metres, and how far the elbow bends, radians: as in the model.
const UPPER: f64 = 0.25;
const FORE: f64 = 0.2;
const BEND: f64 = 2.6;
/// How far it is bent at a start or goal at most: a little less, so that none lies on the stop.
const DRAWN_BEND: f64 = 2.4;
/// Time steps of 5 ms in a step: 50 Hz.
const SUBSTEPS: usize = 4;
/// Observation entries of the tip.
pub(super) const TIP: [usize; 2] = [4, 5];
/// Stiffness (newtons per metre) and damping of shoulder and elbow (newton metres per radian a second) of the reference
/// policy: of 24 combinations tried over 150 episodes, one of the two with which most end at their goal (0.98).
const STIFFNESS: f64 = 20.0;
const DAMPING: [f64; 2] = [0.2, 0.02];
/// Torques of a full action, newton metres: as in the model.
const GEARS: [f64; 2] = [0.4, 0.2];

/// Rules of the reacher. Observation: both joint angles (radians), their speeds, place of the tip (x, y, metres) and its speed.
/// Action: torques of shoulder and elbow, +-1 is 0.4 and 0.2 newton metres. The reward of a step is minus the tip's
/// distance from the goal after it, in metres; within 2 cm is success, and does not end the episode.
///
/// A start's `position` is both joint angles, its goal a place of the tip.
#[derive(Clone, Debug)]
pub struct Reacher {
    spec: EnvSpec,
    tip: MujocoSensor,
    tip_speed: MujocoSensor,
    start: [f64; 2],
    goal: [f64; 2],
}

/// Place of the tip at these joint angles.
fn tip([shoulder, elbow]: [f64; 2]) -> [f64; 2] {
    let whole = shoulder + elbow;
    [UPPER * shoulder.cos() + FORE * whole.cos(), UPPER * shoulder.sin() + FORE * whole.sin()]
}

impl Reacher {
    /// The environment, with its time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo cannot be had.
    pub fn make() -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        let library = MujocoLibrary::find().map_err(|error| error.of(REACHER))?;
        TimeLimit::new(Self::with_library(&library)?, REACHER_EPISODE_STEPS)
    }

    /// The environment with this library, without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where the model does not load.
    pub fn with_library(library: &MujocoLibrary) -> Result<MujocoEnv<Self>, EnvError> {
        let model = MujocoModel::from_text(library, MODEL).map_err(|error| error.of(REACHER))?;
        MujocoEnv::new(&model, Self::new(&model)?)
    }

    fn new(model: &MujocoModel) -> Result<Self, EnvError> {
        let sensor = |name: &str| model.sensor(name).map_err(|error| error.of(REACHER));
        let reach = UPPER + FORE;
        let open = f64::INFINITY;
        let high = vec![open, open, open, open, reach, reach, open, open];
        let seen = BoxSpace::new(high.iter().map(|bound| -bound).collect(), high)?;
        let hash: String = Sha256::digest(MODEL).iter().map(|byte| format!("{byte:02x}")).collect();
        let spec = EnvSpec {
            features: vec![
                Feature::new("joints", 2, FeatureKind::Angle),
                Feature::new("joint speeds", 2, FeatureKind::Other),
                Feature::new("tip", 2, FeatureKind::Position),
                Feature::new("tip speed", 2, FeatureKind::Velocity),
            ],
            condition: TIP.to_vec(),
            step_seconds: Some(SUBSTEPS as f64 * model.timestep()),
            max_episode_steps: Some(REACHER_EPISODE_STEPS),
            layout_hash: Some(hash),
            ..EnvSpec::of_spaces(REACHER, seen, BoxSpace::symmetric(2, 1.0))
        };
        let (tip, tip_speed) = (sensor("tip")?, sensor("tip speed")?);
        Ok(Self { spec, tip, tip_speed, start: [0.0; 2], goal: [reach, 0.0] })
    }

    fn pair(values: &[f64], what: &str) -> Result<[f64; 2], EnvError> {
        check_finite(what, values)?;
        <[f64; 2]>::try_from(values).map_err(|_| {
            EnvError::Mismatch(format!("a {what} of `{REACHER}` has 2 numbers, {} were given", values.len()))
        })
    }

    fn away(&self, seen: &[f64]) -> f64 {
        TIP.iter()
            .zip(self.goal)
            .map(|(&entry, goal)| seen.get(entry).map_or(f64::NAN, |at| (at - goal).powi(2)))
            .sum::<f64>()
            .sqrt()
    }
}

impl MujocoRules for Reacher {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        SUBSTEPS
    }

    /// Angles of the start, and angles whose tip is the goal: all of them equally likely.
    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let mut random = ChaCha8Rng::seed_from_u64(asked.seed);
        let mut angles = || [random.random_range(-PI..PI), random.random_range(-DRAWN_BEND..DRAWN_BEND)];
        let (mut start, mut goal) = (angles(), tip(angles()));
        let without = Start { position: None, goal: None, ..asked.clone() };
        without.only_seed(REACHER)?;
        if let Some(position) = &asked.position {
            start = Self::pair(position, "start position")?;
            if start[0].abs() > PI || start[1].abs() > BEND {
                return Err(EnvError::Mismatch(format!(
                    "`{REACHER}` begins at angles of at most {PI} (shoulder) and {BEND} (elbow), {start:?} was asked for"
                )));
            }
        }
        if let Some(asked) = &asked.goal {
            goal = Self::pair(asked, "goal")?;
            let (away, nearest) = (goal[0].hypot(goal[1]), tip([0.0, BEND]));
            let nearest = nearest[0].hypot(nearest[1]);
            if !(nearest..=UPPER + FORE).contains(&away) {
                return Err(EnvError::Mismatch(format!(
                    "the arm of `{REACHER}` reaches from {nearest:.3} m to {:.3} m, the goal {goal:?} is {away:.3} m away",
                    UPPER + FORE
                )));
            }
        }
        (self.start, self.goal) = (start, goal);
        Ok(())
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        sim.write(MujocoPart::Positions, &self.start).map_err(|error| error.of(REACHER))
    }

    fn control(&mut self, action: &[f64], _sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        control.iter_mut().zip(action).for_each(|(slot, value)| *slot = *value);
        Ok(())
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        sim.forward();
        let (mut at, mut speed) = ([0.0; 3], [0.0; 3]);
        let read = sim.sensor(self.tip, &mut at).and_then(|()| sim.sensor(self.tip_speed, &mut speed));
        read.map_err(|error| error.of(REACHER))?;
        let parts = [sim.positions(), sim.velocities(), &at[..2], &speed[..2]];
        seen.iter_mut().zip(parts.into_iter().flatten()).for_each(|(slot, value)| *slot = *value);
        Ok(())
    }

    fn outcome(&mut self, _action: &[f64], _sim: &MujocoSim, seen: &[f64]) -> Transition {
        let away = self.away(seen);
        Transition { reward: -away, success: away <= REACHER_RADIUS, ..Transition::default() }
    }

    fn task(&self) -> SharedTask {
        Arc::new(GoalTask::new(&TIP, &self.goal, REACHER_RADIUS))
    }

    fn save(&self, numbers: &mut Vec<f64>, _words: &mut Vec<u64>) {
        numbers.extend(self.goal);
    }

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        match (numbers, words) {
            (&[x, y], []) => {
                self.goal = [x, y];
                Ok(())
            }
            _ => Err(EnvError::Mismatch(format!(
                "a snapshot of `{REACHER}` ends in the two numbers of its goal: it is damaged, take another"
            ))),
        }
    }
}

/// Pulls the tip to the goal by a spring: torques `J^T k (goal - tip)` less damping of the joints, with the arm's own
/// Jacobian. Not the fastest way, and blind to the elbow's stop: a start beside a goal on the far side of it is not always
/// got away from.
#[derive(Clone, Debug, Default)]
pub struct ReacherPolicy {
    goal: [f64; 2],
}

impl Policy for ReacherPolicy {
    fn name(&self) -> &str {
        "spring"
    }

    fn reset(&mut self, _seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        let goal = task.condition().and_then(|condition| <[f64; 2]>::try_from(condition.values).ok());
        self.goal = goal.ok_or_else(|| {
            EnvError::Mismatch(format!("the policy `spring` needs a goal of `{REACHER}`: two numbers"))
        })?;
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let (&[shoulder, elbow, turning, bending, x, y, ..], [at_shoulder, at_elbow]) = (observation, action)
        else {
            return Err(EnvError::Mismatch(format!(
                "the policy `spring` acts on observations of `{REACHER}`"
            )));
        };
        let pull = [STIFFNESS * (self.goal[0] - x), STIFFNESS * (self.goal[1] - y)];
        let whole = shoulder + elbow;
        let of_elbow = FORE * (whole.cos() * pull[1] - whole.sin() * pull[0]);
        let of_shoulder = UPPER * (shoulder.cos() * pull[1] - shoulder.sin() * pull[0]) + of_elbow;
        *at_shoulder = ((of_shoulder - DAMPING[0] * turning) / GEARS[0]).clamp(-1.0, 1.0);
        *at_elbow = ((of_elbow - DAMPING[1] * bending) / GEARS[1]).clamp(-1.0, 1.0);
        Ok(())
    }
}
