//! Box-shaped spaces.

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// A product of closed intervals, possibly unbounded (`f64::INFINITY`).
///
/// Deserialising checks what [`BoxSpace::new`] does. JSON has no infinity and writes it as null, which is read back as
/// the missing bound that it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct BoxSpace {
    low: Vec<f64>,
    high: Vec<f64>,
}

#[derive(Deserialize)]
struct Stored {
    low: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
}

impl TryFrom<Stored> for BoxSpace {
    type Error = EnvError;

    fn try_from(stored: Stored) -> Result<Self, EnvError> {
        let or = |bounds: Vec<Option<f64>>, missing: f64| {
            bounds.into_iter().map(|bound| bound.unwrap_or(missing)).collect()
        };
        Self::new(or(stored.low, f64::NEG_INFINITY), or(stored.high, f64::INFINITY))
    }
}

impl BoxSpace {
    /// Space with these bounds.
    ///
    /// # Errors
    /// [`EnvError::Space`] when the lengths differ, a bound is NaN, or no number lies between them somewhere.
    pub fn new(low: Vec<f64>, high: Vec<f64>) -> Result<Self, EnvError> {
        if low.len() != high.len() {
            return Err(EnvError::Space(format!(
                "{} lower and {} upper bounds: give one of each per entry",
                low.len(),
                high.len()
            )));
        }
        for (i, (l, h)) in low.iter().zip(&high).enumerate() {
            // Between two infinities of one sign lies no number either.
            if l.is_nan() || h.is_nan() || l > h || *l == f64::INFINITY || *h == f64::NEG_INFINITY {
                return Err(EnvError::Space(format!(
                    "entry {i} has bounds [{l}, {h}]: give two numbers, the lower one first"
                )));
            }
        }
        Ok(Self { low, high })
    }

    /// The cube `[-bound, bound]^len`; a bound that is not a number bounds nothing.
    pub fn symmetric(len: usize, bound: f64) -> Self {
        let bound = if bound.is_nan() { f64::INFINITY } else { bound.abs() };
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
        assert!(BoxSpace::new(vec![f64::INFINITY], vec![f64::INFINITY]).is_err());
    }

    #[test]
    fn what_is_read_is_checked_as_what_is_made() {
        for bad in [
            r#"{"low":[1.0],"high":[0.0]}"#,
            r#"{"low":[0.0,0.0],"high":[1.0]}"#,
            r#"{"low":[0.0],"high":[]}"#,
        ] {
            let message = serde_json::from_str::<BoxSpace>(bad).unwrap_err().to_string();
            assert!(message.contains("malformed space") && message.contains("give"), "{message}");
        }
        assert!(toml::from_str::<BoxSpace>("low = [nan]\nhigh = [1.0]").is_err());
        let open = BoxSpace::new(vec![f64::NEG_INFINITY, -1.0], vec![2.0, f64::INFINITY]).unwrap();
        let text = serde_json::to_string(&open).unwrap();
        assert_eq!(serde_json::from_str::<BoxSpace>(&text).unwrap(), open);
        let mut x = [0.0];
        BoxSpace::symmetric(1, f64::NAN).clip(&mut x);
        assert_eq!(x, [0.0]);
    }
}
