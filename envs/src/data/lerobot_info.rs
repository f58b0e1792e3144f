//! What `meta/info.json` of a LeRobot data set says.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::parts::{Chosen, Part};
use crate::{Feature, FeatureKind};

/// Keys of observations begin so.
const OBSERVATION: &str = "observation.";

/// The parts of the file that matter here.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub codebase_version: String,
    pub total_episodes: u64,
    pub total_frames: u64,
    pub fps: f64,
    pub features: BTreeMap<String, Described>,
}

/// A column as the file describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Described {
    pub dtype: String,
    pub shape: Vec<u64>,
    #[serde(default)]
    names: Names,
}

/// Names of the entries of a column.
#[derive(Debug, Default, PartialEq)]
enum Names {
    /// None, or in a form that is not known.
    #[default]
    Unknown,
    List(Vec<String>),
    /// Lists under the names of groups of motors, in the order of the file, which is that of the entries.
    Groups(Vec<(String, Names)>),
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// Takes names in the order of the file: serde_json's own objects are sorted by their keys.
struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
        let mut names = Some(Vec::new());
        while let Some(item) = items.next_element::<Value>()? {
            names = names.zip(item.as_str()).map(|(mut names, name)| {
                names.push(name.to_owned());
                names
            });
        }
        Ok(names.map_or(Names::Unknown, Names::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Names, A::Error> {
        let mut groups = Vec::new();
        while let Some(pair) = pairs.next_entry::<String, Names>()? {
            groups.push(pair);
        }
        Ok(Names::Groups(groups))
    }

    fn visit_unit<E>(self) -> Result<Names, E> {
        Ok(Names::Unknown)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
        Ok(Names::Unknown)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
        Ok(Names::Unknown)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
        Ok(Names::Unknown)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
        Ok(Names::Unknown)
    }

    fn visit_str<E>(self, _: &str) -> Result<Names, E> {
        Ok(Names::Unknown)
    }
}

impl Described {
    /// Entries a row of one vector, or what it is instead.
    fn width(&self) -> Result<usize, String> {
        let numbers = self.dtype.starts_with("float") || self.dtype.starts_with("int");
        match (numbers || self.dtype.starts_with("uint") || self.dtype == "bool", self.shape.as_slice()) {
            (true, [width]) if *width > 0 => Ok(usize::try_from(*width).unwrap_or(usize::MAX)),
            (true, shape) => Err(format!("an array of shape {shape:?} a row")),
            (false, _) => Err(format!("a {}", self.dtype)),
        }
    }

    /// Names of the entries: a list, or lists under the names of groups of motors.
    fn names(&self) -> Option<Vec<String>> {
        let list = |names: &Names| match names {
            Names::List(names) => Some(names.clone()),
            _ => None,
        };
        let names = match &self.names {
            Names::Groups(groups) => {
                let lists: Option<Vec<Vec<String>>> = groups.iter().map(|(_, names)| list(names)).collect();
                lists?.concat()
            }
            other => list(other)?,
        };
        (Ok(names.len()) == self.width()).then_some(names)
    }
}

impl Info {
    /// Refuses what is not read.
    pub fn check(&self) -> Result<(), String> {
        if !["v2.", "v3."].iter().any(|known| self.codebase_version.starts_with(known)) {
            return Err(format!(
                "codebase_version is {}, and v2 and v3 are read: convert the data set with LeRobot's scripts \
                 (`lerobot.datasets.v30.convert_dataset_v21_to_v30`)",
                self.codebase_version
            ));
        }
        if !(self.fps.is_finite() && self.fps > 0.0) {
            return Err(format!("fps is {}: give the frames per second", self.fps));
        }
        let action = self.features.get("action").ok_or(
            "it describes no `action`: name a data set with actions, as one array of numbers a frame",
        )?;
        action.width().map_err(|what| format!("`action` is {what}; one vector a frame is expected"))?;
        if !action.dtype.starts_with("float") {
            return Err(format!(
                "`action` is of {}: discrete actions are not supported, only quantities (one number per actuator); if \
                 these are quantities, store them as float32",
                action.dtype
            ));
        }
        Ok(())
    }

    /// Entries of an action.
    pub fn action_width(&self) -> usize {
        self.features.get("action").and_then(|action| action.width().ok()).unwrap_or(0)
    }

    /// The parts of the observation, under the names of their columns.
    pub fn parts(&self) -> Vec<Part> {
        let seen =
            self.features.iter().filter(|(key, _)| key.starts_with(OBSERVATION) || *key == "observation");
        seen.map(|(key, described)| Part { key: key.clone(), width: described.width() }).collect()
    }

    /// A feature for each entry that has a name, and for each part without names.
    pub fn features(&self, chosen: &Chosen) -> Vec<Feature> {
        let named: Vec<(&String, usize, Option<Vec<String>>)> = chosen
            .parts
            .iter()
            .map(|(key, width)| (key, *width, self.features.get(key).and_then(Described::names)))
            .collect();
        let all: Vec<&String> = named.iter().filter_map(|(.., names)| names.as_ref()).flatten().collect();
        let twice = |name: &String| all.iter().filter(|other| **other == name).count() > 1;
        let mut features = Vec::new();
        for (key, width, names) in &named {
            match names {
                Some(names) => features.extend(names.iter().map(|name| {
                    let full = if twice(name) { format!("{key}.{name}") } else { name.clone() };
                    Feature::new(&full, 1, FeatureKind::Other)
                })),
                None => features.push(Feature::new(key, *width, FeatureKind::Other)),
            }
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(change: &str, to: &str) -> Info {
        let text = r#"{"codebase_version": "v3.0", "total_episodes": 1, "total_frames": 9, "fps": 30, "features": {
            "action": {"dtype": "float32", "shape": [2], "names": ["a", "b"]},
            "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}},
            "observation.force": {"dtype": "float64", "shape": [3], "names": null},
            "observation.other": {"dtype": "float32", "shape": [1], "names": ["b"]},
            "observation.images.top": {"dtype": "video", "shape": [4, 4, 3], "names": ["h", "w", "c"]}}}"#;
        serde_json::from_str(&text.replace(change, to)).unwrap()
    }

    #[test]
    fn entries_are_called_by_their_names() {
        let info = info("", "");
        info.check().unwrap();
        let chosen = Chosen::of(info.parts(), None).unwrap();
        let features = info.features(&chosen);
        let features: Vec<_> = features.iter().map(|of| (of.name.as_str(), of.width)).collect();
        assert_eq!(
            features,
            [("observation.force", 3), ("observation.other.b", 1), ("a", 1), ("observation.state.b", 1)]
        );
        assert!(chosen.note.unwrap().contains("`observation.images.top` (a video)"));
        assert_eq!(info.action_width(), 2);
    }

    #[test]
    fn groups_of_names_come_in_the_order_of_the_file() {
        let names = |text: &str| {
            let info = info("{\"motors\": [\"a\", \"b\"]}", text);
            info.features["observation.state"].names()
        };
        let two = names(r#"{"right_arm": ["x"], "left_arm": ["y"]}"#);
        assert_eq!(two, Some(vec!["x".to_owned(), "y".to_owned()]));
        // Of another form or number, they name nothing.
        for other in [
            r#"{"right_arm": ["x"], "left_arm": "y"}"#,
            r#"{"right_arm": {"x": ["a"]}, "left_arm": ["y"]}"#,
            r#"{"x": 0, "y": 1}"#,
            r#"["x", 2]"#,
            r#"["x"]"#,
            "null",
            "true",
            "-1",
            "2",
            "0.5",
            "\"x\"",
        ] {
            assert_eq!(names(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_read_is_refused_with_the_remedy() {
        for (change, to, says) in [
            ("v3.0", "v1.6", "convert"),
            ("\"fps\": 30", "\"fps\": 0", "frames per second"),
            ("\"action\"", "\"actions\"", "no `action`"),
            (
                "\"float32\", \"shape\": [2], \"names\": [\"a\"",
                "\"int64\", \"shape\": [2], \"names\": [\"a\"",
                "discrete",
            ),
            (
                "\"float32\", \"shape\": [2], \"names\": [\"a\"",
                "\"float32\", \"shape\": [2, 2], \"names\": [\"a\"",
                "one vector",
            ),
        ] {
            let message = info(change, to).check().unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }
}
