//! The environment trait that everything else in the workspace is written against.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::feature::{entries_of, runs_of};
use crate::{BoxSpace, EnvError, Feature, FeatureKind, SharedTask};

/// What one call of [`Environment::step`] reports besides the new observation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transition {
    /// Reward of the step just taken, in the environment's own units.
    pub reward: f64,
    /// Whether the task is done in the new observation.
    pub success: bool,
    /// The task itself ended (an absorbing state). The value of what follows is zero.
    pub terminated: bool,
    /// Only the clock ended the episode. The value of what follows is not zero.
    pub truncated: bool,
    /// Something happened in this step that the environment leaves to chance: the same action in the same state might have
    /// led elsewhere.
    pub chance: bool,
}

impl Transition {
    /// Whether the episode is over, for whatever reason.
    pub fn ended(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// Where an episode begins and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// The whole of the episode's randomness.
    pub seed: u64,
    /// Number of a fixed task of the benchmark's protocol, for environments that have some.
    pub task: Option<usize>,
    /// Where to begin instead of where the seed would; which entries these are is the environment's to say.
    pub position: Option<Vec<f64>>,
    /// Goal instead of the one the seed would give, in the order of [`EnvSpec::condition`].
    pub goal: Option<Vec<f64>>,
}

impl Start {
    /// The episode of a seed.
    pub fn seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The same with a goal of the caller's.
    #[must_use]
    pub fn with_goal(self, goal: &[f64]) -> Self {
        Self { goal: Some(goal.to_vec()), ..self }
    }

    /// Refuses what an environment cannot honour, for those that know neither tasks, positions nor goals.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] naming what was asked for.
    pub fn only_seed(&self, id: &str) -> Result<u64, EnvError> {
        let asked = [
            (self.task.is_some(), "a task by number"),
            (self.position.is_some(), "a start position"),
            (self.goal.is_some(), "a goal"),
        ];
        match asked.into_iter().find(|(given, _)| *given) {
            Some((_, what)) => {
                Err(EnvError::Mismatch(format!("`{id}` takes no {}: leave it out", &what[2..])))
            }
            None => Ok(self.seed),
        }
    }
}

/// What pushes along the axes of a position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actuators {
    /// Acceleration of a full action, units per second squared.
    pub acceleration: f64,
    /// Largest speed along one axis, units per second.
    pub speed: f64,
    /// Velocity that is lost to friction, per second.
    pub damping: f64,
}

/// Linear map from raw return to a normalised score: `100 (R - min) / (max - min)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRange {
    /// Return that scores 0 (in D4RL, a random policy).
    pub min: f64,
    /// Return that scores 100 (in D4RL, its reference controller; not a ceiling).
    pub max: f64,
}

impl ScoreRange {
    /// Normalised score of a raw return.
    pub fn normalize(&self, episode_return: f64) -> f64 {
        100.0 * (episode_return - self.min) / (self.max - self.min)
    }
}

/// Everything that is fixed about an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvSpec {
    /// Registered name, for example `maze2d-umaze-v1`.
    pub id: String,
    /// Observation space.
    pub observation: BoxSpace,
    /// Action space; actions outside it are clipped by the environment.
    pub action: BoxSpace,
    /// What the entries of an observation are, in order; empty where nobody said.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Entries of the observation that a task's condition speaks of, in its order (`[0, 1]` = x, y). Empty where
    /// tasks have none.
    pub condition: Vec<usize>,
    /// Entries of the observation that speak of each of several things that are alike, such as cubes: the same in the same order, so that
    /// a task is as hard when two of them change places. Empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interchangeable: Vec<Range<usize>>,
    /// Seconds of one step, where they are known.
    #[serde(default)]
    pub step_seconds: Option<f64>,
    /// What the actions do, where they push along the axes of the position.
    #[serde(default)]
    pub actuators: Option<Actuators>,
    /// Steps after which the protocol truncates an episode.
    pub max_episode_steps: Option<usize>,
    /// Normalisation of the return, where the benchmark defines one.
    pub score: Option<ScoreRange>,
    /// Number of fixed tasks of the benchmark's protocol, which [`Start::task`] asks for, counted from 1; 0 where there
    /// are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tasks: usize,
    /// SHA-256 (hex) of what a checkpoint must agree with besides the id: maze layout and physics
    /// profile. `None` where there is nothing beyond the id.
    pub layout_hash: Option<String>,
}

impl EnvSpec {
    /// Specification of an environment of which only the spaces are known.
    pub fn of_spaces(id: &str, observation: BoxSpace, action: BoxSpace) -> Self {
        Self {
            id: id.to_owned(),
            observation,
            action,
            features: Vec::new(),
            condition: Vec::new(),
            interchangeable: Vec::new(),
            step_seconds: None,
            actuators: None,
            max_episode_steps: None,
            score: None,
            tasks: 0,
            layout_hash: None,
        }
    }

    /// Refuses a specification that contradicts itself: specifications are also read from files.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] naming the field and what it must be.
    pub fn check(&self) -> Result<(), EnvError> {
        let entries = self.observation.len();
        let bad = |problem: String| Err(EnvError::Mismatch(format!("environment `{}`: {problem}", self.id)));
        if entries == 0 || self.action.is_empty() {
            return bad("observations and actions need at least one entry each".into());
        }
        let described = self.features.iter().try_fold(0_usize, |sum, feature| sum.checked_add(feature.width));
        if !self.features.is_empty() && described != Some(entries) {
            return bad(format!(
                "`features` must describe the {entries} entries of its observation, no more and no fewer"
            ));
        }
        if let Some(entry) = self.condition.iter().find(|&&entry| entry >= entries) {
            return bad(format!(
                "`condition` names entry {entry} of its observation, which has {entries} entries, counted from 0"
            ));
        }
        if let Err(problem) = check_alike(&self.interchangeable, entries) {
            return bad(format!("`interchangeable` is {:?}: {problem}", self.interchangeable));
        }
        if self.step_seconds.is_some_and(|step| !(step.is_finite() && step > 0.0)) {
            return bad("`step_seconds` must be a positive number".into());
        }
        let drives = |actuators: &Actuators| {
            let Actuators { acceleration, speed, damping } = *actuators;
            let positive = [acceleration, speed].iter().all(|value| value.is_finite() && *value > 0.0);
            positive && damping.is_finite() && damping >= 0.0
        };
        if self.actuators.as_ref().is_some_and(|actuators| !drives(actuators)) {
            return bad(
                "`actuators` need a positive acceleration and speed, and a damping of 0 or more".into()
            );
        }
        if self.score.as_ref().is_some_and(|score| !(score.min.is_finite() && score.max.is_finite())) {
            return bad("`score` needs two finite numbers".into());
        }
        Ok(())
    }

    /// Refuses an action of the wrong length or with an entry that is not finite: what every `step` begins with.
    ///
    /// # Errors
    /// [`EnvError::ActionLength`] or [`EnvError::NonFinite`].
    pub fn check_action(&self, action: &[f64]) -> Result<(), EnvError> {
        if action.len() != self.action.len() {
            return Err(EnvError::ActionLength {
                id: self.id.clone(),
                want: self.action.len(),
                got: action.len(),
            });
        }
        check_finite("action", action)
    }

    /// Observation entries of a kind of feature.
    pub fn entries(&self, kind: FeatureKind) -> Vec<usize> {
        entries_of(&self.features, kind)
    }

    /// Observation entries of every feature of a kind, feature by feature.
    pub fn runs(&self, kind: FeatureKind) -> Vec<Range<usize>> {
        runs_of(&self.features, kind)
    }
}

/// Refuses entries of things that are alike and differ in number, overlap, or are none of an observation's; with what is accepted.
///
/// # Errors
/// What must be so.
pub fn check_alike(things: &[Range<usize>], entries: usize) -> Result<(), String> {
    let Some(first) = things.first() else { return Ok(()) };
    if things.len() < 2 || things.iter().any(|thing| thing.is_empty() || thing.len() != first.len()) {
        return Err("two things or more, of as many entries each".into());
    }
    if things.iter().any(|thing| thing.end > entries) {
        return Err(format!("an observation has {entries} entries, counted from 0"));
    }
    let overlap =
        |(i, a): (usize, &Range<usize>)| things[..i].iter().any(|b| a.start < b.end && b.start < a.end);
    match things.iter().enumerate().any(overlap) {
        true => Err("an entry speaks of one thing".into()),
        false => Ok(()),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A saved state, restorable into an environment of the same id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Id of the environment that made it.
    pub env_id: String,
    /// Continuous state, in the environment's own order.
    pub state: Vec<f64>,
    /// Counters and generator words.
    pub words: Vec<u64>,
}

impl Snapshot {
    /// Refuses a snapshot of another environment than `id`, and one with numbers that are none.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] or [`EnvError::NonFinite`].
    pub fn check_from(&self, id: &str) -> Result<(), EnvError> {
        if self.env_id != id {
            return Err(EnvError::Mismatch(format!(
                "snapshot was taken in `{}`, not in `{id}`",
                self.env_id
            )));
        }
        check_finite("snapshot state", &self.state)
    }
}

/// A sequential decision problem with continuous observations and actions: a simulator's or a real robot's.
///
/// State is `f64`. `reset` takes the whole of the randomness as one 64-bit seed, so that a simulated episode is
/// reproduced from its seed alone. `step` does not allocate.
pub trait Environment: Send {
    /// What is fixed about the environment.
    fn spec(&self) -> &EnvSpec;

    /// Starts an episode. The same start gives the same state and task.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a start that the environment cannot honour.
    fn reset(&mut self, start: &Start) -> Result<(), EnvError>;

    /// Applies `action` (length of the action space) for one step.
    ///
    /// # Errors
    /// [`EnvError::ActionLength`] or [`EnvError::NonFinite`] on a malformed action, with the state
    /// untouched; [`EnvError::NeedsReset`] after the episode ended.
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError>;

    /// Current observation.
    fn observation(&self) -> &[f64];

    /// What the running episode is for.
    fn task(&self) -> SharedTask;

    /// How well the present observation shows what is there, from 0 (not at all) to 1 (as it is): the share of signal in its
    /// variance, which is the level of noise at which a planner shows it to its network.
    fn seen(&self) -> f64 {
        1.0
    }

    /// The same environment as one that can be saved and restored; `None` where the world cannot.
    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        None
    }
}

/// An environment whose state can be saved and restored.
pub trait Simulator: Environment {
    /// Saves the state.
    fn snapshot(&self) -> Snapshot;

    /// Restores a state saved by an environment of the same id.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a snapshot of another environment; the state is untouched then.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError>;
}

/// Dynamics of a fully observed environment, for planners that are given them.
pub trait Dynamics: Send + Sync {
    /// Moves an observation one step on.
    fn step(&self, observation: &mut [f64], action: &[f64]);
}

impl<E: Environment + ?Sized> Environment for Box<E> {
    fn spec(&self) -> &EnvSpec {
        (**self).spec()
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        (**self).reset(start)
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        (**self).step(action)
    }

    fn observation(&self) -> &[f64] {
        (**self).observation()
    }

    fn task(&self) -> SharedTask {
        (**self).task()
    }

    fn seen(&self) -> f64 {
        (**self).seen()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        (**self).simulator()
    }
}

/// [`EnvSpec::check_action`].
pub(crate) fn check_action(spec: &EnvSpec, action: &[f64]) -> Result<(), EnvError> {
    spec.check_action(action)
}

/// Refuses NaN and infinities.
pub(crate) fn check_finite(what: &str, values: &[f64]) -> Result<(), EnvError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(EnvError::NonFinite { what: what.to_owned(), index, value: values[index] }),
        None => Ok(()),
    }
}
