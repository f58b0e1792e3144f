//! The fruits' world against what its rules say by hand.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use forethought_envs::fruit_swap::{
    FRUIT_SWAP_GRASP, FRUIT_SWAP_RADIUS, FRUIT_SWAP_REACH_X, FRUIT_SWAP_REACH_Z, Fruit, FruitSwapDynamics,
    FruitSwapState,
};
use forethought_envs::{Dynamics, make};
use proptest::prelude::*;

const WIDTH: f64 = 2.0 * FRUIT_SWAP_RADIUS;

/// An open hand over a table with the apple at -0.15 and the orange at `orange`.
fn world(hand: [f64; 2], orange: f64) -> FruitSwapState {
    FruitSwapState { hand, opening: 0.1, apple: [-0.15, 0.03], orange: [orange, 0.03] }
}

/// The same with the apple in the hand.
fn holding(hand: [f64; 2], orange: f64) -> FruitSwapState {
    FruitSwapState { opening: 0.06, apple: hand, ..world(hand, orange) }
}

#[test]
fn the_hand_moves_four_centimetres_a_step_and_no_further_than_it_reaches() {
    let mut state = world([0.0, 0.2], 0.1);
    state.step([0.5, -0.25, 1.0]);
    assert_eq!(state.hand, [0.02, 0.19]);
    state.step([7.0, 7.0, 1.0]);
    assert!((state.hand[0] - 0.06).abs() < 1e-12 && (state.hand[1] - 0.23).abs() < 1e-12);
    for _ in 0..10 {
        state.step([1.0, -1.0, 1.0]);
    }
    assert_eq!(state.hand, [FRUIT_SWAP_REACH_X[1], FRUIT_SWAP_REACH_Z[0]]);
    for _ in 0..20 {
        state.step([-1.0, 1.0, 1.0]);
    }
    assert_eq!(state.hand, [FRUIT_SWAP_REACH_X[0], FRUIT_SWAP_REACH_Z[1]]);
    assert_eq!((state.apple, state.orange), ([-0.15, 0.03], [0.1, 0.03]), "an empty hand touches nothing");
}

#[test]
fn the_gripper_closes_and_opens_by_half_a_step_whatever_the_size_of_the_action() {
    let mut state = world([0.0, 0.3], 0.1);
    let mut openings = Vec::new();
    for grip in [-1.0, -0.01, -1.0, 0.0, 0.3, 1.0] {
        state.step([0.0, 0.0, grip]);
        openings.push(state.opening);
        assert_eq!(state.held(), None);
    }
    assert_eq!(openings, [0.05, 0.0, 0.0, 0.05, 0.1, 0.1]);
}

#[test]
fn fingers_take_a_fruit_within_two_centimetres_and_centre_it() {
    assert!((FRUIT_SWAP_GRASP - 0.02).abs() < 1e-12);
    for (off, takes) in
        [([0.0, 0.0], true), ([0.0199, 0.0199], true), ([0.0201, 0.0], false), ([-0.0201, 0.0], false)]
    {
        let mut state = world([-0.15 + off[0], 0.03 + off[1]], 0.15);
        let hand = state.hand;
        state.step([0.0, 0.0, -1.0]);
        assert_eq!(state.held(), takes.then_some(Fruit::Apple), "{off:?}");
        assert_eq!(state.opening, if takes { WIDTH } else { 0.05 });
        assert_eq!(state.apple, if takes { hand } else { [-0.15, 0.03] });
    }
    // The hand is 2.01 cm above.
    let mut state = world([-0.15, 0.0501], 0.15);
    state.step([0.0, 0.0, -1.0]);
    assert_eq!(state.held(), None);
    // Fingers nearer to one another than a fruit is wide do not go round it.
    state.hand = [-0.15, 0.03];
    state.step([0.0, 0.0, -1.0]);
    assert_eq!((state.held(), state.opening, state.apple), (None, 0.0, [-0.15, 0.03]));
    // Which fruit it is, is the one that is there.
    let mut state = world([0.15, 0.03], 0.15);
    state.step([0.0, 0.0, -1.0]);
    assert_eq!(state.held(), Some(Fruit::Orange));
}

#[test]
fn what_is_held_goes_with_the_hand_and_falls_straight_when_it_is_let_go() {
    let mut state = world([-0.15, 0.03], 0.15);
    state.step([0.0, 0.0, -1.0]);
    for _ in 0..3 {
        state.step([0.5, 1.0, -1.0]);
        assert_eq!((state.held(), state.apple, state.opening), (Some(Fruit::Apple), state.hand, WIDTH));
    }
    assert!((state.hand[0] + 0.09).abs() < 1e-12 && (state.hand[1] - 0.15).abs() < 1e-12);
    // The hand still moves in the step that lets go.
    state.step([1.0, 0.0, 0.0]);
    assert_eq!((state.held(), state.opening), (None, 0.1));
    assert_eq!(state.apple, [state.hand[0], 0.03]);
    assert!((state.apple[0] + 0.05).abs() < 1e-12);
}

#[test]
fn a_fruit_that_falls_onto_the_other_rolls_off_to_its_side_and_rests_touching_it() {
    for (x, rests) in [(0.02, 0.06), (0.0, 0.06), (-0.001, -0.06), (0.059, 0.06), (0.061, 0.061)] {
        let mut state = holding([x, 0.2], 0.0);
        state.step([0.0, 0.0, 1.0]);
        assert_eq!((state.apple, state.orange), ([rests, 0.03], [0.0, 0.03]));
    }
    // No room between the other one and the rim.
    let mut state = holding([0.22, 0.2], 0.2);
    state.step([0.0, 0.0, 1.0]);
    assert!((state.apple[0] - 0.14).abs() < 1e-12);
}

#[test]
fn a_held_fruit_pushes_the_other_one_along_the_table() {
    // Level with it, their centres are a width apart; 4.8 cm above, sqrt(6^2 - 4.8^2) = 3.6 cm.
    for (height, apart) in [(0.03, 0.06), (0.078, 0.036)] {
        for side in [1.0, -1.0] {
            let mut state = holding([-side * 0.02, height], side * 0.045);
            state.step([side, 0.0, -1.0]);
            assert!((state.hand[0] - side * 0.02).abs() < 1e-12);
            assert!((state.orange[0] - side * (0.02 + apart)).abs() < 1e-12, "{state:?}");
            assert_eq!(state.apple, state.hand);
        }
    }
    let mut over = holding([-0.02, 0.0901], 0.01);
    over.step([1.0, 0.0, -1.0]);
    assert_eq!(over.orange, [0.01, 0.03], "6.01 cm above one passes over the other");
    // At the rim the fruit stays, and the hand gives way.
    let mut state = holding([0.17, 0.03], 0.24);
    for _ in 0..3 {
        state.step([1.0, 0.0, -1.0]);
    }
    assert!(state.orange[0] == 0.25 && (state.hand[0] - 0.19).abs() < 1e-12 && state.apple == state.hand);
}

#[test]
fn a_fruit_that_is_drawn_into_the_hand_pushes_its_neighbour() {
    let mut state = world([-0.132, 0.03], -0.09);
    state.step([0.0, 0.0, -1.0]);
    assert_eq!(state.apple, [-0.132, 0.03]);
    assert!((state.orange[0] + 0.072).abs() < 1e-12);
}

#[test]
fn dynamics_leave_what_is_no_observation_as_it_is() {
    let mut short = [0.1; 6];
    FruitSwapDynamics.step(&mut short, &[1.0; 3]);
    assert_eq!(short, [0.1; 6]);
    let mut seen = world([0.0, 0.2], 0.0).observation();
    FruitSwapDynamics.step(&mut seen, &[1.0; 2]);
    assert_eq!(seen, world([0.0, 0.2], 0.0).observation());
}

fn actions() -> impl Strategy<Value = Vec<[f64; 3]>> {
    // Steps drift in one direction for a while, so that fruits are taken, carried and pushed.
    let run = (prop::array::uniform3(-1.5..1.5_f64), 1..8_usize);
    prop::collection::vec(run, 1..40)
        .prop_map(|runs| runs.into_iter().flat_map(|(action, len)| vec![action; len]).collect())
}

proptest! {
    /// Whatever is done: everything stays where it can be, fruits do not overlap, what nobody holds lies, the opening tells
    /// whether something is held, and observations are all that the next one depends on.
    #[test]
    fn the_world_keeps_its_rules(
        apple in -0.25..-0.07_f64, orange in 0.0..0.25_f64, hand in -0.25..0.25_f64, low in any::<bool>(), all in actions(),
    ) {
        let bounds = make("fruit-swap-v0").unwrap().spec().observation.clone();
        let mut state = world([hand, if low { 0.03 } else { 0.2 }], orange);
        state.apple[0] = apple;
        for action in all {
            let mut seen = state.observation();
            FruitSwapDynamics.step(&mut seen, &action);
            let before = state;
            state.step(action);
            prop_assert_eq!(seen, state.observation());
            prop_assert!(bounds.contains(&seen), "{:?}", state);
            let [x, z] = [0, 1].map(|axis| state.apple[axis] - state.orange[axis]);
            prop_assert!(x.hypot(z) >= WIDTH - 1e-9, "{:?} {:?} {:?}", before, action, state);
            for fruit in Fruit::ALL {
                let held = state.held() == Some(fruit);
                let [_, z] = state.fruit(fruit);
                let right = if held { state.fruit(fruit) == state.hand } else { z == 0.03 };
                prop_assert!(right, "{:?} {:?} {:?}", before, action, state);
            }
            prop_assert_eq!(state.held().is_some(), state.opening == WIDTH);
        }
    }
}
