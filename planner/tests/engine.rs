//! The CPU engine against Burn: estimates, input gradients and weight gradients of one and the same network,
//! over shapes; and the same bits for any number of threads.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::{ScheduleKind, Target};
use forethought_planner::training::GradientWorkers;
use forethought_planner::{
    Denoiser, EngineDenoiser, FourierEntries, GOAL, LocalDynamics, ModelConfig, NoisyBatch, Preconditioning,
    TokenLayout, TrainBatch, random,
};
use proptest::prelude::*;

const LEVELS: usize = 1000;

/// Sizes of a network and of a batch for it.
#[derive(Clone, Debug)]
struct Case {
    heads: usize,
    per_head: usize,
    layers: usize,
    causal: bool,
    fourier_features: usize,
    frames_per_token: usize,
    chunks: usize,
    level_blocks: usize,
    batch: usize,
    target: Target,
    seed: u64,
}

fn any_case() -> impl Strategy<Value = Case> {
    let target = prop_oneof![Just(Target::X0), Just(Target::Noise), Just(Target::V), Just(Target::Residual)];
    let network = (
        1usize..4,
        prop_oneof![Just(4usize), Just(10), Just(16), Just(32)],
        1usize..4,
        any::<bool>(),
        0usize..5,
    );
    let batch = (1usize..5, 1usize..20, 1usize..12, 0usize..3);
    (network, batch, target, any::<u64>()).prop_map(|(network, batch, target, seed)| Case {
        heads: network.0,
        per_head: network.1,
        layers: network.2,
        causal: network.3,
        fourier_features: network.4,
        frames_per_token: batch.0,
        chunks: batch.1,
        batch: batch.2,
        // Of three frames, blocks of two and of one.
        level_blocks: batch.3.max(usize::from(target == Target::Residual)).min(batch.0),
        target,
        seed,
    })
}

/// The network of a case in both forms, and a batch.
struct Made {
    config: NetworkConfig,
    layout: TokenLayout,
    network: Network,
    parameters: ParameterLayout,
    weights: Vec<f32>,
    dynamics: LocalDynamics,
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
}

impl Case {
    fn make(&self) -> Made {
        let config = NetworkConfig {
            kind: NetworkKind::Transformer,
            width: self.heads * self.per_head,
            layers: self.layers,
            heads: self.heads,
            fourier_features: self.fourier_features,
            causal: self.causal,
            // Of the entries that goals speak of, or of two bodies and how far they are apart.
            fourier_entries: if self.causal { FourierEntries::Bodies } else { FourierEntries::Condition },
        };
        let layout = TokenLayout {
            observation: 3,
            action: 2,
            reward: false,
            frames_per_token: self.frames_per_token,
            chunks: self.chunks,
            condition: vec![0, 2],
            bodies: vec![0..1, 2..3],
            objects: vec![],
            level_blocks: self.level_blocks,
            returns: false,
        };
        let network = Network::new(&config, &layout, 3, &Device::flex()).unwrap();
        let parameters = ParameterLayout::of(&network);
        // Fresh networks answer zero (their last layer starts there): all weights are drawn instead.
        let drawn = self.normals(parameters.len(), 1);
        let weights: Vec<f32> =
            parameters.draw(3).iter().zip(drawn).map(|(w, z)| w + 0.1 * z as f32).collect();
        let network = parameters.load(network, &weights, &Device::flex()).unwrap();
        let tokens = layout.tokens(self.chunks);
        let draw = |n, path, most: f64| self.normals(n, path).into_iter().map(move |z| z.abs() * most / 3.0);
        Made {
            x_btd: self.normals(self.batch * tokens * layout.width(), 2),
            // At the highest levels a noise target divides by almost nothing, in either of the two.
            level_btp: draw(self.batch * tokens * layout.parts(), 3, 800.0)
                .map(|k| 1 + (k as u16).min(799))
                .collect(),
            dynamics: self.dynamics(&layout),
            chunks_b: draw(self.batch, 4, self.chunks as f64)
                .map(|c| 1 + (c as usize).min(self.chunks - 1))
                .collect(),
            goal_b: self.normals(self.batch, 5).into_iter().map(|z| z > 0.0).collect(),
            config,
            layout,
            network,
            parameters,
            weights,
        }
    }

    /// Dynamics that move, push and forget a little.
    fn dynamics(&self, layout: &TokenLayout) -> LocalDynamics {
        let mut dynamics = LocalDynamics::persistence(layout);
        for (path, values) in [
            (6, &mut dynamics.transition),
            (7, &mut dynamics.effect),
            (8, &mut dynamics.drift),
            (9, &mut dynamics.passive_transition),
        ] {
            values.iter_mut().zip(self.normals(64, path)).for_each(|(value, z)| *value += 0.1 * z);
        }
        dynamics.variance.iter_mut().enumerate().for_each(|(i, v)| *v = 0.01 * (1 + i) as f64);
        dynamics
    }

    fn normals(&self, count: usize, path: u64) -> Vec<f64> {
        let mut out = vec![0.0; count];
        random::fill_normal(&mut random::stream(self.seed, &[path]), &mut out);
        out
    }
}

impl Made {
    fn burn(&self, target: Target) -> NetworkDenoiser {
        let (network, device) = (self.network.clone(), Device::flex());
        NetworkDenoiser::new(network, self.preconditioning(target), &self.config, &device, true).unwrap()
    }

    fn engine(&self, target: Target, threads: usize) -> EngineDenoiser {
        let (parameters, weights) = (&self.parameters, &self.weights);
        EngineDenoiser::new(parameters, weights, &self.config, self.preconditioning(target), threads).unwrap()
    }

    fn preconditioning(&self, target: Target) -> Preconditioning {
        let model = ModelConfig {
            levels: LEVELS,
            schedule: ScheduleKind::Cosine,
            target,
            network: self.config.clone(),
            ..ModelConfig::default()
        };
        model.preconditioning(&self.layout, Some(&self.dynamics)).unwrap()
    }

    fn view(&self) -> NoisyBatch<'_> {
        NoisyBatch {
            batch: self.chunks_b.len(),
            tokens: self.layout.tokens(self.layout.chunks),
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        }
    }

    /// Whether a number of `[B, T, D]` belongs to a token that others can see.
    fn visible(&self, i: usize) -> bool {
        let (tokens, width) = (self.layout.tokens(self.layout.chunks), self.layout.width());
        let (b, t) = (i / (tokens * width), i / width % tokens);
        if t == GOAL { self.goal_b[b] } else { t < 2 + self.chunks_b[b] }
    }

    /// Estimate and pulled gradient of `J = 0.15 sum x0^2` over visible tokens.
    fn estimate_and_pull(&self, denoiser: &mut dyn Denoiser) -> (Vec<f64>, Vec<f64>) {
        let (mut x0, mut pulled) = (vec![0.0; self.x_btd.len()], vec![0.0; self.x_btd.len()]);
        let cotangent = |b: usize, x0: &[f64], g: &mut [f64]| {
            for (i, (g, x)) in g.iter_mut().zip(x0).enumerate() {
                *g = if self.visible(b * x0.len() + i) { x * 0.3 } else { 0.0 };
            }
        };
        denoiser.denoise_vjp(&self.view(), &mut x0, &cotangent, &mut pulled).unwrap();
        for i in (0..x0.len()).filter(|&i| !self.visible(i)) {
            (x0[i], pulled[i]) = (0.0, 0.0);
        }
        (x0, pulled)
    }

    /// Draws of so many numbers a token.
    fn drawn(&self, numbers: usize, path: u64) -> impl Iterator<Item = f64> {
        let mut out = vec![0.0; self.chunks_b.len() * self.layout.tokens(self.layout.chunks) * numbers];
        random::fill_normal(&mut random::stream(17, &[path]), &mut out);
        out.into_iter()
    }

    /// A training batch of the same tokens.
    fn train_batch(&self) -> TrainBatch {
        let weigh = |i: usize| if self.visible(i) { 0.1 + (i % 7) as f32 * 0.1 } else { 0.0 };
        TrainBatch {
            input_bti: self.drawn(self.config.input(&self.layout), 7).map(|z| z as f32).collect(),
            clean_btd: self.x_btd.iter().map(|&x| (x * 1.7).sin() as f32).collect(),
            weight_btd: (0..self.x_btd.len()).map(weigh).collect(),
            level_btl: self
                .drawn(self.layout.told_levels(), 8)
                .map(|z| 1 + (z.abs() * 300.0) as u16 % 999)
                .collect(),
            chunks_b: self.chunks_b.clone(),
            goal_b: self.goal_b.clone(),
        }
    }

    fn gradient(&self, target: Target, engine: bool, shards: usize, threads: usize) -> (f32, Vec<f32>) {
        let device = Device::flex();
        let new = if engine { GradientWorkers::new } else { GradientWorkers::in_burn };
        let (network, config) = (&self.network, &self.config);
        let mut workers =
            new(network, config, &self.preconditioning(target), shards, &device, Some(threads)).unwrap();
        let weights = Tensor::from_data(TensorData::new(self.weights.clone(), [self.weights.len()]), &device);
        let step = workers.gradient(&weights, &self.train_batch()).unwrap();
        (step.loss.into_scalar::<f32>(), step.gradient.try_into_vec_as::<f32>().unwrap())
    }
}

/// Distance of two vectors relative to the second's length.
fn relative_distance<'a>(a: impl Iterator<Item = &'a f64>, b: &[f64]) -> f64 {
    let norm = |x: f64| x.max(0.0).sqrt();
    let gap = norm(a.zip(b).map(|(a, b)| (a - b).powi(2)).sum());
    gap / norm(b.iter().map(|b| b * b).sum()).max(1e-12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn estimates_and_input_gradients_agree_with_burn(case in any_case()) {
        let made = case.make();
        let (x0, pulled) = made.estimate_and_pull(&mut made.engine(case.target, 1));
        let (burn_x0, burn_pulled) = made.estimate_and_pull(&mut made.burn(case.target));
        prop_assert!(relative_distance(x0.iter(), &burn_x0) < 1e-4);
        prop_assert!(relative_distance(pulled.iter(), &burn_pulled) < 1e-4);
        // Without a gradient the forward pass keeps nothing; it must say the same.
        let mut alone = vec![0.0; x0.len()];
        made.engine(case.target, 1).denoise(&made.view(), &mut alone).unwrap();
        prop_assert!((0..x0.len()).all(|i| !made.visible(i) || alone[i] == x0[i]));
    }

    #[test]
    fn threads_change_no_bit(case in any_case(), threads in 2usize..6) {
        let made = case.make();
        let one = made.estimate_and_pull(&mut made.engine(case.target, 1));
        let mut engine = made.engine(case.target, threads);
        for _ in 0..2 {
            prop_assert_eq!(&made.estimate_and_pull(&mut engine), &one);
        }
    }

    #[test]
    fn weight_gradients_agree_with_burn(case in any_case(), shards in 1usize..4) {
        let made = case.make();
        let (loss, gradient) = made.gradient(case.target, true, shards, 2);
        let (burn_loss, burn_gradient) = made.gradient(case.target, false, 1, 1);
        prop_assert!((loss - burn_loss).abs() <= 1e-5 * burn_loss);
        let whole = burn_gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        for slot in &made.parameters.slots {
            let part = |g: &[f32]| -> Vec<f64> {
                g[slot.offset..slot.offset + slot.len()].iter().map(|g| f64::from(*g)).collect()
            };
            let (ours, burn) = (part(&gradient), part(&burn_gradient));
            let norm = burn.iter().map(|g| g * g).sum::<f64>().sqrt();
            let gap = relative_distance(ours.iter(), &burn) * norm.max(1e-12);
            // Relative to the slot; where a slot's gradient all but cancels, to what cancelled.
            prop_assert!(gap <= 1e-4 * norm + 1e-6 * whole, "`{}`: {gap:.2e} of {norm:.2e}", slot.name);
        }
        prop_assert_eq!((loss, gradient), made.gradient(case.target, true, shards, 1));
    }
}

/// Tokens that would see chunks past their end, or longer than the network's tables, are refused by both.
#[test]
fn sequences_that_do_not_fit_are_refused() {
    let case = Case {
        heads: 1,
        per_head: 4,
        layers: 1,
        causal: false,
        fourier_features: 3,
        frames_per_token: 1,
        level_blocks: 1,
        chunks: 3,
        batch: 2,
        target: Target::X0,
        seed: 1,
    };
    let mut made = case.make();
    made.chunks_b[1] = 4;
    let mut x0 = vec![0.0; made.x_btd.len()];
    let mut denoisers: [Box<dyn Denoiser>; 2] =
        [Box::new(made.engine(case.target, 1)), Box::new(made.burn(case.target))];
    for denoiser in &mut denoisers {
        let error = denoiser.denoise(&made.view(), &mut x0).unwrap_err();
        assert!(error.to_string().contains("visible chunks"), "{error}");
    }
    let device = Device::flex();
    let weights = Tensor::from_data(TensorData::new(made.weights.clone(), [made.weights.len()]), &device);
    let mut workers = GradientWorkers::new(
        &made.network,
        &made.config,
        &made.preconditioning(case.target),
        1,
        &device,
        Some(1),
    )
    .unwrap();
    assert!(workers.gradient(&weights, &made.train_batch()).is_err());
}
