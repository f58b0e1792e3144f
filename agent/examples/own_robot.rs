//! From logged trajectories of a robot that this project has never heard of to a driven loop: `own_robot DATA.hdf5`.
//!
//! `log_robot` makes such a file. What the data do not say of themselves (features, bounds, task) stands in a TOML beside
//! them. The robot is simulated here; yours talks to its hardware in `step`.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use forethought_agent::Agent;
use forethought_envs::data::{DataDescription, ReadOptions, read_hdf5};
use forethought_envs::{EnvError, EnvSpec, Environment, GoalTask, SharedTask, Start, Task, Transition};
use forethought_planner::noise::Target;
use forethought_planner::training::{Trainer, TrainingData};
use forethought_planner::{ModelConfig, PlanConfig, TrainConfig};

struct Robot {
    spec: EnvSpec,
    state: [f64; 6],
    task: Arc<GoalTask>,
}

impl Environment for Robot {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }
    fn reset(&mut self, _: &Start) -> Result<(), EnvError> {
        self.state = [-0.7, 0.5, -0.6, 0.0, 0.0, 0.0];
        Ok(())
    }
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        for (axis, push) in action.iter().enumerate() {
            self.state[3 + axis] += 0.3 * (push - self.state[3 + axis]);
            self.state[axis] += 0.05 * self.state[3 + axis];
        }
        let success = self.task.reached(&self.state);
        Ok(Transition { success, terminated: success, ..Transition::default() })
    }
    fn observation(&self) -> &[f64] {
        &self.state
    }
    fn task(&self) -> SharedTask {
        Arc::clone(&self.task) as SharedTask
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = PathBuf::from(std::env::args().nth(1).ok_or("usage: own_robot DATA.hdf5")?);
    let said = DataDescription::read(&DataDescription::beside(&data))?;
    let dataset = read_hdf5(&data, &ReadOptions::default())?;
    let spec = said.spec("robot", &dataset)?;

    // One level a token: of a thousand steps none go to anything but planning.
    let (target, level_blocks) = (Target::X0, 0);
    let model =
        ModelConfig { frames_per_token: 5, chunks: 12, target, level_blocks, ..ModelConfig::default() };
    let train = TrainConfig { steps: 1000, batch: 64, learning_rate: 1.2e-3, ..TrainConfig::default() };
    let source = TrainingData { spec: &spec, dataset: &dataset, validation: 0.0 };
    let run = Path::new("runs/own-robot");
    Trainer::new(run, &source, &model, &train, &Device::flex(), Some(2))?
        .with_settings(PlanConfig::default(), serde_json::Value::Null, said.task.clone().unwrap_or_default())
        .run(&|| 0.0, &mut |now| now.step <= now.steps)?;

    let task = Arc::new(GoalTask::new(&[0, 1, 2], &[0.6, -0.4, 0.5], 0.1));
    let mut robot = Robot { spec, state: [0.0; 6], task };
    let mut agent = Agent::load(run)?;
    robot.reset(&Start::seed(1))?;
    agent.reset(1, robot.task());
    for step in 1..=200 {
        let action = agent.act(robot.observation())?;
        if robot.step(action)?.ended() {
            println!("at the goal after {step} steps");
            return Ok(());
        }
    }
    Err(format!("not at the goal: {:?}", robot.observation()).into())
}
