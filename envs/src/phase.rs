//! Where an episode stands, for environments that end episodes themselves.

/// Where an episode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None has begun.
    Before,
    /// It is under way.
    Running,
    /// It has ended.
    Over,
}

impl Phase {
    /// As a word of a snapshot: 0, 1 and 2 in their order.
    pub fn word(self) -> u64 {
        match self {
            Self::Before => 0,
            Self::Running => 1,
            Self::Over => 2,
        }
    }

    /// Of a word of a snapshot; `None` for one that is none.
    pub fn of_word(word: u64) -> Option<Self> {
        [Self::Before, Self::Running, Self::Over].into_iter().find(|phase| phase.word() == word)
    }
}
