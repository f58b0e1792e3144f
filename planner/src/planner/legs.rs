//! Plans longer than the longest sequence, made in legs.
//!
//! No sequence is longer than those the network was trained on, and data often hold no longer ones. Where the goal is
//! further, what lies between is asked of the data: the shortest way through the places at which they have been
//! ([`Ways`]). A leg leads to a place on it as far ahead as a sequence reaches, and the next leg begins where it ends,
//! knowing nothing but that (the present says all that matters: the process is Markov). Each leg is an ordinary plan with
//! both ends known, of variable length, chosen among candidates; so the cost grows with the way's length, and a join
//! between legs is what the join between a plan and the present is.
//!
//! A first plan goes all the way. A later one is a leg long: what comes after is planned when it is near.

use std::sync::Arc;

use forethought_envs::data::Ways;
use forethought_envs::{GoalTask, Task};

use super::DiffusionPlanner;
use super::notes::notes;
use crate::plan::{InForce, Plan, Request, Snapshot};
use crate::{PlannerError, random};

/// Names the randomness of legs after the first.
const LEG_STREAM: u64 = 2;
/// Most legs of a plan: where none gets on, they end some time.
const MOST_LEGS: u64 = 256;
/// Goals to which ways are kept, those asked for last: finding them takes as long as a plan does.
const MOST_KNOWN: usize = 64;

/// What is asked for in one go.
pub(super) struct Leg<'a> {
    pub request: Request<'a>,
    /// Whether it is for a place on the way, and not yet for the goal.
    pub on_the_way: bool,
    /// Whole chunks that the data take to get there at their pace; one where they do not say.
    pub chunks: usize,
}

impl<'a> Leg<'a> {
    /// All the way in one go.
    pub fn direct(request: &Request<'a>) -> Self {
        Self { request: *request, on_the_way: false, chunks: 1 }
    }
}

/// A plan in the making.
struct Journey {
    ways: Option<Arc<Ways>>,
    plan: Option<Plan>,
    /// Legs so far.
    legs: u64,
    done: bool,
}

/// Where the next leg leads.
struct Next {
    /// A place on the way; none where it is the goal.
    stop: Option<GoalTask>,
    /// See [`Leg::chunks`].
    chunks: usize,
}

impl DiffusionPlanner {
    /// Plans for each request, leg by leg. Requests that are on the same leg are planned for together.
    pub(super) fn travel(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
    ) -> Result<Vec<Plan>, PlannerError> {
        let begin = |request| Journey { ways: self.ways(request), plan: None, legs: 0, done: false };
        let mut journeys: Vec<Journey> = requests.iter().map(begin).collect();
        loop {
            let open: Vec<usize> = (0..journeys.len()).filter(|&i| !journeys[i].done).collect();
            if open.is_empty() {
                break;
            }
            let from: Vec<Vec<f64>> = open.iter().map(|&i| journeys[i].end(&requests[i]).to_vec()).collect();
            let stages = open.iter().zip(&from);
            let next: Vec<Next> =
                stages.clone().map(|(&i, from)| self.next(&journeys[i], &requests[i], from)).collect();
            let ends = stages.zip(&next);
            let legs: Vec<Leg<'_>> =
                ends.map(|((&i, from), next)| leg(&requests[i], &journeys[i], from, next)).collect();
            let plans = self.plan_leg(&legs, trace)?;
            drop(legs);
            for ((&i, plan), next) in open.iter().zip(plans).zip(&next) {
                let all_the_way = requests[i].in_force.is_none();
                journeys[i].go_on(plan, next.stop.is_some(), all_the_way);
            }
        }
        let plans = journeys.into_iter().filter_map(|journey| {
            let plan = journey.plan?;
            // Frames were cut off.
            Some(if journey.legs > 1 { self.charge(plan) } else { plan })
        });
        Ok(plans.collect())
    }

    /// Ways to the request's goal, where plans may be made in legs.
    fn ways(&mut self, request: &Request<'_>) -> Option<Arc<Ways>> {
        let support = self.support.as_ref().filter(|support| support.pace().is_some())?;
        let condition = request.condition().filter(|_| self.config.goal_conditioning)?;
        let speaks = support.fits(condition.entries, self.layout().observation);
        if !speaks || self.config.horizon.reach <= 0.0 {
            return None;
        }
        if let Some((_, ways)) = self.known_ways.iter().find(|(goal, _)| goal == condition.values) {
            return Some(Arc::clone(ways));
        }
        let ways = Arc::new(Ways::to(support, condition.values)?);
        if self.known_ways.len() == MOST_KNOWN {
            self.known_ways.remove(0);
        }
        self.known_ways.push((condition.values.to_vec(), Arc::clone(&ways)));
        Some(ways)
    }

    /// Where the next leg leads, from `from`.
    fn next(&self, journey: &Journey, request: &Request<'_>, from: &[f64]) -> Next {
        let pace = self.support.as_ref().and_then(|support| support.pace());
        let (Some(ways), Some(condition), Some(pace)) = (&journey.ways, request.condition(), pace) else {
            return Next { stop: None, chunks: 1 };
        };
        let chunk = self.layout().frames_per_token as f64 * pace;
        let reach = self.config.horizon.reach * self.layout().chunks as f64;
        let tolerance = request.task.tolerance();
        let stop = ways.ahead(from, reach * chunk).map(|at| GoalTask::new(condition.entries, &at, tolerance));
        // One that is reached from here, round a thin wall or where nearly nothing moves, leads nowhere.
        match stop.filter(|stop| !stop.reached(from)) {
            Some(stop) => Next { stop: Some(stop), chunks: reach.ceil() as usize },
            None => {
                let left = ways.length(from).map_or(0.0, |length| length - tolerance);
                Next { stop: None, chunks: (left / chunk).max(1.0) as usize }
            }
        }
    }
}

/// The request for the next leg.
fn leg<'a>(request: &Request<'a>, journey: &Journey, from: &'a [f64], next: &'a Next) -> Leg<'a> {
    let seed = match journey.legs {
        0 => request.seed,
        legs => random::derive(request.seed, &[LEG_STREAM, legs]),
    };
    let on_the_way = next.stop.is_some();
    // A plan that led to a place on the way says nothing of one to another place.
    let same = |now: &InForce<'_>| notes(now.plan).is_none_or(|notes| !notes.leg);
    let in_force = request.in_force.filter(|now| !on_the_way && journey.legs == 0 && same(now));
    let task = next.stop.as_ref().map_or(request.task, |stop| stop);
    Leg { request: Request { observation: from, task, in_force, seed }, on_the_way, chunks: next.chunks }
}

impl Journey {
    /// Where the next leg begins.
    fn end<'a>(&'a self, request: &Request<'a>) -> &'a [f64] {
        let last = self.plan.as_ref().and_then(|plan| plan.observation(plan.frames.checked_sub(1)?));
        last.unwrap_or(request.observation)
    }

    /// Adds a leg. `on`: it leads to a place on the way.
    fn go_on(&mut self, mut leg: Plan, on: bool, all_the_way: bool) {
        let ends = notes(&leg).is_some_and(|notes| notes.ends);
        let arrived = leg.arrival;
        if on {
            leg.arrival = None;
        }
        // The last leg may end a little before the goal, as any plan may: one more leads there.
        let further = on || (arrived.is_none() && self.ways.is_some());
        self.legs += 1;
        self.done = !(further && ends && all_the_way) || self.legs == MOST_LEGS;
        match arrived {
            Some(arrived) if on && !self.done => cut(&mut leg, arrived + 1),
            // What follows begins where it does end.
            None if !self.done => unpin(&mut leg),
            _ => {}
        }
        self.plan = Some(match self.plan.take() {
            None => leg,
            Some(plan) => join(plan, leg),
        });
    }
}

/// Cuts a plan off after `frames` frames.
fn cut(plan: &mut Plan, frames: usize) {
    let width = |values: &[f64]| values.len().checked_div(plan.frames).unwrap_or(0);
    let (observation, action) = (width(&plan.observations), width(&plan.actions));
    plan.frames = plan.frames.min(frames);
    plan.observations.truncate(plan.frames * observation);
    plan.actions.truncate(plan.frames * action);
    for snapshot in &mut plan.trace {
        snapshot.uncertainty.truncate(plan.frames);
        snapshot.observations.truncate(plan.frames * observation);
    }
}

/// Lets a plan end where it was sampled to.
fn unpin(plan: &mut Plan) {
    let Some(end) = notes(plan).map(|notes| notes.end.clone()) else { return };
    let from = plan.observations.len().saturating_sub(end.len());
    plan.observations.splice(from.., end);
}

/// A plan and the leg that begins where it ends. It was begun as the first of them was.
fn join(mut plan: Plan, leg: Plan) -> Plan {
    let (rows, before) = (plan.stats.rows, plan.frames);
    plan.trace.extend(leg.trace.into_iter().map(|snapshot| Snapshot {
        row: rows + snapshot.row,
        uncertainty: [vec![0.0; before], snapshot.uncertainty].concat(),
        observations: [plan.observations.as_slice(), &snapshot.observations].concat(),
    }));
    plan.observations.extend(leg.observations);
    plan.actions.extend(leg.actions);
    plan.frames += leg.frames;
    plan.score = leg.score - before as f64;
    plan.arrival = leg.arrival.map(|frame| before + frame);
    plan.unsupported += leg.unsupported;
    plan.stats.rows += leg.stats.rows;
    plan.stats.candidates += leg.stats.candidates;
    plan
}
