//! A recording driven again: the same observations at the same times, plans made from the same ones by as many rows.
//!
//! What differed from run to run was time: when plans came, and how many rows they were granted. Both stand in the recording,
//! so that everything else has to come out the same, bit for bit.

use std::sync::Arc;

use forethought_envs::{EnvSpec, GoalTask, SharedTask};
use forethought_planner::{Plan, Planner};
use forethought_policies::Controller;

use super::agent::both_sides;
use super::clock::ManualClock;
use super::executive::Executive;
use super::ladder::Rung;
use super::recording::{RecordedEpisode, Recording};
use super::tape::{Made, TickLine};
use super::worker::{Answer, Worker};
use crate::AgentError;

/// What driving a recording again came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    /// Ticks driven again.
    pub ticks: u64,
    /// Plans made again.
    pub plans: u64,
    /// The first tick that came out otherwise, as it was recorded, and the command of now; none where all are the same.
    pub differs: Option<(TickLine, Option<Vec<f64>>)>,
    /// The plans that came, as they were made again.
    pub followed: Vec<Followed>,
}

/// A plan of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// Epoch of its episode, and the tick of the observation that it was made from.
    pub epoch: u64,
    /// See `epoch`.
    pub tick: u64,
    /// The tick from which on the loop followed it; none where it never did.
    pub from: Option<u64>,
    /// The plan.
    pub plan: Plan,
}

/// The task of an episode that was for a place.
pub fn goal_task(episode: &RecordedEpisode) -> Option<SharedTask> {
    let (entries, values): (Vec<usize>, Vec<f64>) = episode.begin.goal.iter().copied().unzip();
    (!entries.is_empty()).then(|| Arc::new(GoalTask::new(&entries, &values, episode.begin.tolerance)) as _)
}

/// Drives a recording again. `task` makes the task of an episode: [`goal_task`], where it is for a place.
///
/// # Errors
/// [`AgentError::Setting`] for settings that do not fit the robot, those of `task`.
pub fn replay(
    recording: &Recording,
    planner: Box<dyn Planner>,
    controller: Box<dyn Controller>,
    spec: &EnvSpec,
    execution_horizon: usize,
    task: &mut dyn FnMut(&RecordedEpisode) -> Result<SharedTask, AgentError>,
) -> Result<Replayed, AgentError> {
    if recording.lost > 0 {
        return Err(AgentError::Recording {
            path: recording.path.clone(),
            problem: format!(
                "{} lines are missing, because the disk did not keep up with the loop: what was lost cannot be driven again",
                recording.lost
            ),
        });
    }
    let config = &recording.header.realtime;
    let clock = Arc::new(ManualClock::new());
    let (mut executive, mut worker) =
        both_sides(planner, controller, spec, execution_horizon, config, clock)?;
    let mut replayed = Replayed::default();
    for episode in &recording.episodes {
        executive.begin_at(episode.begin.epoch, episode.begin.seed, task(episode)?);
        again(&mut executive, &mut worker, episode, &mut replayed);
        if replayed.differs.is_some() {
            break;
        }
    }
    Ok(replayed)
}

fn publish(
    worker: &mut Worker,
    (answer, own): (Answer, Option<u64>),
    line: &TickLine,
    replayed: &mut Replayed,
) {
    if let (Some(plan), Some(_)) = (answer.plan(), own) {
        let (epoch, tick) = answer.observed();
        replayed.followed.push(Followed { epoch, tick, from: None, plan: plan.clone() });
    }
    worker.publish_at(answer, line.now);
}

fn again(executive: &mut Executive, worker: &mut Worker, episode: &RecordedEpisode, replayed: &mut Replayed) {
    let mut plans = episode.plans.iter().peekable();
    let mut coming: Option<(Answer, Option<u64>)> = None;
    let mut in_force = None;
    for line in &episode.ticks {
        // A plan was there when the loop had seen it, or one after it.
        if let Some((answer, own)) = coming.take_if(|(_, own)| own.is_none_or(|own| own <= line.seen)) {
            publish(worker, (answer, own), line, replayed);
        }
        if line.rung == Rung::Stopped {
            executive.stop();
        }
        let now = executive.tick(line.now, &line.observation);
        let command = now.command.map(<[f64]>::to_vec);
        let same = |(now, then): (&f64, &f64)| now.to_bits() == then.to_bits();
        let given = command.as_deref().unwrap_or_default();
        let equal = given.len() == line.command.len() && given.iter().zip(&line.command).all(same);
        replayed.ticks += 1;
        let serial = now.followed.map(|(serial, _)| serial);
        if serial.is_some() && std::mem::replace(&mut in_force, serial) != serial {
            // The loop follows no plan but the newest that came.
            let newest = replayed.followed.last_mut().filter(|newest| newest.epoch == line.epoch);
            newest.into_iter().for_each(|newest| newest.from = Some(line.tick));
        }
        if !equal || now.rung != line.rung {
            replayed.differs = Some((line.clone(), command));
            return;
        }
        while let Some(plan) = plans.next_if(|plan| plan.tick <= line.tick) {
            // The planner's side looks at an observation when it is done with the one before.
            if let Some(answer) = coming.take() {
                publish(worker, answer, line, replayed);
            }
            match plan.made {
                Made::Nothing => {
                    worker.look();
                }
                Made::Failure { rows } | Made::Plan { rows, .. } => {
                    let own = match plan.made {
                        Made::Plan { serial, .. } => Some(serial),
                        _ => None,
                    };
                    replayed.plans += 1;
                    coming = worker.think_again(rows).map(|answer| (answer, own));
                }
            }
        }
    }
}
