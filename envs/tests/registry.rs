//! Environments by name: those that come with the crate, and those that a program registers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::sync::Arc;

use forethought_envs::data::{Dataset, DatasetMetadata};
use forethought_envs::maze::{PhysicsProfile, make_with_profile, maze_layout};
use forethought_envs::{
    Area, BoxSpace, Dynamics, Entry, EnvError, EnvSpec, Environment, GoalTask, Policy, Scene, SharedTask,
    Start, TimeLimit, Transition, catalogue, collect, dynamics, entry, file_name, known, make, policy,
    register, register_entry, resolve, scene,
};

/// A cart on a rail, as a robot would be written: no snapshots, no clock.
struct Cart {
    spec: EnvSpec,
    at: [f64; 1],
    goal: f64,
}

impl Cart {
    fn new(id: &str) -> Self {
        let space = BoxSpace::symmetric(1, 1.0);
        let spec = EnvSpec {
            condition: vec![0],
            max_episode_steps: Some(50),
            ..EnvSpec::of_spaces(id, BoxSpace::symmetric(1, 10.0), space)
        };
        Self { spec, at: [0.0], goal: 0.0 }
    }
}

impl Environment for Cart {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        self.at = [(start.seed % 5) as f64];
        self.goal = start.goal.as_ref().map_or(-1.0, |goal| goal[0]);
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        self.at[0] += 0.5 * action[0];
        let success = (self.at[0] - self.goal).abs() < 0.1;
        Ok(Transition {
            reward: f64::from(u8::from(success)),
            success,
            terminated: success,
            truncated: false,
            chance: false,
        })
    }

    fn observation(&self) -> &[f64] {
        &self.at
    }

    fn task(&self) -> SharedTask {
        Arc::new(GoalTask::new(&[0], &[self.goal], 0.1))
    }
}

impl Dynamics for Cart {
    fn step(&self, observation: &mut [f64], action: &[f64]) {
        observation[0] += 0.5 * action[0];
    }
}

/// Pushes towards the goal.
struct Push(f64);

impl Policy for Push {
    fn name(&self) -> &str {
        "push"
    }

    fn reset(&mut self, _seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.0 = task.condition().map_or(0.0, |goal| goal.values[0]);
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        action[0] = (2.0 * (self.0 - observation[0])).clamp(-1.0, 1.0);
        Ok(())
    }
}

fn cart_data(rows: usize, seed: u64, progress: &mut dyn FnMut(usize, usize)) -> Result<Dataset, EnvError> {
    progress(rows, rows);
    Ok(Dataset {
        env_id: "cart-full-v0".into(),
        observation_dim: 1,
        action_dim: 1,
        goal_dim: 0,
        observations: (0..rows).map(|t| t as f32 / 2.0).collect(),
        actions: vec![1.0; rows],
        rewards: vec![0.0; rows],
        terminals: vec![false; rows],
        timeouts: vec![false; rows],
        goals: None,
        simulator: None,
        metadata: DatasetMetadata { seed: Some(seed), ..DatasetMetadata::default() },
    })
}

#[test]
fn an_own_environment_is_made_by_name_and_run_with_its_own_policy() {
    let bounds = Area { min: [-10.0, -1.0], max: [10.0, 1.0] };
    let full = Entry::new(|| Ok(Box::new(Cart::new("cart-full-v0"))))
        .about("a cart on a rail")
        .policy("push", || Ok(Box::new(Push(0.0))))
        .data(cart_data)
        .scene(Scene::open(bounds, [0, 0]))
        .dynamics(Arc::new(Cart::new("cart-full-v0")));
    register_entry("cart-full-v0", full).unwrap();

    assert!(catalogue().contains(&("cart-full-v0".to_owned(), "a cart on a rail".to_owned())));
    assert_eq!(resolve("cart-full").unwrap(), "cart-full-v0");
    assert_eq!(entry("cart-full-v0").unwrap().policies(), ["push"]);
    let (mut env, mut push) = (make("cart-full-v0").unwrap(), policy("cart-full-v0", "push").unwrap());
    assert!(env.simulator().is_none(), "a robot has no snapshots");
    env.reset(&Start::seed(3).with_goal(&[-2.0])).unwrap();
    push.reset(3, &env.task()).unwrap();
    let mut action = [0.0];
    let arrived = (0..50).any(|_| {
        push.act(env.observation(), &mut action).unwrap();
        env.step(&action).unwrap().ended()
    });
    assert!(arrived && env.task().reached(env.observation()));
    let data = collect("cart-full-v0", 10, 7, &mut |_, _| {}).unwrap();
    data.check().unwrap();
    assert_eq!((data.len(), data.metadata.seed), (10, Some(7)));
    assert_eq!(scene("cart-full-v0").unwrap().bounds, bounds);
    let mut state = [1.0];
    dynamics("cart-full-v0").unwrap().unwrap().step(&mut state, &[1.0]);
    assert_eq!(state, [1.5]);
}

#[test]
fn a_robot_has_a_clock_without_snapshots() {
    let mut robot = TimeLimit::without_snapshots(Cart::new("cart-v1"), 3).unwrap();
    assert!(robot.simulator().is_none() && robot.spec().max_episode_steps == Some(3));
    robot.reset(&Start::seed(0)).unwrap();
    let ends: Vec<bool> = (0..3).map(|_| robot.step(&[0.1]).unwrap().truncated).collect();
    assert_eq!(ends, [false, false, true]);
    assert!(robot.step(&[0.1]).is_err());
    assert!(make("maze2d-umaze-v1").unwrap().simulator().is_some());
}

#[test]
fn what_an_environment_does_not_bring_is_refused_by_name() {
    register("cart-bare-v0", || Ok(Box::new(Cart::new("cart-bare-v0")))).unwrap();
    assert!(scene("cart-bare-v0").is_none() && dynamics("cart-bare-v0").unwrap().is_none());
    let message = policy("cart-bare-v0", "waypoint").err().unwrap().to_string();
    assert!(message.contains("`cart-bare-v0`") && message.contains("brings none"), "{message}");
    let message = collect("cart-bare-v0", 10, 0, &mut |_, _| {}).err().unwrap().to_string();
    assert!(message.contains("cart-bare-v0") && message.contains("--data"), "{message}");
    let message = policy("maze2d-umaze-v1", "waypiont").err().unwrap().to_string();
    assert!(message.contains("waypoint, waypoint-fresh"), "{message}");
}

#[test]
fn names_are_taken_once() {
    let cart = |id: &'static str| move || Ok(Box::new(Cart::new(id)) as Box<dyn Environment>);
    register("cart-once-v0", cart("cart-once-v0")).unwrap();
    for taken in ["cart-once-v0", "maze2d-umaze-v1", "maze2d:#####\\#GOO#\\#####"] {
        let message = register(taken, cart("x")).unwrap_err().to_string();
        assert!(message.contains(taken) && message.contains("choose another"), "{message}");
    }
    for bad in ["", "my cart", "cart\n"] {
        assert!(register(bad, cart("x")).unwrap_err().to_string().contains("no name"), "{bad:?}");
    }
    register("cart-alias-v0", cart("cart-v9")).unwrap();
    let message = make("cart-alias-v0").err().unwrap().to_string();
    assert!(message.contains("`cart-v9`") && message.contains("one name"), "{message}");
}

#[test]
fn many_threads_register_and_make_at_once() {
    std::thread::scope(|scope| {
        for k in 0..8 {
            scope.spawn(move || {
                let id: &'static str = Box::leak(format!("cart-thread-v{k}").into_boxed_str());
                register(id, move || Ok(Box::new(Cart::new(id)))).unwrap();
                assert_eq!(make(id).unwrap().spec().id, id);
                assert!(known().contains(&id.to_owned()));
            });
        }
    });
}

#[test]
fn every_shipped_name_makes_a_limited_environment_of_that_name() {
    // Those on MuJoCo are listed, and made where it is installed: `mujoco`, `manipulation`, `fruit_swap_mujoco` and `crossing_arm`
    // beside this file have them.
    let elsewhere = |id: &String| {
        id.contains("-mujoco-")
            || ["half-cheetah-", "cube-", "scene-"].iter().any(|family| id.starts_with(family))
    };
    let ours = |id: &String| !id.starts_with("cart") && !elsewhere(id);
    let shipped: Vec<String> = known().into_iter().filter(ours).collect();
    assert_eq!(shipped.len(), 15 + 8 + 1 + 4 + 1);
    for id in shipped {
        let mut env = make(&id).unwrap();
        assert_eq!(env.spec().id, id);
        env.reset(&Start::seed(1)).unwrap();
        let Some(maze) = maze_layout(&id) else {
            assert!(
                ["pointmaze-", "toy-car-", "fruit-swap-", "crossing-"]
                    .iter()
                    .any(|family| id.starts_with(family)),
                "{id}: OGBench's end with success, the toy car with a crash, the others with either; they have tests of their own"
            );
            continue;
        };
        let limit = env.spec().max_episode_steps.unwrap();
        for step in 1..=limit {
            let transition = env.step(&[0.5, -0.5]).unwrap();
            assert_eq!(transition.truncated, step == limit, "{id}");
        }
        assert_eq!(maze.goal().is_some(), id.contains("2d"));
        let scene = scene(&id).unwrap();
        assert_eq!((scene.solids.len(), scene.body_radius), (maze.walls().len(), 0.1));
        let entry = entry(&id).unwrap();
        assert!(entry.has_data() && entry.policies() == ["waypoint", "waypoint-fresh"]);
    }
}

#[test]
fn scores_and_limits_are_the_protocols() {
    let spec = make("maze2d-large-v1").unwrap().spec().clone();
    assert_eq!(spec.max_episode_steps, Some(800));
    let score = spec.score.unwrap();
    assert!((score.normalize(273.99) - 100.0).abs() < 1e-12 && score.normalize(6.7).abs() < 1e-12);
    assert_eq!(make("multi2d-umaze-v1").unwrap().spec().max_episode_steps, Some(300));
    assert!(make("PointMaze_Medium-v3").unwrap().spec().score.is_none());
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    for (asked, hint) in [
        ("maze2d-umaz-v1", "(did you mean `maze2d-umaze-v1`?)"),
        ("maze2d-umaze", "(did you mean `maze2d-umaze-v1`?)"),
        ("pointmaze_large-v3", "(did you mean `PointMaze_Large-v3`?)"),
    ] {
        let message = make(asked).err().unwrap().to_string();
        assert!(message.contains(hint), "{message}");
    }
    let message = make("chess").err().unwrap().to_string();
    assert!(!message.contains("did you mean") && message.contains("maze2d-medium-v1"), "{message}");
    assert!(message.contains("maze2d:MAZE"), "{message}");
    assert!(maze_layout("chess").is_none());
    assert_eq!(resolve("chess").unwrap(), "chess");
    assert_eq!(resolve("maze2d-umaze").unwrap(), "maze2d-umaze-v1");
    assert_eq!(resolve("maze2d:####\n#G.#\n####").unwrap(), "maze2d:####\\#GO#\\####");
    assert!(resolve("maze2d:nowhere.txt").is_err());
}

#[test]
fn the_profile_is_part_of_the_layout_hash() {
    let own = make("maze2d-umaze-v1").unwrap().spec().layout_hash.clone();
    let same = make_with_profile("maze2d-umaze-v1", PhysicsProfile::MuJoCo2).unwrap();
    let newer = make_with_profile("maze2d-umaze-v1", PhysicsProfile::MuJoCo3).unwrap();
    let multi = make("multi2d-umaze-v1").unwrap();
    assert_eq!(own, same.spec().layout_hash);
    assert_eq!(own, multi.spec().layout_hash);
    assert_ne!(own, newer.spec().layout_hash);
}

#[test]
fn names_of_files_are_short_safe_and_different() {
    assert_eq!(file_name("maze2d-umaze-v1"), "maze2d-umaze-v1");
    let (one, other) = (file_name("maze2d:####\\#GO#\\####"), file_name("maze2d:####\\#OG#\\####"));
    assert!(one.starts_with("maze2d-") && one.len() == "maze2d-3f2a91c0".len() && one != other, "{one}");
    for odd in ["../../etc", ".hidden", "a/b", "", &"x".repeat(500)] {
        let name = file_name(odd);
        assert!(
            !name.contains(['/', '\\']) && !name.starts_with('.') && (1..80).contains(&name.len()),
            "{name}"
        );
    }
}
