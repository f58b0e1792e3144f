//! `forethought estimate`: what a learned policy would earn, from data alone.

use forethought_envs::printable;
use forethought_policies::PolicyError;
use forethought_policies::learned::LearnedPolicy;
use forethought_policies::off_policy::{Criterion, Logged};
use serde_json::json;

use super::train::source::{self, Source};
use crate::cli::{EstimateArgs, TrainArgs};
use crate::console;
use crate::device::DeviceName;
use crate::estimate::{self, Asked, Valued};
use crate::failure::Failure;
use crate::table::{Table, numbers, words};

/// Carries out the command.
pub fn run(args: &EstimateArgs) -> Result<(), Failure> {
    let horizon = (!args.endless).then_some(args.horizon);
    let asked = Asked {
        criterion: Criterion { discount: args.discount, horizon },
        methods: args.method.clone(),
        noise: args.noise,
        goal: args.goal.clone(),
        episodes: args.episodes,
        seed: args.seed,
    };
    let Source { path, spec, dataset, .. } = source::open(&read_as(args))?;
    let policy = LearnedPolicy::load(&args.policy, &spec).map_err(|error| match &error {
        PolicyError::Unsuitable { .. } => Failure::from(error).with(
            "; where the data are of that environment and do not say so, name it with --environment, or give `environment` in a \
             description of theirs",
        ),
        _ => error.into(),
    })?;
    let logged = Logged::of_dataset(&dataset).map_err(|error| match error {
        PolicyError::Env(error) => source::naming(&path, error),
        other => other.into(),
    })?;
    let valued = estimate::value(&logged, policy, &spec, &asked)?;
    if args.json {
        return console::json(&json!(valued));
    }
    print(&valued)
}

/// The data are read as for training.
fn read_as(args: &EstimateArgs) -> TrainArgs {
    TrainArgs {
        environment: args.environment.clone(),
        maze: None,
        config: None,
        overrides: Vec::new(),
        json: args.json,
        data: Some(args.data.clone()),
        describe: args.describe.clone(),
        out: None,
        seed: None,
        device: DeviceName::default(),
        time_limit: None,
        policy: None,
        steps: None,
        export: None,
        teacher: None,
    }
}

fn print(valued: &Valued) -> Result<(), Failure> {
    let Valued { episodes, rows, of_rows, .. } = valued;
    let over = valued.horizon.map_or("until the task ends".into(), |steps| format!("over {steps} steps"));
    let noise = valued.noise.map_or(String::new(), |noise| format!(", with noise {noise}"));
    let used = if rows == of_rows { String::new() } else { format!(" of {of_rows}") };
    console::line(format_args!(
        "{} in {}{noise}: discounted return {over}, discount {}, from {episodes} episodes, {rows}{used} rows\n",
        valued.policy,
        printable(&valued.environment),
        valued.discount
    ))?;
    let mut table = Table::new([
        words("method"),
        numbers("earns"),
        numbers("95 % interval"),
        numbers("effective episodes"),
        numbers("unlike the data"),
        words(""),
    ]);
    let behaviour = valued.behaviour.iter().map(|estimate| (estimate, false));
    let told = valued.estimates.iter().map(|told| (&told.estimate, told.warning.is_some()));
    for (estimate, doubtful) in told.chain(behaviour) {
        let diagnosis = &estimate.diagnosis;
        let dash = || "-".to_owned();
        table.row([
            estimate.method.clone(),
            number(estimate.value),
            format!("[{}, {}]", number(estimate.interval.low), number(estimate.interval.high)),
            diagnosis.effective_episodes.map_or_else(dash, |count| format!("{count:.1}")),
            diagnosis.outside_share.map_or_else(dash, |share| format!("{:.1} %", 100.0 * share)),
            if doubtful { "do not rely on it".into() } else { String::new() },
        ]);
    }
    console::line(&table)?;
    if !valued.without_value.is_empty() {
        console::line(format_args!(
            "Without a value: {}; their ratios leave no episode any weight.\n",
            valued.without_value.join(", ")
        ))?;
    }
    console::line(&valued.verdict)
}

/// Four digits that count.
fn number(value: f64) -> String {
    let whole = value.abs().max(1e-9).log10().floor() as i32;
    format!("{value:.*}", usize::try_from(3 - whole).unwrap_or(0).min(6))
}
