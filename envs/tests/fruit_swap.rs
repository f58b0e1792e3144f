//! The environment in which two fruits change places.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::collections::BTreeSet;

use forethought_envs::fruit_swap::{
    FRUIT_SWAP, FRUIT_SWAP_ORDER, FRUIT_SWAP_SLOTS, FRUIT_SWAP_STEPS, Fruit, FruitArrangement, FruitSwapEnv,
};
use forethought_envs::{
    EnvError, Environment, FeatureKind, Simulator, Snapshot, Start, Transition, dynamics, entry, make,
    resolve, scene,
};

fn begun(seed: u64, task: Option<usize>) -> FruitSwapEnv {
    let mut env = FruitSwapEnv::new().unwrap();
    env.reset(&Start { task, ..Start::seed(seed) }).unwrap();
    env
}

/// Goes straight there, gripping or not.
fn go(env: &mut FruitSwapEnv, [x, z]: [f64; 2], grip: f64) -> Transition {
    loop {
        let [hand_x, hand_z] = env.state().hand;
        let by = [(x - hand_x) / 0.04, (z - hand_z) / 0.04];
        let last = env.step(&[by[0], by[1], grip]).unwrap();
        if last.ended() || by.iter().all(|by| by.abs() <= 1.0) {
            return last;
        }
    }
}

/// Brings a fruit to a place along the table, without noise, and lets go of it there.
fn bring(env: &mut FruitSwapEnv, fruit: Fruit, to: f64) -> Transition {
    let [from, _] = env.state().fruit(fruit);
    go(env, [from, 0.03], 1.0);
    env.step(&[0.0, 0.0, -1.0]).unwrap();
    assert_eq!(env.state().held(), Some(fruit));
    go(env, [from, 0.12], -1.0);
    go(env, [to, 0.12], -1.0);
    go(env, [to, 0.04], -1.0);
    env.step(&[0.0, 0.0, 1.0]).unwrap()
}

#[test]
fn three_moves_in_order_succeed_once_the_hand_is_back() {
    for number in 1..=6 {
        let mut env = begun(number as u64, Some(number));
        let start = FruitArrangement::numbered(number).unwrap();
        assert_eq!((env.start(), FruitArrangement::seen(env.state())), (start, Some(start)));
        let mut at = start;
        for (stage, fruit) in FRUIT_SWAP_ORDER.into_iter().enumerate() {
            assert_eq!(env.stage(), stage);
            let step = bring(&mut env, fruit, FRUIT_SWAP_SLOTS[at.free()]);
            at = at.moved(fruit);
            assert!(!step.ended() && step.reward == 0.0);
            assert_eq!(FruitArrangement::seen(env.state()), Some(at));
        }
        assert_eq!((env.stage(), at), (3, start.swapped()));
        assert!(!env.task().reached(env.observation()), "the hand is still down");
        let x = env.state().hand[0];
        assert!(!go(&mut env, [x, 0.1499], 1.0).ended());
        let last = go(&mut env, [x, 0.1501], 1.0);
        assert!(last.success && last.terminated && !last.truncated && !last.chance);
        assert!(last.reward == 100.0 && env.task().reached(env.observation()));
        assert!(matches!(env.step(&[0.0; 3]), Err(EnvError::NeedsReset(_))));
    }
}

#[test]
fn a_move_out_of_order_ends_the_episode_with_nothing() {
    let lost = |step: Transition| step.terminated && !step.success && step.reward == 0.0;
    // The orange first.
    let mut env = begun(3, Some(1));
    let free = FRUIT_SWAP_SLOTS[2];
    assert!(lost(bring(&mut env, Fruit::Orange, free)));
    assert!(matches!(env.step(&[0.0; 3]), Err(EnvError::NeedsReset(_))));
    // The apple, and the apple again.
    let mut env = begun(3, Some(1));
    assert!(!bring(&mut env, Fruit::Apple, free).ended());
    assert!(lost(bring(&mut env, Fruit::Apple, FRUIT_SWAP_SLOTS[0])));
    // Moves after the third, before the hand is back.
    let mut env = begun(3, Some(1));
    bring(&mut env, Fruit::Apple, free);
    bring(&mut env, Fruit::Orange, FRUIT_SWAP_SLOTS[0]);
    bring(&mut env, Fruit::Apple, FRUIT_SWAP_SLOTS[1]);
    // Higher than 14.9 cm it never gets.
    assert!(lost(bring(&mut env, Fruit::Apple, free)));
    // Another one's slot, whose fruit is beside it now.
    let mut env = begun(3, Some(1));
    assert!(!bring(&mut env, Fruit::Orange, 0.08).ended());
    assert!(lost(bring(&mut env, Fruit::Apple, FRUIT_SWAP_SLOTS[1])));
}

#[test]
fn a_fruit_set_down_beside_its_slot_or_put_back_can_be_taken_again() {
    let mut env = begun(5, Some(1));
    for to in [-0.08, -0.15, 0.08, 0.15] {
        assert!(!bring(&mut env, Fruit::Apple, to).ended());
        assert!((env.state().apple[0] - to).abs() < 1e-12);
        assert_eq!(env.stage(), usize::from(to == 0.15));
    }
    bring(&mut env, Fruit::Orange, -0.15);
    bring(&mut env, Fruit::Apple, 0.019);
    assert!(go(&mut env, [0.0, 0.2], 1.0).success);
    // 2.1 cm is beside the slot.
    let mut env = begun(5, Some(1));
    bring(&mut env, Fruit::Apple, 0.15 + 0.021);
    assert_eq!(env.stage(), 0);
}

#[test]
fn an_episode_is_its_seeds_and_tasks_choose_the_arrangement_alone() {
    let mut numbers = [0; 6];
    for seed in 0..1200 {
        let env = begun(seed, None);
        let start = env.start();
        numbers[start.number() - 1] += 1;
        assert_eq!(env.snapshot(), begun(seed, None).snapshot());
        assert_eq!(env.snapshot(), begun(seed, Some(start.number())).snapshot());
        let other = begun(seed, Some(1 + start.number() % 6));
        assert_eq!(other.state().hand, env.state().hand);
        let state = env.state();
        assert!((state.hand[0]).abs() <= 0.03 && (state.hand[1] - 0.25).abs() <= 0.02);
        for fruit in Fruit::ALL {
            let [off, other_off] = [(&env, state), (&other, other.state())]
                .map(|(env, state)| state.fruit(fruit)[0] - FRUIT_SWAP_SLOTS[env.start().slot(fruit)]);
            assert!(off.abs() <= 0.005 && (off - other_off).abs() < 1e-12);
        }
    }
    // Four standard errors of 200 draws in expectation.
    assert!(numbers.iter().all(|count| (*count as f64 - 200.0).abs() < 52.0), "{numbers:?}");
    assert_ne!(begun(1, Some(1)).observation(), begun(2, Some(1)).observation());
}

#[test]
fn what_cannot_be_honoured_is_refused_and_leaves_the_state_alone() {
    let mut env = FruitSwapEnv::new().unwrap();
    assert!(matches!(env.step(&[0.0; 3]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    let before = env.snapshot();
    for (start, says) in [
        (Start { task: Some(0), ..Start::default() }, "tasks 1 to 6"),
        (Start { task: Some(7), ..Start::default() }, "task 7 was asked for"),
        (Start::seed(0).with_goal(&[1.0]), "no goal"),
        (Start { position: Some(vec![0.0]), ..Start::default() }, "no start position"),
    ] {
        let message = env.reset(&start).unwrap_err().to_string();
        assert!(message.contains(says) && message.contains(FRUIT_SWAP), "{message}");
        assert_eq!(env.snapshot(), before);
    }
    assert!(matches!(env.step(&[f64::NAN, 0.0, 0.0]), Err(EnvError::NonFinite { .. })));
    assert!(matches!(env.step(&[0.0; 2]), Err(EnvError::ActionLength { .. })));
    assert_eq!(env.snapshot(), before);
}

/// In the middle of the second move, the orange in the hand.
#[test]
fn a_snapshot_is_the_whole_state_to_the_bit() {
    let mut env = begun(9, Some(2));
    bring(&mut env, Fruit::Apple, FRUIT_SWAP_SLOTS[1]);
    let [x, _] = env.state().orange;
    go(&mut env, [x, 0.03], 1.0);
    env.step(&[0.3, 0.1, -1.0]).unwrap();
    env.step(&[-0.7, 0.9, -1.0]).unwrap();
    assert_eq!((env.state().held(), env.stage()), (Some(Fruit::Orange), 1));
    let snapshot = env.snapshot();
    let onwards = |env: &mut FruitSwapEnv| {
        let mut all = Vec::new();
        for step in 0..60_u32 {
            let wave = f64::from(step);
            let action = [wave.sin(), (1.7 * wave).cos(), (0.2 * wave).cos() - 0.5];
            let Ok(transition) = env.step(&action) else { break };
            all.push((transition, env.observation().iter().map(|value| value.to_bits()).collect::<Vec<_>>()));
        }
        all
    };
    let want = onwards(&mut env);
    assert!(want.len() > 10);
    let text = serde_json::to_string(&snapshot).unwrap();
    let mut other = FruitSwapEnv::new().unwrap();
    other.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(other.snapshot(), snapshot);
    assert_eq!(onwards(&mut other), want);
    // The task is that of the episode that was saved.
    other.restore(&snapshot).unwrap();
    assert_eq!(other.start(), FruitArrangement::numbered(2).unwrap());
    let damaged = |change: &dyn Fn(&mut Snapshot)| {
        let mut bad = snapshot.clone();
        change(&mut bad);
        let mut env = begun(4, None);
        let before = env.snapshot();
        let message = env.restore(&bad).unwrap_err().to_string();
        assert_eq!(env.snapshot(), before);
        message
    };
    assert!(damaged(&|bad| bad.env_id = "toy-car-v0".into()).contains("toy-car-v0"));
    assert!(damaged(&|bad| bad.state[2] = f64::NAN).contains("NaN"));
    assert!(damaged(&|bad| bad.state[3] = 0.26).contains("damaged"));
    for (word, value) in [(0, 3), (1, 0), (1, 7), (2, 4), (2, u64::MAX)] {
        assert!(damaged(&|bad| bad.words[word] = value).contains("damaged"));
    }
    assert!(damaged(&|bad| bad.words.push(0)).contains("3 words"));
    assert!(damaged(&|bad| bad.state.truncate(6)).contains("11 numbers"));
}

#[test]
fn the_registry_knows_it_with_its_clock() {
    assert_eq!(resolve("fruit-swap").unwrap(), FRUIT_SWAP);
    let known = entry(FRUIT_SWAP).unwrap();
    assert_eq!(known.policies(), ["oracle", "memoryless", "ring"]);
    assert!(known.has_data() && !known.has_validation_data());
    let mut env = make(FRUIT_SWAP).unwrap();
    env.reset(&Start::seed(2)).unwrap();
    for step in 1..=FRUIT_SWAP_STEPS {
        let transition = env.step(&[0.0, 0.0, 1.0]).unwrap();
        assert_eq!((transition.truncated, transition.terminated), (step == FRUIT_SWAP_STEPS, false));
    }
    let spec = env.spec();
    spec.check().unwrap();
    assert_eq!(
        (spec.tasks, spec.max_episode_steps, spec.step_seconds),
        (6, Some(FRUIT_SWAP_STEPS), Some(0.05))
    );
    assert_eq!(spec.score.unwrap().normalize(100.0), 100.0);
    assert_eq!((spec.entries(FeatureKind::Position), spec.condition.len()), (vec![0, 1], 0));
    assert!(env.task().condition().is_none());
    let names: BTreeSet<&str> = spec.features.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["apple", "hand", "opening", "orange", "way to the apple", "way to the orange"])
    );
}

#[test]
fn its_dynamics_are_its_steps() {
    let dynamics = dynamics(FRUIT_SWAP).unwrap().unwrap();
    let mut env = begun(7, None);
    let mut seen = env.observation().to_vec();
    for step in 0..120_u32 {
        let wave = f64::from(step);
        let action = [wave.sin(), -(0.9 * wave).cos(), (0.3 * wave).sin()];
        let ended = env.step(&action).unwrap().ended();
        dynamics.step(&mut seen, &action);
        assert_eq!(seen, env.observation());
        if ended {
            break;
        }
    }
}

#[test]
fn its_view_is_from_the_side_with_the_slots_on_the_table() {
    let scene = scene(FRUIT_SWAP).unwrap();
    assert_eq!(scene.position, [0, 1]);
    for (zone, x) in scene.zones.iter().zip(FRUIT_SWAP_SLOTS) {
        assert_eq!((zone.at, zone.radius), ([x, 0.03], 0.02));
    }
    let spec = make(FRUIT_SWAP).unwrap().spec().clone();
    let corners = [spec.observation.low(), spec.observation.high()].map(|bound| [bound[0], bound[1]]);
    for corner in corners {
        assert!(scene.bounds.contains(corner) && !scene.solids[0].contains(corner));
    }
}
