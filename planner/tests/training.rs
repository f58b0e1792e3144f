//! Training and checkpoints: it learns, whoever computes it and however often it is interrupted it writes the
//! same bytes, and nothing damaged or foreign is taken for a checkpoint.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use forethought_envs::data::{Dataset, DatasetMetadata, DatasetNormalizer, NormalizerKind};
use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::checkpoint::{self, Checkpoint, Manifest, Precision, TrainState};
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::training::{BatchMaker, GradientWorkers, MetricRow, Trainer, TrainingData};
use forethought_planner::{
    Denoiser, LocalDynamics, ModelConfig, NoisyBatch, PlannerError, TokenLayout, TrainConfig, random,
};
use rand::RngExt;

fn spec() -> EnvSpec {
    EnvSpec {
        condition: vec![0],
        max_episode_steps: Some(100),
        layout_hash: Some("aa".into()),
        ..EnvSpec::of_spaces("drift", BoxSpace::symmetric(2, 10.0), BoxSpace::symmetric(1, 1.0))
    }
}

/// A damped oscillator pushed by a slow random action.
fn dataset(rows: usize, seed: u64) -> Dataset {
    let mut kicks = vec![0.0; rows];
    random::fill_normal(&mut random::stream(seed, &[]), &mut kicks);
    let (mut position, mut speed, mut action) = (0.5f64, 0.0f64, 0.0f64);
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for kick in kicks {
        action = (0.9 * action + 0.2 * kick).clamp(-1.0, 1.0);
        observations.extend([position as f32, speed as f32]);
        actions.push(action as f32);
        speed += 0.1 * (action - 0.5 * position - 0.1 * speed);
        position += 0.3 * speed;
    }
    Dataset {
        env_id: "drift".into(),
        observation_dim: 2,
        action_dim: 1,
        goal_dim: 0,
        observations,
        actions,
        rewards: vec![0.0; rows],
        terminals: vec![false; rows],
        timeouts: vec![false; rows],
        goals: None,
        simulator: None,
        metadata: DatasetMetadata { seed: Some(seed), generator: Some("drift".into()), ..Default::default() },
    }
}

fn model() -> ModelConfig {
    let network = NetworkConfig {
        kind: NetworkKind::Transformer,
        width: 8,
        layers: 1,
        heads: 2,
        fourier_features: 1,
        causal: false,
        ..NetworkConfig::default()
    };
    ModelConfig { frames_per_token: 2, chunks: 3, levels: 100, network, ..ModelConfig::default() }
}

fn train() -> TrainConfig {
    TrainConfig {
        steps: 12,
        batch: 16,
        learning_rate: 3e-3,
        warmup: 3,
        shards: 3,
        checkpoint_every: 5,
        log_every: 2,
        seed: 4,
        ..TrainConfig::default()
    }
}

fn trainer(
    folder: &Path,
    model: &ModelConfig,
    train: &TrainConfig,
    threads: usize,
) -> Result<Trainer, PlannerError> {
    let (spec, data) = (spec(), dataset(600, 1));
    Trainer::new(folder, &TrainingData::new(&spec, &data), model, train, &Device::flex(), Some(threads))
}

/// A whole run; returns the folder of its last checkpoint.
fn run(folder: &Path, train: &TrainConfig, threads: usize) -> PathBuf {
    trainer(folder, &model(), train, threads).unwrap().run(&|| 0.0, &mut |_| true).unwrap()
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

fn metrics(folder: &Path) -> Vec<MetricRow> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn the_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        TrainConfig { steps: 300, batch: 32, warmup: 20, log_every: 1, learning_rate: 5e-3, ..train() };
    run(folder.path(), &train, 2);
    let rows = metrics(folder.path());
    assert_eq!(rows.len(), 300);
    assert!(rows.iter().enumerate().all(|(i, row)| row.step == i as u64 + 1));
    let mean = |rows: &[MetricRow]| rows.iter().map(|row| row.loss).sum::<f64>() / rows.len() as f64;
    let (first, last) = (mean(&rows[..20]), mean(&rows[270..]));
    // Fresh networks begin with what linear dynamics say; much of the rest is noise.
    assert!(last < 0.8 * first, "{first} to {last}");
    // Every parameter takes part: none sits where it gets no gradient (two zero layers in a row would).
    let latest = checkpoint::load(folder.path(), &Device::flex()).unwrap();
    let parameters = ParameterLayout::of(&latest.network);
    let (_, state) = checkpoint::load_training(&latest.path, &parameters).unwrap();
    for slot in &parameters.slots {
        let second = &state.second[slot.offset..slot.offset + slot.len()];
        assert!(second.iter().any(|v| *v > 0.0), "`{}` never had a gradient", slot.name);
    }
}

/// Loss and gradient are sums over sequences, so cutting a batch changes nothing but rounding (f32, sums of
/// some thousand terms: 1e-5).
#[test]
fn shards_give_the_gradient_of_the_whole_batch() {
    let (device, model, data) = (Device::flex(), model(), dataset(600, 1));
    let layout = model.layout(&spec()).unwrap();
    let network = Network::new(&model.network, &layout, 3, &device).unwrap();
    let parameters = ParameterLayout::of(&network);
    let mut weights = parameters.draw(3);
    let mut rng = random::stream(9, &[]);
    weights.iter_mut().for_each(|w| *w += rng.random_range(-0.2..0.2f32));
    let weights = Tensor::from_data(TensorData::new(weights, [parameters.len()]), &device);
    let maker = maker(&data, &layout, &model).unwrap();
    let (batch, preconditioning) = (maker.batch(7), maker.preconditioning().clone());
    let gradient = |shards: usize, threads: Option<usize>| {
        let mut workers =
            GradientWorkers::new(&network, &model.network, &preconditioning, shards, &device, threads)
                .unwrap();
        let step = workers.gradient(&weights, &batch).unwrap();
        let loss = step.loss.into_scalar::<f32>();
        (loss, step.gradient.try_into_vec_as::<f32>().unwrap())
    };
    let whole = gradient(1, None);
    let norm = whole.1.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    assert!(norm > 1e-3);
    for shards in [1, 2, 3, 5, 16, 40] {
        let cut = gradient(shards, Some(2));
        assert!((cut.0 - whole.0).abs() < 1e-5 * whole.0, "{shards} shards");
        let gap = cut.1.iter().zip(&whole.1).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        assert!(gap < 1e-5 * norm, "{shards} shards: {gap} of {norm}");
        assert_eq!(cut, gradient(shards, Some(1)), "{shards} shards by one thread: same bits");
    }
}

#[test]
fn threads_and_interruptions_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let last = run(&whole, &train(), 2);
    assert_eq!(last, whole.join("checkpoints/step-00000012"));
    let expected = files(&whole);
    assert!(expected.keys().any(|path| path.ends_with("metrics.jsonl")));

    let single = folder.path().join("single");
    run(&single, &train(), 1);
    assert_eq!(files(&single), expected, "one thread");

    // Stopped between two lines of the metrics (3) and at one (8), then finished by another number of threads.
    let stopped = folder.path().join("stopped");
    for (from, stop) in [(0, 3), (3, 8)] {
        let mut trainer = trainer(&stopped, &model(), &train(), 2).unwrap();
        assert_eq!(trainer.step(), from, "taken up where it stopped");
        let outcome = trainer.run(&|| 0.0, &mut |progress| progress.step < stop);
        assert!(matches!(outcome, Err(PlannerError::Interrupted)));
        assert_eq!(
            checkpoint::latest(&stopped.join("checkpoints")).unwrap().unwrap().file_name().unwrap(),
            format!("step-{stop:08}").as_str()
        );
    }
    run(&stopped, &train(), 1);
    assert_eq!(files(&stopped), expected, "stopped twice");

    // Killed: the metrics run past the last checkpoint and end in a torn line, a save was not finished and a removal
    // neither.
    let killed = folder.path().join("killed");
    let mut trainer = trainer(&killed, &model(), &train(), 2).unwrap();
    let outcome = trainer.run(&|| 0.0, &mut |progress| progress.step < 8);
    assert!(matches!(outcome, Err(PlannerError::Interrupted)));
    drop(trainer);
    fs::remove_dir_all(killed.join("checkpoints/step-00000008")).unwrap();
    fs::write(killed.join("metrics.jsonl"), {
        let mut bytes = fs::read(killed.join("metrics.jsonl")).unwrap();
        bytes.extend_from_slice(b"{\"step\":10,\"lo");
        bytes
    })
    .unwrap();
    copy_folder(
        &killed.join("checkpoints/step-00000005"),
        &killed.join("checkpoints/.unfinished-step-00000010"),
    );
    fs::remove_file(killed.join("checkpoints/.unfinished-step-00000010/manifest.json")).unwrap();
    fs::create_dir(killed.join("checkpoints/.removed-step-00000001")).unwrap();
    fs::write(killed.join("checkpoints/.removed-step-00000001/model.safetensors"), b"half").unwrap();
    run(&killed, &train(), 2);
    assert_eq!(files(&killed), expected, "killed after step 8, taken up from step 5");
}

#[test]
fn leftovers_of_an_unfinished_save_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let last = run(folder.path(), &train(), 2);
    let checkpoints = folder.path().join("checkpoints");
    copy_folder(&last, &checkpoints.join(".unfinished-step-00000099"));
    fs::create_dir(checkpoints.join("step-00000098")).unwrap();
    fs::write(checkpoints.join("step-00000097"), b"not a folder").unwrap();
    assert_eq!(checkpoint::latest(&checkpoints).unwrap().unwrap(), last);
    assert_eq!(checkpoint::load(folder.path(), &Device::flex()).unwrap().path, last);
    // And an empty place says what is wanted.
    let empty = tempfile::tempdir().unwrap();
    let message = checkpoint::load(empty.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("manifest.json"), "{message}");
    let message = checkpoint::load(&empty.path().join("absent"), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("absent") && message.contains("does not exist"), "{message}");
}

#[test]
fn a_damaged_latest_checkpoint_is_refused_with_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let last = run(folder.path(), &train(), 2);
    let weights = last.join("training.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[1..]).unwrap();
    let message = trainer(folder.path(), &model(), &train(), 1).err().expect("refused").to_string();
    assert!(message.contains("training.safetensors") && message.contains("step-00000010"), "{message}");
    fs::write(&weights, whole).unwrap();
    fs::write(last.join("model.safetensors"), b"").unwrap();
    let message = checkpoint::load(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("model.safetensors") && message.contains("step-00000010"), "{message}");
    // As it says: without the damaged one the run goes on from there.
    fs::rename(&last, folder.path().join("damaged")).unwrap();
    assert_eq!(trainer(folder.path(), &model(), &train(), 1).unwrap().step(), 10);
}

#[test]
fn a_run_is_not_resumed_with_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &train(), 2);
    let refused = |model: &ModelConfig, train: &TrainConfig, data: &Dataset, spec: &EnvSpec, names: &str| {
        let outcome = Trainer::new(
            folder.path(),
            &TrainingData::new(spec, data),
            model,
            train,
            &Device::flex(),
            Some(1),
        );
        let message = outcome.err().expect("refused").to_string();
        assert!(message.contains(names) && message.contains("step-00000012"), "{message}");
    };
    let data = dataset(600, 1);
    refused(&model(), &TrainConfig { seed: 5, ..train() }, &data, &spec(), "train.seed (4 then, 5 now)");
    refused(&model(), &TrainConfig { shards: 2, ..train() }, &data, &spec(), "train.shards");
    refused(&ModelConfig { levels: 200, ..model() }, &train(), &data, &spec(), "model.levels");
    refused(&model(), &train(), &dataset(600, 2), &spec(), "data");
    refused(&model(), &train(), &data, &EnvSpec { layout_hash: Some("bb".into()), ..spec() }, "environment");
    assert!(trainer(folder.path(), &model(), &train(), 1).is_ok(), "the same settings are accepted");
}

/// What the manifest says in decimals must read back as the same numbers, whatever they are: else a run
/// could refuse to resume its own data. Many data sets, because one may be lucky.
#[test]
fn a_run_always_recognises_its_own_data() {
    let device = Device::flex();
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let data = dataset(200, seed);
        let train = TrainConfig { steps: 1, batch: 2, learning_rate: 1e-3 / (seed + 3) as f64, ..train() };
        let spec = spec();
        let source = TrainingData::new(&spec, &data);
        let make = || Trainer::new(folder.path(), &source, &model(), &train, &device, Some(1));
        make().unwrap().run(&|| 0.0, &mut |_| true).unwrap();
        make().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// Batches of all of the data.
fn maker(data: &Dataset, layout: &TokenLayout, model: &ModelConfig) -> Result<BatchMaker, PlannerError> {
    let normalizer = DatasetNormalizer::fit(NormalizerKind::Standard, data)?;
    let dynamics = LocalDynamics::fit(data, &data.trajectories(true), &normalizer, layout)?;
    BatchMaker::new(data, &normalizer, Some(&dynamics), layout, model, &train())
}

fn estimate(network: Network, manifest: &Manifest) -> Vec<f64> {
    let layout = manifest.layout.clone();
    let preconditioning = manifest.model.preconditioning(&layout, manifest.dynamics.as_ref()).unwrap();
    let size = layout.tokens(layout.chunks) * layout.width();
    let mut x = vec![0.0; size];
    random::fill_normal(&mut random::stream(1, &[]), &mut x);
    let mut denoiser =
        NetworkDenoiser::new(network, preconditioning, &manifest.model.network, &Device::flex(), true)
            .unwrap();
    let level_btp: Vec<u16> =
        [1, 10, 50, 80, 100].iter().flat_map(|&k| std::iter::repeat_n(k, layout.parts())).collect();
    let batch =
        NoisyBatch { batch: 1, tokens: 5, x_btd: &x, level_btp: &level_btp, chunks_b: &[3], goal_b: &[true] };
    let mut x0 = vec![0.0; size];
    denoiser.denoise(&batch, &mut x0).unwrap();
    x0
}

#[test]
fn a_checkpoint_reads_back_as_the_same_network_and_state() {
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let last = run(folder.path(), &train(), 2);
    let loaded = checkpoint::load(&last, &device).unwrap();
    let parameters = ParameterLayout::of(&loaded.network);
    let (manifest, state) = checkpoint::load_training(&last, &parameters).unwrap();
    assert_eq!((manifest.step, state.step), (12, 12));
    let network = Network::new(&manifest.model.network, &manifest.layout, 99, &device).unwrap();
    let network = parameters.load(network, &state.average, &device).unwrap();
    let wanted = estimate(network.clone(), &manifest);
    assert!(wanted.iter().any(|v| v.abs() > 1e-3), "a trained network answers something");
    assert_eq!(estimate(loaded.network, &loaded.manifest), wanted);
    // Saved again, for training and for planning alone, it is the same again.
    let again = checkpoint::save(&folder.path().join("again"), &manifest, &parameters, &state).unwrap();
    assert_eq!(files(&again), files(&last));
    let exported = folder.path().join("exported");
    let export = |to: &Path, precision| {
        checkpoint::save_model(to, &manifest, &parameters, &state.average, precision, &device)
    };
    export(&exported, Precision::Single).unwrap();
    let whole = checkpoint::load(&exported, &device).unwrap();
    assert_eq!(whole.hash, loaded.hash);
    assert_eq!(estimate(whole.network, &manifest), wanted);
    assert!(export(&exported, Precision::Single).is_err(), "never overwritten");
    // At half precision every weight is the nearest of 16 bits, and the file half as long.
    let small = folder.path().join("small");
    export(&small, Precision::Half).unwrap();
    let half = checkpoint::load(&small, &device).unwrap();
    for (half, whole) in half.weights.iter().zip(&whole.weights) {
        assert!((half - whole).abs() <= whole.abs() / 2048.0 + 3.1e-8, "{whole} became {half}");
    }
    let bytes = |folder: &Path| fs::metadata(folder.join("model.safetensors")).unwrap().len() as f64;
    assert!(bytes(&small) < 0.6 * bytes(&exported));
    // Either answers its own test vector, and another's weights do not.
    for folder in [&exported, &small] {
        assert!(checkpoint::verify(folder, &device, Some(1)).unwrap().unwrap() < 1e-4);
    }
    assert_eq!(checkpoint::verify(&last, &device, Some(1)).unwrap(), None, "a training run carries none");
    let message = checkpoint::load_training(&exported, &parameters).unwrap_err().to_string();
    assert!(message.contains("training.safetensors"), "{message}");
}

/// Both ways of reading a checkpoint, as one value to compare.
fn read_whole(
    folder: &Path,
    parameters: &ParameterLayout,
) -> Result<(Manifest, Vec<f64>, TrainState), PlannerError> {
    let Checkpoint { network, manifest, .. } = checkpoint::load(folder, &Device::flex())?;
    let (_, state) = checkpoint::load_training(folder, parameters)?;
    let x0 = estimate(network, &manifest);
    Ok((manifest, x0, state))
}

#[test]
fn damaged_files_are_refused_naming_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let good = run(folder.path(), &train(), 2);
    let parameters = ParameterLayout::of(&checkpoint::load(&good, &Device::flex()).unwrap().network);
    let sound = read_whole(&good, &parameters).unwrap();
    let bad = folder.path().join("bad");
    copy_folder(&good, &bad);
    let mut rng = random::stream(31, &[]);
    let (mut refused, mut insignificant) = (0, 0);
    let names = ["manifest.json", "model.safetensors", "training.safetensors"];
    let mut attempt = |name: &str, what: String, original: &[u8], damaged: Vec<u8>| {
        fs::write(bad.join(name), &damaged).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| read_whole(&bad, &parameters)));
        match outcome.unwrap_or_else(|_| panic!("{name}, {what}: panicked")) {
            Err(error) => {
                let message = error.to_string();
                // A manifest that lies about a file is found out at either of the two.
                assert!(message.contains(name), "{name}, {what}: {message}");
                refused += 1;
            }
            Ok(found) => {
                assert!(
                    name == "manifest.json" && found == sound,
                    "{name}, {what}: loaded as something else"
                );
                insignificant += 1;
            }
        }
        fs::write(bad.join(name), original).unwrap();
    };
    for name in names {
        let original = fs::read(good.join(name)).unwrap();
        for _ in 0..100 {
            let (at, flip) = (rng.random_range(0..original.len()), rng.random_range(1..=255u8));
            let mut damaged = original.clone();
            damaged[at] ^= flip;
            attempt(name, format!("byte {at} xor {flip}"), &original, damaged);
        }
        for i in 0..20 {
            let keep = if i == 0 { original.len() - 1 } else { rng.random_range(0..original.len()) };
            attempt(name, format!("cut to {keep}"), &original, original[..keep].to_vec());
        }
    }
    println!("{refused} refused, {insignificant} loaded to equal content");
    assert_eq!(refused + insignificant, 360);
    assert_eq!(insignificant, 0, "the manifest's own checksum covers every byte");
    assert_eq!(read_whole(&bad, &parameters).unwrap(), sound, "repaired, it loads again");
    for name in names {
        fs::remove_file(bad.join(name)).unwrap();
        let message = read_whole(&bad, &parameters).unwrap_err().to_string();
        assert!(message.contains(name) || message.contains("bad"), "{name} absent: {message}");
        fs::copy(good.join(name), bad.join(name)).unwrap();
    }
}

/// Damage that carries right checksums is still found out: every number and shape is looked at.
#[test]
fn weights_that_are_not_finite_are_refused_naming_the_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let last = run(folder.path(), &train(), 2);
    let loaded = checkpoint::load(&last, &Device::flex()).unwrap();
    let parameters = ParameterLayout::of(&loaded.network);
    let (manifest, state) = checkpoint::load_training(&last, &parameters).unwrap();
    for value in [f32::NAN, f32::INFINITY] {
        let slot =
            parameters.slots.iter().find(|slot| slot.name.ends_with("blocks.0.expand.weight")).unwrap();
        let mut broken = state.clone();
        broken.average[slot.offset + 3] = value;
        let message =
            checkpoint::save(folder.path(), &manifest, &parameters, &broken).unwrap_err().to_string();
        assert!(message.contains("blocks.0.expand.weight"), "{message}");
        let mut broken = state.clone();
        broken.second[slot.offset + 3] = value;
        let message =
            checkpoint::save(folder.path(), &manifest, &parameters, &broken).unwrap_err().to_string();
        assert!(message.contains("second.blocks.0.expand.weight"), "{message}");
    }
    assert!(fs::read_dir(folder.path()).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        !name.to_string_lossy().starts_with("step-") && !name.to_string_lossy().starts_with(".unfinished")
    }));

    // On the way in: NaN written by somebody else, with the right hash in a rewritten manifest.
    let bad = folder.path().join("bad");
    copy_folder(&last, &bad);
    let mut bytes = fs::read(bad.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let description: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let at = description["blocks.0.expand.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[8 + header + at + 8..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(bad.join("model.safetensors"), &bytes).unwrap();
    forge(&bad, "model.safetensors", &loaded.hash, &bytes);
    let message = checkpoint::load(&bad, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("blocks.0.expand.weight") && message.contains("entry 2"), "{message}");

    // A network of another size than the weights.
    let bad = folder.path().join("other");
    copy_folder(&last, &bad);
    let text = fs::read_to_string(bad.join("manifest.json")).unwrap();
    fs::write(bad.join("manifest.json"), text.replace("\"width\": 8", "\"width\": 16")).unwrap();
    forge(&bad, "model.safetensors", &loaded.hash, &fs::read(bad.join("model.safetensors")).unwrap());
    let message = checkpoint::load(&bad, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("model.safetensors") && message.contains("width 16"), "{message}");
}

/// Makes a manifest agree with a changed file: its hash, and the manifest's own.
fn forge(folder: &Path, _name: &str, old: &str, bytes: &[u8]) {
    use sha2::{Digest, Sha256};
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap().replace(old, &hex(bytes));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let own = value["sha256"].as_str().unwrap();
    let blank = text.replace(own, &"0".repeat(64));
    fs::write(&path, blank.replace(&"0".repeat(64), &hex(blank.as_bytes()))).unwrap();
}

#[test]
fn a_checkpoint_fits_its_own_environment_alone() {
    let folder = tempfile::tempdir().unwrap();
    let last = run(folder.path(), &train(), 2);
    let manifest = checkpoint::load(&last, &Device::flex()).unwrap().manifest;
    manifest.fits(&last, &spec()).unwrap();
    // Another reward for the same physics is another task in the same place.
    manifest.fits(&last, &EnvSpec { id: "drift-dense".into(), ..spec() }).unwrap();
    let foreign = [
        EnvSpec { id: "elsewhere".into(), layout_hash: Some("bb".into()), ..spec() },
        EnvSpec { id: "elsewhere".into(), layout_hash: None, ..spec() },
        EnvSpec { id: "elsewhere".into(), observation: BoxSpace::symmetric(3, 1.0), ..spec() },
        EnvSpec { id: "elsewhere".into(), action: BoxSpace::symmetric(2, 1.0), ..spec() },
        EnvSpec { id: "elsewhere".into(), condition: vec![1], ..spec() },
    ];
    for other in foreign {
        let message = manifest.fits(&last, &other).unwrap_err().to_string();
        assert!(message.contains("drift") && message.contains("elsewhere"), "{message}");
        assert!(message.contains("step-00000012"), "{message}");
    }
}

/// No batch depends on any other.
#[test]
fn a_batch_is_its_step_number() {
    let (model, data) = (model(), dataset(600, 1));
    let layout = model.layout(&spec()).unwrap();
    let maker = |data: &Dataset| maker(data, &layout, &model);
    let short_of = |data: &Dataset| maker(data).is_err();
    let maker = maker(&data).unwrap();
    let (fifth, sixth) = (maker.batch(5), maker.batch(6));
    assert_eq!(maker.batch(5).input_bti, fifth.input_bti);
    assert_ne!(fifth.input_bti, sixth.input_bti);
    // What nobody sees has no level.
    assert!(fifth.level_btl.iter().all(|level| (0..=100).contains(level)));
    let mut short = dataset(30, 1);
    short.terminals = (0..30).map(|row| row % 2 == 1).collect();
    assert!(short_of(&short), "no two frames are left in a row");
    // Weights are a mean over what exists: a network that answers zero has a loss of order one.
    for (weight, clean) in fifth.weight_btd.iter().zip(&fifth.clean_btd) {
        assert!(*weight >= 0.0 && weight.is_finite() && clean.is_finite());
    }
}

/// The authors' network, which imported checkpoints have, is trained like the others.
#[test]
fn the_authors_network_learns() {
    let folder = tempfile::tempdir().unwrap();
    let network = NetworkConfig { kind: NetworkKind::Reference, fourier_features: 0, ..model().network };
    let model = ModelConfig {
        network,
        level_blocks: 0,
        target: forethought_planner::noise::Target::X0,
        schedule: forethought_planner::noise::ScheduleKind::Ddpm,
        ..model()
    };
    let train = TrainConfig { steps: 200, log_every: 20, ..train() };
    trainer(folder.path(), &model, &train, 2).unwrap().run(&|| 0.0, &mut |_| true).unwrap();
    let metrics = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let loss =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap();
    let losses: Vec<f64> = metrics.lines().map(loss).collect();
    // A network that learns nothing stays where it begins, up to the noise of batches.
    assert!(losses[losses.len() - 1] < 0.7 * losses[0], "{losses:?}");
}
