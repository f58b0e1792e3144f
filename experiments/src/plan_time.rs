//! How long plans take that are made one at a time: in the results of `speed` and of `eval --time`.

use serde::{Deserialize, Serialize};

use crate::statistics::Quantiles;

/// Time of plans from states of real episodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanTime {
    /// Mean over states of each state's median, milliseconds.
    pub mean_ms: f64,
    /// Quartiles over the states' medians.
    pub ms: Quantiles,
    /// Mean rows.
    pub rows: f64,
    /// Mean tokens, the known ones included.
    pub tokens: f64,
}
