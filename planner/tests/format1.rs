//! Checkpoints of format 1, as they were written before settings had their present names.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use forethought_planner::{TrainConfig, checkpoint};

/// The manifest that came with the planner of maze2d-large.
const MANIFEST: &str = include_str!("fixtures/manifest_format1.json");

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
        ..TrainConfig::default()
    };
    assert_eq!(*train, wanted);
    // A damaged digit is noticed under the old names too.
    std::fs::write(folder.path().join("manifest.json"), MANIFEST.replace("0.0012", "0.0013")).unwrap();
    let message = checkpoint::read_manifest(folder.path()).unwrap_err().to_string();
    assert!(message.contains("SHA-256"), "{message}");
}
