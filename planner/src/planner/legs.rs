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
use super::judge::Prospect;
use super::notes::{arrives, notes};
use crate::budget::Budget;
use crate::plan::{History, InForce, Plan, Request, Snapshot};
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
    /// Whether all its plans are judged by their outcomes, where plans are: not those that go the certain way, which differ in
    /// nothing that chance decides.
    pub all: bool,
    /// Whether it goes another way than the certain one, so that it can be done without.
    pub at_best: bool,
}

impl<'a> Leg<'a> {
    /// All the way in one go.
    pub fn direct(request: &Request<'a>) -> Self {
        Self { request: *request, on_the_way: false, chunks: 1, all: false, at_best: false }
    }
}

/// A goal and the ways to it.
pub(super) struct KnownWays {
    goal: Vec<f64>,
    at_best: bool,
    ways: Arc<Ways>,
}

/// A plan in the making.
struct Journey {
    /// Certain ways to the goal, by which it is told how far it is from anywhere.
    certain: Option<Arc<Ways>>,
    /// Ways that it may go; the one it goes, once it is on it.
    open: Vec<Option<Arc<Ways>>>,
    plan: Option<Plan>,
    /// Legs so far.
    legs: u64,
    done: bool,
}

/// Where the next leg leads.
struct Next {
    /// Index of the journey.
    of: usize,
    /// Index of the way, of those open.
    way: usize,
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
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let mut journeys: Vec<Journey> = requests.iter().map(|request| self.set_out(request)).collect();
        // A leg more is at most as wide as a sequence; the first one is always made.
        let tokens = self.layout().tokens(self.layout().chunks);
        while journeys.iter().any(|journey| !journey.done)
            && (journeys.iter().any(|journey| journey.legs == 0) || budget.another(tokens))
        {
            let from: Vec<Vec<f64>> = journeys
                .iter()
                .zip(requests)
                .map(|(journey, request)| journey.end(request).to_vec())
                .collect();
            let mut next: Vec<Next> = Vec::new();
            for (of, journey) in journeys.iter().enumerate().filter(|(_, journey)| !journey.done) {
                let ways = (0..journey.open.len())
                    .map(|way| self.next((of, way), journey, &requests[of], &from[of]));
                let mut ways: Vec<Next> = ways.collect();
                ways.dedup_by(|other, first| other.leads_where(first));
                next.append(&mut ways);
            }
            let leg = |next| leg(requests, &journeys, &from, next);
            let legs: Vec<Leg<'_>> = next.iter().map(leg).collect();
            let mut plans = self.plan_leg(&legs, trace, budget)?.into_iter();
            drop(legs);
            let mut found: Vec<Vec<(&Next, Plan)>> = Vec::new();
            for tried in next.chunk_by(|a, b| a.of == b.of) {
                let all = tried.iter().zip(plans.by_ref());
                let all = all.flat_map(|(next, plans)| plans.into_iter().map(move |plan| (next, plan)));
                // Of the other ways those plans that arrive: there is always the certain one.
                found.push(all.filter(|(next, plan)| next.way == 0 || arrives(plan)).collect());
            }
            self.report(&journeys, requests, &mut found, trace, budget)?;
            for found in found {
                let Some((next, plan)) = self.best_way(&journeys, found) else { continue };
                let journey = &mut journeys[next.of];
                journey.open = vec![journey.open.swap_remove(next.way)];
                journey.go_on(plan, next.stop.is_some(), requests[next.of].in_force.is_none());
            }
        }
        let plans = journeys.into_iter().filter_map(|journey| {
            let plan = journey.plan?;
            // Frames were cut off.
            Some(if journey.legs > 1 { self.charge(plan) } else { plan })
        });
        Ok(plans.collect())
    }

    /// Where plans are chosen by their outcomes, leaves of those for a first leg the one chosen, and says what is expected of
    /// it and, with a trace, of those that it was preferred to. What comes after a first leg does not change the choice.
    fn report(
        &mut self,
        journeys: &[Journey],
        requests: &[Request<'_>],
        found: &mut [Vec<(&Next, Plan)>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<(), PlannerError> {
        let first = |found: &&mut Vec<(&Next, Plan)>| {
            found.first().is_some_and(|(next, _)| journeys[next.of].legs == 0)
        };
        let mut judged: Vec<&mut Vec<(&Next, Plan)>> =
            found.iter_mut().filter(|found| self.config.monte_carlo.select && first(found)).collect();
        let groups: Vec<Vec<Prospect<'_>>> = judged
            .iter()
            .map(|found| {
                let prospect = |(next, plan): (&Next, _)| Prospect {
                    plan,
                    request: &requests[next.of],
                    ways: journeys[next.of].certain.as_deref(),
                };
                found.iter().map(|(next, plan)| prospect((*next, plan))).collect()
            })
            .collect();
        let chosen = self.choose(&groups, trace, budget)?;
        drop(groups);
        for (found, told) in judged.iter_mut().zip(chosen) {
            let best = told.first().map_or(0, |(best, _)| *best);
            for (at, outlook) in told {
                found[at].1.outlook = outlook;
            }
            found.swap(0, best);
            let mut rejected: Vec<Plan> =
                found.split_off(1).into_iter().map(|(_, plan)| plan).filter(|_| trace).collect();
            rejected.iter_mut().for_each(|plan| plan.trace.clear());
            let promise =
                |plan: &Plan| plan.outlook.as_ref().and_then(|outlook| outlook.promise).unwrap_or(plan.score);
            rejected.sort_by(|a, b| promise(b).total_cmp(&promise(a)));
            found.iter_mut().for_each(|(_, plan)| plan.rejected.append(&mut rejected));
        }
        Ok(())
    }

    /// The best plan by what each says of itself: the frames that it takes, and those of its own way from where it ends.
    fn best_way<'n>(
        &self,
        journeys: &[Journey],
        mut found: Vec<(&'n Next, Plan)>,
    ) -> Option<(&'n Next, Plan)> {
        let pace = self.support.as_ref().and_then(|support| support.pace());
        let frames = |(next, plan): &(&Next, Plan)| {
            let end = plan.observation(plan.frames.checked_sub(1)?)?;
            let left = journeys[next.of].open.get(next.way)?.as_ref()?.length(end)?;
            Some(plan.frames as f64 + left / pace?)
        };
        let all = found.iter().map(|pair| frames(pair).unwrap_or(f64::INFINITY)).enumerate();
        let best = all.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(best, _)| best)?;
        Some(found.swap_remove(best))
    }

    /// A journey to a request's goal.
    fn set_out(&mut self, request: &Request<'_>) -> Journey {
        let certain = self.ways(request, false);
        let mut open = vec![certain.clone()];
        if self.config.horizon.leaps {
            let leads = |ways: &Option<Arc<Ways>>| {
                ways.as_ref().is_some_and(|ways| ways.length(request.observation).is_some())
            };
            let at_best = self.ways(request, true);
            // A leap further ahead is for a later plan to count on.
            let leaps = |ways: &Arc<Ways>| ways.leaps_within(request.observation, self.reach());
            if leads(&at_best) && !leads(&certain) {
                // Where no certain way leads on there is nothing to be said for it.
                open = vec![at_best];
            } else if at_best.as_ref().is_some_and(leaps) {
                open.push(at_best);
            }
        }
        Journey { certain, open, plan: None, legs: 0, done: false }
    }

    /// How far a leg leads, in units of positions.
    fn reach(&self) -> f64 {
        let pace = self.support.as_ref().and_then(|support| support.pace()).unwrap_or(0.0);
        self.config.horizon.reach * (self.layout().chunks * self.layout().frames_per_token) as f64 * pace
    }

    /// Ways to the request's goal, where plans may be made in legs.
    fn ways(&mut self, request: &Request<'_>, at_best: bool) -> Option<Arc<Ways>> {
        let support = self.support.as_ref().filter(|support| support.pace().is_some())?;
        let condition =
            request.condition().filter(|_| self.config.goal_conditioning && !self.layout().returns)?;
        let speaks = support.fits(condition.entries, self.layout().observation);
        if !speaks || self.config.horizon.reach <= 0.0 {
            return None;
        }
        let at_best = at_best && support.has_leaps();
        let same = |known: &&KnownWays| known.goal == condition.values && known.at_best == at_best;
        if let Some(known) = self.known_ways.iter().find(same) {
            return Some(Arc::clone(&known.ways));
        }
        let find = if at_best { Ways::at_best } else { Ways::to };
        let ways = Arc::new(find(support, condition.values)?);
        if self.known_ways.len() == MOST_KNOWN {
            self.known_ways.remove(0);
        }
        self.known_ways.push(KnownWays { goal: condition.values.to_vec(), at_best, ways: Arc::clone(&ways) });
        Some(ways)
    }

    /// Where the next leg leads, from `from`.
    fn next(
        &self,
        (of, way): (usize, usize),
        journey: &Journey,
        request: &Request<'_>,
        from: &[f64],
    ) -> Next {
        let pace = self.support.as_ref().and_then(|support| support.pace());
        let ways = journey.open.get(way).and_then(Option::as_ref);
        let (Some(ways), Some(condition), Some(pace)) = (ways, request.condition(), pace) else {
            return Next { of, way, stop: None, chunks: 1 };
        };
        let chunk = self.layout().frames_per_token as f64 * pace;
        let reach = self.config.horizon.reach * self.layout().chunks as f64;
        let tolerance = request.task.tolerance();
        let stop = ways.ahead(from, self.reach()).map(|at| GoalTask::new(condition.entries, &at, tolerance));
        // One that is reached from here, round a thin wall or where nearly nothing moves, leads nowhere.
        match stop.filter(|stop| !stop.reached(from)) {
            Some(stop) => Next { of, way, stop: Some(stop), chunks: reach.ceil() as usize },
            None => {
                let left = ways.length(from).map_or(0.0, |length| length - tolerance);
                Next { of, way, stop: None, chunks: (left / chunk).max(1.0) as usize }
            }
        }
    }
}

/// The request for the next leg.
fn leg<'a>(requests: &[Request<'a>], journeys: &[Journey], from: &'a [Vec<f64>], next: &'a Next) -> Leg<'a> {
    let (request, journey) = (&requests[next.of], &journeys[next.of]);
    let seed = match journey.legs {
        0 => request.seed,
        legs => random::derive(request.seed, &[LEG_STREAM, legs]),
    };
    let on_the_way = next.stop.is_some();
    // A plan that led to a place on the way says nothing of one to another place.
    let same = |now: &InForce<'_>| notes(now.plan).is_none_or(|notes| !notes.leg);
    let in_force = request.in_force.filter(|now| !on_the_way && journey.legs == 0 && same(now));
    let task = next.stop.as_ref().map_or(request.task, |stop| stop);
    // What came before a place on the way is not known yet.
    let (seen, history) = match journey.legs {
        0 => (request.seen, request.history),
        _ => (1.0, History::default()),
    };
    let request = Request { observation: &from[next.of], seen, history, task, in_force, seed, ..*request };
    let at_best = next.way > 0;
    let all = journey.legs == 0 && (at_best || journey.certain.is_none());
    Leg { request, on_the_way, chunks: next.chunks, all, at_best }
}

impl Next {
    /// Whether it leads where another leg does, in the same time.
    fn leads_where(&self, other: &Self) -> bool {
        let stop = |next: &Self| next.stop.as_ref().map(|stop| stop.goal().to_vec());
        self.of == other.of && self.chunks == other.chunks && stop(self) == stop(other)
    }
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
        let further = on || (arrived.is_none() && self.open.iter().any(Option::is_some));
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
    plan.clean = plan.clean.min(frames);
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
    if plan.clean == before {
        plan.clean += leg.clean;
    }
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
