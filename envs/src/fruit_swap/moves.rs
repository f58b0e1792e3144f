//! Which of the three moves are made.

use crate::fruit_swap::{FRUIT_SWAP_ORDER, Fruit, FruitArrangement};

/// The moves of an episode, as far as they are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct FruitMoves {
    /// The arrangement that the episode began with.
    pub start: FruitArrangement,
    /// Moves made, 3 at most.
    pub stage: usize,
}

impl FruitMoves {
    /// Before the first.
    pub fn new(start: FruitArrangement) -> Self {
        Self { start, stage: 0 }
    }

    /// Hears that a fruit lies on a slot. Whether it should not: a fruit that lies where it last lay is nothing new, the one
    /// whose turn it is makes its move on the free slot, and all else leads astray.
    pub fn lies(&mut self, fruit: Fruit, slot: usize) -> bool {
        let made = FRUIT_SWAP_ORDER.iter().take(self.stage).fold(self.start, |at, fruit| at.moved(*fruit));
        if slot == made.slot(fruit) {
            return false;
        }
        let right = FRUIT_SWAP_ORDER.get(self.stage) == Some(&fruit) && slot == made.free();
        self.stage += usize::from(right);
        !right
    }

    /// Whether all three are made.
    pub fn done(&self) -> bool {
        self.stage == FRUIT_SWAP_ORDER.len()
    }

    /// As the words of a snapshot: the number of the first arrangement, and how many moves are made.
    pub fn words(&self) -> [u64; 2] {
        [self.start.number() as u64, self.stage as u64]
    }

    /// Back from these; `None` for others.
    pub fn of_words([number, stage]: [u64; 2]) -> Option<Self> {
        let start = usize::try_from(number).ok().and_then(FruitArrangement::numbered)?;
        let stage = usize::try_from(stage).ok().filter(|stage| *stage <= FRUIT_SWAP_ORDER.len())?;
        Some(Self { start, stage })
    }
}
