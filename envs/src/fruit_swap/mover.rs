//! A hand that brings one fruit to one slot, and rests.

use rand::{Rng, RngExt};

use crate::fruit_swap::world::{place_on, rest_pose};
use crate::fruit_swap::{FRUIT_SWAP_GRASP, FRUIT_SWAP_RADIUS, FRUIT_SWAP_TRAVEL, Fruit, FruitSwapState};

/// Steps of a rest, fewest and most: half a second, after which a glance back shows a hand that rests and nothing of whence it came.
const WAIT: [u32; 2] = [8, 12];
/// Height at and above which the hand passes over what lies, and that at which it carries, in metres. With a fruit in it
/// 9 cm is the least that clears one.
const CLEAR: f64 = 0.1;
const CARRY: f64 = 0.14;
/// Height from which a fruit is let go, in metres.
const LET_GO: f64 = 0.05;
/// How far beside its aim the hand goes down, in metres; 2 to 3 standard deviations of what is off in a step of the data above
/// a fruit, more above a slot, where the last step makes up for it.
const BESIDE_FRUIT: f64 = 0.01;
const BESIDE_SLOT: f64 = 0.02;
/// How far above or below a fruit's centre the gripper closes, in metres.
const LEVEL: f64 = 0.6 * FRUIT_SWAP_GRASP;

/// What the hand is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It rests, for so many steps more.
    Resting(u32),
    /// It goes for the fruit.
    Fetching,
    /// It brings the fruit.
    Carrying,
    /// It goes back.
    Returning,
}

/// What the hand is to do in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command {
    /// The action.
    pub action: [f64; 3],
    /// Whether data show it done as it was meant: that with which the hand lets go, and that with which it arrives at its rest. So fruits
    /// lie, and the hand rests, as they do at the start: uniform within the same bounds, whatever has gone before.
    pub exact: bool,
}

impl Command {
    fn about(action: [f64; 3]) -> Self {
        Self { action, exact: false }
    }

    fn exact(action: [f64; 3]) -> Self {
        Self { action, exact: true }
    }
}

/// Makes one move after another. It remembers the one that it is at, and nothing of those before.
///
/// Between moves it goes back to a place drawn anew and waits for 8 to 12 steps, as it does at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mover {
    phase: Phase,
    fruit: Fruit,
    /// Where the fruit goes, along the table.
    target: f64,
    /// Where the hand rests next.
    rest: [f64; 2],
}

impl Mover {
    /// At rest, before the first move.
    pub fn resting(rng: &mut impl Rng) -> Self {
        let phase = Phase::Resting(wait(rng));
        Self { phase, fruit: Fruit::Apple, target: 0.0, rest: [0.0; 2] }
    }

    /// Whether it has rested, and awaits the next move.
    pub fn rested(&self) -> bool {
        self.phase == Phase::Resting(0)
    }

    /// Begins to bring a fruit to a slot.
    pub fn begin(&mut self, fruit: Fruit, slot: usize, rng: &mut impl Rng) {
        *self = Self { phase: Phase::Fetching, fruit, target: place_on(slot, rng), rest: rest_pose(rng) };
    }

    /// The command for this state.
    pub fn act(&mut self, state: &FruitSwapState, rng: &mut impl Rng) -> Command {
        let has = state.held() == Some(self.fruit);
        match self.phase {
            Phase::Fetching if has => self.phase = Phase::Carrying,
            // It slipped away, whatever the reason.
            Phase::Carrying if !has => self.phase = Phase::Fetching,
            _ => {}
        }
        match self.phase {
            Phase::Resting(left) => {
                self.phase = Phase::Resting(left.saturating_sub(1));
                Command::about([0.0, 0.0, 1.0])
            }
            Phase::Fetching => Command::about(self.fetch(state)),
            Phase::Carrying => self.carry(state),
            Phase::Returning => {
                let command = towards(state, self.rest, 1.0);
                if command[..2].iter().any(|by| by.abs() >= 1.0) {
                    return Command::about(command);
                }
                self.phase = Phase::Resting(wait(rng));
                Command::exact(command)
            }
        }
    }

    /// From above, with open fingers. Fingers that missed come back up no further than they have to.
    fn fetch(&self, state: &FruitSwapState) -> [f64; 3] {
        let ([x, z], [hand_x, hand_z]) = (state.fruit(self.fruit), state.hand);
        if state.opening < 2.0 * FRUIT_SWAP_RADIUS {
            [0.0, 0.0, 1.0]
        } else if (x - hand_x).abs() > BESIDE_FRUIT {
            towards(state, [x, CLEAR], 1.0)
        } else if (z - hand_z).abs() > LEVEL {
            towards(state, [x, z], 1.0)
        } else {
            towards(state, [x, z], -1.0)
        }
    }

    /// Up, over and down; lets go where it is to lie.
    fn carry(&mut self, state: &FruitSwapState) -> Command {
        let [x, z] = state.hand;
        let beside = (self.target - x).abs() > BESIDE_SLOT;
        if beside && z < CLEAR {
            Command::about(towards(state, [x, CARRY], -1.0))
        } else if beside {
            Command::about(towards(state, [self.target, CARRY], -1.0))
        } else if z > LET_GO {
            Command::about(towards(state, [self.target, FRUIT_SWAP_RADIUS], -1.0))
        } else {
            self.phase = Phase::Returning;
            Command::exact(towards(state, [self.target, z], 1.0))
        }
    }
}

/// The command that brings the hand there, or as near as one step does.
fn towards(state: &FruitSwapState, [x, z]: [f64; 2], grip: f64) -> [f64; 3] {
    let by = |to: f64, from: f64| ((to - from) / FRUIT_SWAP_TRAVEL).clamp(-1.0, 1.0);
    [by(x, state.hand[0]), by(z, state.hand[1]), grip]
}

fn wait(rng: &mut impl Rng) -> u32 {
    let [fewest, most] = WAIT;
    rng.random_range(fewest..=most)
}
