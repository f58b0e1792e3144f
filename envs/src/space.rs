//! Box-shaped spaces.

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// A product of closed intervals, possibly unbounded (`f64::INFINITY`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxSpace {
    low: Vec<f64>,
    high: Vec<f64>,
}

impl BoxSpace {
    /// Space with these bounds.
    ///
    /// # Errors
    /// [`EnvError::Space`] when the lengths differ, a bound is NaN, or `low > high` somewhere.
    pub fn new(low: Vec<f64>, high: Vec<f64>) -> Result<Self, EnvError> {
        if low.len() != high.len() {
            return Err(EnvError::Space(format!("{} lower and {} upper bounds", low.len(), high.len())));
        }
        for (i, (l, h)) in low.iter().zip(&high).enumerate() {
            if l.is_nan() || h.is_nan() || l > h {
                return Err(EnvError::Space(format!("entry {i} has bounds [{l}, {h}]")));
            }
        }
        Ok(Self { low, high })
    }

    /// The cube `[-bound, bound]^len`.
    pub fn symmetric(len: usize, bound: f64) -> Self {
        let bound = bound.abs();
        Self { low: vec![-bound; len], high: vec![bound; len] }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.low.len()
    }

    /// Whether the space has no entries.
    pub fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// Lower bounds.
    pub fn low(&self) -> &[f64] {
        &self.low
    }

    /// Upper bounds.
    pub fn high(&self) -> &[f64] {
        &self.high
    }

    /// Whether `x` has the right length and lies inside; NaN lies outside.
    pub fn contains(&self, x: &[f64]) -> bool {
        x.len() == self.len()
            && x.iter().zip(self.low.iter().zip(&self.high)).all(|(v, (l, h))| v >= l && v <= h)
    }

    /// Moves each entry of `x` to the nearest point inside.
    pub fn clip(&self, x: &mut [f64]) {
        for (v, (l, h)) in x.iter_mut().zip(self.low.iter().zip(&self.high)) {
            *v = v.clamp(*l, *h);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_refuses_nan_and_wrong_length() {
        let space = BoxSpace::symmetric(2, 1.0);
        assert!(space.contains(&[1.0, -1.0]));
        assert!(!space.contains(&[f64::NAN, 0.0]));
        assert!(!space.contains(&[0.0]));
        assert!(!space.contains(&[1.0 + 1e-12, 0.0]));
    }

    #[test]
    fn inverted_bounds_are_refused() {
        assert!(BoxSpace::new(vec![1.0], vec![0.0]).is_err());
        assert!(BoxSpace::new(vec![f64::NAN], vec![0.0]).is_err());
    }
}
