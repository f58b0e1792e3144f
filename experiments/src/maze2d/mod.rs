//! What `bench maze2d` does: every planner on every maze, on the same starts, goals and seeds.

mod cell;
mod figures;
pub mod names;
mod page;
mod planners;
mod published;
mod run;
mod store;
mod tables;

pub use cell::select_cells;
pub use page::page;
pub use planners::select_rows;
pub use published::PUBLISHED;
pub use run::{Request, prepare, run};
pub use store::{REPORT, is_ours};
pub use tables::{estimate, signed_estimate, text};

/// The mazes of the benchmark, in the order of the published tables.
pub const MAZES: [&str; 6] = [
    "maze2d-umaze-v1",
    "maze2d-medium-v1",
    "maze2d-large-v1",
    "multi2d-umaze-v1",
    "multi2d-medium-v1",
    "multi2d-large-v1",
];
