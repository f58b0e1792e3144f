//! Experiments that explain the sampler: what history is for, and what holds a long rollout together.

mod cross;
mod divergence;
pub mod horizon;
pub mod memory;
mod training;
