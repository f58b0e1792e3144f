//! What `meta/stats.json` of a LeRobot data set says of its columns.

use serde_json::{Map, Value, json};

use super::parquet_write::{Column, Values};

/// Means, deviations and ranges of columns, gathered file by file.
#[derive(Default)]
pub(super) struct Statistics {
    columns: Vec<(String, Vec<Entry>)>,
}

/// One entry of a column so far: Welford's sums, which keep their digits where the mean is large against the spread
/// (Chan, Golub and LeVeque 1983).
#[derive(Clone, Copy)]
struct Entry {
    count: f64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Entry {
    const NONE: Self =
        Self { count: 0.0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

impl Statistics {
    /// Adds the rows of a file, which has the columns of those before.
    pub fn add(&mut self, columns: &[Column]) {
        for column in columns {
            let width = column.width.unwrap_or(1);
            let at =
                self.columns.iter().position(|(name, _)| *name == column.name).unwrap_or(self.columns.len());
            if at == self.columns.len() {
                self.columns.push((column.name.clone(), vec![Entry::NONE; width]));
            }
            let Some((_, entries)) = self.columns.get_mut(at) else { continue };
            let mut put = |place: usize, value: f64| {
                if let Some(entry) = entries.get_mut(place % width.max(1)) {
                    entry.add(value);
                }
            };
            match &column.values {
                Values::Numbers(values) => values.iter().enumerate().for_each(|(i, v)| put(i, f64::from(*v))),
                Values::Whole(values) => values.iter().enumerate().for_each(|(i, v)| put(i, *v as f64)),
                Values::Flags(values) => {
                    values.iter().enumerate().for_each(|(i, v)| put(i, f64::from(u8::from(*v))))
                }
                Values::Texts(_) => {}
            }
        }
    }

    /// `min`, `max`, `mean`, `std` (of the population) and `count` of each column.
    pub fn finish(self) -> Value {
        let mut all = Map::new();
        for (name, entries) in self.columns {
            let list = |of: fn(&Entry) -> f64| entries.iter().map(of).collect::<Vec<f64>>();
            let count = entries.first().map_or(0.0, |entry| entry.count);
            all.insert(
                name,
                json!({
                    "min": list(|entry| entry.min), "max": list(|entry| entry.max), "mean": list(|entry| entry.mean),
                    "std": list(|entry| (entry.squares / entry.count.max(1.0)).sqrt()), "count": [count as u64],
                }),
            );
        }
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_together_have_the_closed_form_of_a_ramp() {
        let mut statistics = Statistics::default();
        for half in [0..50, 50..100] {
            let values = half.flat_map(|i: u16| [f32::from(i), 1e6 + f32::from(i % 2)]).collect();
            statistics.add(&[Column::vectors("x", 2, values)]);
        }
        let said = statistics.finish();
        // 0, 1, ..., 99: mean 49.5, variance (100^2 - 1) / 12.
        let number = |key: &str, at: usize| said["x"][key][at].as_f64().unwrap();
        assert!((number("mean", 0) - 49.5).abs() < 1e-12 && (number("std", 1) - 0.5).abs() < 1e-9);
        assert!((number("std", 0) - (9999.0_f64 / 12.0).sqrt()).abs() < 1e-12);
        assert_eq!((number("min", 1), number("max", 0), &said["x"]["count"]), (1e6, 99.0, &json!([100])));
    }
}
