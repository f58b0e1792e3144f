//! The shipped checkpoints in the hands of an agent.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::path::PathBuf;
use std::time::Duration;

use burn::tensor::Device;
use forethought_agent::{
    Agent, AgentSettings, EpisodeSetup, LoadedCheckpoint, RolloutConfig, rollout, within,
};
use forethought_envs::{Environment, Start, make};
use forethought_planner::{Foresight, PlanStatus, RowTimes, checkpoint};

const MAZES: [&str; 4] = ["maze2d-umaze-v1", "maze2d-medium-v1", "maze2d-large-v1", "PointMaze_UMaze-v3"];

fn folder(id: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../experiments/checkpoints").join(id)
}

fn drive(agent: &mut Agent, env: &mut dyn Environment, seed: u64) -> (Vec<Vec<f64>>, f64) {
    env.reset(&Start::seed(seed)).unwrap();
    agent.reset(seed, env.task());
    let (mut observations, mut total) = (vec![env.observation().to_vec()], 0.0);
    loop {
        let step = env.step(agent.act(env.observation()).unwrap()).unwrap();
        observations.push(env.observation().to_vec());
        total += step.reward;
        if step.ended() {
            return (observations, total);
        }
    }
}

#[test]
fn an_agent_drives_as_a_rollout_does_and_begins_anew_at_a_reset() {
    let id = MAZES[0];
    let mut env = make(id).unwrap();
    let mut agent = Agent::load(folder(id)).unwrap();
    let (observations, total) = drive(&mut agent, env.as_mut(), 1);
    // 230 of 300 steps at the goal on the processors at hand.
    assert!((150.0..=250.0).contains(&total), "{total}");
    assert_eq!(drive(&mut agent, env.as_mut(), 1).0, observations, "nothing is left of the episode before");

    let loaded = LoadedCheckpoint::load(&folder(id), &Device::flex()).unwrap();
    let settings = AgentSettings::of(loaded.manifest()).unwrap();
    let spec = env.spec().clone();
    let controller = loaded.controller(&settings.control, &spec).unwrap();
    let execution_horizon = settings.control.execution_horizon;
    let config = RolloutConfig { execution_horizon, ..RolloutConfig::default() };
    let mut planner = loaded.planner(&spec, settings.plan, Some(1)).unwrap();
    let setups = vec![EpisodeSetup { env, controller, start: Start::seed(1) }];
    let records = rollout(&mut planner, setups, &config, &|| 0.0, &mut |_, _| true).unwrap();
    assert!(records[0].observations == observations, "one bookkeeping, one episode");
}

#[test]
fn rows_of_plans_without_a_deadline_foretell_those_of_plans_with_one() {
    let mut agent = Agent::load(folder(MAZES[0])).unwrap();
    let here = [3.0, 1.0, 0.0, 0.0];
    agent.reset_to(1, Some(&[1.0, 1.0])).unwrap();
    let whole = agent.replan(&here).unwrap().clone();
    agent.reset_to(1, Some(&[1.0, 1.0])).unwrap();
    let mut times = RowTimes::default();
    let unhurried = within(None, &mut times, |budget| agent.replan_within(&here, budget).unwrap().clone());
    assert_eq!(unhurried, whole, "reading the clock changes nothing");
    let row = times.predicted_s(Foresight::Worst, 1).unwrap();
    let granted = |deadline, times: &mut RowTimes| within(Some(deadline), times, |budget| budget.another(1));
    assert!(granted(Duration::from_secs(60), &mut times));
    // What was learnt is handed back, or the second of these would be granted on a fast machine.
    for _ in 0..2 {
        assert!(!granted(Duration::from_secs_f64(0.5 * row), &mut times));
    }
    let hurried = within(Some(Duration::ZERO), &mut times, |budget| {
        (agent.replan_within(&here, budget).unwrap().status, budget.spent())
    });
    assert_eq!(hurried, (PlanStatus::Cut, 1), "a first row is computed whatever the deadline");
}

#[test]
fn an_episode_begins_from_a_goal_alone_and_plans_when_told_to() {
    let id = MAZES[0];
    let mut env = make(id).unwrap();
    env.reset(&Start::seed(1)).unwrap();
    let (goal, here) = (env.task().condition().unwrap().values.to_vec(), env.observation().to_vec());
    let mut agent = Agent::load(folder(id)).unwrap();
    assert_eq!((agent.spec().id.as_str(), agent.task().entries.as_slice()), (id, &[0, 1][..]));
    agent.reset(1, env.task());
    let command = agent.act(&here).unwrap().to_vec();
    agent.reset_to(1, Some(&goal)).unwrap();
    assert_eq!(agent.act(&here).unwrap(), command, "the checkpoint's task is the environment's");

    for (goal, says) in
        [(None, "2 numbers"), (Some(&[1.0][..]), "1 were given"), (Some(&[1.0, f64::NAN]), "NaN")]
    {
        let message = agent.reset_to(1, goal).unwrap_err().to_string();
        assert!(message.contains(id) && message.contains(says), "{message}");
    }
    assert!(agent.plan().is_some(), "a refused reset leaves the episode as it was");

    agent.reset_to(1, Some(&goal)).unwrap();
    let plan = agent.replan(&here).unwrap().clone();
    assert_eq!(agent.act(&here).unwrap(), command, "it is the plan that `act` would have made");
    assert_eq!(agent.plan(), Some(&plan), "and `act` follows it");
    assert!(agent.replan(&[f64::NAN; 4]).is_err());
    assert_eq!(agent.plan(), Some(&plan), "a refused plan leaves the one in force");
    let broken = Agent::builder(folder(id)).threads(1).set("task.entries", vec![9]).build();
    assert!(broken.err().unwrap().to_string().contains("task.entries"));
}

#[test]
fn a_builder_changes_what_it_is_told_and_refuses_the_rest() {
    let build = |key: &str, value: f64| Agent::builder(folder(MAZES[0])).threads(1).set(key, value).build();
    assert!(build("plan.guidance.scale", 10.0).is_ok());
    for (key, value, says) in [
        ("plan.guidance.scale", -1.0, "plan.guidance.scale"),
        ("plan.guidance.skale", 1.0, "there is no setting `plan.guidance.skale`"),
        ("control.execution_horizon", 0.0, "control.execution_horizon"),
    ] {
        let message = build(key, value).err().unwrap().to_string();
        assert!(message.contains(says), "{message}");
    }
    let elsewhere = make("maze2d-large-v1").unwrap();
    let refused = Agent::builder(folder(MAZES[0])).environment(elsewhere.spec()).build();
    assert!(refused.err().unwrap().to_string().contains("layout and physics"));
}

#[test]
fn every_shipped_checkpoint_meets_its_test_vector() {
    let shipped = std::fs::read_dir(folder("")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = shipped.filter(|path| path.is_dir()).collect();
    // OGBench's eight, the toy car, the crossing, the fruit swap, the cube and two of them.
    assert_eq!(folders.len(), MAZES.len() + 13, "{folders:?}");
    for folder in folders {
        let far = checkpoint::verify(&folder, &Device::flex(), Some(1)).unwrap().unwrap();
        assert!(far < 1e-4, "{}: {far}", folder.display());
    }
}

/// One episode of each task. Of 250 all arrive, after 327 and 584 steps; the data hold 200 steps an episode.
#[test]
fn goals_beyond_any_sequence_of_the_data_are_reached() {
    for (id, most_steps) in [("pointmaze-large-stitch-v0", 450), ("pointmaze-giant-stitch-v0", 750)] {
        let mut env = make(id).unwrap();
        let mut agent = Agent::load(folder(id)).unwrap();
        let mut steps = 0;
        for seed in 0..5 {
            let (observations, total) = drive(&mut agent, env.as_mut(), seed);
            assert_eq!(total, 1.0, "{id}, seed {seed}: not there after {} steps", observations.len());
            steps += observations.len();
        }
        assert!(steps / 5 < most_steps, "{id}: {} steps", steps / 5);
    }
}

#[test]
fn an_observation_far_outside_the_data_is_flagged_or_refused() {
    let env = make(MAZES[0]).unwrap();
    let far = [40.0, 1.0, 0.0, 0.0];
    let mut agent = Agent::load(folder(MAZES[0])).unwrap();
    agent.reset(1, env.task());
    agent.act(&far).unwrap();
    assert_eq!(agent.plan().unwrap().out_of_data, Some(0));
    agent.reset(1, env.task());
    agent.act(&[1.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!(agent.plan().unwrap().out_of_data, None);
    let mut strict = Agent::builder(folder(MAZES[0])).set("plan.out_of_data", "refuse").build().unwrap();
    strict.reset(1, env.task());
    let message = strict.act(&far).unwrap_err().to_string();
    assert!(message.contains("observation[0] is 40") && message.contains("plan.out_of_data"), "{message}");
}
