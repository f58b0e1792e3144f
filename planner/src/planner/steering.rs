//! What a request's plans are guided by.

use super::DiffusionPlanner;
use super::sampling::Candidate;
use crate::PlannerError;
use crate::guidance::{Objective, PlannedReward, ReachGoal, Tied, Unvisited};
use crate::plan::PlanRequest;
use crate::plan_config::ObjectiveKind;

impl DiffusionPlanner {
    /// One objective per candidate; none for requests without a goal where the goal is what is maximised.
    pub(super) fn objectives(
        &self,
        candidates: &[Candidate<'_>],
    ) -> Result<Vec<Box<dyn Objective>>, PlannerError> {
        let mut objectives: Vec<Box<dyn Objective>> = Vec::new();
        for Candidate { request, .. } in candidates {
            let objective: Box<dyn Objective> = match (self.config.objective, request.goal()) {
                (ObjectiveKind::Reward, _) => Box::new(PlannedReward::new(self.layout())?),
                (ObjectiveKind::Goal, Some(goal)) => {
                    let radius = self.config.reach * request.task.tolerance();
                    let (layout, scaling) = (self.layout(), &self.normalizer.observation);
                    let reach = Box::new(ReachGoal::new(layout, scaling, goal, radius)?);
                    let (weight, visited) = (self.config.unvisited, self.visited(request));
                    if weight > 0.0 && !visited.is_empty() {
                        let width = self.config.unvisited_width * request.task.tolerance();
                        Box::new(Unvisited::new(reach, layout, scaling, &visited, weight, width))
                    } else {
                        reach
                    }
                }
                (ObjectiveKind::Goal, None) => continue,
            };
            objectives.push(if self.config.tie > 0.0 {
                Box::new(Tied::new(objective, self.layout(), self.config.tie))
            } else {
                objective
            });
        }
        Ok(objectives)
    }

    /// Positions from which the plans up to this one were made, none while the goal is near: staying there is
    /// what is wanted.
    pub(super) fn visited(&self, request: &PlanRequest<'_>) -> Vec<f64> {
        if request.goal().is_none() || self.config.unvisited <= 0.0 {
            return Vec::new();
        }
        if self.there(request) {
            return Vec::new();
        }
        let position = self.layout().goal_indices.iter().map(|&i| request.observation[i]);
        let before = request.previous.map(|(plan, _)| plan.visited.as_slice()).unwrap_or_default();
        before.iter().copied().chain(position).collect()
    }
}
