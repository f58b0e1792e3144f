//! Episodes of a planner or a reference policy, and what is kept of them: one way for every command.

use forethought_agent::{EpisodeRecord, EpisodeSetup, RolloutConfig, rollout, run_policy};
use forethought_envs::{EnvSpec, Start, make};
use forethought_planner::Planner;
use forethought_policies::{ExecutorConfig, make_executor};

use crate::cli::Shared;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::planning::LoadedPlanner;
use crate::progress;
use crate::protocol::{EpisodeRow, Protocol, Results};

/// Resamples of the bootstrap intervals.
pub const RESAMPLES: usize = 10_000;

/// Settings of a planner told nothing of the goal: what the data alone would do.
pub const UNGUIDED: &[&str] =
    &["plan.guidance=0", "plan.goal_token=false", "plan.samples=1", "plan.horizons=[]"];

/// Told what is done and of how much; `false` stops.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// Which episodes: episode `i` has seed `first_seed + i`.
#[derive(Clone, Copy, Debug)]
pub struct Episodes {
    /// Seed of the first.
    pub first_seed: u64,
    /// How many.
    pub count: usize,
}

impl Episodes {
    /// Checks the number.
    ///
    /// # Errors
    /// [`Failure`] for none.
    pub fn new(first_seed: u64, count: usize) -> Result<Self, Failure> {
        match count {
            0 => Err(Failure::refused("--episodes is 0: give at least 1")),
            count => Ok(Self { first_seed, count }),
        }
    }

    /// Their seeds.
    pub fn seeds(self) -> Vec<u64> {
        (0..self.count as u64).map(|i| self.first_seed.wrapping_add(i)).collect()
    }
}

/// The same request with more settings laid over it.
pub fn with_settings(shared: &Shared, settings: &[&str]) -> Shared {
    Shared {
        environment: shared.environment.clone(),
        config: shared.config.clone(),
        overrides: shared.overrides.iter().cloned().chain(settings.iter().map(|s| (*s).to_owned())).collect(),
        json: shared.json,
    }
}

/// Episodes of a planner, all planned together. `progress` counts environment steps.
///
/// # Errors
/// Those of the environment, the executor and the loop.
pub fn planned(
    planner: &mut dyn Planner,
    spec: &EnvSpec,
    configuration: &Configuration,
    config: &RolloutConfig,
    seeds: &[u64],
    progress: Progress<'_>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let mut setups = Vec::new();
    for &seed in seeds {
        let executor = make_executor(&configuration.executor, spec)?;
        setups.push(EpisodeSetup { env: make(&spec.id)?, executor, start: Start::seed(seed) });
    }
    Ok(rollout(planner, &mut setups, config, &progress::clock, progress)?)
}

/// Episodes of a reference policy; `None` where it does not know the environment. `progress` counts episodes.
///
/// # Errors
/// Those of the environment and the policy.
pub fn reference(
    name: &str,
    spec: &EnvSpec,
    seeds: &[u64],
    progress: Progress<'_>,
) -> Result<Option<Vec<EpisodeRecord>>, Failure> {
    let mut environment = make(&spec.id)?;
    let Ok(mut policy) = make_executor(&ExecutorConfig::named(name), spec) else { return Ok(None) };
    Ok(Some(run_policy(policy.as_mut(), environment.as_mut(), seeds, None, progress)?))
}

/// The rows of these episodes under their protocol.
///
/// # Errors
/// Those of [`EpisodeRow::new`].
pub fn results(protocol: Protocol, records: &[EpisodeRecord], spec: &EnvSpec) -> Result<Results, Failure> {
    let episodes = records.iter().map(|record| EpisodeRow::new(record, spec)).collect::<Result<_, _>>()?;
    Ok(Results { protocol, episodes })
}

/// Protocol of a planner's episodes.
pub fn protocol(
    planner: &str,
    episodes: Episodes,
    spec: &EnvSpec,
    configuration: &Configuration,
    loaded: &LoadedPlanner,
    device: DeviceName,
) -> Protocol {
    Protocol {
        planner: planner.to_owned(),
        executor: configuration.executor.name.clone(),
        checkpoint: Some(loaded.hash.clone()),
        configuration: Some(configuration.clone()),
        device: device.to_string(),
        ..reference_protocol(planner, episodes, spec)
    }
}

/// Protocol of a reference policy's episodes: no network, so nothing but the processor.
pub fn reference_protocol(name: &str, episodes: Episodes, spec: &EnvSpec) -> Protocol {
    Protocol {
        environment: spec.id.clone(),
        layout_hash: spec.layout_hash.clone(),
        planner: name.to_owned(),
        executor: name.to_owned(),
        checkpoint: None,
        configuration: None,
        simulation: None,
        first_seed: episodes.first_seed,
        episodes: episodes.count,
        device: DeviceName::Cpu.to_string(),
        code_version: env!("CARGO_PKG_VERSION").into(),
    }
}
