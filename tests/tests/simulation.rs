//! Episodes in a world that does not wait for the planner, recorded and driven again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_agent::{
    Agent, AgentSettings, EpisodeRecord, LoadedCheckpoint, RealTimeConfig, Recording, Replayed, Simulation,
    goal_task, replay,
};
use forethought_envs::{EnvSpec, Start, make};
use forethought_planner::DiffusionPlanner;
use forethought_policies::Controller;

const ID: &str = "maze2d-umaze-v1";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/checkpoints").join(ID)
}

/// Planner, controller, environment and steps after which a plan is replaced.
fn parts() -> (DiffusionPlanner, Box<dyn Controller>, EnvSpec, usize) {
    let loaded = LoadedCheckpoint::load(&folder(), &Device::flex()).unwrap();
    let settings = AgentSettings::of(loaded.manifest()).unwrap();
    let spec = make(ID).unwrap().spec().clone();
    let controller = loaded.controller(&settings.control, &spec).unwrap();
    (
        loaded.planner(&spec, settings.plan, Some(1)).unwrap(),
        controller,
        spec,
        settings.control.execution_horizon,
    )
}

fn simulation(latency: &str, config: &RealTimeConfig) -> Simulation {
    let (planner, controller, spec, horizon) = parts();
    let latency = latency.parse().unwrap();
    Simulation::new(Box::new(planner), controller, &spec, horizon, config, latency).unwrap()
}

fn episode(simulation: &mut Simulation, seed: u64) -> EpisodeRecord {
    simulation.episode(make(ID).unwrap().as_mut(), &Start::seed(seed), Some(120)).unwrap()
}

fn again(path: &Path) -> Replayed {
    let recording = Recording::read(path).unwrap();
    let (planner, controller, spec, horizon) = parts();
    let mut task = |episode: &_| Ok(goal_task(episode).unwrap());
    replay(&recording, Box::new(planner), controller, &spec, horizon, &mut task).unwrap()
}

#[test]
fn a_plan_takes_as_long_as_the_world_says() {
    let config = RealTimeConfig::default();
    let actions = |latency| episode(&mut simulation(latency, &config), 1).actions;
    // Steps are a hundredth of a second: until the first plan the robot is left alone.
    let still =
        |actions: &[Vec<f64>]| actions.iter().take_while(|action| action.iter().all(|a| *a == 0.0)).count();
    assert_eq!(still(&actions("0ms")), 1, "there at the next tick");
    assert_eq!((still(&actions("30ms")), still(&actions("75ms"))), (3, 8));
    assert_eq!(actions("N(30,10)ms"), actions("N(30,10)ms"), "the same seed, the same times");
}

#[test]
fn a_planner_that_is_never_in_time_leaves_the_robot_alone() {
    let config = RealTimeConfig::default();
    let mut late = simulation("2000ms", &config);
    let record = episode(&mut late, 1);
    assert!(record.actions.iter().flatten().all(|action| *action == 0.0) && record.actions.len() == 120);
    assert_eq!(late.report().published, 1, "the plan that came after the end");
}

#[test]
fn what_was_recorded_comes_out_the_same_bit_for_bit() {
    let scratch = tempfile::tempdir().unwrap();
    // A deadline that stops plans, times that are the machine's own, and several episodes.
    let config = RealTimeConfig { deadline_s: Some(0.004), ..RealTimeConfig::default() };
    for latency in ["measured", "N(25,15)ms"] {
        let path = scratch.path().join(format!("{}.txt", latency.len()));
        let mut simulation = simulation(latency, &config);
        let spec_id = ID.to_owned();
        let builder = Agent::builder(folder());
        let header = builder.recording_header(&config).unwrap();
        assert_eq!(header.environment, spec_id);
        simulation.record(&path, &header).unwrap();
        let driven: Vec<EpisodeRecord> = (0..3).map(|seed| episode(&mut simulation, seed)).collect();
        let replayed = again(&path);
        assert_eq!(replayed.differs, None, "{latency}");
        let ticks: usize = driven.iter().map(|record| record.actions.len()).sum();
        assert_eq!(replayed.ticks as usize, ticks);
        // On a busy machine such a deadline may leave no plan to follow, and a clock that stands still none to stop.
        let followed = latency == "measured" || replayed.followed.len() > 20;
        assert!(replayed.plans > 20 && followed, "{}", replayed.plans);
        assert!(simulation.record(&path, &header).is_err(), "one recording is enough");
    }
}

#[test]
fn a_recording_that_was_cut_off_is_read_up_to_its_last_whole_line_and_a_changed_one_is_found_out() {
    let scratch = tempfile::tempdir().unwrap();
    let (path, config) = (scratch.path().join("whole.txt"), RealTimeConfig::default());
    let mut simulation = simulation("20ms", &config);
    simulation.record(&path, &Agent::builder(folder()).recording_header(&config).unwrap()).unwrap();
    episode(&mut simulation, 4);
    let text = fs::read_to_string(&path).unwrap();
    let cut = scratch.path().join("cut.txt");
    for share in [6, 7, 9] {
        fs::write(&cut, &text[..text.len() * share / 10]).unwrap();
        let read = Recording::read(&cut).unwrap();
        assert!(read.episodes[0].ticks.len() > 10 && read.cut);
        assert_eq!(again(&cut).differs, None);
    }
    assert!(!Recording::read(&path).unwrap().cut);
    // A command that was never given.
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| line.starts_with("tick") && line.contains(" plan ")).unwrap();
    let (rest, _) = lines[at].rsplit_once('|').unwrap();
    let changed = format!("{rest}| 0.25 -0.25");
    // A tick under another number, as if one were missing.
    let (tick, now) = (0..at).rev().find_map(|i| Some((i, lines[i].strip_prefix("tick ")?))).unwrap();
    let mut words: Vec<String> = now.split(' ').map(str::to_owned).collect();
    words[1] = (words[1].parse::<u64>().unwrap() + 1).to_string();
    let renumbered = format!("tick {}", words.join(" "));
    let mut of_ticks = lines.clone();
    of_ticks[tick] = &renumbered;
    fs::write(&cut, of_ticks.join("\n") + "\n").unwrap();
    let said = Recording::read(&cut).unwrap_err().to_string();
    assert!(said.contains("the file was changed"), "{said}");
    let mut lines: Vec<&str> = lines;
    lines[at] = &changed;
    fs::write(&cut, lines.join("\n") + "\n").unwrap();
    let (line, _) = again(&cut).differs.unwrap();
    assert_eq!(line.command, [0.25, -0.25]);
    // What is no recording, and what is one no more.
    for broken in ["", "hello\n", "forethought-recording 2 {}\n", "forethought-recording 1 {\"unknown\":1}\n"]
    {
        fs::write(&cut, broken).unwrap();
        assert!(Recording::read(&cut).unwrap_err().to_string().contains("line 1"));
    }
    let first = text.lines().next().unwrap();
    for line in ["tick 1 x", "tock 1 2", "tick 99 0 0 0 plan | |", "episode 1", "plan 2 3"] {
        fs::write(&cut, format!("{first}\nepisode 2 4 0.5\n{line}\n")).unwrap();
        assert!(Recording::read(&cut).unwrap_err().to_string().contains("line 3"), "{line}");
    }
}
