//! Medians and quartiles of samples.

use serde::{Deserialize, Serialize};

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// A quarter of the samples lies below.
    pub q25: f64,
    /// Median.
    pub median: f64,
    /// A quarter of the samples lies above.
    pub q75: f64,
    /// Number of samples.
    pub samples: usize,
}

impl Quantiles {
    /// Of at least one sample; NaN without any.
    pub fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * sorted.len().saturating_sub(1) as f64;
            let (low, high) = (sorted.get(place.floor() as usize), sorted.get(place.ceil() as usize));
            low.zip(high).map_or(f64::NAN, |(low, high)| low + (high - low) * place.fract())
        };
        Self { q25: at(0.25), median: at(0.5), q75: at(0.75), samples: sorted.len() }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_known_numbers() {
        let q = Quantiles::of(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!((q.q25, q.median, q.q75, q.samples), (2.0, 3.0, 4.0, 5));
        assert_eq!(Quantiles::of(&[1.0, 2.0]).median, 1.5);
        assert!(Quantiles::of(&[]).median.is_nan());
    }
}
