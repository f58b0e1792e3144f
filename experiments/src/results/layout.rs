//! How results are shown: what stands in which row and column, and beside what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How results are to be shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layout {
    /// Heading.
    pub title: String,
    /// Environments in the order of the columns.
    pub environments: Vec<String>,
    /// Variants in the order of the rows.
    pub rows: Vec<Row>,
    /// The variant that the others are compared with.
    pub baseline: String,
    /// Settings that were varied, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Figures from papers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
    /// What to keep in mind beside them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remark: String,
    /// Another program's time for a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_time: Option<ReferenceTime>,
}

/// A variant as a row of tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name.
    pub variant: String,
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// Settings that it changes.
    #[serde(default)]
    pub set: Vec<String>,
}

/// A setting and the variants that differ in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name of the preset, or the setting.
    pub name: String,
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// What the labels are values of.
    pub axis: String,
    /// Values, in order.
    pub arms: Vec<Arm>,
}

/// One value of a varied setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The value.
    pub label: String,
    /// Its variant.
    pub variant: String,
}

/// A row from a paper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Method, with its controller where the paper names one.
    pub method: String,
    /// Where the figures stand.
    pub source: String,
    /// Mean scores by environment.
    pub scores: BTreeMap<String, f64>,
}

/// Another program's time for a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceTime {
    /// What was timed.
    pub name: String,
    /// Median milliseconds.
    pub ms: f64,
    /// Where it was measured.
    pub source: String,
}

impl Layout {
    /// Takes over what another layout shows besides: its own comes first.
    pub fn extend(&mut self, other: &Layout) {
        for group in &other.groups {
            match self.groups.iter_mut().find(|own| own.name == group.name) {
                Some(own) => add(&mut own.arms, &group.arms, |arm| &arm.label),
                None => self.groups.push(group.clone()),
            }
        }
        add(&mut self.environments, &other.environments, |name| name);
        add(&mut self.rows, &other.rows, |row| &row.variant);
    }
}

/// Appends what is not there yet, by key.
fn add<T: Clone>(own: &mut Vec<T>, other: &[T], key: impl Fn(&T) -> &String) {
    for one in other {
        if !own.iter().any(|there| key(there) == key(one)) {
            own.push(one.clone());
        }
    }
}
