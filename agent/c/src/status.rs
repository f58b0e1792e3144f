//! How a call went.

/// How a call went. Numbers keep their meaning in later versions, which may add some: treat one that you do not know
/// as a failure.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForethoughtStatus {
    /// Done.
    Ok = 0,
    /// A pointer that is NULL or not aligned, a length that does not fit, or a number that is not finite. Nothing has
    /// happened.
    InvalidArgument = 1,
    /// The checkpoint is missing, damaged, or made by a newer version.
    Checkpoint = 2,
    /// No episode has begun: call `forethought_agent_reset` or `forethought_loop_reset` first.
    NotReset = 3,
    /// The planner or the controller refused, for example an observation that no data are like. No step is counted, and
    /// there is no command.
    Planning = 4,
    /// Another thread is in a call with this agent or loop. Nothing has happened.
    Busy = 5,
    /// A fault of the library, stopped at its border. The agent or loop is of no use any more: free it and load it
    /// again.
    Panic = 6,
}
