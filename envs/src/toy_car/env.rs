//! The environment around the two cars.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::environment::check_action;
use crate::phase::Phase;
use crate::toy_car::{TOY_CAR_SPEED_LIMIT, TOY_CAR_STEP_SECONDS, ToyCarState, ToyCarTask};
use crate::{
    Actuators, BoxSpace, EnvError, EnvSpec, Environment, Feature, FeatureKind, ScoreRange, SharedTask,
    Simulator, Snapshot, Start, Transition,
};

/// Registered name.
pub const TOY_CAR: &str = "toy-car-v0";
/// Steps of an episode without a crash.
pub const TOY_CAR_EPISODE_STEPS: usize = 40;
/// Numbered tasks: 1 with a leader that brakes, 2 with one that drives on.
pub const TOY_CAR_TASKS: usize = 2;

/// Number of the task in which the leader brakes.
const BRAKES: usize = 1;

/// Follow the leader: observation (ego position, ego speed, leader position, leader speed) in metres and metres per second,
/// action the ego car's acceleration in metres per second squared, clipped to +-1.
///
/// The reward of a step is the metres driven in one step at the speed after it. A crash costs 100 and terminates the
/// episode. After 40 steps the clock truncates it, and the last of these steps is the one that succeeds: success is an
/// episode without a crash. Scores are returns, as published: 100 is full speed for all of the episode.
///
/// A step is one of chance ([`Transition::chance`]) when the leader comes to the point at which it brakes or does not: there is
/// one such step in an episode, in which what was drawn at the start is seen for the first time. It is the first that
/// begins at or behind that point; an episode that crashes before has none.
///
/// The clock is the environment's own and not a [`crate::TimeLimit`]'s, since success depends on it.
#[derive(Clone, Debug)]
pub struct ToyCarEnv {
    spec: EnvSpec,
    cars: ToyCarState,
    /// What is observed of `cars`.
    seen: [f64; 4],
    phase: Phase,
    elapsed: usize,
    /// Whether the leader has been at the point at which it brakes or does not.
    shown: bool,
}

impl ToyCarEnv {
    /// Bounds of observations hold for every episode, and for recorded ones that go on after a crash.
    ///
    /// Only the ego car's position and speed are features of those kinds: they are what an action moves, one entry each, as
    /// controllers that work axis by axis need it. The leader's are another body's. No task shows a place to go to, so
    /// that no support of the data is learnt and nothing is shifted: positions are scaled as they are, and where the
    /// sign stands is told by the leader's own.
    ///
    /// # Errors
    /// None: the bounds are constants.
    pub fn new() -> Result<Self, EnvError> {
        let limit = TOY_CAR_SPEED_LIMIT;
        let farthest = limit * TOY_CAR_STEP_SECONDS * TOY_CAR_EPISODE_STEPS as f64;
        let bounds = BoxSpace::new(vec![0.0, 0.0, 10.0, 0.0], vec![farthest, limit, 20.0 + farthest, limit])?;
        let spec = EnvSpec {
            features: vec![
                Feature::new("ego position", 1, FeatureKind::Position),
                Feature::new("ego speed", 1, FeatureKind::Velocity),
                Feature::new("leader position", 1, FeatureKind::Other),
                Feature::new("leader speed", 1, FeatureKind::Other),
            ],
            step_seconds: Some(TOY_CAR_STEP_SECONDS),
            actuators: Some(Actuators { acceleration: 1.0, speed: limit, damping: 0.0 }),
            max_episode_steps: Some(TOY_CAR_EPISODE_STEPS),
            score: Some(ScoreRange { min: 0.0, max: 100.0 }),
            tasks: TOY_CAR_TASKS,
            ..EnvSpec::of_spaces(TOY_CAR, bounds, BoxSpace::symmetric(1, 1.0))
        };
        let cars = start(0);
        Ok(Self { spec, cars, seen: cars.observation(), phase: Phase::Before, elapsed: 0, shown: false })
    }

    /// Both cars, and what the leader is going to do, which is not observed.
    pub fn cars(&self) -> &ToyCarState {
        &self.cars
    }
}

fn start(seed: u64) -> ToyCarState {
    ToyCarState::draw(&mut ChaCha8Rng::seed_from_u64(seed))
}

impl Environment for ToyCarEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Whether the leader brakes is drawn from the seed, or said by the task's number (1: it does, 2: it does not); all else is
    /// the seed's in any case. The authors' evaluation is that of the tasks in turn.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for another task, for a start position and for a goal. The state is untouched then.
    fn reset(&mut self, asked: &Start) -> Result<(), EnvError> {
        let seed = Start { task: None, ..asked.clone() }.only_seed(&self.spec.id)?;
        if let Some(number) = asked.task.filter(|number| !(1..=TOY_CAR_TASKS).contains(number)) {
            return Err(EnvError::Mismatch(format!(
                "`{}` has tasks 1 to {TOY_CAR_TASKS}, and task {number} was asked for: choose one of these, or leave the \
                 number out and the seed draws one",
                self.spec.id
            )));
        }
        let drawn = start(seed);
        let leader_stops = asked.task.map_or(drawn.leader_stops, |number| number == BRAKES);
        self.cars = ToyCarState { leader_stops, ..drawn };
        self.seen = self.cars.observation();
        (self.phase, self.elapsed, self.shown) = (Phase::Running, 0, false);
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        let (Phase::Running, &[acceleration]) = (self.phase, action) else {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        };
        let chance = !self.shown && self.cars.at_the_braking_point();
        self.shown |= chance;
        self.cars.step(acceleration);
        self.seen = self.cars.observation();
        self.elapsed += 1;
        let crashed = self.cars.crashed();
        let survived = !crashed && self.elapsed >= TOY_CAR_EPISODE_STEPS;
        if crashed || survived {
            self.phase = Phase::Over;
        }
        Ok(Transition {
            reward: self.cars.reward(),
            success: survived,
            terminated: crashed,
            truncated: survived,
            chance,
        })
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        Arc::new(ToyCarTask)
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Simulator for ToyCarEnv {
    /// State: the observation. Words: 0 before the first episode, 1 in one, 2 after one's end; steps taken; whether the
    /// leader stops; whether it has been at the point at which that shows.
    fn snapshot(&self) -> Snapshot {
        let phase = self.phase.word();
        Snapshot {
            env_id: self.spec.id.clone(),
            state: self.seen.to_vec(),
            words: vec![phase, self.elapsed as u64, u64::from(self.cars.leader_stops), u64::from(self.shown)],
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let (&[ego_x, ego_speed, leader_x, leader_speed], &[phase, elapsed, stops, shown]) =
            (snapshot.state.as_slice(), snapshot.words.as_slice())
        else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` has 4 numbers and 4 words, this one has {} and {}",
                self.spec.id,
                snapshot.state.len(),
                snapshot.words.len()
            )));
        };
        snapshot.check_from(&self.spec.id)?;
        let phase = Phase::of_word(phase);
        let elapsed = usize::try_from(elapsed).ok().filter(|elapsed| *elapsed <= TOY_CAR_EPISODE_STEPS);
        let (Some(phase), Some(elapsed), true) = (phase, elapsed, stops <= 1 && shown <= 1) else {
            return Err(EnvError::Mismatch(format!(
                "the words {:?} are none of a snapshot of `{}`: it is damaged, take another",
                snapshot.words, self.spec.id
            )));
        };
        self.cars = ToyCarState { ego_x, ego_speed, leader_x, leader_speed, leader_stops: stops == 1 };
        self.seen = self.cars.observation();
        (self.phase, self.elapsed, self.shown) = (phase, elapsed, shown == 1);
        Ok(())
    }
}
