//! Networks behind the denoiser interface: what may depend on what, bit for bit, and gradients against
//! finite differences.
//!
//! Fresh networks answer zero (their last layer starts there), which would let every test here pass; all
//! weights are drawn instead.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::Device;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{GoalTask, ReturnTask};
use forethought_planner::guidance::{Objective, TaskObjective};
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{
    Denoiser, EngineDenoiser, FIRST_CHUNK, GOAL, Guidance, MatrixKind, NoisyBatch, Preconditioning, Sampler,
    SchedulingMatrix, Solver, TokenLayout, Tokens, random,
};
use proptest::prelude::*;

const CHUNKS: usize = 5;
const LEVELS: usize = 1000;

fn layout(reward: bool) -> TokenLayout {
    TokenLayout {
        observation: 3,
        action: 2,
        reward,
        frames_per_token: 2,
        chunks: CHUNKS,
        condition: vec![0, 2],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

fn normals(count: usize, path: &[u64]) -> Vec<f64> {
    let mut out = vec![0.0; count];
    random::fill_normal(&mut random::stream(17, path), &mut out);
    out
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, LEVELS).unwrap()
}

/// Burn's networks, and the engine that computes the first on a CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Net {
    Transformer,
    Gru,
    Engine,
    /// The authors'.
    Reference,
}

/// Every network, and whether it is causal.
const NETS: [(Net, bool); 7] = [
    (Net::Transformer, false),
    (Net::Transformer, true),
    (Net::Gru, true),
    (Net::Engine, false),
    (Net::Engine, true),
    (Net::Reference, false),
    (Net::Reference, true),
];

fn config(net: Net, causal: bool) -> NetworkConfig {
    let kind = match net {
        Net::Gru => NetworkKind::Gru,
        Net::Reference => NetworkKind::Reference,
        Net::Transformer | Net::Engine => NetworkKind::Transformer,
    };
    NetworkConfig {
        kind,
        width: 16,
        layers: 2,
        heads: 2,
        fourier_features: 2,
        causal,
        ..NetworkConfig::default()
    }
}

fn weights(net: Net) -> (Network, ParameterLayout, Vec<f32>) {
    let network = Network::new(&config(net, false), &layout(false), 3, &Device::flex()).unwrap();
    let parameters = ParameterLayout::of(&network);
    let drawn = normals(parameters.len(), &[1]);
    let weights = parameters.draw(3).iter().zip(drawn).map(|(w, z)| w + 0.15 * z as f32).collect();
    (network, parameters, weights)
}

fn burn_denoiser(net: Net, causal: bool, target: Target) -> NetworkDenoiser {
    let device = Device::flex();
    let (network, parameters, weights) = weights(net);
    let network = parameters.load(network, &weights, &device).unwrap();
    NetworkDenoiser::new(network, preconditioning(target), &config(net, causal), &device, true).unwrap()
}

fn denoiser(net: Net, causal: bool, target: Target, threads: usize) -> Box<dyn Denoiser> {
    if net != Net::Engine {
        return Box::new(burn_denoiser(net, causal, target));
    }
    let (_, parameters, weights) = weights(net);
    let config = config(net, causal);
    Box::new(EngineDenoiser::new(&parameters, &weights, &config, preconditioning(target), threads).unwrap())
}

fn preconditioning(target: Target) -> Preconditioning {
    Preconditioning::new(&layout(false), &schedule(), target, 2, None).unwrap()
}

/// A batch that owns its arrays.
#[derive(Clone)]
struct Batch {
    x_btd: Vec<f64>,
    level_bt: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
}

impl Batch {
    fn new(count: usize, tokens: usize, width: usize) -> Self {
        let level_bt =
            normals(count * tokens, &[3]).iter().map(|z| 1 + ((z.abs() * 400.0) as u16).min(999)).collect();
        Self {
            x_btd: normals(count * tokens * width, &[2]),
            level_bt,
            chunks_b: (0..count).map(|b| 1 + b % CHUNKS).collect(),
            goal_b: (0..count).map(|b| b % 3 != 0).collect(),
        }
    }

    fn view(&self) -> NoisyBatch<'_> {
        NoisyBatch {
            batch: self.chunks_b.len(),
            tokens: self.level_bt.len() / self.chunks_b.len(),
            x_btd: &self.x_btd,
            level_btp: &self.level_bt,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        }
    }

    /// Sequence `b` alone.
    fn alone(&self, b: usize) -> Self {
        let count = self.chunks_b.len();
        let (size, tokens) = (self.x_btd.len() / count, self.level_bt.len() / count);
        Self {
            x_btd: self.x_btd[b * size..(b + 1) * size].to_vec(),
            level_bt: self.level_bt[b * tokens..(b + 1) * tokens].to_vec(),
            chunks_b: vec![self.chunks_b[b]],
            goal_b: vec![self.goal_b[b]],
        }
    }
}

/// Estimate and gradient of `J = sum w x0^2 / 2`, weights drawn.
fn estimate_and_pull(denoiser: &mut dyn Denoiser, batch: &Batch) -> (Vec<f64>, Vec<f64>) {
    let (mut x0, mut pulled) = (vec![0.0; batch.x_btd.len()], vec![0.0; batch.x_btd.len()]);
    let size = x0.len() / batch.chunks_b.len();
    let weights = normals(size, &[9]);
    let cotangent = |_: usize, x0: &[f64], g: &mut [f64]| {
        g.iter_mut().zip(x0).zip(&weights).for_each(|((g, x), w)| *g = w * x);
    };
    denoiser.denoise_vjp(&batch.view(), &mut x0, &cotangent, &mut pulled).unwrap();
    (x0, pulled)
}

fn estimate(denoiser: &mut dyn Denoiser, batch: &Batch) -> Vec<f64> {
    let mut x0 = vec![0.0; batch.x_btd.len()];
    denoiser.denoise(&batch.view(), &mut x0).unwrap();
    x0
}

#[test]
fn in_causal_networks_a_token_changes_nothing_before_it() {
    let (tokens, width) = (FIRST_CHUNK + CHUNKS, layout(false).width());
    for kind in [Net::Transformer, Net::Gru, Net::Engine] {
        let mut denoiser = denoiser(kind, true, Target::X0, 1);
        let mut batch = Batch::new(2, tokens, width);
        (batch.chunks_b, batch.goal_b) = (vec![CHUNKS; 2], vec![true; 2]);
        let before = estimate(denoiser.as_mut(), &batch);
        for j in 0..tokens {
            let mut changed = batch.clone();
            for b in 0..2 {
                let at = (b * tokens + j) * width;
                changed.x_btd[at..at + width].iter_mut().for_each(|x| *x = 2.0 - *x);
                changed.level_bt[b * tokens + j] = 1001 - changed.level_bt[b * tokens + j];
            }
            let after = estimate(denoiser.as_mut(), &changed);
            for b in 0..2 {
                let (from, own) = (b * tokens * width, (b * tokens + j) * width);
                assert_eq!(
                    before[from..own],
                    after[from..own],
                    "{kind:?}: token {j} changed what is before it"
                );
                for t in j..tokens {
                    let at = (b * tokens + t) * width;
                    assert_ne!(
                        before[at..at + width],
                        after[at..at + width],
                        "{kind:?}: {j} does not reach {t}"
                    );
                }
            }
        }
    }
    // The test can fail: a network that is not causal does look ahead.
    let mut both_ways = denoiser(Net::Transformer, false, Target::X0, 1);
    let batch = Batch::new(1, tokens, width);
    let mut changed = batch.clone();
    changed.chunks_b = vec![CHUNKS];
    let before = estimate(both_ways.as_mut(), &changed);
    changed.x_btd[(tokens - 1) * width] += 1.0;
    assert_ne!(before[..width], estimate(both_ways.as_mut(), &changed)[..width]);
}

/// Nothing that is written past a sequence's end, or into a goal token that is not shown, reaches the rest:
/// neither estimates nor gradients.
#[test]
fn what_is_not_visible_changes_nothing() {
    let (tokens, width) = (FIRST_CHUNK + CHUNKS, layout(false).width());
    for (kind, causal) in NETS {
        let mut denoiser = denoiser(kind, causal, Target::X0, 2);
        let batch = Batch::new(20, tokens, width);
        let hidden = |b: usize, t: usize| {
            if t == GOAL { !batch.goal_b[b] } else { t >= FIRST_CHUNK + batch.chunks_b[b] }
        };
        let mut changed = batch.clone();
        for b in 0..20 {
            for t in (0..tokens).filter(|&t| hidden(b, t)) {
                let at = (b * tokens + t) * width;
                changed.x_btd[at..at + width]
                    .iter_mut()
                    .enumerate()
                    .for_each(|(d, x)| *x = 40.0 * *x - d as f64);
                changed.level_bt[b * tokens + t] = 1 + (changed.level_bt[b * tokens + t] + 500) % 1000;
            }
        }
        let weights = normals(width, &[9]);
        let mut both = Vec::new();
        for batch in [&batch, &changed] {
            // Like every objective, the score looks at visible chunks only.
            let score = |b: usize, x0: &[f64], g: &mut [f64]| {
                for i in FIRST_CHUNK * width..(FIRST_CHUNK + batch.chunks_b[b]) * width {
                    g[i] = weights[i % width] * x0[i];
                }
            };
            let (mut x0, mut pulled) = (vec![0.0; batch.x_btd.len()], vec![0.0; batch.x_btd.len()]);
            denoiser.denoise_vjp(&batch.view(), &mut x0, &score, &mut pulled).unwrap();
            both.push((x0, pulled));
        }
        let mut seen = 0;
        for b in 0..20 {
            for t in 0..tokens {
                let at = (b * tokens + t) * width..(b * tokens + t + 1) * width;
                if hidden(b, t) {
                    assert!(both[0].1[at].iter().all(|g| *g == 0.0), "{kind:?}: a gradient into the unseen");
                } else {
                    seen += 1;
                    assert_eq!(
                        both[0].0[at.clone()],
                        both[1].0[at.clone()],
                        "{kind:?}: sequence {b}, token {t}"
                    );
                    assert_eq!(both[0].1[at.clone()], both[1].1[at], "{kind:?}: gradient of {b}, token {t}");
                }
            }
        }
        assert!(seen > 60 && seen < 20 * tokens);
    }
}

/// Scaling of observations; actions are as they are.
fn scaling(shift: Vec<f64>, scale: Vec<f64>) -> DatasetNormalizer {
    let observation = Normalizer::from_parts(NormalizerKind::Standard, shift, scale).unwrap();
    let action = Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; 2], vec![1.0; 2]).unwrap();
    DatasetNormalizer { observation, action }
}

/// Samples two plans of `horizon` chunks inside sequences of `CHUNKS`, with the given values past the end.
fn sample(denoiser: &mut dyn Denoiser, horizon: usize, chunks: usize, tail: f64) -> Vec<f64> {
    let layout = denoiser.layout().clone();
    let (tokens, width) = (layout.tokens(chunks), layout.width());
    let schedule = schedule();
    let kind = MatrixKind::Pyramid { uncertainty: 1.0 };
    let matrix = SchedulingMatrix::new(kind, chunks, 8).unwrap().after_known(FIRST_CHUNK);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut x_btd = vec![tail; 2 * tokens * width];
    for b in 0..2 {
        let own = (FIRST_CHUNK + horizon) * width;
        let at = b * tokens * width;
        x_btd[at..at + own].copy_from_slice(&normals(own, &[40, b as u64]));
        if tail != 0.0 {
            x_btd[at + GOAL * width..at + FIRST_CHUNK * width].fill(tail);
        }
    }
    let normalizer = scaling(vec![0.1; 3], vec![2.0; 3]);
    let task = GoalTask::new(&[0, 2], &[1.0, -1.0], 0.125);
    let objective = || TaskObjective::new(&task, &layout, &normalizer, 0.0);
    let objectives = [objective(), objective()];
    let objectives: Vec<&dyn Objective> = objectives.iter().map(|objective| objective as _).collect();
    let completions = if chunks == horizon || horizon == CHUNKS { 1 } else { 3 };
    let guidance =
        Guidance { objectives: &objectives, scale: 0.5, end: 0, mc_samples: completions, seeds: &[1, 2] };
    let mut state = Tokens::new(matrix.tokens(), x_btd, vec![horizon; 2], vec![false; 2]);
    sampler.run(denoiser, Some(&guidance), &mut state, sampler.all(), &mut |_, _| true).unwrap();
    (0..2)
        .flat_map(|b| {
            let at = b * tokens * width;
            state.x_btd[at + FIRST_CHUNK * width..at + (FIRST_CHUNK + horizon) * width].to_vec()
        })
        .collect()
}

#[test]
fn a_shorter_plan_does_not_depend_on_the_padded_tail() {
    for (kind, causal) in NETS {
        let mut denoiser = denoiser(kind, causal, Target::X0, 1);
        for horizon in 1..CHUNKS {
            let plan = sample(denoiser.as_mut(), horizon, CHUNKS, 0.0);
            assert!(plan.iter().all(|v| v.is_finite()));
            for tail in [1.0, -30.0] {
                assert_eq!(
                    plan,
                    sample(denoiser.as_mut(), horizon, CHUNKS, tail),
                    "{kind:?} horizon {horizon}"
                );
            }
        }
    }
}

#[test]
fn a_sequence_has_the_same_estimate_alone_and_in_any_batch() {
    let (tokens, width) = (FIRST_CHUNK + CHUNKS, layout(false).width());
    for kind in [Net::Transformer, Net::Gru, Net::Engine, Net::Reference] {
        let batch = Batch::new(40, tokens, width);
        let (mut one, mut two) = (denoiser(kind, false, Target::V, 1), denoiser(kind, false, Target::V, 2));
        let whole = estimate_and_pull(one.as_mut(), &batch);
        assert_eq!(estimate_and_pull(two.as_mut(), &batch), whole, "{kind:?}: two threads");
        // Without a gradient Burn fuses some operations: other roundings, but the same for any split.
        let fused = estimate(one.as_mut(), &batch);
        assert!(fused.iter().zip(&whole.0).all(|(a, b)| (a - b).abs() < 1e-4), "{kind:?}");
        assert_eq!(estimate(two.as_mut(), &batch), fused, "{kind:?}: two threads, no gradient");
        for b in [0, 1, 15, 16, 31, 32, 39] {
            let alone = estimate_and_pull(two.as_mut(), &batch.alone(b));
            let at = b * tokens * width..(b + 1) * tokens * width;
            assert_eq!(
                estimate(two.as_mut(), &batch.alone(b)),
                fused[at.clone()],
                "{kind:?}: {b} alone, no gradient"
            );
            assert_eq!(alone.0, whole.0[at.clone()], "{kind:?}: sequence {b} alone");
            // Matrix products of the backward pass are blocked by the size of the batch, so the gradient is
            // equal to f32 rounding and no further.
            let close = alone.1.iter().zip(&whole.1[at]).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs()));
            assert!(close, "{kind:?}: gradient of sequence {b} alone");
        }
    }
}

/// Central differences in f64 with step 1e-5: truncation about 1e-10, rounding about 1e-11, so 1e-6 of the
/// largest entry leaves room for nothing but a right gradient. Burn's recurrent unit and the engine compute in
/// f32 only: there the step is 1e-2 and the tolerance 1 %, for truncation and f32 rounding.
#[test]
fn the_pulled_gradient_agrees_with_finite_differences() {
    let (tokens, width) = (FIRST_CHUNK + CHUNKS, layout(false).width());
    for (kind, causal) in NETS {
        for target in [Target::X0, Target::Noise, Target::V] {
            let double = matches!(kind, Net::Transformer | Net::Reference);
            let (step, tolerance) = if double { (1e-5, 1e-6) } else { (1e-2, 1e-2) };
            let mut denoiser: Box<dyn Denoiser> = match kind {
                Net::Transformer | Net::Reference => {
                    Box::new(burn_denoiser(kind, causal, target).in_double_precision())
                }
                Net::Gru | Net::Engine => denoiser(kind, causal, target, 1),
            };
            let mut batch = Batch::new(1, tokens, width);
            (batch.chunks_b, batch.goal_b) = (vec![CHUNKS - 1], vec![true]);
            batch.level_bt = vec![10, 60, 200, 400, 600, 800, 1000];
            let (_, pulled) = estimate_and_pull(denoiser.as_mut(), &batch);
            let weights = normals(batch.x_btd.len(), &[9]);
            let mut score = |x_btd: Vec<f64>| {
                let x0 = estimate(denoiser.as_mut(), &Batch { x_btd, ..batch.clone() });
                x0.iter().zip(&weights).map(|(x, w)| 0.5 * w * x * x).sum::<f64>()
            };
            let largest = pulled.iter().fold(0.0f64, |a, g| a.max(g.abs()));
            assert!(largest > 0.1);
            for i in (0..pulled.len()).step_by(3) {
                let moved = |by: f64| {
                    let mut x = batch.x_btd.clone();
                    x[i] += by;
                    x
                };
                let difference = (score(moved(step)) - score(moved(-step))) / (2.0 * step);
                assert!(
                    (difference - pulled[i]).abs() < tolerance * largest,
                    "{kind:?} {target:?} entry {i}: {difference} and {}",
                    pulled[i]
                );
            }
        }
    }
}

/// Gradient of an objective against central differences.
fn check_objective(objective: &dyn Objective, x0: &[f64], chunks: usize) -> Result<(), TestCaseError> {
    let mut gradient = vec![0.0; x0.len()];
    let value = objective.value_and_gradient(x0, chunks, &mut gradient);
    prop_assert!(value.is_finite());
    let at = |x: &[f64]| objective.value_and_gradient(x, chunks, &mut vec![0.0; x.len()]);
    for i in 0..x0.len() {
        let (mut up, mut down) = (x0.to_vec(), x0.to_vec());
        up[i] += 1e-5;
        down[i] -= 1e-5;
        let difference = (at(&up) - at(&down)) / 2e-5;
        prop_assert!(
            (difference - gradient[i]).abs() < 1e-7 * (1.0 + gradient[i].abs()),
            "entry {}: {} and {}",
            i,
            difference,
            gradient[i]
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Away from the goal itself, where the distance has a kink.
    #[test]
    fn reach_goal_has_the_gradient_of_its_value(
        x0 in prop::collection::vec(-3.0..3.0f64, 7 * 10),
        goal in prop::collection::vec(-4.0..4.0f64, 2),
        radius in 0.2..5.0f64,
        chunks in 1usize..=CHUNKS,
    ) {
        let layout = layout(false);
        let normalizer = scaling(vec![0.3, 9.0, -0.2], vec![1.7, 9.0, 0.6]);
        let task = GoalTask::new(&[0, 2], &goal, radius).with_width(radius);
        let objective = TaskObjective::new(&task, &layout, &normalizer, 0.0);
        let near = (FIRST_CHUNK..FIRST_CHUNK + chunks).any(|t| (0..2).any(|frame| {
            let at = t * layout.width() + layout.observation_at(frame);
            (x0[at] * 1.7 + 0.3 - goal[0]).hypot(x0[at + 2] * 0.6 - 0.2 - goal[1]) < 1e-2
        }));
        prop_assume!(!near);
        check_objective(&objective, &x0, chunks)?;
    }

    #[test]
    fn planned_reward_has_the_gradient_of_its_value(
        x0 in prop::collection::vec(-3.0..3.0f64, 7 * 12),
        chunks in 1usize..=CHUNKS,
    ) {
        let (layout, normalizer) = (layout(true), scaling(vec![0.0; 3], vec![1.0; 3]));
        check_objective(&TaskObjective::new(&ReturnTask, &layout, &normalizer, 0.0), &x0, chunks)?;
    }
}

/// The push on one token depends neither on the horizon nor on the frame stack: that is what gives a
/// guidance scale its meaning.
#[test]
fn objectives_are_sums_over_chunks_of_means_over_frames() {
    let goal = [0.5, -0.5];
    let normalizer = scaling(vec![0.0; 3], vec![1.0; 3]);
    let task = GoalTask::new(&[0, 2], &goal, 0.7).with_width(0.7);
    let value = |frames_per_token: usize, chunks: usize| {
        let layout = TokenLayout { frames_per_token, ..layout(false) };
        let x0 = vec![0.25; layout.tokens(chunks) * layout.width()];
        TaskObjective::new(&task, &layout, &normalizer, 0.0).value(&x0, chunks)
    };
    let each = -(f64::hypot(0.25, 0.75) / 1.4).tanh();
    for (frames_per_token, chunks) in [(1, 1), (2, 3), (10, 5)] {
        assert!((value(frames_per_token, chunks) - each * chunks as f64).abs() < 1e-12);
    }
}
