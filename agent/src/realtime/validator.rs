//! What is refused before it reaches the loop. It runs on the planner's side; what depends on time (the plan's age, the
//! seam) is looked at in the tick.

use forethought_envs::{BoxSpace, EnvSpec, FeatureKind};
use forethought_planner::{Plan, PlanStatus};

use super::config::ValidatorConfig;

/// Why a plan is refused. Observation and action entries are counted from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Another number of plans than one.
    #[error("{0} plans for one request")]
    Count(usize),
    /// Planning was stopped before any of it was settled.
    #[error(
        "the budget ran out before the plan's first frames were settled: raise `realtime.deadline_s`, or \
         for plans of a robot that waits `realtime.first_deadline_s`"
    )]
    Unsettled,
    /// No frames.
    #[error("the plan has no frames")]
    NoFrames,
    /// Arrays that do not fit the environment.
    #[error("{got} numbers in the plan's {what}, expected {frames} x {width}")]
    Shape {
        /// `observations` or `actions`.
        what: &'static str,
        /// Numbers there are.
        got: usize,
        /// Frames that the plan says it has.
        frames: usize,
        /// Entries of the environment.
        width: usize,
    },
    /// NaN or infinity.
    #[error("{what}[{frame}][{entry}] is {value}")]
    NonFinite {
        /// `observations`, `actions` or `outlook`.
        what: &'static str,
        /// Frame of the plan.
        frame: usize,
        /// Entry of it.
        entry: usize,
        /// The offending value.
        value: f64,
    },
    /// Far outside its space.
    #[error(
        "{what}[{frame}][{entry}] is {value}, out of its space by more than `realtime.validator.max_excess` of its range"
    )]
    OutOfBounds {
        /// `observations` or `actions`.
        what: &'static str,
        /// Frame of the plan.
        frame: usize,
        /// Entry of it.
        entry: usize,
        /// The offending value.
        value: f64,
    },
    /// It does not begin where the robot is.
    #[error(
        "the plan begins {distance} from the observation, more than `realtime.validator.first_state` = {limit}"
    )]
    FirstState {
        /// Distance, observation units.
        distance: f64,
        /// What is allowed.
        limit: f64,
    },
    /// It leaps.
    #[error(
        "observations[{frame}][{entry}] is {change} from the one before, more than `realtime.validator.max_step` = {limit}"
    )]
    Leap {
        /// Frame of the plan.
        frame: usize,
        /// Entry of it.
        entry: usize,
        /// Change, observation units.
        change: f64,
        /// What is allowed.
        limit: f64,
    },
    /// It will probably not work.
    #[error("the plan's chance is {chance}, less than `realtime.validator.min_chance` = {limit}")]
    Chance {
        /// Probability that all goes as planned.
        chance: f64,
        /// What is asked for.
        limit: f64,
    },
}

/// Looks at plans for one robot.
#[derive(Clone, Debug)]
pub(crate) struct Validator {
    config: ValidatorConfig,
    observation: BoxSpace,
    action: BoxSpace,
    positions: Vec<usize>,
}

impl Validator {
    pub fn new(config: &ValidatorConfig, spec: &EnvSpec) -> Self {
        let mut positions = spec.entries(FeatureKind::Position);
        if positions.is_empty() {
            positions = (0..spec.observation.len()).collect();
        }
        Self {
            config: config.clone(),
            observation: spec.observation.clone(),
            action: spec.action.clone(),
            positions,
        }
    }

    /// Refuses a plan that must not be executed; `observation` is what it was planned from.
    pub fn check(&self, plan: &Plan, observation: &[f64]) -> Result<(), Refusal> {
        if plan.frames == 0 {
            return Err(Refusal::NoFrames);
        }
        if plan.status == PlanStatus::Cut && plan.clean == 0 {
            return Err(Refusal::Unsettled);
        }
        self.numbers("observations", &plan.observations, plan.frames, &self.observation)?;
        self.numbers("actions", &plan.actions, plan.frames, &self.action)?;
        if let Some(outlook) = &plan.outlook {
            let told =
                [outlook.chance.unwrap_or(0.0), outlook.mean, outlook.spread, outlook.promise.unwrap_or(0.0)];
            if let Some(entry) = told.iter().position(|value| !value.is_finite()) {
                return Err(Refusal::NonFinite { what: "outlook", frame: 0, entry, value: told[entry] });
            }
        }
        let chance = plan.outlook.as_ref().and_then(|outlook| outlook.chance);
        if let Some((chance, limit)) = chance.zip(self.config.min_chance)
            && chance < limit
        {
            return Err(Refusal::Chance { chance, limit });
        }
        self.motion(plan, observation)
    }

    /// Where it begins, and how far it goes from frame to frame.
    fn motion(&self, plan: &Plan, observation: &[f64]) -> Result<(), Refusal> {
        let away = |planned: &[f64], from: &[f64], entry: usize| match (planned.get(entry), from.get(entry)) {
            (Some(planned), Some(from)) => (planned - from).abs(),
            _ => f64::INFINITY,
        };
        let first = plan.observation(0).unwrap_or_default();
        if let Some(limit) = self.config.first_state {
            let distance =
                self.positions.iter().map(|&i| away(first, observation, i).powi(2)).sum::<f64>().sqrt();
            if distance > limit {
                return Err(Refusal::FirstState { distance, limit });
            }
        }
        if let Some(limit) = self.config.max_step {
            let mut before = observation;
            for frame in 0..plan.frames {
                let here = plan.observation(frame).unwrap_or_default();
                if let Some(&entry) = self.positions.iter().find(|&&i| away(here, before, i) > limit) {
                    return Err(Refusal::Leap { frame, entry, change: away(here, before, entry), limit });
                }
                before = here;
            }
        }
        Ok(())
    }

    fn numbers(
        &self,
        what: &'static str,
        values: &[f64],
        frames: usize,
        space: &BoxSpace,
    ) -> Result<(), Refusal> {
        let width = space.len();
        if frames.checked_mul(width) != Some(values.len()) {
            return Err(Refusal::Shape { what, got: values.len(), frames, width });
        }
        for (i, &value) in values.iter().enumerate() {
            let (frame, entry) = (i / width.max(1), i % width.max(1));
            if !value.is_finite() {
                return Err(Refusal::NonFinite { what, frame, entry, value });
            }
            if let (Some(excess), Some(low), Some(high)) =
                (self.config.max_excess, space.low().get(entry), space.high().get(entry))
            {
                let room = excess * (high - low);
                // Where one bound is missing the range is infinite, and nothing is too far.
                if value < low - room || value > high + room {
                    return Err(Refusal::OutOfBounds { what, frame, entry, value });
                }
            }
        }
        Ok(())
    }
}
