//! A request, read once: everything that planning for it depends on.

use forethought_envs::Task;
use forethought_envs::data::DatasetNormalizer;

use super::horizon::Horizons;
use super::legs::Leg;
use super::notes::{notes, rest};
use crate::checkpoint::SlotLimits;
use crate::error::{check_finite, check_len};
use crate::plan::{Plan, Request};
use crate::plan_config::{OutOfData, PlanConfig};
use crate::{PlannerError, TokenLayout};

/// Distance from the plan in force, in tolerances of the task, up to which one is still on it.
const ON_THE_WAY: f64 = 0.5;
/// Distance from the end, in tolerances of the task, up to which one that has arrived is still there: back from there
/// is a matter of turning round, and not of a way.
const STILL_THERE: f64 = 2.0;
/// Distance from the range of the data, as a share of its width, from which on an entry is far outside.
const FAR_OUTSIDE: f64 = 0.5;

/// How a plan begins: requests that differ in it are sampled apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// From the plan in force.
    pub warm: bool,
    /// With the goal as a token.
    pub shown: bool,
    /// To stay where the task ends.
    pub staying: bool,
}

/// A request and what follows from it.
pub(super) struct Situation<'a> {
    pub request: Request<'a>,
    pub kind: Kind,
    /// Whether it is asked for a place on the way, and not yet for the goal.
    pub leg: bool,
    /// Lengths to try.
    pub horizons: Horizons,
    /// Frames of the plan in force that lie behind, and the distance from it, where positions tell.
    pub progress: (usize, f64),
    /// Entry of the observation that lies far outside the data.
    pub out_of_data: Option<usize>,
    /// Present observation and condition, normalised.
    pub observation: Vec<f64>,
    pub condition: Vec<f64>,
}

impl<'a> Situation<'a> {
    /// Rounds in which lengths are tried, each with fresh noise: those that the plan in force leaves, twice at most, then all.
    pub const ROUNDS: usize = 3;

    /// # Errors
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for a malformed request, [`PlannerError::Setting`] for
    /// a task that the network cannot be shown, [`PlannerError::OutOfData`] where that is to be refused.
    pub fn new(
        leg: &Leg<'a>,
        config: &PlanConfig,
        layout: &TokenLayout,
        normalizer: &DatasetNormalizer,
        limits: &SlotLimits,
    ) -> Result<Self, PlannerError> {
        let request = &leg.request;
        check_len("observation", layout.observation, request.observation.len())?;
        check_finite("observation", request.observation)?;
        check_rewards(request.task, layout)?;
        let mut observation = request.observation.to_vec();
        normalizer.observation.normalize(&mut observation)?;
        let condition = condition(request, layout, normalizer)?;
        let out_of_data = match config.out_of_data {
            OutOfData::Ignore => None,
            _ => far_outside(&observation, layout, limits),
        };
        if let (Some(entry), OutOfData::Refuse) = (out_of_data, config.out_of_data) {
            return Err(PlannerError::OutOfData { entry, value: request.observation[entry] });
        }

        let distance = request.task.distance(request.observation);
        let stayed = request.in_force.is_some_and(|now| notes(now.plan).is_some_and(|notes| notes.staying));
        let near = distance.is_some_and(|distance| distance <= STILL_THERE * request.task.tolerance());
        let there = request.task.reached(request.observation) || (stayed && near);
        let shown = config.goal_conditioning && !condition.is_empty();
        let staying = config.horizon.terminal_chunks > 0 && there;
        let warm = config.warm_start < 1.0
            && request.in_force.is_some_and(|now| {
                let left = now.executed < now.plan.frames && notes(now.plan).is_some();
                left && now.plan.arrival.is_none_or(|arrival| now.executed < arrival)
            });
        let progress = request.in_force.map_or((0, 0.0), |now| {
            // A controller may be faster or slower than the plan; where positions say nothing, its clock counts.
            let along = request.task.progress(now.plan.frames(1.0), request.observation);
            along.map_or((now.executed, 0.0), |progress| (progress.behind, progress.off))
        });
        let horizons = if leg.on_the_way && shown {
            Horizons::around(&config.horizon, layout, leg.chunks)
        } else {
            let all = Horizons::new(&config.horizon, layout, request.in_force, (shown, there), progress.0);
            match (shown, there) {
                (true, false) => all.at_least(leg.chunks),
                (true, true) => all,
                (false, _) => {
                    all.before_the_end(config.horizon.episode, request.step, layout.frames_per_token)
                }
            }
        };
        let kind = Kind { warm, shown, staying };
        Ok(Self {
            request: *request,
            kind,
            leg: leg.on_the_way,
            horizons,
            progress,
            out_of_data,
            observation,
            condition,
        })
    }

    /// Whether its plans are pulled towards what the task wants. Where the network is shown the goal, it leads.
    pub fn guided(&self, config: &PlanConfig) -> bool {
        config.guidance.scale > 0.0 && (!self.kind.shown || self.kind.staying)
    }

    /// What is left of the plan in force, where it leads on from here and binds.
    pub fn rest(&self, layout: &TokenLayout) -> Option<Plan> {
        let now = self.request.in_force.filter(|_| self.horizons.due.is_some())?;
        let (behind, off) = self.progress;
        let on_the_way = behind > 0 && off <= ON_THE_WAY * self.request.task.tolerance();
        rest(now.plan, behind, layout).filter(|_| on_the_way)
    }
}

/// Normalised values of the task's condition in the order of the layout's; empty where there is none to show.
fn condition(
    request: &Request<'_>,
    layout: &TokenLayout,
    normalizer: &DatasetNormalizer,
) -> Result<Vec<f64>, PlannerError> {
    let Some(condition) = request.condition().filter(|_| !layout.condition.is_empty()) else {
        return Ok(Vec::new());
    };
    check_len("goal", layout.condition.len(), condition.values.len())?;
    check_finite("goal", condition.values)?;
    if condition.entries != layout.condition {
        return Err(PlannerError::Setting {
            name: "task",
            value: format!("{:?}", condition.entries),
            remedy: format!(
                "the checkpoint was trained with goals that speak of observation entries {:?}: ask for those",
                layout.condition
            ),
        });
    }
    let (shift, scale) = (normalizer.observation.shift(), normalizer.observation.scale());
    Ok(layout.condition.iter().zip(condition.values).map(|(&i, v)| (v - shift[i]) / scale[i]).collect())
}

/// Refuses a task that speaks of rewards where tokens carry none.
pub(super) fn check_rewards(task: &dyn Task, layout: &TokenLayout) -> Result<(), PlannerError> {
    if layout.reward || !task.needs_rewards() {
        return Ok(());
    }
    Err(PlannerError::Setting {
        name: "task",
        value: "return".into(),
        remedy: "this checkpoint's tokens carry no reward: train with model.reward = true".into(),
    })
}

/// First entry of a normalised observation that lies far outside the range of the data.
fn far_outside(observation: &[f64], layout: &TokenLayout, limits: &SlotLimits) -> Option<usize> {
    let range = |entry: usize| (limits.low[layout.action + entry], limits.high[layout.action + entry]);
    (0..observation.len()).find(|&entry| {
        let (low, high) = range(entry);
        // A constant has no width: one deviation of normalised units stands for it.
        let margin = if high > low { FAR_OUTSIDE * (high - low) } else { 1.0 };
        observation[entry] < low - margin || observation[entry] > high + margin
    })
}
