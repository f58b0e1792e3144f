//! Executors by name.

use forethought_envs::EnvSpec;
use forethought_envs::data::InverseModel;
use forethought_envs::maze::WaypointMemory;
use serde::{Deserialize, Serialize};

use crate::{
    DiffusedAction, Executor, InverseDynamics, PathFollowing, PdTracking, PolicyError, RandomAction, Waypoint,
};

/// Name of [`DiffusedAction`].
pub const DIFFUSED_ACTION: &str = "diffused-action";
/// Name of [`PdTracking`].
pub const PD: &str = "pd";
/// Name of [`InverseDynamics`].
pub const INVERSE_DYNAMICS: &str = "inverse-dynamics";
/// Name of [`PathFollowing`].
pub const PATH_FOLLOWING: &str = "path-following";
/// Name of [`Waypoint`] as D4RL's reference scores were made.
pub const WAYPOINT: &str = "waypoint";
/// Name of [`Waypoint`] with a route per episode.
pub const WAYPOINT_FRESH: &str = "waypoint-fresh";
/// Name of [`RandomAction`].
pub const RANDOM: &str = "random";

/// Every known name.
pub const KNOWN: [&str; 7] =
    [DIFFUSED_ACTION, PD, INVERSE_DYNAMICS, PATH_FOLLOWING, WAYPOINT, WAYPOINT_FRESH, RANDOM];

/// Names nearer than this (Jaro-Winkler, 1 is equal) are offered as what was probably meant.
const HINT_SIMILARITY: f64 = 0.75;

/// Which executor, and its settings. The defaults suit the mazes: observations (x, y, vx, vy).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecutorConfig {
    /// One of [`KNOWN`].
    pub name: String,
    /// [`PD`]: action per unit of distance to the planned position.
    pub position_gain: f64,
    /// [`PD`]: action per unit of velocity missing.
    pub velocity_gain: f64,
    /// [`PD`], [`PATH_FOLLOWING`]: observation entries that are positions, one per action entry.
    pub positions: Vec<usize>,
    /// [`PD`], [`PATH_FOLLOWING`]: observation entries that are velocities, in the order of the positions; for
    /// [`PD`] empty to track positions alone.
    pub velocities: Vec<usize>,
    /// [`PATH_FOLLOWING`]: acceleration of a full command, units per second squared.
    pub acceleration: f64,
    /// [`PATH_FOLLOWING`]: largest speed along one axis, units per second.
    pub speed: f64,
    /// [`PATH_FOLLOWING`]: velocity that is lost to friction, per second.
    pub damping: f64,
    /// [`PATH_FOLLOWING`]: seconds of one environment step.
    pub step: f64,
    /// [`PATH_FOLLOWING`]: distance over which bends of the path are rounded, to both sides, units.
    pub smoothing: f64,
    /// [`INVERSE_DYNAMICS`]: the model; that of the checkpoint unless given.
    #[serde(skip)]
    pub inverse: Option<InverseModel>,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self::named(DIFFUSED_ACTION)
    }
}

impl ExecutorConfig {
    /// Default settings for this executor.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            position_gain: 12.5,
            velocity_gain: 1.2,
            positions: vec![0, 1],
            velocities: vec![2, 3],
            // D4RL's ball: motors of gear 100 on 4.18879 kg, damping 1, speeds clipped to 5, steps of 10 ms.
            acceleration: 100.0 / 4.18879,
            speed: 5.0,
            damping: 1.0 / 4.18879,
            step: 0.01,
            smoothing: 0.2,
            inverse: None,
        }
    }
}

/// Makes the executor of this name for an environment.
///
/// # Errors
/// [`PolicyError::UnknownExecutor`] with the nearest name where one is near, [`PolicyError::Setting`],
/// and [`PolicyError::Unsuitable`] when it cannot act in the environment.
pub fn make_executor(config: &ExecutorConfig, spec: &EnvSpec) -> Result<Box<dyn Executor>, PolicyError> {
    Ok(match config.name.as_str() {
        DIFFUSED_ACTION => Box::new(DiffusedAction::new(spec)),
        PD => Box::new(PdTracking::new(spec, config)?),
        INVERSE_DYNAMICS => Box::new(InverseDynamics::new(spec, config)?),
        PATH_FOLLOWING => Box::new(PathFollowing::new(spec, config)?),
        WAYPOINT => Box::new(Waypoint::new(spec, WaypointMemory::Stale)?),
        WAYPOINT_FRESH => Box::new(Waypoint::new(spec, WaypointMemory::Fresh)?),
        RANDOM => Box::new(RandomAction::new(spec)?),
        other => return Err(unknown(other)),
    })
}

fn unknown(name: &str) -> PolicyError {
    let asked = name.to_lowercase().replace('_', "-");
    let hint = KNOWN
        .iter()
        .map(|known| (strsim::jaro_winkler(&asked, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= HINT_SIMILARITY)
        .map_or_else(String::new, |(_, known)| format!(" (did you mean `{known}`?)"));
    PolicyError::UnknownExecutor { name: name.to_owned(), hint, known: KNOWN.join(", ") }
}
