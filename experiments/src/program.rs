//! Any external program as a policy: a process that is told observations and answers actions, one JSON object a line, on its
//! standard input and output ([the protocol](../PROGRAM.md)).

mod child;
mod error;
mod launch;
mod protocol;

use forethought_envs::{EnvError, EnvSpec, Policy, SharedTask};

use crate::failure::Failure;
use crate::interrupt::Deferred;
use crate::placed::Ends;

use child::Child;
use error::{Problem, ProgramError};
use protocol::{Answer, Say};

pub use launch::{DEFAULT_PATIENCE_S, Launch};

/// A running program that acts in one environment. It ends with this, whatever it is doing then.
pub struct Program {
    name: String,
    spec: EnvSpec,
    ends: Ends,
    child: Child,
    /// Requests to end are looked at while an answer is waited for, so that none leaves the process behind.
    deferred: Deferred,
    seed: u64,
    goal: Option<Vec<f64>>,
    /// Steps of the episode; `None` where the program has not been told that it began.
    step: Option<usize>,
    begun: usize,
}

impl Program {
    /// Starts it and says hello. `first_seed` is that of the first episode, for what the program draws before any.
    ///
    /// # Errors
    /// [`Failure`] naming the program: it cannot be started, or its first answer is none.
    pub fn start(launch: &Launch, spec: &EnvSpec, ends: &Ends, first_seed: u64) -> Result<Self, Failure> {
        // First, so that a request that comes from now on is answered by an end in order.
        let deferred = Deferred::begin();
        let child = Child::start(&launch.words, launch.patience)
            .map_err(|problem| ProgramError::new(&launch.name, problem, String::new()))?;
        let (name, spec, ends) = (launch.name.clone(), spec.clone(), ends.clone());
        let mut program =
            Self { name, spec, ends, child, deferred, seed: 0, goal: None, step: None, begun: 0 };
        let hello = Say::hello(&program.spec, first_seed, launch.patience).line();
        match program.ask("hello", hello)? {
            Answer::Ready { version: protocol::VERSION } => Ok(program),
            Answer::Ready { version } => Err(program.failed(Problem::Version { version }).into()),
            other => Err(program.failed(other.instead_of("ready", "hello")).into()),
        }
    }

    /// Says goodbye, and makes sure that nothing was written that nobody had asked for: answers would have been taken for
    /// those of other questions.
    ///
    /// # Errors
    /// [`Failure`] naming the program and what it wrote.
    pub fn finish(mut self) -> Result<(), Failure> {
        match self.child.finish(Say::Bye {}.line()) {
            Ok(()) => Ok(()),
            Err(problem) => Err(self.failed(problem).into()),
        }
    }

    /// Episodes that it has said to have begun.
    pub fn episodes_begun(&self) -> usize {
        self.begun
    }

    /// # Errors
    /// [`Failure`] where the user asked to end.
    pub fn stop_where_asked(&mut self) -> Result<(), Failure> {
        if self.deferred.requested() { Err(self.failed(Problem::Stopped).into()) } else { Ok(()) }
    }

    fn ask(&mut self, what: &'static str, line: Vec<u8>) -> Result<Answer, ProgramError> {
        let deferred = &self.deferred;
        let answered = self.child.ask(what, line, &|| deferred.requested());
        match answered.and_then(|line| Answer::parse(&line, what)) {
            Ok(Answer::Error { message }) => Err(self.failed(Problem::Refused { what, message })),
            Ok(answer) => Ok(answer),
            Err(problem) => Err(self.failed(problem)),
        }
    }

    fn failed(&mut self, problem: Problem) -> ProgramError {
        ProgramError::new(&self.name, problem, self.child.last_words())
    }

    fn command(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), ProgramError> {
        let step = match self.step {
            Some(step) => step,
            None => {
                let task = self.ends.task_of(&self.spec, self.seed);
                let reset = Say::Reset { seed: self.seed, observation, goal: self.goal.as_deref(), task };
                let line = reset.line();
                match self.ask("reset", line)? {
                    Answer::Began {} => {
                        self.begun = self.begun.saturating_add(1);
                        0
                    }
                    other => return Err(self.failed(other.instead_of("began", "reset"))),
                }
            }
        };
        let act = Say::Act { step, observation }.line();
        let written = match self.ask("act", act)? {
            Answer::Command { action: written } => protocol::checked(&written, &self.spec.action, action),
            other => Err(other.instead_of("command", "act")),
        };
        self.step = Some(step.saturating_add(1));
        written.map_err(|problem| self.failed(problem))
    }
}

impl Policy for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.seed = seed;
        self.goal = task.condition().map(|condition| condition.values.to_vec());
        self.step = None;
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        // The loop around it says which episode this is.
        self.command(observation, action).map_err(|error| EnvError::Mismatch(error.to_string()))
    }
}
