//! What training resumes from.

/// Everything that changes during training, on the host: what a checkpoint holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// Optimiser steps done.
    pub step: u64,
    /// Weights.
    pub weights: Vec<f32>,
    /// Moving average of the weights: what planning uses.
    pub average: Vec<f32>,
    /// First moment of the gradient.
    pub first: Vec<f32>,
    /// Second moment of the gradient.
    pub second: Vec<f32>,
}

impl TrainState {
    /// State before the first step.
    pub fn new(weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { step: 0, average: weights.clone(), first: zeros.clone(), second: zeros, weights }
    }
}
