//! A request, read once: everything that planning for it depends on.

use forethought_envs::data::DatasetNormalizer;
use forethought_envs::{Frames, Task};

use super::horizon::Horizons;
use super::known::Known;
use super::legs::Leg;
use super::notes::{notes, rest};
use crate::checkpoint::SlotLimits;
use crate::error::{check_finite, check_len};
use crate::outlook::within;
use crate::plan::{InForce, Plan, Request};
use crate::plan_config::{OutOfData, PlanConfig};
use crate::{PlannerError, ReturnScale, TokenLayout, WantedReturn};

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
    /// With the goal as a token: plans end there, and their length says when.
    pub shown: bool,
    /// With a condition as a token, the goal or a return.
    pub told: bool,
    /// To stay where the task ends.
    pub staying: bool,
    /// After so many chunks of the past.
    pub past: usize,
    /// As the request with this number: the first whose past was seen as well.
    pub like: usize,
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
    /// What sequences for it begin with.
    pub known: Known,
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
        (normalizer, returns): (&DatasetNormalizer, Option<&ReturnScale>),
        limits: &SlotLimits,
        abar: &dyn Fn(u16) -> f64,
    ) -> Result<Self, PlannerError> {
        let request = &leg.request;
        check_len("observation", layout.observation, request.observation.len())?;
        check_finite("observation", request.observation)?;
        check_rewards(request.task, layout)?;
        let mut observation = request.observation.to_vec();
        normalizer.observation.normalize(&mut observation)?;
        let condition = match layout.returns {
            true => wanted(request.task, config.wanted_return, returns)?.into_iter().collect(),
            false => condition(request, layout, normalizer)?,
        };
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
        let told = !condition.is_empty() && (layout.returns || config.goal_conditioning);
        let shown = told && !layout.returns;
        let staying = config.horizon.terminal_chunks > 0 && there;
        let in_force = request.in_force.filter(|now| holds(request, now, config.horizon.surprise));
        let warm = config.warm_start < 1.0
            && in_force.is_some_and(|now| {
                let left = now.executed < now.plan.frames && notes(now.plan).is_some();
                left && now.plan.arrival.is_none_or(|arrival| now.executed < arrival)
            });
        let progress = request.in_force.map_or((0, 0.0), |now| progress(request, &now));
        let known = Known::new(request, &condition, config, layout, normalizer, abar)?;
        // A sequence holds both.
        let layout = &TokenLayout { chunks: layout.chunks - known.past, ..layout.clone() };
        let horizons = if leg.on_the_way && shown {
            Horizons::around(&config.horizon, layout, leg.chunks)
        } else {
            let all = Horizons::new(&config.horizon, layout, in_force, (shown, there), progress.0);
            if !shown {
                all.before_the_end(config.horizon.episode, request.step, layout.frames_per_token)
            } else if there {
                all
            } else {
                all.at_least(leg.chunks)
            }
        };
        let kind = Kind { warm, shown, told, staying, past: known.past, like: 0 };
        Ok(Self {
            request: *request,
            kind,
            leg: leg.on_the_way,
            horizons,
            progress,
            out_of_data,
            observation,
            condition,
            known,
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

/// Whether the present is what the plan in force said of it, up to so many tolerances of the task; always where these are 0, and
/// before any of the plan was done.
fn holds(request: &Request<'_>, now: &InForce<'_>, surprise: f64) -> bool {
    let planned = now.executed.checked_sub(1).and_then(|frame| now.plan.observation(frame));
    surprise <= 0.0
        || planned.is_none_or(|planned| within(surprise, request.task, planned, request.observation))
}

/// Frames of the plan in force that lie behind, and the distance from it.
fn progress(request: &Request<'_>, now: &InForce<'_>) -> (usize, f64) {
    // Asked again before anything was done, the robot is where it was, and not at the frame that is nearest to there.
    if now.executed == 0 {
        return (0, 0.0);
    }
    let along = |frames| request.task.progress(frames, request.observation);
    // After promised frames the row that is due comes next, and none that was executed already.
    let due = now.executed.checked_sub(1).filter(|_| request.committed > 0);
    if let Some(planned) = due.and_then(|frame| now.plan.observation(frame)) {
        let off = along(Frames::of_observations(planned, planned.len())).map_or(0.0, |progress| progress.off);
        return (now.executed, off);
    }
    // A controller may be faster or slower than the plan; where positions say nothing, its clock counts.
    along(now.plan.frames(1.0)).map_or((now.executed, 0.0), |progress| (progress.behind, progress.off))
}

/// Normalised values of the task's condition in the order of the layout's; empty where there is none to show.
pub(super) fn condition(
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

/// What a plan is to earn as the network is told it: as the task says, or else the settings; `None` where neither does.
fn wanted(
    task: &dyn Task,
    settings: WantedReturn,
    returns: Option<&ReturnScale>,
) -> Result<Option<f64>, PlannerError> {
    let wanted = task.wanted_return().map_or(settings, WantedReturn::PerStep);
    wanted.check()?;
    if wanted == WantedReturn::None {
        return Ok(None);
    }
    let Some(scale) = returns else {
        return Err(PlannerError::Setting {
            name: "plan.wanted_return",
            value: wanted.into(),
            remedy: "the network is told returns, and nobody said what its data earn: give what the checkpoint says of them, \
                     with `DiffusionPlanner::with_returns`"
                .into(),
        });
    };
    Ok(wanted.per_step(scale).map(|per_step| scale.normalize(per_step)))
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

#[cfg(test)]
mod tests {
    use forethought_envs::GoalTask;
    use forethought_envs::data::{Normalizer, NormalizerKind};

    use super::*;

    /// A robot that gets off a plan and back towards its beginning, as one that flies past a corner does: by positions the frames
    /// that it has executed are ahead of it, and were executed again and again.
    #[test]
    fn after_promised_frames_the_row_that_is_due_is_next() {
        let layout = TokenLayout {
            observation: 1,
            action: 1,
            reward: false,
            frames_per_token: 10,
            chunks: 4,
            condition: vec![0],
            bodies: vec![],
            objects: vec![],
            level_blocks: 0,
            returns: false,
        };
        let plain =
            |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
        let normalizer = DatasetNormalizer { observation: plain(1), action: plain(1) };
        let limits = SlotLimits { low: vec![-99.0; 2], high: vec![99.0; 2] };
        let observations = (1..=20).map(f64::from).collect();
        let plan = Plan { frames: 20, observations, actions: vec![0.0; 20], ..Plan::default() };
        let task = GoalTask::new(&[0], &[20.0], 10.0);
        let after = |executed: usize, observation: f64, committed: usize| {
            let in_force = Some(InForce { plan: &plan, executed });
            let request = Request { in_force, committed, ..Request::new(&[], &task, 1) };
            let observation = [observation];
            let leg = Leg::direct(&Request { observation: &observation, ..request });
            let abar = |_: u16| 1.0;
            Situation::new(&leg, &PlanConfig::default(), &layout, (&normalizer, None), &limits, &abar)
                .unwrap()
                .progress
        };
        let progress = |observation: f64, committed: usize| after(6, observation, committed);
        // Where the sixth frame is, and then a step before the first.
        assert_eq!((progress(6.0, 0), progress(6.0, 1)), ((6, 0.0), (6, 0.0)));
        assert_eq!(progress(0.5, 1), (6, 5.5), "not on the plan any more, and its next frame is the seventh");
        assert_eq!(progress(0.5, 0), (1, 0.5), "where nothing is promised the robot says how far it is");
        assert_eq!(after(0, 0.5, 0), (0, 0.0), "asked again, it has gone nowhere");
    }
}
