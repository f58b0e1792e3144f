//! The table, the two fruits and the hand above them.

use rand::{Rng, RngExt};

use crate::Dynamics;

/// Seconds of a step.
pub const FRUIT_SWAP_STEP_SECONDS: f64 = 0.05;
/// Entries of an observation.
pub const FRUIT_SWAP_OBSERVATION: usize = 11;
/// Where the three slots are along the table, in metres.
pub const FRUIT_SWAP_SLOTS: [f64; 3] = [-0.15, 0.0, 0.15];
/// Radius of a fruit, in metres. One that lies on the table has its centre at this height.
pub const FRUIT_SWAP_RADIUS: f64 = 0.03;
/// What a full action moves the hand by along each axis in one step, in metres.
pub const FRUIT_SWAP_TRAVEL: f64 = 0.04;
/// Distance between the fingers of an open gripper, in metres.
pub const FRUIT_SWAP_OPEN: f64 = 0.1;
/// How far from the hand a fruit's centre may be along each axis to be taken, in metres: the fingers of an open gripper go
/// round a fruit that is half their slack away and no further, and along z the same is taken.
pub const FRUIT_SWAP_GRASP: f64 = 0.5 * (FRUIT_SWAP_OPEN - WIDTH);
/// Where the hand can be along the table, in metres; fruits too, as the table has a rim.
pub const FRUIT_SWAP_REACH_X: [f64; 2] = [-0.25, 0.25];
/// Heights of the hand, in metres: at the lowest it is level with the centre of a fruit that lies.
pub const FRUIT_SWAP_REACH_Z: [f64; 2] = [FRUIT_SWAP_RADIUS, 0.3];

/// Width of a fruit, and so the distance between fingers that hold one.
const WIDTH: f64 = 2.0 * FRUIT_SWAP_RADIUS;
/// What the fingers open or close by in one step.
const RATE: f64 = 0.5 * FRUIT_SWAP_OPEN;
/// How near to a fruit's width the fingers are that hold one. No other opening that there is comes nearer than 1 cm; the
/// slack is for observations that were planned and not seen.
const HOLDING: f64 = 0.005;
/// Where the hand rests: mean and half width, uniform, along x and z.
pub(super) const REST: [[f64; 2]; 2] = [[0.0, 0.03], [0.25, 0.02]];
/// Half width, uniform, of where a fruit lies about its slot.
pub(super) const OFFSET: f64 = 0.005;

/// A fruit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fruit {
    /// The apple.
    Apple,
    /// The orange.
    Orange,
}

impl Fruit {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Apple, Self::Orange];

    fn other(self) -> Self {
        match self {
            Self::Apple => Self::Orange,
            Self::Orange => Self::Apple,
        }
    }
}

/// Everything that moves, in metres: x along the table, z up from it. It is what is observed, and all that the next step
/// depends on.
///
/// Nothing has a speed. A fruit that is let go lies on the table before the step ends, and which fruit is held is told by the
/// fingers: they are as far apart as a fruit is wide when they hold one, and at no other time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FruitSwapState {
    /// Point between the finger tips, (x, z).
    pub hand: [f64; 2],
    /// Distance between the fingers.
    pub opening: f64,
    /// Centre of the apple, (x, z).
    pub apple: [f64; 2],
    /// Centre of the orange, (x, z).
    pub orange: [f64; 2],
}

impl FruitSwapState {
    /// What is observed: x and z of the hand, the opening, x and z of the apple, then of the orange; and the way from the hand to
    /// either, x and z, as a camera at a wrist sees it.
    pub fn observation(&self) -> [f64; FRUIT_SWAP_OBSERVATION] {
        let Self { hand: [x, z], opening, apple: [apple_x, apple_z], orange: [orange_x, orange_z] } = *self;
        let [to_apple, to_orange] = [[apple_x - x, apple_z - z], [orange_x - x, orange_z - z]];
        [
            x,
            z,
            opening,
            apple_x,
            apple_z,
            orange_x,
            orange_z,
            to_apple[0],
            to_apple[1],
            to_orange[0],
            to_orange[1],
        ]
    }

    /// The state that is observed so, whatever is said of the ways; `None` for another number of entries.
    pub fn of(observation: &[f64]) -> Option<Self> {
        let &[x, z, opening, apple_x, apple_z, orange_x, orange_z, _, _, _, _] = observation else {
            return None;
        };
        Some(Self { hand: [x, z], opening, apple: [apple_x, apple_z], orange: [orange_x, orange_z] })
    }

    /// Centre of a fruit, (x, z).
    pub fn fruit(&self, fruit: Fruit) -> [f64; 2] {
        match fruit {
            Fruit::Apple => self.apple,
            Fruit::Orange => self.orange,
        }
    }

    fn fruit_mut(&mut self, fruit: Fruit) -> &mut [f64; 2] {
        match fruit {
            Fruit::Apple => &mut self.apple,
            Fruit::Orange => &mut self.orange,
        }
    }

    /// The fruit that the hand holds.
    pub fn held(&self) -> Option<Fruit> {
        ((self.opening - WIDTH).abs() < HOLDING).then(|| self.within_grasp()).flatten()
    }

    /// The fruit whose centre is near enough to the hand. Both are never, unless they are in one place.
    fn within_grasp(&self) -> Option<Fruit> {
        let near = |fruit: &Fruit| {
            let [x, z] = self.fruit(*fruit);
            (x - self.hand[0]).abs() <= FRUIT_SWAP_GRASP && (z - self.hand[1]).abs() <= FRUIT_SWAP_GRASP
        };
        Fruit::ALL.into_iter().find(near)
    }

    /// One step: action `[dx, dz, grip]`, each clipped to +-1.
    ///
    /// First the hand moves, by up to 4 cm along each axis and no further than it reaches; what it holds goes with it. Then
    /// the gripper closes (`grip < 0`) or opens, by half its opening. Fingers that come from further apart than a fruit is
    /// wide take the one within [`FRUIT_SWAP_GRASP`], and draw its centre into their middle. A hand that holds nothing
    /// touches nothing. Last, what nobody holds falls.
    pub fn step(&mut self, [dx, dz, grip]: [f64; 3]) {
        let holding = self.held();
        let moved = |at: f64, by: f64, [low, high]: [f64; 2]| {
            (at + FRUIT_SWAP_TRAVEL * by.clamp(-1.0, 1.0)).clamp(low, high)
        };
        self.hand =
            [moved(self.hand[0], dx, FRUIT_SWAP_REACH_X), moved(self.hand[1], dz, FRUIT_SWAP_REACH_Z)];
        if let Some(fruit) = holding {
            self.carry(fruit);
        }
        let held = if grip < 0.0 { self.close(holding) } else { self.open() };
        Fruit::ALL.into_iter().filter(|fruit| held != Some(*fruit)).for_each(|fruit| self.fall(fruit));
    }

    fn open(&mut self) -> Option<Fruit> {
        self.opening = (self.opening + RATE).min(FRUIT_SWAP_OPEN);
        None
    }

    fn close(&mut self, holding: Option<Fruit>) -> Option<Fruit> {
        let narrower = (self.opening - RATE).max(0.0);
        let passes = self.opening >= WIDTH && narrower < WIDTH;
        let held = holding.or_else(|| passes.then(|| self.within_grasp()).flatten());
        self.opening = if held.is_some() { WIDTH } else { narrower };
        if let Some(fruit) = held {
            self.carry(fruit);
        }
        held
    }

    /// Puts a fruit into the hand. Where the other one is in its way, that one is pushed along the table, to the side on which
    /// it is, until they touch; at the rim it stays, and the hand gives way.
    fn carry(&mut self, fruit: Fruit) {
        let [other_x, other_z] = self.fruit(fruit.other());
        let [low, high] = FRUIT_SWAP_REACH_X;
        // Where the centres are as high as this above one another, discs that touch are so far apart along the table.
        let apart = (WIDTH * WIDTH - (self.hand[1] - other_z).powi(2)).max(0.0).sqrt();
        if (other_x - self.hand[0]).abs() < apart {
            let apart = if other_x >= self.hand[0] { apart } else { -apart };
            let pushed = self.hand[0] + apart;
            let stays = pushed.clamp(low, high);
            if pushed < low || pushed > high {
                self.hand[0] = stays - apart;
            }
            self.fruit_mut(fruit.other())[0] = stays;
        }
        *self.fruit_mut(fruit) = self.hand;
    }

    /// A fruit that nobody holds falls straight down. On top of the other one it rolls off to the side on which its centre is,
    /// and rests touching it; where the rim leaves no room, to the other side.
    fn fall(&mut self, fruit: Fruit) {
        let [mut x, z] = self.fruit(fruit);
        let other = self.fruit(fruit.other())[0];
        if z > FRUIT_SWAP_RADIUS && (x - other).abs() < WIDTH {
            let [low, high] = FRUIT_SWAP_REACH_X;
            let aside = if x >= other { WIDTH } else { -WIDTH };
            let room = (low..=high).contains(&(other + aside));
            x = if room { other + aside } else { other - aside };
        }
        *self.fruit_mut(fruit) = [x, FRUIT_SWAP_RADIUS];
    }
}

/// Where the hand rests, drawn anew for each rest: within 3 cm of x = 0 and 2 cm of z = 0.25.
pub(super) fn rest_pose(rng: &mut impl Rng) -> [f64; 2] {
    REST.map(|[mean, half]| mean + half * rng.random_range(-1.0..=1.0))
}

/// Where on a slot a fruit lies, along the table.
pub(super) fn place_on(slot: usize, rng: &mut impl Rng) -> f64 {
    let middle = FRUIT_SWAP_SLOTS.get(slot).copied().unwrap_or_default();
    middle + OFFSET * rng.random_range(-1.0..=1.0)
}

/// The world's own steps, for planners that are given them. Observations hold the whole state, so nothing is left out; what is
/// no observation of this world stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct FruitSwapDynamics;

impl Dynamics for FruitSwapDynamics {
    fn step(&self, observation: &mut [f64], action: &[f64]) {
        if let (Some(mut state), &[dx, dz, grip]) = (FruitSwapState::of(observation), action) {
            state.step([dx, dz, grip]);
            observation.copy_from_slice(&state.observation());
        }
    }
}
