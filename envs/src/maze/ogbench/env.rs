//! The environment around the ball.

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::environment::check_action;
use crate::maze::env::POSITION;
use crate::maze::ogbench::place::Places;
use crate::maze::ogbench::{OGBENCH_STEP_SECONDS, OGBENCH_TASKS, OgBenchBall, OgBenchGeometry, OgBenchMaze};
use crate::maze::rules::distance;
use crate::phase::Phase;
use crate::{
    BoxSpace, EnvError, EnvSpec, Environment, Feature, FeatureKind, GoalTask, ScoreRange, SharedTask,
    Simulator, Snapshot, Start, Transition,
};

/// Success within this distance of the goal.
pub(super) const GOAL_RADIUS: f64 = 1.0;
/// Half width of the noise around start and goal cells.
pub(super) const CELL_NOISE: f64 = 1.0;
/// Steps of an episode.
pub(super) const EPISODE_STEPS: usize = 1000;

/// One of OGBench's point mazes: observation (x, y), action (x, y) clipped to +-1, goal (x, y).
///
/// Reward is 1 in the step that brings the ball within 1.0 of the goal and ends the episode, 0 before. The protocol's
/// time limit is [`crate::TimeLimit`]'s, as [`crate::make`] sets it.
///
/// In the teleport maze the observation of a step that ends at an entrance shows the ball there, as the package's does,
/// though it has been put to an exit; success counts before the jump. The next step's observation is true again. Which
/// exit it is, is drawn from the episode's seed and task, and the number of the jump.
#[derive(Clone, Debug)]
pub struct OgBenchEnv {
    spec: EnvSpec,
    geometry: OgBenchGeometry,
    ball: OgBenchBall,
    position: [f64; 2],
    /// What is observed: the position, or where the ball was before it jumped.
    seen: [f64; 2],
    goal: [f64; 2],
    aim: Arc<GoalTask>,
    phase: Phase,
    seed: u64,
    /// Number of the task.
    number: usize,
    jumps: u64,
}

impl OgBenchEnv {
    /// The environment of a maze under a name.
    ///
    /// # Errors
    /// None for the mazes there are.
    pub fn new(id: &str, maze: OgBenchMaze) -> Result<Self, EnvError> {
        let geometry = OgBenchGeometry::new(maze)?;
        let bounds = geometry.bounds();
        let spec = EnvSpec {
            features: vec![Feature::new("position", 2, FeatureKind::Position)],
            condition: POSITION.to_vec(),
            step_seconds: Some(OGBENCH_STEP_SECONDS),
            max_episode_steps: Some(EPISODE_STEPS),
            // OGBench scores the share of episodes that succeed, in percent; their return is 1, all others' 0.
            score: Some(ScoreRange { min: 0.0, max: 1.0 }),
            tasks: OGBENCH_TASKS,
            layout_hash: Some(maze.hash()),
            ..EnvSpec::of_spaces(
                id,
                BoxSpace::new(bounds.min.to_vec(), bounds.max.to_vec())?,
                BoxSpace::symmetric(2, 1.0),
            )
        };
        let goal = [0.0; 2];
        Ok(Self {
            spec,
            ball: OgBenchBall::new(&geometry),
            geometry,
            position: [0.0; 2],
            seen: [0.0; 2],
            goal,
            aim: aim_at(goal),
            phase: Phase::Before,
            seed: 0,
            number: 0,
            jumps: 0,
        })
    }

    /// The maze in observation coordinates.
    pub fn geometry(&self) -> &OgBenchGeometry {
        &self.geometry
    }

    /// The ball's physics.
    pub fn ball(&self) -> &OgBenchBall {
        &self.ball
    }

    /// Where the ball is, (x, y), which right after a jump is not what is observed.
    pub fn position(&self) -> [f64; 2] {
        self.position
    }

    /// Goal of the running episode, (x, y).
    pub fn goal(&self) -> [f64; 2] {
        self.goal
    }

    /// Jumps of the running episode.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Puts a ball that stands at an entrance to one of the exits; whether it does.
    fn jump(&mut self) -> bool {
        let jumps = self.geometry.jumps_from(self.position);
        if jumps {
            self.jumps = self.jumps.saturating_add(1);
            let mut rng = stream(self.seed, self.number, self.jumps);
            let exits = self.geometry.exits();
            if let Some(exit) = exits.get(rng.random_range(0..exits.len().max(1))) {
                self.position = *exit;
            }
        }
        jumps
    }
}

/// Draws of a jump, counted from 1, of an episode of a task; 0 are the draws of its start. Episodes of one seed share no
/// luck, unless they are of the same task.
fn stream(seed: u64, number: usize, jump: u64) -> ChaCha8Rng {
    const NUMBERS_FROM: u32 = 56;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((number as u64) << NUMBERS_FROM) | (jump & ((1 << NUMBERS_FROM) - 1)));
    rng
}

fn aim_at(goal: [f64; 2]) -> Arc<GoalTask> {
    Arc::new(GoalTask::new(&POSITION, &goal, GOAL_RADIUS))
}

/// The place with uniform noise on both axes.
pub(super) fn noisy([x, y]: [f64; 2], rng: &mut impl Rng) -> [f64; 2] {
    let mut noise = || CELL_NOISE * (2.0 * rng.random::<f64>() - 1.0);
    [x + noise(), y + noise()]
}

impl Environment for OgBenchEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Tasks are numbered from 1 to 5; without a number the seed draws one. Position and goal are (x, y). Task, position
    /// and goal are drawn in any case, so that giving one leaves the rest of the episode as it would have been.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for another task, and for a position or a goal that is not two numbers, outside the maze or
    /// inside a wall; [`EnvError::NonFinite`] on NaN or infinity. The state is untouched then.
    fn reset(&mut self, asked: &Start) -> Result<(), EnvError> {
        let places = Places { id: &self.spec.id, maze: &self.geometry, ball: &self.ball };
        let goal = asked.goal.as_deref().map(|goal| places.goal(goal)).transpose()?;
        let position = asked.position.as_deref().map(|position| places.start(position)).transpose()?;
        let drawn = stream(asked.seed, 0, 0).random_range(1..=OGBENCH_TASKS);
        let number = asked.task.unwrap_or(drawn);
        let Some((start_cell, goal_cell)) = self.geometry.maze().task(number) else {
            return Err(EnvError::Mismatch(format!(
                "`{}` has tasks 1 to {OGBENCH_TASKS}, and task {number} was asked for: choose one of these, or leave the \
                 number out and the seed draws one",
                self.spec.id
            )));
        };
        let mut rng = stream(asked.seed, number, 0);
        let drawn_position = noisy(OgBenchGeometry::cell_position(start_cell), &mut rng);
        let drawn_goal = noisy(OgBenchGeometry::cell_position(goal_cell), &mut rng);
        self.position = position.unwrap_or(drawn_position);
        self.seen = self.position;
        self.goal = goal.unwrap_or(drawn_goal);
        self.aim = aim_at(self.goal);
        self.phase = Phase::Running;
        (self.seed, self.number, self.jumps) = (asked.seed, number, 0);
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        let (Phase::Running, &[x, y]) = (self.phase, action) else {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        };
        self.ball.step(&mut self.position, [x, y]);
        self.seen = self.position;
        let success = distance(self.position, self.goal) <= GOAL_RADIUS;
        if success {
            self.phase = Phase::Over;
        }
        let chance = self.jump();
        let reward = if success { 1.0 } else { 0.0 };
        Ok(Transition { reward, success, terminated: success, truncated: false, chance })
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        Arc::clone(&self.aim) as SharedTask
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Simulator for OgBenchEnv {
    fn snapshot(&self) -> Snapshot {
        let state = [self.position, self.seen, self.goal].concat();
        let phase = self.phase.word();
        Snapshot {
            env_id: self.spec.id.clone(),
            state,
            words: vec![phase, self.seed, self.number as u64, self.jumps],
        }
    }

    /// State: position, observation and goal, (x, y) each. Words: 0 before the first episode, 1 in one, 2 after one's
    /// end; the episode's seed; number of its task; its jumps.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let (&[x, y, sx, sy, gx, gy], &[phase, seed, number, jumps]) =
            (snapshot.state.as_slice(), snapshot.words.as_slice())
        else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` has 6 numbers and 4 words, this one has {} and {}",
                self.spec.id,
                snapshot.state.len(),
                snapshot.words.len()
            )));
        };
        snapshot.check_from(&self.spec.id)?;
        let phase = Phase::of_word(phase).ok_or_else(|| {
            EnvError::Mismatch(format!(
                "snapshot of `{}` is in phase {phase}, and there are 0, 1 and 2: it is damaged, take another",
                self.spec.id
            ))
        })?;
        let number = usize::try_from(number).ok().filter(|number| *number <= OGBENCH_TASKS).ok_or_else(|| {
            EnvError::Mismatch(format!(
                "snapshot of `{}` is of task {number}, and there are {OGBENCH_TASKS}: it is damaged, take another",
                self.spec.id
            ))
        })?;
        (self.position, self.seen, self.goal) = ([x, y], [sx, sy], [gx, gy]);
        (self.phase, self.seed, self.number, self.jumps) = (phase, seed, number, jumps);
        self.aim = aim_at(self.goal);
        Ok(())
    }
}
