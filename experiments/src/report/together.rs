//! All environments together: what one figure for a variant may say (Agarwal et al. 2021). Every environment counts as a task of
//! its own, from whose episodes alone its resamples are drawn.

use serde::Serialize;

use super::figures::{Sheet, estimate, signed_estimate};
use super::{SEED, rows};
use crate::failure::Failure;
use crate::picture::{self, Curve, Picture};
use crate::results::{Record, Results};
use crate::statistics::{self, Improvement, Summary};
use crate::table::{Table, numbers, words};

/// Resamples over all environments: these have many episodes, and 2000 tell the ends of an interval to a twentieth of its width.
const RESAMPLES: usize = 2000;

/// A variant over all environments.
#[derive(Clone, Debug, Serialize)]
pub struct Together {
    /// Variant.
    pub variant: String,
    /// Score over all episodes of all environments.
    pub score: Summary,
    /// Score minus that of the baseline, episode by episode; `None` for the baseline itself.
    pub difference: Option<Summary>,
    /// Probability of improvement over it, in the mean over the environments.
    pub improvement: Option<Improvement>,
}

/// Its name and its scores in each environment.
type Scores<'a> = (&'a str, Vec<Vec<f64>>);

/// Scores of the variants that are there in all environments; none where these have no scores that mean the same.
fn scores(results: &Results) -> Vec<Scores<'_>> {
    let environments = &results.layout.environments;
    if environments.len() < 2 {
        return Vec::new();
    }
    let own = |record: &Record| -> Option<Vec<f64>> {
        record.episodes.iter().map(|episode| episode.score).collect()
    };
    let names = rows::shown_of(&results.layout).into_iter();
    let of = |name| {
        let all = environments.iter().map(|id| results.record(id, name).and_then(own));
        Some((name, all.collect::<Option<_>>()?))
    };
    names.filter_map(of).collect()
}

fn slices(scores: &[Vec<f64>]) -> Vec<&[f64]> {
    scores.iter().map(Vec::as_slice).collect()
}

/// Figures of every variant that is there in all environments.
///
/// # Errors
/// Those of the statistics.
pub fn figures(results: &Results) -> Result<Vec<Together>, Failure> {
    let scores = scores(results);
    let baseline = scores.iter().find(|(name, _)| *name == results.layout.baseline);
    let of = |(name, own): &Scores<'_>| -> Result<Together, Failure> {
        let against = baseline.filter(|(other, theirs)| {
            other != name && own.iter().zip(theirs).all(|(own, theirs)| own.len() == theirs.len())
        });
        let differences: Option<Vec<Vec<f64>>> = against.map(|(_, theirs)| {
            let of_one =
                |(own, theirs): (&Vec<f64>, &Vec<f64>)| own.iter().zip(theirs).map(|(x, y)| x - y).collect();
            own.iter().zip(theirs).map(of_one).collect()
        });
        let pairs: Option<Vec<(&[f64], &[f64])>> =
            against.map(|(_, theirs)| slices(own).into_iter().zip(slices(theirs)).collect());
        let summary = |values: &[Vec<f64>]| statistics::summarise_tasks(&slices(values), RESAMPLES, SEED);
        let improvement = pairs
            .map(|pairs| statistics::probability_of_improvement_over_tasks(&pairs, RESAMPLES, SEED))
            .transpose()?;
        Ok(Together {
            variant: (*name).to_owned(),
            score: summary(own)?,
            difference: differences.as_deref().map(summary).transpose()?,
            improvement,
        })
    };
    scores.iter().map(of).collect()
}

/// Columns of the table, and what stands in them.
pub const COLUMNS: [&str; 4] = [
    "interquartile mean [95 % interval]",
    "mean [95 % interval]",
    "difference to *",
    "probability of improvement",
];

/// Cells of a row, in the columns' order.
pub fn cells(together: &Together) -> [String; 4] {
    let Together { score, difference, improvement, .. } = together;
    let dash = || "-".to_owned();
    [
        estimate(score.interquartile_mean, score.interquartile_mean_interval),
        estimate(score.mean, score.mean_interval),
        difference.map_or_else(dash, |d| signed_estimate(d.mean, d.mean_interval)),
        improvement.map_or_else(dash, |i| {
            format!("{:.2} [{:.2}, {:.2}]", i.probability, i.interval.low, i.interval.high)
        }),
    ]
}

/// The table; empty where there is nothing to take together.
pub fn text(sheet: &Sheet<'_>) -> String {
    if sheet.together().is_empty() {
        return String::new();
    }
    let columns = [words("variant")].into_iter().chain(COLUMNS.map(numbers));
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for one in sheet.together() {
        let name = rows::starred(sheet, &one.variant);
        table.row([name].into_iter().chain(cells(one)).collect::<Vec<_>>());
    }
    format!("{}\n\n{table}", title(sheet))
}

/// What the table and the figure are called.
pub fn title(sheet: &Sheet<'_>) -> String {
    format!(
        "All {} environments together, each with its own resamples",
        sheet.results.layout.environments.len()
    )
}

/// Performance profiles over all environments.
pub fn picture(sheet: &Sheet<'_>) -> Option<Picture> {
    let scores = scores(sheet.results);
    let curves: Vec<Curve<'_>> =
        scores.iter().map(|(name, scores)| Curve { name, tasks: slices(scores) }).collect();
    (!curves.is_empty()).then(|| picture::profile(&title(sheet), &curves))
}
