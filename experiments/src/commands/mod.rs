//! The commands, one file each.

mod collect;
mod data;
mod envs;
mod estimate;
mod eval;
mod export;
mod growth;
mod import;
mod inspect;
mod merge;
mod plan;
mod replay;
mod report;
mod serve;
mod settings;
mod speed;
mod train;
mod zenoh;

use forethought_envs::{EnvSpec, make};

use crate::cli::Command;
use crate::failure::Failure;
use crate::picture::MazeScene;

/// Carries out a command.
///
/// # Errors
/// [`Failure`] with the message and exit code.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Collect(args) => collect::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Estimate(args) => estimate::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Zenoh(args) => self::zenoh::run(&args),
        Command::Growth(args) => growth::run(&args),
        Command::GrowthPoint(args) => growth::point(&args),
        Command::Speed(args) => speed::run(&args),
        Command::Data(command) => data::run(&command),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Envs(args) => envs::run(&args),
        Command::Settings(args) => settings::run(&args),
        Command::PeakMemory(args) => speed::peak_memory(&args),
    }
}

/// What a picture needs; `None` for environments without a top view.
fn scene(spec: &EnvSpec) -> Option<MazeScene> {
    let scene = forethought_envs::scene(&spec.id)?;
    let goal_radius = make(&spec.id).map_or(0.0, |env| env.task().tolerance());
    let bounds = scene.bounds;
    Some(MazeScene {
        walls: scene.solids.iter().map(|w| [w.min[0], w.min[1], w.max[0], w.max[1]]).collect(),
        bounds: [bounds.min[0], bounds.min[1], bounds.max[0], bounds.max[1]],
        zones: scene.zones,
        movers: scene.movers,
        position: scene.position,
        ball_radius: scene.body_radius,
        goal_radius,
    })
}
