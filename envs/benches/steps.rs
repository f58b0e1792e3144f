//! Steps per second of the point-mass mazes on one core, contacts included, and rows per second of OGBench's data.
// A benchmark speaks to the terminal and has nobody to hand an error to.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forethought_envs::maze::{
    Maze2dTask, MazeSize, OgBenchEnv, OgBenchMaze, OgBenchOptions, PhysicsProfile, generate_ogbench, maze2d,
};
use forethought_envs::{Environment, Start};

/// Steps per measured iteration.
const STEPS: usize = 10_000;
/// Steps between changes of the action: long enough to press the ball against walls.
const HOLD: usize = 20;

fn actions() -> Vec<[f64; 2]> {
    // A small linear congruential generator: the benchmark needs variety, not quality.
    let mut word = 7_u64;
    let mut next = move || {
        word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (word >> 40) as f64 / (1_u64 << 23) as f64 - 1.0
    };
    (0..STEPS / HOLD).map(|_| [next(), next()]).collect()
}

fn steps(criterion: &mut Criterion) {
    let actions = actions();
    for profile in [PhysicsProfile::MuJoCo2, PhysicsProfile::MuJoCo3] {
        let mut env = maze2d(MazeSize::Large, Maze2dTask::Sparse, profile).expect("a shipped layout");
        env.reset(&Start::seed(0)).expect("reset cannot fail");
        let mut state: [f64; 4] = env.observation().try_into().expect("four numbers");
        let touching = (0..STEPS).filter(|k| env.physics().step(&mut state, actions[k / HOLD]) > 0).count();
        println!("{} % of the steps touch a wall", 100 * touching / STEPS);
        let mut group = criterion.benchmark_group("maze2d-large-v1");
        group.throughput(Throughput::Elements(STEPS as u64));
        group.bench_function(profile.name(), |bencher| {
            bencher.iter(|| {
                let mut total = 0.0;
                for k in 0..STEPS {
                    total += env.step(black_box(&actions[k / HOLD])).map_or(f64::NAN, |step| step.reward);
                }
                total
            });
        });
        group.finish();
    }
}

/// Steps of an environment that starts again where it ends.
fn run(env: &mut OgBenchEnv, actions: &[[f64; 2]], hold: usize) -> f64 {
    let mut total = 0.0;
    for k in 0..STEPS {
        match env.step(black_box(&actions[k / hold % actions.len()])) {
            Ok(step) if !step.ended() => total += step.reward,
            _ => env.reset(&Start::seed(k as u64)).expect("reset cannot fail"),
        }
    }
    total
}

fn ogbench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ogbench-pointmaze");
    group.throughput(Throughput::Elements(STEPS as u64));
    for maze in [OgBenchMaze::Giant, OgBenchMaze::Teleport] {
        let actions = actions();
        // Pressed against walls for long, or as seldom as a random walk is.
        for (how, hold) in [("held", HOLD), ("fresh", 1)] {
            let mut env = OgBenchEnv::new("bench", maze).expect("a shipped layout");
            env.reset(&Start::seed(0)).expect("reset cannot fail");
            let mut position = env.position();
            let mut touching = 0;
            for k in 0..STEPS {
                let left = env.ball().step(&mut position, actions[k / hold % actions.len()]);
                touching += usize::from(left.iter().any(|along| along.abs() > 0.0));
            }
            println!("{} % of the steps touch a wall", 100 * touching / STEPS);
            group.bench_function(format!("{}-{how}", maze.name()), |bencher| {
                bencher.iter(|| run(&mut env, &actions, hold));
            });
        }
    }
    group.bench_function("rows of data", |bencher| {
        let options = OgBenchOptions { rows: STEPS, ..OgBenchOptions::default() };
        bencher.iter(|| generate_ogbench("pointmaze-giant-navigate-v0", &options, &mut |_, _| {}));
    });
    group.finish();
}

criterion_group!(benches, steps, ogbench);
criterion_main!(benches);
