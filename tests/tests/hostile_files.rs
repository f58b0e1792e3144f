//! Files that somebody changed: whatever they hold, they are read or refused with a message that names the file, and
//! memory stays within what a sound file of that size may take. Nothing panics.
//!
//! Each of the seeded tests runs a few seconds; `FORETHOUGHT_FUZZ_SECONDS=3600 cargo test --release --workspace --test
//! hostile_files -- --test-threads 1 --nocapture` runs the same ones for an hour each, from seeds that go on. With
//! `FORETHOUGHT_FUZZ_FIRST=503603` seeds begin there instead of at 0: to repeat the seed that a failure names, or to try
//! others than before.
//! Memory is counted by a global allocator, which is why these tests have a binary of their own, and take turns.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use forethought_envs::data::{
    DataDescription, DataReport, Dataset, DatasetMetadata, DatasetNormalizer, ReadOptions, WriteOptions,
    read_data, read_hdf5, write_hdf5, write_npz,
};
use forethought_envs::maze::{GenerateOptions, generate};
use forethought_envs::{BoxSpace, EnvSpec, TaskConfig, make};
use forethought_planner::checkpoint::{self, DataRecord, FORMAT, Manifest, Precision, SlotLimits};
use forethought_planner::network::{Network, NetworkConfig, ParameterLayout};
use forethought_planner::original::{self, Unsaid};
use forethought_planner::{LocalDynamics, ModelConfig, PlanConfig, TrainConfig};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Bytes in use, and the most there were since the last look.
static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting bytes.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time, so that what is counted is its own.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Most memory that reading a file of a few kilobytes may take, whatever it says of itself.
const CAP: usize = 64 << 20;

/// Does it, and holds memory against the cap and panics against the rule.
fn guarded<T>(cap: usize, what: &dyn Fn() -> String, work: impl FnOnce() -> T) -> T {
    let before = USED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let taken = MOST.load(Ordering::Relaxed).saturating_sub(before);
    assert!(taken <= cap, "{taken} bytes were taken, at most {cap} may be: {}", what());
    outcome.unwrap_or_else(|_| panic!("panicked: {}", what()))
}

/// A message shows nothing that a terminal would obey, and names the file.
fn fit_to_print(message: &str, file: &str) {
    assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
    assert!(message.contains(file), "{message}");
}

/// Calls `attempt` with the seeds of its turn: for a few seconds, or for as long as was asked for. Gives how many.
fn seeds(name: &str, mut attempt: impl FnMut(&mut ChaCha8Rng, u64)) -> u64 {
    let asked = std::env::var("FORETHOUGHT_FUZZ_SECONDS").ok().and_then(|text| text.parse::<f64>().ok());
    let first = std::env::var("FORETHOUGHT_FUZZ_FIRST").map_or(0, |text| text.parse::<u64>().unwrap());
    let (lasts, began) = (Duration::from_secs_f64(asked.unwrap_or(3.0)), Instant::now());
    let mut tried = 0;
    // At least some, on any machine.
    while tried < 50 || began.elapsed() < lasts {
        let seed = first + tried;
        attempt(&mut ChaCha8Rng::seed_from_u64(seed), seed);
        tried += 1;
    }
    println!("{name}: {tried} files, seeds {first} to {}", first + tried - 1);
    tried
}

/// What became of mutated files.
#[derive(Default)]
struct Tally {
    refused: u64,
    taken: u64,
}

impl Tally {
    /// One more; a refusal shows nothing that a terminal would obey.
    fn count<E: std::fmt::Display>(&mut self, seed: u64, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => self.taken += 1,
            Err(error) => {
                let message = error.to_string();
                assert!(message.chars().all(|c| !c.is_control()), "seed {seed}: {message:?}");
                self.refused += 1;
            }
        }
    }

    /// Says it: of files that are all refused, or all taken, nothing is learnt.
    fn close(self, name: &str) {
        let Self { refused, taken } = self;
        println!("{name}: {refused} refused, {taken} taken");
        assert!(refused > 0 && taken > 0, "{refused} refused, {taken} taken");
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a manifest with the seal that belongs to it: what is changed then is what it says.
fn write_sealed(folder: &Path, manifest: &Value) {
    let mut blank = manifest.clone();
    if blank.get("sha256").is_some() {
        blank["sha256"] = json!("0".repeat(64));
    }
    let text = serde_json::to_string_pretty(&blank).unwrap();
    let seal = hex(text.as_bytes());
    let sealed = match text.rfind(&"0".repeat(64)) {
        Some(at) => [&text[..at], &seal, &text[at + 64..]].concat(),
        None => text,
    };
    fs::write(folder.join("manifest.json"), sealed).unwrap();
}

/// A tiny sound checkpoint with everything that one may carry.
fn checkpoint_in(folder: &Path) -> PathBuf {
    let spec: EnvSpec = make("maze2d-umaze-v1").unwrap().spec().clone();
    let options = GenerateOptions { rows: 400, ..GenerateOptions::default() };
    let data: Dataset = generate(&spec.id, &options, &mut |_, _| {}).unwrap();
    let network =
        NetworkConfig { width: 8, layers: 1, heads: 2, fourier_features: 1, ..NetworkConfig::default() };
    let model =
        ModelConfig { frames_per_token: 2, chunks: 3, levels: 100, network, ..ModelConfig::default() };
    let layout = model.layout(&spec).unwrap();
    let normalizer = DatasetNormalizer::fit(Default::default(), &data).unwrap();
    let device = Device::flex();
    let parameters = ParameterLayout::of(&Network::new(&model.network, &layout, 1, &device).unwrap());
    let manifest = Manifest {
        returns: None,
        format: FORMAT,
        code_version: "0".into(),
        action_mode: "actions".into(),
        limits: SlotLimits::of(&data, &normalizer, &layout).unwrap(),
        dynamics: Some(LocalDynamics::fit(&data, &data.trajectories(true), &normalizer, &layout).unwrap()),
        inverse: Some(forethought_envs::data::InverseModel::fit(&data).unwrap()),
        support: Some(
            forethought_envs::data::Support::fit(&data, &layout.condition, layout.frames_per_token).unwrap(),
        ),
        task: forethought_envs::TaskConfig::goal(&layout.condition, 0.5),
        layout,
        model,
        train: TrainConfig::default(),
        normalizer,
        plan: PlanConfig::default(),
        control: json!({ "controller": "diffused-action" }),
        data: DataRecord { rows: 400, seed: None, generator: None, validation: 0.0 },
        distilled: None,
        step: 1,
        files: Default::default(),
        sha256: String::new(),
        environment: spec,
    };
    let path = folder.join("sound");
    let weights = parameters.draw(1);
    checkpoint::save_model(&path, &manifest, &parameters, &weights, Precision::Single, &device).unwrap();
    path
}

fn manifest_of(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Loads a checkpoint and plans with it once.
fn use_checkpoint(folder: &Path) -> Result<(), String> {
    checkpoint::load(folder, &Device::flex()).map_err(|error| error.to_string())?;
    checkpoint::verify(folder, &Device::flex(), Some(1)).map_err(|error| error.to_string())?;
    let mut agent =
        forethought_agent::Agent::builder(folder).threads(1).build().map_err(|error| error.to_string())?;
    let spec = make("maze2d-umaze-v1").unwrap().spec().clone();
    agent.reset(1, forethought_envs::TaskConfig::goal(&spec.condition, 0.5).task(Some(&[1.0, 1.0])).unwrap());
    // A network that was never trained may leave every bound; what counts is that it says so.
    let _ = agent.act(&[1.0, 1.0, 0.0, 0.0]);
    Ok(())
}

/// Values that are valid JSON and mean nothing good.
const ABSURD: [&str; 14] = [
    "0",
    "-1",
    "1",
    "65536",
    "1000000000",
    "1000000000000",
    "4611686018427387904",
    "18446744073709551615",
    "1e308",
    "1e-320",
    "null",
    "[]",
    "\"\\u001b[31mred\\n\\u202e\"",
    "{}",
];

#[test]
fn manifests_that_are_sound_json_and_absurd_are_refused_by_their_field() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint_in(folder.path());
    let sound = manifest_of(&path);
    write_sealed(&path, &sound);
    guarded(CAP, &|| "the sound one".into(), || use_checkpoint(&path)).unwrap();
    let cases: [(&[(&str, Value)], &str); 33] = [
        (
            &[("/layout/chunks", json!(1_000_000_000)), ("/model/chunks", json!(1_000_000_000))],
            "layout.chunks",
        ),
        (&[("/layout/chunks", json!(1_u64 << 62)), ("/model/chunks", json!(1_u64 << 62))], "layout.chunks"),
        (&[("/layout/chunks", json!(4096)), ("/model/chunks", json!(4096))], "model.safetensors"),
        (&[("/layout/chunks", json!(4))], "`layout`"),
        (&[("/model/network/width", json!(4096))], "model.safetensors"),
        (&[("/model/network/width", json!(1_u64 << 63))], "model.network.width"),
        (&[("/model/network/layers", json!(1_000_000_000))], "model.network.layers"),
        (&[("/model/network/layers", json!(64))], "model.safetensors"),
        (&[("/model/network/heads", json!(0))], "model.network.heads"),
        (&[("/model/network/fourier_features", json!(u64::MAX))], "fourier_features"),
        (&[("/model/levels", json!(1_000_000_000_000_u64))], "model.levels"),
        (&[("/model/position_scale", json!(0.0))], "position_scale"),
        (&[("/layout/condition", json!([0, 0])), ("/environment/condition", json!([0, 0]))], "support"),
        (
            &[
                ("/layout/condition", json!([0, 0])),
                ("/environment/condition", json!([0, 0])),
                ("/support", Value::Null),
            ],
            "condition",
        ),
        (&[("/layout/condition", json!([0, 4])), ("/environment/condition", json!([0, 4]))], "support"),
        (&[("/limits/low/3", json!(1e9))], "limits"),
        (&[("/limits/low/3", Value::Null)], "manifest.json"),
        (&[("/normalizer/observation/scale/0", json!(1e-320))], "scale[0]"),
        (&[("/support/shape/0", json!(1_u64 << 62))], "support"),
        (&[("/inverse/weights", json!([]))], "inverse"),
        (&[("/layout/level_blocks", json!(1))], "`layout`"),
        (&[("/layout/level_blocks", json!(1)), ("/model/level_blocks", json!(1))], "dynamics"),
        (&[("/layout/level_blocks", json!(3)), ("/model/level_blocks", json!(3))], "`layout`"),
        (&[("/layout/level_blocks", json!(u64::MAX)), ("/model/level_blocks", json!(u64::MAX))], "`layout`"),
        (&[("/dynamics", Value::Null)], "dynamics"),
        (&[("/dynamics/transition", json!([]))], "dynamics"),
        (&[("/dynamics/variance/0", json!(0.0))], "dynamics"),
        (&[("/dynamics/effect/0", json!(1e300))], "dynamics"),
        (&[("/environment/features/0/width", json!(u64::MAX))], "features"),
        (&[("/environment/observation/low/0", json!(1e9))], "malformed space"),
        (&[("/plan/rank/candidates", json!(1_u64 << 62))], "plan.rank.candidates"),
        (&[("/task/entries", json!([7, 1]))], "task.entries"),
        (&[("/task/radius", json!(-1.0))], "task.radius"),
    ];
    for (changes, names) in cases {
        let mut changed = sound.clone();
        for (at, value) in changes {
            *changed.pointer_mut(at).unwrap() = value.clone();
        }
        write_sealed(&path, &changed);
        let message = guarded(CAP, &|| format!("{changes:?}"), || use_checkpoint(&path)).unwrap_err();
        fit_to_print(&message, "sound");
        assert!(message.contains(names), "{changes:?}: {message}");
    }
    // Without its seal, and as another format: neither may switch the seal off.
    for (format, names) in [(3, "SHA-256 of its own"), (2, "says format 2"), (1, "says format 1")] {
        let mut changed = sound.clone();
        (changed["format"], changed["sha256"]) = (json!(format), json!(""));
        fs::write(path.join("manifest.json"), serde_json::to_string(&changed).unwrap()).unwrap();
        let message = use_checkpoint(&path).unwrap_err();
        assert!(message.contains(names), "{message}");
    }
    let mut changed = sound.clone();
    changed.as_object_mut().unwrap().remove("sha256");
    fs::write(path.join("manifest.json"), serde_json::to_string(&changed).unwrap()).unwrap();
    assert!(use_checkpoint(&path).unwrap_err().contains("SHA-256 of its own"));
}

/// A file of holes, as long as its manifest says, is refused by its length and not read.
#[test]
fn a_long_file_is_not_read_before_its_length_was_looked_at() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint_in(folder.path());
    let sound = manifest_of(&path);
    for (file, names) in
        [("model.safetensors", "model.safetensors"), ("test_vector.json", "test_vector.json")]
    {
        let original = fs::read(path.join(file)).unwrap();
        let long: u64 = 8 << 30;
        fs::File::options().write(true).open(path.join(file)).unwrap().set_len(long).unwrap();
        let mut changed = sound.clone();
        changed["files"][file]["bytes"] = json!(long);
        write_sealed(&path, &changed);
        let message = guarded(CAP, &|| file.into(), || use_checkpoint(&path)).unwrap_err();
        assert!(message.contains(names), "{message}");
        fs::write(path.join(file), original).unwrap();
    }
    fs::File::options().write(true).open(path.join("manifest.json")).unwrap().set_len(8 << 30).unwrap();
    let message = guarded(CAP, &|| "manifest".into(), || use_checkpoint(&path)).unwrap_err();
    assert!(message.contains("manifest.json"), "{message}");
}

/// Puts an absurd value somewhere into a JSON value, or takes something out.
fn mutate_json(value: &mut Value, rng: &mut ChaCha8Rng) {
    let mut paths = Vec::new();
    collect(value, String::new(), &mut paths);
    let at = paths[rng.random_range(0..paths.len())].clone();
    let (parent, key) = at.rsplit_once('/').unwrap_or_default();
    let choice: u32 = rng.random_range(0..10);
    if choice == 0
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.remove(key);
        return;
    }
    if choice == 1
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.insert("\u{1b}]0;title\u{7}\u{202e}".into(), json!(1));
        return;
    }
    let Some(slot) = value.pointer_mut(&at) else { return };
    match (slot, choice) {
        (Value::Array(list), 2) => list.clear(),
        (Value::Array(list), 3) if !list.is_empty() => list.extend_from_within(..),
        (Value::Number(number), 4..=6) => {
            let near = number.as_f64().unwrap_or(0.0) * [0.5, 2.0, -1.0, 1e6][rng.random_range(0..4)];
            *number = match number.is_u64() && near >= 0.0 {
                true => (near as u64).into(),
                false => serde_json::Number::from_f64(near).unwrap_or(0.into()),
            };
        }
        (slot, _) => *slot = serde_json::from_str(ABSURD[rng.random_range(0..ABSURD.len())]).unwrap(),
    }
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(value, format!("{at}/{key}"), into);
            }
        }
        // Of long lists the first entries stand for all.
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate().take(3) {
                collect(value, format!("{at}/{i}"), into);
            }
        }
        _ => {}
    }
    if !at.is_empty() {
        into.push(at);
    }
}

/// Flips, cuts, repeats and overwrites bytes.
fn mutate_bytes(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] = rng.random(),
            2 => bytes[at] ^= 1 << rng.random_range(0..8),
            3 => {
                let value: u64 = [0, 1, 0xff, 1 << 31, 1 << 40, 1 << 62, u64::MAX][rng.random_range(0..7)];
                let len = [1, 2, 4, 8][rng.random_range(0..4)].min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            }
            4 => {
                let len = rng.random_range(1..64).min(bytes.len() - at);
                let to = rng.random_range(0..=bytes.len() - len);
                bytes.copy_within(at..at + len, to);
            }
            5 => {
                let len = rng.random_range(1..64).min(bytes.len() - at);
                bytes.drain(at..at + len);
            }
            6 => {
                let len = rng.random_range(1..64).min(bytes.len() - at);
                let part = bytes[at..at + len].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let len = rng.random_range(1..16).min(bytes.len() - at);
                rng.fill_bytes(&mut bytes[at..at + len]);
            }
        }
    }
}

#[test]
fn mutated_manifests_are_refused_or_used() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint_in(folder.path());
    let sound = manifest_of(&path);
    let text = fs::read(path.join("manifest.json")).unwrap();
    let mut tally = Tally::default();
    let tried = seeds("manifests", |rng, seed| {
        if seed % 8 == 0 {
            let mut bytes = text.clone();
            mutate_bytes(&mut bytes, rng);
            fs::write(path.join("manifest.json"), bytes).unwrap();
        } else {
            let mut changed = sound.clone();
            (0..rng.random_range(1..4)).for_each(|_| mutate_json(&mut changed, rng));
            write_sealed(&path, &changed);
        }
        tally.count(seed, guarded(CAP, &|| format!("manifest, seed {seed}"), || use_checkpoint(&path)));
    });
    assert_eq!(tally.refused + tally.taken, tried);
    tally.close("manifests");
}

#[test]
fn mutated_weights_are_refused_or_used() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint_in(folder.path());
    let sound = manifest_of(&path);
    let files = ["model.safetensors", "test_vector.json"];
    let originals = files.map(|file| fs::read(path.join(file)).unwrap());
    seeds("weights and test vectors", |rng, seed| {
        let i = rng.random_range(0..2);
        let mut bytes = originals[i].clone();
        if rng.random_bool(0.5) {
            // Its header alone: what the rest means.
            let mut head = bytes.split_off(bytes.len().min(2000));
            std::mem::swap(&mut head, &mut bytes);
            mutate_bytes(&mut head, rng);
            bytes = [head, bytes].concat();
        } else {
            mutate_bytes(&mut bytes, rng);
        }
        let mut changed = sound.clone();
        changed["files"][files[i]] = json!({ "bytes": bytes.len(), "sha256": hex(&bytes) });
        fs::write(path.join(files[i]), bytes).unwrap();
        write_sealed(&path, &changed);
        if let Err(message) = guarded(CAP, &|| format!("{}, seed {seed}", files[i]), || use_checkpoint(&path))
        {
            fit_to_print(&message, "sound");
        }
        fs::write(path.join(files[i]), &originals[i]).unwrap();
    });
}

#[test]
fn mutated_data_files_are_refused_or_read() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.hdf5");
    let options = GenerateOptions { rows: 300, ..GenerateOptions::default() };
    let mut data = generate("maze2d-umaze-v1", &options, &mut |_, _| {}).unwrap();
    data.metadata.description.step_seconds = Some(0.01);
    write_hdf5(&data, &path, WriteOptions::default()).unwrap();
    // This crate's own form guards most of its bytes by checksums. The form of old, as h5py writes it unless told
    // otherwise, has none, so that what is changed is believed.
    let originals = [fs::read(&path).unwrap(), H5PY.to_vec(), H5PY.to_vec(), H5PY.to_vec()];
    for original in &originals {
        fs::write(&path, original).unwrap();
        read_hdf5(&path, &ReadOptions::default()).unwrap();
    }
    let mut tally = Tally::default();
    seeds("data files", |rng, seed| {
        let mut bytes = originals[rng.random_range(0..originals.len())].clone();
        // Structure stands at both ends; what lies between are numbers.
        if rng.random_bool(0.6) {
            let len = bytes.len();
            let end = if rng.random_bool(0.5) { 4096.min(len) } else { len };
            let from = end.saturating_sub(4096);
            let mut part = bytes[from..end].to_vec();
            mutate_bytes(&mut part, rng);
            bytes.splice(from..end, part);
        } else {
            mutate_bytes(&mut bytes, rng);
        }
        fs::write(&path, bytes).unwrap();
        let outcome = guarded(CAP, &|| format!("data file, seed {seed}"), || {
            let mut found = read_hdf5(&path, &ReadOptions::default())?;
            found.repair_stale_observations()?;
            let _ = DataReport::of(&found).lines();
            let _ = found.metadata.description.spec("data", &found);
            Ok::<_, forethought_envs::EnvError>(())
        });
        tally.count(seed, outcome);
    });
    tally.close("data files");
}

/// Names and contents of the files in a zip file.
fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut content = |name: String| {
        let mut content = Vec::new();
        zip.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
        (name, content)
    };
    names.into_iter().map(&mut content).collect()
}

/// A zip file with checksums that belong to its contents: what is changed then is what is read.
fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    zipped_as(files, SimpleFileOptions::default())
}

fn zipped_as(files: &[(String, Vec<u8>)], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What the text before numpy's numbers may hold where something else stands.
const NPY_WORDS: [&str; 14] = [
    "(4294967296, 4294967296)",
    "(18446744073709551615,)",
    "(-1, 2)",
    "(2.5,)",
    "((((((((((((((((",
    "[[[[[[[[[[[[[[[[",
    "{{{{{{{{{{{{{{{{",
    "{'a': {'a': {'a': {",
    "-+-+-+-+-+-+-+1",
    "1+1+1+1+1j",
    "'<f2'",
    "'|O'",
    "'|S9223372036854775807'",
    "'\\x1b[2J'",
];

#[test]
fn mutated_npz_files_are_refused_or_read() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    let options = GenerateOptions { rows: 300, ..GenerateOptions::default() };
    let data = generate("maze2d-umaze-v1", &options, &mut |_, _| {}).unwrap();
    write_npz(&data, &path, WriteOptions::default()).unwrap();
    let originals = [fs::read(&path).unwrap(), NUMPY.to_vec()];
    let arrays = originals.each_ref().map(|original| unzipped(original));
    for (original, arrays) in originals.iter().zip(&arrays) {
        for bytes in [original, &zipped(arrays)] {
            fs::write(&path, bytes).unwrap();
            read_data(&path, &ReadOptions::default()).unwrap();
        }
    }
    let mut tally = Tally::default();
    seeds("npz files", |rng, seed| {
        let which = rng.random_range(0..originals.len());
        // Every byte of a zip file is guarded by a checksum, so that most changes end there. In the other half of the files
        // the arrays in it are changed.
        let bytes = if rng.random_bool(0.5) {
            let mut bytes = originals[which].clone();
            mutate_bytes(&mut bytes, rng);
            bytes
        } else {
            let mut files = arrays[which].clone();
            let at = rng.random_range(0..files.len());
            let content = &mut files[at].1;
            let mut text = content[..128].to_vec();
            if rng.random_bool(0.5) {
                let word = NPY_WORDS[rng.random_range(0..NPY_WORDS.len())];
                let at = rng.random_range(10..text.len());
                let end = if rng.random_bool(0.5) { at } else { (at + word.len()).min(text.len()) };
                text.splice(at..end, word.bytes());
                // Its length, so that all of it is read.
                let len = u16::try_from(text.len() - 10).unwrap();
                text[8..10].copy_from_slice(&len.to_le_bytes());
            } else {
                mutate_bytes(&mut text, rng);
            }
            content.splice(..128, text);
            if rng.random_bool(0.1) {
                mutate_bytes(content, rng);
            }
            zipped(&files)
        };
        fs::write(&path, bytes).unwrap();
        let began = Instant::now();
        let outcome = guarded(CAP, &|| format!("npz file, seed {seed}"), || {
            let mut found = read_data(&path, &ReadOptions::default())?;
            found.repair_stale_observations()?;
            let _ = DataReport::of(&found).lines();
            Ok::<_, forethought_envs::EnvError>(())
        });
        // Most take a millisecond: a parser that tries everything twice, bracket within bracket, takes hours.
        assert!(began.elapsed() < Duration::from_secs(20), "npz file, seed {seed}: {:?}", began.elapsed());
        tally.count(seed, outcome);
    });
    tally.close("npz files");
}

/// A checkpoint that PyTorch saved: names, shapes and numbers of another program, and a pickle.
const ORIGINAL: &[u8] = include_bytes!("../../planner/tests/fixtures/original/tiny.ckpt");

#[test]
fn mutated_originals_are_refused_or_read() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.ckpt");
    let space = |n| BoxSpace::new(vec![-1.0; n], vec![1.0; n]).unwrap();
    let spec = EnvSpec { max_episode_steps: Some(6), ..EnvSpec::of_spaces("somewhere", space(4), space(2)) };
    let unsaid = Unsaid { heads: 2, ..Unsaid::default() };
    let read = || {
        original::read(&path, &spec, unsaid, (TaskConfig::default(), Value::Null), &Device::flex()).map(drop)
    };
    fs::write(&path, ORIGINAL).unwrap();
    read().unwrap();
    let files = unzipped(ORIGINAL);
    let pickle = files.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut tally = Tally::default();
    seeds("checkpoints of the authors", |rng, seed| {
        let bytes = if rng.random_bool(0.2) {
            let mut bytes = ORIGINAL.to_vec();
            mutate_bytes(&mut bytes, rng);
            bytes
        } else {
            let mut files = files.clone();
            let at = if rng.random_bool(0.8) { pickle } else { rng.random_range(0..files.len()) };
            mutate_bytes(&mut files[at].1, rng);
            zipped_as(&files, stored)
        };
        fs::write(&path, bytes).unwrap();
        tally.count(seed, guarded(CAP, &|| format!("checkpoint of the authors, seed {seed}"), read));
    });
    tally.close("checkpoints of the authors");
}

/// Bytes to be put somewhere into a file.
type Change<'a> = (usize, &'a [u8]);

/// Sizes that a file of 19 kilobytes declares, in the bytes that say so: nothing is asked for before they were held
/// against what the file can hold.
#[test]
fn storage_larger_than_the_file_is_refused_by_its_array() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.hdf5");
    let rows = 2_600_000_u64.to_le_bytes();
    let cases: [(&str, &[Change<'_>], &str); 4] = [
        // Rows enough that they are read in parts, with chunks fetched several at a time; and one of the chunks, by its
        // entry in the index, of 3 GiB.
        ("observations", &[(834, &[8]), (1507, &[201])], "takes 3372220672 bytes"),
        // Chunks of one number, placed by arithmetic (layout 4, index 2): none has an entry that could be missing.
        (
            "observations",
            &[(834, &[18]), (920, &[4, 2, 0, 3, 1, 1, 1, 4, 2, 0, 16, 0, 0, 0, 0, 0, 0])],
            "chunks of [1, 1]",
        ),
        // gzip in the place of shuffle, and gzip again.
        ("actions", &[(6192, &[1])], "filter 1 more than once"),
        // An enumeration of eight bytes over numbers of one, never written: each element is read as eight.
        (
            "terminals",
            &[
                (9252, &[0]),
                (9256, &rows),
                (9264, &rows),
                (9284, &[8]),
                (9346, &[0xff; 8]),
                (9354, &(8 * 2_600_000_u64).to_le_bytes()),
            ],
            "8 bytes over numbers of 1",
        ),
    ];
    for (key, changes, names) in cases {
        let mut bytes = H5PY.to_vec();
        for (at, with) in changes {
            bytes[*at..at + with.len()].copy_from_slice(with);
        }
        fs::write(&path, bytes).unwrap();
        let read = || read_hdf5(&path, &ReadOptions::default()).map(|data| data.len());
        let message = guarded(CAP, &|| names.into(), read).unwrap_err().to_string();
        fit_to_print(&message, "data.hdf5");
        assert!(message.contains(&format!("`{key}`")) && message.contains(names), "{message}");
    }
}

/// Sixty rows written by h5py 3 with `libver="earliest"`: chunks plain and compressed, arrays of one piece, flags of two
/// kinds, numbers of the other byte order, attributes.
const H5PY: &[u8] = include_bytes!("fixtures/h5py_earliest.hdf5");

/// Fourteen rows written by numpy's `savez_compressed`.
const NUMPY: &[u8] = include_bytes!("../../envs/interop/ogbench_small.npz");

const DESCRIPTION: &str = r#"
environment = "my-arm"
step_seconds = 0.05
action_low = [-2, -2]
action_high = [2, 2]
features = [{ name = "tip", width = 2, kind = "position" }, { name = "speed", width = 2, kind = "velocity" }]
timeouts = "goal-switch"
rewards = "of-observation"
[task]
kind = "goal"
entries = [0, 1]
radius = 0.5
"#;

/// Words that a description may hold where others stand.
const WORDS: [&str; 16] = [
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "18446744073709551615",
    "9223372036854775807",
    "\"\\u001b[2J\"",
    "[]",
    "[[]]",
    "{}",
    "[task]",
    "features",
    "\u{feff}",
    "width = 9223372036854775807",
    "= = =",
];

#[test]
fn mutated_descriptions_are_refused_or_read() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.toml");
    let options = GenerateOptions { rows: 50, ..GenerateOptions::default() };
    let data = generate("maze2d-umaze-v1", &options, &mut |_, _| {}).unwrap();
    let mut tally = Tally::default();
    seeds("descriptions", |rng, seed| {
        let mut bytes = DESCRIPTION.as_bytes().to_vec();
        if rng.random_bool(0.6) {
            let text = String::from_utf8(bytes).unwrap();
            let words: Vec<&str> = text.split_inclusive([' ', '\n', ',']).collect();
            let at = rng.random_range(0..words.len());
            let word = WORDS[rng.random_range(0..WORDS.len())];
            let end = words[at].chars().next_back().unwrap_or(' ');
            let changed = format!("{word}{end}");
            let words: Vec<&str> = words
                .iter()
                .enumerate()
                .map(|(i, word)| if i == at { changed.as_str() } else { word })
                .collect();
            bytes = words.concat().into_bytes();
        } else {
            mutate_bytes(&mut bytes, rng);
        }
        fs::write(&path, bytes).unwrap();
        let outcome = guarded(CAP, &|| format!("description, seed {seed}"), || {
            let said = DataDescription::read(&path)?;
            said.or(&DatasetMetadata::default().description).spec("data", &data)?.check()
        });
        tally.count(seed, outcome);
    });
    tally.close("descriptions");
}
