//! Plans on our side: the states of short real episodes, planned for again and again.

use std::time::Instant;

use forethought_agent::{EpisodeSetup, RolloutConfig, rollout};
use forethought_envs::{EnvSpec, GoalTask, Start, Task, make};
use forethought_planner::{
    Budget, DiffusionPlanner, FIRST_CHUNK, InForce, Plan, Planner, PlannerError, Request,
};

use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::plan_time::PlanTime;
use crate::planning::LoadedPlanner;
use crate::statistics::Quantiles;
use crate::{planning, progress, resolve, shipped};

/// A planner as shipped, and the states it is asked in.
pub struct PlanBench {
    /// SHA-256 of the weights.
    pub hash: String,
    planner: DiffusionPlanner,
    asked: Vec<Asked>,
    samples: Vec<Vec<f64>>,
    frames_per_token: usize,
}

/// One request of an episode, kept.
#[derive(Clone)]
struct Asked {
    observation: Vec<f64>,
    task: GoalTask,
    in_force: Option<(Plan, usize)>,
    seed: u64,
    rows: usize,
    frames: usize,
}

/// Which plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First of an episode.
    Cold,
    /// Any later one.
    Replan,
}

impl PlanBench {
    /// Runs `episodes` episodes of `replans` plans after the first each, with the shipped checkpoint and
    /// configuration; `None` where no checkpoint comes with the environment.
    ///
    /// # Errors
    /// [`Failure`] naming what does not fit.
    pub fn new(
        environment: &str,
        device: DeviceName,
        episodes: u64,
        replans: usize,
    ) -> Result<Option<Self>, Failure> {
        let spec = make(&resolve::environment_id(environment)?)?.spec().clone();
        if shipped::checkpoint(&spec.id).is_none() {
            return Ok(None);
        }
        let mut loaded = planning::load(None, &spec, device)?;
        let configuration = loaded.configure(&spec, None, &[])?;
        Self::of(loaded, &spec, &configuration, episodes, replans).map(Some)
    }

    /// The same with any checkpoint and configuration; the planner's own settings must be the configuration's.
    ///
    /// # Errors
    /// [`Failure`] naming what does not fit.
    pub fn of(
        mut loaded: LoadedPlanner,
        spec: &EnvSpec,
        configuration: &Configuration,
        episodes: u64,
        replans: usize,
    ) -> Result<Self, Failure> {
        let frames_per_token = loaded.frames_per_token;
        let execution = planning::rollout_config(configuration)?;
        let max_steps = Some(execution.execution_horizon * replans + 1);
        let execution = RolloutConfig { max_steps, ..execution };
        let mut asked = Vec::new();
        for seed in 0..episodes {
            let controller = loaded.controller(configuration, spec)?;
            let setups = vec![EpisodeSetup { env: make(&spec.id)?, controller, start: Start::seed(seed) }];
            let mut recorder = Recorder { planner: &mut loaded.planner, asked: &mut asked };
            rollout(&mut recorder, setups, &execution, &progress::clock, &mut |_, _| true)?;
        }
        let samples = vec![Vec::new(); asked.len()];
        Ok(Self { hash: loaded.hash, planner: loaded.planner, asked, samples, frames_per_token })
    }

    /// Plans once for every state of a kind.
    ///
    /// # Errors
    /// Those of the planner.
    pub fn round(&mut self, kind: Kind) -> Result<(), Failure> {
        for (asked, samples) in self.asked.iter().zip(&mut self.samples) {
            if asked.kind() != kind {
                continue;
            }
            let began = Instant::now();
            let plans = self.planner.plan(&[asked.request()], false)?;
            samples.push(1e3 * began.elapsed().as_secs_f64());
            drop(plans);
        }
        Ok(())
    }

    /// What the rounds found; `None` where the episodes had no such plans.
    pub fn time(&self, kind: Kind) -> Option<PlanTime> {
        let of_kind = || self.asked.iter().zip(&self.samples).filter(|(asked, _)| asked.kind() == kind);
        let medians: Vec<f64> = of_kind().map(|(_, samples)| Quantiles::of(samples).median).collect();
        let mean = |values: &dyn Fn(&Asked) -> usize| {
            of_kind().map(|(asked, _)| values(asked) as f64).sum::<f64>() / medians.len() as f64
        };
        if medians.is_empty() {
            return None;
        }
        Some(PlanTime {
            mean_ms: medians.iter().sum::<f64>() / medians.len() as f64,
            ms: Quantiles::of(&medians),
            rows: mean(&|asked| asked.rows),
            tokens: mean(&|asked| FIRST_CHUNK + asked.frames / self.frames_per_token.max(1)),
        })
    }
}

impl Asked {
    fn kind(&self) -> Kind {
        if self.in_force.is_some() { Kind::Replan } else { Kind::Cold }
    }

    fn request(&self) -> Request<'_> {
        let in_force = self.in_force.as_ref().map(|(plan, executed)| InForce { plan, executed: *executed });
        Request { in_force, ..Request::new(&self.observation, &self.task, self.seed) }
    }
}

/// The goal of a task; one that is never reached where it has none.
fn goal_of(task: &dyn Task) -> GoalTask {
    task.condition().map_or_else(
        || GoalTask::new(&[], &[], -1.0),
        |goal| GoalTask::new(goal.entries, goal.values, task.tolerance()),
    )
}

/// Passes requests on and keeps them.
struct Recorder<'a> {
    planner: &'a mut DiffusionPlanner,
    asked: &'a mut Vec<Asked>,
}

impl Planner for Recorder<'_> {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let plans = self.planner.plan_within(requests, trace, budget)?;
        for (request, plan) in requests.iter().zip(&plans) {
            self.asked.push(Asked {
                observation: request.observation.to_vec(),
                task: goal_of(request.task),
                in_force: request.in_force.map(|now| (now.plan.clone(), now.executed)),
                seed: request.seed,
                rows: plan.stats.rows,
                frames: plan.frames,
            });
        }
        Ok(plans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_an_episode_are_planned_for_again() {
        let mut bench = PlanBench::new("maze2d-umaze", DeviceName::Cpu, 1, 2).unwrap().unwrap();
        for _ in 0..2 {
            bench.round(Kind::Cold).unwrap();
        }
        bench.round(Kind::Replan).unwrap();
        assert_eq!(bench.samples.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        let (cold, replan) = (bench.time(Kind::Cold).unwrap(), bench.time(Kind::Replan).unwrap());
        assert_eq!((cold.ms.samples, replan.ms.samples), (1, 2));
        assert!(cold.mean_ms > 0.0 && replan.rows > 0.0 && replan.tokens > 2.0);
    }

    #[test]
    fn an_environment_without_a_checkpoint_is_no_failure() {
        assert!(PlanBench::new("PointMaze_Medium-v3", DeviceName::Cpu, 1, 1).unwrap().is_none());
    }
}
