//! What the planner notes of its own plans, for the next one.

use crate::TokenLayout;
use crate::objects::Arrangement;
use crate::plan::{Memory, Plan};

/// What the planner remembers of a plan of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Clean estimate of every chunk, normalised, `[chunks, width]`: what a warm start begins from.
    pub x0_cd: Vec<f64>,
    /// Whether it was made to stay where the task ends.
    pub staying: bool,
    /// Whether it arrives where it was to end, or soon after its end.
    pub ends: bool,
    /// Frames after which it is to have arrived, for the length of the plans after it.
    pub due: Option<usize>,
    /// Whether it leads to a place on the way, and not yet to the goal.
    pub leg: bool,
    /// Its last observation as it was sampled, before it was made to end where it was to.
    pub end: Vec<f64>,
    /// The order that things were in when it was made.
    pub arrangement: Arrangement,
    /// What was asked for at that time, where the task is done one thing after another; else nothing.
    pub stage: Vec<f64>,
}

/// Notes on one of this planner's plans.
pub(super) fn notes(plan: &Plan) -> Option<&Notes> {
    plan.memory.get()
}

/// Whether a plan says that it arrives.
pub(super) fn arrives(plan: &Plan) -> bool {
    notes(plan).is_some_and(|notes| notes.ends)
}

/// Whether a plan is good enough to try no other length.
pub(super) fn will_do(plan: &Plan) -> bool {
    plan.unsupported == 0
        && notes(plan).is_none_or(|notes| notes.ends || notes.staying || notes.due.is_none())
}

/// What is left of a plan after its first `behind` frames; `None` where nothing is.
pub(super) fn rest(plan: &Plan, behind: usize, layout: &TokenLayout) -> Option<Plan> {
    let after =
        |values: &[f64], width: usize| values.get(behind.saturating_mul(width)..).map(<[f64]>::to_vec);
    (behind < plan.frames).then_some(())?;
    let notes = notes(plan)?;
    Some(Plan {
        observations: after(&plan.observations, layout.observation)?,
        actions: after(&plan.actions, layout.action)?,
        frames: plan.frames - behind,
        arrival: plan.arrival.map(|arrival| arrival.saturating_sub(behind)),
        trace: Vec::new(),
        rejected: Vec::new(),
        memory: Memory::new(Notes {
            x0_cd: after(&notes.x0_cd, layout.frame()).unwrap_or_default(),
            due: notes.due.map(|due| due.saturating_sub(behind)),
            ..notes.clone()
        }),
        ..plan.clone()
    })
}
