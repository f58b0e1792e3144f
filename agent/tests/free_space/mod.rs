//! A point mass without walls, and a planner that knows it exactly.

use forethought_agent::{AgentError, EpisodeRecord, EpisodeSetup, RolloutConfig, rollout};
use std::sync::Arc;

use forethought_envs::{
    BoxSpace, EnvError, EnvSpec, Environment, Feature, FeatureKind, GoalTask, SharedTask, Start, Transition,
};
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request, Snapshot, random};
use forethought_policies::{ControlConfig, PdConfig, make_controller};

/// Seconds of a step; an action is an acceleration.
const STEP: f64 = 0.1;
/// Distance that counts as arrived.
pub const RADIUS: f64 = 0.5;

/// Observation (x, y, vx, vy), action (ax, ay) in [-1, 1], goal (x, y). Reward 1 within the radius.
pub struct FreeSpace {
    /// What is fixed.
    pub spec: EnvSpec,
    /// Position and velocity.
    pub state: [f64; 4],
    /// Where to go.
    pub goal: [f64; 2],
    /// Steps taken.
    pub steps: usize,
    /// Acceleration that no plan knows of.
    pub wind: [f64; 2],
    /// Step whose observation holds NaN in its third entry.
    pub nan_at: Option<usize>,
    /// Step from which observations lack their last entry.
    pub short_from: Option<usize>,
    /// Whether arrival ends the episode.
    pub terminates: bool,
}

impl FreeSpace {
    /// A still, endless space.
    pub fn new(limit: usize) -> Self {
        let (space, actions) = (BoxSpace::symmetric(4, f64::INFINITY), BoxSpace::symmetric(2, 1.0));
        let spec = EnvSpec {
            features: vec![
                Feature::new("position", 2, FeatureKind::Position),
                Feature::new("velocity", 2, FeatureKind::Velocity),
            ],
            condition: vec![0, 1],
            max_episode_steps: Some(limit),
            ..EnvSpec::of_spaces("free-space", space, actions)
        };
        Self {
            spec,
            state: [0.0; 4],
            goal: [0.0; 2],
            steps: 0,
            wind: [0.0; 2],
            nan_at: None,
            short_from: None,
            terminates: false,
        }
    }
}

fn advance(state: &mut [f64; 4], push: [f64; 2]) {
    for axis in 0..2 {
        state[2 + axis] += STEP * push[axis];
        state[axis] += STEP * state[2 + axis];
    }
}

fn distance(state: &[f64], goal: &[f64]) -> f64 {
    (state[0] - goal[0]).hypot(state[1] - goal[1])
}

impl Environment for FreeSpace {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        let mut draw = [0.0; 4];
        random::fill_normal(&mut random::stream(start.seed, &[1]), &mut draw);
        self.state = [draw[0], draw[1], 0.0, 0.0];
        self.goal = [draw[0] + 3.0 + draw[2].abs(), draw[1] - 2.0 - draw[3].abs()];
        if let Some(goal) = &start.goal {
            self.goal.copy_from_slice(goal);
        }
        self.steps = 0;
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        assert!(self.spec.action.contains(action), "the loop commanded {action:?}");
        advance(&mut self.state, [action[0] + self.wind[0], action[1] + self.wind[1]]);
        self.steps += 1;
        if self.nan_at == Some(self.steps) {
            self.state[2] = f64::NAN;
        }
        let inside = distance(&self.state, &self.goal) <= RADIUS;
        Ok(Transition {
            reward: if inside { 1.0 } else { 0.0 },
            success: inside,
            terminated: inside && self.terminates,
            truncated: Some(self.steps) == self.spec.max_episode_steps,
            chance: false,
        })
    }

    fn observation(&self) -> &[f64] {
        if self.short_from.is_some_and(|from| self.steps >= from) { &self.state[..3] } else { &self.state }
    }

    fn task(&self) -> SharedTask {
        Arc::new(GoalTask::new(&[0, 1], &self.goal, RADIUS))
    }
}

/// One request as the planner saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Seed of the plan.
    pub seed: u64,
    /// Frames executed of the plan handed back, if one was.
    pub executed: Option<usize>,
    /// Observation to plan from.
    pub observation: Vec<f64>,
}

/// Plans by simulating a saturated PD law in still air: nearly bang-bang, and straight on each axis.
#[derive(Default)]
pub struct StraightLine {
    /// Frames of each plan.
    pub frames: usize,
    /// Standard deviation of what the plan's seed adds to its actions.
    pub noise: f64,
    /// Factor on the actions, not on what they lead to.
    pub exaggerate: f64,
    /// Call that fails, counted from 0.
    pub fails_at: Option<usize>,
    /// Every call's requests.
    pub calls: Vec<Vec<Asked>>,
}

impl StraightLine {
    /// Plans of so many frames.
    pub fn new(frames: usize) -> Self {
        Self { frames, exaggerate: 1.0, ..Self::default() }
    }

    fn one(&self, request: &Request<'_>, trace: bool) -> Plan {
        let goal = request.task.condition().unwrap().values;
        let mut state = [0.0; 4];
        state.copy_from_slice(request.observation);
        let mut noise = vec![0.0; 2 * self.frames];
        random::fill_normal(&mut random::stream(request.seed, &[]), &mut noise);
        let mut plan = Plan::default();
        (plan.frames, plan.stats.rows, plan.score) = (self.frames, 3, goal[0]);
        for draw in noise.chunks_exact(2) {
            let mut action = [0.0; 2];
            for axis in 0..2 {
                let pull = 4.0 * (goal[axis] - state[axis]) - 4.0 * state[2 + axis];
                action[axis] = (pull + self.noise * draw[axis]).clamp(-1.0, 1.0);
            }
            advance(&mut state, action);
            plan.actions.extend(action.map(|a| a * self.exaggerate));
            plan.observations.extend(state);
        }
        if trace {
            let uncertainty = vec![1.0; self.frames];
            plan.trace.push(Snapshot { row: 0, uncertainty, observations: plan.observations.clone() });
        }
        plan
    }
}

impl Planner for StraightLine {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let fails = self.fails_at == Some(self.calls.len());
        self.calls.push(
            requests
                .iter()
                .map(|r| Asked {
                    seed: r.seed,
                    executed: r.in_force.map(|now| now.executed),
                    observation: r.observation.to_vec(),
                })
                .collect(),
        );
        if fails {
            return Err(PlannerError::BrokenOutput { row: 7, token: 3 });
        }
        Ok(requests.iter().map(|request| self.one(request, trace)).collect())
    }
}

/// An episode of this controller.
pub fn setup(controller: &str, seed: u64, env: FreeSpace) -> EpisodeSetup {
    // Critically damped for this mass.
    let pd = PdConfig { position_gain: Some(4.0), velocity_gain: Some(4.0) };
    let config = ControlConfig { pd, ..ControlConfig::named(controller) };
    let controller = make_controller(&config, env.spec(), None).unwrap();
    EpisodeSetup { env: Box::new(env), controller, start: Start::seed(seed) }
}

/// Replans after so many steps.
pub fn every(execution_horizon: usize) -> RolloutConfig {
    RolloutConfig { execution_horizon, ..RolloutConfig::default() }
}

/// Runs to the end on a clock that stands still.
pub fn run(
    planner: &mut dyn Planner,
    setups: Vec<EpisodeSetup>,
    config: &RolloutConfig,
) -> Result<Vec<EpisodeRecord>, AgentError> {
    rollout(planner, setups, config, &|| 0.0, &mut |_, _| true)
}
