//! Checkpoints of earlier formats.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use burn::tensor::Device;
use forethought_envs::GoalTask;
use forethought_planner::checkpoint::FORMAT;
use forethought_planner::{Decisions, DiffusionPlanner, Planner, Request, TrainConfig, checkpoint};

/// The manifest that came with the planner of maze2d-large.
const MANIFEST: &str = include_str!("fixtures/manifest_format1.json");

/// Format 1: as they were written before settings had their present names.
#[test]
fn its_settings_are_read_under_their_present_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.json"), MANIFEST).unwrap();
    let manifest = checkpoint::read_manifest(folder.path()).unwrap();
    let (model, train) = (&manifest.model, &manifest.train);
    assert_eq!((model.frames_per_token, model.position_scale, model.network.fourier_features), (20, 2.0, 4));
    let wanted = TrainConfig {
        steps: train.steps,
        batch: train.batch,
        learning_rate: 1.2e-3,
        warmup: train.warmup,
        min_lr_ratio: 0.02,
        grad_clip_norm: 1.0,
        // One minus a share of 0.9.
        context_dropout: 0.1,
        condition_dropout: 0.15,
        checkpoint_every: train.checkpoint_every,
        // Its rows of levels told no decisions from outcomes.
        pyramids: 0.5,
        imagine: 0.0,
        act: 0.0,
        infer_actions: 0.0,
        ..TrainConfig::default()
    };
    assert_eq!(*train, wanted);
    assert_eq!((model.level_blocks, manifest.layout.level_blocks, manifest.dynamics.is_none()), (0, 0, true));
    // A damaged digit is noticed under the old names too.
    std::fs::write(folder.path().join("manifest.json"), MANIFEST.replace("0.0012", "0.0013")).unwrap();
    let message = checkpoint::read_manifest(folder.path()).unwrap_err().to_string();
    assert!(message.contains("SHA-256"), "{message}");
}

/// Format 2: tokens had one level. It plans as it did, which its test vector shows, and what it cannot be asked is
/// refused with the remedy.
#[test]
fn a_checkpoint_without_blocks_of_levels_plans_and_refuses_to_imagine() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format2"));
    let device = Device::flex();
    let checkpoint = checkpoint::load(folder, &device).unwrap();
    let manifest = checkpoint.manifest.clone();
    assert_eq!((manifest.format, manifest.layout.level_blocks), (FORMAT, 0));
    let difference = checkpoint::verify(folder, &device, Some(1)).unwrap();
    assert!(difference.unwrap() < 1e-4, "{difference:?}");
    let (schedule, plan) = (manifest.model.noise().unwrap(), manifest.plan.clone());
    let denoiser = checkpoint.denoiser(&device, Some(1)).unwrap();
    let (normalizer, limits) = (manifest.normalizer, manifest.limits);
    let mut planner =
        DiffusionPlanner::new(denoiser, schedule, normalizer, limits, plan, manifest.support).unwrap();
    let task = GoalTask::new(&manifest.layout.condition, &[3.0, 1.0], 0.5);
    let observation = [1.0, 1.0, 0.0, 0.0];
    let plans = planner.plan(&[Request::new(&observation, &task, 1)], false).unwrap();
    assert!(plans[0].frames > 0 && plans[0].observations.iter().all(|value| value.is_finite()));
    let decisions =
        Decisions { observation: &observation, actions: &[0.0; 8], samples: 2, history: 0, seed: 0 };
    let refusals = [
        planner.imagine(&decisions).map(drop),
        planner.act(&[Request::new(&observation, &task, 1)]).map(drop),
        planner.infer_actions(&[0.0; 12], &[], 0).map(drop),
    ];
    for refusal in refusals {
        let message = refusal.unwrap_err().to_string();
        assert!(message.contains("one noise level") && message.contains("train again"), "{message}");
    }
}
