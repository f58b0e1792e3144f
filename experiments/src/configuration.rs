//! One configuration file describes one experiment: data, model, training, planning and execution.

use forethought_agent::{Latency, RealTimeConfig};
use forethought_planner::{DistillConfig, ModelConfig, PlanConfig, TrainConfig};
use forethought_policies::ControlConfig;
use serde::{Deserialize, Serialize};

/// The setting that names what carries plans out.
pub const CONTROLLER: &str = "control.controller";
/// Tables that nothing but data and training reads: on a trained checkpoint they do not act.
pub const OF_TRAINING: [&str; 5] = ["environment", "data", "model", "train", "distill"];
/// Tables that act where the world does not wait for the planner.
const OF_LOOPS: [&str; 2] = ["realtime", "simulation"];

/// The whole configuration. Every table and key is optional; `forethought inspect FILE.toml` shows
/// the resolved one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// Environment id.
    pub environment: String,
    /// Data to make and to train on.
    pub data: DataConfig,
    /// Tokens, noise and network.
    pub model: ModelConfig,
    /// Training run.
    pub train: TrainConfig,
    /// What a student learns from its teacher, with `train --teacher`.
    pub distill: DistillConfig,
    /// How plans are made.
    pub plan: PlanConfig,
    /// How plans are carried out.
    pub control: ControlConfig,
    /// How a loop is driven that does not wait for the planner.
    pub realtime: RealTimeConfig,
    /// How episodes are simulated.
    pub simulation: SimulationConfig,
}

/// How episodes are simulated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// How long the world goes on while a plan is made: `frozen` (it waits, as benchmarks have it), `measured`, a time such as
    /// `80ms`, or `N(60,20)ms`, normally distributed.
    pub latency: Latency,
}

/// Data to make and to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Environment steps.
    pub rows: usize,
    /// Seed of the generator.
    pub seed: u64,
    /// Trajectories that training holds out and whose loss it logs: a share below 1, or a number.
    pub validation: f64,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            environment: "maze2d-umaze-v1".into(),
            data: DataConfig::default(),
            model: ModelConfig::default(),
            train: TrainConfig::default(),
            distill: DistillConfig::default(),
            plan: PlanConfig::default(),
            control: ControlConfig::default(),
            realtime: RealTimeConfig::default(),
            simulation: SimulationConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { rows: 1_000_000, seed: 0, validation: 0.0 }
    }
}

impl Configuration {
    /// What carries plans out.
    pub fn controller(&self) -> &str {
        &self.control.controller
    }

    /// The settings that act on a trained checkpoint, as results keep them.
    ///
    /// # Errors
    /// Those of rendering.
    pub fn acting(&self) -> Result<serde_json::Value, serde_json::Error> {
        let mut settings = crate::canonical::canonical(self)?;
        if let serde_json::Value::Object(tables) = &mut settings {
            // In a world that waits, nothing that is said of a loop acts.
            let frozen = self.simulation.latency == Latency::Frozen;
            tables.retain(|table, _| {
                let other = OF_TRAINING.contains(&table.as_str());
                !(other || frozen && OF_LOOPS.contains(&table.as_str()))
            });
        }
        Ok(settings)
    }
}
