//! The environment that `envs/ADDING.md` shows: the page's code is the example's, and does what an environment promises.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use forethought_envs::{EnvError, Environment, Simulator, Start, catalogue, collect, make, scene};

#[path = "../examples/own_environment.rs"]
mod example;

use example::{BOAT, Boat};

#[test]
fn the_page_shows_the_example_as_it_is() {
    let page = include_str!("../ADDING.md");
    let shown = page.split_once("```rust\n").unwrap().1.split_once("```\n").unwrap().0;
    assert_eq!(shown, include_str!("../examples/own_environment.rs"));
    assert!(shown.lines().count() < 100);
}

#[test]
fn it_is_registered_from_outside_and_collected_by_name() {
    example::main().unwrap();
    assert!(catalogue().iter().any(|(id, about)| id == BOAT && about == "a boat crosses a river"));
    assert!(scene(BOAT).is_some());
    let data = collect(BOAT, 130, 3, &mut |_, _| {}).unwrap();
    assert_eq!((data.len(), data.timeout_count()), (130, 3));
    assert_ne!(data, collect(BOAT, 130, 4, &mut |_, _| {}).unwrap());
    // A row's action leads to the next row: up to half a metre of current, and the action to 32 bits.
    let (now, next) = (data.observation(10).unwrap(), data.observation(11).unwrap());
    let carried = next[0] - now[0] - data.action(10).unwrap()[0];
    assert!((0.0..0.51).contains(&(carried + 1e-5)), "{carried}");
    let mut env = make(BOAT).unwrap();
    env.reset(&Start::seed(1)).unwrap();
    let ends = (1..).find(|_| env.step(&[0.0, 0.0]).unwrap().ended());
    assert_eq!(ends, Some(60));
}

#[test]
fn the_current_carries_it_and_the_other_bank_is_the_goal() {
    let mut boat = Boat::new();
    boat.reset(&Start::seed(5)).unwrap();
    let from = boat.observation()[0];
    for _ in 0..10 {
        assert!(!boat.task().reached(boat.observation()));
        boat.step(&[0.0, 9.0]).unwrap();
    }
    // The sum of 0.02 y (10 - y) over y = 0..9: 0.02 * 165.
    assert!((boat.observation()[0] - from - 3.3).abs() < 1e-12 && boat.observation()[1] == 10.0);
    let goal = boat.task().condition().unwrap().values.to_vec();
    let done = (0..20).any(|_| {
        let off = goal[0] - boat.observation()[0];
        boat.step(&[off, 0.0]).unwrap().success
    });
    assert!(done && boat.task().reached(boat.observation()));
}

#[test]
fn snapshots_go_on_and_what_is_malformed_changes_nothing() {
    let (mut boat, mut other) = (Boat::new(), Boat::new());
    boat.reset(&Start::seed(2)).unwrap();
    boat.step(&[0.3, 0.7]).unwrap();
    let snapshot = boat.snapshot();
    other.restore(&snapshot).unwrap();
    assert_eq!(boat.step(&[0.1, 0.2]).unwrap(), other.step(&[0.1, 0.2]).unwrap());
    assert_eq!(boat.snapshot(), other.snapshot());
    let before = boat.snapshot();
    assert!(matches!(boat.step(&[0.0]), Err(EnvError::ActionLength { .. })));
    assert!(matches!(boat.step(&[0.0, f64::NAN]), Err(EnvError::NonFinite { .. })));
    assert!(boat.reset(&Start::seed(0).with_goal(&[1.0, 10.0])).is_err());
    let mut short = before.clone();
    short.state.pop();
    assert!(boat.restore(&short).is_err());
    short.env_id = "toy-car-v0".into();
    assert!(boat.restore(&short).unwrap_err().to_string().contains("toy-car-v0"));
    assert_eq!(boat.snapshot(), before);
}
