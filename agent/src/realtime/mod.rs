//! Acting in real time: the loop never waits for the planner.
//!
//! ```text
//! control side ([`Executive`])              planner's side ([`Worker`])
//! tick: newest plan -> controller           newest observation -> Planner -> validator
//!       -> seam -> guard -> command                 |
//!       observation, if a plan is due  ---------->  '
//!       <---------------------------------------  plan
//! ```
//!
//! Both sides are plain values that take time as an argument, so everything about them is tested on one thread with a clock
//! that stands still. [`RealTimeAgent`] puts the planner's side on a thread of its own. What is promised, and how each promise
//! is tested, stands in `agent/REALTIME.md`.

mod agent;
mod clock;
mod config;
mod events;
mod executive;
mod following;
mod guard;
mod ladder;
mod latency;
mod limits;
mod link;
mod recording;
mod replay;
mod report;
mod seam;
mod simulation;
mod tape;
mod telling;
mod timing;
mod validator;
mod worker;

pub use agent::{RealTimeAgent, both_sides};
pub use clock::{Clock, ManualClock, MonotonicClock, Pacer};
pub use config::{Brake, RealTimeConfig, SeamConfig, ValidatorConfig};
pub use events::Event;
pub use executive::{Executive, Tick};
pub use ladder::{Failure, Rung};
pub use latency::Latency;
pub use link::{Published, Stopper};
pub use recording::{RecordedEpisode, Recorder, Recording, RecordingHeader};
pub use replay::{Followed, Replayed, goal_task, replay};
pub use report::{ClosingReport, Happened, Message, Stage};
pub use simulation::Simulation;
pub use tape::{EpisodeLine, Made, PlanLine, Tape, TickLine};
pub use validator::Refusal;
pub use worker::{Answer, Worker};
