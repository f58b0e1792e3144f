//! A gantry that brings one fruit to one slot, and rests.

use rand::{Rng, RngExt};

use crate::fruit_swap::gantry::rules::LAG;
use crate::fruit_swap::gantry::{FRUIT_GANTRY_ACTION, FruitGantryState};
use crate::fruit_swap::world::{OFFSET, REST};
use crate::fruit_swap::{FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_TRAVEL, Fruit};

/// Steps of a rest once the hand stands still, fewest and most. With those in which it comes to a standstill they are half a second,
/// after which a glance back shows a hand that rests and nothing of whence it came.
const WAIT: [u32; 2] = [4, 8];
/// Height at and above which the hand passes over what lies, and that at which it carries, in metres.
const CLEAR: f64 = 0.1;
const CARRY: f64 = 0.14;
/// How far beside its aim the hand goes down, in metres: a fruit fits between open fingers with 2 cm on either side, but is to be
/// within the breadth of their pads.
const BESIDE_FRUIT: f64 = 0.01;
const BESIDE_SLOT: f64 = 0.02;
/// How far above or below a fruit's centre the gripper closes, and how fast the hand may be then, metres and metres per second.
const LEVEL: f64 = 0.01;
const SLOW: f64 = 0.5;
/// Opening at and above which fingers go round a fruit, in metres.
const OPEN: f64 = 0.09;
/// Steps of closing after which a fruit that is not held was missed.
const CLOSING: u32 = 4;
/// Centre of a fruit when it is let go, in metres: it falls by 4 mm.
const LET_GO: f64 = FRUIT_SWAP_RADIUS + 0.004;
/// Steps in which the hand comes to a standstill before it lets go, and where it rests. It stands, makes up for what it is off,
/// and stands again: a hand that moves is not where it was foretold to the tenth of a millimetre.
const STILL_HERE: u32 = 3;
const STILL_AT_REST: u32 = 4;
/// How many are left when it makes up for what it is off.
const MAKES_UP_HERE: u32 = 2;
const MAKES_UP_AT_REST: u32 = 3;
/// Half width of where the hand rests along the table's depth, in metres.
const REST_Y: f64 = 0.02;

/// What the hand is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It rests, for so many steps more.
    Resting(u32),
    /// It goes for the fruit.
    Fetching,
    /// It closes round it, and has done so for so many steps.
    Closing(u32),
    /// It brings the fruit.
    Carrying,
    /// It stands still where the fruit is to lie, for so many steps more.
    Placing(u32),
    /// It opens.
    LettingGo,
    /// It goes back.
    Returning,
    /// It comes to a standstill where it rests, for so many steps more.
    Settling(u32),
}

/// What the hand is to do in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command {
    /// The action.
    pub action: [f64; FRUIT_GANTRY_ACTION],
    /// Whether data show it done as it was meant: with these the hand lets go, and comes to its rest. So fruits lie, and the
    /// hand rests, as they do at the start, whatever has gone before.
    pub exact: bool,
}

/// One fruit to one slot, with all that is drawn for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub fruit: Fruit,
    /// Where it goes, x and y.
    pub target: [f64; 2],
    /// Where the hand rests afterwards, and for how many steps.
    pub rest: [f64; 3],
    pub wait: u32,
}

impl Move {
    /// Draws what is open.
    pub fn draw(fruit: Fruit, slot: usize, rng: &mut impl Rng) -> Self {
        let middle = FRUIT_SWAP_SLOTS.get(slot).copied().unwrap_or_default();
        let mut about = |mean: f64, half: f64| mean + half * rng.random_range(-1.0..=1.0);
        let [[x, half_x], [z, half_z]] = REST;
        let target = [about(middle, OFFSET), about(0.0, OFFSET)];
        let rest = [about(x, half_x), about(0.0, REST_Y), about(z, half_z)];
        let [fewest, most] = WAIT;
        Self { fruit, target, rest, wait: rng.random_range(fewest..=most) }
    }
}

/// Makes one move after another. It remembers the one that it is at, and nothing of those before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mover {
    phase: Phase,
    made: Move,
}

impl Mover {
    /// At rest, before the first move.
    pub fn resting(rng: &mut impl Rng) -> Self {
        let made = Move::draw(Fruit::Apple, 1, rng);
        Self { phase: Phase::Resting(made.wait), made }
    }

    /// With a fruit in its hand, close above where it goes.
    pub fn carrying(made: Move) -> Self {
        Self { phase: Phase::Carrying, made }
    }

    /// Whether it has rested, and awaits the next move.
    pub fn rested(&self) -> bool {
        self.phase == Phase::Resting(0)
    }

    /// Whether it is on its way back, or there.
    pub fn has_let_go(&self) -> bool {
        matches!(self.phase, Phase::Returning | Phase::Settling(_) | Phase::Resting(_))
    }

    /// Whether it is where it rests, whether or not it has waited.
    pub fn is_back(&self) -> bool {
        matches!(self.phase, Phase::Resting(_))
    }

    /// Begins a move.
    pub fn begin(&mut self, made: Move) {
        *self = Self { phase: Phase::Fetching, made };
    }

    /// The command for this state.
    pub fn act(&mut self, state: &FruitGantryState) -> Command {
        let has = state.held() == Some(self.made.fruit);
        match self.phase {
            Phase::Closing(steps) if has && steps >= 2 => self.phase = Phase::Carrying,
            Phase::Closing(CLOSING) => self.phase = Phase::Fetching,
            // It slipped away, whatever the reason.
            Phase::Carrying | Phase::Placing(_) if !has => self.phase = Phase::Fetching,
            Phase::LettingGo if state.opening >= OPEN => self.phase = Phase::Returning,
            _ => {}
        }
        if self.phase == Phase::Fetching && self.about_it(state) {
            self.phase = Phase::Closing(0);
        }
        let [hand_x, hand_y, hand_z] = state.hand;
        let about = |action| Command { action, exact: false };
        let exact = |action| Command { action, exact: true };
        match self.phase {
            Phase::Resting(left) => {
                self.phase = Phase::Resting(left.saturating_sub(1));
                about(stand(1.0))
            }
            Phase::Fetching => about(self.fetch(state)),
            Phase::Closing(steps) => {
                self.phase = Phase::Closing(steps + 1);
                about(towards(state, self.about(state), -1.0))
            }
            Phase::Carrying => self.carry(state),
            Phase::Placing(left) => {
                self.phase = if left > 1 { Phase::Placing(left - 1) } else { Phase::LettingGo };
                let makes_up = towards(state, self.above_target(state), -1.0);
                exact(if left == MAKES_UP_HERE { makes_up } else { stand(-1.0) })
            }
            Phase::LettingGo => exact(stand(1.0)),
            Phase::Returning if hand_z < CLEAR => {
                about(towards(state, [hand_x, hand_y, self.made.rest[2]], 1.0))
            }
            Phase::Returning => {
                let command = towards(state, self.made.rest, 1.0);
                if command[..3].iter().any(|by| by.abs() >= 1.0) {
                    return about(command);
                }
                self.phase = Phase::Settling(STILL_AT_REST);
                exact(command)
            }
            Phase::Settling(left) => {
                self.phase =
                    if left > 1 { Phase::Settling(left - 1) } else { Phase::Resting(self.made.wait) };
                let makes_up = towards(state, self.made.rest, 1.0);
                exact(if left == MAKES_UP_AT_REST { makes_up } else { stand(1.0) })
            }
        }
    }

    /// Where the hand grips: the fruit's centre, or as low as it reaches.
    fn about(&self, state: &FruitGantryState) -> [f64; 3] {
        let [x, y, z] = state.fruit(self.made.fruit);
        [x, y, z.max(FRUIT_SWAP_RADIUS)]
    }

    /// Whether open fingers are about the fruit, slow enough to close.
    fn about_it(&self, state: &FruitGantryState) -> bool {
        let [x, y, z] = self.about(state);
        let [hand_x, hand_y, hand_z] = state.hand;
        let beside = (x - hand_x).abs().max((y - hand_y).abs());
        state.opening >= OPEN
            && beside <= BESIDE_FRUIT
            && (z - hand_z).abs() <= LEVEL
            && state.speed.iter().all(|speed| speed.abs() <= SLOW)
    }

    /// From above, with open fingers.
    fn fetch(&self, state: &FruitGantryState) -> [f64; FRUIT_GANTRY_ACTION] {
        let ([x, y, z], [hand_x, hand_y, hand_z]) = (self.about(state), state.hand);
        let beside = (x - hand_x).abs().max((y - hand_y).abs()) > BESIDE_FRUIT;
        if state.opening < OPEN {
            towards(state, [hand_x, hand_y, hand_z], 1.0)
        } else if beside && hand_z < CLEAR - LEVEL {
            towards(state, [hand_x, hand_y, CLEAR], 1.0)
        } else if beside {
            towards(state, [x, y, CLEAR], 1.0)
        } else {
            towards(state, [x, y, z], 1.0)
        }
    }

    /// Up, over and down.
    fn carry(&mut self, state: &FruitGantryState) -> Command {
        let [hand_x, hand_y, hand_z] = state.hand;
        let [x, y, z] = self.above_target(state);
        let beside = (x - hand_x).abs().max((y - hand_y).abs()) > BESIDE_SLOT;
        let command = if beside && hand_z < CLEAR {
            towards(state, [hand_x, hand_y, CARRY], -1.0)
        } else if beside {
            towards(state, [x, y, CARRY], -1.0)
        } else {
            towards(state, [x, y, z], -1.0)
        };
        let near = !beside && command[..3].iter().all(|by| by.abs() < 1.0);
        if near {
            self.phase = Phase::Placing(STILL_HERE);
        }
        Command { action: command, exact: near }
    }

    /// Where the hand is when the fruit in it is where it is to be let go.
    fn above_target(&self, state: &FruitGantryState) -> [f64; 3] {
        let (at, [x, y]) = (state.fruit(self.made.fruit), self.made.target);
        let wanted = [x, y, LET_GO];
        std::array::from_fn(|axis| state.hand[axis] + wanted[axis] - at[axis])
    }
}

/// The command that leaves the hand where it comes to rest.
fn stand(grip: f64) -> [f64; FRUIT_GANTRY_ACTION] {
    [0.0, 0.0, 0.0, grip]
}

/// The command that brings the hand there, or as near as one step does. A hand that moves comes to rest [`LAG`] seconds ahead of
/// where it is.
fn towards(state: &FruitGantryState, to: [f64; 3], grip: f64) -> [f64; FRUIT_GANTRY_ACTION] {
    let by = |axis: usize| {
        let from = state.hand[axis] + LAG * state.speed[axis];
        ((to[axis] - from) / FRUIT_SWAP_TRAVEL).clamp(-1.0, 1.0)
    };
    [by(0), by(1), by(2), grip]
}
