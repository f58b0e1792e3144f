//! Episodes that begin or end where the user says, whatever their seed, and the numbered tasks that episodes go through.

use clap::Args;
use forethought_envs::{EnvError, EnvSpec, Environment, SharedTask, Simulator, Start, Transition, make};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Where episodes begin and end; what is not said is the seed's to choose.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// Where every episode begins, for example --start 1,1.
    #[arg(long, value_name = "X,Y", value_delimiter = ',', allow_hyphen_values = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Vec<f64>>,
    /// Goal of every episode, for example --goal 3,1.
    #[arg(long, value_name = "X,Y", value_delimiter = ',', allow_hyphen_values = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Vec<f64>>,
    /// Task of every episode, by its number, where the benchmark has numbered tasks. Default: all of them in turn, by the
    /// episode's seed.
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<usize>,
}

impl Ends {
    /// Whether everything is the seed's to choose.
    pub fn is_free(&self) -> bool {
        self.start.is_none() && self.goal.is_none() && self.task.is_none()
    }

    /// The environment of this name, whose episodes have these ends.
    ///
    /// # Errors
    /// Those of the environment.
    pub fn make(&self, id: &str) -> Result<Box<dyn Environment>, EnvError> {
        let inner = make(id)?;
        let plain = self.is_free() && inner.spec().tasks == 0;
        if plain { Ok(inner) } else { Ok(Box::new(Placed { inner, ends: self.clone() })) }
    }

    /// The task of an episode, which its record does not hold: that of the same start.
    ///
    /// # Errors
    /// Those of the environment.
    pub fn task(&self, id: &str, seed: u64) -> Result<SharedTask, EnvError> {
        let mut environment = self.make(id)?;
        environment.reset(&Start::seed(seed))?;
        Ok(environment.task())
    }

    /// Refuses ends that an environment cannot honour.
    ///
    /// # Errors
    /// [`Failure`] that says why.
    pub fn check(&self, id: &str) -> Result<(), Failure> {
        let mut environment = self.make(id)?;
        if let Some(number) = self.task {
            let there = environment.spec().tasks;
            if there == 0 {
                return Err(Failure::refused(format!("--task: `{id}` has no numbered tasks: leave it out")));
            }
            if !(1..=there).contains(&number) {
                return Err(Failure::refused(format!(
                    "--task: `{id}` has tasks 1 to {there}, and task {number} was asked for: choose one of these, or leave \
                     it out for all of them"
                )));
            }
        }
        let tried = environment.reset(&Start::seed(0));
        tried.map_err(|error| Failure::refused(format!("--start, --goal: {error}")))
    }

    /// Number of the task that an episode has, where tasks are numbered. Seeds that follow one another go through all
    /// tasks, from the first on.
    pub fn task_of(&self, spec: &EnvSpec, seed: u64) -> Option<usize> {
        let turn = seed.checked_rem(spec.tasks as u64)?;
        self.task.or(usize::try_from(turn).ok().map(|turn| turn + 1))
    }
}

struct Placed {
    inner: Box<dyn Environment>,
    ends: Ends,
}

impl Environment for Placed {
    fn spec(&self) -> &EnvSpec {
        self.inner.spec()
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        let mut start = start.clone();
        start.position = self.ends.start.clone().or(start.position);
        start.goal = self.ends.goal.clone().or(start.goal);
        start.task = start.task.or_else(|| self.ends.task_of(self.inner.spec(), start.seed));
        self.inner.reset(&start)
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        self.inner.step(action)
    }

    fn observation(&self) -> &[f64] {
        self.inner.observation()
    }

    fn task(&self) -> SharedTask {
        self.inner.task()
    }

    fn seen(&self) -> f64 {
        self.inner.seen()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        self.inner.simulator()
    }
}
