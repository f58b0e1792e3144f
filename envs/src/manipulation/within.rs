//! Places drawn from boxes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The place of a box's lower corner and sides, uniformly.
pub(super) fn within<const N: usize>([low, high]: [[f64; N]; 2], random: &mut ChaCha8Rng) -> [f64; N] {
    let mut at = low;
    at.iter_mut().zip(high).for_each(|(slot, high)| *slot += (high - *slot) * random.random::<f64>());
    at
}
