//! Result folders compared episode by episode.

use serde::Serialize;

use super::figures::signed_estimate;
use super::{RESAMPLES, SEED};
use crate::failure::Failure;
use crate::picture::{self, Picture, Response};
use crate::resolve::short;
use crate::results::{Episode, Record, Results};
use crate::statistics::{self, Interval, Summary};
use crate::table::{Table, numbers, words};

/// A variant in an environment, of the first folder and of another.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The other folder.
    pub folder: String,
    /// Environment.
    pub environment: String,
    /// Variant of the first folder.
    pub variant: String,
    /// Variant of the other.
    pub other_variant: String,
    /// Mean scores, of the first folder and of the other, over the shared episodes.
    pub scores: [f64; 2],
    /// Score of the other minus score of the first, episode by episode.
    pub difference: Summary,
    /// Episodes that only the first, only the other, and both achieved.
    pub successes: [usize; 3],
    /// Episodes of which all is the same.
    pub same: usize,
    /// Episodes that have a seed in common and another start or goal: they are left out.
    pub unlike: usize,
    /// Differences one by one, where the benchmark normalises scores: those of several environments mean the same then.
    #[serde(skip)]
    normalised: Option<Vec<f64>>,
}

/// A variant over all environments that both folders have it in, where there are several.
#[derive(Clone, Debug, Serialize)]
pub struct Overall {
    /// The other folder.
    pub folder: String,
    /// Variant of the first folder.
    pub variant: String,
    /// Variant of the other.
    pub other_variant: String,
    /// How many environments.
    pub environments: usize,
    /// Score of the other minus score of the first, episode by episode; resamples are drawn environment by environment.
    pub difference: Summary,
}

/// All pairs.
#[derive(Clone, Debug, Serialize)]
pub struct Pairs {
    /// Name of the first folder.
    pub first: String,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Those of several environments together.
    pub overall: Vec<Overall>,
}

impl Pairs {
    /// Compares every other folder with the first: variants of the same name, or where no names are shared the
    /// baselines.
    ///
    /// # Errors
    /// [`Failure`] for folders that have no episode in common.
    pub fn new(folders: &[(String, Results)]) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        let Some(((first, own), others)) = folders.split_first() else {
            return Err(Failure::refused("name two folders of results to compare"));
        };
        for (folder, other) in others {
            let before = pairs.len();
            for (left, right) in matched(own, other) {
                pairs.extend(Pair::new(folder, left, right)?);
            }
            if pairs.len() == before {
                return Err(Failure::refused(format!(
                    "{first} and {folder} have no episode in common: compare results of the same environments, seeds, \
                     starts and goals"
                )));
            }
        }
        let overall = overall(&pairs)?;
        Ok(Self { first: first.clone(), pairs, overall })
    }

    /// The table.
    pub fn text(&self) -> String {
        let mut text = format!(
            "Differences to {}: the same episodes, 95 % bootstrap intervals; success: only there, only here, both\n\n",
            self.first
        );
        let mut table = Table::new([
            words("folder"),
            words("environment"),
            words("variant"),
            numbers("there"),
            numbers("here"),
            numbers("difference [95 % interval]"),
            numbers("success"),
            numbers("same episodes"),
        ]);
        for pair in &self.pairs {
            let variant = named(&pair.variant, &pair.other_variant);
            let [there, here] = pair.scores.map(|score| format!("{score:.1}"));
            let [only_there, only_here, both] = pair.successes;
            table.row([
                pair.folder.clone(),
                short(&pair.environment),
                variant,
                there,
                here,
                signed_estimate(pair.difference.mean, pair.difference.mean_interval),
                format!("{only_there}, {only_here}, {both}"),
                format!("{} of {}", pair.same, pair.difference.count),
            ]);
        }
        for one in &self.overall {
            let Overall { folder, variant, other_variant, environments, difference } = one;
            let dash = || "-".to_owned();
            table.row([
                folder.clone(),
                format!("all {environments}"),
                named(variant, other_variant),
                dash(),
                dash(),
                signed_estimate(difference.mean, difference.mean_interval),
                dash(),
                dash(),
            ]);
        }
        text += &table.to_string();
        let unlike: usize = self.pairs.iter().map(|pair| pair.unlike).sum();
        if unlike > 0 {
            text += &format!(
                "\n{unlike} episodes of the same seed have another start or goal and are left out\n"
            );
        }
        text
    }

    /// The comparison as one HTML file.
    pub fn page(&self) -> String {
        let body = crate::document::escape_lines(&self.text());
        let title = format!("Differences to {}", self.first);
        crate::document::head(&title)
            + &self.picture().text
            + &format!("<pre>{body}</pre>\n")
            + crate::document::END
    }

    /// Every difference with its interval.
    pub fn picture(&self) -> Picture {
        let response = |pair: &Pair| Response {
            label: pair.other_variant.clone(),
            score: pair.difference.mean,
            interval: pair.difference.bar(),
            configured: false,
            note: short(&pair.environment),
        };
        let responses: Vec<Response> = self.pairs.iter().map(response).collect();
        let zero = Interval { low: 0.0, high: 0.0 };
        picture::responses(&format!("Differences to {}", self.first), "variant", &responses, 0.0, zero)
    }
}

fn named(variant: &str, other: &str) -> String {
    if variant == other { variant.to_owned() } else { format!("{other} against {variant}") }
}

/// Every variant of every folder over its environments, where there are several and all of them normalise scores.
fn overall(pairs: &[Pair]) -> Result<Vec<Overall>, Failure> {
    let key = |pair: &Pair| (pair.folder.clone(), pair.variant.clone(), pair.other_variant.clone());
    let mut keys = Vec::new();
    for pair in pairs {
        if !keys.contains(&key(pair)) {
            keys.push(key(pair));
        }
    }
    let mut all = Vec::new();
    for own in keys {
        let of = pairs.iter().filter(|pair| key(pair) == own).map(|pair| pair.normalised.as_deref());
        let Some(tasks) = of.collect::<Option<Vec<&[f64]>>>().filter(|tasks| tasks.len() > 1) else {
            continue;
        };
        let difference = statistics::summarise_tasks(&tasks, RESAMPLES, SEED)?;
        let (folder, variant, other_variant) = own;
        all.push(Overall { folder, variant, other_variant, environments: tasks.len(), difference });
    }
    Ok(all)
}

fn matched<'a>(own: &'a Results, other: &'a Results) -> Vec<(&'a Record, &'a Record)> {
    let named = own.records.iter().filter(|record| record.same_as.is_none());
    let same: Vec<_> = named
        .filter_map(|record| Some((record, other.record(&record.made.environment, &record.variant)?)))
        .collect();
    if !same.is_empty() {
        return same;
    }
    let environments = own.layout.environments.iter();
    environments.filter_map(|id| Some((own.baseline(id)?, other.baseline(id)?))).collect()
}

impl Pair {
    /// `None` where no episode is shared.
    fn new(folder: &str, left: &Record, right: &Record) -> Result<Option<Self>, Failure> {
        let seeded = |episode: &Episode| {
            Some((episode.clone(), right.episodes.iter().find(|r| r.seed == episode.seed)?.clone()))
        };
        let seeded: Vec<(Episode, Episode)> = left.episodes.iter().filter_map(seeded).collect();
        let alike = |(l, r): &&(Episode, Episode)| l.start == r.start && l.goal == r.goal;
        let shared: Vec<&(Episode, Episode)> = seeded.iter().filter(alike).collect();
        if shared.is_empty() {
            return Ok(None);
        }
        let scores: [Vec<f64>; 2] = [
            shared.iter().map(|(l, _)| l.score()).collect(),
            shared.iter().map(|(_, r)| r.score()).collect(),
        ];
        let count =
            |wanted: [bool; 2]| shared.iter().filter(|(l, r)| [l.success, r.success] == wanted).count();
        Ok(Some(Self {
            folder: folder.to_owned(),
            environment: left.made.environment.clone(),
            variant: left.variant.clone(),
            other_variant: right.variant.clone(),
            difference: statistics::paired_difference(&scores[1], &scores[0], RESAMPLES, SEED)?,
            scores: scores.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64),
            successes: [count([true, false]), count([false, true]), count([true, true])],
            normalised: shared.iter().map(|(l, r)| Some(r.score? - l.score?)).collect(),
            same: shared.iter().filter(|(l, r)| l == r).count(),
            unlike: seeded.len() - shared.len(),
        }))
    }
}
