//! Named random streams.
//!
//! Every draw in this crate comes from a stream named by a seed and a path of indices (step, sequence,
//! row, ...). A result then depends on its names alone, never on the order or number of threads.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The stream of `seed` and `path`.
pub fn stream(seed: u64, path: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive(seed, path))
}

/// The seed of `seed` and `path`.
pub fn derive(seed: u64, path: &[u64]) -> u64 {
    path.iter().fold(mix(seed), |state, &index| mix(state ^ mix(index.wrapping_add(1))))
}

/// Fills `out` with independent standard normal draws.
pub fn fill_normal(rng: &mut ChaCha8Rng, out: &mut [f64]) {
    for value in out {
        *value = StandardNormal.sample(rng);
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014): a bijection with full avalanche.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, path: &[u64]) -> [f64; 4] {
        let mut out = [0.0; 4];
        fill_normal(&mut stream(seed, path), &mut out);
        out
    }

    #[test]
    fn a_stream_is_its_name() {
        assert_eq!(draw(1, &[2, 3]), draw(1, &[2, 3]));
        assert_ne!(draw(1, &[2, 3]), draw(1, &[3, 2]));
        assert_ne!(draw(1, &[2]), draw(1, &[2, 0]));
        assert_ne!(draw(1, &[2]), draw(2, &[2]));
    }
}
