//! What the fruits are swapped for: told afterwards, and not shown before.

use crate::fruit_swap::{
    FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_TOLERANCE, Fruit, FruitArrangement, FruitSwapState,
};
use crate::{Frames, FramesGradient, Task};

/// Height above which the hand is back, in metres.
pub const FRUIT_SWAP_BACK: f64 = 0.15;

/// Each fruit on the slot that the other one began on, and the hand back above.
///
/// It knows which slots these are, and keeps it to itself: whoever plans for it could otherwise ask the task instead of remembering.
/// So nothing is shown to a network, every plan is worth the same, and [`Task::distance`], by which planners choose among
/// plans, is that of a task without an end. What is left is to plan what the data would do. [`FruitSwapTask::away`] says
/// how far the fruits are, for those who judge an episode.
///
/// Whether the moves were made in order is not to be seen in an observation. That is the environment's to say, and it ends an
/// episode whose moves were not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FruitSwapTask {
    /// Where the apple and the orange are wanted along the table, in metres.
    pub wanted: [f64; 2],
}

impl FruitSwapTask {
    /// That of an episode that begins with this arrangement.
    pub fn of(start: FruitArrangement) -> Self {
        let wanted = start.swapped();
        Self { wanted: Fruit::ALL.map(|fruit| FRUIT_SWAP_SLOTS[wanted.slot(fruit)]) }
    }

    /// The larger of both fruits' distances from where they are wanted, in metres; `None` for what is no observation of this
    /// environment.
    pub fn away(&self, observation: &[f64]) -> Option<f64> {
        let state = FruitSwapState::of(observation)?;
        let away = |fruit: Fruit, wanted: f64| {
            let [x, z] = state.fruit(fruit);
            (x - wanted).hypot(z - FRUIT_SWAP_RADIUS)
        };
        let [apple, orange] = self.wanted;
        Some(away(Fruit::Apple, apple).max(away(Fruit::Orange, orange)))
    }
}

impl Task for FruitSwapTask {
    /// 0, whatever is planned.
    fn score(&self, _frames: Frames<'_>, _gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        0.0
    }

    fn tolerance(&self) -> f64 {
        FRUIT_SWAP_TOLERANCE
    }

    /// Both fruits lie within 2 cm of where they are wanted, and the hand is 15 cm up or higher. It holds none then: what it holds
    /// is as high as it is.
    fn reached(&self, observation: &[f64]) -> bool {
        let back = FruitSwapState::of(observation).is_some_and(|state| state.hand[1] >= FRUIT_SWAP_BACK);
        back && self.away(observation).is_some_and(|away| away <= FRUIT_SWAP_TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;
    use crate::fruit_swap::FRUIT_SWAP_OBSERVATION;

    const DONE: [f64; FRUIT_SWAP_OBSERVATION] =
        [0.0, 0.15, 0.1, 0.02, 0.03, -0.17, 0.03, 0.02, -0.12, -0.17, -0.12];

    fn task() -> FruitSwapTask {
        FruitSwapTask::of(FruitArrangement::numbered(1).unwrap())
    }

    #[test]
    fn it_is_done_within_two_centimetres_with_the_hand_back() {
        assert_eq!(task().wanted, [0.0, -0.15]);
        let changed = |entry: usize, to: f64| {
            let mut seen = DONE;
            seen[entry] = to;
            task().reached(&seen)
        };
        // -0.17 + 0.15 is a rounding error more than 2 cm.
        assert!(changed(5, -0.1699));
        assert!(!changed(5, -0.1701) && !changed(6, 0.06));
        let near = |entry, to| {
            let mut seen = DONE;
            (seen[5], seen[entry]) = (-0.15, to);
            task().reached(&seen)
        };
        assert!(near(1, 0.15) && !near(1, 0.1499) && !near(3, 0.021) && !near(4, 0.06));
        assert!(!task().reached(&DONE[..6]), "no observation of this world");
    }

    #[test]
    fn the_distance_is_that_of_the_fruit_that_is_further() {
        let seen = [0.0, 0.3, 0.1, 0.03, 0.07, -0.15, 0.03, 0.0, 0.0, 0.0, 0.0];
        assert!((task().away(&seen).unwrap() - 0.05).abs() < 1e-12);
        assert!(
            (task().away(&[0.0, 0.3, 0.1, 0.0, 0.03, 0.15, 0.03, 0.0, 0.0, 0.0, 0.0]).unwrap() - 0.3).abs()
                < 1e-12
        );
        assert!(task().away(&[0.0; 7]).is_none());
    }

    #[test]
    fn nothing_of_what_is_wanted_is_told_beforehand() {
        let frames = |seen| Frames {
            len: 1,
            observations: Rows::dense(seen, FRUIT_SWAP_OBSERVATION),
            weight: 1.0,
            ..Frames::default()
        };
        let elsewhere = [0.1, 0.2, 0.1, 0.1, 0.03, -0.1, 0.03, 0.0, -0.17, -0.2, -0.17];
        let mut slopes = [0.0; 14];
        let mut gradient = FramesGradient::new(&mut slopes, 14, 3, 11);
        assert_eq!(task().score(frames(&DONE), Some(&mut gradient)), task().score(frames(&elsewhere), None));
        assert_eq!(slopes, [0.0; 14]);
        assert!(task().condition().is_none() && task().distance(&DONE).is_none() && !task().needs_rewards());
    }
}
