//! Agreement with single steps recorded from the OGBench package (`envs/parity/record_ogbench.py`).
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use std::io::Read;

use flate2::read::GzDecoder;
use forethought_envs::maze::{Cell, OGBENCH_TASKS, OgBenchBall, OgBenchGeometry, OgBenchMaze};
use serde::Deserialize;

/// Largest error allowed in any number of any step.
const TOLERANCE: f64 = 1e-9;
/// What the recording writes where the ball did not jump.
const NO_JUMP: u8 = 255;
/// Eight numbers and the exit.
const STEP_BYTES: usize = 65;

#[derive(Deserialize)]
struct Header {
    mazes: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    maze: String,
    steps: usize,
    walls: String,
    tasks: Vec<[(usize, usize); 2]>,
    entrances: Vec<(usize, usize)>,
    exits: Vec<(usize, usize)>,
}

struct Step {
    before: [f64; 2],
    action: [f64; 2],
    after: [f64; 2],
    velocity: [f64; 2],
    exit: Option<u8>,
}

fn read_step(bytes: &[u8]) -> Step {
    let number = |k: usize| f64::from_le_bytes(bytes[8 * k..8 * k + 8].try_into().unwrap());
    let pair = |k: usize| [number(k), number(k + 1)];
    let exit = (bytes[STEP_BYTES - 1] != NO_JUMP).then_some(bytes[STEP_BYTES - 1]);
    Step { before: pair(0), action: pair(2), after: pair(4), velocity: pair(6), exit }
}

/// Maze by maze: what the package says of it, and its steps.
fn recordings() -> Vec<(Recorded, OgBenchGeometry, Vec<Step>)> {
    let mut raw = Vec::new();
    let file: &[u8] = include_bytes!("../parity/ogbench.gz");
    GzDecoder::new(file).read_to_end(&mut raw).unwrap();
    let (len, rest) = raw.split_at(4);
    let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
    let (header, mut rest) = rest.split_at(len);
    let header: Header = serde_json::from_slice(header).unwrap();
    let mut all = Vec::new();
    for recorded in header.mazes {
        let maze = OgBenchMaze::ALL.into_iter().find(|maze| maze.name() == recorded.maze).unwrap();
        let (steps, others) = rest.split_at(recorded.steps * STEP_BYTES);
        let steps = steps.chunks_exact(STEP_BYTES).map(read_step).collect();
        all.push((recorded, OgBenchGeometry::new(maze).unwrap(), steps));
        rest = others;
    }
    assert!(rest.is_empty(), "{} bytes left over", rest.len());
    all
}

#[test]
fn steps_agree_with_the_package() {
    let recordings = recordings();
    assert_eq!(recordings.len(), OgBenchMaze::ALL.len());
    for (_, geometry, steps) in recordings {
        let ball = OgBenchBall::new(&geometry);
        let (mut worst, mut touching, mut large, mut corners) = (0.0_f64, 0, 0, 0);
        for step in &steps {
            let mut position = step.before;
            let velocity = ball.push(&mut position, step.action);
            let numbers = position.iter().chain(&velocity).zip(step.after.iter().chain(&step.velocity));
            worst = numbers.fold(worst, |worst, (ours, theirs)| worst.max((ours - theirs).abs()));
            touching += usize::from(step.velocity != [0.0; 2]);
            corners += usize::from(step.velocity.iter().all(|along| along.abs() > 1e-3));
            large += usize::from(step.action.iter().any(|along| along.abs() > 1.0));
        }
        let maze = geometry.maze().name();
        println!(
            "{maze}: {} steps, {touching} touching walls, {corners} pushed along both axes, worst error {worst:.1e}",
            steps.len()
        );
        assert!(steps.len() >= 500 && touching > steps.len() / 5 && large > 50, "{maze}");
        assert!(corners > 20, "{maze}: {corners}");
        assert!(worst < TOLERANCE, "{maze}: {worst:e}");
    }
}

#[test]
fn walls_tasks_and_jumps_are_the_package_s() {
    let pairs = |cells: Vec<Cell>| cells.iter().map(|cell| (cell.row, cell.col)).collect::<Vec<_>>();
    for (recorded, geometry, _) in recordings() {
        let maze = geometry.maze();
        assert_eq!(geometry.layout().text(), recorded.walls);
        assert_eq!((pairs(maze.entrances()), pairs(maze.exits())), (recorded.entrances, recorded.exits));
        assert_eq!(recorded.tasks.len(), OGBENCH_TASKS);
        for (k, [start, goal]) in recorded.tasks.iter().enumerate() {
            let (from, to) = maze.task(k + 1).unwrap();
            assert_eq!(pairs(vec![from, to]), [*start, *goal], "{maze:?} task {}", k + 1);
        }
    }
}

#[test]
fn the_ball_jumps_where_the_package_lets_it_jump() {
    for (_, geometry, steps) in recordings() {
        let jumps: Vec<&Step> = steps.iter().filter(|step| step.exit.is_some()).collect();
        for step in &steps {
            assert_eq!(geometry.jumps_from(step.after), step.exit.is_some(), "from {:?}", step.after);
        }
        let teleport = geometry.maze() == OgBenchMaze::Teleport;
        assert!(if teleport { jumps.len() > 10 } else { jumps.is_empty() }, "{}", jumps.len());
        // What `step` returns is the place before the jump; the next step begins at the exit.
        for pair in steps.windows(2) {
            if let Some(exit) = pair[0].exit {
                let follows = pair[1].before == geometry.exits()[usize::from(exit)];
                let other_start =
                    (pair[1].before[0] - pair[0].after[0]).hypot(pair[1].before[1] - pair[0].after[1]);
                assert!(follows || other_start > 0.3);
            }
        }
        let mut exits: Vec<u8> = jumps.iter().filter_map(|step| step.exit).collect();
        exits.sort_unstable();
        exits.dedup();
        assert_eq!(exits.len(), if teleport { 3 } else { 0 });
    }
}
