//! The engine's kernels and passes, and what they replace: `cargo bench --bench engine`.
// The crate to compare with has an interface of raw pointers.
#![allow(missing_docs, clippy::unwrap_used, unsafe_code)]

use std::hint::black_box;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use forethought_planner::checkpoint::TrainState;
use forethought_planner::engine::product::{Left, Packed, Right, Start, product};
use forethought_planner::engine::{EngineDenoiser, kernels};
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::training::{GradientWorkers, Optimizer};
use forethought_planner::{Denoiser, NoisyBatch, Preconditioning, TokenLayout, TrainBatch, TrainConfig};

const CHUNKS: usize = 16;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 4,
        action: 2,
        reward: false,
        frames_per_token: 10,
        chunks: CHUNKS,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect()
}

/// Weight matrices that take turns, as the layers of a network do: one alone would stay in the nearest cache.
const MATRICES: usize = 8;

/// The layers of a block of width 128, at the rows of one plan and of a piece of a batch.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    for rows in [18, 30, 144] {
        for (inner, columns) in [(128, 384), (128, 128), (128, 512), (512, 128)] {
            let (a, mut out) = (numbers(rows * inner), vec![0.0; rows * columns]);
            let weights = vec![numbers(inner * columns); MATRICES];
            let pack = |b: &Vec<f32>| Packed::of(b, inner, columns).unwrap();
            let packed: Vec<Packed> = weights.iter().map(pack).collect();
            let name = format!("{rows}x{inner}x{columns}");
            group.throughput(Throughput::Elements((2 * MATRICES * rows * inner * columns) as u64));
            group.bench_function(BenchmarkId::new("packed", &name), |bench| {
                bench.iter(|| {
                    for b in &packed {
                        let (left, right) = (Left::rows(&a, inner), Right::Packed(b));
                        product(left, right, Start::Zero, [rows, inner, columns], &mut out, columns);
                    }
                });
            });
            group.bench_function(BenchmarkId::new("gemm crate", &name), |bench| {
                bench.iter(|| {
                    for b in &weights {
                        general_product(&a, b, &mut out, [rows, inner, columns]);
                    }
                });
            });
        }
    }
    group.finish();
}

/// The same product by the `gemm` crate, which packs at every call.
fn general_product(a: &[f32], b: &[f32], out: &mut [f32], [rows, inner, columns]: [usize; 3]) {
    assert!(a.len() >= rows * inner && b.len() >= inner * columns && out.len() >= rows * columns);
    let stride = columns as isize;
    // SAFETY: the lengths were just checked; `out` is borrowed mutably, so it overlaps neither side.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            stride,
            false,
            a.as_ptr(),
            1,
            inner as isize,
            b.as_ptr(),
            1,
            stride,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn row_functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("row");
    let (scale, shift) = (numbers(128), numbers(128));
    let (mut xhat, mut out, mut inverse) = (vec![0.0; 128], vec![0.0; 128], 0.0);
    let x = numbers(128);
    group.bench_function("normalize 128", |bench| {
        bench.iter(|| {
            kernels::normalize_row(black_box(&x), &scale, &shift, &mut xhat, &mut inverse, &mut out)
        });
    });
    let (start, mut u, mut slope) = (numbers(512), numbers(512), vec![0.0; 512]);
    group.bench_function("gelu 512", |bench| {
        bench.iter(|| {
            u.copy_from_slice(&start);
            kernels::gelu_row(black_box(&mut u));
        });
    });
    group.bench_function("gelu with slope 512", |bench| {
        bench.iter(|| {
            u.copy_from_slice(&start);
            kernels::gelu_row_and_slope(black_box(&mut u), &mut slope);
        });
    });
    let hidden = vec![0.0; 32];
    group.bench_function("softmax 32", |bench| {
        let mut scores = numbers(32);
        bench.iter(|| kernels::softmax_row(black_box(&mut scores), 0.2, &hidden));
    });
    group.finish();
}

/// An engine and a Burn denoiser of the same network.
fn denoisers(
    config: &NetworkConfig,
    chunks: usize,
    threads: usize,
) -> [(&'static str, Box<dyn Denoiser>); 2] {
    let (layout, device) = (TokenLayout { chunks, ..layout() }, Device::flex());
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
    let network = Network::new(config, &layout, 3, &device).unwrap();
    let parameters = ParameterLayout::of(&network);
    let weights: Vec<f32> = numbers(parameters.len()).iter().map(|w| 0.1 * w).collect();
    let network = parameters.load(network, &weights, &device).unwrap();
    let octaves = config.fourier_features;
    let preconditioning = Preconditioning::new(&layout, &schedule, Target::X0, octaves, None).unwrap();
    let engine = EngineDenoiser::new(&parameters, &weights, config, preconditioning.clone(), threads);
    let burn = NetworkDenoiser::new(network, preconditioning, config, &device, true);
    [("engine", Box::new(engine.unwrap())), ("burn", Box::new(burn.unwrap()))]
}

/// Times a row without and with the input gradient.
fn row(group: &mut BenchmarkGroup<'_, WallTime>, denoiser: &mut dyn Denoiser, batch: usize, name: &str) {
    let (tokens, width) = (denoiser.layout().tokens(denoiser.layout().chunks), denoiser.layout().width());
    let x_btd: Vec<f64> = numbers(batch * tokens * width).into_iter().map(f64::from).collect();
    let level_bt: Vec<u16> = (0..batch * tokens).map(|i| (i % tokens * 15) as u16).collect();
    let (chunks_b, goal_b) = (vec![denoiser.layout().chunks; batch], vec![true; batch]);
    let view = NoisyBatch {
        batch,
        tokens,
        x_btd: &x_btd,
        level_btp: &level_bt,
        chunks_b: &chunks_b,
        goal_b: &goal_b,
    };
    let (mut x0, mut pulled) = (vec![0.0; x_btd.len()], vec![0.0; x_btd.len()]);
    group.bench_function(format!("{name} plain"), |bench| {
        bench.iter(|| denoiser.denoise(&view, &mut x0).unwrap());
    });
    let score = |_: usize, x0: &[f64], g: &mut [f64]| g.copy_from_slice(x0);
    group.bench_function(format!("{name} guided"), |bench| {
        bench.iter(|| denoiser.denoise_vjp(&view, &mut x0, &score, &mut pulled).unwrap());
    });
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("denoising row");
    for threads in [1, 2] {
        for (name, mut denoiser) in denoisers(&NetworkConfig::default(), CHUNKS, threads) {
            for batch in [1, 16] {
                let name = format!("{name}, batch {batch}, {threads} threads,");
                row(&mut group, denoiser.as_mut(), batch, &name);
            }
        }
    }
    group.finish();
}

/// How a row's cost grows: one size at a time, from 18 tokens, width 128, batch 1, one thread.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    for chunks in [6, 16, 28, 58, 126] {
        let [(_, mut engine), _] = denoisers(&NetworkConfig::default(), chunks, 1);
        row(&mut group, engine.as_mut(), 1, &format!("{} tokens", chunks + 2));
    }
    for width in [64, 128, 256, 512] {
        let config = NetworkConfig { width, ..NetworkConfig::default() };
        let [(_, mut engine), _] = denoisers(&config, CHUNKS, 1);
        row(&mut group, engine.as_mut(), 1, &format!("width {width}"));
    }
    let [(_, mut engine), _] = denoisers(&NetworkConfig::default(), CHUNKS, 1);
    for batch in [1, 2, 4, 16, 64] {
        row(&mut group, engine.as_mut(), batch, &format!("batch {batch}"));
    }
    group.finish();
}

fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("training step, batch 64");
    let (config, layout, device, batch) = (NetworkConfig::default(), layout(), Device::flex(), 64);
    let (tokens, width) = (layout.tokens(CHUNKS), layout.width());
    let network = Network::new(&config, &layout, 3, &device).unwrap();
    let parameters = ParameterLayout::of(&network);
    let batch = TrainBatch {
        input_bti: numbers(batch * tokens * config.input(&layout)),
        clean_btd: numbers(batch * tokens * width),
        weight_btd: vec![1e-4; batch * tokens * width],
        level_btl: (0..batch * tokens).map(|i| (i * 37 % 1000) as u16).collect(),
        chunks_b: vec![CHUNKS; batch],
        goal_b: vec![false; batch],
    };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
    let preconditioning = Preconditioning::new(&layout, &schedule, Target::X0, 0, None).unwrap();
    let state = TrainState::new(parameters.draw(1));
    let weights = Tensor::from_data(TensorData::new(state.weights.clone(), [parameters.len()]), &device);
    for name in ["engine", "burn"] {
        let new = if name == "engine" { GradientWorkers::new } else { GradientWorkers::in_burn };
        let mut workers = new(&network, &config, &preconditioning, 2, &device, Some(2)).unwrap();
        group.bench_function(format!("gradient, {name}"), |bench| {
            bench.iter(|| workers.gradient(&weights, &batch).unwrap().loss.into_scalar::<f32>());
        });
    }
    let mut optimizer = Optimizer::new(&state, &parameters, &device).unwrap();
    group.bench_function("optimizer", |bench| {
        bench.iter(|| optimizer.step(weights.clone(), &TrainConfig::default()).unwrap().into_scalar::<f32>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = products, row_functions, rows, growth, training
}
criterion_main!(benches);
