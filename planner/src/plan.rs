//! Plans, and the interface of everything that makes them.

use forethought_envs::Task;

use crate::PlannerError;

/// One planned trajectory. Frame `i` is environment step `i + 1` after the observation it was planned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Planned observations `[frames, observation]`, environment units.
    pub observations: Vec<f64>,
    /// Planned actions `[frames, action]`, environment units; action `i` leads to observation `i`.
    pub actions: Vec<f64>,
    /// Number of frames.
    pub frames: usize,
    /// Estimated return over the longest horizon: frames within the goal radius, a plan that ends at the
    /// goal counting as staying there. Without a goal, the objective's value, or 0.
    pub value: f64,
    /// First frame within the goal radius, if any.
    pub arrival: Option<usize>,
    /// Nats of the plan's least likely chunk ([`crate::LikelihoodBound`]); 0 where it was not asked for.
    pub surprise: f64,
    /// Frames at positions where the data have never been; 0 where [`crate::PlanConfig::support`] is 0.
    pub unsupported: usize,
    /// Rows of the scheduling matrix that were walked.
    pub rows: usize,
    /// Candidates it was chosen from.
    pub candidates: usize,
    /// The plan at every row, when asked for; first row first.
    pub history: Vec<PlanRow>,
    /// Clean estimate of every chunk, normalised, `[chunks, width]`: what a warm start begins from.
    pub(crate) x0_cd: Vec<f64>,
    /// Whether it was made to stay at the goal.
    pub(crate) staying: bool,
    /// Whether it ends where it was to end.
    pub(crate) ends: bool,
    /// Frames after which it is to have arrived, for the length of the plans after it.
    pub(crate) due: Option<usize>,
    /// Positions from which this plan and those before it were made, while away from the goal.
    pub(crate) visited: Vec<f64>,
}

/// A plan while it is being denoised.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// Row of the scheduling matrix.
    pub row: usize,
    /// Sampling level of each frame.
    pub level: Vec<u16>,
    /// Clean estimate of the observations `[frames, observation]`, environment units; what the noisy
    /// tokens themselves show before the first estimate.
    pub observations: Vec<f64>,
}

/// What to plan for.
#[derive(Clone, Copy, Debug)]
pub struct PlanRequest<'a> {
    /// Present observation, environment units.
    pub observation: &'a [f64],
    /// What the plan is for.
    pub task: &'a dyn Task,
    /// The plan in force and how many of its frames were executed, for a warm start.
    pub previous: Option<(&'a Plan, usize)>,
    /// Seed of this plan's noise.
    pub seed: u64,
}

impl<'a> PlanRequest<'a> {
    /// Values that the task's condition asks for.
    pub(crate) fn goal(&self) -> Option<&'a [f64]> {
        self.task.condition().map(|condition| condition.values)
    }
}

/// Makes plans.
pub trait Planner: Send {
    /// Plans for all requests together; plan `i` answers request `i` and depends on nothing else.
    /// `history` asks for every row.
    ///
    /// # Errors
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for malformed requests;
    /// [`PlannerError::BrokenOutput`] when the network's answer is not finite.
    fn plan(&mut self, requests: &[PlanRequest<'_>], history: bool) -> Result<Vec<Plan>, PlannerError>;

    /// Sampling level of pure noise, for reading [`PlanRow::level`].
    fn levels(&self) -> u16;
}

impl Plan {
    /// Observation of frame `i`, if there is one.
    pub fn observation(&self, i: usize) -> Option<&[f64]> {
        row(&self.observations, self.frames, i)
    }

    /// Action of frame `i`, if there is one.
    pub fn action(&self, i: usize) -> Option<&[f64]> {
        row(&self.actions, self.frames, i)
    }
}

fn row(values: &[f64], rows: usize, i: usize) -> Option<&[f64]> {
    let width = values.len().checked_div(rows)?;
    values.get(i * width..(i + 1) * width)
}
