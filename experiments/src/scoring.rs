//! Episodes of a planner or a policy, and what is kept of them: one way for every command.

use std::path::Path;

use forethought_agent::{
    AgentSettings, ClosingReport, EpisodeOutcome, EpisodeRecord, EpisodeSetup, RecordingHeader,
    RolloutConfig, Simulation as Loop, rollout, run_policy,
};
use forethought_envs::{EnvSpec, Policy, Start, dynamics};
use forethought_planner::{MppiConfig, MppiPlanner, Planner};
use forethought_policies::{ControlConfig, Controller, DIFFUSED_ACTION, make_controller, make_policy};
use serde::Serialize;

use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::placed::Ends;
use crate::planning::{self, LoadedPlanner};
use crate::progress;
use crate::results::{Beginning, Episode, Foretold, Planning, VERSION, single};

/// Episodes of a variant at most: far above any protocol, far below what memory holds.
const MOST_EPISODES: usize = 100_000;

/// Told what is done and of how much; `false` stops.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// Which episodes: episode `i` has seed `first_seed + i`.
#[derive(Clone, Copy, Debug)]
pub struct Episodes {
    /// Seed of the first.
    pub first_seed: u64,
    /// How many.
    pub count: usize,
    /// How many of the protocol stand before them, which other shards score.
    pub before: usize,
}

impl Episodes {
    /// Checks the number.
    ///
    /// # Errors
    /// [`Failure`] for none and for more than could ever be kept.
    pub fn new(first_seed: u64, count: usize) -> Result<Self, Failure> {
        match count {
            0 => Err(Failure::refused("--episodes is 0: give at least 1")),
            _ if count > MOST_EPISODES => {
                Err(Failure::refused(format!("--episodes is {count}: give at most {MOST_EPISODES}")))
            }
            count => Ok(Self { first_seed, count, before: 0 }),
        }
    }

    /// Their seeds.
    pub fn seeds(self) -> Vec<u64> {
        (0..self.count as u64).map(|i| self.first_seed.wrapping_add(i)).collect()
    }

    /// Seeds of those before them.
    pub fn seeds_before(self) -> Vec<u64> {
        (1..=self.before as u64).rev().map(|i| self.first_seed.wrapping_sub(i)).collect()
    }
}

/// How episodes begin.
#[derive(Clone, Copy, Debug)]
pub struct Starts<'a> {
    /// The seed of each.
    pub seeds: &'a [u64],
    /// Seeds of the protocol's episodes before these: a policy that remembers lives through them first.
    pub before: &'a [u64],
    /// What is not the seed's to choose.
    pub ends: &'a Ends,
}

/// How MPPI plans with the true dynamics, and how much of each plan is executed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// How plans are made.
    pub mppi: MppiConfig,
    /// What carries them out.
    pub controller: String,
    /// Steps executed of each plan before the next is made.
    pub execution_horizon: usize,
}

impl Default for Simulation {
    fn default() -> Self {
        // Every 5 steps scored no better and takes twice as long.
        Self { mppi: MppiConfig::default(), controller: DIFFUSED_ACTION.into(), execution_horizon: 10 }
    }
}

/// Episodes of a planner, all planned together. `progress` counts environment steps.
///
/// # Errors
/// Those of the environment, the controller and the loop.
fn planned(
    planner: &mut dyn Planner,
    spec: &EnvSpec,
    controllers: impl Iterator<Item = Result<Box<dyn Controller>, Failure>>,
    config: &RolloutConfig,
    starts: &Starts<'_>,
    progress: Progress<'_>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let mut setups = Vec::new();
    for (&seed, controller) in starts.seeds.iter().zip(controllers) {
        setups.push(EpisodeSetup {
            env: starts.ends.make(&spec.id)?,
            controller: controller?,
            start: Start::seed(seed),
        });
    }
    Ok(rollout(planner, setups, config, &progress::clock, progress)?)
}

/// The same with a checkpoint's planner under a configuration.
///
/// # Errors
/// As [`planned`].
pub fn with_checkpoint(
    loaded: &mut LoadedPlanner,
    spec: &EnvSpec,
    configuration: &Configuration,
    starts: &Starts<'_>,
    progress: Progress<'_>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    loaded.planner.set_config(configuration.plan.clone())?;
    let config = planning::rollout_config(configuration)?;
    let controllers: Vec<_> = starts.seeds.iter().map(|_| loaded.controller(configuration, spec)).collect();
    planned(&mut loaded.planner, spec, controllers.into_iter(), &config, starts, progress)
}

/// Episodes in a world that goes on while a plan is made, one after the other, and what the loop says of them.
///
/// # Errors
/// As [`planned`].
pub fn in_real_time(
    loaded: &mut LoadedPlanner,
    spec: &EnvSpec,
    configuration: &Configuration,
    device: DeviceName,
    recording: Option<&Path>,
    starts: &Starts<'_>,
    progress: Progress<'_>,
) -> Result<(Vec<EpisodeRecord>, ClosingReport), Failure> {
    let config = planning::rollout_config(configuration)?;
    // The loop has a planner of its own: its side of the loop may be on another thread.
    let mut planner = planning::load(Some(&loaded.path), spec, device)?.planner;
    planner.set_config(configuration.plan.clone())?;
    let controller = loaded.controller(configuration, spec)?;
    let latency = configuration.simulation.latency;
    let mut simulation = Loop::new(
        Box::new(planner),
        controller,
        spec,
        config.execution_horizon,
        &configuration.realtime,
        latency,
    )?;
    if let Some(path) = recording {
        simulation.record(path, &header(loaded, spec, configuration)?)?;
    }
    let (mut records, mut steps) = (Vec::new(), 0);
    let total = starts.seeds.len() * spec.max_episode_steps.unwrap_or(1);
    for &seed in starts.seeds {
        let mut environment = starts.ends.make(&spec.id)?;
        let record = simulation.episode(environment.as_mut(), &Start::seed(seed), config.max_steps)?;
        steps += record.rewards.len();
        records.push(record);
        if !progress(steps, total) {
            return Err(forethought_agent::AgentError::Interrupted.into());
        }
    }
    Ok((records, simulation.report()))
}

/// What a recording of such a loop begins with.
fn header(
    loaded: &LoadedPlanner,
    spec: &EnvSpec,
    configuration: &Configuration,
) -> Result<RecordingHeader, Failure> {
    let (plan, control) = (configuration.plan.clone(), configuration.control.clone());
    let settings = AgentSettings { plan, control, ..AgentSettings::default() };
    Ok(RecordingHeader {
        environment: spec.id.clone(),
        checkpoint: loaded.path.clone(),
        weights: loaded.hash.clone(),
        version: VERSION.to_owned(),
        settings: serde_json::to_value(settings)?,
        realtime: configuration.realtime.clone(),
    })
}

/// The same with the environment's own dynamics.
///
/// # Errors
/// As [`planned`], and for an environment that MPPI cannot roll out.
pub fn simulated(
    simulation: &Simulation,
    spec: &EnvSpec,
    starts: &Starts<'_>,
    progress: Progress<'_>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let threads = DeviceName::Cpu.threads().unwrap_or(1);
    let dynamics = dynamics(&spec.id)?.ok_or_else(|| {
        Failure::refused(format!(
            "`{}` has no dynamics that a planner could be given: leave mppi out",
            spec.id
        ))
    })?;
    let mut planner = MppiPlanner::new(dynamics, spec, simulation.mppi.clone(), threads)?;
    let control = ControlConfig::named(&simulation.controller);
    let controllers = std::iter::repeat_with(|| Ok(make_controller(&control, spec, None)?));
    let execution_horizon = simulation.execution_horizon;
    let config = RolloutConfig { execution_horizon, ..RolloutConfig::default() };
    planned(&mut planner, spec, controllers, &config, starts, progress)
}

/// Whether a policy that needs no plan can act in an environment.
pub fn knows(policy: &str, spec: &EnvSpec) -> bool {
    make_policy(policy, spec).is_ok()
}

/// Episodes of a policy that needs no plan. `progress` counts episodes.
///
/// # Errors
/// Those of the environment and the policy.
pub fn reference(
    policy: &mut dyn Policy,
    spec: &EnvSpec,
    starts: &Starts<'_>,
    progress: Progress<'_>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let mut environment = starts.ends.make(&spec.id)?;
    if policy.remembers_episodes() {
        run_policy(policy, environment.as_mut(), starts.before, None, &mut |_, _| true)?;
    }
    Ok(run_policy(policy, environment.as_mut(), starts.seeds, None, progress)?)
}

/// What is kept of an episode that began and ended as said.
///
/// # Errors
/// Those of [`EpisodeOutcome::new`].
pub fn episode(record: &EpisodeRecord, spec: &EnvSpec, ends: &Ends) -> Result<Episode, Failure> {
    let outcome = EpisodeOutcome::new(record, spec)?;
    Ok(Episode {
        seed: record.seed,
        task: ends.task_of(spec, record.seed),
        chances: (spec.tasks > 0).then_some(record.chances),
        start: record.observations.first().map(|first| Beginning::new(first)).unwrap_or_default(),
        goal: record.goal.as_deref().map(single),
        episode_return: outcome.episode_return,
        score: outcome.score,
        return_if_stayed: outcome.return_if_stayed,
        score_if_stayed: outcome.score_if_stayed,
        success: outcome.steps_to_arrival.is_some(),
        steps_to_arrival: outcome.steps_to_arrival,
        plans: record.plans.len(),
    })
}

/// What was foretold in these episodes, episode by episode and by rising chance.
pub fn foretold_in(records: &[EpisodeRecord]) -> Vec<Foretold> {
    let mut all = Vec::new();
    for record in records {
        let mut own: Vec<Foretold> = Vec::new();
        let outlooks = record.plans.iter().filter_map(|plan| plan.outlook.as_ref());
        for foretold in outlooks.filter_map(|outlook| outlook.foretold.as_ref()) {
            let Some(happened) = foretold.happened else { continue };
            let one = Foretold {
                seed: record.seed,
                chance: foretold.chance,
                plans: 1,
                as_planned: happened.into(),
            };
            match own.iter_mut().find(|there| there.chance.total_cmp(&one.chance).is_eq()) {
                Some(there) => {
                    there.plans += 1;
                    there.as_planned += one.as_planned;
                }
                None => own.push(one),
            }
        }
        own.sort_by(|a, b| a.chance.total_cmp(&b.chance));
        all.append(&mut own);
    }
    all
}

/// What planning took in these episodes; `None` where nothing was planned.
pub fn planning_of(records: &[EpisodeRecord]) -> Option<Planning> {
    let plans: Vec<_> = records.iter().flat_map(|record| &record.plans).collect();
    (!plans.is_empty()).then(|| Planning {
        plans: plans.len(),
        rows: plans.iter().map(|plan| plan.rows).max().unwrap_or(0),
        seconds_per_plan: plans.iter().map(|plan| plan.took_s).sum::<f64>() / plans.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use forethought_agent::{OutlookRecord, PlanRecord};

    use super::*;

    #[test]
    fn plans_of_an_episode_are_counted_by_the_chance_that_they_were_given() {
        let plan = |chance, happened| {
            let foretold = forethought_agent::Foretold { steps: 5, chance, happened, ..Default::default() };
            PlanRecord {
                outlook: Some(OutlookRecord { foretold: Some(foretold), ..OutlookRecord::default() }),
                ..PlanRecord::default()
            }
        };
        let first = vec![
            plan(1.0, Some(true)),
            plan(0.25, Some(false)),
            plan(1.0, Some(false)),
            // The episode ended before, or nothing was drawn.
            plan(0.25, None),
            PlanRecord::default(),
        ];
        let records = [(7, first), (8, vec![plan(1.0, Some(true))]), (9, Vec::new())]
            .map(|(seed, plans)| EpisodeRecord { seed, plans, ..EpisodeRecord::default() });
        let told = |seed, chance, plans, as_planned| Foretold { seed, chance, plans, as_planned };
        assert_eq!(foretold_in(&records), [told(7, 0.25, 1, 0), told(7, 1.0, 2, 1), told(8, 1.0, 1, 1)]);
    }
}
