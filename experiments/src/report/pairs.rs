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
}

/// All pairs.
#[derive(Clone, Debug, Serialize)]
pub struct Pairs {
    /// Name of the first folder.
    pub first: String,
    /// The pairs.
    pub pairs: Vec<Pair>,
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
        Ok(Self { first: first.clone(), pairs })
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
            let variant = match pair.variant == pair.other_variant {
                true => pair.variant.clone(),
                false => format!("{} against {}", pair.other_variant, pair.variant),
            };
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
            same: shared.iter().filter(|(l, r)| l == r).count(),
            unlike: seeded.len() - shared.len(),
        }))
    }
}
