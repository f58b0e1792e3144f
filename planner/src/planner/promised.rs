//! Frames that are promised to the robot: executed while the plan is made, whatever it says.

use super::notes::{Notes, notes};
use crate::TokenLayout;
use crate::plan::{History, InForce, Memory, Plan, Request};

/// A request, and what of the plan in force is executed in any case.
///
/// What follows the promised frames begins in the observation that they lead to. The state token is clean, and the process is
/// Markov: beyond where they end, what was promised says nothing of what is to come.
pub(super) struct Promised<'a> {
    request: Request<'a>,
    /// Promised frames, environment units, and where they lead from the present observation.
    observations: Vec<f64>,
    actions: Vec<f64>,
    frames: usize,
    /// The past with the promised frames after it, where the request has one; all but the last observation.
    past: Past,
}

/// A history of its own.
#[derive(Default)]
struct Past {
    observations: Vec<f64>,
    actions: Vec<f64>,
    seen: Vec<f64>,
}

impl<'a> Promised<'a> {
    pub fn new(request: &Request<'a>) -> Self {
        let mut promised = Self {
            request: *request,
            observations: Vec::new(),
            actions: Vec::new(),
            frames: 0,
            past: Past::default(),
        };
        let Some(now) = request.in_force else { return promised };
        // Off the plan it stays off as far: anchored where it is, and not where the plan has it, so that one that is stuck is not
        // taken to get on.
        let off: Vec<f64> = match now.executed.checked_sub(1).and_then(|frame| now.plan.observation(frame)) {
            Some(planned) => {
                request.observation.iter().zip(planned).map(|(here, planned)| here - planned).collect()
            }
            None => vec![0.0; request.observation.len()],
        };
        for frame in 0..request.committed {
            let (observation, action) =
                (now.plan.observation(now.executed + frame), now.plan.action(now.executed + frame));
            let (Some(observation), Some(action)) = (observation, action) else { break };
            promised.observations.extend(observation.iter().zip(&off).map(|(planned, off)| planned + off));
            promised.actions.extend(action);
            promised.frames += 1;
        }
        promised.remember();
        promised
    }

    /// Lays the promised frames behind the past, as if they were over.
    fn remember(&mut self) {
        let History { observations, actions, seen } = self.request.history;
        if self.frames == 0 || actions.is_empty() {
            return;
        }
        let before = self.observations.len() - self.request.observation.len();
        self.past.observations =
            [observations, self.request.observation, &self.observations[..before]].concat();
        self.past.actions = [actions, &self.actions].concat();
        if !seen.is_empty() || self.request.seen < 1.0 {
            let steps = observations.len() / self.request.observation.len().max(1);
            self.past.seen = if seen.is_empty() { vec![1.0; steps] } else { seen.to_vec() };
            self.past.seen.push(self.request.seen);
            // A plan is as good as what it was made from.
            self.past.seen.resize(steps + self.frames, 1.0);
        }
    }

    /// The request for what follows.
    pub fn request(&self) -> Request<'_> {
        let from = self.observations.len().saturating_sub(self.request.observation.len());
        let observation = if self.frames > 0 { &self.observations[from..] } else { self.request.observation };
        let in_force =
            self.request.in_force.map(|now| InForce { executed: now.executed + self.frames, ..now });
        if self.past.actions.is_empty() {
            return Request { observation, in_force, ..self.request };
        }
        let Past { observations, actions, seen } = &self.past;
        let history = History { observations, actions, seen };
        Request { observation, seen: 1.0, history, in_force, ..self.request }
    }

    /// The promised frames, and then those of the plan that was made to follow them.
    pub fn begin(&self, mut plan: Plan, layout: &TokenLayout) -> Plan {
        plan.first_step = self.request.step;
        if self.frames == 0 {
            return plan;
        }
        if let (Some(made), Some(now)) = (notes(&plan), self.request.in_force) {
            let from = now.executed * layout.frame();
            let before = notes(now.plan).filter(|before| before.arrangement == made.arrangement);
            let promised =
                before.and_then(|notes| notes.x0_cd.get(from..from + self.frames * layout.frame()));
            // What was not made by this planner is nothing to begin the next plan from.
            let x0_cd = promised.map_or_else(Vec::new, |promised| [promised, &made.x0_cd].concat());
            let due = made.due.map(|due| due + self.frames);
            plan.memory = Memory::new(Notes { x0_cd, due, ..made.clone() });
        }
        plan.observations.splice(..0, self.observations.iter().copied());
        plan.actions.splice(..0, self.actions.iter().copied());
        plan.frames += self.frames;
        plan.clean += self.frames;
        plan.arrival = plan.arrival.map(|frame| frame + self.frames);
        for snapshot in &mut plan.trace {
            snapshot.observations.splice(..0, self.observations.iter().copied());
            snapshot.uncertainty.splice(..0, std::iter::repeat_n(0.0, self.frames));
        }
        plan
    }
}
