//! What the scene promises.

use forethought_envs::manipulation::{
    SCENE, SCENE_RADIUS, SCENE_TASKS, SceneOracle, SceneThings, scene_task,
};
use forethought_envs::{
    EnvError, Environment, FeatureKind, NoTask, Policy, SharedTask, Simulator, Snapshot, Start, TimeLimit,
    Transition, catalogue, make, policy,
};

use crate::scene;

const HAND: usize = 12;
const CONTACT: usize = 18;
const CUBE: usize = 19;
/// Entries of the buttons' states, of drawer and window.
const ON: [usize; 2] = [29, 33];
const DRAWER: usize = 36;
const WINDOW: usize = 38;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn start(task: usize, seed: u64) -> Start {
    Start { task: Some(task), ..Start::seed(seed) }
}

fn things(cube: [f64; 3], buttons: [bool; 2], drawer: f64, window: f64) -> SceneThings {
    SceneThings { cube, buttons, drawer, window }
}

fn begun(things: &SceneThings, goal: &SceneThings, seed: u64) -> Start {
    Start { position: Some(things.shown().to_vec()), ..Start::seed(seed).with_goal(&goal.shown()) }
}

const SOMEWHERE: SceneThings =
    SceneThings { cube: [0.35, 0.1, 0.02], buttons: [true, false], drawer: -0.08, window: 0.1 };

#[test]
fn it_is_listed_with_what_it_needs() {
    assert!(catalogue().iter().any(|(id, about)| id == SCENE && about.contains("ogbench_assets.sh")));
    let top = forethought_envs::scene(SCENE).unwrap();
    assert_eq!((top.movers.len(), top.zones.len()), (1, 2));
    assert!(top.zones.iter().all(|zone| top.bounds.contains(zone.at)));
    if scene().is_some() {
        let env = make(SCENE).unwrap();
        assert_eq!(env.spec().max_episode_steps, Some(750));
    }
}

#[test]
fn the_specification_is_the_packages() {
    let Some(env) = scene() else { return };
    let spec = env.spec();
    assert_eq!((spec.observation.len(), spec.action.len()), (40, 5));
    assert_eq!((spec.max_episode_steps, spec.tasks), (Some(750), SCENE_TASKS));
    assert_eq!(spec.condition, [CUBE, CUBE + 1, CUBE + 2, ON[0], ON[1], DRAWER, WINDOW]);
    assert_eq!(spec.features.iter().map(|feature| feature.width).sum::<usize>(), 40);
    assert_eq!(spec.entries(FeatureKind::Position), [12, 13, 14, 19, 20, 21]);
}

/// Each task begins where the package has it, within a centimetre, and wants what the package wants.
#[test]
fn starts_are_those_of_the_tasks() {
    let Some(mut env) = scene() else { return };
    let mut drawn = Vec::new();
    for seed in 0..12 {
        env.reset(&Start::seed(seed)).unwrap();
        let seen = env.observation().to_vec();
        let wanted = env.task().condition().unwrap().values.to_vec();
        let number = (1..=SCENE_TASKS).find(|number| {
            let [from, to] = scene_task(*number).unwrap();
            wanted == to.shown() && from.buttons.map(f64::from) == ON.map(|entry| seen[entry])
        });
        let number = number.unwrap();
        let [from, _] = scene_task(number).unwrap();
        let shown = from.shown();
        for (axis, tolerance) in [(0, 0.1), (1, 0.1), (2, 1e-9)] {
            assert!((seen[CUBE + axis] - shown[axis]).abs() <= tolerance + 1e-9, "{seen:?}");
        }
        assert!(
            (seen[DRAWER] - shown[5]).abs() <= 0.01 * 18.0 + 1e-9 && (-2.88..=0.0).contains(&seen[DRAWER])
        );
        assert!((seen[WINDOW] - shown[6]).abs() <= 0.01 * 15.0 + 1e-9 && (0.0..=3.0).contains(&seen[WINDOW]));
        assert_eq!(ON.map(|entry| seen[entry - 1] + seen[entry]), [1.0; 2], "off or on");
        for (part, (low, high)) in seen[HAND..].iter().zip([(-1.75, 1.75), (-2.0, 2.0), (2.0, 3.5)]) {
            // Inverse kinematics come as near as a tenth of a millimetre.
            assert!(*part > low - 1e-3 && *part < high + 1e-3, "{seen:?}");
        }
        env.reset(&start(number, seed)).unwrap();
        assert_eq!(bits(env.observation()), bits(&seen), "the same task by its number");
        drawn.push(number);
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() >= 4, "{drawn:?}");
}

/// One step with the things at a place and another wanted: each of the four has its own tolerance, and all must be there.
#[test]
fn an_episode_ends_with_everything_where_it_is_wanted() {
    let Some(mut env) = scene() else { return };
    let mut after = |goal: SceneThings| -> Transition {
        env.reset(&begun(&SOMEWHERE, &goal, 3)).unwrap();
        assert_eq!(env.rules().goal().buttons, goal.buttons);
        let step = env.step(&[0.0; 5]).unwrap();
        assert_eq!(env.task().reached(env.observation()), step.success, "{goal:?}");
        assert_eq!((step.terminated, step.reward > 0.5), (step.success, step.success));
        assert_eq!(env.step(&[0.0; 5]).is_err(), step.success, "nothing follows an end");
        step
    };
    assert!(after(SOMEWHERE).success);
    let (inside, outside) = (0.9 * SCENE_RADIUS, 1.1 * SCENE_RADIUS);
    for (by, success) in [(inside, true), (outside, false)] {
        let [x, y, z] = SOMEWHERE.cube;
        assert_eq!(
            after(SceneThings { cube: [x + 0.6 * by, y - 0.8 * by, z], ..SOMEWHERE }).success,
            success
        );
        assert_eq!(after(SceneThings { drawer: -0.08 - by, ..SOMEWHERE }).success, success);
        assert_eq!(after(SceneThings { window: 0.1 + by, ..SOMEWHERE }).success, success);
    }
    for buttons in [[false, false], [true, true], [false, true]] {
        assert!(!after(SceneThings { buttons, ..SOMEWHERE }).success, "{buttons:?}");
    }
}

/// The hand pushes a handle, or presses a button, by actions alone: what a button locks hardly moves.
#[test]
fn buttons_lock_drawer_and_window() {
    let Some(mut env) = scene() else { return };
    let mut oracle = SceneOracle::new();
    let far = things([0.35, 0.1, 0.02], [true, true], -0.16, 0.2);
    // An oracle that believes all to be unlocked, and is shown so.
    let mut moved = |buttons: [bool; 2], goal: SceneThings| -> [f64; 2] {
        let begin = SceneThings { buttons, drawer: 0.0, window: 0.0, ..far };
        env.reset(&begun(&begin, &far, 4)).unwrap();
        let task: SharedTask = {
            let entries = env.spec().condition.clone();
            std::sync::Arc::new(forethought_envs::GoalTask::new(&entries, &goal.shown(), 0.1))
        };
        oracle.reset(4, &task).unwrap();
        let mut action = [0.0; 5];
        // A first try may miss the handle where the hand begins far from it.
        for _ in 0..110 {
            let mut seen = env.observation().to_vec();
            for entry in ON {
                (seen[entry - 1], seen[entry]) = (0.0, 1.0);
            }
            oracle.act(&seen, &mut action).unwrap();
            assert!(!env.step(&action).unwrap().ended(), "the buttons are not as wanted");
            let things = env.rules().things(env.simulation());
            if things.drawer < -0.12 || things.window > 0.12 {
                break;
            }
        }
        let things = env.rules().things(env.simulation());
        assert_eq!(things.buttons, buttons, "no button was pressed");
        [things.drawer, things.window]
    };
    let drawer = SceneThings { drawer: -0.16, window: 0.0, ..far };
    let window = SceneThings { drawer: 0.0, window: 0.2, ..far };
    assert!(moved([true, false], drawer)[0] < -0.1);
    assert!(moved([false, true], drawer)[0] > -0.005, "locked");
    assert!(moved([false, true], window)[1] > 0.1);
    assert!(moved([true, false], window)[1] < 0.005, "locked");
}

#[test]
fn an_episode_is_its_seeds_alone() {
    let (Some(mut one), Some(mut other)) = (scene(), scene()) else { return };
    other.reset(&Start::seed(99)).unwrap();
    for _ in 0..7 {
        other.step(&[0.3, -0.5, -1.0, 0.2, 1.0]).unwrap();
    }
    for env in [&mut one, &mut other] {
        env.reset(&start(3, 5)).unwrap();
    }
    for k in 0..30 {
        let action = [0.1, f64::from(k % 3) - 1.0, -0.6, 0.4, if k > 15 { 1.0 } else { -1.0 }];
        assert_eq!(bits(one.observation()), bits(other.observation()));
        assert_eq!(one.step(&action).unwrap(), other.step(&action).unwrap());
    }
    let first = one.observation().to_vec();
    one.reset(&start(3, 6)).unwrap();
    assert_ne!(one.observation(), first);
}

/// Whatever is asked of it: in a step in which a button is switched, too, restored into an environment with other locks.
#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let (Some(mut env), Some(mut other)) = (scene(), scene()) else { return };
    let mut oracle = SceneOracle::new();
    env.reset(&start(5, 8)).unwrap();
    oracle.reset(8, &env.task()).unwrap();
    let mut action = [0.0; 5];
    let first = env.snapshot();
    let begun = bits(env.observation());
    while env.observation()[ON[0]] == 0.0 {
        oracle.act(env.observation(), &mut action).unwrap();
        env.step(&action).unwrap();
    }
    let snapshot = env.snapshot();
    other.reset(&start(1, 0)).unwrap();
    other.restore(&snapshot).unwrap();
    assert_eq!(other.snapshot(), snapshot);
    assert_eq!(other.task().condition(), env.task().condition());
    assert_eq!(other.rules().goal(), env.rules().goal());
    for _ in 0..50 {
        assert_eq!(bits(env.observation()), bits(other.observation()));
        oracle.act(env.observation(), &mut action).unwrap();
        assert_eq!(env.step(&action).unwrap(), other.step(&action).unwrap());
    }
    assert!(env.observation()[DRAWER] < -0.5, "the drawer was moved in these: {:?}", env.observation());
    other.restore(&first).unwrap();
    assert_eq!((bits(other.observation()), other.snapshot()), (begun, first));
    let kept = bits(other.observation());
    let spoils: [fn(&mut Snapshot); 5] = [
        |of| of.state.truncate(of.state.len() - 1),
        |of| of.words.push(3),
        |of| of.words[0] = 9,
        |of| of.words[3] = 4,
        |of| of.words[4] = 7,
    ];
    for spoil in spoils {
        let mut damaged = snapshot.clone();
        spoil(&mut damaged);
        assert!(other.restore(&damaged).is_err());
        assert_eq!(bits(other.observation()), kept);
    }
}

/// A cube that was thrown out of reach is on the table in the next observation; the same after a snapshot of before.
#[test]
fn a_lost_cube_is_put_back() {
    let Some(mut env) = scene() else { return };
    env.reset(&start(1, 2)).unwrap();
    env.step(&[0.0; 5]).unwrap();
    let mut snapshot = env.snapshot();
    // Time, then positions; the cube's follow those of the robot.
    snapshot.state[1 + 14] = 0.9;
    env.restore(&snapshot).unwrap();
    let first = env.observation().to_vec();
    let at = [first[CUBE] / 10.0 + 0.425, first[CUBE + 1] / 10.0, first[CUBE + 2] / 10.0];
    assert!((0.3..0.45).contains(&at[0]) && (-0.07..0.18).contains(&at[1]) && at[2] == 0.02, "{at:?}");
    assert_eq!(env.snapshot(), snapshot);
    let moved = env.step(&[0.0; 5]).unwrap();
    let second = env.observation().to_vec();
    env.restore(&snapshot).unwrap();
    assert_eq!(bits(env.observation()), bits(&first));
    assert_eq!((env.step(&[0.0; 5]).unwrap(), bits(env.observation())), (moved, bits(&second)));
    assert_eq!(env.snapshot().words[6], 1, "once so far");
}

#[test]
fn what_no_thing_can_do_is_refused_and_the_episode_goes_on() {
    let Some(mut env) = scene() else { return };
    env.reset(&Start::seed(2)).unwrap();
    env.step(&[1.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let before = (bits(env.observation()), env.snapshot());
    let with = |number: usize, value: f64| {
        let mut goal = SOMEWHERE.shown();
        goal[number] = value;
        Start::seed(1).with_goal(&goal)
    };
    for (begin, said) in [
        (start(0, 1), "tasks 1 to 5"),
        (start(6, 1), "task 6"),
        (Start::seed(1).with_goal(&[0.0, 0.0]), "7 numbers"),
        (with(1, 9.0), "number 1 of a goal"),
        (with(3, 0.5), "number 3 of a goal"),
        (with(5, 0.5), "number 5 of a goal"),
        (with(6, f64::NAN), "finite"),
        (Start { position: with(6, -0.1).goal, ..Start::seed(0) }, "number 6 of a start position"),
    ] {
        let refused = env.reset(&begin).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::ActionLength { want: 5, got: 4, .. })));
    assert_eq!((bits(env.observation()), env.snapshot()), before);
    assert!(env.step(&[0.0; 5]).is_ok());
}

#[test]
fn the_reference_does_every_task_in_its_time() {
    let Some(env) = scene() else { return };
    let mut env = TimeLimit::new(env, 750).unwrap();
    let mut oracle = SceneOracle::new();
    let (mut solved, mut most, mut touched) = (0, [0; SCENE_TASKS], 0);
    let seeds = 6;
    for task in 1..=SCENE_TASKS {
        for seed in 0..seeds {
            env.reset(&start(task, seed)).unwrap();
            oracle.reset(seed, &env.task()).unwrap();
            let mut action = [0.0; 5];
            for step in 1.. {
                oracle.act(env.observation(), &mut action).unwrap();
                let transition = env.step(&action).unwrap();
                touched += usize::from(env.observation()[CONTACT] > 0.1);
                if transition.ended() {
                    println!("task {task}, seed {seed}: {} after {step}", transition.success);
                    solved += usize::from(transition.success);
                    most[task - 1] = most[task - 1].max(step);
                    break;
                }
                assert_eq!((transition.reward, transition.success), (0.0, false));
            }
        }
    }
    println!("{solved} of {} solved, at most {most:?} steps", SCENE_TASKS as u64 * seeds);
    assert_eq!(solved, SCENE_TASKS * seeds as usize);
    assert!(most.iter().all(|steps| *steps > 50) && touched > 200, "{most:?} {touched}");
}

#[test]
fn the_reference_refuses_what_it_cannot_do() {
    let mut oracle = policy(SCENE, "oracle").unwrap();
    assert!(matches!(oracle.act(&[0.0; 40], &mut [0.0; 5]), Err(EnvError::NeedsReset(_))));
    let none: SharedTask = std::sync::Arc::new(NoTask);
    let said = oracle.reset(0, &none).unwrap_err().to_string();
    assert!(said.contains("7 numbers") && said.contains(SCENE), "{said}");
    let entries: Vec<usize> = (0..7).collect();
    let goal: SharedTask = std::sync::Arc::new(forethought_envs::GoalTask::new(&entries, &[0.0; 7], 0.4));
    oracle.reset(0, &goal).unwrap();
    let said = oracle.act(&[0.0; 28], &mut [0.0; 5]).unwrap_err().to_string();
    assert!(said.contains("40 numbers, 28"), "{said}");
}
