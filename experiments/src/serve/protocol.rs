//! What is said between a client and the server: one JSON object a line.

use forethought_planner::{Plan, PlanStatus};
use serde::{Deserialize, Serialize};

/// Version of the protocol. A client of another one is refused with both numbers.
pub const VERSION: u64 = 1;
/// Longest line, bytes: a plan of a thousand frames of fifty numbers, and far below what memory holds.
pub const LONGEST_LINE: usize = 1 << 20;

/// What a client asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Ask {
    /// The first line of every client.
    Hello {
        /// Version that it speaks.
        version: u64,
        /// What it must say where the server has a token.
        #[serde(default)]
        token: Option<String>,
    },
    /// Begins an episode.
    Reset {
        /// Seed of all randomness.
        #[serde(default)]
        seed: u64,
        /// Goal, where the task has one.
        #[serde(default)]
        goal: Option<Vec<f64>>,
    },
    /// Asks for the command of the present observation.
    Act {
        /// Environment units.
        observation: Vec<f64>,
    },
    /// Asks for a plan, which comes into force.
    Plan {
        /// Environment units.
        observation: Vec<f64>,
        /// Milliseconds after which planning ends.
        #[serde(default)]
        deadline_ms: Option<f64>,
    },
}

/// What kind of trouble there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The line is no request of this protocol. The connection is closed.
    Malformed,
    /// Another version, or no token, or the wrong one. The connection is closed.
    Unwelcome,
    /// The request cannot be carried out as made. The connection stays.
    Refused,
    /// A call out of order. The connection stays.
    Order,
    /// A fault of the server. The connection is closed.
    Fault,
    /// No whole request for too long. The connection is closed.
    Silent,
    /// There are too many clients, or the server ends. The connection is closed.
    Busy,
}

/// What the server answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer<'a> {
    /// To a hello.
    Ready {
        /// Version of the protocol.
        version: u64,
        /// Environment's id.
        environment: &'a str,
        /// Numbers of an observation.
        observation: usize,
        /// Numbers of an action.
        action: usize,
        /// Numbers of a goal; 0 where the task has none.
        goal: usize,
    },
    /// To a reset.
    Began {},
    /// To an act.
    Command {
        /// Action units.
        action: &'a [f64],
    },
    /// To a plan.
    Planned {
        /// Frames.
        frames: usize,
        /// Frames, counted from the first, that were sampled to their end.
        clean: usize,
        /// Whether the deadline ended planning.
        cut: bool,
        /// What the planner expects of it.
        value: f64,
        /// Probability that all goes as planned, where it was sampled.
        chance: Option<f64>,
        /// First frame in which the task is done.
        arrival: Option<usize>,
        /// `[frames * observation]`.
        observations: &'a [f64],
        /// `[frames * action]`.
        actions: &'a [f64],
    },
    /// To anything that went wrong.
    Error {
        /// What kind of trouble.
        kind: Kind,
        /// What, and the remedy.
        message: String,
    },
}

impl<'a> Answer<'a> {
    pub fn error(kind: Kind, message: impl Into<String>) -> Self {
        Self::Error { kind, message: message.into() }
    }

    pub fn planned(plan: &'a Plan) -> Self {
        Self::Planned {
            frames: plan.frames,
            clean: plan.clean,
            cut: plan.status == PlanStatus::Cut,
            value: plan.score,
            chance: plan.outlook.as_ref().and_then(|outlook| outlook.chance),
            arrival: plan.arrival,
            observations: &plan.observations,
            actions: &plan.actions,
        }
    }

    /// As a line, its end included.
    pub fn line(&self) -> Vec<u8> {
        // Numbers that are not finite become null, and nothing else here can fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
