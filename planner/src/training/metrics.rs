//! Training metrics as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// One line. Holds no clock, so that a resumed run writes the same bytes as an uninterrupted one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    /// Optimiser step, counted from 1.
    pub step: u64,
    /// Weighted mean squared error of that step's batch.
    pub loss: f64,
    /// Norm of its gradient before clipping.
    pub gradient_norm: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The same error on held-out data, of the averaged weights, where some are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
}

/// An append-only metrics file.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens or creates the file and drops every line past `step`, and a last line that was cut off: those
    /// steps are about to be repeated.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn open(path: &Path, step: u64) -> Result<Self, PlannerError> {
        let io = |source| PlannerError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut keep = 0u64;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        while reader.read_line(&mut line).map_err(io)? > 0 {
            let row: Option<MetricRow> =
                line.ends_with('\n').then(|| serde_json::from_str(&line).ok()).flatten();
            match row {
                Some(row) if row.step <= step => keep += line.len() as u64,
                _ => break,
            }
            line.clear();
        }
        file.set_len(keep).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn append(&mut self, row: &MetricRow) -> Result<(), PlannerError> {
        let io = |source| PlannerError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(row).map_err(|error| io(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64) -> MetricRow {
        MetricRow { step, loss: 0.5, gradient_norm: 1.0, learning_rate: 1e-3, validation_loss: None }
    }

    #[test]
    fn reopening_drops_what_will_be_repeated_and_what_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            metrics.append(&row(step)).unwrap();
        }
        drop(metrics);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let mut metrics = Metrics::open(&path, 20).unwrap();
        metrics.append(&row(30)).unwrap();
        drop(metrics);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}
