//! The environment around the ball.

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::environment::{check_action, check_finite};
use crate::maze::rules::distance;
use crate::maze::{
    BALL_RADIUS, GoalRule, MAX_SPEED, MazeGeometry, MazeRules, PhysicsProfile, PointMass, STEP_SECONDS,
};
use crate::{
    Actuators, Area, BoxSpace, Dynamics, EnvError, EnvSpec, Environment, Feature, FeatureKind, GoalTask,
    SharedTask, Simulator, Snapshot, Start, Transition,
};

/// Largest velocity component an observation can hold. A step starts at [`super::MAX_SPEED`] on each axis
/// at most and adds 0.23, and a wall's corner can turn that diagonal (7.4) onto one axis.
const OBSERVED_SPEED: f64 = 7.5;

/// Least distance between a start and a wall: no ball that was driven into a wall gets deeper.
const START_CLEARANCE: f64 = 0.025;

/// Observation entries of the position: what goals speak of.
pub(super) const POSITION: [usize; 2] = [0, 1];

/// Position that a task asks for.
///
/// # Errors
/// [`EnvError::Mismatch`] for a task that asks for none, in the name of the policy that needs it.
pub(super) fn goal_position(policy: &str, task: &SharedTask) -> Result<[f64; 2], EnvError> {
    let goal = task.condition().and_then(|goal| {
        let value = |entry| {
            let at = goal.entries.iter().position(|known| *known == entry)?;
            goal.values.get(at).copied()
        };
        let [x, y] = POSITION.map(value);
        Some([x?, y?])
    });
    goal.ok_or_else(|| {
        EnvError::Mismatch(format!(
            "policy `{policy}` drives to a goal position, and the task has none: choose another policy"
        ))
    })
}

/// A point-mass maze: observation (x, y, vx, vy), action (ux, uy) clipped to +-1, goal (x, y).
///
/// The episode never ends by itself, in either suite: wrap it in [`crate::TimeLimit`], as
/// [`crate::make`] does. The observation space is bounded by the maze and by what velocities a step from
/// inside it can reach (both suites declare it unbounded).
#[derive(Clone, Debug)]
pub struct MazeEnv {
    spec: EnvSpec,
    rules: MazeRules,
    geometry: MazeGeometry,
    physics: PointMass,
    state: [f64; 4],
    goal: [f64; 2],
    aim: Arc<GoalTask>,
    started: bool,
}

impl MazeEnv {
    /// Puts rules, maze and physics together.
    ///
    /// # Errors
    /// [`EnvError::Layout`] when the rules want the `G` cell of a layout without one, or want starts
    /// farther from goals than the maze allows.
    pub fn new(rules: MazeRules, geometry: MazeGeometry, profile: PhysicsProfile) -> Result<Self, EnvError> {
        let goal = match (rules.goal, geometry.goal()) {
            (_, Some(goal)) => goal,
            (GoalRule::Random { .. }, None) => geometry.cell_position(geometry.layout().free_cells()[0]),
            (GoalRule::Fixed | GoalRule::Around { .. }, None) => {
                return Err(EnvError::Layout(format!(
                    "`{}` needs a goal: mark one free cell with `G`, or write multi2d: for a goal drawn in each episode",
                    rules.id
                )));
            }
        };
        if rules.min_start_distance >= 0.0 && geometry.layout().free_cells().len() < 2 {
            return Err(EnvError::Layout(format!(
                "`{}` needs at least two free cells: open another",
                rules.id
            )));
        }
        let bounds = geometry.bounds();
        let speed = OBSERVED_SPEED;
        let observation = BoxSpace::new(
            vec![bounds.min[0], bounds.min[1], -speed, -speed],
            vec![bounds.max[0], bounds.max[1], speed, speed],
        )?;
        let spec = EnvSpec {
            id: rules.id.clone(),
            observation,
            action: BoxSpace::symmetric(2, 1.0),
            features: vec![
                Feature::new("position", 2, FeatureKind::Position),
                Feature::new("velocity", 2, FeatureKind::Velocity),
            ],
            condition: POSITION.to_vec(),
            interchangeable: Vec::new(),
            step_seconds: Some(STEP_SECONDS),
            // Motors of gear 100 on 4.18879 kg, damping 1.
            actuators: Some(Actuators {
                acceleration: 100.0 / 4.18879,
                speed: MAX_SPEED,
                damping: 1.0 / 4.18879,
            }),
            max_episode_steps: Some(rules.max_episode_steps),
            score: rules.score,
            tasks: 0,
            layout_hash: Some(geometry.layout().hash(profile)),
        };
        let physics = PointMass::new(&geometry, profile);
        let aim = Arc::new(GoalTask::new(&POSITION, &goal, rules.goal_radius));
        Ok(Self { spec, rules, geometry, physics, state: [0.0; 4], goal, aim, started: false })
    }

    /// The maze in observation coordinates.
    pub fn geometry(&self) -> &MazeGeometry {
        &self.geometry
    }

    /// What the suite fixes besides layout and physics.
    pub fn rules(&self) -> &MazeRules {
        &self.rules
    }

    /// The ball's physics.
    pub fn physics(&self) -> &PointMass {
        &self.physics
    }

    /// Goal of the running episode, (x, y).
    pub fn goal(&self) -> [f64; 2] {
        self.goal
    }

    /// Distance from the ball to the goal.
    pub fn goal_distance(&self) -> f64 {
        distance([self.state[0], self.state[1]], self.goal)
    }

    fn draw_cell(&self, rng: &mut ChaCha8Rng, noise: f64) -> [f64; 2] {
        let cells = self.geometry.layout().free_cells();
        let [x, y] = self.geometry.cell_position(cells[rng.random_range(0..cells.len())]);
        [x + symmetric(rng, noise), y + symmetric(rng, noise)]
    }

    fn draw_goal(&self, rng: &mut ChaCha8Rng) -> [f64; 2] {
        match (self.rules.goal, self.geometry.goal()) {
            (GoalRule::Fixed, Some(goal)) => goal,
            (GoalRule::Around { noise }, Some([x, y])) => {
                [x + symmetric(rng, noise), y + symmetric(rng, noise)]
            }
            (GoalRule::Random { noise }, _) => self.draw_cell(rng, noise),
            (GoalRule::Fixed | GoalRule::Around { .. }, None) => self.goal,
        }
    }

    /// A place (x, y) inside the maze's bounds, not inside a wall, and at least this far from one.
    fn place(&self, what: &str, place: &[f64], clearance: f64) -> Result<[f64; 2], EnvError> {
        let &[x, y] = place else {
            return Err(EnvError::Mismatch(format!(
                "{what} of `{}` is (x, y): {} numbers were given",
                self.spec.id,
                place.len()
            )));
        };
        check_finite(what, place)?;
        let bounds = self.geometry.bounds();
        let inside = x >= bounds.min[0] && x <= bounds.max[0] && y >= bounds.min[1] && y <= bounds.max[1];
        if !inside {
            return Err(EnvError::Mismatch(format!(
                "{what} ({x}, {y}) lies outside `{}`, which spans x in [{:.2}, {:.2}], y in [{:.2}, {:.2}]",
                self.spec.id, bounds.min[0], bounds.max[0], bounds.min[1], bounds.max[1]
            )));
        }
        let inside = |wall: &Area| wall.contains([x, y]);
        if self.physics.wall_distance([x, y]) < clearance - BALL_RADIUS
            || self.geometry.walls().iter().any(inside)
        {
            let cells = self.geometry.layout().free_cells().iter();
            let free = cells
                .map(|cell| self.geometry.cell_position(*cell))
                .min_by(|a, b| distance(*a, [x, y]).total_cmp(&distance(*b, [x, y])))
                .unwrap_or_default();
            return Err(EnvError::Mismatch(format!(
                "{what} ({x}, {y}) lies in a wall of `{}`: the nearest free cell is at ({}, {})",
                self.spec.id, free[0], free[1]
            )));
        }
        Ok([x, y])
    }

    /// Makes the task of the present goal.
    fn aim(&mut self) {
        self.aim = Arc::new(GoalTask::new(&POSITION, &self.goal, self.rules.goal_radius));
    }
}

impl Environment for MazeEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Position and goal are (x, y). Both are drawn from the seed in any case, so that giving one leaves the rest of
    /// the episode as it would have been.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a task by number, and for a position or a goal that is not two numbers, outside the
    /// maze or inside a wall; [`EnvError::NonFinite`] on NaN or infinity. The state is untouched then.
    fn reset(&mut self, asked: &Start) -> Result<(), EnvError> {
        if asked.task.is_some() {
            return Err(EnvError::Mismatch(format!(
                "`{}` has no tasks by number: give a seed or a goal",
                self.spec.id
            )));
        }
        let goal = asked.goal.as_deref().map(|goal| self.place("goal", goal, 0.0)).transpose()?;
        let position = asked
            .position
            .as_deref()
            .map(|position| self.place("start", position, START_CLEARANCE))
            .transpose()?;
        let mut rng = ChaCha8Rng::seed_from_u64(asked.seed);
        self.goal = self.draw_goal(&mut rng);
        let start = match self.geometry.start() {
            Some(start) => {
                while distance(start, self.goal) <= self.rules.min_start_distance {
                    self.goal = self.draw_goal(&mut rng);
                }
                start
            }
            None => {
                let mut start = self.draw_cell(&mut rng, 0.0);
                while distance(start, self.goal) <= self.rules.min_start_distance {
                    start = self.draw_cell(&mut rng, 0.0);
                }
                start
            }
        };
        for (axis, cell) in start.into_iter().enumerate() {
            self.state[axis] = cell + symmetric(&mut rng, self.rules.start_noise);
            let unit: f64 = rng.sample(StandardNormal);
            self.state[2 + axis] = self.rules.start_speed * unit;
        }
        if let Some([x, y]) = position {
            self.state = [x, y, 0.0, 0.0];
        }
        self.goal = goal.unwrap_or(self.goal);
        self.aim();
        self.started = true;
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        if !self.started {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        }
        self.physics.step(&mut self.state, [action[0], action[1]]);
        let success = self.goal_distance() <= self.rules.goal_radius;
        let reward = self.rules.reward([self.state[0], self.state[1]], self.goal);
        Ok(Transition { reward, success, terminated: false, truncated: false, chance: false })
    }

    fn observation(&self) -> &[f64] {
        &self.state
    }

    fn task(&self) -> SharedTask {
        Arc::clone(&self.aim) as SharedTask
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Simulator for MazeEnv {
    fn snapshot(&self) -> Snapshot {
        let [x, y, vx, vy] = self.state;
        Snapshot {
            env_id: self.spec.id.clone(),
            state: vec![x, y, vx, vy, self.goal[0], self.goal[1]],
            words: vec![u64::from(self.started)],
        }
    }

    /// State: x, y, vx, vy, goal x, goal y. Words: whether the episode has started.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let (&[x, y, vx, vy, gx, gy], &[started]) = (snapshot.state.as_slice(), snapshot.words.as_slice())
        else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` has 6 numbers and 1 word, this one has {} and {}",
                self.spec.id,
                snapshot.state.len(),
                snapshot.words.len()
            )));
        };
        snapshot.check_from(&self.spec.id)?;
        self.state = [x, y, vx, vy];
        self.goal = [gx, gy];
        self.started = started != 0;
        self.aim();
        Ok(())
    }
}

/// The ball's state is what is observed.
impl Dynamics for PointMass {
    fn step(&self, observation: &mut [f64], action: &[f64]) {
        if let (Ok(state), &[x, y]) = (observation.try_into(), action) {
            Self::step(self, state, [x, y]);
        }
    }
}

/// Uniform in `[-half, half)`.
fn symmetric(rng: &mut impl Rng, half: f64) -> f64 {
    half * (2.0 * rng.random::<f64>() - 1.0)
}
