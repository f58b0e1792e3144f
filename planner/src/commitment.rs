//! Which plan lengths are tried, and how a plan in force binds the next one.
//!
//! A plan that is to *end* at the goal says when it arrives by how long it is, so choosing a length is choosing
//! an arrival. The first plan of an episode tries many; what is chosen is kept, and every new plan is made for
//! the frames that are left of it, or one chunk more. Were the choice open each time, the planner would waver
//! between ways that are equally long. It is opened again when none of the bound plans will do.

use crate::TokenLayout;
use crate::plan::{Plan, PlanRequest};
use crate::plan_config::PlanConfig;

/// Lengths for one request, in chunks, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Horizons {
    /// Tried first.
    pub bound: Vec<usize>,
    /// Tried as well when no plan of the first lengths is acceptable.
    pub open: Vec<usize>,
    /// Frames that are left of the arrival agreed on, and the length that stands for them.
    pub due: Option<(usize, usize)>,
}

impl Horizons {
    /// Lengths for this request.
    pub(crate) fn new(
        config: &PlanConfig,
        layout: &TokenLayout,
        request: &PlanRequest<'_>,
        shown: bool,
        there: bool,
    ) -> Self {
        let (longest, f) = (layout.chunks, layout.frame_stack);
        let open = if config.horizons.is_empty() { vec![longest] } else { config.horizons.clone() };
        let free = Self { bound: open.clone(), ..Self::default() };
        let Some((plan, executed)) = request.previous else { return free };
        if shown && there {
            return Self { bound: vec![1], ..Self::default() };
        }
        if shown {
            let Some(due) = plan.due else { return free };
            let left = due.saturating_sub(progress(plan, executed, layout, request.observation));
            let chunks = left.div_ceil(f).clamp(1, longest);
            let bound = (chunks.saturating_sub(config.hasten).max(1)..=chunks).collect();
            return Self { bound, open, due: Some((left, chunks)) };
        }
        // Where the plan in force arrives, nothing past the arrival is worth more than staying there: the new
        // plan ends `hold` chunks later. A plan that does not arrive looks as far as it can.
        match plan.arrival {
            Some(arrival) if config.hold > 0 && (config.horizons.is_empty() || config.goal_token) => {
                let chunks = arrival.saturating_sub(executed) / f + 1 + config.hold;
                Self { bound: vec![chunks.min(longest)], ..Self::default() }
            }
            // At the goal, whatever the plan in force says of it.
            _ if config.goal_token => Self { bound: vec![config.hold.clamp(1, longest)], ..Self::default() },
            _ => free,
        }
    }

    /// Frames after which a plan of `chunks` chunks is to have arrived.
    pub(crate) fn due(&self, chunks: usize, frame_stack: usize) -> usize {
        match self.due {
            Some((left, bound)) if bound == chunks => left,
            _ => chunks * frame_stack,
        }
    }
}

/// Frames of the plan in force that lie behind: up to the planned position nearest to the present one. An
/// executor may be faster or slower than the plan; where positions say nothing, it is the frames executed.
fn progress(plan: &Plan, executed: usize, layout: &TokenLayout, observation: &[f64]) -> usize {
    let away = |planned: &[f64]| -> f64 {
        layout.goal_indices.iter().map(|&i| (planned[i] - observation[i]).powi(2)).sum()
    };
    let planned = plan.observations.chunks_exact(layout.observation).enumerate();
    planned
        .filter(|_| !layout.goal_indices.is_empty())
        .min_by(|a, b| away(a.1).total_cmp(&away(b.1)))
        .map_or(executed, |(index, _)| index + 1)
}

/// Whether a bound plan will do, so that no other length is tried.
pub(crate) fn acceptable(plan: &Plan, config: &PlanConfig) -> bool {
    (plan.ends || plan.due.is_none()) && plan.surprise <= config.acceptable
}
