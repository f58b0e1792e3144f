//! AdamW with warm-up, decay, clipping and a moving average, on one flat vector.
//!
//! Loshchilov and Hutter, ICLR 2019. Constants are PyTorch's defaults for transformers: betas 0.9 and 0.99
//! (diffusion losses are noisy and their gradients change scale with the level drawn, so the second moment
//! forgets faster), epsilon 1e-8.

use burn::tensor::{Device, Tensor, TensorData};

use crate::checkpoint::TrainState;
use crate::error::check_len;
use crate::network::ParameterLayout;
use crate::{PlannerError, TrainConfig};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.99;
const EPSILON: f64 = 1e-8;

/// Learning rate of step `step` (counted from 0): linear warm-up, then a cosine down to the final rate.
pub fn learning_rate(config: &TrainConfig, step: u64) -> f64 {
    if step < config.warmup {
        return config.learning_rate * (step + 1) as f64 / config.warmup as f64;
    }
    let span = config.steps.saturating_sub(config.warmup).max(1) as f64;
    let progress = ((step - config.warmup) as f64 / span).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
    config.learning_rate * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * cosine)
}

/// The state on a device.
pub struct Optimizer {
    step: u64,
    weights: Tensor<1>,
    average: Tensor<1>,
    first: Tensor<1>,
    second: Tensor<1>,
    decays: Tensor<1>,
    device: Device,
    /// Whether the device's memory is the host's.
    on_host: bool,
    /// The decays once more, where it is.
    decays_of_host: Vec<f32>,
}

/// Numbers of a step that all weights share.
struct HostStep {
    rate: f64,
    n1: f64,
    n2: f64,
    keep: f64,
    weight_decay: f64,
    shrink: f32,
}

impl HostStep {
    /// The step of one weight.
    fn take(
        &self,
        weight: &mut f32,
        average: &mut f32,
        [first, second]: [&mut f32; 2],
        gradient: f32,
        decays: f32,
    ) {
        let gradient = gradient * self.shrink;
        *first = *first * BETA_1 as f32 + gradient * (1.0 - BETA_1) as f32;
        *second = *second * BETA_2 as f32 + gradient * gradient * (1.0 - BETA_2) as f32;
        let direction = *first / self.n1 as f32 / ((*second / self.n2 as f32).sqrt() + EPSILON as f32);
        let decay = *weight * (decays * self.weight_decay as f32);
        *weight -= (direction + decay) * self.rate as f32;
        *average = *average * self.keep as f32 + *weight * (1.0 - self.keep) as f32;
    }
}

fn refused(error: impl std::fmt::Debug) -> PlannerError {
    PlannerError::Device(format!("{error:?}"))
}

impl Optimizer {
    /// Uploads a state.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when it does not fit the parameters.
    pub fn new(
        state: &TrainState,
        parameters: &ParameterLayout,
        device: &Device,
    ) -> Result<Self, PlannerError> {
        parameters.check()?;
        check_len("training state", parameters.len(), state.weights.len())?;
        let mut decays = vec![0.0f32; parameters.len()];
        for slot in parameters.slots.iter().filter(|slot| slot.decays()) {
            decays[slot.offset..slot.offset + slot.len()].fill(1.0);
        }
        let upload = |values: &[f32]| {
            check_len("training state", parameters.len(), values.len())?;
            Ok::<_, PlannerError>(Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device))
        };
        Ok(Self {
            step: state.step,
            weights: upload(&state.weights)?,
            average: upload(&state.average)?,
            first: upload(&state.first)?,
            second: upload(&state.second)?,
            decays: upload(&decays)?,
            device: device.clone(),
            on_host: *device == Device::flex(),
            decays_of_host: decays,
        })
    }

    /// Steps done.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Weights on the device.
    pub fn weights(&self) -> &Tensor<1> {
        &self.weights
    }

    /// Averaged weights on the device.
    pub fn average(&self) -> &Tensor<1> {
        &self.average
    }

    /// Takes one step; returns the gradient's norm before clipping, one number on the device.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the device refuses.
    pub fn step(&mut self, gradient: Tensor<1>, config: &TrainConfig) -> Result<Tensor<1>, PlannerError> {
        let rate = learning_rate(config, self.step);
        let norm = gradient.clone().square().sum().sqrt();
        // min(1, clip / norm), without reading the norm back from a device that is elsewhere.
        let shrink = (norm.clone() + 1e-12).recip().mul_scalar(config.grad_clip_norm).clamp_max(1.0);
        self.step += 1;
        let (n1, n2) = (self.bias(BETA_1), self.bias(BETA_2));
        // An average of few weights must not remember the random start.
        let keep = config.ema.min((1 + self.step) as f64 / (10 + self.step) as f64);
        if self.on_host {
            let shrink = shrink.try_into_scalar::<f32>().map_err(refused)?;
            let step = HostStep { rate, n1, n2, keep, weight_decay: config.weight_decay, shrink };
            self.on_host(gradient, &step)?;
            return Ok(norm);
        }
        let gradient = gradient * shrink;
        self.first = self.first.clone().mul_scalar(BETA_1) + gradient.clone().mul_scalar(1.0 - BETA_1);
        self.second = self.second.clone().mul_scalar(BETA_2) + gradient.square().mul_scalar(1.0 - BETA_2);
        let direction =
            self.first.clone().div_scalar(n1) / (self.second.clone().div_scalar(n2).sqrt() + EPSILON);
        let decay = self.weights.clone() * self.decays.clone().mul_scalar(config.weight_decay);
        self.weights = self.weights.clone() - (direction + decay).mul_scalar(rate);
        self.average = self.average.clone().mul_scalar(keep) + self.weights.clone().mul_scalar(1.0 - keep);
        Ok(norm)
    }

    /// The same operations in the same order on each weight, in one pass over memory instead of some twenty: the same bits.
    fn on_host(&mut self, gradient: Tensor<1>, step: &HostStep) -> Result<(), PlannerError> {
        let take = |of: &mut Tensor<1>| {
            // The place holder, so that nobody else holds the numbers and they are not copied.
            let taken = std::mem::replace(of, Tensor::empty([1], &self.device));
            taken.try_into_vec_as::<f32>().map_err(refused)
        };
        let mut weights = take(&mut self.weights)?;
        let mut average = take(&mut self.average)?;
        let mut first = take(&mut self.first)?;
        let mut second = take(&mut self.second)?;
        let gradient = gradient.try_into_vec_as::<f32>().map_err(refused)?;
        let moments = first.iter_mut().zip(&mut second);
        let all = weights.iter_mut().zip(&mut average).zip(moments).zip(&gradient).zip(&self.decays_of_host);
        for ((((weight, average), (first, second)), &gradient), &decays) in all {
            step.take(weight, average, [first, second], gradient, decays);
        }
        let put = |values: Vec<f32>| {
            let len = values.len();
            Tensor::from_data(TensorData::new(values, [len]), &self.device)
        };
        (self.weights, self.average, self.first, self.second) =
            (put(weights), put(average), put(first), put(second));
        Ok(())
    }

    /// Downloads the state.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the device refuses.
    pub fn state(&self) -> Result<TrainState, PlannerError> {
        let download = |tensor: &Tensor<1>| tensor.clone().try_into_vec_as::<f32>().map_err(refused);
        Ok(TrainState {
            step: self.step,
            weights: download(&self.weights)?,
            average: download(&self.average)?,
            first: download(&self.first)?,
            second: download(&self.second)?,
        })
    }

    fn bias(&self, beta: f64) -> f64 {
        1.0 - beta.powi(self.step.min(i32::MAX as u64) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_to_the_peak_and_falls_to_the_final_rate() {
        let config = TrainConfig {
            steps: 100,
            warmup: 10,
            learning_rate: 1.0,
            min_lr_ratio: 0.1,
            ..Default::default()
        };
        assert!((learning_rate(&config, 0) - 0.1).abs() < 1e-12);
        assert!((learning_rate(&config, 9) - 1.0).abs() < 1e-12);
        assert!((learning_rate(&config, 100) - 0.1).abs() < 1e-12);
        assert!((11..100).all(|s| learning_rate(&config, s) < learning_rate(&config, s - 1)));
    }

    /// What a GPU computes tensor by tensor is, on the host, the same to the bit in one pass.
    #[test]
    fn one_pass_gives_the_bits_of_tensor_operations() {
        use rand::{RngExt, SeedableRng};
        let (device, count) = (Device::flex(), 1000);
        let slot = |name: &str, shape: Vec<usize>, offset| crate::network::ParameterSlot {
            name: name.into(),
            shape,
            offset,
        };
        let slots = vec![slot("a.weight", vec![1, 600], 0), slot("a.bias", vec![400], 600)];
        let parameters = ParameterLayout { slots };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut draw =
            |spread: f32| (0..count).map(|_| spread * rng.random_range(-1.0..1.0f32)).collect::<Vec<_>>();
        let config = TrainConfig {
            warmup: 2,
            steps: 40,
            weight_decay: 0.1,
            grad_clip_norm: 1.0,
            ..Default::default()
        };
        let state = TrainState::new(draw(1.0));
        let mut both = [true, false].map(|on_host| {
            let optimizer = Optimizer::new(&state, &parameters, &device).unwrap();
            assert!(optimizer.on_host);
            Optimizer { on_host, ..optimizer }
        });
        for step in 0..30 {
            // Clipped and not, down to gradients whose squares are subnormal.
            let gradient = draw([1.0, 1e-2, 1e-20][step % 3]);
            let norms = both.each_mut().map(|optimizer| {
                let gradient = Tensor::from_data(TensorData::new(gradient.clone(), [count]), &device);
                optimizer.step(gradient, &config).unwrap().into_scalar::<f32>().to_bits()
            });
            assert_eq!(norms[0], norms[1]);
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let [host, tensors] = both.each_ref().map(|optimizer| optimizer.state().unwrap());
        assert_eq!(host.step, 30);
        for (host, tensors) in [
            (&host.weights, &tensors.weights),
            (&host.average, &tensors.average),
            (&host.first, &tensors.first),
            (&host.second, &tensors.second),
        ] {
            assert_eq!(bits(host), bits(tensors));
        }
        assert!(bits(&host.weights) != bits(&state.weights));
    }

    /// Scalar AdamW written out, against the tensor version, over a few steps with and without clipping.
    #[test]
    fn steps_agree_with_scalar_adamw() {
        let device = Device::flex();
        let slot = |name: &str, shape: Vec<usize>, offset| crate::network::ParameterSlot {
            name: name.into(),
            shape,
            offset,
        };
        let parameters =
            ParameterLayout { slots: vec![slot("a.weight", vec![1, 2], 0), slot("a.bias", vec![1], 2)] };
        let config = TrainConfig {
            warmup: 0,
            steps: 10,
            learning_rate: 0.1,
            grad_clip_norm: 2.0,
            weight_decay: 0.3,
            ..Default::default()
        };
        let state = TrainState::new(vec![1.0, -2.0, 0.5]);
        let mut optimizer = Optimizer::new(&state, &parameters, &device).unwrap();
        let (mut w, mut m, mut v) = ([1.0f64, -2.0, 0.5], [0.0f64; 3], [0.0f64; 3]);
        let mut average = w;
        for (n, gradient) in [[0.5, -0.1, 0.2], [3.0, 4.0, 0.0], [-0.2, 0.0, 0.1]].iter().enumerate() {
            let norm = gradient.iter().map(|g: &f64| g * g).sum::<f64>().sqrt();
            let rate = learning_rate(&config, n as u64);
            let keep = config.ema.min((n + 2) as f64 / (n + 11) as f64);
            for i in 0..3 {
                let g = gradient[i] * (config.grad_clip_norm / norm).min(1.0);
                m[i] = BETA_1 * m[i] + (1.0 - BETA_1) * g;
                v[i] = BETA_2 * v[i] + (1.0 - BETA_2) * g * g;
                let hat = |x: f64, beta: f64| x / (1.0 - beta.powi(n as i32 + 1));
                let decay = if i < 2 { config.weight_decay * w[i] } else { 0.0 };
                w[i] -= rate * (hat(m[i], BETA_1) / (hat(v[i], BETA_2).sqrt() + EPSILON) + decay);
                average[i] = keep * average[i] + (1.0 - keep) * w[i];
            }
            let g: Vec<f32> = gradient.iter().map(|&g| g as f32).collect();
            let reported =
                optimizer.step(Tensor::from_data(TensorData::new(g, [3]), &device), &config).unwrap();
            assert!((reported.into_scalar::<f32>() as f64 - norm).abs() < 1e-5);
        }
        let state = optimizer.state().unwrap();
        for i in 0..3 {
            assert!(
                (f64::from(state.weights[i]) - w[i]).abs() < 1e-5,
                "weight {i}: {} and {}",
                state.weights[i],
                w[i]
            );
            assert!((f64::from(state.average[i]) - average[i]).abs() < 1e-5);
        }
    }
}
