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
    /// [`PlannerError::Io`]; [`PlannerError::Checkpoint`] for a line that is none, or out of order, among others: the
    /// file is left as it is.
    pub fn open(path: &Path, step: u64) -> Result<Self, PlannerError> {
        let io = |source| PlannerError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let (mut keep, mut last, mut number) = (0u64, 0, 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(io)? > 0 {
            number += 1;
            if !line.ends_with(b"\n") {
                break;
            }
            match serde_json::from_slice::<MetricRow>(&line) {
                Ok(row) if row.step > last => last = row.step,
                _ => {
                    let problem = format!(
                        "line {number} is not the next line of metrics: it was changed or damaged; repair it, or move \
                         the file away to go on without the lines so far"
                    );
                    return Err(PlannerError::Checkpoint { path: path.to_owned(), problem });
                }
            }
            if last <= step {
                keep += line.len() as u64;
            }
            line.clear();
        }
        file.set_len(keep).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn sync(&self) -> Result<(), PlannerError> {
        self.file.sync_data().map_err(|source| PlannerError::Io { path: self.path.clone(), source })
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

    #[test]
    fn a_damaged_line_among_others_is_refused_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            metrics.append(&row(step)).unwrap();
        }
        metrics.sync().unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let garbled = whole.replace(lines[1], "{\"step\": 2");
        let twice = format!("{whole}{}\n", lines[0]);
        for (text, line) in [(garbled, 2), (twice, 4)] {
            std::fs::write(&path, &text).unwrap();
            let message = Metrics::open(&path, 30).unwrap_err().to_string();
            assert!(
                message.contains("metrics.jsonl") && message.contains(&format!("line {line}")),
                "{message}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, b"\xff\xfe\n").unwrap();
        assert!(Metrics::open(&path, 30).is_err());
    }
}
