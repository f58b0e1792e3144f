//! The planned path, driven as fast as the actuators allow.

use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::{check, check_len, finish};
use crate::path::{Actuators, Path, SPACING};
use crate::pd::tracked_entries;
use crate::{Executor, ExecutorConfig, PATH_FOLLOWING, PlanFrame, PolicyError};

/// Time over which the executor looks ahead along the path, in seconds.
const LOOK_AHEAD: f64 = 0.08;

/// Takes from a plan where to go and not when: the planned positions are a path, which is rounded a little and
/// driven at the speed from which every bend and the end can still be met. For actuators that push along the
/// axes of the position, such as the mazes' ball.
#[derive(Clone, Debug)]
pub struct PathFollowing {
    space: BoxSpace,
    observation: usize,
    positions: Vec<usize>,
    velocities: Vec<usize>,
    actuators: Actuators,
    damping: f64,
    step: f64,
    smoothing: f64,
    path: Path,
}

impl PathFollowing {
    /// Executor with the actuators and observation entries of `config`.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for actuators that cannot drive, for entries outside the observation, and unless
    /// there are one position and one velocity per action entry.
    pub fn new(spec: &EnvSpec, config: &ExecutorConfig) -> Result<Self, PolicyError> {
        for (name, value, zero) in [
            ("executor.acceleration", config.acceleration, false),
            ("executor.speed", config.speed, false),
            ("executor.step", config.step, false),
            ("executor.damping", config.damping, true),
            ("executor.smoothing", config.smoothing, true),
        ] {
            if !(value.is_finite() && (value > 0.0 || (zero && value == 0.0))) {
                let remedy = if zero { "give zero or a positive number" } else { "give a positive number" };
                return Err(PolicyError::Setting {
                    name,
                    value: value.to_string(),
                    remedy: remedy.to_owned(),
                });
            }
        }
        tracked_entries(spec, "executor.positions", &config.positions, false)?;
        tracked_entries(spec, "executor.velocities", &config.velocities, false)?;
        Ok(Self {
            space: spec.action.clone(),
            observation: spec.observation.len(),
            positions: config.positions.clone(),
            velocities: config.velocities.clone(),
            actuators: Actuators { acceleration: config.acceleration, speed: config.speed },
            damping: config.damping,
            step: config.step,
            smoothing: config.smoothing,
            path: Path::default(),
        })
    }
}

impl Executor for PathFollowing {
    fn name(&self) -> &'static str {
        PATH_FOLLOWING
    }

    fn command(
        &mut self,
        observation: &[f64],
        frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        let frame = frame.ok_or(PolicyError::NeedsPlan(PATH_FOLLOWING))?;
        check("observation", observation, self.observation)?;
        check("planned observations", frame.ahead, frame.ahead.len() / self.observation * self.observation)?;
        check_len("command", action, self.space.len())?;
        let away = |planned: &[f64]| -> f64 {
            self.positions.iter().map(|&i| (planned[i] - observation[i]).powi(2)).sum()
        };
        // The ball is ahead of the plan's clock: what is behind it is done.
        let planned = frame.ahead.chunks_exact(self.observation);
        let nearest = planned.clone().enumerate().min_by(|a, b| away(a.1).total_cmp(&away(b.1)));
        let done = nearest.map_or(0, |(index, _)| index);
        // The command is not read before it is written: it holds the present position while the path is laid.
        for (start, &index) in action.iter_mut().zip(&self.positions) {
            *start = observation[index];
        }
        self.path.lay(action, planned.skip(done), &self.positions, self.smoothing);
        self.path.limit(self.actuators);

        let speed = self.velocities.iter().map(|&i| observation[i].powi(2)).sum::<f64>().sqrt();
        let look = 1 + (speed * LOOK_AHEAD / SPACING).floor() as usize;
        let next = 1 + (speed * self.step / SPACING).floor() as usize;
        let target = self.path.point(look);
        let length =
            self.positions.iter().zip(target).map(|(&i, t)| (t - observation[i]).powi(2)).sum::<f64>();
        let length = length.sqrt();
        // No faster than what reaches the target in one step: at the end of the path that is standing still.
        let wanted = self.path.speed(next).min(length / self.step);
        for (axis, command) in action.iter_mut().enumerate() {
            let (position, velocity) =
                (observation[self.positions[axis]], observation[self.velocities[axis]]);
            let direction = if length > 0.0 { (target[axis] - position) / length } else { 0.0 };
            let missing = (wanted * direction - velocity) / self.step + self.damping * velocity;
            *command = missing / self.actuators.acceleration;
        }
        finish(action, &self.space)
    }
}
