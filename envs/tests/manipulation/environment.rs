//! What the environments promise.

use std::process::Command;

use forethought_envs::manipulation::{
    CUBE_RADIUS, CUBE_TASKS, CubeOracle, CubeRules, Cubes, OGBENCH_VARIABLE,
};
use forethought_envs::mujoco::MujocoEnv;
use forethought_envs::{
    EnvError, Environment, FeatureKind, NoTask, Policy, SharedTask, Simulator, Snapshot, Start, TimeLimit,
    catalogue, make, policy,
};

use crate::cubes;

/// First entry of the hand's place, and of a cube.
const HAND: usize = 12;
const OPENING: usize = 17;
fn cube(number: usize) -> usize {
    19 + 9 * number
}

/// As places are shown.
fn shown([x, y, z]: [f64; 3]) -> [f64; 3] {
    [(x - 0.425) * 10.0, y * 10.0, z * 10.0]
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn start(task: usize, seed: u64) -> Start {
    Start { task: Some(task), ..Start::seed(seed) }
}

/// Steps of the reference, and whether the last one succeeded.
fn solve(env: &mut dyn Environment, oracle: &mut CubeOracle, begin: &Start) -> (usize, bool) {
    env.reset(begin).unwrap();
    oracle.reset(begin.seed, &env.task()).unwrap();
    let mut action = [0.0; 5];
    for step in 1.. {
        oracle.act(env.observation(), &mut action).unwrap();
        let transition = env.step(&action).unwrap();
        if transition.ended() {
            assert_eq!(transition.success, transition.terminated);
            assert_eq!(transition.reward, f64::from(u8::from(transition.success)));
            return (step, transition.success);
        }
        assert_eq!((transition.reward, transition.success), (0.0, false));
    }
    unreachable!()
}

/// In a process of its own, in which the assets are named and are not there.
#[test]
fn they_are_listed_and_without_assets_say_how_these_are_had() {
    for kind in Cubes::ALL {
        assert!(catalogue().iter().any(|(id, about)| id == kind.id() && about.contains("ogbench_assets.sh")));
    }
    let nowhere = "/nowhere/ogbench";
    let id = Cubes::Single.id();
    if std::env::var_os(OGBENCH_VARIABLE).is_some_and(|named| named == nowhere) {
        let said = make(id).err().unwrap().to_string();
        let names = [id, "ur5e.xml", nowhere, "envs/interop/ogbench_assets.sh"];
        assert!(names.iter().all(|name| said.contains(name)), "{said}");
        return;
    }
    let name = "environment::they_are_listed_and_without_assets_say_how_these_are_had";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(OGBENCH_VARIABLE, nowhere)
        .output();
    let output = child.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn the_specification_is_the_packages() {
    for (kind, numbers, limit) in
        [(Cubes::Single, 28, 200), (Cubes::Double, 37, 500), (Cubes::Triple, 46, 1000)]
    {
        let Some(env) = cubes(kind) else { return };
        let spec = env.spec();
        assert_eq!((spec.observation.len(), spec.action.len()), (numbers, 5));
        assert_eq!((spec.max_episode_steps, spec.tasks), (Some(limit), CUBE_TASKS));
        assert!((spec.step_seconds.unwrap() - 25.0 * env.simulation().model().timestep()).abs() < 1e-12);
        let places: Vec<usize> = (0..kind.count()).flat_map(|i| cube(i)..cube(i) + 3).collect();
        assert_eq!(spec.condition, places);
        let positions = [vec![HAND, HAND + 1, HAND + 2], places].concat();
        assert_eq!(spec.entries(FeatureKind::Position), positions);
        assert_eq!(spec.entries(FeatureKind::Quaternion).len(), 4 * kind.count());
        assert_eq!(spec.entries(FeatureKind::Direction).len(), 2 + 2 * kind.count());
    }
}

#[test]
fn an_episode_is_its_seeds_alone() {
    let (Some(mut one), Some(mut other)) = (cubes(Cubes::Double), cubes(Cubes::Double)) else { return };
    other.reset(&Start::seed(99)).unwrap();
    for _ in 0..7 {
        other.step(&[0.3, -0.5, -1.0, 0.2, 1.0]).unwrap();
    }
    for env in [&mut one, &mut other] {
        env.reset(&Start::seed(5)).unwrap();
    }
    for k in 0..30 {
        let action = [0.1, f64::from(k % 3) - 1.0, -0.6, 0.4, if k > 15 { 1.0 } else { -1.0 }];
        assert_eq!(bits(one.observation()), bits(other.observation()));
        assert_eq!(one.step(&action).unwrap(), other.step(&action).unwrap());
    }
    let first = one.observation().to_vec();
    one.reset(&Start::seed(6)).unwrap();
    assert_ne!(one.observation(), first);
}

/// Every start is one of the tasks': cubes within a centimetre of where it has them, goals where it has them, in one order.
#[test]
fn starts_are_those_of_the_tasks() {
    for kind in Cubes::ALL {
        let Some(mut env) = cubes(kind) else { return };
        let (mut drawn, mut orders) = (Vec::new(), Vec::new());
        for seed in 0..30 {
            env.reset(&Start::seed(seed)).unwrap();
            let seen = env.observation().to_vec();
            let goal = env.task().condition().unwrap().values.to_vec();
            let is_of = |number: &usize| {
                let places = kind.task(*number).unwrap();
                let order: Option<Vec<usize>> = (0..kind.count())
                    .map(|i| {
                        places.iter().position(|[from, to]| {
                            let near = shown(*from)
                                .iter()
                                .zip(&seen[cube(i)..])
                                .all(|(a, b)| (a - b).abs() <= 0.1 + 1e-9);
                            let wanted =
                                shown(*to).iter().zip(&goal[3 * i..]).all(|(a, b)| (a - b).abs() < 1e-12);
                            near && wanted
                        })
                    })
                    .collect();
                order.filter(|order| (0..places.len()).all(|place| order.contains(&place)))
            };
            let found: Vec<(usize, Vec<usize>)> =
                (1..=CUBE_TASKS).filter_map(|number| Some((number, is_of(&number)?))).collect();
            assert_eq!(found.len(), 1, "{kind:?} {seed}: {found:?}");
            let (number, order) = found.into_iter().next().unwrap();
            drawn.push(number);
            orders.push(order);
            for (part, (low, high)) in seen[HAND..].iter().zip([(-1.75, 1.75), (-3.5, 3.5), (2.0, 3.5)]) {
                // Inverse kinematics come as near as a tenth of a millimetre.
                assert!(*part > low - 1e-3 && *part < high + 1e-3, "{seen:?}");
            }
            assert_eq!((seen[OPENING], seen[OPENING + 1]), (0.0, 0.0), "open, and nothing touched");
            let fixed = start(number, seed);
            env.reset(&fixed).unwrap();
            assert_eq!(bits(env.observation()), bits(&seen), "the same task by its number");
        }
        assert!((1..=CUBE_TASKS).all(|number| drawn.contains(&number)), "{drawn:?}");
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), [1, 1, 2, 6][kind.count()], "every order of the cubes");
    }
}

/// A goal of the caller's, and a place within 4 cm of it or just beyond.
#[test]
fn an_episode_ends_with_every_cube_within_four_centimetres() {
    let (Some(mut single), Some(mut double)) = (cubes(Cubes::Single), cubes(Cubes::Double)) else { return };
    let goal = [0.2, 1.0, 0.2];
    for (off, success) in [(0.0, true), (0.9 * CUBE_RADIUS, true), (1.05 * CUBE_RADIUS, false)] {
        let position = vec![goal[0] + 6.0 * off, goal[1] - 8.0 * off, goal[2]];
        let begin = Start { position: Some(position), ..start(1, 3).with_goal(&goal) };
        single.reset(&begin).unwrap();
        let step = single.step(&[0.0; 5]).unwrap();
        assert_eq!((step.success, step.terminated, step.reward > 0.5), (success, success, success), "{off}");
        assert_eq!(single.task().reached(single.observation()), success);
        assert_eq!(single.step(&[0.0; 5]).is_err(), success, "nothing follows an end");
    }
    let wanted = [0.0, 1.0, 0.2, 0.0, -1.0, 0.2];
    let one_off = [0.0, 1.0, 0.2, 0.0, -1.5, 0.2];
    for (position, success) in [(wanted, true), (one_off, false)] {
        let begin = Start { position: Some(position.to_vec()), ..Start::seed(1).with_goal(&wanted) };
        double.reset(&begin).unwrap();
        assert_eq!(double.step(&[0.0; 5]).unwrap().success, success);
        let away = double.task().distance(double.observation()).unwrap();
        assert!((away - if success { 0.0 } else { 0.5 }).abs() < 0.02, "the furthest cube's alone: {away}");
    }
}

#[test]
fn what_no_cube_can_do_is_refused_and_the_episode_goes_on() {
    let Some(mut env) = cubes(Cubes::Single) else { return };
    env.reset(&Start::seed(2)).unwrap();
    env.step(&[1.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let before = (bits(env.observation()), env.snapshot());
    let at = |position: &[f64]| Start { position: Some(position.to_vec()), ..Start::seed(0) };
    for (begin, said) in [
        (start(0, 1), "tasks 1 to 5"),
        (start(6, 1), "task 6"),
        (Start::seed(1).with_goal(&[0.0, 0.0]), "3 numbers"),
        (Start::seed(1).with_goal(&[0.0, 9.0, 0.2]), "the goal has one at"),
        (Start::seed(1).with_goal(&[0.0, f64::NAN, 0.2]), "finite"),
        (at(&[0.0, 0.0, 0.1]), "the start position has one at"),
        (at(&[0.0, f64::INFINITY, 0.2]), "finite"),
    ] {
        let refused = env.reset(&begin).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::ActionLength { want: 5, got: 4, .. })));
    assert!(env.step(&[0.0, f64::NAN, 0.0, 0.0, 0.0]).is_err());
    assert_eq!((bits(env.observation()), env.snapshot()), before);
    assert!(env.step(&[0.0; 5]).is_ok());
}

/// In the middle of a grasp, restored into an environment that did something else.
#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let (Some(mut env), Some(mut other)) = (cubes(Cubes::Double), cubes(Cubes::Double)) else { return };
    let mut oracle = CubeOracle::new(Cubes::Double);
    env.reset(&start(4, 8)).unwrap();
    oracle.reset(8, &env.task()).unwrap();
    let mut action = [0.0; 5];
    while env.observation()[OPENING + 1] < 0.2 {
        oracle.act(env.observation(), &mut action).unwrap();
        env.step(&action).unwrap();
    }
    let snapshot = env.snapshot();
    other.reset(&Start::seed(0)).unwrap();
    other.restore(&snapshot).unwrap();
    assert_eq!(other.snapshot(), snapshot);
    assert_eq!(other.task().condition(), env.task().condition());
    assert_eq!(other.rules().goals(), env.rules().goals());
    for _ in 0..25 {
        assert_eq!(bits(env.observation()), bits(other.observation()));
        oracle.act(env.observation(), &mut action).unwrap();
        assert_eq!(env.step(&action).unwrap(), other.step(&action).unwrap());
    }
    let kept = bits(other.observation());
    let spoils: [fn(&mut Snapshot); 3] =
        [|of| of.state.truncate(of.state.len() - 1), |of| of.words.push(3), |of| of.words[0] = 9];
    for spoil in spoils {
        let mut damaged = snapshot.clone();
        spoil(&mut damaged);
        assert!(other.restore(&damaged).is_err());
        assert_eq!(bits(other.observation()), kept);
    }
}

/// The hand goes where actions say, stays in the workspace, turns, and shuts.
#[test]
fn actions_move_the_hand() {
    let Some(mut env) = cubes(Cubes::Single) else { return };
    let mut run = |action: [f64; 5], steps: usize| {
        env.reset(&Start { position: Some(vec![0.0, 0.0, 0.2]), ..Start::seed(4) }).unwrap();
        let before = env.observation().to_vec();
        for _ in 0..steps {
            env.step(&action).unwrap();
        }
        (before, env.observation().to_vec())
    };
    for axis in 0..2 {
        let mut action = [0.0; 5];
        // Towards the middle, so that no edge is in the way.
        action[axis] = if run([0.0; 5], 1).0[HAND + axis] > 0.0 { -0.2 } else { 0.2 };
        let (before, after) = run(action, 10);
        let by = (after[HAND + axis] - before[HAND + axis]) * action[axis].signum();
        // 1 cm ahead each step, of which the actuators make a part in 50 ms.
        assert!((0.2..1.0).contains(&by), "{axis}: {by}");
    }
    let (_, down) = run([0.0, 0.0, -1.0, 0.0, 0.0], 60);
    assert!((0.1..0.35).contains(&down[HAND + 2]), "two centimetres above the table: {}", down[HAND + 2]);
    let (before, turned) = run([0.0, 0.0, 0.0, 0.5, 0.0], 8);
    let yaw = |seen: &[f64]| seen[HAND + 4].atan2(seen[HAND + 3]);
    // 0.15 radians ahead each step, of which the actuators make a part.
    let by = (yaw(&turned) - yaw(&before)).rem_euclid(std::f64::consts::TAU);
    assert!((0.15..1.2).contains(&by), "{by}");
    let (_, shut) = run([0.0, 0.0, 0.0, 0.0, 1.0], 20);
    assert!(shut[OPENING] > 2.5 && shut[OPENING + 1] > 0.02, "fingers that touch: {:?}", &shut[OPENING..19]);
    let wild = run([0.0, 0.0, 7.0, 0.0, 0.0], 5).1;
    assert_eq!(bits(&wild), bits(&run([0.0, 0.0, 1.0, 0.0, 0.0], 5).1), "clipped");
}

#[test]
fn the_reference_does_every_task_in_its_time() {
    for (kind, seeds) in [(Cubes::Single, 2), (Cubes::Double, 1), (Cubes::Triple, 1)] {
        let Some(env) = cubes(kind) else { return };
        let mut env = TimeLimit::new(env, kind.episode_steps()).unwrap();
        let mut oracle = CubeOracle::new(kind);
        for task in 1..=CUBE_TASKS {
            for seed in 0..seeds {
                let (steps, success) = solve(&mut env, &mut oracle, &start(task, seed));
                assert!(success && steps > 40, "{kind:?}, task {task}, seed {seed}: {success} after {steps}");
            }
        }
    }
}

#[test]
fn an_episode_without_success_is_cut_after_its_steps() {
    let Some(env) = cubes(Cubes::Single) else { return };
    let mut env = TimeLimit::new(env, Cubes::Single.episode_steps()).unwrap();
    env.reset(&Start::seed(1)).unwrap();
    for step in 1..=200 {
        let transition = env.step(&[0.0, 0.0, 0.0, 0.0, -1.0]).unwrap();
        assert_eq!((transition.truncated, transition.terminated), (step == 200, false));
    }
    assert!(matches!(env.step(&[0.0; 5]), Err(EnvError::NeedsReset(_))));
}

#[test]
fn the_reference_refuses_what_it_cannot_do() {
    let id = Cubes::Double.id();
    let mut oracle = policy(id, "oracle").unwrap();
    assert!(matches!(oracle.act(&[0.0; 37], &mut [0.0; 5]), Err(EnvError::NeedsReset(_))));
    let none: SharedTask = std::sync::Arc::new(NoTask);
    let said = oracle.reset(0, &none).unwrap_err().to_string();
    assert!(said.contains("6 numbers") && said.contains(id), "{said}");
    let entries: Vec<usize> = (0..6).collect();
    let goal: SharedTask = std::sync::Arc::new(forethought_envs::GoalTask::new(&entries, &[0.0; 6], 0.4));
    oracle.reset(0, &goal).unwrap();
    let said = oracle.act(&[0.0; 28], &mut [0.0; 5]).unwrap_err().to_string();
    assert!(said.contains("37 numbers, 28"), "{said}");
    let known = policy(id, "expert").err().unwrap().to_string();
    assert!(known.contains("oracle"), "{known}");
}

#[test]
fn names_make_environments_with_their_limits() {
    if cubes(Cubes::Single).is_none() {
        return;
    }
    let env = make(Cubes::Single.id()).unwrap();
    assert_eq!(env.spec().max_episode_steps, Some(200));
    let typed: TimeLimit<MujocoEnv<CubeRules>> = CubeRules::make(Cubes::Single).unwrap();
    assert_eq!(typed.spec(), env.spec());
    assert_eq!(forethought_envs::scene(Cubes::Triple.id()).unwrap().movers.len(), 3);
}
