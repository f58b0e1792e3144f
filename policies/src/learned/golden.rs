//! Losses and gradients against those of the papers' equations in NumPy: `tests/golden/make_learned.py`.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::batch::Batch;
use super::transitions::Sizes;
use super::*;
use crate::perceptron::Activation;

const ROWS: usize = 4;

fn wave(function: fn(f64) -> f64, width: usize, a: f64, b: f64) -> Vec<f32> {
    (0..ROWS * width).map(|i| function(a * i as f64 + b) as f32).collect()
}

fn batch(goals: bool) -> Batch {
    let scaled = |mut values: Vec<f32>, factor: f32| {
        values.iter_mut().for_each(|value| *value *= factor);
        values
    };
    let rewards = scaled(wave(f64::sin, 1, 1.0, 0.4), 0.5);
    Batch {
        rows: ROWS,
        observations_bo: wave(f64::cos, 2, 0.9, 0.0),
        next_observations_bo: wave(f64::cos, 2, 0.9, 0.3),
        actions_ba: scaled(wave(f64::sin, 1, 1.7, 0.0), 0.8),
        rewards_b: if goals { vec![-1.0, -1.0, 0.0, -1.0] } else { rewards },
        masks_b: vec![1.0, 1.0, 0.0, 1.0],
        value_goals_bg: if goals { wave(f64::cos, 1, 2.1, 0.5) } else { Vec::new() },
        actor_goals_bg: if goals { wave(f64::sin, 1, 2.3, 0.1) } else { Vec::new() },
        subgoals_bg: wave(f64::sin, 1, 1.9, 0.7),
        waypoints_bg: wave(f64::cos, 1, 1.3, 0.2),
        waypoints_bo: wave(f64::sin, 2, 0.8, 0.6),
    }
}

fn settings(goals: bool) -> LearnedConfig {
    let mut config = LearnedConfig::default();
    config.train.hidden = vec![4, 3];
    (config.train.activation, config.train.layer_norm) =
        if goals { (Activation::Gelu, true) } else { (Activation::Relu, false) };
    config.train.discount = 0.9;
    // No step changes anything, so that every loss is that of the weights given.
    config.train.rate = 1e-30;
    config.gc.alpha = 0.3;
    config.hiql.representation = 2;
    config.diffusion_ql.grad_norm = 0.0;
    (config.td3_bc.noise, config.td3_bc.delay) = (0.0, 1);
    config
}

/// Parameters as the fixture's.
fn fill(number: u64, trained: &mut network::Trained) {
    for (i, parameter) in trained.network.parameters_mut().iter_mut().enumerate() {
        *parameter = (0.4 * (1.3 * i as f64 + 0.7 * number as f64 + 0.2).sin()) as f32;
    }
}

/// Single precision; normalising four numbers loses a digit.
fn close(got: f32, want: f64) -> bool {
    (f64::from(got) - want).abs() < 2e-5 + 2e-4 * want.abs()
}

/// Through all steps from noise to an action, with noise that is given.
#[test]
fn the_denoising_policy_s_gradient_is_that_of_the_paper() {
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/learned.json")).unwrap();
    let want = &golden[DIFFUSION_QL]["actor"];
    let sizes = Sizes { observation: 2, action: 1, goal: 0 };
    let mut learner = diffusion_ql::DiffusionQl::new(sizes, &settings(false)).unwrap();
    learner.trained().into_iter().for_each(|(number, trained)| fill(number, trained));
    let chain = (0..5_u8).map(|j| {
        let wave = wave(f64::cos, 1, 1.1 + 0.5 * f64::from(j), 0.4);
        wave.into_iter().map(|value| 0.7 * value).collect()
    });
    let draws = diffusion_ql::Draws {
        level_b: vec![0, 2, 4, 1],
        noise_ba: wave(f64::sin, 1, 2.9, 0.3),
        chain: chain.collect(),
        first: false,
    };
    let [denoising, q] = learner.improve(&batch(false), &draws).unwrap();
    assert!(close(denoising + q, want["loss"].as_f64().unwrap()), "{denoising} {q}");
    let gradient = &learner.trained().remove(0).1.gradient;
    let want = want["gradients"][0].as_array().unwrap();
    assert_eq!(gradient.len(), want.len());
    for (i, (got, want)) in gradient.iter().zip(want).enumerate() {
        assert!(close(*got, want.as_f64().unwrap()), "parameter {i}: {got} {want}");
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_papers() {
    let text = include_str!("../../tests/golden/learned.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    // Numbers of the networks that each loss is for.
    type Parts<'a> = &'a [(&'a str, &'a [u64])];
    let cases: [(&str, Parts<'_>); 6] = [
        (GCBC, &[("actor", &[0])]),
        (TD3_BC, &[("critic", &[2, 3]), ("actor", &[0])]),
        (IQL, &[("value", &[1]), ("critic", &[2, 3]), ("actor", &[0])]),
        (GCIVL, &[("value", &[1, 2]), ("actor", &[0])]),
        (GCIQL, &[("value", &[1]), ("critic", &[2, 3]), ("actor", &[0])]),
        (HIQL, &[("value", &[1, 2]), ("representation", &[8]), ("low", &[0]), ("high", &[7])]),
    ];
    for (name, parts) in cases {
        let goals = has_goal(name);
        let sizes = Sizes { observation: 2, action: 1, goal: usize::from(goals) };
        let mut learner = learner(name, sizes, &settings(goals)).unwrap();
        for (number, trained) in learner.trained() {
            fill(number, trained);
        }
        let losses = learner.update(&batch(goals), &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        for (loss, networks) in parts {
            let want = &golden[name][loss];
            // The representation is trained by the values' loss.
            let called = if *loss == "representation" { &"value" } else { loss };
            let got = losses.iter().find(|(found, _)| found == called).unwrap().1;
            assert!(close(got, want["loss"].as_f64().unwrap()), "{name} {loss}: {got} {want}");
            for (network, want) in networks.iter().zip(want["gradients"].as_array().unwrap()) {
                let trained = learner.trained().into_iter().find(|(number, _)| number == network).unwrap().1;
                let want = want.as_array().unwrap();
                assert_eq!(trained.gradient.len(), want.len());
                for (i, (got, want)) in trained.gradient.iter().zip(want).enumerate() {
                    let want = want.as_f64().unwrap();
                    assert!(
                        close(*got, want),
                        "{name} {loss}, network {network}, parameter {i}: {got} {want}"
                    );
                }
            }
        }
    }
}
