//! Steps of a simulation and of an environment on MuJoCo allocate nothing here; what MuJoCo does in its own arena is its own.
//!
//! Counted by a global allocator, which is why this test has a binary of its own; the count is per thread, so that the
//! harness's threads do not disturb it.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use forethought_envs::crossing::arm::{CrossingArm, CrossingArmPolicy};
use forethought_envs::fruit_swap::gantry::{FruitGantry, FruitGantryPolicy};
use forethought_envs::manipulation::{
    CubeModels, CubeOracle, CubeRules, Cubes, SceneModels, SceneOracle, SceneRules,
};
use forethought_envs::mujoco::half_cheetah::{HALF_CHEETAH, HALF_CHEETAH_MODEL, HalfCheetah};
use forethought_envs::mujoco::{GymnasiumModel, MUJOCO_VARIABLE, MujocoLibrary, MujocoModel, Reacher};
use forethought_envs::{Environment, Policy, Start};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is being torn down has no counter any more; nothing is measured there.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while it does something.
fn counted(act: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    act();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn steps_allocate_nothing() {
    let library = match MujocoLibrary::find() {
        Ok(library) => library,
        Err(error) if std::env::var_os(MUJOCO_VARIABLE).is_none_or(|named| named.is_empty()) => {
            println!("LEFT OUT: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let model = MujocoModel::from_text(&library, include_str!("../interop/mujoco_scene.xml")).unwrap();
    let mut sim = model.simulate().unwrap();
    let (mut state, sensor, mut reading) =
        (vec![0.0; model.state_len()], model.sensor("blue").unwrap(), [0.0; 4]);
    let mut env = Reacher::with_library(&library).unwrap();
    env.reset(&Start::seed(0)).unwrap();
    let act = |sim: &mut forethought_envs::mujoco::MujocoSim, state: &mut [f64], reading: &mut [f64]| {
        sim.set_control(&[0.1, -0.1, 0.2, 0.5]).unwrap();
        sim.step(10).unwrap();
        sim.state(state).unwrap();
        sim.restore(state).unwrap();
        sim.forward();
        sim.sensor(sensor, reading).unwrap();
    };
    let allocated = counted(|| {
        for _ in 0..50 {
            act(&mut sim, &mut state, &mut reading);
            env.step(&[0.3, -0.2]).unwrap();
        }
    });
    assert_eq!(allocated, 0);
    match GymnasiumModel::find(HALF_CHEETAH_MODEL) {
        Ok(model) => {
            let mut env = HalfCheetah::with_model(HALF_CHEETAH, &library, &model).unwrap();
            env.reset(&Start::seed(0)).unwrap();
            let steps = || (0..50).for_each(|_| assert!(env.step(&[0.3, -0.2, 0.9, 0.0, 1.5, -1.0]).is_ok()));
            assert_eq!(counted(steps), 0);
        }
        Err(error) => println!("LEFT OUT: {error}"),
    }
    assert!(counted(|| drop(sim.save())) > 0, "the counter counts");
}

/// Grasps, what is carried, and what is let go included.
#[test]
fn steps_of_the_gantry_allocate_nothing() {
    let model = match MujocoLibrary::find().map(|library| FruitGantry::model(&library)) {
        Ok(model) => model.unwrap(),
        Err(error) => {
            println!("LEFT OUT: {error}");
            return;
        }
    };
    let mut env = FruitGantry::of_model(&model).unwrap();
    let mut oracle = FruitGantryPolicy::oracle();
    env.reset(&Start::seed(1)).unwrap();
    oracle.reset(1, &env.task()).unwrap();
    let (mut action, mut allocated, mut held) = ([0.0; 4], 0, 0);
    for _ in 0..90 {
        oracle.act(env.observation(), &mut action).unwrap();
        allocated += counted(|| assert!(!env.step(&action).unwrap().ended()));
        held += usize::from(env.rules().state().held().is_some());
    }
    assert_eq!(allocated, 0);
    assert!(held > 20, "a fruit was held in {held} steps");
}

/// Collisions and arrivals included.
#[test]
fn steps_of_the_arm_allocate_nothing() {
    let model = match MujocoLibrary::find().map(|library| CrossingArm::model(&library)) {
        Ok(model) => model.unwrap(),
        Err(error) => {
            println!("LEFT OUT: {error}");
            return;
        }
    };
    let mut env = CrossingArm::of_model(&model).unwrap();
    let mut driver = CrossingArmPolicy::full_speed();
    let (mut action, mut allocated, mut collided, mut arrived) = ([0.0; 3], 0, 0, 0);
    for seed in 0..20 {
        env.reset(&Start::seed(seed)).unwrap();
        driver.reset(seed, &env.task()).unwrap();
        let mut last = None;
        while last.is_none() {
            driver.act(env.observation(), &mut action).unwrap();
            allocated += counted(|| last = env.step(&action).ok().filter(|step| step.ended()));
        }
        let success = last.is_some_and(|step| step.success);
        (arrived, collided) = (arrived + usize::from(success), collided + usize::from(!success));
    }
    assert_eq!(allocated, 0);
    assert!(collided > 0 && arrived > 0, "{collided} {arrived}");
}

/// Inverse kinematics, contacts and grasps included.
#[test]
fn steps_of_cubes_allocate_nothing() {
    let mut env = match CubeModels::find(Cubes::Double) {
        Ok(models) => CubeRules::with_models(&models).unwrap(),
        Err(error) => {
            println!("LEFT OUT: {error}");
            return;
        }
    };
    let mut oracle = CubeOracle::new(Cubes::Double);
    env.reset(&Start { task: Some(4), ..Start::seed(1) }).unwrap();
    oracle.reset(1, &env.task()).unwrap();
    let (mut action, mut allocated, mut held) = ([0.0; 5], 0, 0);
    for _ in 0..60 {
        oracle.act(env.observation(), &mut action).unwrap();
        allocated += counted(|| assert!(!env.step(&action).unwrap().ended()));
        held += usize::from(env.observation()[18] > 0.1);
    }
    assert_eq!(allocated, 0);
    assert!(held > 5, "a cube was held in {held} steps");
}

/// A button that is switched, with which the simulation goes on in another model, included.
#[test]
fn steps_of_the_scene_allocate_nothing() {
    let mut env = match SceneModels::find() {
        Ok(models) => SceneRules::with_models(&models).unwrap(),
        Err(error) => {
            println!("LEFT OUT: {error}");
            return;
        }
    };
    let mut oracle = SceneOracle::new();
    env.reset(&Start { task: Some(4), ..Start::seed(1) }).unwrap();
    oracle.reset(1, &env.task()).unwrap();
    let (mut action, mut allocated, mut on) = ([0.0; 5], 0, 0);
    for _ in 0..80 {
        oracle.act(env.observation(), &mut action).unwrap();
        allocated += counted(|| assert!(!env.step(&action).unwrap().ended()));
        on += usize::from(env.observation()[29] > 0.5);
    }
    assert_eq!(allocated, 0);
    assert!((10..70).contains(&on), "the drawer's button was on in {on} steps");
}
