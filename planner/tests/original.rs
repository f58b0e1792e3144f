//! Checkpoints of the authors' code against PyTorch: files and numbers by `planner/interop/original.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::{BoxSpace, EnvSpec, TaskConfig};
use forethought_planner::checkpoint::{self, Checkpoint};
use forethought_planner::network::NetworkKind;
use forethought_planner::original::{self, Original, Unsaid};
use forethought_planner::{
    Denoiser, FIRST_CHUNK, GOAL, MatrixKind, NoisyBatch, PlannerError, STATE, Sampler, SchedulingMatrix,
    Solver, TokenLayout, Tokens,
};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const TINY: &[u8] = include_bytes!("fixtures/original/tiny.ckpt");

fn spec(observation: usize, action: usize, steps: usize) -> EnvSpec {
    let space = |n| BoxSpace::new(vec![-10.0; n], vec![10.0; n]).unwrap();
    EnvSpec {
        max_episode_steps: Some(steps),
        ..EnvSpec::of_spaces("somewhere", space(observation), space(action))
    }
}

fn read(path: &Path, spec: &EnvSpec, unsaid: Unsaid) -> Result<Original, PlannerError> {
    original::read(path, spec, unsaid, (TaskConfig::default(), Value::Null), &Device::flex())
}

fn unsaid() -> Unsaid {
    Unsaid { heads: 2, ..Unsaid::default() }
}

/// The fixture of a size, read; `FORETHOUGHT_ORIGINAL` names a folder with one of another size.
fn fixture() -> (PathBuf, Value, EnvSpec, Unsaid) {
    if let Ok(folder) = std::env::var("FORETHOUGHT_ORIGINAL") {
        let folder = PathBuf::from(folder);
        let answers = fs::read_to_string(folder.join("medium.json")).unwrap();
        let answers = serde_json::from_str(&answers).unwrap();
        return (folder.join("medium.ckpt"), answers, spec(4, 2, 600), Unsaid::default());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/original");
    let answers = serde_json::from_str(include_str!("fixtures/original/tiny.json")).unwrap();
    (folder.join("tiny.ckpt"), answers, spec(4, 2, 6), unsaid())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Their slot of one of ours: the observation of a frame stands before its action there.
fn their_slot(layout: &TokenLayout, slot: usize) -> usize {
    let within = slot % layout.frame();
    if within < layout.action { slot + layout.observation } else { slot - layout.action }
}

/// Their sequences `[B, 1 + chunks, D]` as ours: the first token's last observation is the state, and nobody sees a goal.
fn to_ours(layout: &TokenLayout, theirs: &[f64], batch: usize) -> Vec<f64> {
    let (width, tokens) = (layout.width(), layout.tokens(layout.chunks));
    let mut ours = vec![0.0; batch * tokens * width];
    for b in 0..batch {
        for t in 0..tokens {
            for slot in 0..width {
                let their_token = match t {
                    GOAL => continue,
                    STATE => 0,
                    _ => t - 1,
                };
                if layout.exists(t, slot) {
                    let at = (b * (tokens - 1) + their_token) * width + their_slot(layout, slot);
                    ours[(b * tokens + t) * width + slot] = theirs[at];
                }
            }
        }
    }
    ours
}

/// Largest difference of the visible chunks of ours to theirs.
fn difference(layout: &TokenLayout, ours: &[f64], theirs: &[f64], chunks_b: &[usize]) -> f64 {
    let theirs = to_ours(layout, theirs, chunks_b.len());
    let (width, tokens) = (layout.width(), layout.tokens(layout.chunks));
    let mut worst: f64 = 0.0;
    for (b, &chunks) in chunks_b.iter().enumerate() {
        let at = (b * tokens + FIRST_CHUNK) * width..(b * tokens + FIRST_CHUNK + chunks) * width;
        let pairs = ours[at.clone()].iter().zip(&theirs[at]);
        worst = pairs.map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
    }
    worst
}

fn denoiser(original: Original) -> Box<dyn Denoiser> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("imported");
    original.save(&path, &Device::flex()).unwrap();
    let loaded: Checkpoint = checkpoint::load(&path, &Device::flex()).unwrap();
    assert!(checkpoint::verify(&path, &Device::flex(), Some(1)).unwrap().unwrap() < 1e-6);
    assert_eq!(loaded.weights, original.weights);
    loaded.denoiser(&Device::flex(), Some(1)).unwrap()
}

/// PyTorch's `nn.TransformerEncoder` with the same weights: what is left is rounding in 32 bits.
#[test]
fn the_network_answers_as_pytorch_does() {
    let (path, answers, spec, unsaid) = fixture();
    for (causal, wanted) in [(false, "answer"), (true, "causal")] {
        let original = read(&path, &spec, Unsaid { causal, ..unsaid }).unwrap();
        assert_eq!((original.manifest.step, original.network.as_str()), (1234, "diffusion_model.model."));
        assert_eq!(original.manifest.model.network.kind, NetworkKind::Reference);
        let layout = original.manifest.layout.clone();
        let tokens = layout.tokens(layout.chunks);
        let x_btd = to_ours(&layout, &numbers(&answers["x"]), 2);
        let k = numbers(&answers["k"]);
        let level_btp: Vec<u16> = (0..2 * tokens)
            .map(|i| match i % tokens {
                STATE => k[i / tokens * (tokens - 1)] as u16 + 1,
                // Levels of a goal that nobody sees change nothing.
                GOAL => 7,
                t => k[i / tokens * (tokens - 1) + t - 1] as u16 + 1,
            })
            .collect();
        let chunks_b = [layout.chunks, layout.chunks - 1];
        let batch = NoisyBatch {
            batch: 2,
            tokens,
            x_btd: &x_btd,
            level_btp: &level_btp,
            chunks_b: &chunks_b,
            goal_b: &[true, false],
        };
        let mut x0_btd = vec![0.0; x_btd.len()];
        denoiser(original).denoise(&batch, &mut x0_btd).unwrap();
        let worst = difference(&layout, &x0_btd, &numbers(&answers[wanted]), &chunks_b);
        eprintln!("causal {causal}: {worst:e}");
        assert!(worst < 1e-5, "causal {causal}: {worst:e}");
    }
}

/// A plan without guidance from the same noise, by every row of their pyramid.
#[test]
fn a_plan_is_theirs() {
    let (path, answers, spec, unsaid) = fixture();
    let original = read(&path, &spec, unsaid).unwrap();
    let (layout, model) = (original.manifest.layout.clone(), original.manifest.model.clone());
    let steps = if model.levels == 100 { 10 } else { 50 };
    let first = layout.width();
    // The first token as it was, then the noise.
    let mut theirs = numbers(&answers["x"])[..first].to_vec();
    theirs.extend(numbers(&answers["noise"]));
    let x_btd = to_ours(&layout, &theirs, 1);
    let schedule = model.noise().unwrap();
    let kind = MatrixKind::Pyramid { uncertainty: 1.0 };
    let matrix = SchedulingMatrix::new(kind, layout.chunks, steps).unwrap().after_known(FIRST_CHUNK);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut x = Tokens::new(layout.tokens(layout.chunks), x_btd, vec![layout.chunks], vec![false]);
    sampler.run(denoiser(original).as_mut(), None, &mut x, sampler.all(), &mut |_, _| true).unwrap();
    let mut wanted = theirs[..first].to_vec();
    wanted.extend(numbers(&answers["plan"]));
    let worst = difference(&layout, &x.x_btd, &wanted, &[layout.chunks]);
    eprintln!("plan: {worst:e}");
    assert!(worst < 1e-4, "{worst:e}");
}

/// The fixture with its files changed, written with sound checksums.
fn changed(change: impl Fn(&str, &mut Vec<u8>), method: CompressionMethod) -> Result<(), String> {
    let mut from = ZipArchive::new(Cursor::new(TINY)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..from.len() {
        let mut file = from.by_index(i).unwrap();
        let (name, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut bytes).unwrap();
        change(&name, &mut bytes);
        to.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        to.write_all(&bytes).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.ckpt");
    fs::write(&path, to.finish().unwrap().into_inner()).unwrap();
    let read = read(&path, &spec(4, 2, 6), unsaid());
    read.map(drop).map_err(|error| error.to_string())
}

/// Another word of the same length in the pickle.
fn renamed(from: &str, to: &str) -> Result<(), String> {
    assert_eq!(from.len(), to.len());
    let change = |name: &str, bytes: &mut Vec<u8>| {
        let found = |bytes: &[u8]| bytes.windows(from.len()).position(|window| window == from.as_bytes());
        while name.ends_with("data.pkl")
            && let Some(at) = found(bytes)
        {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
    };
    changed(change, CompressionMethod::Stored)
}

#[test]
fn what_does_not_fit_is_named() {
    changed(|_, _| {}, CompressionMethod::Stored).unwrap();
    let said = |outcome: Result<(), String>, words: &[&str]| {
        let message = outcome.expect_err("it was read");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    said(
        renamed("layers.1.linear1.bias", "layers.1.linearX.bias"),
        &["lacks `diffusion_model.model.transformer.layers.1.linear1.bias`"],
    );
    said(renamed("clipped_snr", "clipped_xyz"), &["holds `diffusion_model.clipped_xyz`", "knows nothing"]);
    said(renamed("init_mlp.0.weight", "init_xyz.0.weight"), &["`init_mlp.0.weight`", "v1.5"]);
    said(renamed("data_mean", "data_xxxx"), &["`data_mean` is missing"]);
    said(renamed("torch\nFloatStorage", "torch\nShortStorage"), &["ShortStorage", "floating-point"]);
    said(changed(|_, _| {}, CompressionMethod::Deflated), &["compressed"]);
    // Numbers that are not there, that are not finite, and a schedule that is another one.
    let shorter = |name: &str, bytes: &mut Vec<u8>| {
        if name.ends_with("data/20") {
            bytes.truncate(8);
        }
    };
    said(changed(shorter, CompressionMethod::Stored), &["larger than its storage"]);
    let broken = |name: &str, bytes: &mut Vec<u8>| {
        if name.ends_with("data/20") {
            bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
    };
    said(changed(broken, CompressionMethod::Stored), &["holds NaN at entry 0"]);
    let cosine = |name: &str, bytes: &mut Vec<u8>| {
        if name.ends_with("data/3") {
            bytes[200..204].copy_from_slice(&0.5f32.to_le_bytes());
        }
    };
    said(changed(cosine, CompressionMethod::Stored), &["alphas_cumprod` is 0.5 at level 50", "linear"]);
}

#[test]
fn another_environment_is_refused_by_its_sizes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/original");
    let read = |spec: EnvSpec, unsaid| read(&folder.join("tiny.ckpt"), &spec, unsaid).map(drop);
    let said = |outcome: Result<(), PlannerError>| outcome.unwrap_err().to_string();
    assert!(said(read(spec(5, 2, 6), unsaid())).contains("frames of 6 numbers, and `somewhere` has 5"));
    assert!(said(read(spec(3, 2, 6), unsaid())).contains("Rewards in tokens"));
    assert!(said(read(spec(4, 2, 6), Unsaid { heads: 3, ..unsaid() })).contains("heads"));
    assert!(said(read(spec(4, 2, 0), unsaid())).contains("chunks"), "nobody says how long plans are");
    read(spec(4, 2, 0), Unsaid { chunks: Some(3), ..unsaid() }).unwrap();
}
