//! The Burn networks against an independent implementation (NumPy, from the equations; see `golden/`).
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use burn::tensor::Device;
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{Denoiser, FIRST_CHUNK, GOAL, NoisyBatch, Preconditioning, TokenLayout};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn integer(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// Largest error relative to the largest output.
fn worst(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    assert!(largest > 0.5, "the fixture's outputs are of order one");
    found.iter().zip(wanted).fold(0.0f64, |a, (f, w)| a.max((f - w).abs())) / largest
}

/// In f64 nothing but rounding is left: 1e-9 allows for a thousand operations and the parser of decimals.
/// In f32 the angles of the level embedding, up to 800, are good to 800 * 6e-8, hence 1e-4 of the output.
#[test]
fn networks_agree_with_the_equations() {
    let fixture: Value = serde_json::from_str(include_str!("golden/networks.json")).unwrap();
    let layout = TokenLayout {
        observation: integer(&fixture["observation"]),
        action: integer(&fixture["action"]),
        reward: false,
        frames_per_token: integer(&fixture["frame_stack"]),
        chunks: integer(&fixture["chunks"]),
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    };
    let x_btd = numbers(&fixture["x_btd"]);
    let level_bt: Vec<u16> = numbers(&fixture["level_bt"]).iter().map(|&v| v as u16).collect();
    let chunks_b: Vec<usize> = numbers(&fixture["chunks_b"]).iter().map(|&v| v as usize).collect();
    let goal_b: Vec<bool> =
        fixture["goal_b"].as_array().unwrap().iter().map(|v| v.as_bool().unwrap()).collect();
    let device = Device::flex();
    for case in fixture["networks"].as_array().unwrap() {
        let kind = if case["kind"] == "gru" { NetworkKind::Gru } else { NetworkKind::Transformer };
        for (name, wanted) in case["outputs"].as_object().unwrap() {
            let config = NetworkConfig {
                kind,
                width: integer(&fixture["width"]),
                layers: integer(&fixture["layers"]),
                heads: integer(&fixture["heads"]),
                fourier_features: 0,
                causal: name == "causal",
                ..NetworkConfig::default()
            };
            let network = Network::new(&config, &layout, 0, &device).unwrap();
            let parameters = ParameterLayout::of(&network);
            assert_eq!(parameters.slots.len(), case["weights"].as_object().unwrap().len());
            let mut flat = Vec::new();
            for slot in &parameters.slots {
                let name = &slot.name;
                let values = case["weights"].get(name).unwrap_or_else(|| panic!("`{name}` is missing"));
                let values = numbers(values);
                assert_eq!(values.len(), slot.len(), "{}", slot.name);
                flat.extend(values.iter().map(|&v| v as f32));
            }
            let network = parameters.load(network, &flat, &device).unwrap();
            let schedule = NoiseSchedule::new(ScheduleKind::Cosine, integer(&fixture["levels"])).unwrap();
            let octaves = config.fourier_features;
            let preconditioning =
                Preconditioning::new(&layout, &schedule, Target::X0, octaves, None).unwrap();
            let mut denoiser =
                NetworkDenoiser::new(network, preconditioning, &config, &device, true).unwrap();
            let batch = NoisyBatch {
                batch: 2,
                tokens: layout.tokens(layout.chunks),
                x_btd: &x_btd,
                level_btp: &level_bt,
                chunks_b: &chunks_b,
                goal_b: &goal_b,
            };
            // Tokens that nobody sees have no estimate.
            let mut wanted = numbers(wanted);
            let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
            for (i, token_d) in wanted.chunks_exact_mut(width).enumerate() {
                let (b, t) = (i / tokens, i % tokens);
                if !(if t == GOAL { goal_b[b] } else { t < FIRST_CHUNK + chunks_b[b] }) {
                    token_d.fill(0.0);
                }
            }
            let mut found = vec![0.0; x_btd.len()];
            denoiser.denoise(&batch, &mut found).unwrap();
            let error = worst(&found, &wanted);
            println!("{kind:?} {name} f32: {error:e}");
            assert!(error < 1e-4, "{kind:?} {name} in f32: {error}");
            // Burn's recurrent unit makes its initial state in f32 whatever its weights are.
            if kind == NetworkKind::Gru {
                continue;
            }
            let mut denoiser = denoiser.in_double_precision();
            denoiser.denoise(&batch, &mut found).unwrap();
            let error = worst(&found, &wanted);
            println!("{kind:?} {name} f64: {error:e}");
            assert!(error < 1e-9, "{kind:?} {name} in f64: {error}");
        }
    }
}
