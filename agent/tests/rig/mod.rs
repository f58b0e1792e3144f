//! Both sides of the real-time loop on one thread, with a clock that moves when told and a planner that does as told.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forethought_agent::{
    Answer, Clock, ClosingReport, Executive, Failure, ManualClock, RealTimeConfig, Rung, Worker, both_sides,
};
use forethought_envs::{BoxSpace, EnvSpec, Feature, FeatureKind, NoTask};
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request};
use forethought_policies::{ControlConfig, Controller, PdConfig, make_controller};

/// Steps after which a plan is to be replaced, unless a test says otherwise.
pub const HORIZON: usize = 5;
/// Rows of a plan, unless a test says otherwise.
pub const FRAMES: usize = 60;
/// From tick to tick.
pub const PERIOD: Duration = Duration::from_millis(20);

/// Observation (position, velocity), action in [-1, 1]. The position is the number of commands given so far.
pub fn spec() -> EnvSpec {
    EnvSpec {
        features: vec![
            Feature::new("position", 1, FeatureKind::Position),
            Feature::new("velocity", 1, FeatureKind::Velocity),
        ],
        step_seconds: Some(PERIOD.as_secs_f64()),
        ..EnvSpec::of_spaces("counter", BoxSpace::symmetric(2, f64::INFINITY), BoxSpace::symmetric(1, 1.0))
    }
}

/// The command that belongs to an absolute step, whatever plan it comes from.
pub fn command_of(step: f64) -> f64 {
    step / 1024.0
}

/// The plan that goes on counting from an observation: row `i` has the command of step `observation + i`.
pub fn counting(observation: &[f64], frames: usize) -> Plan {
    let step = |i: usize| observation[0] + i as f64;
    Plan {
        frames,
        observations: (0..frames).flat_map(|i| [step(i) + 1.0, 0.0]).collect(),
        actions: (0..frames).map(|i| command_of(step(i))).collect(),
        ..Plan::default()
    }
}

/// What a request said: number of the call, observation, rows executed of the plan in force, seed.
pub type Asked = (Vec<f64>, Option<usize>, u64);

type Script = Box<dyn FnMut(usize, &Request<'_>) -> Result<Vec<Plan>, PlannerError> + Send>;

/// A planner that does as told, and keeps what it was asked.
pub struct Scripted {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
    history: usize,
}

impl Scripted {
    /// `script` answers call `i`.
    pub fn new(
        script: impl FnMut(usize, &Request<'_>) -> Result<Vec<Plan>, PlannerError> + Send + 'static,
    ) -> Self {
        Self { script: Box::new(script), asked: Arc::default(), history: 0 }
    }

    /// The same that asks for so many steps of the past.
    pub fn remembering(self, history: usize) -> Self {
        Self { history, ..self }
    }

    /// Good plans.
    pub fn good() -> Self {
        Self::new(|_, request| Ok(vec![counting(request.observation, FRAMES)]))
    }
}

impl Planner for Scripted {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        assert_eq!(requests.len(), 1);
        let call = {
            let mut asked = self.asked.lock().unwrap();
            let executed = requests[0].in_force.map(|plan| plan.executed);
            asked.push((requests[0].observation.to_vec(), executed, requests[0].seed));
            asked.len() - 1
        };
        (self.script)(call, &requests[0])
    }

    fn history(&self) -> usize {
        self.history
    }
}

/// A tick, kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub command: Option<f64>,
    pub rung: Rung,
    pub step: u64,
    pub followed: Option<(u64, usize)>,
    pub failure: Option<Failure>,
}

/// The loop in a simulation.
pub struct Rig {
    pub executive: Executive,
    pub worker: Worker,
    pub clock: Arc<ManualClock>,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    /// Commands given: what the robot observes as its position.
    pub world: f64,
    /// Time that the next call of the planner takes.
    pub latency: Duration,
    under_way: Option<(Answer, Duration)>,
}

impl Rig {
    /// Started, in episode 1, with the plan's own actions as commands.
    pub fn new(planner: Scripted, config: &RealTimeConfig) -> Self {
        Self::with_controller(planner, config, "diffused-action")
    }

    /// The same with another controller.
    pub fn with_controller(planner: Scripted, config: &RealTimeConfig, name: &str) -> Self {
        let mut rig = Self::idle(planner, config, controller(name));
        rig.executive.reset(1, Arc::new(NoTask));
        rig.executive.start();
        rig
    }

    /// Not started.
    pub fn idle(planner: Scripted, config: &RealTimeConfig, controller: Box<dyn Controller>) -> Self {
        let (clock, asked) = (Arc::new(ManualClock::new()), Arc::clone(&planner.asked));
        let (executive, worker) = both_sides(
            Box::new(planner),
            controller,
            &spec(),
            HORIZON,
            config,
            Arc::clone(&clock) as Arc<dyn Clock>,
        )
        .unwrap();
        let latency = Duration::ZERO;
        Self { executive, worker, clock, asked, world: 0.0, latency, under_way: None }
    }

    /// One period with a good observation: what came from the planner, the tick, what the planner begins with.
    pub fn tick(&mut self) -> Seen {
        self.tick_with(&[self.world, 0.0])
    }

    /// One period with this observation. Every command is held against what must always be true of one.
    pub fn tick_with(&mut self, observation: &[f64]) -> Seen {
        self.planner_side();
        let tick = self.executive.tick(self.clock.now(), observation);
        let command = tick.command.map(|command| {
            assert!(spec().action.contains(command), "{tick:?}");
            command[0]
        });
        let seen = Seen {
            command,
            rung: tick.rung,
            step: tick.step,
            followed: tick.followed,
            failure: tick.failure,
        };
        assert_eq!(seen.failure.is_some(), seen.rung == Rung::Failed);
        if command.is_some() {
            self.world += 1.0;
        }
        self.planner_side();
        self.clock.advance(PERIOD);
        seen
    }

    /// So many periods.
    pub fn ticks(&mut self, count: usize) -> Vec<Seen> {
        (0..count).map(|_| self.tick()).collect()
    }

    fn planner_side(&mut self) {
        let now = self.clock.now();
        if let Some((answer, at)) = self.under_way.take() {
            if at > now {
                self.under_way = Some((answer, at));
                return;
            }
            self.worker.publish(answer);
        }
        self.under_way = self.worker.think().map(|answer| (answer, now.saturating_add(self.latency)));
        if self.latency.is_zero()
            && let Some((answer, _)) = self.under_way.take()
        {
            self.worker.publish(answer);
        }
    }

    pub fn report(&self) -> ClosingReport {
        self.executive.report(self.clock.now())
    }

    /// What the planner was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

pub fn controller(name: &str) -> Box<dyn Controller> {
    let pd = PdConfig { position_gain: Some(0.001), velocity_gain: Some(0.0) };
    make_controller(&ControlConfig { pd, ..ControlConfig::named(name) }, &spec(), None).unwrap()
}

/// Rungs without repetitions.
pub fn rungs(seen: &[Seen]) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = seen.iter().map(|seen| seen.rung).collect();
    rungs.dedup();
    rungs
}

/// Every command belongs to the step it was given in: no row of any plan was skipped, repeated or guessed.
pub fn assert_on_plan(seen: &[Seen]) {
    for tick in seen {
        assert_eq!(tick.command, Some(command_of(tick.step as f64)), "{tick:?}");
    }
}
