//! What a finished plan is worth: what it would earn, where it ends, and how much it looks like the data.

use super::DiffusionPlanner;
use super::sampling::Candidate;
use crate::denoiser::on_pool;
use crate::guidance::Objective;
use crate::likelihood::LikelihoodBound;
use crate::plan::{Plan, PlanRequest};
use crate::{PlannerError, Sequences, TokenLayout, random};

/// Names the stream of the likelihood's noise.
const LIKELIHOOD_STREAM: u64 = 2;
/// Levels at which a route is judged, as shares of pure noise: below them it is the noise of single actions that
/// counts, above them there is nothing left to tell one route from another.
const ROUTE_LEVELS: (f64, f64) = (0.4, 0.7);
const ROUTE_BANDS: usize = 4;

impl DiffusionPlanner {
    /// Nats of the least likely chunk of every plan, each as if it had been made without a goal: what is asked is
    /// whether one can move so, not whether it leads there. Nothing where no setting asks for it.
    pub(super) fn surprise(
        &mut self,
        candidates: &[Candidate<'_>],
        sequences: &mut Sequences,
        chunks: usize,
    ) -> Result<Vec<f64>, PlannerError> {
        if self.config.likelihood <= 0.0 && self.config.acceptable >= f64::MAX {
            return Ok(Vec::new());
        }
        let bound =
            LikelihoodBound::new(&self.schedule, ROUTE_LEVELS, ROUTE_BANDS, self.config.stabilization)?;
        let seeds: Vec<u64> = candidates
            .iter()
            .map(|of| random::derive(of.request.seed, &of.path(LIKELIHOOD_STREAM, chunks)))
            .collect();
        sequences.goal_b.fill(false);
        let (layout, schedule) = (self.layout().clone(), &self.schedule);
        let position = |slot: usize| {
            (slot % layout.frame())
                .checked_sub(layout.action)
                .is_some_and(|entry| layout.goal_indices.contains(&entry))
        };
        let nats_bt = on_pool(self.denoiser.as_mut(), |denoiser| {
            bound.nats(denoiser, schedule, sequences, &seeds, &position)
        })?;
        let tokens = nats_bt.len() / candidates.len().max(1);
        Ok(nats_bt
            .chunks_exact(tokens.max(1))
            .map(|nats_t| nats_t.iter().copied().fold(0.0, f64::max))
            .collect())
    }

    /// Frames of a plan at positions where the data have never been; none where that does not count.
    pub(super) fn unsupported(&self, plan: &Plan) -> usize {
        let Some(support) = self.support.as_ref().filter(|_| self.config.support > 0.0) else { return 0 };
        let frames = plan.observations.chunks_exact(self.layout().observation);
        frames.filter(|observation| !support.holds(observation)).count()
    }

    /// Estimated return of a finished plan.
    pub(super) fn judge(
        &self,
        plan: &mut Plan,
        request: &PlanRequest<'_>,
        objective: Option<&dyn Objective>,
        x0_td: &[f64],
        (chunks, shown): (usize, bool),
    ) {
        let layout = self.layout();
        let Some(goal) = request.goal() else {
            let mut unused = vec![0.0; x0_td.len()];
            plan.value =
                objective.map_or(0.0, |objective| objective.value_and_gradient(x0_td, chunks, &mut unused));
            return;
        };
        let distances: Vec<f64> = plan
            .observations
            .chunks_exact(layout.observation)
            .map(|observation| self.away(observation, goal))
            .collect();
        plan.unsupported = self.unsupported(plan);
        let inside = |distance: &f64| *distance <= request.task.tolerance();
        plan.arrival = distances.iter().position(inside);
        let frames_inside = distances.iter().filter(|d| inside(d)).count() as f64;
        let stays = distances.last().is_some_and(inside);
        let longest = layout.chunks * layout.frame_stack;
        let after = if stays { longest.saturating_sub(plan.frames) as f64 } else { 0.0 };
        // Among plans that never arrive, the one that comes closest: less than one frame's worth.
        let closest = distances.iter().copied().fold(f64::INFINITY, f64::min);
        let earned = if shown {
            // What is asked of the plan is to end at the goal; its length says when that is. How often it comes
            // by before is chance.
            let end = distances.last().copied().unwrap_or(f64::INFINITY);
            plan.ends = end <= self.config.tolerance * request.task.tolerance();
            pin(layout, plan, goal);
            if plan.ends { longest.saturating_sub(plan.frames) as f64 } else { -end }
        } else {
            frames_inside + after - closest / (1.0 + closest)
        };
        plan.value =
            earned - self.config.likelihood * plan.surprise - self.config.support * plan.unsupported as f64;
    }
}

/// Lets a plan that was shown the goal end exactly there.
fn pin(layout: &TokenLayout, plan: &mut Plan, goal: &[f64]) {
    if let Some(last) = plan.observations.rchunks_exact_mut(layout.observation).next() {
        layout.goal_indices.iter().zip(goal).for_each(|(&i, &g)| last[i] = g);
    }
}
