//! Which fruit a reference takes next.

use rand::{Rng, RngExt};

use crate::fruit_swap::{FRUIT_SWAP_ORDER, Fruit, FruitArrangement};

/// How the next move is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chooses {
    /// It looks at the arrangement once, and makes the three moves in order.
    InOrder,
    /// It draws one of the three.
    AsOften,
    /// It goes round the ring of arrangements in one direction.
    ByRing,
}

impl Chooses {
    /// What a reference that chooses so is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::InOrder => "oracle",
            Self::AsOften => "memoryless",
            Self::ByRing => "ring",
        }
    }
}

/// Chooses moves, and remembers as much as its rule allows.
#[derive(Clone, Debug)]
pub(super) struct Chooser {
    chooses: Chooses,
    /// Moves begun, and the arrangement that they lead to, as far as it was seen.
    begun: usize,
    arrangement: Option<FruitArrangement>,
}

impl Chooser {
    /// Before the first move.
    pub fn new(chooses: Chooses) -> Self {
        Self { chooses, begun: 0, arrangement: None }
    }

    /// Its rule.
    pub fn chooses(&self) -> Chooses {
        self.chooses
    }

    /// Moves begun.
    #[cfg(test)]
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Forgets the episode.
    pub fn reset(&mut self) {
        *self = Self::new(self.chooses);
    }

    /// Fruit and slot of the next move; `None` while the fruits do not show an arrangement, or when all is done.
    pub fn next(&mut self, seen: Option<FruitArrangement>, rng: &mut impl Rng) -> Option<(Fruit, usize)> {
        if self.arrangement.is_none() || self.chooses != Chooses::InOrder {
            self.arrangement = seen;
        }
        let now = self.arrangement?;
        let fruit = match self.chooses {
            Chooses::InOrder => FRUIT_SWAP_ORDER.get(self.begun).copied()?,
            Chooses::AsOften => FRUIT_SWAP_ORDER[rng.random_range(0..FRUIT_SWAP_ORDER.len())],
            Chooses::ByRing if now.follows() => Fruit::Apple,
            Chooses::ByRing => Fruit::Orange,
        };
        self.begun += 1;
        self.arrangement = Some(now.moved(fruit));
        Some((fruit, now.free()))
    }
}
