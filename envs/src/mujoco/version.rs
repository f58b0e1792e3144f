//! Which releases of MuJoCo are used.

use std::fmt;

/// A release of MuJoCo. Ordered as releases are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MujocoVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl MujocoVersion {
    /// Oldest release that is used. Before it the bits that say what of a state is meant were others, and `mj_readSensor`
    /// did not exist.
    pub const OLDEST: Self = Self::new(3, 5, 0);
    /// First release that is not used, as nobody has looked at it.
    pub const TOO_NEW: Self = Self::new(5, 0, 0);
    /// Releases whose states, calls and trajectories were tried against Python's bindings, the oldest first
    /// (`envs/interop/mujoco_parity.py`). Those in between are used too. 3.6.0 alone reads meshes (OBJ, STL) by plug-ins beside
    /// the library, which are not loaded: with it models with such files are refused.
    pub const TRIED: [Self; 6] = [
        Self::new(3, 5, 0),
        Self::new(3, 6, 0),
        Self::new(3, 9, 0),
        Self::new(3, 12, 0),
        Self::new(3, 17, 0),
        Self::new(4, 0, 0),
    ];

    /// Release of these three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// What `mj_version` returns, as a release: one digit for each number up to 3.4, three digits since.
    pub(super) fn of_number(number: i32) -> Self {
        let number = u32::try_from(number).unwrap_or(0);
        let digits = if number >= 1_000_000 { 1000 } else { 10 };
        Self::new(number / (digits * digits), number / digits % digits, number % digits)
    }

    /// Why it is not used; `None` where it is.
    pub(super) fn refusal(self) -> Option<&'static str> {
        if self < Self::OLDEST {
            Some("older than 3.5.0, which moved the bits of states and brought `mj_readSensor`")
        } else if self >= Self::TOO_NEW {
            Some("newer than this program knows: 3.5.0 to 4.x are used")
        } else {
            None
        }
    }
}

impl fmt::Display for MujocoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_kinds_are_read() {
        for (number, version) in [
            (237, MujocoVersion::new(2, 3, 7)),
            (340, MujocoVersion::new(3, 4, 0)),
            (3_005_000, MujocoVersion::new(3, 5, 0)),
            (3_017_002, MujocoVersion::new(3, 17, 2)),
            (4_000_000, MujocoVersion::new(4, 0, 0)),
            (-1, MujocoVersion::new(0, 0, 0)),
        ] {
            assert_eq!(MujocoVersion::of_number(number), version);
        }
        assert_eq!(MujocoVersion::new(3, 17, 2).to_string(), "3.17.2");
    }

    #[test]
    fn older_and_newer_releases_are_refused() {
        assert!(MujocoVersion::new(3, 4, 0).refusal().is_some_and(|why| why.contains("mj_readSensor")));
        assert!(MujocoVersion::new(5, 0, 0).refusal().is_some_and(|why| why.contains("3.5.0 to 4.x")));
        assert!(MujocoVersion::TRIED.is_sorted());
        assert!(MujocoVersion::TRIED.iter().all(|version| version.refusal().is_none()));
        assert_eq!(MujocoVersion::TRIED[0], MujocoVersion::OLDEST);
    }
}
