//! The environment around robot and carts.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::crossing::hall::distance;
use crate::crossing::physics::draw_ends;
use crate::crossing::{
    CROSSING_ACCELERATION, CROSSING_CART_SPEEDS, CROSSING_CARTS, CROSSING_GOAL_RADIUS, CROSSING_HALL,
    CROSSING_LANE_ENDS, CROSSING_LAW, CROSSING_OBSERVATION, CROSSING_ROBOT_RADIUS, CROSSING_SPEED_LIMIT,
    CROSSING_STEP_SECONDS, CROSSING_STOP_STEPS, CrossingCourse, CrossingRobot, CrossingState, CrossingTask,
};
use crate::environment::{check_action, check_finite};
use crate::phase::Phase;
use crate::{
    Actuators, BoxSpace, EnvError, EnvSpec, Environment, Feature, FeatureKind, ScoreRange, SharedTask,
    Simulator, Snapshot, Start, Transition,
};

/// Registered name.
pub const CROSSING: &str = "crossing-v0";
/// Steps after which the protocol truncates an episode: 24 s, more than four times what the way takes at full speed.
pub const CROSSING_EPISODE_STEPS: usize = 120;

/// Get across: observation (x, y, vx, vy of the robot; y and signed speed of each cart; x and y of the goal) in metres and metres
/// per second, action the robot's acceleration (x, y) in metres per second squared, clipped to +-1.
///
/// The goal is observed, and not shown to networks as where a sequence ends: a sequence that ends at the goal is one in which
/// all went well, and who is told so counts on it.
///
/// The reward of a step is the share of the way that it did, of 100, less 0.25; the step that arrives earns what is left of the
/// 100. A collision costs 100 and terminates the episode; so does arrival, with success.
///
/// What a cart decides comes from the seed, out of a stream of its own, when it comes to its line; nothing that is observed
/// tells it before, and nothing that the robot does has a part in it. A step is one of chance ([`Transition::chance`]) when
/// a decision shows for the first time, be it to go on, or when a cart that stood sets off.
///
/// The clock is left to [`crate::TimeLimit`].
#[derive(Clone, Debug)]
pub struct CrossingEnv {
    spec: EnvSpec,
    state: CrossingState,
    /// What is observed of `state`.
    seen: [f64; CROSSING_OBSERVATION],
    task: CrossingTask,
    seed: u64,
    chances: [ChaCha8Rng; CROSSING_CARTS],
    phase: Phase,
}

impl CrossingEnv {
    /// Only the robot's position and velocity are features of those kinds: they are what an action moves. Carts are other
    /// bodies.
    ///
    /// # Errors
    /// None: the bounds are constants.
    pub fn new() -> Result<Self, EnvError> {
        let ([right, top], r, v) = (CROSSING_HALL, CROSSING_ROBOT_RADIUS, CROSSING_SPEED_LIMIT);
        let ([lower, upper], [_, fastest]) = (CROSSING_LANE_ENDS, CROSSING_CART_SPEEDS);
        let (mut low, mut high) = (vec![r, r, -v, -v], vec![right - r, top - r, v, v]);
        let mut features = vec![
            Feature::new("position", 2, FeatureKind::Position),
            Feature::new("velocity", 2, FeatureKind::Velocity),
        ];
        for cart in 1..=CROSSING_CARTS {
            low.extend([lower, -fastest]);
            high.extend([upper, fastest]);
            features.push(Feature::new(&format!("cart {cart} position"), 1, FeatureKind::Other));
            features.push(Feature::new(&format!("cart {cart} speed"), 1, FeatureKind::Other));
        }
        let ([right, top], r) = (CROSSING_HALL, CROSSING_ROBOT_RADIUS);
        low.extend([r; 2]);
        high.extend([right - r, top - r]);
        features.push(Feature::new("goal", 2, FeatureKind::Other));
        let spec = EnvSpec {
            features,
            step_seconds: Some(CROSSING_STEP_SECONDS),
            actuators: Some(Actuators { acceleration: CROSSING_ACCELERATION, speed: v, damping: 0.0 }),
            score: Some(ScoreRange { min: 0.0, max: 100.0 }),
            ..EnvSpec::of_spaces(CROSSING, BoxSpace::new(low, high)?, BoxSpace::symmetric(2, 1.0))
        };
        let (state, goal, chances) = begin(0);
        let task = CrossingTask::new(goal, distance(state.robot.position, goal));
        Ok(Self { spec, seen: state.observation(goal), state, task, seed: 0, chances, phase: Phase::Before })
    }

    /// Robot and carts, with what no observation shows of them.
    pub fn state(&self) -> &CrossingState {
        &self.state
    }

    /// The goal that the episode has: the caller's, or that of the seed.
    fn goal(&self, asked: Option<&[f64]>, drawn: [f64; 2], start: [f64; 2]) -> Result<[f64; 2], EnvError> {
        let Some(asked) = asked else { return Ok(drawn) };
        let &[x, y] = asked else {
            return Err(EnvError::Mismatch(format!(
                "a goal of `{}` is (x, y): {} numbers were given",
                self.spec.id,
                asked.len()
            )));
        };
        check_finite("goal", asked)?;
        let r = CROSSING_ROBOT_RADIUS;
        let [right, top] = CROSSING_HALL.map(|side| side - r);
        if !((r..=right).contains(&x) && (r..=top).contains(&y)) {
            return Err(EnvError::Mismatch(format!(
                "no robot gets to the goal ({x}, {y}) of `{}`: choose x in [{r}, {right}], y in [{r}, {top}]",
                self.spec.id
            )));
        }
        if distance(start, [x, y]) <= CROSSING_GOAL_RADIUS {
            return Err(EnvError::Mismatch(format!(
                "the goal ({x}, {y}) of `{}` lies at the start ({:.2}, {:.2}), and there is no way to go: choose one more \
                 than {CROSSING_GOAL_RADIUS} from it",
                self.spec.id, start[0], start[1]
            )));
        }
        Ok([x, y])
    }
}

/// The start of a seed's episode: everything that moves, the goal, and the streams that carts decide by.
pub(super) fn begin(seed: u64) -> (CrossingState, [f64; 2], [ChaCha8Rng; CROSSING_CARTS]) {
    let stream = |number: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        rng
    };
    let (robot, goal) = draw_ends(&mut stream(0));
    let mut chances = std::array::from_fn(|cart| stream(1 + cart as u64));
    let carts = chances.each_mut().map(|own| CROSSING_LAW.draw(own));
    (CrossingState { robot, carts }, goal, chances)
}

impl Environment for CrossingEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The start is the seed's; so is the goal, unless there is one of the caller's. Carts are the same in either case.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a task by number, a start position, and a goal outside the hall or at the start;
    /// [`EnvError::NonFinite`]. The state is untouched then.
    fn reset(&mut self, asked: &Start) -> Result<(), EnvError> {
        let seed = Start { goal: None, ..asked.clone() }.only_seed(&self.spec.id)?;
        let (state, drawn, chances) = begin(seed);
        let goal = self.goal(asked.goal.as_deref(), drawn, state.robot.position)?;
        self.task = CrossingTask::new(goal, distance(state.robot.position, goal));
        (self.seen, self.state) = (state.observation(goal), state);
        (self.seed, self.chances, self.phase) = (seed, chances, Phase::Running);
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        let (Phase::Running, &[ax, ay]) = (self.phase, action) else {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        };
        let before = self.state.robot.position;
        let step = self.state.step([ax, ay], &mut self.chances);
        self.seen = self.state.observation(self.task.goal());
        let at = self.state.robot.position;
        let arrived = !step.collided && distance(at, self.task.goal()) <= CROSSING_GOAL_RADIUS;
        if step.collided || arrived {
            self.phase = Phase::Over;
        }
        Ok(Transition {
            reward: self.task.reward(before, at, step.collided),
            success: arrived,
            terminated: step.collided || arrived,
            truncated: false,
            chance: step.chance,
        })
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        Arc::new(self.task)
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

/// Numbers of a snapshot: the observation and the length of the way.
const STATE: usize = CROSSING_OBSERVATION + 1;
/// Its words: phase, seed, and for each cart the steps that it still stands and how much of its stream is used.
const WORDS: usize = 2 + 2 * CROSSING_CARTS;

impl Simulator for CrossingEnv {
    /// State: the observation and the length of the way. Words: 0 before the first episode, 1 in one, 2 after one's end;
    /// the seed; for each cart how many steps it still stands and how many words of its stream are used, with which all of
    /// its decisions to come are fixed.
    fn snapshot(&self) -> Snapshot {
        let phase = self.phase.word();
        let carts = self.state.carts.iter().zip(&self.chances).flat_map(|(cart, own)| {
            // An episode uses a few dozen words.
            [u64::from(cart.rest), own.get_word_pos() as u64]
        });
        Snapshot {
            env_id: self.spec.id.clone(),
            state: self.seen.iter().copied().chain([self.task.way()]).collect(),
            words: [phase, self.seed].into_iter().chain(carts).collect(),
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let (Ok(state), Ok(words)) = (
            <&[f64; STATE]>::try_from(snapshot.state.as_slice()),
            <&[u64; WORDS]>::try_from(snapshot.words.as_slice()),
        ) else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` has {STATE} numbers and {WORDS} words, this one has {} and {}",
                self.spec.id,
                snapshot.state.len(),
                snapshot.words.len()
            )));
        };
        snapshot.check_from(&self.spec.id)?;
        let damaged = || {
            EnvError::Mismatch(format!(
                "the words {:?} are none of a snapshot of `{}`: it is damaged, take another",
                snapshot.words, self.spec.id
            ))
        };
        let (&[phase, seed], hidden) = words.split_first_chunk::<2>().ok_or_else(damaged)?;
        let Some(phase) = Phase::of_word(phase) else {
            return Err(damaged());
        };
        let (mut restored, _, mut chances) = begin(seed);
        let (&[x, y, vx, vy], rest) = state.split_first_chunk::<4>().ok_or_else(damaged)?;
        restored.robot = CrossingRobot { position: [x, y], velocity: [vx, vy] };
        let (carts, task) = rest.split_at(2 * CROSSING_CARTS);
        let each = restored.carts.iter_mut().zip(&mut chances);
        for (((cart, own), seen), hidden) in each.zip(carts.chunks_exact(2)).zip(hidden.chunks_exact(2)) {
            let (&[y, velocity], &[rest, used]) = (seen, hidden) else { return Err(damaged()) };
            let rest = u32::try_from(rest).ok().filter(|steps| *steps <= CROSSING_STOP_STEPS[1]);
            *cart = CrossingCourse { at: y, velocity, rest: rest.ok_or_else(damaged)? };
            own.set_word_pos(used.into());
        }
        let &[gx, gy, way] = task else { return Err(damaged()) };
        self.task = CrossingTask::new([gx, gy], way);
        (self.seen, self.state) = (restored.observation([gx, gy]), restored);
        (self.seed, self.chances, self.phase) = (seed, chances, phase);
        Ok(())
    }
}
