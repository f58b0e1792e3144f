//! The engine against finite differences, against itself on other threads, and against what it refuses.

use super::*;
use crate::PolicyError;

/// `sum c_i y_i^2 / 2`, whose gradient for outputs is `c_i y_i`: every output weighs otherwise.
fn weighted(outputs: &[f32]) -> (f64, Vec<f32>) {
    let weight = |i: usize| 200.0 + 20.0 * (i % 7) as f32;
    let loss =
        outputs.iter().enumerate().map(|(i, y)| f64::from(weight(i)) * f64::from(*y).powi(2) / 2.0).sum();
    (loss, outputs.iter().enumerate().map(|(i, y)| weight(i) * y).collect())
}

fn inputs(rows: usize, width: usize) -> Vec<f32> {
    (0..rows * width).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect()
}

/// More rows than one shard, more hidden units than one product of a weight.
fn network(activation: Activation, layer_norm: bool) -> Mlp {
    Mlp::new(&MlpConfig { activation, layer_norm, ..MlpConfig::new(&[3, 140, 9, 2]) }, 5).unwrap()
}

#[test]
fn gradients_are_those_of_the_loss() {
    // A rectifier's kinks have no differences; its slope is tested with the kernels.
    for layer_norm in [false, true] {
        let mut network = network(Activation::Gelu, layer_norm);
        let x = inputs(150, 3);
        let (mut tape, mut gradient, mut of_input) =
            (Tape::default(), vec![9.0; network.len()], vec![9.0; x.len()]);
        let (_, output) = weighted(network.forward(&mut tape, &x).unwrap());
        network.backward(&mut tape, &output, Some(&mut gradient), Some(&mut of_input)).unwrap();
        let loss = |network: &Mlp, x: &[f32]| weighted(network.forward(&mut Tape::default(), x).unwrap()).0;
        // Differences of the fourth order, as the loss is computed in single precision: the step must be large.
        let step = 1e-2;
        let quotient = |loss: &mut dyn FnMut(f32) -> f64| {
            let mut difference = |step: f32| (loss(step) - loss(-step)) / f64::from(2.0 * step);
            (4.0 * difference(step) - difference(2.0 * step)) / 3.0
        };
        let close = |got: f32, quotient: f64, what: &str| {
            assert!(
                (f64::from(got) - quotient).abs() < 0.05 + 0.01 * quotient.abs(),
                "{layer_norm} {what}: {got} {quotient}"
            );
        };
        // There is something to compare.
        assert!(gradient.iter().filter(|g| g.abs() > 1.0).count() > network.len() / 3);
        assert!(of_input.iter().filter(|g| g.abs() > 0.1).count() > x.len() / 3);
        for i in (0..network.len()).step_by(13).chain(network.len() - 30..network.len()) {
            let at = network.parameters()[i];
            let found = quotient(&mut |step| {
                network.parameters_mut()[i] = at + step;
                loss(&network, &x)
            });
            network.parameters_mut()[i] = at;
            close(gradient[i], found, &format!("parameter {i}"));
        }
        for i in [0, 1, 2, 200, 449] {
            let found = quotient(&mut |step| {
                let mut x = x.clone();
                x[i] += step;
                loss(&network, &x)
            });
            close(of_input[i], found, &format!("input {i}"));
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let x = inputs(700, 3);
    let train = || {
        let mut network = network(Activation::Gelu, true);
        let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
        let mut of_input = vec![0.0; x.len()];
        let mut adam = Adam::new(network.len(), AdamConfig::default());
        for _ in 0..5 {
            let (_, output) = weighted(network.forward(&mut tape, &x).unwrap());
            network.backward(&mut tape, &output, Some(&mut gradient), Some(&mut of_input)).unwrap();
            adam.step(network.parameters_mut(), &gradient).unwrap();
        }
        (network.parameters().to_vec(), of_input)
    };
    let alone = train();
    for threads in [1, 2, 3, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(train) == alone, "{threads} threads");
    }
}

#[test]
fn a_network_fits_a_curve() {
    let mut network = Mlp::new(&MlpConfig::new(&[1, 32, 32, 1]), 1).unwrap();
    let mut adam = Adam::new(network.len(), AdamConfig { rate: 3e-3, ..AdamConfig::default() });
    let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
    let x: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    let mut worst = f32::INFINITY;
    for _ in 0..1500 {
        let y = network.forward(&mut tape, &x).unwrap();
        let error: Vec<f32> = y.iter().zip(&x).map(|(y, x)| y - (3.0 * x).sin()).collect();
        worst = error.iter().fold(0.0, |worst, error| error.abs().max(worst));
        let output: Vec<f32> = error.iter().map(|error| error / 64.0).collect();
        network.backward(&mut tape, &output, Some(&mut gradient), None).unwrap();
        adam.step(network.parameters_mut(), &gradient).unwrap();
    }
    assert!(worst < 0.05, "{worst}");
}

/// After one step Adam has moved every parameter by its rate, against the gradient's sign; after two equal ones by twice as
/// much.
#[test]
fn the_first_steps_of_adam_are_its_rate() {
    let mut adam = Adam::new(3, AdamConfig { rate: 0.5, ..AdamConfig::default() });
    let mut x = [1.0, 1.0, 1.0];
    adam.step(&mut x, &[4.0, -0.01, 0.0]).unwrap();
    assert!(x.iter().zip([0.5, 1.5, 1.0]).all(|(x, want)| (x - want).abs() < 1e-5), "{x:?}");
    adam.step(&mut x, &[4.0, -0.01, 0.0]).unwrap();
    assert!(x.iter().zip([0.0, 2.0, 1.0]).all(|(x, want)| (x - want).abs() < 1e-5), "{x:?}");
}

#[test]
fn target_networks_follow_by_their_part() {
    let (mut target, source) =
        (network(Activation::Relu, false), Mlp::new(&MlpConfig::new(&[3, 140, 9, 2]), 6).unwrap());
    let before = target.parameters().to_vec();
    target.move_towards(&source, 0.25).unwrap();
    for ((now, before), source) in target.parameters().iter().zip(before).zip(source.parameters()) {
        assert!((now - (0.75 * before + 0.25 * source)).abs() < 1e-6);
    }
    assert!(target.move_towards(&Mlp::new(&MlpConfig::new(&[3, 2]), 0).unwrap(), 0.5).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = network(Activation::Gelu, true);
    let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
    assert!(matches!(network.forward(&mut tape, &[0.0; 4]), Err(PolicyError::Length { .. })));
    assert!(network.backward(&mut tape, &[0.0; 2], Some(&mut gradient), None).is_err(), "no forward pass");
    network.forward(&mut tape, &[0.0; 6]).unwrap();
    assert!(network.backward(&mut tape, &[0.0; 3], Some(&mut gradient), None).is_err());
    assert!(network.backward(&mut tape, &[0.0; 4], Some(&mut gradient[1..]), None).is_err());
    assert!(network.backward(&mut tape, &[0.0; 4], None, Some(&mut [0.0; 5])).is_err());
    let other = Mlp::new(&MlpConfig::new(&[3, 141, 9, 2]), 0).unwrap();
    assert!(other.backward(&mut tape, &[0.0; 4], None, None).is_err(), "another network's tape");
    network.backward(&mut tape, &[0.0; 4], Some(&mut gradient), None).unwrap();
    assert!(network.backward(&mut tape, &[0.0; 4], Some(&mut gradient), None).is_err(), "used up");
    assert!(network.forward(&mut tape, &[]).unwrap().is_empty());
    for sizes in [&[3][..], &[3, 0, 1], &[usize::MAX, 2]] {
        assert!(Mlp::new(&MlpConfig::new(sizes), 0).is_err(), "{sizes:?}");
    }
}

#[test]
fn weights_come_back_from_a_file_or_are_refused_by_name() {
    let network = network(Activation::Gelu, true);
    let bytes = write_networks(&[("actor", &network)]).unwrap();
    let mut read = Mlp::zeros(network.config()).unwrap();
    read_networks(&bytes, &mut [("actor", &mut read)]).unwrap();
    assert_eq!(read.parameters(), network.parameters());
    let refused =
        |bytes: &[u8], network: &str| read_networks(bytes, &mut [(network, &mut read.clone())]).unwrap_err();
    assert!(refused(&bytes, "critic").contains("`critic.layers.0.weight` is missing"));
    assert!(refused(&bytes[..bytes.len() - 4], "actor").contains("not a safetensors file"));
    let two = write_networks(&[("actor", &network), ("b", &network)]).unwrap();
    assert!(refused(&two, "actor").contains("tensors"));
    let wide = Mlp::new(&MlpConfig { layer_norm: true, ..MlpConfig::new(&[3, 140, 8, 2]) }, 0).unwrap();
    let wide = write_networks(&[("actor", &wide)]).unwrap();
    assert!(
        refused(&wide, "actor").contains("`actor.layers.1.weight` is F32 [140, 8], expected F32 [140, 9]")
    );
    let mut bad = bytes.clone();
    let end = bad.len();
    bad[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refused(&bad, "actor").contains("holds NaN"), "{}", refused(&bad, "actor"));
    let mut broken = network.clone();
    broken.parameters_mut()[0] = f32::INFINITY;
    assert!(write_networks(&[("actor", &broken)]).is_err());
}
