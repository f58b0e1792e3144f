//! One client, from its first line to its last.

use std::io::Write;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forethought_agent::{Agent, AgentError, within};
use forethought_planner::RowTimes;

use super::lines::{End, Lines};
use super::protocol::{Answer, Ask, Kind, LONGEST_LINE, VERSION};
use super::{ServeOptions, Served};

/// Longest deadline: a day, as no plan takes.
const LONGEST_DEADLINE_MS: f64 = 86_400_000.0;

/// What is known of a client.
enum Client {
    /// It has not said hello.
    Stranger,
    /// It has, and no episode has begun.
    Guest,
    /// It has an agent of its own.
    Driving { agent: Box<Agent>, times: RowTimes },
}

/// Answers a client until it goes or has to.
pub(super) fn attend(
    stream: TcpStream,
    options: &ServeOptions,
    ready: &[u8],
    served: &Served,
    stopping: &AtomicBool,
) {
    let Ok(mut to) = stream.try_clone() else { return };
    let mut lines = Lines::new(stream);
    let mut client = Client::Stranger;
    loop {
        let asked = match lines.next(options.patience, || stopping.load(Ordering::Relaxed)) {
            Ok(line) => serde_json::from_slice::<Ask>(line).map_err(|error| {
                (
                    Kind::Malformed,
                    format!("no request of this protocol: {error}; experiments/SERVE.md has them"),
                )
            }),
            Err(End::Gone) => return,
            Err(End::Silent) => {
                let seconds = options.patience.as_secs();
                Err((Kind::Silent, format!("no whole request for {seconds} s: connect again")))
            }
            Err(End::TooLong) => {
                Err((Kind::Malformed, format!("a line is longer than {LONGEST_LINE} bytes")))
            }
            Err(End::Stopping) => Err((Kind::Busy, "the server ends".to_owned())),
        };
        // Whatever a panic leaves of the agent, this client has seen the last of it.
        let answered = asked.and_then(|ask| {
            catch_unwind(AssertUnwindSafe(|| client.answer(ask, options, ready)))
                .unwrap_or_else(|_| Err((Kind::Fault, "a fault of the server: connect again".to_owned())))
        });
        let (line, stays) = match answered {
            Ok(line) => {
                served.answered.fetch_add(1, Ordering::Relaxed);
                (line, true)
            }
            Err((kind, message)) => {
                served.refused.fetch_add(1, Ordering::Relaxed);
                (Answer::error(kind, message).line(), matches!(kind, Kind::Refused | Kind::Order))
            }
        };
        if to.write_all(&line).is_err() || !stays {
            return;
        }
    }
}

impl Client {
    fn answer(&mut self, ask: Ask, options: &ServeOptions, ready: &[u8]) -> Result<Vec<u8>, (Kind, String)> {
        let refused = |error: AgentError| (Kind::Refused, error.to_string());
        let order = |message: &str| Err((Kind::Order, message.to_owned()));
        match (ask, self) {
            (Ask::Hello { version, token }, client @ Self::Stranger) => {
                hello(version, token.as_deref(), options)?;
                *client = Self::Guest;
                Ok(ready.to_vec())
            }
            (_, Self::Stranger) => Err((Kind::Unwelcome, "say hello first".to_owned())),
            (Ask::Hello { .. }, _) => order("said once, a hello is enough"),
            (Ask::Reset { seed, goal }, Self::Driving { agent, .. }) => {
                agent.reset_to(seed, goal.as_deref()).map_err(refused)?;
                Ok(Answer::Began {}.line())
            }
            (Ask::Reset { seed, goal }, client) => {
                // Not at the hello: whoever only knocks is to cost nothing.
                let mut agent = Box::new(super::agent(&options.checkpoint).map_err(|error| {
                    (Kind::Fault, format!("the checkpoint cannot be used any more: {error}"))
                })?);
                agent.reset_to(seed, goal.as_deref()).map_err(refused)?;
                *client = Self::Driving { agent, times: RowTimes::default() };
                Ok(Answer::Began {}.line())
            }
            (_, Self::Guest) => order("no episode has begun: reset first"),
            (Ask::Act { observation }, Self::Driving { agent, .. }) => {
                let action = agent.act(&observation).map_err(refused)?;
                Ok(Answer::Command { action }.line())
            }
            (Ask::Plan { observation, deadline_ms }, Self::Driving { agent, times }) => {
                plan(agent, times, &observation, deadline_ms)
            }
        }
    }
}

fn plan(
    agent: &mut Agent,
    times: &mut RowTimes,
    observation: &[f64],
    deadline_ms: Option<f64>,
) -> Result<Vec<u8>, (Kind, String)> {
    let deadline = match deadline_ms {
        Some(ms) if !(0.0..=LONGEST_DEADLINE_MS).contains(&ms) => {
            let message =
                format!("deadline_ms is {ms}: give 0 to {LONGEST_DEADLINE_MS} milliseconds, or leave it out");
            return Err((Kind::Refused, message));
        }
        ms => ms.map(|ms| Duration::from_secs_f64(ms / 1e3)),
    };
    let planned = within(deadline, times, |budget| {
        agent.replan_within(observation, budget).map(|plan| Answer::planned(plan).line())
    });
    planned.map_err(|error| (Kind::Refused, error.to_string()))
}

/// Refuses who is not welcome.
fn hello(version: u64, token: Option<&str>, options: &ServeOptions) -> Result<(), (Kind, String)> {
    let unwelcome = |message: String| Err((Kind::Unwelcome, message));
    if version != VERSION {
        return unwelcome(format!(
            "version {version} of the protocol is asked for, and {VERSION} is spoken here"
        ));
    }
    let given = token.unwrap_or_default();
    if options.token.as_ref().is_some_and(|wanted| !same(wanted.as_bytes(), given.as_bytes())) {
        // Guessing costs time.
        std::thread::sleep(Duration::from_millis(500));
        return unwelcome("this server wants another token".to_owned());
    }
    Ok(())
}

/// Whether both are the same, in a time that says nothing of where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
