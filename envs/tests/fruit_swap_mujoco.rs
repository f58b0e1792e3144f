//! The swap of the fruits on MuJoCo. Without MuJoCo these tests say that they are left out, unless `FORETHOUGHT_MUJOCO` names
//! one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use forethought_envs::data::{Dataset, RewardConvention, TimeoutMeaning};
use forethought_envs::fruit_swap::gantry::{
    FRUIT_GANTRY, FRUIT_GANTRY_GENERATOR, FRUIT_GANTRY_STEPS, FruitGantry, FruitGantryOptions,
    FruitGantryPolicy, FruitGantryState, generate_fruit_gantry,
};
use forethought_envs::fruit_swap::{Fruit, FruitArrangement};
use forethought_envs::mujoco::{MUJOCO_VARIABLE, MujocoEnv, MujocoLibrary, MujocoModel};
use forethought_envs::picture::Photographer;
use forethought_envs::{
    EnvError, Environment, NoTask, Policy, Simulator, Start, Transition, make, photographer, policy, scene,
};

/// The model; `None`, said aloud, where there is no MuJoCo and none was named.
fn model() -> Option<MujocoModel> {
    match MujocoLibrary::find() {
        Ok(library) => Some(FruitGantry::model(&library).unwrap()),
        Err(error) if std::env::var_os(MUJOCO_VARIABLE).is_none_or(|named| named.is_empty()) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn gantry() -> Option<MujocoEnv<FruitGantry>> {
    Some(FruitGantry::of_model(&model()?).unwrap())
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn state(env: &impl Environment) -> FruitGantryState {
    FruitGantryState::of(env.observation()).unwrap()
}

/// Acts until the episode ends: steps, and how it ended.
fn episode(
    env: &mut MujocoEnv<FruitGantry>,
    hand: &mut FruitGantryPolicy,
    start: &Start,
) -> (usize, Transition) {
    env.reset(start).unwrap();
    hand.reset(start.seed, &env.task()).unwrap();
    let mut action = [0.0; 4];
    for step in 1..=FRUIT_GANTRY_STEPS {
        hand.act(env.observation(), &mut action).unwrap();
        let transition = env.step(&action).unwrap();
        if transition.ended() {
            return (step, transition);
        }
    }
    (FRUIT_GANTRY_STEPS, Transition::default())
}

/// Moves the hand along one way after another, each until it stands there, with the fingers open or shut.
fn go(env: &mut MujocoEnv<FruitGantry>, ways: &[([f64; 3], f64)]) -> Transition {
    let mut transition = Transition::default();
    for (to, grip) in ways {
        for _ in 0..16 {
            let hand = state(env).hand;
            let by = |axis: usize| (0.5 * (to[axis] - hand[axis]) / 0.04).clamp(-1.0, 1.0);
            transition = env.step(&[by(0), by(1), by(2), *grip]).unwrap();
            if transition.ended() {
                return transition;
            }
        }
    }
    transition
}

/// Takes a fruit from where it lies to a place on the table, and goes up.
fn bring(env: &mut MujocoEnv<FruitGantry>, fruit: Fruit, x: f64) -> Transition {
    let [from, y, _] = state(env).fruit(fruit);
    let (up, down) = (0.15, 0.035);
    go(
        env,
        &[
            ([from, y, up], 1.0),
            ([from, y, 0.03], 1.0),
            ([from, y, 0.03], -1.0),
            ([from, y, up], -1.0),
            ([x, 0.0, up], -1.0),
            ([x, 0.0, down], -1.0),
            ([x, 0.0, down], 1.0),
            ([x, 0.0, 0.2], 1.0),
        ],
    )
}

/// All of 100 seeds; 117.5 steps in the mean; where MuJoCo rounds otherwise they may differ a little.
#[test]
fn the_oracle_succeeds_in_less_than_half_of_the_time() {
    let Some(mut env) = gantry() else { return };
    let mut oracle = FruitGantryPolicy::oracle();
    let all: Vec<(usize, Transition)> =
        (0..100).map(|seed| episode(&mut env, &mut oracle, &Start::seed(seed))).collect();
    let steps = all.iter().map(|(steps, _)| *steps);
    let mean = steps.clone().sum::<usize>() as f64 / 100.0;
    assert!((mean - 117.5).abs() < 0.5, "{mean}");
    assert!(all.iter().all(|(_, end)| end.success && end.terminated && end.reward == 100.0));
    assert!(steps.max().is_some_and(|most| 2 * most <= FRUIT_GANTRY_STEPS));
}

/// The ring rule is right from three of the six starts and no others; who guesses, from fewer.
#[test]
fn who_does_not_remember_fails_from_half_of_the_starts_or_more() {
    let Some(mut env) = gantry() else { return };
    let mut ring = FruitGantryPolicy::ring();
    for number in 1..=6 {
        let (_, end) = episode(&mut env, &mut ring, &Start { task: Some(number), ..Start::seed(3) });
        let follows = FruitArrangement::numbered(number).unwrap().follows();
        assert_eq!((end.success, end.terminated), (follows, true), "{number}");
    }
    let mut memoryless = FruitGantryPolicy::memoryless();
    let right =
        (0..60).filter(|seed| episode(&mut env, &mut memoryless, &Start::seed(*seed)).1.success).count();
    // 4/27 of them, 9 +- 3.
    assert!((1..=20).contains(&right), "{right}");
}

/// The figures of the module's table, measured anew; three minutes.
#[test]
#[ignore = "takes minutes"]
fn references_do_as_documented() {
    const EPISODES: u64 = 1000;
    let Some(mut env) = gantry() else { return };
    let hands = [FruitGantryPolicy::oracle(), FruitGantryPolicy::ring(), FruitGantryPolicy::memoryless()];
    for (mut hand, by_the_rules) in hands.into_iter().zip([1.0, 0.5, 4.0 / 27.0]) {
        let right: Vec<usize> = (1000..1000 + EPISODES)
            .map(|seed| episode(&mut env, &mut hand, &Start::seed(seed)))
            .filter_map(|(steps, end)| end.success.then_some(steps))
            .collect();
        let share = right.len() as f64 / EPISODES as f64;
        let mean = right.iter().sum::<usize>() as f64 / right.len() as f64;
        println!("{}: {share}, after {mean} steps, {:?} at most", hand.name(), right.iter().max());
        let error = (by_the_rules * (1.0 - by_the_rules) / EPISODES as f64).sqrt();
        assert!((share - by_the_rules).abs() <= 3.0 * error, "{}: {share}", hand.name());
    }
}

/// Each start shows its arrangement at rest, within what is drawn.
#[test]
fn an_episode_begins_at_rest_with_the_fruits_on_their_slots() {
    let Some(mut env) = gantry() else { return };
    let slots = [-0.15, 0.0, 0.15];
    for seed in 0..40 {
        let number = 1 + seed as usize % 6;
        env.reset(&Start { task: Some(number), ..Start::seed(seed) }).unwrap();
        let (start, now) = (env.rules().start(), state(&env));
        assert_eq!((start.number(), env.rules().stage()), (number, 0));
        assert_eq!(now.arrangement(), Some(start));
        for fruit in Fruit::ALL {
            let [x, y, z] = now.fruit(fruit);
            let off = [x - slots[start.slot(fruit)], y];
            assert!(off.iter().all(|off| off.abs() < 0.0055) && (z - 0.03).abs() < 2e-4, "{now:?}");
        }
        let [x, y, z] = now.hand;
        assert!(x.abs() < 0.0301 && y.abs() < 0.0201 && (z - 0.25).abs() < 0.0201, "{now:?}");
        assert!(
            now.speed.iter().all(|speed| speed.abs() < 1e-3) && (now.opening - 0.1).abs() < 1e-4,
            "{now:?}"
        );
        assert!(env.spec().observation.contains(env.observation()));
    }
    let first = env.observation().to_vec();
    env.reset(&Start { task: Some(4), ..Start::seed(39) }).unwrap();
    assert_eq!(bits(env.observation()), bits(&first), "the task that the seed's number asks for");
}

/// Four centimetres a step and no more, 20 ms behind; the gripper as its sign says.
#[test]
fn an_action_moves_the_hand_by_four_centimetres_and_the_gripper_by_its_sign() {
    let Some(mut env) = gantry() else { return };
    env.reset(&Start::seed(1)).unwrap();
    let from = state(&env);
    for action in [[1.0, -0.5, 0.0, 0.0], [9.0, -0.5, 0.0, 0.4]] {
        env.step(&action).unwrap();
    }
    let moving = state(&env);
    // 8 cm and 4 cm less what it is behind.
    assert!((moving.hand[0] - from.hand[0] - (0.08 - 0.016)).abs() < 5e-4, "{moving:?}");
    assert!((moving.hand[1] - from.hand[1] + 0.04 - 0.008).abs() < 5e-4, "{moving:?}");
    assert!((moving.speed[0] - 0.8).abs() < 0.01, "{moving:?}");
    for _ in 0..3 {
        env.step(&[0.0, 0.0, 0.0, 0.3]).unwrap();
    }
    let there = state(&env);
    assert!((there.hand[0] - from.hand[0] - 0.08).abs() < 1e-4, "{there:?}");
    assert!((there.hand[2] - from.hand[2]).abs() < 1e-4 && (there.opening - 0.1).abs() < 1e-4, "{there:?}");
    for _ in 0..4 {
        env.step(&[0.0, 0.0, 0.0, -0.001]).unwrap();
    }
    assert!(state(&env).opening < 0.005, "it closes on nothing");
    for _ in 0..40 {
        env.step(&[-1.0, 1.0, -1.0, 1.0]).unwrap();
    }
    let end = state(&env).hand;
    for (at, bound) in end.iter().zip([-0.27, 0.09, 0.03]) {
        assert!((at - bound).abs() < 2e-3, "{end:?}");
    }
}

/// The same moves by another hand than the oracle's, in order and not.
#[test]
fn moves_in_order_succeed_and_others_end_the_episode() {
    let Some(mut env) = gantry() else { return };
    let begin = |env: &mut MujocoEnv<FruitGantry>| {
        env.reset(&Start { task: Some(1), ..Start::seed(5) }).unwrap();
    };
    begin(&mut env);
    assert!(!bring(&mut env, Fruit::Apple, 0.15).ended());
    assert_eq!(env.rules().stage(), 1);
    assert!(!bring(&mut env, Fruit::Orange, -0.15).ended());
    assert_eq!(env.rules().stage(), 2);
    let end = bring(&mut env, Fruit::Apple, 0.0);
    assert!(end.success && end.terminated && end.reward == 100.0);
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::NeedsReset(_))));
    begin(&mut env);
    let end = bring(&mut env, Fruit::Orange, 0.15);
    assert!(end.terminated && !end.success && end.reward == 0.0, "the orange first");
    begin(&mut env);
    assert!(!bring(&mut env, Fruit::Apple, -0.15).ended(), "back where it was");
    assert!(!bring(&mut env, Fruit::Apple, 0.15).ended());
    let end = bring(&mut env, Fruit::Apple, -0.15);
    assert!(end.terminated && !end.success, "the apple twice");
}

/// What is taken lies between the fingers and stays there on the way, also when the hand turns back at full speed.
#[test]
fn a_fruit_is_held_through_the_hardest_turns() {
    let Some(mut env) = gantry() else { return };
    env.reset(&Start { task: Some(3), ..Start::seed(2) }).unwrap();
    let [x, y, _] = state(&env).apple;
    go(&mut env, &[([x, y, 0.1], 1.0), ([x, y, 0.03], 1.0), ([x, y, 0.03], -1.0), ([x, y, 0.2], -1.0)]);
    for turn in 0..12 {
        let sign = if turn % 2 == 0 { 1.0 } else { -1.0 };
        for _ in 0..2 {
            env.step(&[sign, -0.5 * sign, sign, -1.0]).unwrap();
            let now = state(&env);
            assert_eq!(now.held(), Some(Fruit::Apple), "{now:?}");
            let off =
                now.apple.iter().zip(now.hand).map(|(at, hand)| (at - hand).powi(2)).sum::<f64>().sqrt();
            assert!(off < 0.01, "{now:?}");
        }
    }
    env.step(&[0.0, 0.0, 0.0, 1.0]).unwrap();
    for _ in 0..20 {
        env.step(&[0.0, 0.0, 0.0, 1.0]).unwrap();
    }
    let now = state(&env);
    assert!(now.held().is_none() && (now.apple[2] - 0.03).abs() < 4e-3, "it has fallen: {now:?}");
}

#[test]
fn an_episode_is_its_seeds_alone() {
    let (Some(mut one), Some(mut other)) = (gantry(), gantry()) else { return };
    let mut oracle = FruitGantryPolicy::oracle();
    episode(&mut other, &mut oracle, &Start::seed(99));
    for seed in [5, 6] {
        let (a, b) = (
            episode(&mut one, &mut oracle, &Start::seed(seed)),
            episode(&mut other, &mut FruitGantryPolicy::oracle(), &Start::seed(seed)),
        );
        assert_eq!((a.0, a.1), (b.0, b.1));
        assert_eq!(bits(one.observation()), bits(other.observation()));
    }
    one.reset(&Start::seed(5)).unwrap();
    other.reset(&Start::seed(6)).unwrap();
    assert_ne!(one.observation(), other.observation());
}

/// Saved at every kind of moment, it goes on to the bit; also in another environment.
#[test]
fn what_was_saved_goes_on_to_the_bit() {
    let (Some(mut env), Some(mut other)) = (gantry(), gantry()) else { return };
    let mut oracle = FruitGantryPolicy::oracle();
    env.reset(&Start::seed(8)).unwrap();
    oracle.reset(8, &env.task()).unwrap();
    let mut action = [0.0; 4];
    let mut stages = Vec::new();
    for _ in 0..105 {
        let saved = env.snapshot();
        other.restore(&saved).unwrap();
        assert_eq!(other.snapshot(), saved);
        assert_eq!(bits(other.observation()), bits(env.observation()));
        assert_eq!(other.rules().start(), env.rules().start());
        oracle.act(env.observation(), &mut action).unwrap();
        assert_eq!(other.step(&action).unwrap(), env.step(&action).unwrap());
        assert_eq!(bits(other.observation()), bits(env.observation()));
        stages.push(env.rules().stage());
    }
    assert!(stages.contains(&0) && stages.contains(&2));
    let before = env.snapshot();
    for damage in [[7, 0], [1, 4], [0, 0]] {
        let mut damaged = before.clone();
        let first = damaged.words.len() - 2;
        damaged.words[first..].copy_from_slice(&damage);
        let said = env.restore(&damaged).unwrap_err().to_string();
        assert!(said.contains(FRUIT_GANTRY) && said.contains("take another"), "{said}");
        assert_eq!(env.snapshot(), before);
    }
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let Some(mut env) = gantry() else { return };
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::NeedsReset(_))));
    let refused = |env: &mut MujocoEnv<FruitGantry>, start: Start| env.reset(&start).unwrap_err().to_string();
    for task in [0, 7] {
        let said = refused(&mut env, Start { task: Some(task), ..Start::seed(1) });
        assert!(said.contains("tasks 1 to 6") && said.contains(FRUIT_GANTRY), "{said}");
    }
    refused(&mut env, Start { position: Some(vec![0.0; 3]), ..Start::seed(1) });
    refused(&mut env, Start { goal: Some(vec![0.0; 3]), ..Start::seed(1) });
    env.reset(&Start::seed(1)).unwrap();
    let before = env.snapshot();
    assert!(env.step(&[0.0; 3]).is_err() && env.step(&[0.0, f64::NAN, 0.0, 0.0]).is_err());
    assert_eq!(env.snapshot(), before);
    for name in ["oracle", "memoryless", "ring"] {
        let mut hand = policy(FRUIT_GANTRY, name).unwrap();
        assert_eq!(hand.name(), name);
        let said = hand.act(&[0.0; 11], &mut [0.0; 4]).unwrap_err().to_string();
        assert!(said.contains(name) && said.contains("19 entries"), "{said}");
    }
}

#[test]
fn the_registry_has_it_with_its_clock_and_a_view_from_the_side() {
    if model().is_none() {
        return;
    }
    let mut env = make(FRUIT_GANTRY).unwrap();
    assert_eq!(env.spec().max_episode_steps, Some(FRUIT_GANTRY_STEPS));
    assert_eq!(scene(FRUIT_GANTRY).unwrap().zones.len(), 3);
    env.reset(&Start::seed(0)).unwrap();
    for _ in 1..FRUIT_GANTRY_STEPS {
        assert!(!env.step(&[0.0; 4]).unwrap().ended());
    }
    let last = env.step(&[0.0; 4]).unwrap();
    assert!(last.truncated && !last.terminated);
}

fn made(rows: usize, seed: u64, threads: usize) -> Option<Dataset> {
    model()?;
    Some(generate_fruit_gantry(&FruitGantryOptions { rows, seed, threads }, &mut |_, _| {}).unwrap())
}

#[test]
fn data_are_successful_episodes_the_last_one_cut() {
    let Some(data) = made(1500, 3, 2) else { return };
    data.check().unwrap();
    assert_eq!((data.len(), data.observation_dim, data.action_dim), (1500, 19, 4));
    assert_eq!(data.metadata.rewards, RewardConvention::OfAction);
    assert_eq!(data.metadata.timeouts, TimeoutMeaning::Truncation);
    assert_eq!(data.metadata.generator.as_deref(), Some(FRUIT_GANTRY_GENERATOR));
    assert_eq!(data.metadata.layout_hash, gantry().unwrap().spec().layout_hash);
    let ends: Vec<usize> = (0..1500).filter(|row| data.terminals[*row]).collect();
    assert!(ends.len() >= 5, "{ends:?}");
    for end in &ends {
        assert_eq!((data.rewards[end - 1], data.rewards[*end]), (100.0, 0.0));
    }
    assert_eq!(data.rewards.iter().filter(|reward| **reward > 0.0).count(), ends.len());
    let timeouts: Vec<usize> = (0..1500).filter(|row| data.timeouts[*row]).collect();
    assert_eq!(timeouts, if ends.last() == Some(&1499) { vec![] } else { vec![1499] });
    assert!(data.actions.iter().all(|value| value.abs() <= 1.0));
    // The hand is off what was meant, in some steps by far.
    let mut off: Vec<f32> = (0..ends[0])
        .map(|row| {
            let [now, next] = [row, row + 1].map(|row| data.observation(row).unwrap());
            let meant = now[0] + 0.02 * now[3] + 0.04 * data.action(row).unwrap()[0];
            (next[0] + 0.02 * next[3] - meant).abs()
        })
        .collect();
    off.sort_by(f32::total_cmp);
    assert!(off[off.len() / 2] > 5e-4 && off[off.len() / 2] < 8e-3, "{off:?}");
    assert!(off[off.len() - 1] > 8e-3, "{off:?}");
}

#[test]
fn data_are_the_same_on_any_number_of_threads_and_other_for_another_seed() {
    let Some(one) = made(400, 7, 1) else { return };
    for threads in [2, 5] {
        assert_eq!(made(400, 7, threads), Some(one.clone()));
    }
    let other = made(100, 8, 1).unwrap();
    assert_ne!(other.observations, one.observations[..other.observations.len()]);
    let said = generate_fruit_gantry(
        &FruitGantryOptions { rows: 0, ..FruitGantryOptions::default() },
        &mut |_, _| {},
    );
    assert!(said.unwrap_err().to_string().contains("at least one"));
}

/// Pixels of a picture that are about of a colour, and their middle.
fn of_colour(
    picture: &forethought_envs::picture::Picture,
    is: impl Fn([u32; 3]) -> bool,
) -> (usize, [f64; 2]) {
    let (mut count, mut sum) = (0, [0.0; 2]);
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            if picture.pixel(x, y).is_some_and(|pixel| is(pixel.map(u32::from))) {
                count += 1;
                (sum[0], sum[1]) = (sum[0] + x as f64 + 0.5, sum[1] + y as f64 + 0.5);
            }
        }
    }
    (count, sum.map(|sum| sum / count.max(1) as f64))
}

/// Fruits are in the picture where the view says, each in its colour.
#[test]
fn a_picture_shows_each_fruit_where_it_was_seen() {
    if model().is_none() {
        return;
    }
    let mut photographer: Box<dyn Photographer> = match photographer(FRUIT_GANTRY, [240, 200]) {
        Ok(photographer) => photographer.unwrap(),
        Err(error) if std::env::var_os("FORETHOUGHT_EGL").is_none() && error.to_string().contains("EGL") => {
            println!("LEFT OUT: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let seen = FruitGantryState {
        hand: [0.0, 0.0, 0.25],
        speed: [0.0; 3],
        opening: 0.1,
        apple: [-0.15, 0.0, 0.03],
        orange: [0.15, 0.0, 0.03],
    };
    let swapped = FruitGantryState { apple: seen.orange, orange: seen.apple, ..seen };
    let view = photographer.view();
    for state in [seen, swapped] {
        let picture = photographer.photograph(&state.observation(), &NoTask).unwrap();
        let red = of_colour(&picture, |[r, g, b]| r > 90 && g < r / 3 && b < r / 3);
        let orange = of_colour(&picture, |[r, g, b]| r > 120 && g > r / 3 && g < 3 * r / 4 && b < r / 3);
        for ((count, middle), at) in [(red, state.apple), (orange, state.orange)] {
            let [x, y] = view.project(at, 240, 200).unwrap().at;
            assert!(count > 60 && (middle[0] - x).hypot(middle[1] - y) < 6.0, "{count} {middle:?} {x} {y}");
        }
    }
    assert_eq!(photographer.place(&seen.observation()), Some(seen.hand));
    assert!(photographer.photograph(&[0.0; 11], &NoTask).unwrap_err().to_string().contains("19 numbers"));
    let mut broken = seen.observation();
    broken[7] = f64::NAN;
    assert!(photographer.photograph(&broken, &NoTask).is_err());
}
