//! Data sets of the half-cheetah, by name.

use super::{HALF_CHEETAH, HalfCheetahBudget};

/// How data are made. The environment is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HalfCheetahData {
    /// Episodes of the three others in turn.
    Mixed,
    /// By [`HalfCheetahBudget::SHORT`], with much noise.
    Short,
    /// By [`HalfCheetahBudget::MEDIUM`], with some noise.
    Medium,
    /// By [`HalfCheetahBudget::GOOD`], with a little noise.
    Good,
}

impl HalfCheetahData {
    /// All of them, in the order in which names are listed.
    pub const ALL: [Self; 4] = [Self::Mixed, Self::Short, Self::Medium, Self::Good];

    /// Name of the environment that has these data, such as `half-cheetah-good-v5`; [`HALF_CHEETAH`] of those that are mixed.
    pub fn id(self) -> &'static str {
        match self {
            Self::Mixed => HALF_CHEETAH,
            Self::Short => "half-cheetah-short-v5",
            Self::Medium => "half-cheetah-medium-v5",
            Self::Good => "half-cheetah-good-v5",
        }
    }

    /// The data of this name.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data| data.id() == id)
    }

    /// A line about the environment.
    pub(in crate::mujoco) fn about(self) -> String {
        let data = match self {
            Self::Mixed => "data of a sampler at three budgets",
            Self::Short => "data of a sampler with a short budget",
            Self::Medium => "data of a sampler with a medium budget",
            Self::Good => "data of a sampler with a good budget",
        };
        format!(
            "gymnasium's HalfCheetah: run forward, 1000 steps of 0.05 s; {data}; needs MuJoCo (envs/interop/mujoco.sh) and \
             gymnasium's model (envs/interop/gymnasium.sh)"
        )
    }

    /// Name of the policy that drives them.
    pub(in crate::mujoco) fn driver_name(self) -> &'static str {
        match self {
            Self::Mixed | Self::Short => "data-short",
            Self::Medium => "data-medium",
            Self::Good => "data-good",
        }
    }

    /// Who drives an episode, and the deviation of the noise on each action.
    pub(super) fn driver(self, episode: usize) -> (HalfCheetahBudget, f64) {
        match self {
            Self::Mixed => Self::ALL[1 + episode % 3].driver(episode),
            Self::Short => (HalfCheetahBudget::SHORT, 0.3),
            Self::Medium => (HalfCheetahBudget::MEDIUM, 0.2),
            Self::Good => (HalfCheetahBudget::GOOD, 0.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_mixed_data_take_the_others_in_turn() {
        assert!(HalfCheetahData::ALL.into_iter().all(|data| HalfCheetahData::find(data.id()) == Some(data)));
        assert_eq!(HalfCheetahData::find("half-cheetah-v4"), None);
        let drivers = [0, 1, 2, 3].map(|episode| HalfCheetahData::Mixed.driver(episode));
        let pure = [HalfCheetahData::Short, HalfCheetahData::Medium, HalfCheetahData::Good];
        assert_eq!(drivers[..3], pure.map(|data| data.driver(7)));
        assert_eq!(drivers[3], drivers[0]);
        assert!(pure.windows(2).all(|two| two[0].driver(0).1 > two[1].driver(0).1));
    }
}
