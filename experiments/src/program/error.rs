//! What goes wrong with programs. Each message names the program and the remedy.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::failure::Failure;

/// A program that did not do what the protocol asks.
#[derive(Debug, thiserror::Error)]
#[error("program `{name}` {problem}{said}")]
pub(super) struct ProgramError {
    name: String,
    problem: Problem,
    said: String,
}

/// What it did.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The system does not run it.
    #[error(
        "cannot be started (`{file}`: {source}): give a path to an executable file, or the interpreter before it, as in \
         --program \"python3 policy.py\""
    )]
    NotStarted { file: String, source: io::Error },
    /// It ended.
    #[error("ended ({status}) when `{what}` was to be answered: it must run until `bye`")]
    Ended { what: &'static str, status: ExitStatus },
    /// It goes on, and nothing can come from it.
    #[error("closed its standard output when `{what}` was to be answered: keep it open until `bye`")]
    Closed { what: &'static str },
    /// No answer in time.
    #[error(
        "did not answer `{what}` within {} s: write one line for each line and flush it, or allow more with --program-timeout",
        patience.as_secs_f64()
    )]
    Late { what: &'static str, patience: Duration },
    /// A line without an end.
    #[error(
        "wrote more than {} bytes without the end of a line: answer in one line",
        super::protocol::LONGEST_ANSWER
    )]
    TooLong,
    /// Not JSON.
    #[error(
        "answered `{what}` by what is no JSON: `{line}`; write nothing but answers to standard output, and all else to standard \
         error"
    )]
    NoJson { what: &'static str, line: String },
    /// JSON without an answer in it.
    #[error(
        "answered `{what}` by `{line}`, which the protocol does not know ({source}): experiments/PROGRAM.md has what it does"
    )]
    NoAnswer { what: &'static str, line: String, source: serde_json::Error },
    /// An answer to another question.
    #[error("answered `{what}` by `{found}`, not `{wanted}`: answer each line once, in its order")]
    Other { what: &'static str, found: &'static str, wanted: &'static str },
    /// A line nobody asked for.
    #[error(
        "wrote `{line}` before it was asked for anything: answer each line once, and write all else to standard error"
    )]
    Unasked { line: String },
    /// Another version of the protocol.
    #[error(
        "speaks version {version} of the protocol, and this is version {}: answer `hello` by that",
        super::protocol::VERSION
    )]
    Version { version: u64 },
    /// It says so itself.
    #[error("refused `{what}`: {message}")]
    Refused { what: &'static str, message: String },
    /// An action that is none.
    #[error("answered an action of {got} numbers, and one has {want}: give all of them, in one list")]
    Length { want: usize, got: usize },
    /// NaN and the like.
    #[error("answered an action whose entry {entry} is {value}: give a finite number")]
    NotFinite { entry: usize, value: String },
    /// Outside of the action space.
    #[error(
        "answered an action whose entry {entry} is {value}, outside of [{low}, {high}]: clip it, as `hello` tells the bounds"
    )]
    OutOfBounds { entry: usize, value: f64, low: f64, high: f64 },
    /// The user asked to end.
    #[error("was stopped, as was asked for")]
    Stopped,
}

impl ProgramError {
    /// `words` are its last ones on standard error.
    pub(super) fn new(name: &str, problem: Problem, words: String) -> Self {
        let said = match words.as_str() {
            "" => String::new(),
            words => format!("; its last words on standard error: {words}"),
        };
        Self { name: name.to_owned(), problem, said }
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        match error.problem {
            Problem::NotStarted { .. } => Self::refused(error.to_string()),
            _ => Self::broken(error.to_string()),
        }
    }
}
