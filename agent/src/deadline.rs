//! Planning with a deadline from now on.

use std::time::{Duration, Instant};

use forethought_planner::{Budget, Foresight, RowTimes};

/// Plans within a budget that ends at a deadline, counted from the call on the machine's clock; `None` is as long as it takes.
///
/// `times` is what plans before have taught of how long their rows take, and learns from this one, whether or not it has a
/// deadline. Kept from plan to plan, a row that would not be done in time is not begun, from the first one on.
///
/// ```no_run
/// use std::time::Duration;
///
/// use forethought_agent::{Agent, within};
/// use forethought_planner::RowTimes;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut agent = Agent::load("experiments/checkpoints/maze2d-umaze-v1")?;
/// let mut times = RowTimes::default();
/// agent.reset_to(1, Some(&[1.0, 1.0]))?;
/// let plan = within(Some(Duration::from_millis(20)), &mut times, |budget| {
///     agent.replan_within(&[3.0, 1.0, 0.0, 0.0], budget).cloned()
/// })?;
/// println!("{} of {} frames are settled", plan.clean, plan.frames);
/// # Ok(())
/// # }
/// ```
pub fn within<T>(
    deadline: Option<Duration>,
    times: &mut RowTimes,
    plan: impl FnOnce(&mut Budget<'_>) -> T,
) -> T {
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64();
    // Without a deadline the clock is read all the same: only a budget that has one learns how long rows take.
    let end = deadline.map_or(f64::INFINITY, |deadline| deadline.as_secs_f64());
    let mut budget =
        Budget::unlimited().until(&clock, end, Foresight::default()).knowing(std::mem::take(times));
    let made = plan(&mut budget);
    *times = budget.learnt();
    made
}
