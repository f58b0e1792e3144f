//! What a finished plan is worth: what it would earn, where it ends, and whether the data have been there.

use super::DiffusionPlanner;
use super::notes::Notes;
use super::situation::Situation;
use crate::guidance::TaskObjective;
use crate::plan::Plan;

impl DiffusionPlanner {
    /// Scores a finished plan, less what it costs to leave where the data have been.
    ///
    /// A plan that was shown where to end is asked to end there; its length says when that is, and how often it comes
    /// by before is chance. Any other plan for a task with an end is worth the frames in which the task is done, a plan
    /// that ends there counting as staying. Without an end it is worth the task's own score.
    pub(super) fn rank(
        &self,
        plan: Plan,
        notes: &mut Notes,
        situation: &Situation<'_>,
        objective: &TaskObjective<'_>,
        x0_td: &[f64],
        chunks: usize,
    ) -> Plan {
        let (layout, task) = (self.layout(), situation.request.task);
        let mut plan = self.charge(plan);
        let mut distances = Vec::with_capacity(plan.frames);
        for observation in plan.observations.chunks_exact(layout.observation) {
            distances.extend(task.distance(observation));
        }
        let earned = if let Some(&end) = distances.last() {
            let inside = |distance: &f64| *distance <= task.tolerance();
            plan.arrival = distances.iter().position(inside);
            let left = (layout.chunks * layout.frames_per_token).saturating_sub(plan.frames) as f64;
            if situation.kind.shown && !situation.kind.staying {
                notes.ends = inside(&end);
                self.pin(&mut plan, situation);
                if notes.ends { left } else { -end }
            } else {
                let frames = distances.iter().filter(|distance| inside(distance)).count() as f64;
                let after = if inside(&end) { left } else { 0.0 };
                // Among plans that never arrive, the one that comes closest: less than one frame's worth.
                let closest = distances.iter().copied().fold(f64::INFINITY, f64::min);
                frames + after - closest / (1.0 + closest)
            }
        } else {
            objective.value(x0_td, chunks)
        };
        plan.score = earned - self.config.rank.ood_penalty * plan.unsupported as f64;
        plan
    }

    /// Counts the frames of a plan at positions where the data have never been; none where that does not count.
    pub(super) fn charge(&self, mut plan: Plan) -> Plan {
        let support = self.support.as_ref().filter(|_| self.config.rank.ood_penalty > 0.0);
        let frames = plan.observations.chunks_exact(self.layout().observation);
        plan.unsupported =
            support.map_or(0, |support| frames.filter(|observation| !support.holds(observation)).count());
        plan
    }

    /// Lets a plan that was shown the goal end exactly there.
    fn pin(&self, plan: &mut Plan, situation: &Situation<'_>) {
        let Some(condition) = situation.request.condition() else { return };
        if let Some(last) = plan.observations.rchunks_exact_mut(self.layout().observation).next() {
            condition.entries.iter().zip(condition.values).for_each(|(&i, &value)| last[i] = value);
        }
    }
}
