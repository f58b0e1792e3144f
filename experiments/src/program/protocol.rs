//! What is said to a program and what it answers: one JSON object a line, in the words of `serve` where both say the same.

use std::time::Duration;

use forethought_envs::{BoxSpace, EnvSpec, Feature};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Problem;

/// Version of the protocol.
pub(super) const VERSION: u64 = 1;
/// Bytes of an answer at most: an action of fifty thousand numbers.
pub(super) const LONGEST_ANSWER: usize = 1 << 20;
/// Characters of an answer that are quoted.
const QUOTED: usize = 120;
/// Beyond the bounds by this share of them is rounding to single precision, and clipped.
const ROUNDING: f64 = 1e-6;

/// What a program is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Say<'a> {
    /// First of all.
    Hello {
        /// Version of the protocol.
        version: u64,
        /// Environment's id.
        environment: &'a str,
        /// Observations, in the environment's units.
        observation: Space<'a>,
        /// Actions.
        action: Space<'a>,
        /// Observation entries that goals speak of; none where tasks have no goal.
        goal: &'a [usize],
        /// Number of the benchmark's numbered tasks; 0 where it has none.
        tasks: usize,
        /// Seconds of a step, where known.
        step_seconds: Option<f64>,
        /// Steps of an episode at most.
        max_episode_steps: Option<usize>,
        /// Seed of the first episode.
        seed: u64,
        /// Seconds that an answer may take.
        patience_s: f64,
    },
    /// An episode begins.
    Reset {
        /// Seed of all that the program draws in it.
        seed: u64,
        /// First observation; `act` tells it once more.
        observation: &'a [f64],
        /// Goal, where the task has one.
        goal: Option<&'a [f64]>,
        /// Number of the task, counted from 1, where tasks are numbered.
        task: Option<usize>,
    },
    /// Asks for the action.
    Act {
        /// Steps of the episode so far.
        step: usize,
        /// Present observation.
        observation: &'a [f64],
    },
    /// That was all.
    Bye {},
}

/// A space of numbers.
#[derive(Debug, Serialize)]
pub(super) struct Space<'a> {
    /// How many.
    size: usize,
    /// Lower bounds; null where there is none.
    low: &'a [f64],
    /// Upper bounds.
    high: &'a [f64],
    /// What the numbers are, in order; left out for actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<&'a [Feature]>,
}

impl<'a> Space<'a> {
    fn of(space: &'a BoxSpace, features: Option<&'a [Feature]>) -> Self {
        Self { size: space.len(), low: space.low(), high: space.high(), features }
    }
}

impl<'a> Say<'a> {
    pub(super) fn hello(spec: &'a EnvSpec, seed: u64, patience: Duration) -> Self {
        Self::Hello {
            version: VERSION,
            environment: &spec.id,
            observation: Space::of(&spec.observation, Some(&spec.features)),
            action: Space::of(&spec.action, None),
            goal: &spec.condition,
            tasks: spec.tasks,
            step_seconds: spec.step_seconds,
            max_episode_steps: spec.max_episode_steps,
            seed,
            patience_s: patience.as_secs_f64(),
        }
    }

    /// As a line, its end included.
    pub(super) fn line(&self) -> Vec<u8> {
        // Bounds that are not finite become null, and nothing else here can fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// What a program answers.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// To `hello`.
    Ready {
        /// Version that it speaks.
        version: u64,
    },
    /// To `reset`.
    Began {},
    /// To `act`.
    Command {
        /// One number for each entry of an action.
        action: Vec<Value>,
    },
    /// To anything that it cannot do.
    Error {
        /// Why.
        message: String,
    },
}

impl Answer {
    pub(super) fn parse(line: &[u8], what: &'static str) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(line).map_err(|_| match literal(line) {
            // Python writes NaN and Infinity, which are no JSON; what is wrong is the number, not its spelling.
            Some((entry, value)) => Problem::NotFinite { entry, value },
            None => Problem::NoJson { what, line: quoted(line) },
        })?;
        serde_json::from_value(value).map_err(|source| Problem::NoAnswer { what, line: quoted(line), source })
    }

    pub(super) fn instead_of(&self, wanted: &'static str, what: &'static str) -> Problem {
        let found = match self {
            Self::Ready { .. } => "ready",
            Self::Began {} => "began",
            Self::Command { .. } => "command",
            Self::Error { .. } => "error",
        };
        Problem::Other { what, found, wanted }
    }
}

/// The first entry of an action that is NaN or infinite as Python writes it.
fn literal(line: &[u8]) -> Option<(usize, String)> {
    let text = std::str::from_utf8(line).ok()?;
    let list = text.split_once("\"action\"")?.1.split_once('[')?.1.split(']').next()?;
    let is_one = |entry: &str| {
        ["nan", "infinity", "inf"].contains(&entry.trim_start_matches(['-', '+']).to_lowercase().as_str())
    };
    let mut entries = list.split(',').map(str::trim).enumerate();
    entries.find(|(_, entry)| is_one(entry)).map(|(at, entry)| (at, entry.to_owned()))
}

/// The beginning of a line as a message shows it.
pub(super) fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..4 * QUOTED).unwrap_or(line));
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// Writes the action of an answer into `action`, where it is one of `space`.
pub(super) fn checked(written: &[Value], space: &BoxSpace, action: &mut [f64]) -> Result<(), Problem> {
    if written.len() != action.len() {
        return Err(Problem::Length { want: action.len(), got: written.len() });
    }
    let bounds = space.low().iter().zip(space.high());
    for (entry, ((slot, value), (&low, &high))) in action.iter_mut().zip(written).zip(bounds).enumerate() {
        // Libraries that write no NaN write null.
        let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
            return Err(Problem::NotFinite { entry, value: quoted(value.to_string().as_bytes()) });
        };
        let slack = |bound: f64| ROUNDING * bound.abs().max(1.0);
        if number < low - slack(low) || number > high + slack(high) {
            return Err(Problem::OutOfBounds { entry, value: number, low, high });
        }
        *slot = number.clamp(low, high);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_the_page() {
        let parse = |line: &str| Answer::parse(line.as_bytes(), "act").map_err(|problem| problem.to_string());
        assert_eq!(parse(r#"{"ready":{"version":1,"name":"more"}}"#), Ok(Answer::Ready { version: 1 }));
        assert_eq!(parse(r#" {"began":{}} "#), Ok(Answer::Began {}));
        let action = vec![Value::from(0.5), Value::from(1)];
        assert_eq!(parse(r#"{"command":{"action":[0.5,1]}}"#), Ok(Answer::Command { action }));
        assert_eq!(parse(r#"{"error":{"message":"no"}}"#), Ok(Answer::Error { message: "no".into() }));
        for (line, says) in [
            ("hello", "what is no JSON: `hello`"),
            ("", "no JSON"),
            ("[1, 2]", "does not know"),
            (r#"{"action":[1]}"#, "does not know"),
            (r#"{"command":{"action":[1, NaN]}}"#, "entry 1 is NaN"),
            (r#"{"command": {"action": [-Infinity]}}"#, "entry 0 is -Infinity"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(says), "{line}: {message}");
        }
        let long = parse(&"é".repeat(5000)).unwrap_err();
        assert!(long.len() < 600 && long.contains("..."), "{long}");
    }

    #[test]
    fn actions_are_held_against_their_space() {
        let space = BoxSpace::new(vec![-1.0, f64::NEG_INFINITY], vec![1.0, 100.0]).unwrap();
        let check = |values: &[Value]| {
            let mut action = [7.0; 2];
            checked(values, &space, &mut action).map(|()| action).map_err(|problem| problem.to_string())
        };
        assert_eq!(check(&[1.into(), (-1e9).into()]), Ok([1.0, -1e9]));
        // What single precision makes of a bound is the bound.
        assert_eq!(check(&[f64::from(1.0_f32 + f32::EPSILON).into(), 0.into()]), Ok([1.0, 0.0]));
        for (values, says) in [
            (vec![Value::from(1)], "1 numbers, and one has 2"),
            (vec![Value::from(0); 3], "3 numbers"),
            (vec![0.into(), Value::Null], "entry 1 is null"),
            (vec![Value::from("0"), 0.into()], "entry 0 is \"0\""),
            (vec![1.001.into(), 0.into()], "entry 0 is 1.001, outside of [-1, 1]"),
            (vec![0.into(), 101.into()], "outside of [-inf, 100]"),
        ] {
            let message = check(&values).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn bounds_that_there_are_not_are_null() {
        let space = BoxSpace::symmetric(1, f64::INFINITY);
        let text = serde_json::to_string(&Space::of(&space, None)).unwrap();
        assert_eq!(text, r#"{"size":1,"low":[null],"high":[null]}"#);
    }
}
