//! The commands, one file each.

mod ablate;
mod bench;
mod collect;
mod eval;
mod frontier;
mod inspect;
mod plan;
mod study;
mod train;

use forethought_envs::{EnvSpec, make, maze_layout};

use crate::cli::Command;
use crate::failure::Failure;
use crate::picture::MazeScene;

/// Carries out a command.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Collect(args) => collect::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Ablate(args) => ablate::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Study(args) => study::run(&args),
        Command::Inspect(args) => inspect::run(&args),
    }
}

/// Prints a JSON object on standard output.
fn print_json(value: &serde_json::Value) {
    println!("{value:#}");
}

/// What a picture needs of a maze; `None` for environments that are no maze.
fn scene(spec: &EnvSpec) -> Option<MazeScene> {
    let maze = maze_layout(&spec.id)?;
    let goal_radius = make(&spec.id).map_or(0.0, |env| env.task().tolerance());
    let bounds = maze.bounds();
    Some(MazeScene {
        walls: maze.walls().iter().map(|w| [w.min[0], w.min[1], w.max[0], w.max[1]]).collect(),
        bounds: [bounds.min[0], bounds.min[1], bounds.max[0], bounds.max[1]],
        ball_radius: maze.ball_radius(),
        goal_radius,
    })
}
