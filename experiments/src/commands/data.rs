//! `forethought data`: other people's data, looked at, checked, drawn and written in another layout.

use std::path::{Path, PathBuf};

use forethought_envs::data::{
    DataLayout, DataReport, Dataset, DatasetSummary, Finding, FindingKind, TimeoutMeaning, WriteOptions,
    actions_outside, check_inside, read_data, write_data_as,
};
use forethought_envs::{EnvSpec, FeatureKind, make, printable};
use serde_json::json;

use crate::cli::{ConvertArgs, DataCommand, DataFile, DataPlotArgs, ToLayout, ValidateArgs};
use crate::failure::Failure;
use crate::picture::{Histogram, Visits, coverage};
use crate::statistics::quantile;
use crate::table::{Table, numbers, words};
use crate::{console, described, output, resolve};

/// Carries out the command.
pub fn run(command: &DataCommand) -> Result<(), Failure> {
    match command {
        DataCommand::Inspect(args) => inspect(&args.data.path, args.data.describe.as_deref(), args.json),
        DataCommand::Validate(args) => validate(args),
        DataCommand::Convert(args) => convert(args),
        DataCommand::Stats(args) => stats(&args.data, args.json),
        DataCommand::Plot(args) => plot(args),
    }
}

/// What a data set holds, and the report of what training makes of it.
///
/// # Errors
/// That of data that cannot be read.
pub fn inspect(path: &Path, describe: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let mut dataset = read(path, describe)?;
    // The columns are the file's own, the report is of what training makes of them.
    let summary = dataset.summary();
    let report = report(&mut dataset);
    if as_json {
        return console::json(&json!({
            "path": console::shown(path), "metadata": dataset.metadata, "summary": summary, "report": report,
        }));
    }
    console::line(format_args!("{}: {}\n", path.display(), headline(&dataset, &summary)))?;
    console::print(columns(&summary))?;
    console::line("")?;
    for line in report.lines() {
        console::line(format_args!("{line}"))?;
    }
    Ok(())
}

fn read(path: &Path, describe: Option<&Path>) -> Result<Dataset, Failure> {
    let (_, said) = described::description(describe, path)?;
    let mut dataset = read_data(path, &described::options(&said))?;
    dataset.metadata.description = said.or(&dataset.metadata.description);
    Ok(dataset)
}

fn report(dataset: &mut Dataset) -> DataReport {
    let put_back = dataset.repair_stale_observations();
    let mut report = DataReport::of(dataset);
    match put_back {
        Ok(count) => report.put_back = count,
        Err(error) => report.findings.push(inconsistent(error.to_string())),
    }
    report
}

fn inconsistent(message: String) -> Finding {
    Finding { kind: FindingKind::Inconsistent, row: None, count: 1, message }
}

fn validate(args: &ValidateArgs) -> Result<(), Failure> {
    let path = &args.data.path;
    let mut dataset = read(path, args.data.describe.as_deref())?;
    let mut report = report(&mut dataset);
    if let Some(typed) = &args.environment {
        let spec = make(&resolve::environment_id(typed)?)?.spec().clone();
        report.findings.extend(against(&dataset, &spec));
    }
    let said = &dataset.metadata.description;
    report.findings.extend(match said.spec(&path.display().to_string(), &dataset) {
        Ok(spec) => actions_outside(&dataset, &spec),
        Err(error) => Some(inconsistent(error.to_string())).filter(|_| !said.is_empty()),
    });
    let wrong: Vec<&Finding> = report.findings.iter().filter(|finding| looks_wrong(finding.kind)).collect();
    if args.json {
        console::json(
            &json!({ "path": console::shown(path), "sound": wrong.is_empty(), "findings": wrong }),
        )?;
    } else {
        for finding in &wrong {
            console::line(format_args!("{}", printable(&finding.message)))?;
        }
    }
    match wrong.len() {
        0 if !args.json => {
            let rows = dataset.len();
            console::line(format_args!("{}: nothing looks wrong in {rows} rows", path.display()))
        }
        0 => Ok(()),
        1 => Err(Failure::broken(format!("one thing looks wrong in {}", path.display()))),
        several => Err(Failure::broken(format!("{several} things look wrong in {}", path.display()))),
    }
}

/// Whether it speaks of the data, and not of how they were read or of what else they might be good for.
fn looks_wrong(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Jump
        | FindingKind::ZeroRow
        | FindingKind::Outlier
        | FindingKind::ConstantColumn
        | FindingKind::ActionOutside
        | FindingKind::Inconsistent => true,
        FindingKind::Assumed | FindingKind::LeftOut | FindingKind::AsRead | FindingKind::NotFitted => false,
    }
}

/// What keeps data from being this environment's.
fn against(dataset: &Dataset, spec: &EnvSpec) -> Option<Finding> {
    let (theirs, ours) =
        ([dataset.observation_dim, dataset.action_dim], [spec.observation.len(), spec.action.len()]);
    if theirs != ours {
        let (id, [o, a], [ours_o, ours_a]) = (&spec.id, theirs, ours);
        return Some(inconsistent(format!(
            "observations have {o} numbers and actions {a}, those of `{id}` {ours_o} and {ours_a}: name the environment that they \
             come from"
        )));
    }
    check_inside(dataset, spec).err().map(|error| inconsistent(error.to_string()))
}

fn convert(args: &ConvertArgs) -> Result<(), Failure> {
    let write = WriteOptions { overwrite: args.force, ..WriteOptions::default() };
    let layout = args.to.map_or_else(|| DataLayout::of_name(&args.out), ToLayout::layout);
    output::unless_there(&args.out, args.force, "")?;
    layout.check(&args.out, write)?;
    let mut dataset = read(&args.data.path, args.data.describe.as_deref())?;
    tell_notes(&dataset);
    if layout.is_folder() {
        // These layouts mark no switches of the goal: what a recording repeats there would break its episodes.
        match dataset.repair_stale_observations() {
            Ok(0) | Err(_) => {}
            Ok(count) => {
                console::note(format_args!("{count} observations that were recorded twice are put back"))
            }
        }
    }
    write_data_as(&dataset, &args.out, layout, write)?;
    for what in dataset.lost_in(layout) {
        console::note(format_args!(
            "{what}: this layout has no place for them; name a .hdf5 file to keep all"
        ));
    }
    let rows = dataset.len();
    console::line(format_args!("{rows} rows of {} in {}", args.data.path.display(), args.out.display()))
}

/// What of the data was left out when they were read, or how it was read.
fn tell_notes(dataset: &Dataset) {
    for note in &dataset.metadata.notes {
        console::note(format_args!("note: {}", printable(note)));
    }
}

/// Lengths and returns of a data set's episodes.
struct Episodes {
    lengths: Vec<f64>,
    returns: Vec<f64>,
}

impl Episodes {
    fn of(dataset: &Dataset) -> Self {
        let runs = dataset.trajectories(false);
        let paid = |run: &forethought_envs::data::Trajectory| {
            let rewards = dataset.rewards.get(run.start..run.end).unwrap_or_default();
            rewards.iter().map(|reward| f64::from(*reward)).sum()
        };
        Self {
            lengths: runs.iter().map(|run| run.len() as f64).collect(),
            returns: runs.iter().map(paid).collect(),
        }
    }
}

/// Quantiles that are told of lengths and returns.
const TOLD: [(&str, f64); 5] =
    [("smallest", 0.0), ("5 %", 0.05), ("median", 0.5), ("95 %", 0.95), ("largest", 1.0)];

fn stats(data: &DataFile, as_json: bool) -> Result<(), Failure> {
    let dataset = read(&data.path, data.describe.as_deref())?;
    tell_notes(&dataset);
    let (summary, episodes) = (dataset.summary(), Episodes::of(&dataset));
    let told = |values: &[f64]| -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        TOLD.iter().filter(|_| !sorted.is_empty()).map(|(_, share)| quantile(&sorted, *share)).collect()
    };
    let (lengths, returns) = (told(&episodes.lengths), told(&episodes.returns));
    if as_json {
        let named = |values: &[f64]| -> serde_json::Map<String, serde_json::Value> {
            TOLD.iter().zip(values).map(|((name, _), value)| ((*name).to_owned(), json!(value))).collect()
        };
        return console::json(&json!({
            "path": console::shown(&data.path), "summary": summary, "episodes": episodes.lengths.len(),
            "lengths": named(&lengths), "returns": named(&returns),
        }));
    }
    console::line(format_args!("{}: {}\n", data.path.display(), headline(&dataset, &summary)))?;
    console::print(columns(&summary))?;
    console::line("")?;
    let names = std::iter::once(words("of an episode")).chain(TOLD.iter().map(|(name, _)| numbers(name)));
    let mut table = Table::new(names.collect::<Vec<_>>());
    for (name, values, decimals) in [("rows", &lengths, 0), ("return", &returns, 3)] {
        let cells = values.iter().map(|value| format!("{value:.decimals$}"));
        table.row(std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>());
    }
    console::print(&table)
}

fn headline(dataset: &Dataset, summary: &DatasetSummary) -> String {
    format!(
        "{} rows of {}, {} terminals, {} time-outs ({})",
        summary.rows,
        match summary.env_id.as_str() {
            "" => "an environment without a name".to_owned(),
            id => printable(id).to_string(),
        },
        summary.terminals,
        summary.timeouts,
        match dataset.metadata.timeouts {
            TimeoutMeaning::Truncation => "ends of episodes",
            TimeoutMeaning::GoalSwitch => "the goal changed, the run went on",
        }
    )
}

fn columns(summary: &DatasetSummary) -> Table {
    let mut table = Table::new([
        words("column"),
        numbers("mean"),
        numbers("deviation"),
        numbers("smallest"),
        numbers("largest"),
    ]);
    let columns = summary.observations.iter().enumerate().map(|(i, c)| (format!("observation {i}"), c));
    let columns = columns.chain(summary.actions.iter().enumerate().map(|(i, c)| (format!("action {i}"), c)));
    for (name, c) in columns.chain([("reward".to_owned(), &summary.reward)]) {
        table.row([
            name,
            format!("{:.4}", c.mean),
            format!("{:.4}", c.std),
            format!("{:.4}", c.min),
            format!("{:.4}", c.max),
        ]);
    }
    table
}

fn plot(args: &DataPlotArgs) -> Result<(), Failure> {
    let path = &args.data.path;
    let stem = path.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned());
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{stem}.svg")));
    output::unless_there(&out, args.force, " with --out")?;
    let dataset = read(path, args.data.describe.as_deref())?;
    let summary = dataset.summary();
    tell_notes(&dataset);
    let [x, y] = shown_columns(&dataset, &summary, &args.columns)?;
    let rows = dataset.observations.chunks_exact(dataset.observation_dim.max(1));
    let points = rows.map(|row| [x, y].map(|column| row.get(column).map_or(f64::NAN, |v| f64::from(*v))));
    let episodes = Episodes::of(&dataset);
    let labels = [x, y].map(|column| format!("observation {column}"));
    let visits = Visits { labels: labels.each_ref().map(String::as_str), points: points.collect() };
    let mut histograms = vec![Histogram { title: "rows of an episode", values: episodes.lengths }];
    if summary.reward.min < summary.reward.max {
        histograms.push(Histogram { title: "return of an episode", values: episodes.returns });
    }
    let title = printable(&stem).to_string();
    let picture = coverage(&title, &headline(&dataset, &summary), &visits, &histograms);
    output::write_whole(&out, picture.text.as_bytes())?;
    console::line(format_args!("drawn in {}", out.display()))
}

/// The columns of the map: those that were asked for, the first two of the first position, or the first two that change.
fn shown_columns(
    dataset: &Dataset,
    summary: &DatasetSummary,
    asked: &[usize],
) -> Result<[usize; 2], Failure> {
    let width = dataset.observation_dim;
    if let Some(column) = asked.iter().find(|column| **column >= width) {
        return Err(Failure::refused(format!(
            "--columns names column {column}, and observations have {width}: they are counted from 0"
        )));
    }
    match asked {
        [] => {}
        [x, y] => return Ok([*x, *y]),
        others => {
            let given = others.len();
            return Err(Failure::refused(format!(
                "--columns takes two, such as --columns 0,1; {given} were given"
            )));
        }
    }
    let known = make(&dataset.env_id).ok().map(|env| env.spec().features.clone());
    let features = known.unwrap_or_else(|| dataset.metadata.description.features.clone());
    let mut first = 0_usize;
    for feature in &features {
        if feature.kind == FeatureKind::Position && feature.width >= 2 && first.saturating_add(2) <= width {
            return Ok([first, first + 1]);
        }
        first = first.saturating_add(feature.width);
    }
    let changing = summary.observations.iter().enumerate().filter(|(_, column)| column.min < column.max);
    let mut changing = changing.map(|(column, _)| column);
    match (changing.next(), changing.next()) {
        (Some(x), Some(y)) => Ok([x, y]),
        (x, _) => Ok([x.unwrap_or(0), x.unwrap_or(0)]),
    }
}
