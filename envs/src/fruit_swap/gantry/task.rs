//! What is wanted of the gantry: told afterwards, and not shown before.

use crate::fruit_swap::gantry::FruitGantryState;
use crate::fruit_swap::{
    FRUIT_SWAP_BACK, FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_TOLERANCE, Fruit, FruitArrangement,
};
use crate::{Frames, FramesGradient, Task};

/// Each fruit on the slot that the other one began on, and the hand back above. It keeps to itself which slots these are, as
/// [`crate::fruit_swap::FruitSwapTask`] does and for its reasons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FruitGantryTask {
    /// Where the apple and the orange are wanted along the table, in metres.
    pub wanted: [f64; 2],
}

impl FruitGantryTask {
    /// That of an episode that begins with this arrangement.
    pub fn of(start: FruitArrangement) -> Self {
        let wanted = start.swapped();
        Self { wanted: Fruit::ALL.map(|fruit| FRUIT_SWAP_SLOTS[wanted.slot(fruit)]) }
    }

    /// The larger of both fruits' distances from where they are wanted, in metres; `None` for what is no observation of this
    /// environment.
    pub fn away(&self, observation: &[f64]) -> Option<f64> {
        let state = FruitGantryState::of(observation)?;
        let away = |fruit: Fruit, wanted: f64| {
            let [x, y, z] = state.fruit(fruit);
            (x - wanted).hypot(y).hypot(z - FRUIT_SWAP_RADIUS)
        };
        let [apple, orange] = self.wanted;
        Some(away(Fruit::Apple, apple).max(away(Fruit::Orange, orange)))
    }
}

impl Task for FruitGantryTask {
    /// 0, whatever is planned.
    fn score(&self, _frames: Frames<'_>, _gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        0.0
    }

    fn tolerance(&self) -> f64 {
        FRUIT_SWAP_TOLERANCE
    }

    /// Both fruits are within 2 cm of where they are wanted, and the hand is 15 cm up or higher; so it holds none of them.
    fn reached(&self, observation: &[f64]) -> bool {
        let back = FruitGantryState::of(observation).is_some_and(|state| state.hand[2] >= FRUIT_SWAP_BACK);
        back && self.away(observation).is_some_and(|away| away <= FRUIT_SWAP_TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_within_two_centimetres_with_the_hand_back() {
        let task = FruitGantryTask::of(FruitArrangement::numbered(1).unwrap());
        assert_eq!(task.wanted, [0.0, -0.15]);
        let done = FruitGantryState {
            hand: [0.1, 0.0, 0.15],
            speed: [0.0; 3],
            opening: 0.1,
            apple: [0.012, 0.015, 0.03],
            orange: [-0.15, -0.019, 0.03],
        };
        let reached = |state: FruitGantryState| task.reached(&state.observation());
        assert!(reached(done));
        assert!(!reached(FruitGantryState { hand: [0.1, 0.0, 0.149], ..done }));
        assert!(!reached(FruitGantryState { apple: [0.012, 0.017, 0.03], ..done }), "2.08 cm off");
        assert!(!reached(FruitGantryState { orange: [-0.15, 0.0, 0.051], ..done }), "2.1 cm up");
        assert!(!task.reached(&[0.0; 11]), "no observation of this world");
        let away = task.away(&FruitGantryState { apple: [0.15, 0.0, 0.03], ..done }.observation());
        assert!((away.unwrap() - 0.15).abs() < 1e-12);
        assert!(task.condition().is_none() && task.distance(&done.observation()).is_none());
    }
}
