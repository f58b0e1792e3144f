//! Which fruit is on which slot, and the moves that lead from one arrangement to the next.

use rand::Rng;

use crate::EnvError;
use crate::fruit_swap::world::{place_on, rest_pose};
use crate::fruit_swap::{FRUIT_SWAP_OPEN, FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, Fruit, FruitSwapState};

/// How far from the middle of a slot a fruit that is on it may lie, in metres.
pub const FRUIT_SWAP_TOLERANCE: f64 = 0.02;
/// Number of arrangements.
pub const FRUIT_SWAP_ARRANGEMENTS: usize = 6;
/// Which fruit moves first, second and third, each to the slot that is free then.
pub const FRUIT_SWAP_ORDER: [Fruit; 3] = [Fruit::Apple, Fruit::Orange, Fruit::Apple];

/// Slots of both fruits, which are never the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FruitArrangement {
    apple: usize,
    orange: usize,
}

/// In the order of their numbers.
const ALL: [FruitArrangement; FRUIT_SWAP_ARRANGEMENTS] = [
    FruitArrangement { apple: 0, orange: 1 },
    FruitArrangement { apple: 0, orange: 2 },
    FruitArrangement { apple: 1, orange: 0 },
    FruitArrangement { apple: 1, orange: 2 },
    FruitArrangement { apple: 2, orange: 0 },
    FruitArrangement { apple: 2, orange: 1 },
];

impl FruitArrangement {
    /// Number 1.
    pub(super) const FIRST: Self = Self { apple: 0, orange: 1 };

    /// The arrangement of a number, 1 to 6: apple on the left slot and orange on the middle one, apple left and orange right,
    /// then with the apple in the middle, then on the right.
    pub fn numbered(number: usize) -> Option<Self> {
        ALL.get(number.checked_sub(1)?).copied()
    }

    /// Its number, 1 to 6.
    pub fn number(self) -> usize {
        1 + 2 * self.apple + usize::from(self.orange > 3 - self.apple - self.orange)
    }

    /// A start with it: each fruit within 5 mm of the middle of its slot, the open hand where it rests.
    pub fn draw(self, rng: &mut impl Rng) -> FruitSwapState {
        let [apple, orange] = Fruit::ALL.map(|fruit| [place_on(self.slot(fruit), rng), FRUIT_SWAP_RADIUS]);
        FruitSwapState { hand: rest_pose(rng), opening: FRUIT_SWAP_OPEN, apple, orange }
    }

    /// The arrangement that is to be seen; `None` unless both fruits lie on slots.
    pub fn seen(state: &FruitSwapState) -> Option<Self> {
        let slots = Fruit::ALL.map(|fruit| slot_under(state.fruit(fruit)[0]));
        Self::on(slots).filter(|_| state.held().is_none())
    }

    /// Apple and orange on these slots; `None` where one is on none, or both are on one.
    pub(super) fn on([apple, orange]: [Option<usize>; 2]) -> Option<Self> {
        ALL.into_iter().find(|one| apple == Some(one.apple) && orange == Some(one.orange))
    }

    /// The one that a start asks for as a task of an environment; `None` where it asks for none.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for another number than 1 to 6.
    pub(super) fn asked(task: Option<usize>, id: &str) -> Result<Option<Self>, EnvError> {
        let Some(number) = task else { return Ok(None) };
        Self::numbered(number).map(Some).ok_or_else(|| {
            EnvError::Mismatch(format!(
                "`{id}` has tasks 1 to {FRUIT_SWAP_ARRANGEMENTS}, and task {number} was asked for: choose one of these, or \
                 leave the number out and the seed draws one"
            ))
        })
    }

    /// Slot of a fruit, 0 to 2 from the left.
    pub fn slot(self, fruit: Fruit) -> usize {
        match fruit {
            Fruit::Apple => self.apple,
            Fruit::Orange => self.orange,
        }
    }

    /// The slot that no fruit is on.
    pub fn free(self) -> usize {
        3 - self.apple - self.orange
    }

    /// What it becomes when a fruit goes to the free slot.
    #[must_use]
    pub fn moved(self, fruit: Fruit) -> Self {
        match fruit {
            Fruit::Apple => Self { apple: self.free(), ..self },
            Fruit::Orange => Self { orange: self.free(), ..self },
        }
    }

    /// What is wanted of an episode that begins here.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self { apple: self.orange, orange: self.apple }
    }

    /// Whether the orange is on the slot to the right of the apple's, the left one counting as right of the last. Every move
    /// changes it.
    pub fn follows(self) -> bool {
        (self.apple + 1) % 3 == self.orange
    }
}

/// The slot that a fruit at this place along the table is on.
pub(super) fn slot_under(x: f64) -> Option<usize> {
    FRUIT_SWAP_SLOTS.iter().position(|middle| (x - middle).abs() <= FRUIT_SWAP_TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_the_arrangements() {
        for number in 1..=FRUIT_SWAP_ARRANGEMENTS {
            let one = FruitArrangement::numbered(number).unwrap();
            assert_eq!(one.number(), number);
            let mut slots = [one.apple, one.orange, one.free()];
            slots.sort_unstable();
            assert_eq!(slots, [0, 1, 2]);
        }
        assert!(FruitArrangement::numbered(0).is_none() && FruitArrangement::numbered(7).is_none());
    }

    #[test]
    fn the_three_moves_swap_the_fruits_and_so_do_those_of_the_other_order() {
        for start in ALL {
            let after = FRUIT_SWAP_ORDER.iter().fold(start, |at, fruit| at.moved(*fruit));
            assert_eq!(after, start.swapped());
            let other =
                [Fruit::Orange, Fruit::Apple, Fruit::Orange].iter().fold(start, |at, fruit| at.moved(*fruit));
            assert_eq!(other, start.swapped());
            for fruit in Fruit::ALL {
                assert_eq!(start.moved(fruit).moved(fruit), start);
                assert_ne!(start.moved(fruit).follows(), start.follows());
            }
        }
    }

    /// Every arrangement is one at which an episode begins, and one after its first and its second move.
    #[test]
    fn every_arrangement_is_seen_before_each_move() {
        for stage in 0..3 {
            let mut seen: Vec<usize> = ALL
                .iter()
                .map(|start| {
                    FRUIT_SWAP_ORDER[..stage].iter().fold(*start, |at, fruit| at.moved(*fruit)).number()
                })
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, [1, 2, 3, 4, 5, 6], "before move {}", stage + 1);
        }
    }

    /// Of all rules that look only at the arrangement, none does the moves in order from more than half of the starts.
    #[test]
    fn no_rule_without_memory_is_right_from_more_than_half_of_the_starts() {
        let right = |rule: u32| {
            let chosen = |at: FruitArrangement| {
                if rule >> (at.number() - 1) & 1 == 1 { Fruit::Apple } else { Fruit::Orange }
            };
            let does = |start: &FruitArrangement| {
                let mut at = *start;
                FRUIT_SWAP_ORDER.iter().all(|wanted| {
                    let fruit = chosen(at);
                    at = at.moved(fruit);
                    fruit == *wanted
                })
            };
            ALL.iter().filter(|start| does(start)).count()
        };
        assert_eq!((0..64).map(right).max(), Some(3));
    }
}
