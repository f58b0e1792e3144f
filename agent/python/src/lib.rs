//! The native half of the Python package `forethought`: planner, training and environments on numpy arrays.
//!
//! The Python half (`python/forethought`) checks what it is given and has the documentation; here the interpreter is released
//! and the crates of the main workspace are called. Every error of theirs becomes an exception with the same words.

mod agent;
mod arrays;
mod error;
mod exchange;
mod planning;
mod real_time;
mod task;
mod train;
mod vector;
mod world;

/// What `forethought` is made of; not meant to be used by itself.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::agent::Agent;
    #[pymodule_export]
    use crate::error::{CheckpointError, OutOfDataError, TrainingError};
    #[pymodule_export]
    use crate::real_time::RealTimeAgent;
    #[pymodule_export]
    use crate::task::Task;
    #[pymodule_export]
    use crate::train::train;
    #[pymodule_export]
    use crate::vector::World as VectorWorld;
    #[pymodule_export]
    use crate::world::{World, catalogue};
}
