//! One tick of a running loop, from the newest plan to the command.

use std::sync::Arc;
use std::time::Duration;

use forethought_policies::PlanView;

use super::events::Event;
use super::executive::Executive;
use super::guard::{self, Changed};
use super::ladder::{self, Footing, Rung};
use super::link::Published;
use super::seam::Seam;

impl Executive {
    /// A tick of a running loop: writes the command, where there is one, and says on which rung it stands.
    pub(super) fn run(&mut self, now: Duration, observation: &[f64]) -> Rung {
        if self.timing.tick(now) {
            self.link.events.note(Event::LateTick, now);
        }
        while let Some(took) = self.link.took.pop() {
            self.timing.plan.record(took);
        }
        let good = observation.len() == self.observation && observation.iter().all(|value| value.is_finite());
        if !good {
            self.link.events.note(Event::BadObservation, now);
        }
        self.receive(now);
        let readable = good || !self.controller.needs_observation();
        let footing = if readable { self.follow(now, observation) } else { self.lost() };
        let rung = self.ladder.rung(footing, now);
        self.guard(rung, now);
        if good {
            self.send(now, observation);
        }
        if rung != Rung::Waiting {
            self.past.push(observation, 1.0, &self.draft);
            self.last.copy_from_slice(&self.draft);
            self.commanded = true;
            self.step += 1;
        }
        rung
    }

    /// Writes the command of the rung, as it may be given.
    fn guard(&mut self, rung: Rung, now: Duration) {
        let limited = self.commanded.then_some(self.last.as_slice());
        let changed = match rung {
            Rung::Plan | Rung::Previous => guard::pass(&self.limits, &mut self.draft, limited),
            Rung::Brake => {
                self.draft.copy_from_slice(&self.last);
                ladder::brake(&self.limits, self.commanded, &mut self.draft);
                guard::pass(&self.limits, &mut self.draft, limited)
            }
            _ => {
                self.draft.copy_from_slice(&self.limits.safe);
                Changed::default()
            }
        };
        if changed.clamped {
            self.link.events.note(Event::CommandClamped, now);
        }
        if changed.slowed {
            self.link.events.note(Event::RateLimited, now);
        }
    }

    /// Takes what the planner published: the newest plan for this episode that can still be followed.
    fn receive(&mut self, now: Duration) {
        while let Some(plan) = self.link.plans.pop() {
            if plan.epoch != self.epoch {
                self.link.events.note(Event::OtherEpisode, now);
                continue;
            }
            self.seen = plan.serial;
            self.candidate = Some(plan);
        }
        let over = |plan: &Arc<Published>| !self.usable(plan, self.age_of(plan, now), now);
        if self.candidate.as_ref().is_some_and(over) {
            self.link.events.note(Event::StalePlan, now);
            self.candidate = None;
        }
    }

    /// From when on a new plan ages: from its observation, or from now where the robot has been left alone since.
    fn age_of(&self, plan: &Published, now: Duration) -> Duration {
        if self.commanded { plan.stamp } else { now }
    }

    fn usable(&self, plan: &Published, from: Duration, now: Duration) -> bool {
        plan.row(self.step).is_some() && now.saturating_sub(from) <= self.limits.max_plan_age
    }

    /// The plan in force, where it can be followed.
    fn standing(&self, now: Duration) -> Option<&Arc<Published>> {
        self.in_force.as_ref().filter(|plan| self.usable(plan, self.ages_from, now))
    }

    /// There is no plan to follow, or none can be.
    fn lost(&self) -> Footing {
        if self.commanded { Footing::Lost } else { Footing::None }
    }

    /// Writes the command of the newest plan if its first command is one to follow, otherwise of the plan in force.
    fn follow(&mut self, now: Duration, observation: &[f64]) -> Footing {
        let new = self.candidate.take();
        let taken = new.is_some_and(|new| self.take(new, now, observation));
        let Some(plan) = self.in_force.take() else { return self.lost() };
        let footing = if !self.usable(&plan, self.ages_from, now) {
            self.lost()
        } else if taken || self.ask(&plan, now, observation) {
            self.seam.join(&mut self.draft);
            self.timing.age.record_time(now.saturating_sub(self.ages_from));
            let late = self.step.saturating_sub(plan.first_step) >= self.limits.late_after;
            if late { Footing::Late } else { Footing::Fresh }
        } else {
            self.lost()
        };
        self.in_force = Some(plan);
        footing
    }

    /// Puts a plan in force, with its command written, unless the seam is refused.
    fn take(&mut self, new: Arc<Published>, now: Duration, observation: &[f64]) -> bool {
        if !self.ask(&new, now, observation) {
            return false;
        }
        let jumps = self.commanded && Seam::jumps(&self.limits, &self.last, &self.draft);
        if jumps && self.limits.seam_steps == 0 && self.standing(now).is_some() {
            self.link.events.note(Event::SeamRefused, now);
            return false;
        }
        if jumps && self.limits.seam_steps > 0 {
            self.link.events.note(Event::SeamJoined, now);
            self.seam.begin(&self.last, &self.draft);
        } else {
            self.seam.end();
        }
        self.late_rows = self.step.saturating_sub(new.first_step);
        self.timing.late_rows.record(self.late_rows);
        self.ages_from = self.age_of(&new, now);
        // The planner's side holds another reference, so the old plan is not freed here.
        self.in_force = Some(new);
        true
    }

    /// Asks the controller for the command of the present step; false where it gives none that is a number.
    fn ask(&mut self, plan: &Published, now: Duration, observation: &[f64]) -> bool {
        let Some(row) = plan.row(self.step) else { return false };
        let ahead = PlanView {
            observations: from_row(&plan.plan.observations, row, self.observation),
            actions: from_row(&plan.plan.actions, row, self.draft.len()),
        };
        let given = self.controller.command(observation, ahead, &mut self.draft).is_ok()
            && self.draft.iter().all(|value| value.is_finite());
        if !given {
            self.link.events.note(Event::ControllerRefused, now);
        }
        given
    }

    /// Sends the observation to the planner where a plan is due.
    fn send(&mut self, now: Duration, observation: &[f64]) {
        let fresh = self.standing(now);
        let worn = |plan: &Arc<Published>| self.step - plan.first_step >= self.limits.replan_every;
        let due = fresh.is_none_or(|plan| plan.hurried || worn(plan));
        if !due || self.candidate.is_some() {
            return;
        }
        let in_force = fresh.map_or(0, |plan| plan.serial);
        let Some(mut observed) = self.link.free.pop() else { return };
        observed.values.copy_from_slice(observation);
        observed.past.copy_from(&self.past);
        (observed.epoch, observed.step, observed.tick, observed.stamp) =
            (self.epoch, self.step, self.ticks, now);
        observed.in_force = in_force;
        (observed.seen, observed.late_rows) = (self.seen, self.late_rows);
        if let Some(displaced) = self.link.observations.force_push(observed) {
            self.link.free.force_push(displaced);
        }
    }
}

/// What of rows of this width lies ahead.
fn from_row(values: &[f64], row: usize, width: usize) -> &[f64] {
    row.checked_mul(width).and_then(|at| values.get(at..)).unwrap_or_default()
}
