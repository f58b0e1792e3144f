//! Settings of the diffusion planner.

use serde::{Deserialize, Serialize};

use crate::{MatrixKind, PlannerError, Solver};

/// How plans are made. Every default has its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// Sampling levels `S`: denoising steps of one token.
    pub levels: u16,
    /// Order in which tokens are denoised.
    pub matrix: MatrixKind,
    /// How a token gets from one level to the next. With few levels `dpm-2m` loses less than `ddim`.
    pub solver: Solver,
    /// Chunks that must be clean before a plan is handed over; of later ones it holds the latest clean estimate.
    /// Saves the last rows of a pyramid where the next plan comes before they matter. 0 is all chunks.
    pub settle: usize,
    /// Training level at which clean tokens are shown to the network.
    pub stabilization: u16,
    /// Guidance scale; 0 plans without guidance.
    pub guidance: f64,
    /// Share of `levels` at and below which a token is no longer guided: its last steps are the model's own, and
    /// join to the present what guidance pulled away from it. 0 guides to the end.
    pub guidance_floor: f64,
    /// Completions of Monte Carlo guidance, `N`; 1 is ordinary guidance.
    pub completions: usize,
    /// Distance at which the goal objective's pull is halfway squashed, in units of the goal radius.
    pub reach: f64,
    /// Weight that ties the first planned observation to the present one ([`crate::guidance::Tied`]); 0 leaves
    /// it to the network.
    pub tie: f64,
    /// Weight that keeps plans from where the episode has been ([`crate::guidance::Unvisited`]); 0 forgets it.
    pub unvisited: f64,
    /// Distance over which `unvisited` acts, in units of the goal radius.
    pub unvisited_width: f64,
    /// What is maximised: `goal` or `reward`.
    pub objective: ObjectiveKind,
    /// Whether the network is shown the goal, as a clean token that says where the plan ends.
    pub goal_token: bool,
    /// Whether plans that are shown the goal are guided to it as well while they are on the way.
    pub guide_shown: bool,
    /// Horizons of the candidates, in chunks; empty is the longest the checkpoint has. With a goal token the one
    /// chosen binds the plans after it (`commitment.rs`).
    pub horizons: Vec<usize>,
    /// Chunks by which a plan may be shorter than the one in force leaves time for; the shortest that ends at the
    /// goal is taken.
    pub hasten: usize,
    /// Distance from the goal at which a plan that was shown the goal may end, in units of the goal radius.
    pub tolerance: f64,
    /// Chunks of a plan made at the goal: it ends there as well, and guidance keeps it there in between; 0 plans one
    /// chunk and does not guide it. Where the goal is not shown: chunks planned past the arrival of the plan in
    /// force, where it arrives and `horizons` is empty; 0 always plans the longest horizon.
    pub hold: usize,
    /// What a nat of the plan's least likely chunk costs, in frames at the goal ([`crate::LikelihoodBound`]).
    pub likelihood: f64,
    /// Nats of its least likely chunk up to which a plan that arrives is good enough to try no other length. Where
    /// `support` counts, it must not leave the support either.
    pub acceptable: f64,
    /// What a frame costs at a position where the data have never been, in frames at the goal; 0 asks for none of
    /// that ([`forethought_envs::data::Support`]).
    pub support: f64,
    /// Candidates per horizon.
    pub samples: usize,
    /// Level, as a share of `levels`, at which the nearest token of a warm start begins; 1 plans afresh. A plan
    /// in force that has arrived is not continued: past its arrival it shows what comes after, not how to stay.
    pub warm_start: f64,
    /// Share of `levels` by which each later token of a warm start begins higher.
    pub warm_slope: f64,
}

/// Objectives by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectiveKind {
    /// [`crate::guidance::ReachGoal`].
    #[default]
    Goal,
    /// [`crate::guidance::PlannedReward`].
    Reward,
}

impl Default for PlanConfig {
    fn default() -> Self {
        Self {
            levels: 20,
            matrix: MatrixKind::default(),
            solver: Solver::default(),
            settle: 0,
            stabilization: 10,
            guidance: 4.0,
            guidance_floor: 0.3,
            completions: 4,
            reach: 2.0,
            tie: 0.0,
            unvisited: 0.0,
            unvisited_width: 2.0,
            objective: ObjectiveKind::Goal,
            goal_token: false,
            guide_shown: false,
            horizons: Vec::new(),
            hasten: 0,
            tolerance: 1.0,
            hold: 3,
            likelihood: 0.0,
            acceptable: f64::MAX,
            support: 0.0,
            samples: 1,
            warm_start: 1.0,
            warm_slope: 0.0,
        }
    }
}

impl PlanConfig {
    /// Refuses settings that cannot be planned with; `chunks` is the longest horizon of the checkpoint.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting and the remedy.
    pub fn check(&self, chunks: usize, training_levels: usize) -> Result<(), PlannerError> {
        let bad = |name, value: String, remedy: String| Err(PlannerError::Setting { name, value, remedy });
        if self.levels == 0 || usize::from(self.levels) > training_levels {
            return bad(
                "plan.levels",
                self.levels.to_string(),
                format!("between 1 and {training_levels} are accepted"),
            );
        }
        for (name, value) in [("plan.completions", self.completions), ("plan.samples", self.samples)] {
            if value == 0 || value > 4096 {
                return bad(name, value.to_string(), "between 1 and 4096 are accepted".into());
            }
        }
        if usize::from(self.stabilization) > training_levels {
            return bad(
                "plan.stabilization",
                self.stabilization.to_string(),
                format!("at most {training_levels}"),
            );
        }
        if let Some(horizon) = self.horizons.iter().find(|&&h| h == 0 || h > chunks) {
            return bad(
                "plan.horizons",
                horizon.to_string(),
                format!("the checkpoint plans between 1 and {chunks} chunks"),
            );
        }
        for (name, value) in [
            ("plan.guidance", self.guidance),
            ("plan.tie", self.tie),
            ("plan.unvisited", self.unvisited),
            ("plan.likelihood", self.likelihood),
            ("plan.acceptable", self.acceptable),
            ("plan.support", self.support),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return bad(name, value.to_string(), "give zero or a positive number".into());
            }
        }
        for (name, value) in [
            ("plan.reach", self.reach),
            ("plan.tolerance", self.tolerance),
            ("plan.unvisited_width", self.unvisited_width),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return bad(name, value.to_string(), "give a positive number".into());
            }
        }
        for (name, value) in [
            ("plan.guidance_floor", self.guidance_floor),
            ("plan.warm_start", self.warm_start),
            ("plan.warm_slope", self.warm_slope),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return bad(name, value.to_string(), "give a number between 0 and 1".into());
            }
        }
        Ok(())
    }
}
