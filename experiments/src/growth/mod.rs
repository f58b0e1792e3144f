//! How time and memory grow: along one size at a time, each point in a process of its own, so that its peak memory is its own.

pub mod law;
pub mod point;
pub mod report;
