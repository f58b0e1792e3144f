//! Runs that distil: one step of the student says what one of its teacher's cannot, and interrupted or not, on any number of
//! threads, a run leaves the same bytes.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::data::{Dataset, DatasetMetadata};
use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::checkpoint::{self, Checkpoint, Manifest};
use forethought_planner::network::NetworkConfig;
use forethought_planner::training::{Teacher, Trainer, TrainingData};
use forethought_planner::{
    DistillConfig, FIRST_CHUNK, MatrixKind, ModelConfig, PlanConfig, PlannerError, Sampler, SchedulingMatrix,
    Solver, Tokens, TrainConfig, random,
};

const CHUNKS: usize = 2;

fn spec() -> EnvSpec {
    EnvSpec::of_spaces("fork", BoxSpace::symmetric(1, 5.0), BoxSpace::symmetric(1, 3.0))
}

/// A road that forks: all go up or all go down, as many one way as the other.
fn data(seed: u64) -> Dataset {
    let (drives, rows) = (400, CHUNKS + 1);
    let mut noise = vec![0.0; drives * rows];
    random::fill_normal(&mut random::stream(seed, &[]), &mut noise);
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for (drive, noise) in noise.chunks_exact(rows).enumerate() {
        let mut place = 0.0;
        for noise in noise {
            let action = if drive % 2 == 0 { 1.0 } else { -1.0 } + 0.05 * noise;
            observations.push(place as f32);
            actions.push(action as f32);
            place += action;
        }
    }
    let last = |row: usize| row % rows == rows - 1;
    Dataset {
        env_id: "fork".into(),
        observation_dim: 1,
        action_dim: 1,
        goal_dim: 0,
        rewards: vec![0.0; drives * rows],
        terminals: vec![false; drives * rows],
        timeouts: (0..drives * rows).map(last).collect(),
        goals: None,
        simulator: None,
        metadata: DatasetMetadata { seed: Some(seed), ..Default::default() },
        observations,
        actions,
    }
}

fn settings(steps: u64) -> TrainConfig {
    TrainConfig {
        steps,
        batch: 32,
        learning_rate: 3e-3,
        warmup: 20,
        ema: 0.98,
        pyramids: 1.0,
        imagine: 0.0,
        act: 0.0,
        infer_actions: 0.0,
        checkpoint_every: 4,
        log_every: 2,
        ..TrainConfig::default()
    }
}

/// A teacher that plans in eight steps, trained for so many.
fn teacher(folder: &Path, steps: u64) -> PathBuf {
    let network = NetworkConfig { width: 32, layers: 2, heads: 2, ..NetworkConfig::default() };
    let model = ModelConfig {
        frames_per_token: 1,
        chunks: CHUNKS,
        levels: 100,
        level_blocks: 1,
        network,
        ..ModelConfig::default()
    };
    let (spec, data, train) = (spec(), data(1), TrainConfig { checkpoint_every: 1000, ..settings(steps) });
    let source = TrainingData::new(&spec, &data);
    let mut plan = PlanConfig::default();
    plan.sampler.steps = 8;
    plan.sampler.stabilization_level = 1;
    plan.rank.ood_penalty = 0.0;
    let run = Trainer::new(folder, &source, &model, &train, &Device::flex(), Some(2)).unwrap();
    let mut run = run.with_settings(plan, serde_json::json!({ "controller": "its-own" }), Default::default());
    run.run(&|| 0.0, &mut |_| true).unwrap()
}

fn load(path: &Path) -> Checkpoint {
    checkpoint::load(path, &Device::flex()).unwrap()
}

const LESSON: DistillConfig = DistillConfig { steps: 1, teacher_steps: 8 };

fn student(
    folder: &Path,
    teacher: &Path,
    config: DistillConfig,
    train: &TrainConfig,
    threads: usize,
) -> Result<Trainer, PlannerError> {
    let (spec, data) = (spec(), data(2));
    let source = TrainingData { validation: 0.25, ..TrainingData::new(&spec, &data) };
    let teacher = Teacher::new(load(teacher), config)?;
    Trainer::distil(folder, &source, teacher, train, &Device::flex(), Some(threads))
}

/// How far up or down plans of so many steps go, in deviations of the data's actions.
fn ways(checkpoint: Checkpoint, steps: u16) -> Vec<f64> {
    let Manifest { layout, model, .. } = checkpoint.manifest.clone();
    let schedule = model.noise().unwrap();
    let matrix = SchedulingMatrix::new(MatrixKind::FullSequence, CHUNKS, steps).unwrap();
    let matrix = matrix.with_parts(layout.parts()).unwrap().after_known(FIRST_CHUNK);
    let (plans, size) = (128, layout.tokens(CHUNKS) * layout.width());
    let mut x = vec![0.0; plans * size];
    random::fill_normal(&mut random::stream(9, &[]), &mut x);
    // All begin where the road does, which is not the mean of the data's places by chance alone.
    let mut start = [0.0];
    checkpoint.manifest.normalizer.observation.normalize(&mut start).unwrap();
    for x_td in x.chunks_exact_mut(size) {
        x_td[..FIRST_CHUNK * layout.width()].fill(0.0);
        layout.write_state(&start, &mut x_td[..layout.width()]);
    }
    let mut x = Tokens::new(layout.tokens(CHUNKS), x, vec![CHUNKS; plans], vec![false; plans]);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 1,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut denoiser = checkpoint.denoiser(&Device::flex(), Some(1)).unwrap();
    sampler.run(denoiser.as_mut(), None, &mut x, sampler.all(), &mut |_, _| true).unwrap();
    x.x0_btd.chunks_exact(size).map(|x| x[FIRST_CHUNK * layout.width() + layout.action_at(0)]).collect()
}

/// The mean of two ways is neither: one step from noise says it, until that has been distilled from eight.
#[test]
fn one_step_of_the_student_takes_a_way_where_the_teacher_s_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&folder.path().join("teacher"), 900);
    let train = TrainConfig { learning_rate: 2e-3, checkpoint_every: 1000, log_every: 10, ..settings(600) };
    let mut run = student(&folder.path().join("student"), &teacher, LESSON, &train, 2).unwrap();
    let made = run.run(&|| 0.0, &mut |_| true).unwrap();
    let off =
        |ways: Vec<f64>| ways.iter().map(|way| (way.abs() - 1.0).abs()).sum::<f64>() / ways.len() as f64;
    let (whole, hasty) = (off(ways(load(&teacher), 8)), off(ways(load(&teacher), 1)));
    let distilled = ways(load(&made), 1);
    let up = distilled.iter().filter(|way| **way > 0.0).count();
    let distilled = off(distilled);
    assert!(hasty > 0.7, "the teacher in one step: {hasty}, in eight {whole}");
    assert!(distilled < 0.3 * hasty, "{distilled} and {hasty}, in eight {whole}");
    assert!((32..96).contains(&up), "both ways are taken: {up} of 128 go up");
}

/// Every file under `folder` but the event files, whose names carry the clock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.to_string_lossy().contains("tfevents") {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_run_leaves_the_same_bytes_interrupted_or_not_and_on_any_threads() {
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&folder.path().join("teacher"), 3);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let train = settings(10);
    student(&whole, &teacher, LESSON, &train, 1).unwrap().run(&|| 0.0, &mut |_| true).unwrap();
    for (until, threads) in [(3, 3), (8, 2)] {
        let mut run = student(&parts, &teacher, LESSON, &train, threads).unwrap();
        let stopped = run.run(&|| 0.0, &mut |now| now.step < until).unwrap_err();
        assert!(matches!(stopped, PlannerError::Interrupted), "{stopped}");
    }
    student(&parts, &teacher, LESSON, &train, 2).unwrap().run(&|| 0.0, &mut |_| true).unwrap();
    let (whole, parts) = (files(&whole), files(&parts));
    assert!(whole.len() >= 7, "{:?}", whole.keys());
    assert_eq!(whole.keys().collect::<Vec<_>>(), parts.keys().collect::<Vec<_>>());
    for (path, bytes) in &whole {
        assert!(bytes == &parts[path], "{}", path.display());
    }
    // Held-out sequences are lessons too.
    let metrics = String::from_utf8(whole[Path::new("metrics.jsonl")].clone()).unwrap();
    assert!(metrics.lines().all(|line| line.contains("\"validation_loss\":0.")), "{metrics}");
}

#[test]
fn a_student_is_its_teacher_but_for_its_steps() {
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&folder.path().join("teacher"), 3);
    let config = DistillConfig { steps: 2, teacher_steps: 3 };
    let train = TrainConfig { learning_rate: 1e-12, weight_decay: 0.0, ..settings(1) };
    let made = student(&folder.path().join("student"), &teacher, config, &train, 1)
        .unwrap()
        .run(&|| 0.0, &mut |_| true)
        .unwrap();
    let (teacher, student) = (load(&teacher), load(&made));
    // A moving average of equal numbers is off by a rounding.
    assert!(
        student.weights.iter().zip(&teacher.weights).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + b.abs()))
    );
    let (own, its) = (&student.manifest, &teacher.manifest);
    assert_eq!((own.plan.sampler.steps, own.plan.sampler.solver), (2, Solver::Ddim));
    // Two of eight rows: a quarter of the rows between neighbouring tokens.
    assert_eq!(own.plan.sampler.uncertainty_scale, its.plan.sampler.uncertainty_scale / 4.0);
    assert_eq!((&own.normalizer, &own.limits, &own.dynamics), (&its.normalizer, &its.limits, &its.dynamics));
    assert_eq!((&own.model, &own.control, &own.plan.rank), (&its.model, &its.control, &its.plan.rank));
    let distilled = own.distilled.as_ref().unwrap();
    assert_eq!((&distilled.teacher, distilled.config), (&teacher.hash, config));
    assert_eq!((own.step, own.data.seed), (1, Some(2)));
}

#[test]
fn other_lessons_and_other_teachers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = teacher(&folder.path().join("first"), 2);
    let second = teacher(&folder.path().join("second"), 3);
    let out = folder.path().join("student");
    let train = settings(6);
    let stopped = student(&out, &first, LESSON, &train, 1).unwrap().run(&|| 0.0, &mut |now| now.step < 2);
    assert!(matches!(stopped, Err(PlannerError::Interrupted)));
    let refused = |teacher: &Path, config: DistillConfig, what: &str| {
        let message = student(&out, teacher, config, &train, 1).err().unwrap().to_string();
        assert!(message.contains(what), "{message}");
    };
    refused(&first, DistillConfig { steps: 2, ..LESSON }, "distill.config.steps (1 then, 2 now)");
    refused(&second, LESSON, "distill.teacher");
    refused(&first, DistillConfig { steps: 0, ..LESSON }, "distill.steps");
    refused(&first, DistillConfig { teacher_steps: 0, ..LESSON }, "distill.teacher_steps");
    refused(
        &first,
        DistillConfig { steps: 20, teacher_steps: 6 },
        "120 of the teacher's, which has 100 levels",
    );
    let (mut other, data) = (spec(), data(2));
    other.layout_hash = Some("elsewhere".into());
    let source = TrainingData::new(&other, &data);
    let of = Teacher::new(load(&first), LESSON).unwrap();
    let message =
        Trainer::distil(&folder.path().join("other"), &source, of, &train, &Device::flex(), Some(1));
    let message = message.err().unwrap().to_string();
    assert!(message.contains("layout and physics"), "{message}");
}
