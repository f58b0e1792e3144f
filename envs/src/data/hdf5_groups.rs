//! The groups of an HDF5 file that keeps one for each episode.

use hdf5_pure::{DType, Dataset, Datatype, FormatError, Group};

use super::hdf5_arrays::Arrays;
use super::parts::Part;
use crate::EnvError;

/// Groups within groups that are followed. Spaces within spaces are seldom more than two deep.
const DEEPEST: usize = 8;
/// Groups and arrays of an observation that are looked at, at most: a group may hold itself, many times.
const MOST_PARTS: usize = 4096;

impl Arrays {
    /// The groups `PREFIX0`, `PREFIX1`, ... in the order of their numbers, with these.
    pub fn numbered(&self, prefix: &str) -> Result<Vec<(u64, Group)>, EnvError> {
        let groups = self.here().iter_groups().map_err(|e| self.unread(prefix, &e))?;
        let number = |name: &str| name.strip_prefix(prefix)?.parse::<u64>().ok();
        let mut found: Vec<(u64, Group)> =
            groups.filter_map(|(name, group)| Some((number(&name)?, group))).collect();
        found.sort_by_key(|(number, _)| *number);
        Ok(found)
    }

    /// The group of this name within the one that was entered.
    pub fn group(&self, name: &str) -> Result<Group, EnvError> {
        self.here().group(name).map_err(|e| self.unread(name, &e))
    }

    /// Names of the groups within the one that was entered.
    pub fn group_names(&self) -> Vec<String> {
        self.here().groups().unwrap_or_default()
    }

    /// The arrays within the group called `key`, however deep, under their names from there (`arm/joints`); within the
    /// group that was entered where it is empty. `None` where `key` is no group.
    pub fn parts(&self, key: &str) -> Result<Option<Vec<Part>>, EnvError> {
        let here = self.here();
        let Ok(group) = (if key.is_empty() { Ok(here) } else { here.group(key) }) else { return Ok(None) };
        let (mut parts, mut left) = (Vec::new(), MOST_PARTS);
        self.collect(&group, (key, ""), DEEPEST, &mut parts, &mut left)?;
        Ok(Some(parts))
    }

    /// The array called `key` as the only part of an observation, under another name.
    pub fn part_of(&self, key: &str, name: &str) -> Result<Part, EnvError> {
        match self.find(key).and_then(|array| part(&array, name.into())) {
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_))) => Err(self.error(self.missing(key))),
            found => found.map_err(|e| self.unread(key, &e)),
        }
    }

    fn collect(
        &self,
        group: &Group,
        (within, before): (&str, &str),
        depth: usize,
        parts: &mut Vec<Part>,
        left: &mut usize,
    ) -> Result<(), EnvError> {
        let mut count = || {
            *left = left.checked_sub(1).ok_or_else(|| {
                self.error(format!(
                    "`{within}` holds more than {MOST_PARTS} arrays and groups, or a group that holds itself: join the \
                     arrays into a few"
                ))
            })?;
            Ok(())
        };
        let failed = |e| self.unread(&format!("{within}/{before}"), &e);
        for (name, array) in group.iter_datasets().map_err(failed)? {
            count()?;
            parts.push(part(&array, format!("{before}{name}")).map_err(failed)?);
        }
        if depth == 0 {
            return Ok(());
        }
        let mut inside = Vec::new();
        for (name, inner) in group.iter_groups().map_err(failed)? {
            count()?;
            inside.push((name, inner));
        }
        for (name, inner) in inside {
            self.collect(&inner, (within, &format!("{before}{name}/")), depth - 1, parts, left)?;
        }
        Ok(())
    }
}

/// What an array is as part of an observation.
fn part(array: &Dataset, key: String) -> Result<Part, hdf5_pure::Error> {
    let kind = array.dtype()?;
    let number = match &kind {
        DType::Other(of) => matches!(of.as_ref(), Datatype::FloatingPoint { .. }),
        DType::F32 | DType::F64 => true,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => true,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => true,
        _ => false,
    };
    Ok(match array.shape()?.as_slice() {
        _ if !number => Part::other(key, format!("{kind}, not numbers")),
        [_] => Part::vector(key, 1),
        [_, width] if *width > 0 => Part::vector(key, usize::try_from(*width).unwrap_or(usize::MAX)),
        [_, rest @ ..] => Part::other(key, format!("an array of shape {rest:?} a row")),
        [] => Part::other(key, "a single number".into()),
    })
}
