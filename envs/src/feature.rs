//! What the entries of an observation are.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A run of neighbouring entries of an observation that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// What a person would call it, for example `position`.
    pub name: String,
    /// Entries it takes.
    pub width: usize,
    /// What kind of quantity it is.
    #[serde(default)]
    pub kind: FeatureKind,
    /// What planning does with it.
    #[serde(default)]
    pub role: FeatureRole,
}

/// Kinds of quantities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureKind {
    /// Where something is, along perpendicular axes of one unit. Distances, paths and the support of the data speak
    /// of these.
    Position,
    /// How fast something moves along those axes, per second.
    Velocity,
    /// An angle in radians.
    Angle,
    /// Cosine and sine of an angle, two entries.
    Direction,
    /// A unit quaternion, four entries.
    Quaternion,
    /// Anything else.
    #[default]
    Other,
}

/// What planning does with a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureRole {
    /// It is part of a plan.
    #[default]
    Planned,
    /// It is seen and not planned.
    Context,
}

impl Feature {
    /// A planned feature.
    pub fn new(name: &str, width: usize, kind: FeatureKind) -> Self {
        Self { name: name.to_owned(), width, kind, role: FeatureRole::Planned }
    }
}

/// Entries of an observation past which features are not followed: widths are also read from files.
const LONGEST: usize = 1 << 20;

/// Observation entries of every feature of a kind, in order.
pub fn entries_of(features: &[Feature], kind: FeatureKind) -> Vec<usize> {
    runs_of(features, kind).into_iter().flatten().collect()
}

/// Observation entries of every feature of a kind, feature by feature; none of a feature without entries.
pub fn runs_of(features: &[Feature], kind: FeatureKind) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut first: usize = 0;
    for feature in features {
        let next = first.saturating_add(feature.width);
        if feature.kind == kind {
            runs.push(first.min(LONGEST)..next.min(LONGEST));
        }
        first = next;
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_through_features_of_any_kind() {
        let features = [
            Feature::new("joints", 3, FeatureKind::Angle),
            Feature::new("tip", 2, FeatureKind::Position),
            Feature::new("grip", 1, FeatureKind::Other),
            Feature::new("cube", 3, FeatureKind::Position),
        ];
        assert_eq!(entries_of(&features, FeatureKind::Position), [3, 4, 6, 7, 8]);
        assert_eq!(runs_of(&features, FeatureKind::Position), [3..5, 6..9]);
        assert_eq!(entries_of(&features, FeatureKind::Velocity), [0usize; 0]);
        let endless = [
            Feature::new("a", usize::MAX, FeatureKind::Other),
            Feature::new("b", usize::MAX, FeatureKind::Angle),
        ];
        assert!(entries_of(&endless, FeatureKind::Angle).is_empty());
    }
}
