//! An agent that acts in real time: the loop here, its planner on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use forethought_envs::{EnvSpec, SharedTask, TaskConfig};
use forethought_planner::Planner;
use forethought_policies::Controller;

use super::clock::{Clock, MonotonicClock};
use super::executive::{Executive, Tick};
use super::link::{Link, Published, Stopper};
use super::recording::RecordingHeader;
use super::report::ClosingReport;
use super::telling::Telling;
use super::worker::Worker;
use crate::past::Past;
use crate::{Agent, AgentError, RealTimeConfig};

/// Both sides of the loop over their queues, without a thread: for simulations, which move the clock themselves.
///
/// # Errors
/// [`AgentError::Setting`] naming the setting and the remedy.
pub fn both_sides(
    planner: Box<dyn Planner>,
    controller: Box<dyn Controller>,
    spec: &EnvSpec,
    execution_horizon: usize,
    config: &RealTimeConfig,
    clock: Arc<dyn Clock>,
) -> Result<(Executive, Worker), AgentError> {
    let limits = config.limits(spec, execution_horizon)?;
    let past = Past::new(planner.history(), spec.observation.len(), spec.action.len());
    let link = Arc::new(Link::new(spec.observation.len(), &past));
    let worker = Worker::new(planner, spec, &config.validator, &limits, Arc::clone(&link), clock);
    Ok((Executive::new(controller, spec, limits, link, past), worker))
}

/// Looks for something to plan from in a period: a plan begins a twentieth of one late at most.
const LOOKS: u32 = 20;
/// A thread that looks more often takes more of a core than it is worth.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
/// Slow loops need not wait for their plans.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// What is told the last command of all.
type OnEnd = Box<dyn FnMut(&[f64]) + Send>;

/// Plans on a thread of its own while the loop goes on.
///
/// ```no_run
/// use forethought_agent::{MonotonicClock, Pacer, RealTimeAgent};
/// use forethought_envs::{Environment, Start, make};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut robot = make("maze2d-umaze-v1")?;
/// let mut agent = RealTimeAgent::load("experiments/checkpoints/maze2d-umaze-v1")?;
/// robot.reset(&Start::seed(1))?;
/// agent.reset(1, robot.task());
/// agent.start();
/// let (clock, mut pacer) = (MonotonicClock::new(), Pacer::new(agent.period(), Default::default()));
/// for _ in 0..500 {
///     if let Some(command) = agent.tick(robot.observation()).command {
///         robot.step(command)?;
///     }
///     pacer.wait(&clock);
/// }
/// println!("{}", agent.stop());
/// # Ok(())
/// # }
/// ```
///
/// Dropping it lets the planner's thread go: one that hangs is not waited for.
pub struct RealTimeAgent {
    executive: Executive,
    spec: EnvSpec,
    task: TaskConfig,
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    thread: Option<JoinHandle<()>>,
    started: bool,
    on_end: Option<OnEnd>,
}

impl RealTimeAgent {
    /// Agent of a checkpoint, with the settings that it carries and [`RealTimeConfig`]'s defaults, on the CPU. For a choice
    /// there is [`crate::AgentBuilder::real_time`].
    ///
    /// # Errors
    /// As [`crate::AgentBuilder::real_time`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        Agent::builder(path).real_time(&RealTimeConfig::default())
    }

    /// Agent of any planner and controller, on the machine's clock.
    ///
    /// # Errors
    /// [`AgentError::Setting`] naming the setting and the remedy, [`AgentError::Thread`] where there can be no thread.
    pub fn new(
        planner: Box<dyn Planner>,
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        execution_horizon: usize,
        config: &RealTimeConfig,
    ) -> Result<Self, AgentError> {
        let clock = Arc::new(MonotonicClock::new());
        Self::with_clock(planner, controller, spec, execution_horizon, config, clock)
    }

    /// The same on a clock of the caller's.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_clock(
        planner: Box<dyn Planner>,
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        execution_horizon: usize,
        config: &RealTimeConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AgentError> {
        let (executive, mut worker) =
            both_sides(planner, controller, spec, execution_horizon, config, Arc::clone(&clock))?;
        let link = Arc::clone(executive.link());
        let told = Arc::clone(&link);
        // Looking for work a few times a period instead of being woken: a wake-up is a system call in the tick, and where all
        // cores are busy the planner would start in the middle of it.
        let pause = (executive.period() / LOOKS).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let named = thread::Builder::new().name("forethought-planner".to_owned());
        let thread = named
            .spawn(move || {
                let mut telling = Telling::new(told);
                while !worker.is_done() {
                    let worked = worker.work();
                    telling.tell();
                    if !worked {
                        thread::park_timeout(pause);
                    }
                }
            })
            .map_err(AgentError::Thread)?;
        let (spec, task, thread) = (spec.clone(), TaskConfig::default(), Some(thread));
        Ok(Self { executive, spec, task, link, clock, thread, started: false, on_end: None })
    }

    /// The same with another task for [`Self::reset_to`] to make; an agent of a checkpoint has the checkpoint's.
    #[must_use]
    pub fn with_task(mut self, task: TaskConfig) -> Self {
        self.task = task;
        self
    }

    /// The environment it acts in: sizes and bounds of observations and actions.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The task that [`Self::reset_to`] makes: a goal has as many numbers as it has entries.
    pub fn task(&self) -> &TaskConfig {
        &self.task
    }

    /// Writes what the loop sees and does to a file from now on, on a thread of its own; call it before [`Self::start`]. What is
    /// written can be driven again ([`super::replay()`]). The file's end is written when the agent is gone.
    ///
    /// # Errors
    /// [`AgentError::Recording`] for a file that is there already or cannot be written, and for a second recording.
    pub fn record(&mut self, path: &Path, header: &RecordingHeader) -> Result<(), AgentError> {
        let recorder = self.executive.record(path, header)?;
        recorder.run(Arc::clone(&self.link), Arc::clone(&self.clock)).map_err(AgentError::Thread)
    }

    /// Begins an episode: all randomness of its plans comes from `seed`. Nothing is commanded before the first valid plan
    /// for it.
    pub fn reset(&mut self, seed: u64, task: SharedTask) {
        self.executive.reset(seed, task);
    }

    /// The same for the checkpoint's own task, as [`Agent::reset_to`].
    ///
    /// # Errors
    /// [`AgentError::Task`] for a goal that the task cannot aim at. The episode before goes on then.
    pub fn reset_to(&mut self, seed: u64, goal: Option<&[f64]>) -> Result<(), AgentError> {
        let task = self.task.task(goal);
        let task = task.map_err(|source| AgentError::Task { env_id: self.spec.id.clone(), source })?;
        self.reset(seed, task);
        Ok(())
    }

    /// Lets ticks command, from the first valid plan on.
    pub fn start(&mut self) {
        self.started = true;
        self.executive.start();
    }

    /// The command for the present observation (environment units). It takes microseconds whatever the planner does.
    pub fn tick(&mut self, observation: &[f64]) -> Tick<'_> {
        let now = self.clock.now();
        // Measured before the tick is handed out: its command borrows from the agent.
        self.executive.tick_timed(now, observation, self.clock.as_ref())
    }

    /// Ends commanding: later ticks give the safe command. What happened, to be printed or kept as JSON.
    pub fn stop(&mut self) -> ClosingReport {
        self.end();
        self.report()
    }

    fn end(&mut self) {
        let safe = self.executive.stop();
        if std::mem::take(&mut self.started)
            && let Some(on_end) = &mut self.on_end
        {
            on_end(safe);
        }
    }

    /// Is told the safe command when a started agent is stopped or dropped, also by a panic of the caller's: where robots
    /// are told what to do when nobody commands them any more.
    pub fn on_end(&mut self, told: impl FnMut(&[f64]) + Send + 'static) {
        self.on_end = Some(Box::new(told));
    }

    /// Stops the agent from another thread, such as the handler of Ctrl-C.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.link))
    }

    /// The safe command, action units.
    pub fn safe_command(&self) -> &[f64] {
        self.executive.safe_command()
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Published> {
        self.executive.plan()
    }

    /// Time from tick to tick.
    pub fn period(&self) -> Duration {
        self.executive.period()
    }

    /// What happened so far.
    pub fn report(&self) -> ClosingReport {
        self.executive.report(self.clock.now())
    }
}

impl Drop for RealTimeAgent {
    fn drop(&mut self) {
        self.end();
        self.link.close();
        // Woken if it waits, and let go of in any case: nobody can say when a planner that hangs comes back.
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
        }
    }
}
