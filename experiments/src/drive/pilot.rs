//! One period after another: the newest observation in, a command out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use forethought_agent::{Clock, ClosingReport, MonotonicClock, Pacer, RealTimeAgent, Rung};
use forethought_envs::{SharedTask, TaskConfig, TaskKind};
use serde::{Serialize, Serializer};

use super::inbox::Inbox;
use super::session::Commands;
use super::{DriveOptions, SHORTEST_STALE};
use crate::console;

/// What a drive came to.
#[derive(Debug, Serialize)]
pub struct Driven {
    /// Episodes: goals that were aimed at.
    pub episodes: u64,
    /// Episodes whose goal was reached.
    pub reached: u64,
    /// Commands that were handed to zenoh, the last one included.
    pub commands: u64,
    /// Commands that zenoh refused.
    pub unpublished: u64,
    /// What was heard.
    #[serde(rename = "heard", serialize_with = "heard")]
    pub inbox: Arc<Inbox>,
    /// The loop's own report.
    #[serde(rename = "loop")]
    pub report: ClosingReport,
}

fn heard<S: Serializer>(inbox: &Arc<Inbox>, to: S) -> Result<S::Ok, S::Error> {
    inbox.heard().serialize(to)
}

impl fmt::Display for Driven {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let heard = self.inbox.heard();
        writeln!(
            to,
            "{} observations and {} goals were heard; refused: {} garbled, {} of another length, {} not finite",
            count(&heard.observations),
            count(&heard.goals),
            count(&heard.garbled),
            count(&heard.wrong_length),
            count(&heard.not_finite)
        )?;
        let Self { episodes, reached, commands, unpublished, report, .. } = self;
        writeln!(
            to,
            "{commands} commands, {unpublished} of them not published; {episodes} goals, {reached} reached"
        )?;
        write!(to, "{report}")
    }
}

/// An episode under way.
struct Episode {
    goal: Option<Vec<f64>>,
    task: SharedTask,
    reached: bool,
}

/// The loop.
pub(super) struct Pilot {
    agent: RealTimeAgent,
    clock: MonotonicClock,
    inbox: Arc<Inbox>,
    commands: Arc<Commands>,
    task: TaskConfig,
    stale: Duration,
    /// The goal to begin with.
    goal: Option<Vec<f64>>,
    seed: u64,
    until_reached: bool,
    episode: Option<Episode>,
    episodes: u64,
    reached: u64,
    started: bool,
    /// Whether the robot was ever commanded.
    commanded: bool,
    failed: bool,
    safe: Vec<f64>,
    observation: Vec<f64>,
}

impl Pilot {
    pub fn new(
        agent: RealTimeAgent,
        clock: MonotonicClock,
        inbox: Arc<Inbox>,
        commands: Arc<Commands>,
        task: TaskConfig,
        stale: Duration,
        options: &DriveOptions,
    ) -> Self {
        Self {
            safe: agent.safe_command().to_vec(),
            agent,
            clock,
            inbox,
            commands,
            task,
            stale,
            goal: options.goal.clone(),
            seed: options.seed,
            until_reached: options.until_reached,
            episode: None,
            episodes: 0,
            reached: 0,
            started: false,
            commanded: false,
            failed: false,
            observation: Vec::new(),
        }
    }

    pub fn task(&self) -> &TaskConfig {
        &self.task
    }

    pub fn period(&self) -> Duration {
        self.agent.period()
    }

    pub fn stale(&self) -> Duration {
        self.stale
    }

    /// Until `ended` says so, or the goal is reached where that is to be the end. `close` ends the session.
    pub fn fly(mut self, mut ended: impl FnMut() -> bool, close: impl FnOnce()) -> Driven {
        let mut pacer = Pacer::new(self.agent.period(), self.clock.now());
        while !ended() {
            self.begin();
            if self.step() && self.until_reached {
                break;
            }
            pacer.wait(&self.clock);
        }
        // Tells the robot the safe command, if it was ever started.
        let report = self.agent.stop();
        if self.started {
            // Once more a little later, for a robot that was not listening just then.
            thread::sleep(self.agent.period().min(SHORTEST_STALE));
            self.commands.publish_last(&self.safe);
        }
        close();
        let (commands, unpublished) = self.commands.counts();
        let Self { episodes, reached, inbox, .. } = self;
        Driven { episodes, reached, commands, unpublished, inbox, report }
    }

    /// Begins an episode where there is something new to do. A goal that is aimed at already is nothing new: publishers repeat
    /// theirs for those who come late.
    fn begin(&mut self) {
        let aims = self.task.kind == TaskKind::Goal;
        let goal = self.inbox.goal().or_else(|| self.goal.take());
        let new = match &self.episode {
            None => !aims || goal.is_some(),
            Some(now) => aims && goal.is_some() && now.goal != goal,
        };
        if !new {
            return;
        }
        // Never refused: the inbox keeps goals of the right length alone, and that of the command line was tried.
        let Ok(task) = self.task.task(goal.as_deref()) else { return };
        self.agent.reset(self.seed.wrapping_add(self.episodes), SharedTask::clone(&task));
        self.episode = Some(Episode { goal, task, reached: false });
        self.episodes += 1;
    }

    /// One period. Whether the goal was reached in it.
    fn step(&mut self) -> bool {
        let Some(episode) = &mut self.episode else { return false };
        if !self.started {
            if !self.inbox.has_observed() {
                return false;
            }
            self.agent.start();
            self.started = true;
        }
        self.inbox.observation(self.clock.now(), self.stale, &mut self.observation);
        let there = !self.observation.is_empty() && episode.task.reached(&self.observation);
        let reached = there && !std::mem::replace(&mut episode.reached, there);
        self.reached += u64::from(reached);
        // Without an observation the agent goes down its ladder: it is told of none.
        let tick = self.agent.tick(&self.observation);
        self.commanded |= tick.command.is_some();
        // Left alone, a robot would go on with the last command for the goal before.
        if let Some(command) = tick.command.or(self.commanded.then_some(self.safe.as_slice())) {
            self.commands.publish(command);
        }
        let failed = tick.rung == Rung::Failed;
        if failed != std::mem::replace(&mut self.failed, failed) {
            console::note(match failed {
                true => {
                    "no plan to follow for too long: the robot is told the safe command until there is one"
                }
                false => "there is a plan to follow again",
            });
        }
        reached
    }
}
