//! The rows of the table: each is the maze's own configuration with a few settings changed, or a reference.

use forethought_policies::{
    DIFFUSED_ACTION, INVERSE_DYNAMICS, PATH_FOLLOWING, PD, RANDOM, WAYPOINT, WAYPOINT_FRESH,
};

use super::names::unknown;
use crate::failure::Failure;
use crate::scoring::UNGUIDED;

/// What the other planners are compared with, run by [`DIFFUSED_ACTION`].
pub const BASELINE: &str = "diffusion-forcing";
/// Sampling with the true dynamics.
const MPPI: &str = "mppi";
/// Planners of the quick setting.
const QUICK: [&str; 2] = [BASELINE, RANDOM];

/// Guidance all the way, one plan of the longest horizon at a time.
const GUIDANCE_ONLY: &[&str] = &["plan.goal_token=false", "plan.horizons=[]", "plan.samples=1"];
const GUIDANCE_ONLY_MCG: &[&str] =
    &["plan.goal_token=false", "plan.horizons=[]", "plan.samples=1", "plan.completions=4"];

/// One planner with one executor.
#[derive(Debug)]
pub struct Row {
    /// Name of the planner.
    pub planner: &'static str,
    /// Name of the executor.
    pub executor: &'static str,
    /// Where its commands come from.
    pub source: Source,
    /// What it is, in a line.
    pub about: &'static str,
}

/// Where a row's commands come from.
#[derive(Debug)]
pub enum Source {
    /// The maze's checkpoint, planned with under the maze's own configuration and these settings, as `--set`
    /// takes them.
    Checkpoint(&'static [&'static str]),
    /// The maze's own physics, by MPPI.
    Simulator,
    /// A policy that plans nothing.
    Policy,
}

/// Every row, in the table's order. All planners with a checkpoint have the same network, weights, number of levels
/// and noise. `plan.settle` stays as it is: the chunk that is executed is clean in every plan. Next-token sampling is the
/// slowest by an order of magnitude, as no plan ends before its last token has left pure noise.
const ROWS: &[Row] = &[
    planned(BASELINE, DIFFUSED_ACTION, &[], "the shipped planner"),
    planned(BASELINE, INVERSE_DYNAMICS, &[], "the same plans, by what leads to their next observation"),
    planned(BASELINE, PD, &[], "the same plans, followed by position and velocity"),
    planned(
        BASELINE,
        PATH_FOLLOWING,
        &["plan.hold=0", "executor.smoothing=0.9"],
        "the same plans as paths, driven as fast as the actuators allow and cut short at bends (corners may be grazed); \
         at the goal the goal token goes on leading",
    ),
    planned(
        "full-sequence",
        DIFFUSED_ACTION,
        &["plan.matrix.kind=full-sequence"],
        "all tokens at one noise level, as ordinary diffusion (Diffuser) samples",
    ),
    planned(
        "full-sequence",
        PD,
        &["plan.matrix.kind=full-sequence"],
        "the same, followed by position and velocity",
    ),
    planned("mcg-4", DIFFUSED_ACTION, &["plan.completions=4"], "Monte Carlo guidance over 4 completions"),
    planned("guidance-only", DIFFUSED_ACTION, GUIDANCE_ONLY, "without the goal token, as in the paper"),
    planned(
        "guidance-only-mcg-4",
        DIFFUSED_ACTION,
        GUIDANCE_ONLY_MCG,
        "the same with Monte Carlo guidance over 4 completions",
    ),
    planned("unguided", DIFFUSED_ACTION, UNGUIDED, "told nothing of the goal"),
    planned(
        "autoregressive",
        DIFFUSED_ACTION,
        &["plan.matrix.kind=autoregressive"],
        "one token after the other: next-token sampling",
    ),
    Row {
        planner: MPPI,
        executor: DIFFUSED_ACTION,
        source: Source::Simulator,
        about: "model-predictive path integral control, greedy for the distance to the goal. Privileged: it rolls out \
                the true dynamics, walls included; no learning, no data",
    },
    reference(WAYPOINT, "the controller that made the data, its route kept from episode to episode"),
    reference(WAYPOINT_FRESH, "the same with a route per episode; it knows the maze"),
    reference(RANDOM, "uniform actions"),
];

const fn planned(
    planner: &'static str,
    executor: &'static str,
    settings: &'static [&'static str],
    about: &'static str,
) -> Row {
    Row { planner, executor, source: Source::Checkpoint(settings), about }
}

const fn reference(name: &'static str, about: &'static str) -> Row {
    Row { planner: name, executor: name, source: Source::Policy, about }
}

impl Row {
    /// Whether this is what the others are compared with.
    pub fn is_baseline(&self) -> bool {
        self.planner == BASELINE && self.executor == DIFFUSED_ACTION
    }

    /// Whether it can be scored only where a checkpoint comes with the maze.
    pub fn needs_checkpoint(&self) -> bool {
        matches!(self.source, Source::Checkpoint(_))
    }

    /// Whether it plans.
    pub fn plans(&self) -> bool {
        !matches!(self.source, Source::Policy)
    }

    /// Planner, and executor where it has one of its own.
    pub fn name(&self) -> String {
        if self.planner == self.executor {
            self.planner.to_owned()
        } else {
            format!("{}, {}", self.planner, self.executor)
        }
    }
}

/// The rows asked for, in the table's order.
///
/// # Errors
/// [`Failure`] for a planner or executor that there is not, with the nearest there is.
pub fn select_rows(
    planners: Option<&[String]>,
    executors: Option<&[String]>,
    quick: bool,
) -> Result<Vec<&'static Row>, Failure> {
    let mut known: Vec<&str> = ROWS.iter().map(|row| row.planner).collect();
    known.dedup();
    if let Some(typed) = planners.into_iter().flatten().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--planners", "planner", typed, &known));
    }
    let driven = || ROWS.iter().filter(|row| row.plans());
    let mut known: Vec<&str> = Vec::new();
    driven().for_each(|row| {
        if !known.contains(&row.executor) {
            known.push(row.executor);
        }
    });
    if let Some(typed) = executors.into_iter().flatten().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--executors", "executor", typed, &known));
    }
    let wanted = |row: &&Row| match planners {
        Some(names) => names.iter().any(|name| name == row.planner),
        None => !quick || QUICK.contains(&row.planner),
    };
    let carried_out = |row: &&Row| {
        !row.plans() || executors.is_none_or(|names| names.iter().any(|name| name == row.executor))
    };
    Ok(ROWS.iter().filter(wanted).filter(carried_out).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planner_brings_all_its_executors() {
        let names = |planners: Option<&[String]>, quick| -> Vec<String> {
            select_rows(planners, None, quick).unwrap().iter().map(|row| row.name()).collect()
        };
        let all = ["diffused-action", "inverse-dynamics", "pd", "path-following"]
            .map(|executor| format!("diffusion-forcing, {executor}"));
        assert_eq!(names(Some(&[BASELINE.to_owned()]), true), all);
        assert_eq!(names(None, true), [&all[..], &["random".to_owned()]].concat());
        assert_eq!(names(None, false).len(), ROWS.len());
        let driven = |executor: &str| select_rows(None, Some(&[executor.to_owned()]), true);
        let names: Vec<_> = driven("path-following").unwrap().iter().map(|row| row.name()).collect();
        assert_eq!(names, ["diffusion-forcing, path-following", "random"]);
        let message = driven("path-folowing").map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("did you mean `path-following`"), "{message}");
        let baselines: Vec<_> = ROWS.iter().filter(|row| row.is_baseline()).collect();
        assert_eq!(baselines.len(), 1);
    }
}
