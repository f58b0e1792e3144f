//! Adam.

use serde::{Deserialize, Serialize};

use super::kernels::{self, AdamStep};
use super::shards::{NUMBERS, each};
use crate::PolicyError;
use crate::error::check_count;

/// Settings of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate. 3e-4 is what OGBench, IQL, CQL and TD3+BC train with.
    pub rate: f32,
    /// Decay of the mean of gradients; the paper's.
    pub beta1: f32,
    /// Decay of the mean of their squares; the paper's.
    pub beta2: f32,
    /// Added to the root of the second; the paper's.
    pub epsilon: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { rate: 3e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Adam with bias correction (Kingma & Ba 2015, Algorithm 1), and what it remembers.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    /// For this many parameters.
    pub fn new(parameters: usize, config: AdamConfig) -> Self {
        Self { config, steps: 0, first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// Changes the parameters by one step down the gradient.
    ///
    /// # Errors
    /// [`PolicyError::Length`] for another number of parameters or gradients.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32]) -> Result<(), PolicyError> {
        check_count("parameters", parameters.len(), self.first.len())?;
        check_count("gradient", gradient.len(), self.first.len())?;
        self.steps = self.steps.saturating_add(1);
        let AdamConfig { rate, beta1, beta2, epsilon } = self.config;
        // In double precision: 1 - 0.999 has three good digits in single.
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powi(steps))) as f32;
        let (correction1, correction2) = (correction(beta1), correction(beta2));
        let at = AdamStep { rate, beta1, beta2, epsilon, correction1, correction2 };
        let moments = self.first.chunks_mut(NUMBERS).zip(self.second.chunks_mut(NUMBERS));
        let parts = parameters.chunks_mut(NUMBERS).zip(gradient.chunks(NUMBERS)).zip(moments);
        each(parts.collect(), |((parameters, gradient), (first, second))| {
            kernels::adam(at, parameters, gradient, first, second);
        });
        Ok(())
    }

    /// What it remembers: its steps, and means of gradients and of their squares.
    pub fn memory(&mut self) -> (&mut u64, &mut [f32], &mut [f32]) {
        (&mut self.steps, &mut self.first, &mut self.second)
    }
}
