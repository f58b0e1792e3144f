//! What the data of OGBench's point mazes promise: statistics of the package's own, determinism, rows that follow from
//! one another.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use std::collections::BTreeMap;

use forethought_envs::collect;
use forethought_envs::data::{
    Dataset, ReadOptions, WindowIndex, WindowOptions, WriteOptions, check_inside, read_hdf5, write_hdf5,
};
use forethought_envs::maze::{
    Cell, OGBENCH_GENERATOR, OgBenchBall, OgBenchEnv, OgBenchGeometry, OgBenchName, OgBenchOptions,
    generate_ogbench,
};
use forethought_envs::{EnvError, Environment};
use serde::Deserialize;

const STITCH: &str = "pointmaze-teleport-stitch-v0";

/// f32 carries 2e-6 of positions near 40; contacts amplify that a little.
const F32_STEP_ERROR: f64 = 2e-5;

#[derive(Deserialize)]
struct Table {
    data: BTreeMap<String, Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    rows: usize,
    /// Mean over episodes and its standard error.
    statistics: BTreeMap<String, [f64; 2]>,
}

fn make(id: &str, options: OgBenchOptions) -> Dataset {
    generate_ogbench(id, &options, &mut |_, _| {}).unwrap()
}

fn pair(values: Option<&[f32]>) -> [f64; 2] {
    let &[x, y] = values.unwrap() else { panic!("two numbers") };
    [f64::from(x), f64::from(y)]
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn maze(id: &str) -> (OgBenchGeometry, OgBenchBall) {
    let geometry = OgBenchGeometry::new(OgBenchName::find(id).unwrap().maze).unwrap();
    let ball = OgBenchBall::new(&geometry);
    (geometry, ball)
}

/// The statistics of `record_ogbench_statistics.py` for one episode, whose rows are `first..last`.
fn statistics(data: &Dataset, first: usize, last: usize) -> BTreeMap<&'static str, f64> {
    let (geometry, ball) = maze(&data.env_id);
    let rows = (last - first) as f64;
    let mut sums = BTreeMap::new();
    let mut add = |name, value: f64| *sums.entry(name).or_insert(0.0) += value;
    let mut successes = 0.0;
    for row in first..last {
        let (at, action) = (pair(data.observation(row)), pair(data.action(row)));
        let mut after = at;
        let velocity = ball.step(&mut after, action);
        add("jumps", f64::from(u8::from(geometry.jumps_from(after))));
        add(
            "trapped_share",
            f64::from(u8::from(geometry.cell_at(at) == Some(Cell { row: 1, col: 7 }))) / rows,
        );
        add("action_square", (action[0].powi(2) + action[1].powi(2)) / rows);
        add("action_mean_x", action[0] / rows);
        add("action_mean_y", action[1] / rows);
        add("moved", distance(at, after) / rows);
        add("touching_share", f64::from(u8::from(velocity != [0.0; 2])) / rows);
        add("successes_per_1000", 1000.0 * f64::from(data.rewards[row]) / rows);
        successes += f64::from(data.rewards[row]);
    }
    add("reached_any", f64::from(u8::from(successes > 0.0)));
    sums
}

#[test]
fn statistics_agree_with_data_of_the_package() {
    let table: Table = serde_json::from_str(include_str!("../parity/ogbench_statistics.json")).unwrap();
    assert_eq!(table.data.len(), 8);
    let (mut compared, mut worst) = (0, 0.0_f64);
    for (id, recorded) in table.data {
        let name = OgBenchName::find(&id).unwrap();
        let length = name.data.episode_rows(name.maze);
        assert_eq!(length, recorded.rows, "{id}");
        let episodes = 400_000 / length;
        let data = make(&id, OgBenchOptions { rows: episodes * length, ..OgBenchOptions::default() });
        let found: Vec<_> = (0..episodes).map(|k| statistics(&data, k * length, (k + 1) * length)).collect();
        for (statistic, [theirs, their_error]) in recorded.statistics {
            let values: Vec<f64> = found.iter().map(|one| one[statistic.as_str()]).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            let error = (square / count).sqrt().hypot(their_error);
            let off = (mean - theirs).abs() / error.max(1e-6);
            println!("{id} {statistic}: {mean:.5}, package {theirs:.5}, {off:.1} standard errors");
            // Some 70 comparisons: one beyond 4.5 standard errors comes by chance once in two thousand runs.
            assert!(off < 4.5, "{id} {statistic}: {mean} against {theirs} ± {their_error}");
            (compared, worst) = (compared + 1, worst.max(off));
        }
    }
    println!("{compared} statistics, the farthest off by {worst:.1} standard errors");
}

#[test]
fn the_same_seed_gives_the_same_data_and_an_episode_depends_on_its_number_alone() {
    let options = |rows, seed| OgBenchOptions { rows, seed, ..OgBenchOptions::default() };
    let data = make(STITCH, options(2_010, 7));
    assert_eq!(data, make(STITCH, options(2_010, 7)));
    assert_ne!(data.observations, make(STITCH, options(2_010, 8)).observations);
    let shorter = make(STITCH, options(1_000, 7));
    assert_eq!(data.observations[..2_000], shorter.observations[..]);
    // The data are those that the registry gives, whatever runs beside.
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| collect(STITCH, 2_010, 7, &mut |_, _| {}).unwrap())).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == data));
    let other = make(STITCH, OgBenchOptions { validation: true, ..options(2_010, 7) });
    assert_ne!(other.observations, data.observations);
}

#[test]
fn episodes_are_marked_where_they_end_and_rows_follow_from_one_another() {
    for name in OgBenchName::all() {
        let id = name.id();
        let length = name.data.episode_rows(name.maze);
        let mut told = Vec::new();
        let options = OgBenchOptions { rows: 5 * length + 50, seed: 3, ..OgBenchOptions::default() };
        let data = generate_ogbench(&id, &options, &mut |done, all| told.push((done, all))).unwrap();
        data.check().unwrap();
        assert_eq!(told.last(), Some(&(options.rows, options.rows)));
        let ends: Vec<usize> = (0..data.len()).filter(|row| data.timeouts[*row]).collect();
        let want: Vec<usize> = (1..=5).map(|k| k * length - 1).chain([options.rows - 1]).collect();
        assert_eq!(ends, want, "{id}");
        assert!(data.terminals.iter().all(|flag| !flag));
        assert_eq!(data.metadata.generator.as_deref(), Some(OGBENCH_GENERATOR));
        let env = OgBenchEnv::new(&id, name.maze).unwrap();
        assert_eq!(data.metadata.layout_hash, env.spec().layout_hash);
        check_inside(&data, env.spec()).unwrap();
        let (geometry, ball) = maze(&id);
        let index = WindowIndex::new(&data, 2, WindowOptions::default()).unwrap();
        assert!(index.len() >= data.len() - 12);
        for window in 0..index.len() {
            let row = index.start(window).unwrap();
            let mut position = pair(data.observation(row));
            ball.step(&mut position, pair(data.action(row)));
            let next = pair(data.observation(row + 1));
            let jumped = geometry.exits().iter().any(|exit| distance(*exit, next) < F32_STEP_ERROR);
            let by_step = distance(position, next) < F32_STEP_ERROR;
            assert!(
                by_step || (jumped && geometry.entrances().iter().any(|at| distance(*at, position) < 1.51))
            );
            let gap = distance(position, pair(data.goal(row)));
            if (gap - 1.0).abs() > F32_STEP_ERROR {
                assert_eq!(data.rewards[row] == 1.0, gap < 1.0, "{id} row {row}");
            }
        }
    }
}

#[test]
fn stale_observations_differ_from_true_ones_after_jumps_alone() {
    let options = OgBenchOptions { rows: 100_500, seed: 1, ..OgBenchOptions::default() };
    let truth = make(STITCH, options.clone());
    let stale = make(STITCH, OgBenchOptions { stale_observations: true, ..options });
    assert_eq!((&truth.actions, &truth.simulator), (&stale.actions, &stale.simulator));
    assert_eq!(truth.simulator.as_ref().unwrap().positions, truth.observations);
    let (geometry, ball) = maze(STITCH);
    let mut different = 0;
    for row in 1..truth.len() {
        let (real, shown) = (pair(truth.observation(row)), pair(stale.observation(row)));
        if real != shown {
            different += 1;
            assert!(geometry.exits().iter().any(|exit| distance(*exit, real) < F32_STEP_ERROR));
            let mut before = pair(truth.observation(row - 1));
            ball.step(&mut before, pair(truth.action(row - 1)));
            assert!(distance(before, shown) < F32_STEP_ERROR, "row {row}");
            // The next row is true again.
            assert_eq!(stale.observation(row + 1), truth.observation(row + 1));
        }
    }
    assert!(different > 50, "{different}");
    let mut read = stale.clone();
    assert_eq!(read.repair_stale_observations().unwrap(), different);
    assert_eq!((read.observations, stale.rewards), (truth.observations, truth.rewards));
}

/// What `collect` writes and `train` reads.
#[test]
fn an_hdf5_file_keeps_them_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data.hdf5");
    let data = collect(STITCH, 5_000, 2, &mut |_, _| {}).unwrap();
    write_hdf5(&data, &path, WriteOptions::default()).unwrap();
    let mut read = read_hdf5(&path, &ReadOptions::default()).unwrap();
    assert_eq!(read, data);
    assert_eq!(read.repair_stale_observations().unwrap(), 0);
    assert_eq!(read, data);
}

#[test]
fn what_cannot_be_made_is_refused() {
    let refused = |id: &str, rows| {
        let options = OgBenchOptions { rows, ..OgBenchOptions::default() };
        generate_ogbench(id, &options, &mut |_, _| {}).unwrap_err()
    };
    assert!(matches!(refused("pointmaze-medium", 10), EnvError::UnknownEnvironment { .. }));
    assert!(refused(STITCH, 0).to_string().contains("at least one"));
    assert!(refused(STITCH, usize::MAX).to_string().contains("do not fit into memory"));
}
