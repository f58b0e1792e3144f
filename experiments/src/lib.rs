//! What the program `forethought` is made of: settings, commands, results, statistics and pictures.
//!
//! The studies under `examples/` are made of the same parts.

mod axis;
mod canonical;
pub mod cli;
pub mod commands;
pub mod configuration;
pub mod console;
mod described;
pub mod device;
mod document;
#[cfg(feature = "zenoh")]
pub mod drive;
mod estimate;
pub mod failure;
mod growth;
pub mod interrupt;
pub mod output;
mod photographs;
pub mod picture;
mod placed;
mod plan_time;
pub mod planning;
mod program;
pub mod progress;
mod report;
#[cfg(feature = "rerun")]
pub mod rerun;
pub mod resolve;
pub mod results;
mod runner;
mod scoring;
pub mod serve;
pub mod settings;
mod shard;
pub mod shipped;
mod speed;
pub mod statistics;
pub mod study;
mod suite;
pub mod table;
mod times;
mod variants;
