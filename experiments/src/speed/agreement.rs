//! Whether both sides compute the same thing: asked before any time is taken.

use serde_json::Value;

use crate::failure::Failure;

/// Largest relative difference that passes: above what single precision costs, far below what any mistake does.
pub const TOLERANCE: f64 = 1e-3;

/// The numbers of an array.
///
/// # Errors
/// [`Failure`] where `value` is none.
pub fn numbers(what: &str, value: &Value) -> Result<Vec<f64>, Failure> {
    let numbers: Option<Vec<f64>> =
        value.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
    numbers.ok_or_else(|| Failure::broken(format!("the PyTorch process gave no numbers for `{what}`")))
}

/// Largest difference of two arrays, relative to the largest number of ours.
///
/// # Errors
/// [`Failure`] where `theirs` is no array of as many numbers.
pub fn difference(what: &str, ours: &[f64], theirs: &Value) -> Result<f64, Failure> {
    let theirs: Option<Vec<f64>> =
        theirs.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
    let theirs = theirs.filter(|theirs| theirs.len() == ours.len()).ok_or_else(|| {
        Failure::broken(format!("the PyTorch process gave no {} numbers for `{what}`", ours.len()))
    })?;
    let largest = ours.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
    // `max` would pass over NaN.
    let worst = apart.fold(0.0, |worst: f64, apart| if apart <= worst { worst } else { apart });
    Ok(worst / largest.max(f64::MIN_POSITIVE))
}

/// Refuses sides that differ.
///
/// # Errors
/// [`Failure`] naming case, side and difference.
pub fn require(case: &str, side: &str, difference: f64) -> Result<(), Failure> {
    if difference <= TOLERANCE {
        return Ok(());
    }
    Err(Failure::broken(format!(
        "{case}: PyTorch ({side}) and this program differ by {difference:.1e} of the largest number, more than \
         {TOLERANCE:.0e}: they do not compute the same thing, so nothing was timed"
    )))
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_relative_to_the_largest_number() {
        assert_eq!(difference("x0", &[4.0, -1.0], &json!([4.0, -1.5])).unwrap(), 0.125);
        assert!(difference("x0", &[4.0, -1.0], &json!([4.0])).is_err());
        assert!(difference("x0", &[4.0], &json!(null)).is_err());
        assert!(difference("x0", &[f64::NAN], &json!([4.0])).unwrap().is_nan());
    }

    #[test]
    fn differing_sides_are_refused() {
        assert!(require("row", "eager", 9e-4).is_ok());
        for bad in [2e-3, f64::NAN, f64::INFINITY] {
            let message = require("row, batch 1", "eager", bad).unwrap_err().to_string();
            assert!(message.contains("row, batch 1") && message.contains("eager"), "{message}");
            assert!(message.contains("nothing was timed"), "{message}");
        }
    }
}
