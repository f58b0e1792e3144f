//! Where an episode began, in few characters.

use sha2::{Digest, Sha256};

/// Entries of an observation that are written as they are: the places and speeds of a few things, which a reader looks at.
const MOST_ENTRIES: usize = 6;
/// Bytes of a hash that are kept: two of a million beginnings are mistaken for each other once in 500 files.
const HASH_BYTES: usize = 6;

/// Where an episode began, which tells one beginning from another; the episode's seed gives every bit of it.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// The first observation, to single precision. Files of earlier versions have these of any length.
    Observation(Vec<f64>),
    /// `#` and the first digits of the SHA-256 of what would stand there, for an observation of many entries.
    Hash(String),
}

impl Beginning {
    /// Of an episode's first observation.
    pub fn new(observation: &[f64]) -> Self {
        let single = Self::Observation(single(observation));
        if observation.len() > MOST_ENTRIES { Self::Hash(single.hash()) } else { single }
    }

    /// The hash that a text is, if it is one.
    pub fn hash_in(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let sound = digits.len() == 2 * HASH_BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        sound.then(|| Self::Hash(text.to_owned()))
    }

    fn hash(&self) -> String {
        match self {
            Self::Observation(entries) => {
                // Those of files of earlier versions may have more digits.
                let digest = Sha256::digest(super::csv::vector(&single(entries)));
                let digits = digest.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}"));
                std::iter::once("#".to_owned()).chain(digits).collect()
            }
            Self::Hash(hash) => hash.clone(),
        }
    }
}

/// A place to single precision: files of thousands of episodes say where each began and was to end, and its seed gives every bit.
pub fn single(entries: &[f64]) -> Vec<f64> {
    entries.iter().map(|&entry| f64::from(entry as f32)).collect()
}

impl Default for Beginning {
    fn default() -> Self {
        Self::Observation(Vec::new())
    }
}

impl PartialEq for Beginning {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Observation(own), Self::Observation(others)) => own == others,
            // One of them may be of an earlier version.
            _ => self.hash() == other.hash(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_entries_stay_and_many_are_told_apart() {
        let few = [0.1, -2.0, 0.0, 1e-9, 5.0, 6.0];
        assert!(matches!(Beginning::new(&few), Beginning::Observation(kept) if kept.len() == 6));
        let many: Vec<f64> = (0..12).map(|i| f64::from(i) / 7.0).collect();
        let Beginning::Hash(hash) = Beginning::new(&many) else { panic!("twelve entries are many") };
        assert!(hash.len() == 13 && hash.starts_with('#'), "{hash}");
        let mut other = many.clone();
        other[11] += 1e-6;
        assert!(Beginning::new(&other) != Beginning::new(&many));
        // What earlier versions wrote of the same episode, to single precision and to double.
        for earlier in [single(&many), many.clone()] {
            assert!(Beginning::Observation(earlier) == Beginning::new(&many));
        }
        assert!(Beginning::hash_in(&hash) == Some(Beginning::new(&many)));
        for other in ["#", "#12", "0123456789abc", "#0123456789ax"] {
            assert!(Beginning::hash_in(other).is_none(), "{other}");
        }
    }
}
