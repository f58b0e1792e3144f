//! Whatever the public constructors and readers of data are given, they answer with a value or an error: no panic, and no
//! number that is none in what they hand on.
#![allow(clippy::unwrap_used)]

use forethought_envs::data::{
    DataDescription, DataReport, Dataset, DatasetMetadata, InverseModel, Normalizer, NormalizerKind, Padding,
    SimulatorState, Support, Trajectory, Window, WindowIndex, WindowOptions, check_inside,
};
use forethought_envs::maze::{Cell, GenerateOptions, MazeLayout, generate};
use forethought_envs::{
    BoxSpace, EnvSpec, Feature, FeatureKind, Snapshot, Start, TaskConfig, TimeLimit, VectorEnv, entries_of,
    make,
};
use proptest::prelude::*;

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![Just(Padding::None), count().prop_map(Padding::Short), count().prop_map(Padding::Ends)]
}

/// Counts as they are, and as they wrap round.
fn count() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0usize..6,
        1 => 6usize..200,
        2 => prop::sample::select(vec![1 << 31, 1 << 32, 1 << 62, 1 << 63, usize::MAX - 1, usize::MAX]),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -3.0..3.0,
        3 => prop::sample::select(vec![0.0, -0.0, 1e-320, 1e300, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn any_dataset() -> impl Strategy<Value = Dataset> {
    let floats = || prop::collection::vec(number().prop_map(|value| value as f32), 0..24);
    let flags = || prop::collection::vec(any::<bool>(), 0..7);
    let widths = (count(), count(), count(), count());
    let arrays = (floats(), floats(), floats(), flags(), flags());
    (widths, arrays, prop::option::of(floats()), prop::option::of((floats(), floats()))).prop_map(
        |((observation_dim, action_dim, goal_dim, dim), arrays, goals, simulator)| {
            let (observations, actions, rewards, terminals, timeouts) = arrays;
            Dataset {
                env_id: "any".into(),
                observation_dim,
                action_dim,
                goal_dim,
                observations,
                actions,
                rewards,
                terminals,
                timeouts,
                goals,
                simulator: simulator.map(|(positions, velocities)| SimulatorState {
                    dim,
                    positions,
                    velocities,
                }),
                metadata: DatasetMetadata::default(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn spaces_and_scales_hand_on_numbers_alone(
        low in prop::collection::vec(number(), 0..4),
        high in prop::collection::vec(number(), 0..4),
        x in prop::collection::vec(-1e30..1e30, 0..4),
        len in 0usize..5,
    ) {
        for space in [BoxSpace::new(low.clone(), high.clone()).ok(), Some(BoxSpace::symmetric(len, x.len() as f64))] {
            let Some(space) = space else { continue };
            let mut clipped = x.clone();
            space.clip(&mut clipped);
            prop_assert!(clipped.iter().all(|value| !value.is_nan()));
            let text = serde_json::to_string(&space).unwrap();
            prop_assert_eq!(serde_json::from_str::<BoxSpace>(&text).unwrap(), space);
        }
        if let Ok(normalizer) = Normalizer::from_parts(NormalizerKind::Standard, low, high) {
            let mut rows = x;
            if normalizer.normalize(&mut rows).is_ok() {
                prop_assert!(rows.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn data_of_any_arrays_are_refused_or_used(
        data in any_dataset(),
        len in count(),
        padded in padding(),
        trajectory in (count(), count()),
        row in count(),
    ) {
        let mut data = data;
        let report = DataReport::of(&data);
        prop_assert!(!report.lines().is_empty());
        let _ = (data.summary(), data.trajectories(true), data.observation(row), data.action(row), data.goal(row));
        let _ = (data.step_reward(row), data.timeout_count());
        let _ = Normalizer::fit(NormalizerKind::MinMax, "x", &data.observations, data.observation_dim);
        let _ = (InverseModel::fit(&data), Support::fit(&data, &[row, 0], 3));
        let _ = check_inside(&data, make("maze2d-umaze-v1").unwrap().spec());
        let _ = DataDescription::default().spec("x", &data);
        let trajectory = Trajectory { start: trajectory.0, end: trajectory.1 };
        for index in [
            WindowIndex::new(&data, len, WindowOptions { padding: padded, ..WindowOptions::default() }),
            WindowIndex::over(&data, &[trajectory], len, padded),
        ] {
            let Ok(index) = index else { continue };
            let _ = (index.window(row), index.start(row));
            let (mut observations, mut actions, mut mask) = ([0.0; 6], [0.0; 3], [false; 3]);
            let window = Window { start: row, valid: len };
            let _ = index.copy(&data, window, &mut observations, &mut actions, &mut mask);
        }
        let _ = data.repair_stale_observations();
    }

    #[test]
    fn specifications_of_any_sizes_are_refused_or_sound(
        widths in prop::collection::vec(count(), 0..4),
        condition in prop::collection::vec(count(), 0..3),
        step in prop::option::of(number()),
        entries in prop::collection::vec(count(), 0..3),
        radius in number(),
    ) {
        let kinds = [FeatureKind::Position, FeatureKind::Velocity, FeatureKind::Other];
        let features: Vec<Feature> =
            widths.iter().zip(kinds.iter().cycle()).map(|(&width, &kind)| Feature::new("f", width, kind)).collect();
        let _ = entries_of(&features, FeatureKind::Velocity);
        let space = BoxSpace::symmetric(3, 1.0);
        let spec = EnvSpec { features, condition, step_seconds: step, ..EnvSpec::of_spaces("s", space.clone(), space) };
        if spec.check().is_ok() {
            prop_assert!(kinds.iter().all(|&kind| spec.entries(kind).iter().all(|&entry| entry < 3)));
            prop_assert!(spec.condition.iter().all(|&entry| entry < 3));
        }
        let task = TaskConfig::goal(&entries, radius);
        if task.check(3).is_ok() {
            prop_assert!(entries.iter().all(|&entry| entry < 3) && radius.is_finite());
        }
        let goal = vec![0.5; entries.len()];
        match task.task(Some(&goal)) {
            Ok(task) => prop_assert!(radius.is_finite() && (entries.is_empty() || !task.reached(&[]))),
            Err(_) => prop_assert!(!radius.is_finite()),
        }
    }

    #[test]
    fn mazes_of_any_text_and_starts_of_any_numbers_are_refused_or_run(
        text in "[#OGS.\\\\\n ]{0,40}",
        position in prop::collection::vec(number(), 0..4),
        goal in prop::collection::vec(number(), 0..4),
        task in prop::option::of(count()),
        action in prop::collection::vec(number(), 0..4),
        state in prop::collection::vec(number(), 0..8),
        words in prop::collection::vec(any::<u64>(), 0..4),
        cell in (count(), count()),
    ) {
        if let Ok(layout) = MazeLayout::parse(&text) {
            let cell = Cell { row: cell.0, col: cell.1 };
            let _ = (layout.is_wall(cell), layout.is_free(cell), layout.neighbours(cell).count(), layout.diameter());
        }
        let mut env = make("maze2d-umaze-v1").unwrap();
        let start = Start { seed: 1, task, position: Some(position), goal: Some(goal) };
        let _ = env.reset(&start);
        env.reset(&Start::seed(1)).unwrap();
        let _ = env.step(&action);
        let snapshot = Snapshot { env_id: "maze2d-umaze-v1".into(), state, words };
        if let Some(simulator) = env.simulator() {
            let _ = simulator.restore(&snapshot);
        }
        let _ = env.step(&[0.5, 0.5]);
        prop_assert!(env.observation().len() == 4);
    }
}

#[test]
fn absurd_numbers_of_rows_threads_and_steps_are_refused() {
    let options = |rows, noise| GenerateOptions { rows, noise, ..GenerateOptions::default() };
    for (rows, noise) in [(usize::MAX, 0.5), (0, 0.5), (10, f64::NAN), (10, -1.0)] {
        assert!(
            generate("maze2d-umaze-v1", &options(rows, noise), &mut |_, _| ()).is_err(),
            "{rows} {noise}"
        );
    }
    assert!(VectorEnv::make("maze2d-umaze-v1", usize::MAX, 2).is_err());
    assert!(VectorEnv::make("maze2d-umaze-v1", 0, 2).is_err());
    assert!(VectorEnv::make("maze2d-umaze-v1", 2, usize::MAX).is_ok(), "no more threads than environments");
    assert!(TimeLimit::without_snapshots(make("maze2d-umaze-v1").unwrap(), 0).is_err());
    let mut endless = TimeLimit::without_snapshots(make("maze2d-umaze-v1").unwrap(), usize::MAX).unwrap();
    forethought_envs::Environment::reset(&mut endless, &Start::seed(1)).unwrap();
}
