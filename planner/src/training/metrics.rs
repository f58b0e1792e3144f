//! Training metrics as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Bytes of a line at most: several times what five numbers take.
const LONGEST_LINE: u64 = 1 << 12;

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
    /// Opens or creates the file and drops whatever stands behind the lines up to `step`: those steps are about to be
    /// repeated. Lines come every `every` steps and at the last of `steps`.
    ///
    /// # Errors
    /// [`PlannerError::Io`]; [`PlannerError::Checkpoint`] where a line up to `step` is damaged or missing: the file is
    /// left as it is. A file that is missing altogether, or begins late, was moved away on purpose.
    pub fn open(path: &Path, step: u64, [every, steps]: [u64; 2]) -> Result<Self, PlannerError> {
        let io = |source| PlannerError::Io { path: path.to_owned(), source };
        let refuse = |what: String| PlannerError::Checkpoint {
            path: path.to_owned(),
            problem: format!("{what}: repair it, or move the file away to go on without the lines so far"),
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let every = every.max(1);
        let until = if step == steps { step } else { step - step % every };
        let (mut keep, mut last, mut number) = (0u64, None, 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while last.unwrap_or(0) < until {
            line.clear();
            if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io)? == 0 {
                break;
            }
            number += 1;
            let row = serde_json::from_slice::<MetricRow>(&line).ok().filter(|_| line.ends_with(b"\n"));
            let Some(MetricRow { step: here, .. }) = row else {
                return Err(refuse(format!("line {number} is not a line of metrics")));
            };
            if last.is_none() && here > until {
                break;
            }
            let next = last.map_or(here, |last: u64| last.saturating_add(every).min(steps));
            if here != next {
                return Err(refuse(format!("line {number} is of step {here}, and step {next} comes next")));
            }
            (last, keep) = (Some(here), keep + line.len() as u64);
        }
        if let Some(last) = last.filter(|last| *last < until) {
            return Err(refuse(format!("it ends at step {last}, and its checkpoint is of step {step}")));
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

    /// Lines of these steps, as a file.
    fn file(folder: &Path, steps: &[u64]) -> PathBuf {
        let path = folder.join("metrics.jsonl");
        let _ = std::fs::remove_file(&path);
        let mut metrics = Metrics::open(&path, 0, EVERY).unwrap();
        steps.iter().for_each(|step| metrics.append(&row(*step)).unwrap());
        metrics.sync().unwrap();
        path
    }

    /// A line every 10 of 45 steps, and at the end.
    const EVERY: [u64; 2] = [10, 45];

    #[test]
    fn reopening_drops_what_will_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), &[10, 20, 30]);
        let whole = std::fs::read(&path).unwrap();
        // A checkpoint between two lines, and behind it lines that a power cut left as anything.
        for tail in [&b""[..], b"{\"st", b"\0\0\0\0", b"\xff\xfe\n", &whole] {
            std::fs::write(&path, [&whole, tail].concat()).unwrap();
            let mut metrics = Metrics::open(&path, 25, EVERY).unwrap();
            metrics.append(&row(30)).unwrap();
            drop(metrics);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        // The last step has its line whether or not it is a tenth.
        let path = file(folder.path(), &[10, 20, 30, 40, 45]);
        let whole = std::fs::read(&path).unwrap();
        Metrics::open(&path, 45, EVERY).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_or_missing_line_is_refused_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), &[10, 20, 30]);
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let garbled = whole.replace(lines[1], "{\"step\": 2");
        let gap = whole.replace(&format!("{}\n", lines[1]), "");
        let twice = format!("{0}\n{0}\n{1}\n{2}\n", lines[0], lines[1], lines[2]);
        let endless = format!("{}\n{}", lines[0], "7".repeat(1 << 20));
        let short = format!("{}\n{}\n", lines[0], lines[1]);
        for (text, what) in [
            (garbled, "line 2"),
            (gap, "line 2 is of step 30"),
            (twice, "line 2"),
            (endless, "line 2"),
            (short, "ends at step 20"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let message = Metrics::open(&path, 30, EVERY).unwrap_err().to_string();
            assert!(message.contains("metrics.jsonl") && message.contains(what), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn before_the_first_line_that_counts_nothing_is_asked_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        for step in [0, 5] {
            std::fs::write(&path, b"{\"step\":10,\"lo").unwrap();
            Metrics::open(&path, step, EVERY).unwrap();
            assert!(std::fs::read(&path).unwrap().is_empty(), "{step}");
        }
    }

    #[test]
    fn a_file_moved_away_is_begun_anew_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 20, EVERY).unwrap();
        metrics.append(&row(30)).unwrap();
        drop(metrics);
        let whole = std::fs::read(&path).unwrap();
        Metrics::open(&path, 30, EVERY).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        Metrics::open(&path, 20, EVERY).unwrap();
        assert!(std::fs::read(&path).unwrap().is_empty(), "step 30 is about to be repeated");
    }
}
