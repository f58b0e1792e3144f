//! Episodes that begin or end where the user says, whatever their seed.

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
}

impl Ends {
    /// Whether everything is the seed's to choose.
    pub fn is_free(&self) -> bool {
        self.start.is_none() && self.goal.is_none()
    }

    /// The environment of this name, whose episodes have these ends.
    ///
    /// # Errors
    /// Those of the environment.
    pub fn make(&self, id: &str) -> Result<Box<dyn Environment>, EnvError> {
        let inner = make(id)?;
        if self.is_free() { Ok(inner) } else { Ok(Box::new(Placed { inner, ends: self.clone() })) }
    }

    /// Refuses ends that an environment cannot honour.
    ///
    /// # Errors
    /// [`Failure`] that says why.
    pub fn check(&self, id: &str) -> Result<(), Failure> {
        let tried = self.make(id)?.reset(&Start::seed(0));
        tried.map_err(|error| Failure::refused(format!("--start, --goal: {error}")))
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

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        self.inner.simulator()
    }
}
