//! What is seen of the gantry and the fruits.

use crate::fruit_swap::{FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_TOLERANCE, Fruit, FruitArrangement};
use crate::{Feature, FeatureKind};

/// Entries of an observation.
pub const FRUIT_GANTRY_OBSERVATION: usize = 19;
/// Entries of an action.
pub const FRUIT_GANTRY_ACTION: usize = 4;

/// Distances between fingers that hold a fruit, metres: its width, less and more what pads give way.
const HOLDING: [f64; 2] = [0.05, 0.066];
/// How far from the hand the centre of a fruit between the fingers may be along the table's depth and up, metres: beyond the pads'
/// edges they do not hold it.
const BETWEEN: f64 = 0.025;
/// How far above the table a fruit that lies on it may be, metres.
const LYING: f64 = 0.005;

/// What is observed, in metres and metres per second: x along the table, y into its depth, z up from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FruitGantryState {
    /// Point between the finger tips.
    pub hand: [f64; 3],
    /// Its speed.
    pub speed: [f64; 3],
    /// Distance between the fingers.
    pub opening: f64,
    /// Centre of the apple.
    pub apple: [f64; 3],
    /// Centre of the orange.
    pub orange: [f64; 3],
}

impl FruitGantryState {
    /// As observed: hand, its speed, the opening, the apple, the orange, and the ways from the hand to either.
    pub fn observation(&self) -> [f64; FRUIT_GANTRY_OBSERVATION] {
        let Self { hand: [x, y, z], speed: [vx, vy, vz], opening, apple: [ax, ay, az], orange: [ox, oy, oz] } =
            *self;
        let [to_ax, to_ay, to_az] = [ax - x, ay - y, az - z];
        let [to_ox, to_oy, to_oz] = [ox - x, oy - y, oz - z];
        [x, y, z, vx, vy, vz, opening, ax, ay, az, ox, oy, oz, to_ax, to_ay, to_az, to_ox, to_oy, to_oz]
    }

    /// What is observed so, whatever is said of the ways; `None` for another number of entries.
    pub fn of(observation: &[f64]) -> Option<Self> {
        let &[x, y, z, vx, vy, vz, opening, ax, ay, az, ox, oy, oz, _, _, _, _, _, _] = observation else {
            return None;
        };
        Some(Self {
            hand: [x, y, z],
            speed: [vx, vy, vz],
            opening,
            apple: [ax, ay, az],
            orange: [ox, oy, oz],
        })
    }

    /// Centre of a fruit.
    pub fn fruit(&self, fruit: Fruit) -> [f64; 3] {
        match fruit {
            Fruit::Apple => self.apple,
            Fruit::Orange => self.orange,
        }
    }

    /// The fruit that is between fingers as far apart as it is wide.
    pub fn held(&self) -> Option<Fruit> {
        let [least, most] = HOLDING;
        let between = |fruit: &Fruit| {
            let (at, hand) = (self.fruit(*fruit), self.hand);
            (at[0] - hand[0]).abs() <= FRUIT_SWAP_RADIUS
                && (at[1] - hand[1]).abs() <= BETWEEN
                && (at[2] - hand[2]).abs() <= BETWEEN
        };
        Fruit::ALL.into_iter().find(between).filter(|_| (least..=most).contains(&self.opening))
    }

    /// The slot that a fruit lies on, and nobody holds it.
    pub fn slot_under(&self, fruit: Fruit) -> Option<usize> {
        let [x, y, z] = self.fruit(fruit);
        if (z - FRUIT_SWAP_RADIUS).abs() > LYING || self.held() == Some(fruit) {
            return None;
        }
        FRUIT_SWAP_SLOTS.iter().position(|middle| (x - middle).hypot(y) <= FRUIT_SWAP_TOLERANCE)
    }

    /// The arrangement that is to be seen; `None` unless both fruits lie on slots.
    pub fn arrangement(&self) -> Option<FruitArrangement> {
        FruitArrangement::on(Fruit::ALL.map(|fruit| self.slot_under(fruit)))
    }
}

/// Features of an observation. The hand's place is the one position: fruits are other bodies, which no action moves axis by axis.
pub(super) fn features() -> Vec<Feature> {
    vec![
        Feature::new("hand", 3, FeatureKind::Position),
        Feature::new("hand speed", 3, FeatureKind::Velocity),
        Feature::new("opening", 1, FeatureKind::Other),
        Feature::new("apple", 3, FeatureKind::Other),
        Feature::new("orange", 3, FeatureKind::Other),
        Feature::new("way to the apple", 3, FeatureKind::Other),
        Feature::new("way to the orange", 3, FeatureKind::Other),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LYING_THERE: FruitGantryState = FruitGantryState {
        hand: [0.0, 0.01, 0.25],
        speed: [0.1, 0.2, 0.3],
        opening: 0.1,
        apple: [0.15, 0.004, 0.03],
        orange: [-0.155, 0.0, 0.03],
    };

    #[test]
    fn an_observation_is_read_back_and_its_features_fill_it() {
        let seen = LYING_THERE.observation();
        assert_eq!(FruitGantryState::of(&seen), Some(LYING_THERE));
        assert_eq!(FruitGantryState::of(&seen[1..]), None);
        assert_eq!(seen[13..16], [0.15, 0.004 - 0.01, 0.03 - 0.25]);
        assert_eq!(features().iter().map(|feature| feature.width).sum::<usize>(), FRUIT_GANTRY_OBSERVATION);
    }

    #[test]
    fn a_fruit_lies_on_a_slot_within_two_centimetres_unless_it_is_held_or_up() {
        let state = LYING_THERE;
        assert_eq!(state.arrangement().map(FruitArrangement::number), Some(5));
        let apple = |apple| FruitGantryState { apple, ..state }.slot_under(Fruit::Apple);
        assert_eq!(apple([0.169, 0.0, 0.03]), Some(2));
        assert_eq!(apple([0.165, 0.015, 0.03]), None, "2.1 cm off");
        assert_eq!(apple([0.15, 0.0, 0.036]), None, "above the table");
        let gripped = FruitGantryState { hand: [0.15, 0.0, 0.03], opening: 0.06, ..state };
        assert_eq!((gripped.held(), gripped.slot_under(Fruit::Apple)), (Some(Fruit::Apple), None));
        for (hand, opening) in
            [([0.15, 0.0, 0.03], 0.07), ([0.15, 0.0, 0.03], 0.04), ([0.15, 0.0, 0.06], 0.06)]
        {
            let state = FruitGantryState { hand, opening, ..state };
            assert_eq!((state.held(), state.slot_under(Fruit::Apple)), (None, Some(2)));
        }
    }
}
