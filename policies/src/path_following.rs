//! The planned path, driven as fast as the actuators allow.

use forethought_envs::{BoxSpace, EnvSpec, FeatureKind};

use crate::error::{check, check_len, finish};
use crate::path::{Actuators, Path, SPACING};
use crate::pd::tracked;
use crate::{Controller, PATH_FOLLOWING, PathConfig, PlanView, PolicyError};

/// Time over which the controller looks ahead along the path, in seconds.
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
    /// Controller with these settings; what they leave open is what the environment says of its actuators. Positions
    /// and velocities are the observation's features of those kinds.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for what is neither given nor known, or cannot drive; [`PolicyError::Unsuitable`]
    /// unless the environment observes one position and one velocity per action entry, and says how long a step is.
    pub fn new(spec: &EnvSpec, config: &PathConfig) -> Result<Self, PolicyError> {
        let positions = tracked(spec, PATH_FOLLOWING, FeatureKind::Position)?;
        let velocities = tracked(spec, PATH_FOLLOWING, FeatureKind::Velocity)?;
        let known = |given: Option<f64>, of: fn(&forethought_envs::Actuators) -> f64| {
            given.or_else(|| spec.actuators.as_ref().map(of))
        };
        let setting = |name, value: Option<f64>, zero: bool| {
            value.filter(|v| v.is_finite() && (*v > 0.0 || (zero && *v == 0.0))).ok_or_else(|| {
                let remedy = if zero { "give zero or a positive number" } else { "give a positive number" };
                let value =
                    value.map_or("neither given nor known of the environment".into(), |v| v.to_string());
                PolicyError::Setting { name, value, remedy: remedy.into() }
            })
        };
        let acceleration =
            setting("control.path.acceleration", known(config.acceleration, |a| a.acceleration), false)?;
        let speed = setting("control.path.speed", known(config.speed, |a| a.speed), false)?;
        let damping = setting("control.path.damping", known(config.damping, |a| a.damping), true)?;
        let smoothing = setting("control.path.smoothing", Some(config.smoothing), true)?;
        let Some(step) = spec.step_seconds.filter(|step| step.is_finite() && *step > 0.0) else {
            return Err(PolicyError::Unsuitable {
                name: PATH_FOLLOWING,
                env: spec.id.clone(),
                reason: "it needs to know how long a step is: give `step_seconds`".into(),
            });
        };
        Ok(Self {
            space: spec.action.clone(),
            observation: spec.observation.len(),
            path: Path::new(positions.len()),
            positions,
            velocities,
            actuators: Actuators { acceleration, speed },
            damping,
            step,
            smoothing,
        })
    }
}

impl Controller for PathFollowing {
    fn name(&self) -> &'static str {
        PATH_FOLLOWING
    }

    fn command(
        &mut self,
        observation: &[f64],
        ahead: PlanView<'_>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        check("observation", observation, self.observation)?;
        let rows = ahead.observations.len() / self.observation.max(1);
        // Where nothing lies ahead, or a piece of a frame, that is said by what one more frame would take.
        check("planned observations", ahead.observations, rows.max(1) * self.observation)?;
        check_len("command", action, self.space.len())?;
        let away = |planned: &[f64]| -> f64 {
            self.positions.iter().map(|&i| (planned[i] - observation[i]).powi(2)).sum()
        };
        // The ball is ahead of the plan's clock: what is behind it is done.
        let planned = ahead.observations.chunks_exact(self.observation);
        let nearest = planned.clone().enumerate().min_by(|a, b| away(a.1).total_cmp(&away(b.1)));
        let done = nearest.map_or(0, |(index, _)| index);
        // The command is not read before it is written: it holds the present position while the path is laid.
        for (start, &index) in action.iter_mut().zip(&self.positions) {
            *start = observation[index];
        }
        self.path.lay(action, planned.skip(done), &self.positions, self.smoothing);
        self.path.limit(self.actuators);

        let speed = self.velocities.iter().map(|&i| observation[i].powi(2)).sum::<f64>().sqrt();
        // The cast ends at the largest number.
        let points = |distance: f64| ((distance / SPACING).floor() as usize).saturating_add(1);
        let (look, next) = (points(speed * LOOK_AHEAD), points(speed * self.step));
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
