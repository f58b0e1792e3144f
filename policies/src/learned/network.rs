//! Networks that learn: with their optimiser, their gradient, and the memory of their passes.

use super::{LearnedTrainConfig, Memory};
use crate::PolicyError;
use crate::perceptron::{Adam, AdamConfig, Mlp, MlpConfig, Tape};

/// A network and what trains it.
#[derive(Clone, Debug)]
pub(super) struct Trained {
    pub network: Mlp,
    adam: Adam,
    tape: Tape,
    pub gradient: Vec<f32>,
}

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Actor,
    Value,
}

impl Trained {
    /// From `input` to `output` numbers by the hidden layers of the settings. `number` tells the networks of a policy apart.
    pub fn new(
        purpose: Purpose,
        [input, output]: [usize; 2],
        config: &LearnedTrainConfig,
        number: u64,
    ) -> Result<Self, PolicyError> {
        let sizes: Vec<usize> =
            [input].into_iter().chain(config.hidden.iter().copied()).chain([output]).collect();
        let value = purpose == Purpose::Value;
        let shape = MlpConfig {
            sizes,
            activation: config.activation,
            layer_norm: config.layer_norm && value,
            // OGBench's: a policy's first actions are near the middle of the space.
            final_scale: if value { 1.0 } else { 0.01 },
        };
        let seed = config.seed.wrapping_add((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let network = Mlp::new(&shape, seed)?;
        let adam = Adam::new(network.len(), AdamConfig { rate: config.rate, ..AdamConfig::default() });
        let gradient = vec![0.0; network.len()];
        Ok(Self { network, adam, tape: Tape::default(), gradient })
    }

    /// The same with another learning rate.
    pub fn with_rate(mut self, rate: f32) -> Self {
        self.adam = Adam::new(self.network.len(), AdamConfig { rate, ..AdamConfig::default() });
        self
    }

    /// All that a step changes, by name.
    pub fn memory(&mut self) -> [(&'static str, Memory<'_>); 4] {
        let (steps, first, second) = self.adam.memory();
        [
            ("parameters", Memory::Numbers(self.network.parameters_mut())),
            ("steps", Memory::Count(steps)),
            ("first", Memory::Numbers(first)),
            ("second", Memory::Numbers(second)),
        ]
    }

    /// Outputs of a batch.
    pub fn outputs(&mut self, input: &[f32]) -> Result<Vec<f32>, PolicyError> {
        Ok(self.network.forward(&mut self.tape, input)?.to_vec())
    }

    /// One step of Adam, given the loss's gradient for what [`Self::outputs`] last gave.
    pub fn learn(&mut self, output_gradient: &[f32]) -> Result<(), PolicyError> {
        self.network.backward(&mut self.tape, output_gradient, Some(&mut self.gradient), None)?;
        self.adam.step(self.network.parameters_mut(), &self.gradient)
    }

    /// As [`Self::learn`]; also the loss's gradient for the inputs, as they were before the step.
    pub fn learn_and_slope(&mut self, output_gradient: &[f32]) -> Result<Vec<f32>, PolicyError> {
        let rows = output_gradient.len() / self.network.config().output().max(1);
        let mut slope = vec![0.0; rows * self.network.config().input()];
        let parameters = Some(self.gradient.as_mut_slice());
        self.network.backward(&mut self.tape, output_gradient, parameters, Some(&mut slope))?;
        self.adam.step(self.network.parameters_mut(), &self.gradient)?;
        Ok(slope)
    }

    /// The gradient of a loss, given its gradient for what [`Self::outputs`] last gave, without learning.
    pub fn differentiate(&mut self, output_gradient: &[f32]) -> Result<(), PolicyError> {
        self.network.backward(&mut self.tape, output_gradient, Some(&mut self.gradient), None)
    }

    /// Shortens the gradient to a length at most; 0 leaves it as it is.
    pub fn shorten(&mut self, most: f32) {
        shorten(&mut [&mut self.gradient], most);
    }

    /// One step of Adam down [`Self::gradient`], which the caller has filled.
    pub fn step(&mut self) -> Result<(), PolicyError> {
        self.adam.step(self.network.parameters_mut(), &self.gradient)
    }

    /// The loss's gradient for the inputs of the last [`Self::outputs`], without learning.
    pub fn input_gradient(&mut self, output_gradient: &[f32]) -> Result<Vec<f32>, PolicyError> {
        let rows = output_gradient.len() / self.network.config().output().max(1);
        let mut gradient = vec![0.0; rows * self.network.config().input()];
        self.network.backward(&mut self.tape, output_gradient, None, Some(&mut gradient))?;
        Ok(gradient)
    }
}

/// Two networks that estimate the same, so that the lower of them errs less to the good (Fujimoto et al. 2018), and two that
/// follow slowly.
#[derive(Clone, Debug)]
pub(super) struct Twins {
    pub now: [Trained; 2],
    target: [Trained; 2],
}

impl Twins {
    pub fn new(input: usize, config: &LearnedTrainConfig, number: u64) -> Result<Self, PolicyError> {
        let one = |number| Trained::new(Purpose::Value, [input, 1], config, number);
        let now = [one(number)?, one(number + 1)?];
        Ok(Self { target: now.clone(), now })
    }

    /// All four, the targets last; these have optimisers that never step.
    pub fn all(&mut self) -> [&mut Trained; 4] {
        let ([first, second], [third, fourth]) = (&mut self.now, &mut self.target);
        [first, second, third, fourth]
    }

    /// Both estimates of a batch.
    pub fn both(&mut self, input: &[f32]) -> Result<[Vec<f32>; 2], PolicyError> {
        let [first, second] = &mut self.now;
        Ok([first.outputs(input)?, second.outputs(input)?])
    }

    /// Both estimates of those that follow.
    pub fn both_targets(&mut self, input: &[f32]) -> Result<[Vec<f32>; 2], PolicyError> {
        let [first, second] = &mut self.target;
        Ok([first.outputs(input)?, second.outputs(input)?])
    }

    /// A step of both towards `target_b`, down the mean of the squared errors; the losses' sum.
    pub fn regress(&mut self, input: &[f32], target_b: &[f32]) -> Result<f32, PolicyError> {
        self.regress_within(input, target_b, 0.0)
    }

    /// As [`Self::regress`], with both gradients together shortened to a length at most; 0 leaves them as they are.
    pub fn regress_within(&mut self, input: &[f32], target_b: &[f32], most: f32) -> Result<f32, PolicyError> {
        let mut loss = 0.0;
        for trained in &mut self.now {
            let q_b = trained.outputs(input)?;
            let n = q_b.len().max(1) as f32;
            let error_b: Vec<f32> = q_b.iter().zip(target_b).map(|(q, y)| q - y).collect();
            loss += error_b.iter().map(|error| error * error).sum::<f32>() / n;
            trained.differentiate(&error_b.iter().map(|error| 2.0 * error / n).collect::<Vec<_>>())?;
        }
        let [first, second] = &mut self.now;
        shorten(&mut [&mut first.gradient, &mut second.gradient], most);
        first.step()?;
        second.step()?;
        Ok(loss)
    }

    /// Those that follow.
    pub fn targets(&self) -> [&Mlp; 2] {
        let [first, second] = &self.target;
        [&first.network, &second.network]
    }

    /// The targets follow.
    pub fn follow(&mut self, rate: f32) -> Result<(), PolicyError> {
        for (target, now) in self.target.iter_mut().zip(&self.now) {
            target.network.move_towards(&now.network, rate)?;
        }
        Ok(())
    }

    /// `min(Q1, Q2)` of a batch, and its gradient for the last `width` numbers of the input rows (the action), where the loss's
    /// gradient for each value is `weight`, which may be known only once the values are.
    pub fn lower_and_slope(
        &mut self,
        input: &[f32],
        width: usize,
        weight: impl Fn(&[f32]) -> f32,
    ) -> Result<(Vec<f32>, Vec<f32>), PolicyError> {
        let [q1_b, q2_b] = self.both(input)?;
        let q_b = lower(&q1_b, &q2_b);
        let weight = weight(&q_b);
        let of_first: Vec<bool> = q1_b.iter().zip(&q2_b).map(|(q1, q2)| q1 <= q2).collect();
        let mut slope = vec![0.0; q_b.len() * width];
        for (trained, own) in self.now.iter_mut().zip([true, false]) {
            let chosen: Vec<f32> =
                of_first.iter().map(|first| if *first == own { weight } else { 0.0 }).collect();
            let gradient = trained.input_gradient(&chosen)?;
            let all = gradient.len() / q_b.len().max(1);
            for (slope, row) in slope.chunks_exact_mut(width).zip(gradient.chunks_exact(all.max(1))) {
                for (slope, g) in slope.iter_mut().zip(row.iter().skip(all - width)) {
                    *slope += g;
                }
            }
        }
        Ok((q_b, slope))
    }
}

/// Shortens a gradient in parts to a length at most; 0 leaves it as it is.
fn shorten(parts: &mut [&mut Vec<f32>], most: f32) {
    let squares = parts.iter().flat_map(|part| part.iter()).map(|g| f64::from(*g).powi(2));
    let length = squares.sum::<f64>().sqrt() as f32;
    if most > 0.0 && length > most {
        let scale = most / length;
        parts.iter_mut().flat_map(|part| part.iter_mut()).for_each(|g| *g *= scale);
    }
}

/// The lower of two, row by row.
pub(super) fn lower(a_b: &[f32], b_b: &[f32]) -> Vec<f32> {
    a_b.iter().zip(b_b).map(|(a, b)| a.min(*b)).collect()
}

/// Mean; 0 of nothing.
pub(super) fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}
