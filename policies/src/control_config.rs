//! Which controller, and its settings.

use forethought_envs::EnvSpec;
use forethought_envs::data::InverseModel;
use serde::{Deserialize, Serialize};

use crate::{Controller, DiffusedAction, InverseDynamics, PathFollowing, PdTracking, PolicyError};

/// Name of [`DiffusedAction`].
pub const DIFFUSED_ACTION: &str = "diffused-action";
/// Name of [`PdTracking`].
pub const PD: &str = "pd";
/// Name of [`InverseDynamics`].
pub const INVERSE_DYNAMICS: &str = "inverse-dynamics";
/// Name of [`PathFollowing`].
pub const PATH_FOLLOWING: &str = "path-following";

/// Every controller's name.
pub const CONTROLLERS: [&str; 4] = [DIFFUSED_ACTION, PD, INVERSE_DYNAMICS, PATH_FOLLOWING];

/// Names nearer than this (Jaro-Winkler, 1 is equal) are offered as what was probably meant.
const HINT_SIMILARITY: f64 = 0.75;

/// How plans are carried out. Nothing here knows a robot: what it can do is the environment's to say
/// ([`EnvSpec::actuators`], [`EnvSpec::features`]), or stands here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlConfig {
    /// `diffused-action`, `pd`, `inverse-dynamics` or `path-following`. The plan's own action needs to know nothing of
    /// the robot.
    pub controller: String,
    /// Steps executed of each plan before the next one is made; a shorter plan is replaced at its end. 5: on the large
    /// maze 2 and 10 score less.
    pub execution_horizon: usize,
    /// Whether an observation that was badly seen is replaced by what the plan in force foresaw, as if that had been seen (dead
    /// reckoning). False: where sensors do not say how well they see it changes nothing, and where chance has a say plans
    /// foresee what they hope for.
    pub dead_reckoning: bool,
    /// Settings of [`PD`].
    pub pd: PdConfig,
    /// Settings of [`PATH_FOLLOWING`].
    pub path: PathConfig,
}

/// Settings of [`PdTracking`]. There are no gains that suit every robot: both must be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PdConfig {
    /// Action per unit of distance to the planned position.
    pub position_gain: Option<f64>,
    /// Action per unit of velocity missing; unused where no velocity is observed.
    pub velocity_gain: Option<f64>,
}

/// Settings of [`PathFollowing`]. What is not given is what the environment says of its actuators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PathConfig {
    /// Acceleration of a full command, units per second squared.
    pub acceleration: Option<f64>,
    /// Largest speed along one axis, units per second.
    pub speed: Option<f64>,
    /// Velocity that is lost to friction, per second.
    pub damping: Option<f64>,
    /// Distance over which bends of the path are rounded, to both sides, units. 0.2 keeps off walls in a maze of cells
    /// of 1; more is faster and grazes them.
    pub smoothing: f64,
}

impl Default for PathConfig {
    fn default() -> Self {
        Self { acceleration: None, speed: None, damping: None, smoothing: 0.2 }
    }
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self::named(DIFFUSED_ACTION)
    }
}

impl ControlConfig {
    /// Default settings for this controller.
    pub fn named(controller: &str) -> Self {
        Self {
            controller: controller.to_owned(),
            execution_horizon: 5,
            dead_reckoning: false,
            pd: PdConfig::default(),
            path: PathConfig::default(),
        }
    }
}

/// Makes the controller that is set for an environment; `inverse` is the model of its inverse dynamics, where one was
/// learnt.
///
/// # Errors
/// [`PolicyError::UnknownController`] with the nearest name where one is near, [`PolicyError::Setting`],
/// and [`PolicyError::Unsuitable`] when it cannot act in the environment.
pub fn make_controller(
    config: &ControlConfig,
    spec: &EnvSpec,
    inverse: Option<&InverseModel>,
) -> Result<Box<dyn Controller>, PolicyError> {
    Ok(match config.controller.as_str() {
        DIFFUSED_ACTION => Box::new(DiffusedAction::new(spec)),
        PD => Box::new(PdTracking::new(spec, &config.pd)?),
        INVERSE_DYNAMICS => Box::new(InverseDynamics::new(spec, inverse)?),
        PATH_FOLLOWING => Box::new(PathFollowing::new(spec, &config.path)?),
        other => return Err(unknown(other)),
    })
}

fn unknown(name: &str) -> PolicyError {
    let asked = name.to_lowercase().replace('_', "-");
    let hint = CONTROLLERS
        .iter()
        .map(|known| (strsim::jaro_winkler(&asked, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= HINT_SIMILARITY)
        .map_or_else(String::new, |(_, known)| format!(" (did you mean `{known}`?)"));
    PolicyError::UnknownController { name: name.to_owned(), hint, known: CONTROLLERS.join(", ") }
}
