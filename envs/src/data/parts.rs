//! Observations that are kept in parts, and which of them are put side by side.

use crate::{Feature, FeatureKind};

/// Why no parts can be asked for of a layout that has none.
pub(super) const NO_PARTS: &str = "this layout keeps one array of observations, and parts of them are asked for: leave \
                                   `observations` out (in the TOML beside the data, or in the options)";

/// Part of an observation as a file keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Its name.
    pub key: String,
    /// Entries a row, or what it is instead of one vector a row.
    pub width: Result<usize, String>,
}

impl Part {
    /// One vector a row.
    pub fn vector(key: String, width: usize) -> Self {
        Self { key, width: Ok(width) }
    }

    /// Something else.
    pub fn other(key: String, what: String) -> Self {
        Self { key, width: Err(what) }
    }
}

/// The parts that are read, in order, and a note for what is not.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen {
    /// Names and widths.
    pub parts: Vec<(String, usize)>,
    /// What is left out.
    pub note: Option<String>,
}

impl Chosen {
    /// Every part that is one vector a row, in the order of names; or those `asked` for, in that order.
    pub fn of(mut parts: Vec<Part>, asked: Option<&[String]>) -> Result<Self, String> {
        parts.sort_by(|a, b| a.key.cmp(&b.key));
        let Some(asked) = asked else {
            let (read, left): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.width.is_ok());
            let left: Vec<String> = left
                .into_iter()
                .map(|part| format!("`{}` ({})", part.key, part.width.err().unwrap_or_default()))
                .collect();
            let parts: Vec<_> =
                read.into_iter().filter_map(|part| Some((part.key, part.width.ok()?))).collect();
            if parts.is_empty() {
                let there = if left.is_empty() { "nothing".into() } else { left.join(", ") };
                return Err(format!(
                    "no part of the observation is one vector a row (there is {there}): images and other arrays \
                     are not supported; encode them first"
                ));
            }
            let note =
                (!left.is_empty()).then(|| format!("left out of the observation: {}", left.join(", ")));
            return Ok(Self { parts, note });
        };
        let mut chosen: Vec<(String, usize)> = Vec::new();
        for key in asked {
            let known = || parts.iter().map(|part| part.key.as_str()).collect::<Vec<_>>().join(", ");
            let part = parts.iter().find(|part| part.key == *key).ok_or_else(|| {
                format!("there is no part `{key}` of the observation: name some of {}", known())
            })?;
            let width = *part.width.as_ref().map_err(|what| {
                format!("`{key}` holds {what}, and observations are one vector a row: encode it first, or leave it out")
            })?;
            if chosen.iter().any(|(other, _)| other == key) {
                return Err(format!("part `{key}` of the observation is asked for twice: name it once"));
            }
            chosen.push((key.clone(), width));
        }
        if chosen.is_empty() {
            return Err("no part of the observation is asked for: name at least one".into());
        }
        let left: Vec<String> = parts
            .iter()
            .filter(|part| !chosen.iter().any(|(key, _)| *key == part.key))
            .map(|part| format!("`{}`", part.key))
            .collect();
        let note = (!left.is_empty()).then(|| format!("left out of the observation: {}", left.join(", ")));
        Ok(Self { parts: chosen, note })
    }

    /// A feature for each part.
    pub fn features(&self) -> Vec<Feature> {
        self.parts.iter().map(|(key, width)| Feature::new(key, *width, FeatureKind::Other)).collect()
    }

    /// Entries of an observation.
    pub fn width(&self) -> usize {
        self.parts.iter().fold(0, |sum, (_, width)| sum.saturating_add(*width))
    }
}

/// Arrays of equally many rows, row by row side by side; `None` where they have different numbers of rows.
pub(super) fn side_by_side(mut arrays: Vec<(Vec<f32>, usize)>) -> Option<Vec<f32>> {
    if let [_] = arrays.as_slice() {
        return arrays.pop().map(|(values, _)| values);
    }
    let rows = arrays.first().map_or(0, |(values, width)| values.len() / (*width).max(1));
    if arrays.iter().any(|(values, width)| values.len() != rows.saturating_mul(*width)) {
        return None;
    }
    let mut joined = Vec::with_capacity(arrays.iter().map(|(values, _)| values.len()).sum());
    for row in 0..rows {
        for (values, width) in &arrays {
            joined.extend_from_slice(values.get(row * width..(row + 1) * width)?);
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        vec![
            Part::vector("tip".into(), 2),
            Part::other("camera".into(), "an array of shape [4, 4, 3] a row".into()),
            Part::vector("arm".into(), 3),
        ]
    }

    #[test]
    fn vectors_are_taken_by_name_and_what_is_left_out_is_told() {
        let chosen = Chosen::of(parts(), None).unwrap();
        assert_eq!(chosen.parts, [("arm".to_owned(), 3), ("tip".to_owned(), 2)]);
        assert_eq!((chosen.width(), chosen.features()[1].name.as_str()), (5, "tip"));
        assert!(chosen.note.unwrap().contains("`camera` (an array of shape [4, 4, 3] a row)"));
        let asked = ["tip".to_owned()];
        let chosen = Chosen::of(parts(), Some(&asked)).unwrap();
        assert_eq!(chosen.parts, [("tip".to_owned(), 2)]);
        assert_eq!(chosen.note.unwrap(), "left out of the observation: `arm`, `camera`");
        let all = ["tip".to_owned(), "arm".to_owned()];
        assert_eq!(Chosen::of(vec![parts().remove(0), parts().remove(2)], Some(&all)).unwrap().note, None);
    }

    #[test]
    fn what_cannot_be_had_is_refused_with_what_there_is() {
        for (asked, says) in [
            (vec!["hand"], "name some of arm, camera, tip"),
            (vec!["camera"], "encode it first"),
            (vec!["tip", "tip"], "twice"),
            (vec![], "at least one"),
        ] {
            let asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
            let message = Chosen::of(parts(), Some(&asked)).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
        let message = Chosen::of(vec![parts().remove(1)], None).unwrap_err();
        assert!(message.contains("`camera`") && message.contains("encode"), "{message}");
        assert!(Chosen::of(vec![], None).unwrap_err().contains("nothing"));
    }

    #[test]
    fn arrays_are_put_side_by_side_row_by_row() {
        let arrays = vec![(vec![1.0, 2.0], 1), (vec![3.0, 4.0, 5.0, 6.0], 2)];
        assert_eq!(side_by_side(arrays.clone()).unwrap(), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
        assert_eq!(side_by_side(vec![arrays[1].clone()]).unwrap(), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(side_by_side(vec![arrays[0].clone(), (vec![1.0], 1)]), None);
    }
}
