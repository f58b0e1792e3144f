//! Times training steps of a multi-layer perceptron (forward, backward, Adam): one line of JSON for each case.
//!
//! `train_step.py` beside it does the same in PyTorch, runs both in turn, and prints the ratios:
//! `python3 policies/examples/train_step.py target/release/examples/train_step`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use forethought_policies::perceptron::{Adam, AdamConfig, Mlp, MlpConfig, Tape};

/// Inputs and outputs of a critic for a small robot.
const INPUT: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mut next = |usual: usize| numbers.next().unwrap_or(Ok(usual));
    let (batch, width, threads, steps, norm) = (next(256)?, next(256)?, next(1)?, next(100)?, next(0)?);
    let config = MlpConfig { layer_norm: norm > 0, ..MlpConfig::new(&[INPUT, width, width, width, 1]) };
    let mut network = Mlp::new(&config, 0)?;
    let mut adam = Adam::new(network.len(), AdamConfig::default());
    let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
    let x: Vec<f32> = (0..batch * INPUT).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let mut output = vec![0.0; batch];
    let mut step = || {
        let y = network.forward(&mut tape, &x)?;
        for (gradient, y) in output.iter_mut().zip(y) {
            *gradient = 2.0 * (y - 1.0) / batch as f32;
        }
        network.backward(&mut tape, &output, Some(&mut gradient), None)?;
        adam.step(network.parameters_mut(), &gradient)
    };
    let mut run = || -> Result<Vec<f64>, forethought_policies::PolicyError> {
        for _ in 0..steps.div_ceil(5) {
            step()?;
        }
        let mut times = Vec::with_capacity(steps);
        for _ in 0..steps {
            let began = Instant::now();
            step()?;
            times.push(began.elapsed().as_secs_f64());
        }
        Ok(times)
    };
    let mut times = match threads {
        1 => run()?,
        _ => rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(run)?,
    };
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    println!("{{\"milliseconds\": {:.4}}}", median * 1e3);
    Ok(())
}
