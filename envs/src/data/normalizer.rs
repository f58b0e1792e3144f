//! Scaling of observations and actions to numbers a network likes.

use serde::{Deserialize, Serialize};

use super::statistics::column_statistics;
use super::{ColumnStatistics, Dataset};
use crate::EnvError;

/// A column whose spread is below this share of its magnitude counts as constant: dividing by rounding
/// noise would blow it up to full scale. f32 carries 6e-8.
const CONSTANT_COLUMN: f64 = 1e-6;

/// Smallest scale and largest number: what single precision holds, with room for a spread. Beyond them finite rows
/// would no longer stay finite.
const SMALLEST_SCALE: f64 = 1e-50;
const LARGEST: f64 = 1e50;

/// How a column is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizerKind {
    /// To mean 0 and standard deviation 1.
    #[default]
    Standard,
    /// The data's range to `[-1, 1]`.
    MinMax,
}

/// Per-column affine map: `normalized = (x - shift) / scale`. Constant columns map to 0.
///
/// Deserialising checks what `fit` guarantees: equal lengths, finite numbers, positive scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Normalizer {
    kind: NormalizerKind,
    shift: Vec<f64>,
    scale: Vec<f64>,
}

#[derive(Deserialize)]
struct Stored {
    kind: NormalizerKind,
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl TryFrom<Stored> for Normalizer {
    type Error = EnvError;

    fn try_from(stored: Stored) -> Result<Self, EnvError> {
        Self::from_parts(stored.kind, stored.shift, stored.scale)
    }
}

impl Normalizer {
    /// Fits the columns of a row-major array `[rows x width]`; `name` appears in errors.
    ///
    /// # Errors
    /// [`EnvError::NonFinite`] on the first NaN or infinity, [`EnvError::Mismatch`] without whole rows.
    pub fn fit(kind: NormalizerKind, name: &str, values: &[f32], width: usize) -> Result<Self, EnvError> {
        if width == 0 || values.is_empty() || !values.len().is_multiple_of(width) {
            return Err(EnvError::Mismatch(format!(
                "cannot fit a normaliser: {name} holds {} numbers for rows of {width}",
                values.len()
            )));
        }
        refuse_non_finite(name, values.iter().map(|v| f64::from(*v)))?;
        let columns = column_statistics(values, width);
        let (shift, scale) = columns.iter().map(|c| shift_and_scale(kind, c)).unzip();
        Self::from_parts(kind, shift, scale)
    }

    /// A normaliser with given numbers.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when the lengths differ or are 0, a number is not finite, or a scale is not
    /// positive.
    pub fn from_parts(kind: NormalizerKind, shift: Vec<f64>, scale: Vec<f64>) -> Result<Self, EnvError> {
        if shift.len() != scale.len() || shift.is_empty() {
            return Err(EnvError::Mismatch(format!(
                "a normaliser needs as many shifts as scales and at least one; it has {} and {}",
                shift.len(),
                scale.len()
            )));
        }
        refuse_non_finite("normaliser shift", shift.iter().copied())?;
        refuse_non_finite("normaliser scale", scale.iter().copied())?;
        if let Some(index) = scale.iter().position(|s| *s <= 0.0) {
            return Err(EnvError::Mismatch(format!(
                "normaliser scale[{index}] is not positive; fit it on the data again"
            )));
        }
        let absurd = |(shift, scale): (&f64, &f64)| {
            !(SMALLEST_SCALE..=LARGEST).contains(scale) || shift.abs() > LARGEST
        };
        if let Some(index) = shift.iter().zip(&scale).position(absurd) {
            return Err(EnvError::Mismatch(format!(
                "normaliser shift[{index}] and scale[{index}] are {:e} and {:e}, which no data have; fit it on the data again",
                shift[index], scale[index]
            )));
        }
        Ok(Self { kind, shift, scale })
    }

    /// The same with `factor` times the spread in these columns; indices past the last are ignored.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a factor that is not finite and positive.
    pub fn spread(&self, columns: &[usize], factor: f64) -> Result<Self, EnvError> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(EnvError::Mismatch(format!("a spread of {factor} is not a positive number")));
        }
        let divided = |(i, scale): (usize, &f64)| if columns.contains(&i) { scale / factor } else { *scale };
        let scale = self.scale.iter().enumerate().map(divided).collect();
        Self::from_parts(self.kind, self.shift.clone(), scale)
    }

    /// The same with one shift and one scale for the columns of each group, those of their numbers taken together: their
    /// differences then are differences of what was measured. Indices past the last are ignored.
    ///
    /// # Errors
    /// Those of [`Self::from_parts`].
    pub fn pooled(&self, groups: &[Vec<usize>]) -> Result<Self, EnvError> {
        let (mut shift, mut scale) = (self.shift.clone(), self.scale.clone());
        for group in groups {
            let columns: Vec<usize> = group.iter().copied().filter(|&i| i < self.shift.len()).collect();
            let mean = |of: &dyn Fn(usize) -> f64| {
                columns.iter().map(|&i| of(i)).sum::<f64>() / columns.len().max(1) as f64
            };
            let middle = mean(&|i| self.shift[i]);
            let spread = mean(&|i| self.scale[i].powi(2) + (self.shift[i] - middle).powi(2)).sqrt();
            for &i in &columns {
                (shift[i], scale[i]) = (middle, spread);
            }
        }
        Self::from_parts(self.kind, shift, scale)
    }

    /// How the columns are scaled.
    pub fn kind(&self) -> NormalizerKind {
        self.kind
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.shift.len()
    }

    /// What is subtracted from each column.
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// What each column is divided by.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Normalises whole rows in place.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when the length is no multiple of the width; [`EnvError::NonFinite`] on NaN
    /// or infinity. The rows are untouched then.
    pub fn normalize(&self, rows: &mut [f64]) -> Result<(), EnvError> {
        self.accept(rows.len(), rows.iter().copied())?;
        self.each(rows, |value, shift, scale| *value = (*value - shift) / scale);
        Ok(())
    }

    /// Inverse of [`normalize`](Self::normalize), with the same errors.
    pub fn denormalize(&self, rows: &mut [f64]) -> Result<(), EnvError> {
        self.accept(rows.len(), rows.iter().copied())?;
        self.each(rows, |value, shift, scale| *value = *value * scale + shift);
        Ok(())
    }

    /// [`normalize`](Self::normalize) for single precision, computed in double.
    pub fn normalize_f32(&self, rows: &mut [f32]) -> Result<(), EnvError> {
        self.accept(rows.len(), rows.iter().map(|v| f64::from(*v)))?;
        self.each(rows, |value, shift, scale| *value = ((f64::from(*value) - shift) / scale) as f32);
        Ok(())
    }

    /// [`denormalize`](Self::denormalize) for single precision, computed in double.
    pub fn denormalize_f32(&self, rows: &mut [f32]) -> Result<(), EnvError> {
        self.accept(rows.len(), rows.iter().map(|v| f64::from(*v)))?;
        self.each(rows, |value, shift, scale| *value = (f64::from(*value) * scale + shift) as f32);
        Ok(())
    }

    fn accept(&self, len: usize, values: impl Iterator<Item = f64>) -> Result<(), EnvError> {
        if !len.is_multiple_of(self.width()) {
            return Err(EnvError::Mismatch(format!(
                "the normaliser has {} columns, the rows hold {len} numbers",
                self.width()
            )));
        }
        refuse_non_finite("row to normalise", values)
    }

    fn each<T>(&self, rows: &mut [T], mut apply: impl FnMut(&mut T, f64, f64)) {
        for row in rows.chunks_exact_mut(self.width()) {
            for (value, (shift, scale)) in row.iter_mut().zip(self.shift.iter().zip(&self.scale)) {
                apply(value, *shift, *scale);
            }
        }
    }
}

/// Normalisers of a data set's observations and actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetNormalizer {
    /// For observations.
    pub observation: Normalizer,
    /// For actions.
    pub action: Normalizer,
}

impl DatasetNormalizer {
    /// Fits both on a data set.
    ///
    /// # Errors
    /// Those of [`Normalizer::fit`].
    pub fn fit(kind: NormalizerKind, dataset: &Dataset) -> Result<Self, EnvError> {
        let fit = |name, values, width| Normalizer::fit(kind, name, values, width);
        Ok(Self {
            observation: fit("observations", &dataset.observations, dataset.observation_dim)?,
            action: fit("actions", &dataset.actions, dataset.action_dim)?,
        })
    }
}

fn shift_and_scale(kind: NormalizerKind, column: &ColumnStatistics) -> (f64, f64) {
    let (shift, scale) = match kind {
        NormalizerKind::Standard => (column.mean, column.std),
        NormalizerKind::MinMax => (0.5 * (column.min + column.max), 0.5 * (column.max - column.min)),
    };
    let constant = scale <= CONSTANT_COLUMN * shift.abs().max(CONSTANT_COLUMN);
    (shift, if constant { 1.0 } else { scale })
}

fn refuse_non_finite(name: &str, values: impl Iterator<Item = f64>) -> Result<(), EnvError> {
    for (index, value) in values.enumerate() {
        if !value.is_finite() {
            return Err(EnvError::NonFinite { what: name.into(), index, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::{DatasetNormalizer, Normalizer, NormalizerKind};

    #[test]
    fn pooled_columns_have_mean_and_deviation_of_all_their_numbers() {
        let values: Vec<f32> = (0..200).flat_map(|i| [i as f32, 7.0, 300.0 - 3.0 * i as f32]).collect();
        let apart = Normalizer::fit(NormalizerKind::Standard, "x", &values, 3).unwrap();
        let pooled = apart.pooled(&[vec![0, 2, 9]]).unwrap();
        let mut rows: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        pooled.normalize(&mut rows).unwrap();
        let together: Vec<f64> = rows.chunks_exact(3).flat_map(|row| [row[0], row[2]]).collect();
        let mean = together.iter().sum::<f64>() / 400.0;
        let variance = together.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 400.0;
        assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
        // A difference is one of what was measured, in one unit: where both numbers are the same there is none.
        let (shift, scale) = (apart.shift[1], apart.scale[1]);
        assert_eq!((pooled.shift[1], pooled.scale[1]), (shift, scale));
        assert_eq!((pooled.shift[0], pooled.scale[0]), (pooled.shift[2], pooled.scale[2]));
        assert_eq!(apart.pooled(&[vec![], vec![9]]).unwrap(), apart);
    }

    #[test]
    fn standard_gives_mean_zero_and_deviation_one() {
        let values: Vec<f32> = (0..200).flat_map(|i| [i as f32, 3.0 - 0.25 * i as f32]).collect();
        let normalizer = Normalizer::fit(NormalizerKind::Standard, "x", &values, 2).unwrap();
        let mut rows: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        normalizer.normalize(&mut rows).unwrap();
        for column in 0..2 {
            let column: Vec<f64> = rows.iter().skip(column).step_by(2).copied().collect();
            let mean = column.iter().sum::<f64>() / 200.0;
            let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 200.0;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
        }
        normalizer.denormalize(&mut rows).unwrap();
        assert!(rows.iter().zip(&values).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-12));
    }

    #[test]
    fn min_max_maps_the_extremes_to_one_in_single_precision_too() {
        let mut values = vec![-2.0f32, 0.0, 6.0];
        let normalizer = Normalizer::fit(NormalizerKind::MinMax, "x", &values, 1).unwrap();
        normalizer.normalize_f32(&mut values).unwrap();
        assert_eq!(values, [-1.0, -0.5, 1.0]);
        normalizer.denormalize_f32(&mut values).unwrap();
        assert_eq!(values, [-2.0, 0.0, 6.0]);
    }

    #[test]
    fn constant_columns_become_zero_and_come_back() {
        for kind in [NormalizerKind::Standard, NormalizerKind::MinMax] {
            let normalizer = DatasetNormalizer::fit(kind, &counter(10)).unwrap().observation;
            let mut row = [4.0, 0.5];
            normalizer.normalize(&mut row).unwrap();
            assert_eq!(row[1], 0.0);
            normalizer.denormalize(&mut row).unwrap();
            assert!((row[0] - 4.0).abs() < 1e-12 && (row[1] - 0.5).abs() < 1e-12);
            // A constant that carries rounding noise is still a constant.
            let noisy = [1.0f32, 1.0 + f32::EPSILON, 1.0, 1.0];
            assert_eq!(Normalizer::fit(kind, "x", &noisy, 1).unwrap().scale(), [1.0]);
        }
    }

    #[test]
    fn refuses_what_is_not_finite_and_leaves_rows_alone() {
        let fit = |values: &[f32]| Normalizer::fit(NormalizerKind::Standard, "obs", values, 1);
        assert!(fit(&[0.0, f32::NAN]).unwrap_err().to_string().contains("obs[1] is NaN"));
        assert!(fit(&[]).is_err());
        let normalizer = fit(&[0.0, 1.0]).unwrap();
        let mut rows = [2.0, f64::INFINITY];
        assert!(normalizer.normalize(&mut rows).is_err());
        assert_eq!(rows[0], 2.0);
        assert!(
            DatasetNormalizer::fit(NormalizerKind::Standard, &counter(3))
                .unwrap()
                .observation
                .normalize(&mut [0.0; 3])
                .is_err()
        );
    }

    #[test]
    fn survives_json_and_refuses_a_tampered_one() {
        let fitted = DatasetNormalizer::fit(NormalizerKind::Standard, &counter(10)).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<DatasetNormalizer>(&text).unwrap(), fitted);
        let zero = r#"{"kind":"standard","shift":[0.0],"scale":[0.0]}"#;
        assert!(serde_json::from_str::<Normalizer>(zero).unwrap_err().to_string().contains("scale[0]"));
        let short = r#"{"kind":"standard","shift":[0.0,1.0],"scale":[1.0]}"#;
        assert!(serde_json::from_str::<Normalizer>(short).is_err());
    }
}
