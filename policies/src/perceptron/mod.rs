//! Small multi-layer perceptrons on the CPU: what value functions and policies are made of.
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs` | sizes and kind of a network |
//! | `mlp.rs` | a network: its weights, drawn from a seed, named, moved towards another's |
//! | `tape.rs` | what a pass leaves behind |
//! | `forward.rs`, `backward.rs` | outputs of a batch; gradients for weights and for inputs |
//! | `adam.rs` | Adam |
//! | `product.rs`, `kernels.rs` | matrix products; row-wise functions. The crate's only `unsafe` |
//! | `shards.rs` | how work is cut, which never depends on threads |
//! | `tensors.rs` | weights as safetensors, read whole or not at all |
//!
//! A training step:
//!
//! ```
//! use forethought_policies::perceptron::{Adam, AdamConfig, Mlp, MlpConfig, Tape};
//!
//! # fn main() -> Result<(), forethought_policies::PolicyError> {
//! let mut network = Mlp::new(&MlpConfig::new(&[2, 64, 64, 1]), 7)?;
//! let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
//! let mut adam = Adam::new(network.len(), AdamConfig::default());
//! let (x_bi, y_b) = ([0.0, 0.0, 1.0, 0.5], [1.0, 3.0]);
//! let error_b: Vec<f32> = network.forward(&mut tape, &x_bi)?.iter().zip(y_b).map(|(q, y)| q - y).collect();
//! // The loss is the mean of half the squared error.
//! let loss_gradient_b: Vec<f32> = error_b.iter().map(|error| error / 2.0).collect();
//! network.backward(&mut tape, &loss_gradient_b, Some(&mut gradient), None)?;
//! adam.step(network.parameters_mut(), &gradient)?;
//! # Ok(())
//! # }
//! ```
//!
//! Threads: inside a `rayon` pool (`pool.install(...)`) passes use its threads, elsewhere the calling thread alone. The
//! numbers are the same, bit for bit, whatever their number: work is cut by its own size, every number is computed by
//! one call in one order, and sums over parts follow the order of the parts.

mod adam;
mod backward;
mod config;
mod forward;
mod kernels;
mod mlp;
mod product;
mod shards;
mod tape;
mod tensors;
#[cfg(test)]
mod tests;

pub use adam::{Adam, AdamConfig};
pub use config::{Activation, MlpConfig};
pub use mlp::Mlp;
pub use tape::Tape;
pub(crate) use tensors::serialized;
pub use tensors::{read_networks, write_networks};
