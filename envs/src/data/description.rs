//! What data say of themselves: features, bounds, seconds per step and task of an environment that nobody
//! registered.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ColumnStatistics, Dataset, RewardConvention, TimeoutMeaning};
use crate::{BoxSpace, EnvError, EnvSpec, Feature, TaskConfig, TaskKind};

/// Longest description that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What stands in a TOML beside the data, or in the attribute `description` of an HDF5 file. Everything may be left
/// out:
///
/// ```toml
/// environment = "my-arm"
/// step_seconds = 0.05
/// action_low = [-1, -1, -1]
/// action_high = [1, 1, 1]
/// observations = ["tip", "tip velocity"]
/// features = [{ name = "tip", width = 3, kind = "position" }, { name = "tip velocity", width = 3, kind = "velocity" }]
/// timeouts = "truncation"
/// rewards = "of-action"
///
/// [task]
/// kind = "goal"
/// entries = [0, 1, 2]
/// radius = 0.05
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataDescription {
    /// Name of the environment. Absent: the file's own, or the name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Seconds of one step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<f64>,
    /// Smallest action, one number per entry. Absent: that of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_low: Option<Vec<f64>>,
    /// Largest action, one number per entry. Absent: that of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_high: Option<Vec<f64>>,
    /// What the entries of the observation are, in order. Absent: one feature of kind `other`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// Which parts of the observation are read, in this order, of files that keep it in parts
    /// ([`super::ReadOptions::observations`]). Absent: all that can be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<String>,
    /// What time-outs mean. Absent: told by the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutMeaning>,
    /// What rewards pay for. Absent: told by the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewards: Option<RewardConvention>,
    /// What plans are for. Absent: nothing, and no goal is shown to the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskConfig>,
}

impl DataDescription {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`EnvError::Io`] when it cannot be read; [`EnvError::Data`] when it is not TOML, or holds an unknown key.
    pub fn read(path: &Path) -> Result<Self, EnvError> {
        let io = |source| EnvError::Io { path: path.into(), source };
        let refuse = |problem: &str| EnvError::Data { path: path.into(), problem: problem.into() };
        // Asked before it is opened: opening a pipe waits for somebody to write into it.
        let metadata = std::fs::metadata(path).map_err(io)?;
        if !metadata.is_file() || metadata.len() > LONGEST {
            return Err(refuse("this is no description of data: name a TOML file of a few lines"));
        }
        let text = String::from_utf8(std::fs::read(path).map_err(io)?)
            .map_err(|_| refuse("the description of the data is not UTF-8 text: save it as such"))?;
        Self::parse(&text, path)
    }

    /// Reads the text of such a file; `path` appears in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, EnvError> {
        // Editors on some systems begin a file with this mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            EnvError::Data {
                path: path.into(),
                problem: format!(
                    "the description of the data cannot be read: line {}: {}; known keys are environment, \
                     step_seconds, action_low, action_high, features, observations, timeouts, rewards and [task]",
                    1 + before.matches('\n').count(),
                    error.message()
                ),
            }
        })
    }

    /// Where the description of data lies when it lies beside them: the name of the file with the ending `toml` in place of
    /// its own, or the whole name of the folder and `.toml`.
    pub fn beside(data: &Path) -> PathBuf {
        match data.file_name() {
            // What follows a dot in the name of a folder is no ending (`pusht_v2.0`).
            Some(name) if data.is_dir() => {
                let mut name = name.to_owned();
                name.push(".toml");
                data.with_file_name(name)
            }
            _ => data.with_extension("toml"),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same, with what it does not say taken from `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            environment: self.environment.or(other.environment),
            step_seconds: self.step_seconds.or(other.step_seconds),
            action_low: self.action_low.or(other.action_low),
            action_high: self.action_high.or(other.action_high),
            features: if self.features.is_empty() { other.features } else { self.features },
            observations: if self.observations.is_empty() { other.observations } else { self.observations },
            timeouts: self.timeouts.or(other.timeouts),
            rewards: self.rewards.or(other.rewards),
            task: self.task.or(other.task),
        }
    }

    /// Keys that describe an environment, as opposed to what the rows mean: those that a registered environment
    /// answers itself.
    pub fn of_the_environment(&self) -> Vec<&'static str> {
        let said = [
            ("step_seconds", self.step_seconds.is_some()),
            ("action_low", self.action_low.is_some()),
            ("action_high", self.action_high.is_some()),
            ("features", !self.features.is_empty()),
            ("[task]", self.task.is_some()),
        ];
        said.into_iter().filter_map(|(key, said)| said.then_some(key)).collect()
    }

    /// The environment that these data come from, called `id` unless the description names it. What it does not say
    /// is taken from the data.
    ///
    /// # Errors
    /// [`EnvError::Data`] when bounds, features or task do not fit the data, naming the key.
    pub fn spec(&self, id: &str, dataset: &Dataset) -> Result<EnvSpec, EnvError> {
        let summary = dataset.summary();
        let id = self.environment.as_deref().unwrap_or(id);
        let refuse = |problem: String| EnvError::Data { path: id.into(), problem };
        let bounds = |key: &str, said: &Option<Vec<f64>>, pick: fn(&ColumnStatistics) -> f64| {
            let Some(said) = said else { return Ok(summary.actions.iter().map(pick).collect::<Vec<f64>>()) };
            if said.len() != dataset.action_dim || said.iter().any(|bound| bound.is_nan()) {
                return Err(refuse(format!(
                    "{key} has {} numbers, the actions of the data have {}: give one number per entry",
                    said.len(),
                    dataset.action_dim
                )));
            }
            Ok(said.clone())
        };
        let low = bounds("action_low", &self.action_low, |column| column.min)?;
        let high = bounds("action_high", &self.action_high, |column| column.max)?;
        let action = BoxSpace::new(low, high)
            .map_err(|error| refuse(format!("action_low and action_high: {error}")))?;
        let range = |pick: fn(&ColumnStatistics) -> f64| summary.observations.iter().map(pick).collect();
        let observation = BoxSpace::new(range(|column| column.min), range(|column| column.max))?;
        let width = dataset.observation_dim;
        if self.step_seconds.is_some_and(|seconds| !(seconds.is_finite() && seconds > 0.0)) {
            return Err(refuse("step_seconds must be a positive number of seconds".into()));
        }
        let mut spec = EnvSpec::of_spaces(id, observation, action);
        spec.features = if self.features.is_empty() {
            vec![Feature::new("observation", width, crate::FeatureKind::Other)]
        } else {
            self.features.clone()
        };
        let described = spec.features.iter().fold(0usize, |sum, feature| sum.saturating_add(feature.width));
        if described != width || spec.features.iter().any(|feature| feature.width == 0) {
            return Err(refuse(format!(
                "features describe {described} entries, the observations of the data have {width}: describe each \
                 entry once, in order"
            )));
        }
        spec.step_seconds = self.step_seconds;
        if let Some(TaskConfig { kind: TaskKind::Goal, entries, radius, .. }) = &self.task {
            let distinct = entries.iter().enumerate().all(|(i, entry)| !entries[..i].contains(entry));
            if entries.is_empty() || !distinct || entries.iter().any(|&entry| entry >= width) {
                return Err(refuse(format!(
                    "task.entries is {entries:?}: give entries of the observation from 0 to {}, each once",
                    width.saturating_sub(1)
                )));
            }
            if !(radius.is_finite() && *radius > 0.0) {
                return Err(refuse(format!("task.radius is {radius}: give a positive number")));
            }
            spec.condition.clone_from(entries);
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::*;
    use crate::FeatureKind;

    const ARM: &str = r#"
        environment = "my-arm"
        step_seconds = 0.05
        action_low = [-2]
        action_high = [2]
        features = [{ name = "tip", width = 1, kind = "position" }, { name = "grip", width = 1 }]
        observations = ["grip", "tip"]
        timeouts = "goal-switch"
        rewards = "of-observation"
        [task]
        kind = "goal"
        entries = [0]
        radius = 0.5
    "#;

    fn parse(text: &str) -> Result<DataDescription, EnvError> {
        DataDescription::parse(text, Path::new("arm.toml"))
    }

    #[test]
    fn everything_can_be_said() {
        let said = parse(ARM).unwrap();
        let spec = said.spec("file", &counter(9)).unwrap();
        assert_eq!(
            (spec.id.as_str(), spec.step_seconds, spec.condition.as_slice()),
            ("my-arm", Some(0.05), &[0][..])
        );
        assert_eq!((spec.action.low(), spec.action.high()), (&[-2.0][..], &[2.0][..]));
        assert_eq!(spec.entries(FeatureKind::Position), [0]);
        assert_eq!(
            (said.timeouts, said.rewards),
            (Some(TimeoutMeaning::GoalSwitch), Some(RewardConvention::OfObservation))
        );
        // Written and read again, and laid over another one.
        let text = toml::to_string(&said).unwrap();
        assert_eq!(parse(&text).unwrap(), said);
        let over = parse("step_seconds = 0.1").unwrap().or(&said);
        assert_eq!(over, DataDescription { step_seconds: Some(0.1), ..said });
    }

    #[test]
    fn descriptions_lie_beside_files_and_folders() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("pusht_v2.0");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(DataDescription::beside(&folder), home.path().join("pusht_v2.0.toml"));
        assert_eq!(
            DataDescription::beside(&home.path().join("lift.v1.hdf5")),
            home.path().join("lift.v1.toml")
        );
    }

    #[test]
    fn nothing_has_to_be_said() {
        let spec = DataDescription::default().spec("file", &counter(9)).unwrap();
        assert_eq!((spec.id.as_str(), spec.observation.high()), ("file", &[8.0, 0.5][..]));
        assert_eq!((spec.action.low(), spec.features[0].width), (&[1.0][..], 2));
        assert!(spec.condition.is_empty() && spec.step_seconds.is_none());
        assert!(DataDescription::default().is_empty());
    }

    #[test]
    fn what_does_not_fit_the_data_is_refused_by_its_key() {
        for (text, key) in [
            ("action_low = [0, 0]", "action_low"),
            ("action_low = [3]\naction_high = [2]", "action_low and action_high"),
            ("features = [{ name = \"tip\", width = 3 }]", "features describe 3"),
            ("step_seconds = 0.0", "step_seconds"),
            ("[task]\nkind = \"goal\"\nentries = [2]\nradius = 1.0", "task.entries"),
            ("[task]\nkind = \"goal\"\nentries = [1, 1]\nradius = 1.0", "task.entries"),
            ("[task]\nkind = \"goal\"\nentries = [0]\nradius = -1.0", "task.radius"),
        ] {
            let message = parse(text).unwrap().spec("file", &counter(9)).unwrap_err().to_string();
            assert!(message.contains(key), "{text}: {message}");
        }
        let message = parse("action_lo = [1]").unwrap_err().to_string();
        assert!(message.contains("arm.toml") && message.contains("action_low"), "{message}");
    }
}
