//! What a network is left to learn where the world is linear: nothing.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use burn::tensor::Device;
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{
    Denoiser, EngineDenoiser, FIRST_CHUNK, Half, LocalDynamics, NoisyBatch, Preconditioning, STATE,
    TokenLayout, random,
};

const LEVELS: usize = 1000;
/// Blocks of three frames and of two.
const FRAMES: usize = 5;
const BLOCK: usize = 3;
const BLOCKS: usize = 2;
const CHUNKS: usize = 2;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: true,
        frames_per_token: FRAMES,
        chunks: CHUNKS,
        condition: vec![0],
        bodies: vec![],
        objects: vec![],
        level_blocks: BLOCKS,
        returns: false,
    }
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, LEVELS).unwrap()
}

/// Position and velocity, pushed.
fn dynamics() -> LocalDynamics {
    let quiet = vec![1e-6; BLOCK * 2];
    LocalDynamics {
        spread: vec![1.0, 1.0],
        transition: vec![1.0, 0.5, 0.0, 0.8],
        effect: vec![0.0, 0.6],
        drift: vec![0.01, 0.0],
        variance: quiet.clone(),
        passive_transition: vec![1.0, 0.4, 0.0, 0.7],
        passive_drift: vec![0.0, 0.1],
        passive_variance: vec![0.3; BLOCK * 2],
    }
}

/// Answers zero, as every fresh network does.
fn untaught(dynamics: &LocalDynamics) -> EngineDenoiser {
    let (layout, config) =
        (layout(), NetworkConfig { width: 8, layers: 1, heads: 2, ..NetworkConfig::default() });
    let parameters = ParameterLayout::of(&Network::new(&config, &layout, 1, &Device::flex()).unwrap());
    let preconditioning =
        Preconditioning::new(&layout, &schedule(), Target::Residual, 0, Some(dynamics)).unwrap();
    EngineDenoiser::new(&parameters, &parameters.draw(1), &config, preconditioning, 1).unwrap()
}

/// Estimates of one sequence at these levels of `(token, part)`.
fn estimate(x_td: &[f64], level: impl Fn(usize, usize) -> u16) -> Vec<f64> {
    let layout = layout();
    let (tokens, parts) = (layout.tokens(CHUNKS), layout.parts());
    let level_btp: Vec<u16> = (0..tokens * parts).map(|i| level(i / parts, i % parts)).collect();
    let batch = NoisyBatch {
        batch: 1,
        tokens,
        x_btd: x_td,
        level_btp: &level_btp,
        chunks_b: &[CHUNKS],
        goal_b: &[true],
    };
    let mut x0 = vec![0.0; x_td.len()];
    untaught(&dynamics()).denoise(&batch, &mut x0).unwrap();
    x0
}

fn draw() -> Vec<f64> {
    let mut x = vec![0.0; layout().tokens(CHUNKS) * layout().width()];
    random::fill_normal(&mut random::stream(4, &[]), &mut x);
    x
}

/// Frames that follow an observation under these actions.
fn follow(mut o: [f64; 2], actions: impl Iterator<Item = f64>) -> Vec<[f64; 2]> {
    actions
        .map(|a| {
            o = [o[0] + 0.5 * o[1] + 0.01, 0.8 * o[1] + 0.6 * a];
            o
        })
        .collect()
}

#[test]
fn outcomes_follow_from_clean_decisions_before_anything_is_learnt() {
    let (layout, width) = (layout(), layout().width());
    let x = draw();
    let decided = |token: usize, part: usize| {
        let action = part == layout.part(part / 2, Half::Action);
        if token == STATE || action { 0 } else { LEVELS as u16 }
    };
    let x0 = estimate(&x, decided);
    let chunk = FIRST_CHUNK * width;
    let state = &x[STATE * width + layout.last_observation()..][..2];
    let followed = follow([state[0], state[1]], (0..FRAMES).map(|i| x[chunk + layout.action_at(i)]));
    for (i, want) in followed.iter().enumerate() {
        let found = &x0[chunk + layout.observation_at(i)..][..2];
        // An estimate is trusted but for a thousandth, where dynamics leave a variance of a millionth.
        assert!(
            (found[0] - want[0]).abs() + (found[1] - want[1]).abs() < 4e-3,
            "frame {i}: {found:?} for {want:?}"
        );
    }
}

#[test]
fn later_decisions_have_no_part_in_earlier_outcomes() {
    let (layout, width) = (layout(), layout().width());
    let (x, chunk) = (draw(), FIRST_CHUNK * layout.width());
    let level = |token: usize, part: usize| if token == STATE || part == 0 { 0 } else { LEVELS as u16 };
    let mut other = x.clone();
    for i in BLOCK..FRAMES {
        other[chunk + layout.action_at(i)] += 3.0;
    }
    let (one, two) = (estimate(&x, level), estimate(&other, level));
    let end = layout.observation_at(BLOCK - 1) + 2;
    assert_eq!(one[chunk..chunk + end], two[chunk..chunk + end]);
    assert_eq!(one.len(), layout.tokens(CHUNKS) * width);
}

#[test]
fn without_decisions_frames_drift_on_from_where_the_chunk_before_ends() {
    let (layout, width) = (layout(), layout().width());
    let x = draw();
    // The first chunk is known, the second pure noise.
    let x0 = estimate(&x, |token, _| if token <= FIRST_CHUNK { 0 } else { LEVELS as u16 });
    let end = &x[FIRST_CHUNK * width + layout.last_observation()..][..2];
    let first = &x0[(FIRST_CHUNK + 1) * width + layout.observation_at(0)..][..2];
    let want = [end[0] + 0.4 * end[1], 0.7 * end[1] + 0.1];
    assert!((first[0] - want[0]).abs() < 0.03 && (first[1] - want[1]).abs() < 0.03, "{first:?} for {want:?}");
}

/// Where the present moves, so does all that follows from it; but where nothing tells how far, plans are not strung
/// together from errors that add up.
#[test]
fn blocks_follow_from_each_other_as_far_as_levels_tell() {
    let (layout, width) = (layout(), layout().width());
    let x = draw();
    let mut moved = x.clone();
    moved[STATE * width + layout.last_observation()] += 1.0;
    // How far the positions with which the blocks end move with that of the present.
    let follow = |level: &dyn Fn(usize, usize) -> u16| -> Vec<f64> {
        let (one, two) = (estimate(&x, level), estimate(&moved, level));
        let ends = (0..CHUNKS).flat_map(|chunk| {
            [BLOCK, FRAMES].map(|end| (FIRST_CHUNK + chunk) * width + layout.observation_at(end - 1))
        });
        ends.map(|slot| two[slot] - one[slot]).collect()
    };
    let decided = follow(&|token, part| {
        let action = part == layout.part(part / 2, Half::Action);
        if token == STATE || action { 0 } else { LEVELS as u16 }
    });
    // Of the chunk before, a chunk is told its last level and not its decisions.
    assert!(decided[..BLOCKS].iter().all(|moved| (moved - 1.0).abs() < 0.02), "{decided:?}");
    let open = follow(&|token, _| if token == STATE { 0 } else { LEVELS as u16 });
    assert!((open[0] - 1.0).abs() < 0.02, "a plan begins at the present: {open:?}");
    assert!(open.windows(2).all(|pair| pair[1] < 0.85 * pair[0]), "{open:?}");
}

/// Through the network, through what it is shown, and through blocks that follow from each other.
#[test]
fn the_pulled_gradient_agrees_with_finite_differences() {
    let layout = layout();
    let config =
        NetworkConfig { width: 8, layers: 1, heads: 2, fourier_features: 2, ..NetworkConfig::default() };
    let network = Network::new(&config, &layout, 1, &Device::flex()).unwrap();
    let parameters = ParameterLayout::of(&network);
    let mut weights = vec![0.0; parameters.len()];
    random::fill_normal(&mut random::stream(2, &[]), &mut weights);
    let weights: Vec<f32> = weights.iter().map(|w| 0.3 * *w as f32).collect();
    let network = parameters.load(network, &weights, &Device::flex()).unwrap();
    let preconditioning =
        Preconditioning::new(&layout, &schedule(), Target::Residual, 2, Some(&dynamics())).unwrap();
    let burn = NetworkDenoiser::new(network, preconditioning, &config, &Device::flex(), true).unwrap();
    let mut denoiser = burn.in_double_precision();
    let (tokens, parts) = (layout.tokens(CHUNKS), layout.parts());
    let level_btp: Vec<u16> = (0..tokens * parts).map(|i| 20 + (i * 131 % 900) as u16).collect();
    let mut estimate = |x: &[f64]| {
        let batch = NoisyBatch {
            batch: 1,
            tokens,
            x_btd: x,
            level_btp: &level_btp,
            chunks_b: &[CHUNKS],
            goal_b: &[true],
        };
        let (mut x0, mut pulled) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        // J = 1/2 sum w x0^2 over everything.
        let cotangent = |_: usize, x0: &[f64], g: &mut [f64]| {
            g.iter_mut().zip(x0).enumerate().for_each(|(i, (g, x))| *g = (1.0 + (i % 5) as f64) * x);
        };
        denoiser.denoise_vjp(&batch, &mut x0, &cotangent, &mut pulled).unwrap();
        let score: f64 = x0.iter().enumerate().map(|(i, x)| 0.5 * (1.0 + (i % 5) as f64) * x * x).sum();
        (score, pulled)
    };
    let mut x = draw();
    for (i, value) in x.iter_mut().enumerate() {
        *value *= f64::from(u8::from(layout.exists(i / layout.width(), i % layout.width())));
    }
    let (_, pulled) = estimate(&x);
    let largest = pulled.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
    for i in (0..x.len()).filter(|&i| layout.exists(i / layout.width(), i % layout.width())) {
        let mut moved = |by: f64| {
            let mut x = x.clone();
            x[i] += by;
            estimate(&x).0
        };
        let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!(
            (numeric - pulled[i]).abs() < 1e-6 * largest.max(1.0),
            "slot {i}: {} for {numeric}",
            pulled[i]
        );
    }
}

#[test]
fn blocks_need_dynamics_and_residuals_need_blocks() {
    let new = |layout: &TokenLayout, target, dynamics: Option<&LocalDynamics>| {
        Preconditioning::new(layout, &schedule(), target, 0, dynamics)
    };
    assert!(new(&layout(), Target::Residual, Some(&dynamics())).is_ok());
    assert!(new(&layout(), Target::Residual, None).unwrap_err().to_string().contains("train again"));
    let longer = TokenLayout { frames_per_token: 9, ..layout() };
    assert!(new(&longer, Target::X0, Some(&dynamics())).is_err(), "of another number of frames");
    let plain = TokenLayout { level_blocks: 0, ..layout() };
    let message = new(&plain, Target::Residual, None).unwrap_err().to_string();
    assert!(message.contains("model.level_blocks"), "{message}");
    assert!(new(&plain, Target::X0, None).is_ok());
    let broken = LocalDynamics { variance: vec![0.0; BLOCK * 2], ..dynamics() };
    assert!(new(&layout(), Target::Residual, Some(&broken)).is_err());
}
