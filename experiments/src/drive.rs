//! A robot over zenoh: observations come in, and the real-time agent's commands go out, one a period.
//!
//! Messages are in ROS 2's encoding, and keys are named as `rmw_zenoh_cpp` names them. [How to use it](../ZENOH.md).

mod cdr;
pub mod inbox;
pub mod keys;
pub mod message;
pub mod network;
mod pilot;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forethought_agent::{Agent, AgentSettings, MonotonicClock, RealTimeAgent};
use forethought_envs::{EnvSpec, TaskConfig, TaskKind};
use forethought_planner::checkpoint;

use crate::device::DeviceName;
use crate::failure::Failure;
use crate::planning;
use inbox::Inbox;
use network::Network;
pub use pilot::Driven;
use pilot::Pilot;
use session::Connection;
pub use session::Names;

/// An observation is too old after so many periods, and not before [`SHORTEST_STALE`].
const STALE_PERIODS: u32 = 3;
/// Networks are late by tens of milliseconds without being broken.
const SHORTEST_STALE: Duration = Duration::from_millis(100);

/// What is driven, and how.
#[derive(Clone, Debug)]
pub struct DriveOptions {
    /// Checkpoint's folder, or a training run.
    pub checkpoint: PathBuf,
    /// Configuration laid over the checkpoint's own.
    pub config: Option<PathBuf>,
    /// Settings laid over both, `KEY=VALUE`.
    pub overrides: Vec<String>,
    /// Where it listens and connects.
    pub network: Network,
    /// What it is called, and its topics.
    pub names: Names,
    /// First goal; without one it waits for the first that comes.
    pub goal: Option<Vec<f64>>,
    /// Seed of the first episode; each goal begins another, with the seed after it.
    pub seed: u64,
    /// Age at which an observation is none any more.
    pub stale: Option<Duration>,
    /// Whether it ends where the task is done.
    pub until_reached: bool,
}

/// A robot's driver, connected.
pub struct Driver {
    pilot: Pilot,
    connection: Connection,
    spec: EnvSpec,
}

impl Driver {
    /// Loads the agent and opens the session.
    ///
    /// # Errors
    /// [`Failure`] for a checkpoint, a setting, a goal or a name that cannot be used, and an endpoint that cannot be had.
    pub fn open(options: &DriveOptions) -> Result<Self, Failure> {
        let path = checkpoint::find(&options.checkpoint)?;
        let manifest = checkpoint::read_manifest(&path)?;
        let (spec, task) = (manifest.environment.clone(), AgentSettings::of(&manifest)?.task);
        if let Some(goal) = &options.goal {
            task.task(Some(goal)).map_err(|error| Failure::refused(format!("--goal: {error}")))?;
        }
        let mut agent = agent(&path, &spec, options)?;
        let clock = MonotonicClock::new();
        let inbox = Arc::new(Inbox::new(spec.observation.len(), goal_len(&task)));
        let hears_goals = goal_len(&task) > 0;
        let connection = Connection::open(&options.network, &options.names, hears_goals, &inbox, clock)?;
        let last = Arc::clone(&connection.commands);
        agent.on_end(move |safe| last.publish_last(safe));
        let stale = options.stale.unwrap_or((agent.period() * STALE_PERIODS).max(SHORTEST_STALE));
        let pilot = Pilot::new(agent, clock, inbox, Arc::clone(&connection.commands), task, stale, options);
        Ok(Self { pilot, connection, spec })
    }

    /// The environment that the agent was trained for: what observations and commands are.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Numbers of a goal; 0 where the task has none.
    pub fn goal_len(&self) -> usize {
        goal_len(self.pilot.task())
    }

    /// Time from command to command.
    pub fn period(&self) -> Duration {
        self.pilot.period()
    }

    /// Age at which an observation is none any more.
    pub fn stale(&self) -> Duration {
        self.pilot.stale()
    }

    /// Drives until `ended` says so, or the goal is reached where that is to be the end. The robot is told the safe command
    /// then, also where this panics.
    ///
    /// Nothing is commanded before there are an observation, a goal (where the task has one) and a plan. From then on there is a
    /// command a period: while a new goal is planned for, the safe one.
    pub fn run(self, ended: impl FnMut() -> bool) -> Driven {
        // A panic lets go of the pilot, and with it of the agent, before the connection.
        let Self { pilot, connection, .. } = self;
        pilot.fly(ended, || connection.close())
    }
}

fn goal_len(task: &TaskConfig) -> usize {
    if task.kind == TaskKind::Goal { task.entries.len() } else { 0 }
}

/// The agent under the checkpoint's settings with the user's laid over them.
fn agent(path: &Path, spec: &EnvSpec, options: &DriveOptions) -> Result<RealTimeAgent, Failure> {
    let mut loaded = planning::load(Some(path), spec, DeviceName::Cpu)?;
    let settings = loaded.configure(spec, options.config.as_deref(), &options.overrides)?;
    // One core is left to the loop and to zenoh.
    let threads = DeviceName::Cpu.threads().unwrap_or(1).saturating_sub(1).max(1);
    let agent = Agent::builder(path)
        .threads(threads)
        .set("plan", serde_json::to_value(&settings.plan)?)
        .set("control", serde_json::to_value(&settings.control)?);
    Ok(agent.real_time(&settings.realtime)?)
}
