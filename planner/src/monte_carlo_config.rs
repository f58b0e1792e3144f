//! Settings of the choice among plans by what their decisions lead to.

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Most outcomes of a plan.
const MOST_SAMPLES: usize = 4096;

/// How plans are chosen by sampled outcomes (`planner/UNCERTAINTY.md`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonteCarloConfig {
    /// Whether plans are chosen by what *doing* them is expected to lead to, instead of by what they say of themselves. Off:
    /// where nothing is left to chance both choose the same, and sampling costs time.
    pub select: bool,
    /// Outcomes of each plan, `N`. 16: of a plan that goes wrong one time in three, all outcomes go well in one choice of 656;
    /// with 4, in one of five.
    pub samples: usize,
    /// Denoising steps of an outcome. 3: with six, outcomes are the same within a tenth of what is left to chance, and cost
    /// twice as much.
    pub steps: u16,
    /// Chunks of a plan that are done whatever comes, for tasks without an end; from then on decisions answer outcomes, as they
    /// do in the data ([`crate::Role::GoOn`]). 0: all of them. 1 is right where a new plan is made after a chunk: else whoever waits
    /// to see how things go is worth no more than whoever never looks.
    pub committed: usize,
    /// Share of the outcomes, the worst ones, whose mean is a plan's value: conditional value at risk (Rockafellar and
    /// Uryasev, 2000). 1, the mean of all: what is maximised is what is earned on average.
    pub risk: f64,
    /// Frames that it costs to be where no way leads to the goal any more. 10,000: ten episodes of the longest benchmark
    /// here, so that no time saved is worth being lost for good one time in twenty.
    pub lost: f64,
}

impl Default for MonteCarloConfig {
    fn default() -> Self {
        Self { select: false, samples: 16, steps: 3, committed: 0, risk: 1.0, lost: 1e4 }
    }
}

impl MonteCarloConfig {
    /// Refuses settings by which nothing can be chosen.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting and the remedy.
    pub fn check(&self, training_levels: usize) -> Result<(), PlannerError> {
        let bad = |name, value: String, remedy: String| Err(PlannerError::Setting { name, value, remedy });
        if self.samples == 0 || self.samples > MOST_SAMPLES {
            let remedy = format!(
                "between 1 and {MOST_SAMPLES} are accepted; plans are not judged by outcomes at all with \
                 plan.monte_carlo.select = false"
            );
            return bad("plan.monte_carlo.samples", self.samples.to_string(), remedy);
        }
        if self.steps == 0 || usize::from(self.steps) > training_levels {
            let remedy = format!("between 1 and {training_levels} are accepted");
            return bad("plan.monte_carlo.steps", self.steps.to_string(), remedy);
        }
        if !(self.risk > 0.0 && self.risk <= 1.0) {
            let remedy = "give a share above 0, up to 1, which is the mean of all outcomes".into();
            return bad("plan.monte_carlo.risk", self.risk.to_string(), remedy);
        }
        if (self.samples as f64) * self.risk < 1.0 {
            let value = format!("{} of {} outcomes", self.risk, self.samples);
            let needed = (1.0 / self.risk).ceil();
            let remedy = format!(
                "that is less than one outcome: set plan.monte_carlo.samples to {needed} or more, or a larger risk"
            );
            return bad("plan.monte_carlo.risk", value, remedy);
        }
        if !(self.lost.is_finite() && self.lost >= 0.0) {
            let remedy = "give zero or a positive number of frames".into();
            return bad("plan.monte_carlo.lost", self.lost.to_string(), remedy);
        }
        Ok(())
    }
}
