//! What a network is left to learn where the world is linear: nothing.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use burn::tensor::Device;
use forethought_planner::network::{Network, NetworkConfig, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{
    Denoiser, EngineDenoiser, FIRST_CHUNK, Half, LocalDynamics, NoisyBatch, Preconditioning, STATE,
    TokenLayout, random,
};

const LEVELS: usize = 1000;
const FRAMES: usize = 4;
const CHUNKS: usize = 2;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: true,
        frames_per_token: FRAMES,
        chunks: CHUNKS,
        condition: vec![0],
        level_blocks: 2,
    }
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, LEVELS).unwrap()
}

/// Position and velocity, pushed.
fn dynamics() -> LocalDynamics {
    let quiet = vec![1e-6; FRAMES * 2];
    LocalDynamics {
        spread: vec![1.0, 1.0],
        transition: vec![1.0, 0.5, 0.0, 0.8],
        effect: vec![0.0, 0.6],
        drift: vec![0.01, 0.0],
        variance: quiet.clone(),
        passive_transition: vec![1.0, 0.4, 0.0, 0.7],
        passive_drift: vec![0.0, 0.1],
        passive_variance: vec![0.3; FRAMES * 2],
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
        // What little signal pure noise holds is weighed against a variance of a millionth.
        assert!(
            (found[0] - want[0]).abs() + (found[1] - want[1]).abs() < 1e-3,
            "frame {i}: {found:?} for {want:?}"
        );
        let action = chunk + layout.action_at(i);
        assert!((x0[action] - x[action]).abs() < 1e-6, "what is clean stays, in single precision");
    }
}

#[test]
fn later_decisions_have_no_part_in_earlier_outcomes() {
    let (layout, width) = (layout(), layout().width());
    let (x, chunk) = (draw(), FIRST_CHUNK * layout.width());
    let level = |token: usize, part: usize| if token == STATE || part == 0 { 0 } else { LEVELS as u16 };
    let mut other = x.clone();
    for i in FRAMES / 2..FRAMES {
        other[chunk + layout.action_at(i)] += 3.0;
    }
    let (one, two) = (estimate(&x, level), estimate(&other, level));
    let end = layout.observation_at(FRAMES / 2 - 1) + 2;
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

#[test]
fn a_noisy_frame_is_weighed_against_what_is_known_before() {
    // By hand, for the position of the first frame: m = u_p + 0.4 u_v of the passive model with u clean, V = 0.3.
    let (layout, width, level) = (layout(), layout().width(), 400_u16);
    let x = draw();
    let x0 = estimate(&x, |token, part| match token {
        STATE => 0,
        FIRST_CHUNK if part == layout.part(0, Half::Outcome) => level,
        _ => LEVELS as u16,
    });
    let abar = schedule().abar(usize::from(level));
    let floor = schedule().abar(LEVELS);
    let u = &x[STATE * width + layout.last_observation()..][..2];
    let slot = FIRST_CHUNK * width + layout.observation_at(0);
    let action = x[FIRST_CHUNK * width + layout.action_at(0)];
    // Pure noise keeps 0.00001 of the signal: the two models are mixed by as much.
    let m = [u[0] + (0.4 + 0.1 * floor) * u[1] + 0.01 * floor, 0.0];
    let variance = 0.3 * (1.0 - floor) + 1e-6 * floor;
    let gain = abar.sqrt() * variance / (abar * variance + 1.0 - abar);
    let want = m[0] + gain * (x[slot] - abar.sqrt() * m[0]);
    assert!((x0[slot] - want).abs() < 1e-5, "{} for {want}", x0[slot]);
    assert!(action.is_finite());
}

#[test]
fn blocks_need_dynamics_and_residuals_need_blocks() {
    let new = |layout: &TokenLayout, target, dynamics: Option<&LocalDynamics>| {
        Preconditioning::new(layout, &schedule(), target, 0, dynamics)
    };
    assert!(new(&layout(), Target::Residual, Some(&dynamics())).is_ok());
    assert!(new(&layout(), Target::Residual, None).unwrap_err().to_string().contains("train again"));
    let longer = TokenLayout { frames_per_token: 5, ..layout() };
    assert!(new(&longer, Target::X0, Some(&dynamics())).is_err(), "of another number of frames");
    let plain = TokenLayout { level_blocks: 0, ..layout() };
    let message = new(&plain, Target::Residual, None).unwrap_err().to_string();
    assert!(message.contains("model.level_blocks"), "{message}");
    assert!(new(&plain, Target::X0, None).is_ok());
    let broken = LocalDynamics { variance: vec![0.0; FRAMES * 2], ..dynamics() };
    assert!(new(&layout(), Target::Residual, Some(&broken)).is_err());
}
