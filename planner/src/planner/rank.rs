//! What a finished plan is worth: what it would earn, where it ends, and whether the data have been there.

use forethought_envs::data::Support;

use super::DiffusionPlanner;
use super::notes::Notes;
use super::situation::Situation;
use crate::guidance::TaskObjective;
use crate::plan::Plan;

/// Chunks by which a plan that was shown the goal may arrive after its end, at the rate at which its last chunk comes
/// closer. Asked to be there sooner than it can, a plan hurries as much as the data ever did; were none allowed to be
/// late, lengths would be rounded up to whole chunks and the time lost. 2: on the smallest maze none costs a point.
const LATE: f64 = 2.0;

impl DiffusionPlanner {
    /// Scores a finished plan, less what it costs to leave where the data have been.
    ///
    /// A plan that was shown where to end is worth the frames that are left when it arrives there. Any other plan for a
    /// task with an end is worth the frames in which the task is done, a plan that ends there counting as staying. Without
    /// an end it is worth the task's own score.
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
                let begin = task.distance(situation.request.observation).unwrap_or(end);
                let arrival = arrival(begin, &distances, task.tolerance(), layout.frames_per_token);
                let late = arrival - plan.frames as f64;
                notes.ends = late <= LATE * layout.frames_per_token as f64;
                // One that passes through the goal is there already, and the next one is made for what is left until then.
                notes.due = notes.due.map(|due| plan.arrival.map_or(due, |frame| due.min(frame + 1)));
                if notes.ends {
                    plan.unsupported += self.beyond(&plan, situation, late, 1.0 - task.tolerance() / end);
                }
                self.pin(&mut plan, notes, situation);
                if notes.ends { left - late } else { -end }
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
        let frames = plan.observations.chunks_exact(self.layout().observation);
        plan.unsupported = self
            .held_against()
            .map_or(0, |support| frames.filter(|observation| !support.holds(observation)).count());
        plan
    }

    /// Where the data have been, if leaving it costs anything.
    fn held_against(&self) -> Option<&Support> {
        self.support.as_deref().filter(|_| self.config.rank.ood_penalty > 0.0)
    }

    /// Of the frames by which a plan arrives `late`, those at positions where the data have never been. They lie on the
    /// straight line from its end towards the goal, up to `share` of it: a wall in between is no way.
    fn beyond(&self, plan: &Plan, situation: &Situation<'_>, late: f64, share: f64) -> usize {
        let end = plan.observations.rchunks_exact(self.layout().observation).next();
        let (Some(support), Some(end), Some(condition)) =
            (self.held_against(), end, situation.request.condition())
        else {
            return 0;
        };
        let frames = late.max(0.0).ceil() as usize;
        let mut frame = end.to_vec();
        let outside = |&i: &usize| {
            let share = share * i as f64 / frames as f64;
            for (&entry, value) in condition.entries.iter().zip(condition.values) {
                frame[entry] = end[entry] + share * (value - end[entry]);
            }
            !support.holds(&frame)
        };
        (1..=frames).filter(outside).count()
    }

    /// Lets a plan that was shown the goal end exactly there.
    fn pin(&self, plan: &mut Plan, notes: &mut Notes, situation: &Situation<'_>) {
        let Some(condition) = situation.request.condition() else { return };
        if let Some(last) = plan.observations.rchunks_exact_mut(self.layout().observation).next() {
            notes.end = last.to_vec();
            condition.entries.iter().zip(condition.values).for_each(|(&i, &value)| last[i] = value);
        }
    }
}

/// Frames after which a plan is within `tolerance`. Where it ends before, it goes on coming closer as it did over its
/// last `chunk` frames, or since `begin`; infinite where it did not.
fn arrival(begin: f64, distances: &[f64], tolerance: f64, chunk: usize) -> f64 {
    if let Some(frame) = distances.iter().position(|distance| *distance <= tolerance) {
        return (frame + 1) as f64;
    }
    let last = distances.iter().rev().take(chunk).count();
    let before = distances.iter().rev().nth(last).copied().unwrap_or(begin);
    let end = distances.last().copied().unwrap_or(begin);
    let closer = (before - end) / last as f64;
    if closer > 0.0 { distances.len() as f64 + (end - tolerance) / closer } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::arrival;

    #[test]
    fn a_plan_arrives_when_it_first_comes_within_reach() {
        assert_eq!(arrival(9.0, &[3.0, 2.0, 1.0, 0.5], 1.0, 2), 3.0);
        assert_eq!(arrival(0.5, &[0.2, 4.0], 1.0, 2), 1.0, "whatever comes after");
    }

    #[test]
    fn a_plan_that_ends_before_arrives_at_the_rate_of_its_last_chunk() {
        // Half a unit a frame over the last two frames, and three units to go.
        assert_eq!(arrival(9.0, &[6.0, 5.0, 4.5, 4.0], 1.0, 2), 4.0 + 6.0);
        assert_eq!(arrival(9.0, &[7.0, 5.0], 1.0, 2), 2.0 + 2.0, "a single chunk: since the beginning");
        assert_eq!(arrival(9.0, &[7.0, 5.0], 1.0, 8), 2.0 + 2.0, "nor more than there is");
    }

    #[test]
    fn a_plan_that_comes_no_closer_never_arrives() {
        assert_eq!(arrival(4.0, &[5.0, 5.0, 5.0], 1.0, 2), f64::INFINITY);
        assert_eq!(arrival(4.0, &[3.0, 3.0, 5.0], 1.0, 2), f64::INFINITY);
        assert_eq!(arrival(4.0, &[], 1.0, 2), f64::INFINITY);
    }
}
