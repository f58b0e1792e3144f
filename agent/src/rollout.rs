//! The receding-horizon loop over a batch of episodes: observe, plan, execute a few steps, replan.

use forethought_envs::{Environment, Start};
use forethought_planner::{Plan, Planner, Request};
use forethought_policies::Controller;

use crate::config::episode_steps;
use crate::episode::Episode;
use crate::{AgentError, EpisodeRecord, Follower, PlanRecord, PlanSnapshot, RolloutConfig, expectation};

/// What an episode is run from.
pub struct EpisodeSetup {
    /// The environment. It is reset with `start`.
    pub env: Box<dyn Environment>,
    /// What turns plans into commands; each episode has its own, because some remember.
    pub controller: Box<dyn Controller>,
    /// How it begins. Its seed is the whole of the episode's randomness: start, goal, and the noise of every plan.
    pub start: Start,
}

/// Runs all episodes side by side, planning those that are due together in one call.
///
/// Record `i` answers setup `i`, and depends on nothing but that setup, the planner and the settings: not
/// on what runs beside it. `clock` gives seconds and is read around planning only. `progress` is told the
/// steps done and their total after every step; answering `false` stops the run.
///
/// # Errors
/// [`AgentError::Setting`] before anything runs; later any other variant, which names environment, episode seed and
/// step.
pub fn rollout(
    planner: &mut dyn Planner,
    setups: Vec<EpisodeSetup>,
    config: &RolloutConfig,
    clock: &dyn Fn() -> f64,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Vec<EpisodeRecord>, AgentError> {
    config.check()?;
    let (mut envs, mut followers, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for EpisodeSetup { env, controller, start } in setups {
        let follower = Follower::new(controller, env.spec(), config.execution_horizon);
        followers.push(follower.remembering(planner.history()).reckoning(config.dead_reckoning));
        envs.push(env);
        starts.push(start);
    }
    let mut episodes = Vec::with_capacity(envs.len());
    for ((env, start), follower) in envs.iter_mut().zip(&starts).zip(&mut followers) {
        let max_steps = episode_steps(config.max_steps, env.spec())?;
        let episode = Episode::begin(env.as_mut(), follower.controller(), start, max_steps)?;
        follower.reset(start.seed, episode.task());
        episodes.push(episode);
    }
    let total = episodes.iter().fold(0, |sum: usize, episode| sum.saturating_add(episode.max_steps()));
    while episodes.iter().any(Episode::running) {
        plan_due(planner, &mut episodes, &mut followers, config, clock)?;
        for (episode, follower) in episodes.iter_mut().zip(&mut followers).filter(|(e, _)| e.running()) {
            let command = follower.command(episode.observation(), episode.seen())?;
            episode.step(command)?;
        }
        let done = episodes.iter().fold(0, |sum: usize, episode| sum.saturating_add(episode.progress()));
        if !progress(done, total) {
            return Err(AgentError::Interrupted);
        }
    }
    let finished = |mut episode: Episode<'_>| {
        let task = episode.task();
        expectation::settle(&mut episode.record, task.as_ref());
        episode.record
    };
    Ok(episodes.into_iter().map(finished).collect())
}

/// Plans for every episode that is due, in one call.
fn plan_due(
    planner: &mut dyn Planner,
    episodes: &mut [Episode<'_>],
    followers: &mut [Follower],
    config: &RolloutConfig,
    clock: &dyn Fn() -> f64,
) -> Result<(), AgentError> {
    let is_due = |(episode, follower): &(&Episode<'_>, &Follower)| episode.running() && follower.due();
    let due: Vec<usize> = {
        let both = episodes.iter().zip(followers.iter()).enumerate();
        both.filter(|(_, pair)| is_due(pair)).map(|(i, _)| i).collect()
    };
    let Some(&first) = due.first() else { return Ok(()) };
    let requests: Vec<Request<'_>> =
        due.iter().map(|&i| followers[i].request(episodes[i].observation(), episodes[i].seen())).collect();
    let (at, count) = (episodes[first].at(), due.len());
    let began = clock();
    let planned = planner.plan(&requests, config.trace);
    let took_s = (clock() - began) / count as f64;
    let plans = planned.map_err(|source| AgentError::Planning { at: at.clone(), count, source })?;
    if plans.len() != count {
        let problem = format!("{} plans for {count} requests", plans.len());
        return Err(AgentError::MalformedPlan { at, problem });
    }
    for (i, mut plan) in due.into_iter().zip(plans) {
        let trace = std::mem::take(&mut plan.trace);
        let rejected = std::mem::take(&mut plan.rejected);
        let first_step = episodes[i].record.rewards.len();
        let plan = followers[i].accept(Plan { first_step, ..plan })?;
        let (horizon, all) = (config.execution_horizon, config.record_plans);
        let mut record = PlanRecord { took_s, ..told(plan, first_step, horizon, all) };
        if config.record_plans {
            keep_frames(&mut record, plan, trace);
            record.rejected = rejected
                .iter()
                .map(|plan| {
                    let mut record = told(plan, first_step, horizon, all);
                    keep_frames(&mut record, plan, Vec::new());
                    record
                })
                .collect();
        }
        episodes[i].record.plans.push(record);
    }
    Ok(())
}

/// What is kept of every plan, where `horizon` steps of it are executed; its sampled outcomes too with `all`.
pub(crate) fn told(plan: &Plan, first_step: usize, horizon: usize, all: bool) -> PlanRecord {
    PlanRecord {
        first_step,
        score: plan.score,
        rows: plan.stats.rows,
        out_of_data: plan.out_of_data,
        outlook: expectation::of(plan, horizon, all),
        ..PlanRecord::default()
    }
}

/// Copies the planned frames, and moves the trace, into the record.
fn keep_frames(record: &mut PlanRecord, plan: &Plan, trace: Vec<forethought_planner::Snapshot>) {
    record.observations = (0..plan.frames).filter_map(|i| plan.observation(i)).map(<[f64]>::to_vec).collect();
    record.actions = (0..plan.frames).filter_map(|i| plan.action(i)).map(<[f64]>::to_vec).collect();
    let width = plan.observations.len().checked_div(plan.frames).unwrap_or(0).max(1);
    record.trace = trace
        .into_iter()
        .map(|snapshot| PlanSnapshot {
            row: snapshot.row,
            uncertainty: snapshot.uncertainty,
            observations: snapshot.observations.chunks_exact(width).map(<[f64]>::to_vec).collect(),
        })
        .collect();
}
