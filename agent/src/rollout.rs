//! The receding-horizon loop: observe, plan, execute `n` steps, replan.

use forethought_planner::{Plan, PlanRequest, Planner};

use crate::config::episode_steps;
use crate::episode::Episode;
use crate::{AgentError, DenoisingFrame, EpisodeRecord, EpisodeSetup, PlanRecord, RolloutConfig};

/// Runs all episodes side by side, planning those that are due together in one call.
///
/// Record `i` answers setup `i`, and depends on nothing but that setup, the planner and the settings: not
/// on what runs beside it. `clock` gives seconds and is read around planning only. `progress` is told the
/// steps done and their total after every step; answering `false` stops the run.
///
/// # Errors
/// [`AgentError::Setting`] and [`AgentError::Mismatch`] before anything runs; later any other variant,
/// which names environment, episode seed and step.
pub fn rollout(
    planner: &mut dyn Planner,
    setups: &mut [EpisodeSetup],
    config: &RolloutConfig,
    clock: &dyn Fn() -> f64,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Vec<EpisodeRecord>, AgentError> {
    config.check()?;
    let mut episodes = setups.iter_mut().map(|setup| begin(setup, config)).collect::<Result<Vec<_>, _>>()?;
    let total = episodes.iter().fold(0, |sum: usize, episode| sum.saturating_add(episode.max_steps()));
    while episodes.iter().any(Episode::running) {
        plan_due(planner, &mut episodes, config, clock)?;
        for episode in episodes.iter_mut().filter(|episode| episode.running()) {
            episode.step()?;
        }
        let done = episodes.iter().fold(0, |sum: usize, episode| sum.saturating_add(episode.progress()));
        if !progress(done, total) {
            return Err(AgentError::Interrupted);
        }
    }
    Ok(episodes.into_iter().map(|episode| episode.record).collect())
}

fn begin<'a>(setup: &'a mut EpisodeSetup, config: &RolloutConfig) -> Result<Episode<'a>, AgentError> {
    let name = setup.executor.name();
    if !setup.executor.needs_plan() {
        return Err(AgentError::Mismatch(format!(
            "executor `{name}` follows no plan: run it with `run_policy`"
        )));
    }
    let max_steps = episode_steps(config.max_steps, setup.env.spec())?;
    Episode::begin(setup.env.as_mut(), setup.executor.as_mut(), &setup.start, max_steps)
}

/// Plans for every episode that is due. Warm starts and fresh plans go in calls of their own: a planner
/// may treat a whole call alike, and an episode must not depend on which others are due with it.
fn plan_due(
    planner: &mut dyn Planner,
    episodes: &mut [Episode<'_>],
    config: &RolloutConfig,
    clock: &dyn Fn() -> f64,
) -> Result<(), AgentError> {
    for warm in [false, true] {
        let mut due: Vec<&mut Episode<'_>> = episodes
            .iter_mut()
            .filter(|episode| episode.due(config.replan_every) && episode.warm() == warm)
            .collect();
        let Some(at) = due.first().map(|episode| episode.at()) else { continue };
        due.iter_mut().for_each(|episode| episode.seed_plan());
        let requests: Vec<PlanRequest<'_>> = due.iter().map(|episode| episode.request()).collect();
        let count = requests.len();
        let began = clock();
        let planned = planner.plan(&requests, config.history);
        let took_s = (clock() - began) / count as f64;
        let plans = planned.map_err(|source| AgentError::Planning { at: at.clone(), count, source })?;
        if plans.len() != count {
            let problem = format!("{} plans for {count} requests", plans.len());
            return Err(AgentError::MalformedPlan { at, problem });
        }
        for (episode, mut plan) in due.into_iter().zip(plans) {
            episode.check_plan(&plan)?;
            let mut record = PlanRecord { took_s, ..PlanRecord::default() };
            if config.record_plans {
                keep_frames(&mut record, &mut plan, planner.levels());
            }
            episode.accept(plan, record);
        }
    }
    Ok(())
}

/// Copies the planned frames, and moves the history, into the record.
fn keep_frames(record: &mut PlanRecord, plan: &mut Plan, levels: u16) {
    record.observations = (0..plan.frames).filter_map(|i| plan.observation(i)).map(<[f64]>::to_vec).collect();
    record.actions = (0..plan.frames).filter_map(|i| plan.action(i)).map(<[f64]>::to_vec).collect();
    let width = plan.observations.len().checked_div(plan.frames).unwrap_or(0).max(1);
    let history = std::mem::take(&mut plan.history);
    record.levels = if history.is_empty() { 0 } else { levels };
    record.history = history
        .into_iter()
        .map(|row| DenoisingFrame {
            row: row.row,
            level: row.level,
            observations: row.observations.chunks_exact(width).map(<[f64]>::to_vec).collect(),
        })
        .collect();
}
