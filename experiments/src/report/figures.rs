//! What is said of one variant's episodes.

use serde::Serialize;

use super::together::{self, Together};
use super::{RESAMPLES, SEED};
use crate::failure::Failure;
use crate::results::{Episode, Planning, Record, Results, Times};
use crate::statistics::{self, Improvement, Interval, Summary};

/// Results with the figures of every record.
pub struct Sheet<'a> {
    /// The results.
    pub results: &'a Results,
    /// Figures by record, in the records' order.
    figures: Vec<Figures>,
    /// Figures over all environments.
    together: Vec<Together>,
}

/// Figures of one variant in one environment.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Environment.
    pub environment: String,
    /// Variant.
    pub variant: String,
    /// Normalised score.
    pub score: Summary,
    /// Score minus that of the baseline, episode by episode; `None` for the baseline itself.
    pub difference: Option<Summary>,
    /// Probability of improvement over it.
    pub improvement: Option<Improvement>,
    /// Mean score as if every episode had stayed from its first arrival on.
    pub score_if_stayed: f64,
    /// Episodes that achieved their task.
    pub successes: usize,
    /// 95 % Wilson interval of their share.
    pub success_interval: Interval,
    /// Whether the benchmark gives them numbered tasks: its score is the share of successes, over all tasks.
    pub numbered: bool,
    /// Episodes in which something happened that is left to chance.
    pub met_chance: usize,
    /// Mean steps to success, of the episodes that had it.
    pub steps_to_arrive: Option<f64>,
    /// What planning took, many episodes together.
    pub planning: Option<Planning>,
    /// What a plan takes that is made alone.
    pub times: Option<Times>,
}

impl<'a> Sheet<'a> {
    /// Figures of everything.
    ///
    /// # Errors
    /// Those of the statistics: a score that is not finite.
    pub fn new(results: &'a Results) -> Result<Self, Failure> {
        let of = |record: &Record| Figures::new(record, results.baseline(&record.made.environment));
        let figures = results.records.iter().map(of).collect::<Result<_, _>>()?;
        Ok(Self { results, figures, together: together::figures(results)? })
    }

    /// Figures of a variant in an environment.
    pub fn get(&self, environment: &str, variant: &str) -> Option<&Figures> {
        self.figures.iter().find(|one| one.environment == environment && one.variant == variant)
    }

    /// What is shown of each variant, most important first.
    pub fn measures(&self) -> impl Iterator<Item = &'static Measure> + use<> {
        let chance = self.figures.iter().any(|figures| figures.met_chance > 0);
        MEASURES.iter().chain(std::iter::once(&CHANCE).filter(move |_| chance))
    }

    /// All figures.
    pub fn all(&self) -> &[Figures] {
        &self.figures
    }

    /// Figures of every variant that was scored in all of several environments.
    pub fn together(&self) -> &[Together] {
        &self.together
    }

    /// Whether a variant is the baseline, or comes to the same.
    pub fn is_baseline(&self, environment: &str, variant: &str) -> bool {
        let baseline = &self.results.layout.baseline;
        let record = self.results.record(environment, variant);
        variant == baseline || record.is_some_and(|record| record.same_as.as_ref() == Some(baseline))
    }
}

impl Figures {
    fn new(record: &Record, baseline: Option<&Record>) -> Result<Self, Failure> {
        let scores = record.scores();
        let baseline = baseline
            .filter(|own| own.variant != record.variant && record.same_as.as_ref() != Some(&own.variant));
        let baseline = baseline.map(Record::scores);
        let difference =
            baseline.as_ref().map(|own| statistics::paired_difference(&scores, own, RESAMPLES, SEED));
        let improvement = baseline
            .as_ref()
            .map(|own| statistics::probability_of_improvement(&scores, own, RESAMPLES, SEED));
        let successes = record.episodes.iter().filter(|episode| episode.success).count();
        let steps: Vec<f64> = record
            .episodes
            .iter()
            .filter_map(|episode| episode.steps_to_arrival)
            .map(|steps| steps as f64)
            .collect();
        let stayed = record.episodes.iter().map(Episode::score_if_stayed).sum::<f64>() / scores.len() as f64;
        Ok(Self {
            environment: record.made.environment.clone(),
            variant: record.variant.clone(),
            score: statistics::summarise(&scores, RESAMPLES, SEED)?,
            difference: difference.transpose()?,
            improvement: improvement.transpose()?,
            score_if_stayed: stayed,
            successes,
            success_interval: statistics::wilson_interval(successes, scores.len())?,
            numbered: record.episodes.iter().any(|episode| episode.task.is_some()),
            met_chance: record
                .episodes
                .iter()
                .filter(|episode| episode.chances.is_some_and(|n| n > 0))
                .count(),
            steps_to_arrive: (!steps.is_empty()).then(|| steps.iter().sum::<f64>() / steps.len() as f64),
            planning: record.planning,
            times: record.times.clone(),
        })
    }

    /// Milliseconds of a plan's share of the batch it was made in.
    pub fn ms_per_plan(&self) -> Option<f64> {
        self.planning.map(|planning| 1e3 * planning.seconds_per_plan)
    }

    /// Milliseconds of a replan made alone: mean over states. Where every plan is followed to its end there is none
    /// in force when the next is made, and all are made like the first.
    pub fn replan_ms(&self) -> Option<f64> {
        let times = self.times.as_ref()?;
        times.replan.or(times.cold).map(|time| time.mean_ms)
    }

    /// Milliseconds of a first plan made alone.
    pub fn cold_ms(&self) -> Option<f64> {
        self.times.as_ref()?.cold.map(|time| time.mean_ms)
    }
}

/// A figure to be shown.
pub struct Measure {
    /// Heading where it has a table of its own.
    pub title: &'static str,
    /// Heading where it is a column.
    pub column: &'static str,
    /// The figure's text; `None` where it has none.
    pub cell: fn(&Figures) -> Option<String>,
}

/// What is shown of each variant, most important first.
const MEASURES: [Measure; 6] = [
    Measure {
        title: "Score: mean [95 % bootstrap interval]",
        column: "score [95 % interval]",
        cell: |figures| Some(estimate(figures.score.mean, figures.score.mean_interval)),
    },
    Measure {
        title: "Success: episodes [95 % Wilson interval of their share]",
        column: "success [95 % interval]",
        cell: |figures| Some(success(figures)),
    },
    Measure {
        title: "Paired difference to the baseline (*) [95 % bootstrap interval]",
        column: "difference to *",
        cell: |figures| figures.difference.map(|d| signed_estimate(d.mean, d.mean_interval)),
    },
    Measure {
        title: "Score: interquartile mean [95 % bootstrap interval]",
        column: "interquartile mean",
        cell: |figures| {
            Some(estimate(figures.score.interquartile_mean, figures.score.interquartile_mean_interval))
        },
    },
    Measure {
        title: "Score if every episode had stayed from its first arrival on",
        column: "if stayed",
        cell: |figures| Some(format!("{:.1}", figures.score_if_stayed)),
    },
    Measure {
        title: "Steps to arrive, mean over the episodes that did",
        column: "steps to arrive",
        cell: |figures| figures.steps_to_arrive.map(|steps| format!("{steps:.0}")),
    },
];

/// Shown where there is chance.
const CHANCE: Measure = Measure {
    title: "Episodes in which something happened that is left to chance",
    column: "met chance",
    cell: |figures| {
        let share = 100.0 * figures.met_chance as f64 / figures.score.count as f64;
        Some(format!("{share:.1} %"))
    },
};

/// What planning took, as columns.
pub const PLANNING: [Measure; 2] = [
    Measure {
        title: "Rows of a plan",
        column: "rows",
        cell: |figures| figures.planning.map(|planning| planning.rows.to_string()),
    },
    Measure {
        title: "Milliseconds of a plan, made with others",
        column: "ms per plan",
        cell: |figures| figures.ms_per_plan().map(|ms| format!("{ms:.2}")),
    },
];

/// The figure's text, or a dash.
pub fn cell(measure: &Measure, figures: &Figures) -> String {
    (measure.cell)(figures).unwrap_or("-".into())
}

/// A mean with its interval, `-` where there is none.
pub fn estimate(mean: f64, interval: Option<Interval>) -> String {
    let interval = interval.map_or("-".into(), |i| format!("{:.1}, {:.1}", i.low, i.high));
    format!("{mean:.1} [{interval}]")
}

/// A difference with its interval.
pub fn signed_estimate(mean: f64, interval: Option<Interval>) -> String {
    let interval = interval.map_or("-".into(), |i| format!("{:+.1}, {:+.1}", i.low, i.high));
    format!("{mean:+.1} [{interval}]")
}

fn success(figures: &Figures) -> String {
    let (count, interval) = (figures.score.count, figures.success_interval);
    if figures.numbered {
        let share = 100.0 * figures.successes as f64 / count as f64;
        let [low, high] = [interval.low, interval.high].map(|end| 100.0 * end);
        return format!("{share:.1} % of {count} [{low:.1}, {high:.1}]");
    }
    format!("{} of {count} [{:.0}, {:.0} %]", figures.successes, 100.0 * interval.low, 100.0 * interval.high)
}
