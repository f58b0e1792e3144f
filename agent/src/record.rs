//! What an episode leaves behind: enough to score it, draw it and replay it.

use serde::{Deserialize, Serialize};

/// A plan while it was made, kept when the trace was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSnapshot {
    /// Evaluations of the model so far.
    pub row: usize,
    /// How uncertain each planned frame still was, from 0 (settled) to 1 (nothing known).
    pub uncertainty: Vec<f64>,
    /// Observations `[frames][observation]` in environment units.
    pub observations: Vec<Vec<f64>>,
}

/// One outcome of some frames of a plan, drawn before it was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// The frame of the plan that it begins with.
    pub first_frame: usize,
    /// Observations `[frames][observation]`.
    pub observations: Vec<Vec<f64>>,
}

/// What was said of one moment of a plan while the plan was still in force, so that it can be held against what came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Foretold {
    /// Steps after the plan's first that it is about.
    pub steps: usize,
    /// Where the plan says that it is then.
    pub observation: Vec<f64>,
    /// Share of the sampled outcomes that are there.
    pub chance: f64,
    /// Whether the episode was there, to within the task's tolerance; None where it ended before.
    pub happened: Option<bool>,
}

/// What a plan was expected to lead to, from outcomes of its decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutlookRecord {
    /// Probability that all goes as planned, for tasks with an end.
    pub chance: Option<f64>,
    /// Mean value; for tasks with an end minus the steps until it is done.
    pub mean: f64,
    /// Standard deviation of the value.
    pub spread: f64,
    /// What it is worth if all goes as planned, where that is known.
    pub promise: Option<f64>,
    /// Outcomes drawn.
    pub samples: usize,
    /// What can be held against what came; None for tasks that are for no place.
    pub foretold: Option<Foretold>,
    /// The outcomes, where plans were recorded with their traces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeRecord>,
}

/// One plan as it was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Environment step at which the plan begins.
    pub first_step: usize,
    /// Planned observations `[frames][observation]`, the first one step after `first_step`.
    pub observations: Vec<Vec<f64>>,
    /// Planned actions `[frames][action]`.
    pub actions: Vec<Vec<f64>>,
    /// The plan's own score; comparable between plans of one planner only.
    pub score: f64,
    /// Evaluations of the model, one after the other, that it took.
    pub rows: usize,
    /// Entry of the observation planned from that lay far outside the data.
    pub out_of_data: Option<usize>,
    /// What it was expected to lead to, where plans are chosen by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<OutlookRecord>,
    /// Plans that it was preferred to, where plans were recorded with their traces; what promised most comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<PlanRecord>,
    /// Wall-clock seconds; for a batch, the batch's time divided by its size.
    pub took_s: f64,
    /// The plan while it was made, first snapshot first; empty unless asked for.
    pub trace: Vec<PlanSnapshot>,
}

/// One episode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Environment id.
    pub env_id: String,
    /// Seed of the environment's reset.
    pub seed: u64,
    /// Name of what chose the actions, for example `diffused-action` or `random`.
    pub controller: String,
    /// Goal of the episode, if the environment has one.
    pub goal: Option<Vec<f64>>,
    /// Distance to it that counts as there.
    #[serde(default)]
    pub goal_radius: Option<f64>,
    /// Steps up to and including the first after which the task was done, so at least 1. The start does not count, as
    /// it is not rewarded.
    #[serde(default)]
    pub arrival: Option<usize>,
    /// Steps in which something happened that the environment leaves to chance.
    #[serde(default)]
    pub chances: usize,
    /// Observations `[steps + 1][observation]`.
    pub observations: Vec<Vec<f64>>,
    /// Commands `[steps][action]` as given to the environment.
    pub actions: Vec<Vec<f64>>,
    /// Rewards `[steps]`.
    pub rewards: Vec<f64>,
    /// Plans in the order they were made; empty for policies that do not plan.
    pub plans: Vec<PlanRecord>,
}
