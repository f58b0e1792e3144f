//! What a data set holds and what of it is used: counts, and warnings with their rows.

use serde::{Deserialize, Serialize};

use super::{Dataset, RewardConvention, TimeoutMeaning};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A step that the data's own steps make impossible.
    Jump,
    /// A row of zeros among others.
    ZeroRow,
    /// A value far outside of all others.
    Outlier,
    /// A column that never changes.
    ConstantColumn,
    /// An action outside its bounds.
    ActionOutside,
    /// Rows that contradict what else the file says of them.
    Inconsistent,
    /// What was assumed because neither file nor caller said it.
    Assumed,
    /// Trajectories without a window.
    LeftOut,
    /// What of a file was left out when it was read, or how it was read.
    AsRead,
    /// Something that could not be learnt from the data beside the network.
    NotFitted,
}

/// Something about a data set that its user should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The first row it is about, where it is about rows.
    pub row: Option<usize>,
    /// How many rows, columns or trajectories it is about.
    pub count: usize,
    /// In words, with row and remedy.
    pub message: String,
}

/// How trajectories became windows for training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Rows of a window.
    pub window_rows: usize,
    /// Windows to train on.
    pub windows: usize,
    /// Trajectories that have windows, for training or held out.
    pub used: usize,
    /// Of these, the ones shorter than a window, whose windows are padded.
    pub padded: usize,
    /// Of these, the ones held out.
    pub held_out: usize,
    /// Trajectories too short for any window.
    pub left_out: usize,
}

/// What a data set holds and what of it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Rows.
    pub rows: usize,
    /// Runs of rows that follow one another.
    pub trajectories: usize,
    /// Rows of the shortest of them.
    pub shortest: usize,
    /// Rows of the longest of them.
    pub longest: usize,
    /// Observations that were recorded twice and put back by [`Dataset::repair_stale_observations`], where the caller
    /// counted them.
    pub put_back: usize,
    /// What time-outs mean.
    pub timeouts: TimeoutMeaning,
    /// What rewards pay for.
    pub rewards: RewardConvention,
    /// Windows, where the data were cut into some.
    pub windows: Option<WindowCounts>,
    /// What its user should know.
    pub findings: Vec<Finding>,
}

impl DataReport {
    /// Looks a data set through; of one that fails [`Dataset::check`] it says that. Windows are added by whoever cuts them.
    pub fn of(dataset: &Dataset) -> Self {
        // Arrays that do not belong together have neither trajectories nor anything to be measured.
        let broken = dataset.check().err();
        let trajectories = if broken.is_some() { Vec::new() } else { dataset.trajectories(true) };
        let found = match broken {
            None => super::anomalies::find(dataset, &trajectories),
            Some(error) => vec![Finding {
                kind: FindingKind::Inconsistent,
                row: None,
                count: 1,
                message: error.to_string(),
            }],
        };
        let lengths = || trajectories.iter().map(super::Trajectory::len);
        Self {
            rows: dataset.len(),
            trajectories: trajectories.len(),
            shortest: lengths().min().unwrap_or(0),
            longest: lengths().max().unwrap_or(0),
            put_back: 0,
            timeouts: dataset.metadata.timeouts,
            rewards: dataset.metadata.rewards,
            windows: None,
            findings: dataset.metadata.notes.iter().map(|note| as_read(note)).chain(found).collect(),
        }
    }

    /// The report as lines for a terminal: counts first, then one line per finding.
    pub fn lines(&self) -> Vec<String> {
        let meaning = match self.timeouts {
            TimeoutMeaning::Truncation => "end them",
            TimeoutMeaning::GoalSwitch => "are goal switches within them",
        };
        let rewards = match self.rewards {
            RewardConvention::OfAction => "of their action",
            RewardConvention::OfObservation => "of their observation (one row late)",
            RewardConvention::Missing => "not recorded",
        };
        let trajectories = match (self.trajectories, self.shortest == self.longest) {
            (1, _) => "1 trajectory".to_owned(),
            (count, true) => format!("{count} trajectories of {} rows", self.longest),
            (count, false) => format!("{count} trajectories of {} to {} rows", self.shortest, self.longest),
        };
        let mut lines =
            vec![format!("{} rows, {trajectories}; time-outs {meaning}; rewards {rewards}", self.rows)];
        if self.put_back > 0 {
            lines.push(format!(
                "{} observations were recorded twice or late and are put right",
                self.put_back
            ));
        }
        if let Some(counts) = &self.windows {
            let used = counts.used.saturating_sub(counts.held_out);
            let mut line = format!(
                "{} windows of up to {} rows from {used} trajector{}",
                counts.windows,
                counts.window_rows,
                if used == 1 { "y" } else { "ies" }
            );
            for (count, what) in [
                (counts.padded, "shorter than a window and padded"),
                (counts.held_out, "held out"),
                (counts.left_out, "left out"),
            ] {
                if count > 0 {
                    line.push_str(&format!("; {count} {what}"));
                }
            }
            lines.push(line);
        }
        lines.extend(self.findings.iter().map(|finding| match finding.kind {
            FindingKind::Assumed | FindingKind::AsRead | FindingKind::NotFitted => {
                format!("note: {}", finding.message)
            }
            _ => format!("warning: {}", finding.message),
        }));
        lines
    }
}

/// A reader's note as a finding.
fn as_read(note: &str) -> Finding {
    Finding { kind: FindingKind::AsRead, row: None, count: 1, message: note.to_owned() }
}
