//! Whatever the public constructors are given, they answer with a value or an error that says what is wrong: no panic, no
//! memory beyond what a sound request takes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::tensor::Device;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{BoxSpace, EnvSpec, FeatureKind, Frames, GoalTask, NoTask};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{
    Continuation, ContinuationConfig, Denoiser, DiffusionPlanner, EngineDenoiser, FourierEntries,
    HistoryForm, HorizonConfig, Lengths, MatrixKind, ModelConfig, NoisyBatch, Plan, PlanConfig, Planner,
    PlannerError, Preconditioning, RankConfig, Request, Sampler, SchedulingMatrix, Solver, TokenLayout,
    Tokens,
};
use proptest::prelude::*;

/// Counts as they are, and as they wrap round.
fn count() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0usize..9,
        2 => 9usize..5000,
        2 => prop::sample::select(vec![1 << 20, 1 << 31, 1 << 32, 1 << 62, 1 << 63, usize::MAX - 1, usize::MAX]),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -2.0..2.0,
        3 => prop::sample::select(vec![0.0, -0.0, 1e-320, 1e300, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn any_layout() -> impl Strategy<Value = TokenLayout> {
    let sizes =
        (count(), count(), any::<bool>(), count(), count(), prop::collection::vec(count(), 0..3), count());
    let runs = || prop::collection::vec((count(), count()).prop_map(|(from, to)| from..to), 0..3);
    (sizes, runs(), runs()).prop_map(|(sizes, bodies, objects)| {
        let (observation, action, reward, frames_per_token, chunks, condition, level_blocks) = sizes;
        TokenLayout {
            observation,
            action,
            reward,
            frames_per_token,
            chunks,
            condition,
            bodies,
            objects,
            level_blocks,
            returns: false,
        }
    })
}

fn any_config() -> impl Strategy<Value = NetworkConfig> {
    let kind = prop::sample::select(vec![NetworkKind::Transformer, NetworkKind::Gru, NetworkKind::Reference]);
    let of = prop::sample::select(vec![
        FourierEntries::Condition,
        FourierEntries::Observation,
        FourierEntries::Bodies,
    ]);
    (kind, count(), count(), count(), count(), of, any::<bool>()).prop_map(
        |(kind, width, layers, heads, fourier_features, fourier_entries, causal)| NetworkConfig {
            kind,
            width,
            layers,
            heads,
            fourier_features,
            fourier_entries,
            causal,
        },
    )
}

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 2,
        chunks: 3,
        condition: vec![0],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

fn config() -> NetworkConfig {
    NetworkConfig { width: 8, layers: 1, heads: 2, fourier_features: 1, ..NetworkConfig::default() }
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, 100).unwrap()
}

fn engine() -> EngineDenoiser {
    let network = Network::new(&config(), &layout(), 1, &Device::flex()).unwrap();
    let parameters = ParameterLayout::of(&network);
    let weights = parameters.draw(1);
    EngineDenoiser::new(&parameters, &weights, &config(), preconditioning(), 1).unwrap()
}

fn preconditioning() -> Preconditioning {
    Preconditioning::new(&layout(), &schedule(), Target::X0, 1, None).unwrap()
}

fn burn() -> NetworkDenoiser {
    let network = Network::new(&config(), &layout(), 1, &Device::flex()).unwrap();
    NetworkDenoiser::new(network, preconditioning(), &config(), &Device::flex(), true).unwrap()
}

fn scale(width: usize) -> Normalizer {
    Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; width], vec![1.0; width]).unwrap()
}

fn planner(
    normalizer: (usize, usize),
    limits: (Vec<f64>, Vec<f64>),
    config: PlanConfig,
) -> Result<DiffusionPlanner, PlannerError> {
    let normalizer = DatasetNormalizer { observation: scale(normalizer.0), action: scale(normalizer.1) };
    let (low, high) = limits;
    DiffusionPlanner::new(Box::new(engine()), schedule(), normalizer, SlotLimits { low, high }, config, None)
}

fn plan_config() -> PlanConfig {
    PlanConfig { rank: RankConfig { ood_penalty: 0.0, candidates: 1 }, ..PlanConfig::default() }
}

/// What is counted without building a network is what it has.
#[test]
fn weights_are_counted_as_they_are_built() {
    for kind in [NetworkKind::Transformer, NetworkKind::Gru, NetworkKind::Reference] {
        for (width, layers, heads, fourier_features) in [(8, 1, 2, 0), (12, 3, 3, 2), (16, 2, 1, 12)] {
            for (frames_per_token, chunks, condition) in [(1, 1, vec![]), (3, 4, vec![1]), (9, 2, vec![0, 2])]
            {
                let config = NetworkConfig {
                    kind,
                    width,
                    layers,
                    heads,
                    fourier_features,
                    causal: false,
                    ..NetworkConfig::default()
                };
                let layout = TokenLayout {
                    observation: 3,
                    action: 2,
                    reward: width > 8,
                    frames_per_token,
                    chunks,
                    condition,
                    bodies: vec![],
                    objects: vec![],
                    level_blocks: layers.min(frames_per_token),
                    returns: false,
                };
                let network = Network::new(&config, &layout, 0, &Device::flex()).unwrap();
                let built = ParameterLayout::of(&network).len() as u64;
                assert_eq!(config.weights(&layout), Some(built), "{config:?} {layout:?}");
            }
        }
    }
}

#[test]
fn limits_normaliser_and_sizes_of_other_widths_are_refused() {
    let sound = || (vec![-1.0; 3], vec![1.0; 3]);
    assert!(planner((2, 1), sound(), plan_config()).is_ok());
    // A normaliser of half the width would scale every other entry by another's numbers.
    for widths in [(1, 1), (4, 1), (2, 2)] {
        let message = planner(widths, sound(), plan_config()).err().unwrap().to_string();
        assert!(message.contains("normaliser"), "{message}");
    }
    for (low, high) in [
        (vec![-1.0; 2], vec![1.0; 3]),
        (vec![-1.0; 3], vec![1.0; 4]),
        (vec![-1.0, 2.0, -1.0], vec![1.0; 3]),
        (vec![-1.0; 3], vec![1.0, f64::NAN, 1.0]),
    ] {
        let message = planner((2, 1), (low, high), plan_config()).err().unwrap().to_string();
        assert!(message.contains("limits"), "{message}");
    }
    for config in [
        PlanConfig {
            rank: RankConfig { candidates: 4096, ood_penalty: 0.0 },
            guidance: forethought_planner::GuidanceConfig { mc_samples: 4096, ..Default::default() },
            ..plan_config()
        },
        PlanConfig {
            horizon: HorizonConfig { lengths: Lengths::These(vec![1; 5000]), ..Default::default() },
            ..plan_config()
        },
    ] {
        assert!(planner((2, 1), sound(), config).is_err());
    }
    // Settings without an upper end are used up to what there is.
    let mut config = plan_config();
    config.horizon = HorizonConfig {
        lengths: Lengths::Auto,
        shrink: usize::MAX,
        terminal_chunks: usize::MAX,
        reach: 1.0,
        leaps: true,
        episode: 0,
        surprise: f64::MAX,
    };
    config.sampler.clean_tokens = usize::MAX;
    config.sampler.uncertainty_scale = 1e300;
    let mut planner = planner((2, 1), sound(), config).unwrap();
    let task = GoalTask::new(&[0], &[0.5], 0.1);
    let first = planner.plan(&[Request::new(&[0.4, 0.0], &task, 1)], false).unwrap().remove(0);
    let absurd = Plan { frames: usize::MAX, arrival: Some(usize::MAX), ..first };
    for executed in [0, 7, usize::MAX] {
        for task in [&task as &dyn forethought_envs::Task, &NoTask] {
            let request = Request::new(&[0.4, 0.0], task, 1).after(&absurd, executed);
            assert_eq!(planner.plan(&[request], false).unwrap().len(), 1);
        }
    }
}

#[test]
fn a_plan_of_more_frames_than_it_has_is_read_as_far_as_it_goes() {
    let plan =
        Plan { frames: usize::MAX, observations: vec![0.0; 6], actions: vec![0.0; 3], ..Plan::default() };
    let task = GoalTask::new(&[0], &[0.5], 0.1);
    let frames: Frames<'_> = plan.frames(1.0);
    assert!(frames.len <= 6 && forethought_envs::Task::score(&task, frames, None).is_finite());
    assert_eq!(plan.action(usize::MAX).map(<[f64]>::len).unwrap_or(0), 0);
}

#[test]
fn parameters_that_are_not_this_network_s_are_refused() {
    let network = Network::new(&config(), &layout(), 1, &Device::flex()).unwrap();
    let sound = ParameterLayout::of(&network);
    let build = |parameters: &ParameterLayout, flat: &[f32], config: &NetworkConfig| {
        EngineDenoiser::new(parameters, flat, config, preconditioning(), 1).map(|_| ())
    };
    let flat = sound.draw(0);
    build(&sound, &flat, &config()).unwrap();
    let other = NetworkConfig { heads: 1, width: 10, ..config() };
    assert!(build(&sound, &flat, &other).is_err());
    for i in 0..sound.slots.len() {
        let mut moved = sound.clone();
        moved.slots[i].offset = usize::MAX - 3;
        let mut shaped = sound.clone();
        shaped.slots[i].shape = vec![usize::MAX, 2];
        let mut flat_shape = sound.clone();
        flat_shape.slots[i].shape.clear();
        for bad in [moved, shaped, flat_shape] {
            assert!(build(&bad, &flat, &config()).is_err(), "slot {i}");
        }
    }
    // A network of another size than its configuration, in the tensor library, whose answer would be a panic.
    let wide = NetworkConfig { width: 16, ..config() };
    assert!(NetworkDenoiser::new(network, preconditioning(), &wide, &Device::flex(), true).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn layouts_of_any_size_answer(layout in any_layout(), t in count(), d in count(), config in any_config()) {
        let _ = (layout.frame(), layout.width(), layout.tokens(t), layout.action_at(t), layout.observation_at(t));
        let _ = (layout.reward_at(t), layout.last_observation(), layout.exists(t, d));
        let mut token = [0.0; 12];
        layout.write_state(&[1.0, 2.0], &mut token);
        layout.write_goal(&[3.0], &mut token);
        let weights = config.weights(&layout);
        if layout.check().is_ok() {
            prop_assert!(layout.width() <= 1 << 20 && layout.condition.iter().all(|&i| i < layout.observation));
        }
        // Only what a machine for tests can hold is built.
        let small = weights.is_some_and(|weights| weights < 1 << 18);
        if small || layout.check().is_err() || config.check().is_err() || weights.is_none_or(|n| n > 1 << 30) {
            let built = Network::new(&config, &layout, 0, &Device::flex());
            prop_assert_eq!(built.is_ok(), small && layout.check().is_ok() && config.check().is_ok());
        }
    }

    #[test]
    fn batches_of_any_shape_are_refused_or_computed(
        batch in count(),
        tokens in count(),
        x in prop::collection::vec(number(), 0..64),
        level in prop::collection::vec(any::<u16>(), 0..12),
        chunks in prop::collection::vec(count(), 0..3),
        goal in prop::collection::vec(any::<bool>(), 0..3),
        out in 0usize..64,
        fitting: bool,
    ) {
        // Half of them fit in all but one array.
        let (mut x, mut level, mut chunks, mut goal, mut out) = (x, level, chunks, goal, out);
        let (batch, tokens) = if fitting { (batch % 3, tokens % 7) } else { (batch, tokens) };
        if fitting {
            x.resize(batch * tokens * 6, 0.5);
            level.resize(batch * tokens, 7);
            chunks.resize(batch, 1);
            goal.resize(batch, true);
            out = if out % 2 == 0 { x.len() } else { out };
        }
        let noisy = NoisyBatch { batch, tokens, x_btd: &x, level_btp: &level, chunks_b: &chunks, goal_b: &goal };
        for denoiser in [&mut engine() as &mut dyn Denoiser, &mut burn()] {
            let _ = denoiser.denoise(&noisy, &mut vec![0.0; out]);
            let cotangent = |_: usize, _: &[f64], gradient: &mut [f64]| gradient.fill(1.0);
            let _ = denoiser.denoise_vjp(&noisy, &mut vec![0.0; x.len()], &cotangent, &mut vec![0.0; out]);
        }
    }

    #[test]
    fn schedules_and_matrices_of_any_size_answer(
        tokens in count(),
        levels: u16,
        uncertainty in number(),
        settled in count(),
        known in 0usize..9,
        start in prop::collection::vec(any::<u16>(), 0..5),
        s in count(),
    ) {
        for kind in [
            MatrixKind::FullSequence,
            MatrixKind::Autoregressive,
            MatrixKind::Pyramid { uncertainty },
            MatrixKind::Trapezoid { uncertainty },
        ] {
            // The largest that is built is far from what hurts; smaller ones are enough here.
            if !(40..1 << 20).contains(&tokens)
                && let Ok(matrix) = SchedulingMatrix::new(kind, tokens, levels % 300)
            {
                let matrix = matrix.until_settled(settled).after_known(known);
                let _ = (matrix.row(s).len(), matrix.clean_after(s), matrix.steps());
            }
            let _ = SchedulingMatrix::from_levels(kind, &start, levels % 300);
        }
        prop_assert!(SchedulingMatrix::new(MatrixKind::Autoregressive, 60_000, u16::MAX).is_err());
        let _ = NoiseSchedule::new(ScheduleKind::Linear, if s > 70_000 { s } else { s % 50 });
        let _ = (schedule().abar(s), schedule().training_level(s, tokens));
    }

    #[test]
    fn sampling_of_any_tokens_is_refused_or_done(
        tokens in count(),
        numbers in 0usize..80,
        batch in count(),
        chunks in prop::collection::vec(count(), 0..3),
        limits in prop::collection::vec((number(), number()), 0..8),
        stabilization: u16,
        settled in count(),
    ) {
        let matrix = SchedulingMatrix::new(MatrixKind::default(), 3, 4).unwrap().after_known(2);
        let goals = vec![true; chunks.len()];
        let mut x = Tokens::new(tokens, vec![0.1; numbers], chunks.clone(), goals);
        let _ = x.sequence_mut(batch);
        let mut fitting = Tokens::new(5, vec![0.1; chunks.len() * 30], chunks, vec![false; x.chunks_b.len()]);
        x.batch = batch;
        let (low, high): (Vec<f64>, Vec<f64>) = limits.into_iter().unzip();
        let sampler = Sampler {
            schedule: &schedule(),
            matrix: &matrix,
            stabilization,
            limits: Some((&low, &high)),
            solver: Solver::Dpm2M,
        };
        let free = Sampler { limits: None, ..sampler };
        for tokens in [&mut x, &mut fitting] {
            let _ = sampler.run(&mut engine(), None, tokens, 0..usize::MAX, &mut |_, _| true);
            let _ = free.run(&mut engine(), None, tokens, settled..2, &mut |_, _| true);
        }
    }

    #[test]
    fn continuations_of_any_settings_are_refused_or_made(
        history in count(),
        ahead in count(),
        keep in count(),
        levels: u16,
        stabilization: u16,
        any in any_layout(),
    ) {
        let config = ContinuationConfig {
            history,
            form: HistoryForm::Known,
            ahead,
            keep,
            levels,
            matrix: MatrixKind::default(),
            solver: Solver::Ddim,
            stabilization,
        };
        let schedule = schedule();
        for layout in [layout(), any] {
            let _ = Continuation::new(&layout, &schedule, config.clone());
        }
    }

    #[test]
    fn tasks_of_any_entries_score_any_frames(
        entries in prop::collection::vec(count(), 0..4),
        values in prop::collection::vec(number(), 0..4),
        radius in number(),
        observations in prop::collection::vec(number(), 0..12),
        width in count(),
    ) {
        let task = GoalTask::new(&entries, &values, radius).with_progress(&entries);
        let frames = Frames::of_observations(&observations, width);
        let mut gradient = vec![0.0; observations.len()];
        let mut into = forethought_envs::FramesGradient::new(&mut gradient, width, 0, width);
        let _ = forethought_envs::Task::score(&task, frames, Some(&mut into));
        let _ = forethought_envs::Task::progress(&task, frames, &observations);
        let _ = forethought_envs::Task::reached(&task, &observations);
        let _ = (into.action(width).len(), into.observation(usize::MAX).len(), into.reward(width).len());
    }
}

/// A step that does nothing, to make a planner of dynamics with.
struct Still;

impl forethought_envs::Dynamics for Still {
    fn step(&self, _state: &mut [f64], _action: &[f64]) {}
}

/// What a network is shown of bodies is asked for by name, and needs a specification that says where they are.
#[test]
fn bodies_are_positions_and_without_any_they_are_refused() {
    let network = |octaves| NetworkConfig {
        fourier_features: octaves,
        fourier_entries: FourierEntries::Bodies,
        ..NetworkConfig::default()
    };
    let model = |octaves| ModelConfig { network: network(octaves), ..ModelConfig::default() };
    let still = EnvSpec::of_spaces("still", BoxSpace::symmetric(7, 1.0), BoxSpace::symmetric(1, 1.0));
    let message = model(4).layout(&still).unwrap_err().to_string();
    assert!(message.contains("fourier_entries") && message.contains("still"), "{message}");
    assert!(model(0).layout(&still).unwrap().bodies.is_empty());
    let feature = |name, width, kind| forethought_envs::Feature::new(name, width, kind);
    let kinds = [FeatureKind::Position, FeatureKind::Other, FeatureKind::Position, FeatureKind::Position];
    let features = vec![
        feature("hand", 2, kinds[0]),
        feature("grip", 1, kinds[1]),
        feature("cube", 2, kinds[2]),
        feature("drawer", 2, kinds[3]),
    ];
    let spec = EnvSpec { features, ..still };
    let layout = model(4).layout(&spec).unwrap();
    assert_eq!(layout.bodies, [0..2, 3..5, 5..7]);
    for (start, end) in [(0, 8), (3, 2), (7, 7)] {
        let bodies = std::iter::once(start..end).collect();
        let message = TokenLayout { bodies, ..layout.clone() }.check().unwrap_err().to_string();
        assert!(message.contains("layout.bodies"), "{message}");
    }
}

#[test]
fn dynamics_of_a_specification_that_contradicts_itself_are_refused() {
    let spec = EnvSpec::of_spaces("still", BoxSpace::symmetric(2, 1.0), BoxSpace::symmetric(1, 1.0));
    let made = |spec: &EnvSpec, threads| {
        forethought_planner::MppiPlanner::new(Arc::new(Still), spec, Default::default(), threads).map(|_| ())
    };
    made(&spec, 1).unwrap();
    let bad = [
        EnvSpec { action: BoxSpace::symmetric(0, 1.0), ..spec.clone() },
        EnvSpec { condition: vec![2], ..spec.clone() },
        EnvSpec {
            features: vec![forethought_envs::Feature::new("x", usize::MAX, Default::default())],
            ..spec.clone()
        },
    ];
    for bad in bad {
        let message = made(&bad, 1).err().unwrap().to_string();
        assert!(message.contains("still"), "{message}");
    }
    assert!(made(&spec, usize::MAX).is_err());
}
