//! Settings of model-predictive path integral control.

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Most sampled action sequences of a plan.
const MAX_SAMPLES: usize = 4096;
/// Most frames of a plan.
const MAX_HORIZON: usize = 1024;
/// Most rounds of a plan.
const MAX_ITERATIONS: usize = 64;

/// How [`crate::MppiPlanner`] plans. The defaults are from a small scan on the point mazes (32 episodes each).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MppiConfig {
    /// Action sequences sampled in each round, `K`.
    pub samples: usize,
    /// Steps that each is rolled out for, and frames of the plan, `T`.
    pub horizon: usize,
    /// Standard deviation of the noise on every action, action units. Actions are clipped to their space
    /// afterwards.
    pub noise: f64,
    /// Temperature `lambda` of the weights `exp(score / lambda)`, in units of the objective's sum over the horizon.
    pub temperature: f64,
    /// Rounds of sampling around the mean of the round before.
    pub iterations: usize,
    /// What a rolled-out sequence is scored by.
    pub objective: MppiObjective,
}

/// What a step is worth, at `distance` to the goal after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MppiObjective {
    /// 1 within the goal radius, else 0: the benchmark's reward. Where no sampled sequence reaches the goal, all
    /// score alike and the plan is aimless.
    Sparse,
    /// `exp(-distance)`: D4RL's dense reward. Nearly flat far from the goal.
    Dense,
    /// `-distance`: the same pull from everywhere. The default, since it gives a signal at any distance.
    #[default]
    Distance,
}

impl Default for MppiConfig {
    fn default() -> Self {
        Self {
            samples: 128,
            // What decides: with 60 steps every second episode of the larger mazes stays before a wall, with 200 few do.
            horizon: 200,
            // Half of it, or a temperature of 0.3 or 3, changes little.
            noise: 1.0,
            temperature: 1.0,
            iterations: 1,
            objective: MppiObjective::default(),
        }
    }
}

impl MppiConfig {
    /// Refuses settings that cannot be planned with.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting and the remedy.
    pub fn check(&self) -> Result<(), PlannerError> {
        for (name, value, most) in [
            ("mppi.samples", self.samples, MAX_SAMPLES),
            ("mppi.horizon", self.horizon, MAX_HORIZON),
            ("mppi.iterations", self.iterations, MAX_ITERATIONS),
        ] {
            if value == 0 || value > most {
                let remedy = format!("between 1 and {most} are accepted");
                return Err(PlannerError::Setting { name, value: value.to_string(), remedy });
            }
        }
        for (name, value) in [("mppi.noise", self.noise), ("mppi.temperature", self.temperature)] {
            if !(value.is_finite() && value > 0.0) {
                let remedy = "give a positive number".to_owned();
                return Err(PlannerError::Setting { name, value: value.to_string(), remedy });
            }
        }
        Ok(())
    }
}
