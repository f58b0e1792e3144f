//! The files of a folder of results.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use forethought_envs::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Episode, Foretold, Layout, Made, Planning, Record, Results, Times, csv, difference, plans};
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::placed::Ends;

/// One line per episode.
pub const EPISODES: &str = "episodes.csv";
/// One line for the plans of an episode of which the same was foretold; only where something was.
pub const PLANS: &str = "plans.csv";
/// What made them.
pub const PROTOCOL: &str = "protocol.json";
/// Folder of episodes of a variant of which not all are there yet.
pub const UNFINISHED: &str = "unfinished/";
/// Source of variants whose settings are written as changes of the environment's.
const CHECKPOINT: &str = "checkpoint";
const FORMAT: u64 = 1;
/// Bytes of either file at most: several times what the largest runs leave.
const MOST_PROTOCOL: u64 = 1 << 26;
const MOST_EPISODES: u64 = 1 << 30;

/// Whether a file of this name marks a folder as one of results.
pub fn is_ours(name: &str) -> bool {
    name == PROTOCOL || name.starts_with(UNFINISHED)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    format: u64,
    first_seed: u64,
    episodes: usize,
    #[serde(default, skip_serializing_if = "Ends::is_free")]
    ends: Ends,
    layout: Layout,
    environments: BTreeMap<String, Place>,
    variants: Vec<Entry>,
}

/// What the variants of an environment share.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    layout_hash: Option<String>,
    #[serde(default)]
    settings: Value,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    variant: String,
    environment: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Same { same_as: String },
    Own(Box<Own>),
}

#[derive(Serialize, Deserialize)]
struct Own {
    commit: String,
    version: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    device: String,
    /// What is changed of the environment's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Map<String, Value>>,
    /// All settings, where the environment's do not act.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    settings: Value,
    /// SHA-256 of the variant's lines. Missing from records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    episodes_sha256: Option<String>,
    /// The same of its lines about plans, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plans_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planning: Option<Planning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

/// What a folder holds; `None` where it holds no results. A variant is there only with all its episodes, as they were
/// written: those that are not are named ([`Results::unsound`]).
///
/// # Errors
/// [`Failure`] for files that cannot be read, are damaged or of another format, naming them and the remedy.
pub fn read(folder: &Path) -> Result<Option<Results>, Failure> {
    let path = folder.join(PROTOCOL);
    let text = match read_text(&path, MOST_PROTOCOL) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(refused(&path, &format!("cannot be read ({error})"))),
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| damaged(&path, &error.to_string()))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(other) => {
            return Err(refused(&path, &format!("has format {other}, this program reads {FORMAT}")));
        }
        None => return Err(damaged(&path, "it has no `format`")),
    }
    let protocol: Protocol =
        serde_json::from_value(value).map_err(|error| damaged(&path, &error.to_string()))?;
    let mut episodes = episodes(&folder.join(EPISODES))?;
    let mut plans = foretold(&folder.join(PLANS))?;
    let Protocol { first_seed, episodes: count, ends, layout, environments, variants, .. } = protocol;
    let mut results = Results { first_seed, episodes: count, ends, layout, ..Results::default() };
    for Entry { variant, environment, content } in variants {
        let record = match content {
            Content::Same { same_as } => {
                let Some(own) = results.record(&environment, &same_as) else {
                    if results.unsound.contains(&(environment.clone(), same_as.clone())) {
                        continue;
                    }
                    return Err(damaged(
                        &path,
                        &format!("`{variant}` is the same as `{same_as}`, which is not there"),
                    ));
                };
                Record { variant, same_as: Some(same_as), ..own.clone() }
            }
            Content::Own(own) => {
                let Some(rows) = episodes.remove(&(environment.clone(), variant.clone())) else {
                    results.unsound.push((environment, variant));
                    continue;
                };
                let seeds = (0..count as u64).map(|i| first_seed.wrapping_add(i));
                if !rows.iter().map(|row| row.seed).eq(seeds) {
                    let why =
                        format!("the episodes of `{variant}` in {environment} are not those of the protocol");
                    return Err(damaged(&folder.join(EPISODES), &why));
                }
                // Lines about plans that the protocol does not speak of are those of an earlier run.
                let plans = plans.remove(&(environment.clone(), variant.clone()));
                let plans = plans.filter(|_| own.plans_sha256.is_some()).unwrap_or_default();
                let sound = |seal: &String| lines_hash(&environment, &variant, &rows) == *seal;
                let plans_sound = |seal: &String| plans_hash(&environment, &variant, &plans) == *seal;
                if !(own.episodes_sha256.as_ref().is_none_or(sound)
                    && own.plans_sha256.as_ref().is_none_or(plans_sound))
                {
                    results.unsound.push((environment, variant));
                    continue;
                }
                let place = environments.get(&environment);
                Record { foretold: plans, ..own.record(variant, environment, place, rows) }
            }
        };
        results.records.push(record);
    }
    Ok(Some(results))
}

fn episodes(path: &Path) -> Result<BTreeMap<(String, String), Vec<Episode>>, Failure> {
    let mut all: BTreeMap<(String, String), Vec<Episode>> = BTreeMap::new();
    let text = match read_text(path, MOST_EPISODES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(all),
        Err(error) => return Err(refused(path, &format!("cannot be read ({error})"))),
    };
    let mut lines = text.lines();
    let header = lines.next().map(|header| header.strip_suffix(csv::NUMBERED).unwrap_or(header));
    if header != Some(csv::HEADER) {
        return Err(damaged(path, &format!("its first line is not `{}`", csv::HEADER)));
    }
    for (number, line) in lines.enumerate() {
        let (environment, variant, episode) =
            csv::parse(line).map_err(|why| damaged(path, &format!("line {}: {why}", number + 2)))?;
        all.entry((environment, variant)).or_default().push(episode);
    }
    Ok(all)
}

impl Own {
    fn record(
        self,
        variant: String,
        environment: String,
        place: Option<&Place>,
        episodes: Vec<Episode>,
    ) -> Record {
        let settings = match (self.set, place) {
            (Some(changes), Some(place)) => difference::apply(&place.settings, &changes),
            _ => self.settings,
        };
        let made = Made {
            environment,
            layout_hash: place.and_then(|place| place.layout_hash.clone()),
            source: self.source,
            checkpoint: self.checkpoint,
            device: self.device,
            settings,
        };
        let Self { commit, version, planning, times, .. } = self;
        Record {
            variant,
            same_as: None,
            made,
            commit,
            version,
            planning,
            times,
            episodes,
            foretold: Vec::new(),
        }
    }
}

/// What was foretold, by environment and variant; nothing where there is no such file.
fn foretold(path: &Path) -> Result<BTreeMap<(String, String), Vec<Foretold>>, Failure> {
    let mut all: BTreeMap<(String, String), Vec<Foretold>> = BTreeMap::new();
    let text = match read_text(path, MOST_EPISODES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(all),
        Err(error) => return Err(refused(path, &format!("cannot be read ({error})"))),
    };
    let mut lines = text.lines();
    if lines.next() != Some(plans::HEADER) {
        return Err(damaged(path, &format!("its first line is not `{}`", plans::HEADER)));
    }
    for (number, line) in lines.enumerate() {
        let (environment, variant, foretold) =
            plans::parse(line).map_err(|why| damaged(path, &format!("line {}: {why}", number + 2)))?;
        all.entry((environment, variant)).or_default().push(foretold);
    }
    Ok(all)
}

/// SHA-256, hexadecimal, of the lines of a variant's episodes.
fn lines_hash(environment: &str, variant: &str, episodes: &[Episode]) -> String {
    hash(episodes.iter().map(|episode| csv::line(environment, variant, episode)))
}

/// The same of what was foretold in them.
fn plans_hash(environment: &str, variant: &str, foretold: &[Foretold]) -> String {
    hash(foretold.iter().map(|foretold| plans::line(environment, variant, foretold)))
}

fn hash(lines: impl Iterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line + "\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(path: &Path, why: &str) -> Failure {
    let remedy = "name another folder, or start over with --force";
    Failure::refused(format!("{} {why}: {remedy}", path.display()))
}

fn damaged(path: &Path, why: &str) -> Failure {
    refused(path, &format!("is damaged ({why})"))
}

/// Writes the files, each whole or not at all; the protocol last, so that after a fault before it, it names nothing that
/// is not there. The file about plans is written only where something was foretold.
///
/// # Errors
/// Those of the folder.
pub fn write(out: &OutputDir, results: &Results) -> Result<(), Failure> {
    let numbered = results.records.iter().flat_map(|record| &record.episodes).any(|one| one.task.is_some());
    let mut text = String::from(csv::HEADER) + if numbered { csv::NUMBERED } else { "" } + "\n";
    let mut told = String::new();
    let mut environments: BTreeMap<String, Place> = BTreeMap::new();
    let mut variants = Vec::new();
    // What is the same as another comes behind it.
    let (own, same): (Vec<&Record>, Vec<&Record>) = results.records.iter().partition(|r| r.same_as.is_none());
    for record in own.iter().chain(&same) {
        let made = &record.made;
        let place = environments.entry(made.environment.clone()).or_default();
        place.layout_hash.clone_from(&made.layout_hash);
        if place.settings.is_null() && made.source == CHECKPOINT {
            place.settings.clone_from(&made.settings);
        }
        let content = match &record.same_as {
            Some(same_as) => Content::Same { same_as: same_as.clone() },
            None => {
                for episode in &record.episodes {
                    text += &csv::line(&made.environment, &record.variant, episode);
                    text += if numbered && episode.task.is_none() { ",,\n" } else { "\n" };
                }
                for foretold in &record.foretold {
                    told += &(plans::line(&made.environment, &record.variant, foretold) + "\n");
                }
                Content::Own(Box::new(Own::of(record, place)))
            }
        };
        let (variant, environment) = (record.variant.clone(), made.environment.clone());
        variants.push(Entry { variant, environment, content });
    }
    out.write_text(EPISODES, &text)?;
    if !told.is_empty() {
        out.write_text(PLANS, &format!("{}\n{told}", plans::HEADER))?;
    }
    let Results { first_seed, episodes, ends, layout, .. } = results;
    let (first_seed, episodes, ends, layout) = (*first_seed, *episodes, ends.clone(), layout.clone());
    out.write_json(
        PROTOCOL,
        &Protocol { format: FORMAT, first_seed, episodes, ends, layout, environments, variants },
    )?;
    Ok(())
}

impl Own {
    fn of(record: &Record, place: &Place) -> Self {
        let (made, shared) = (&record.made, record.made.source == CHECKPOINT);
        Self {
            commit: record.commit.clone(),
            version: record.version.clone(),
            source: made.source.clone(),
            checkpoint: made.checkpoint.clone(),
            device: made.device.clone(),
            set: shared.then(|| difference::of(&place.settings, &made.settings)),
            settings: if shared { Value::Null } else { made.settings.clone() },
            episodes_sha256: Some(lines_hash(&made.environment, &record.variant, &record.episodes)),
            plans_sha256: (!record.foretold.is_empty())
                .then(|| plans_hash(&made.environment, &record.variant, &record.foretold)),
            planning: record.planning,
            times: record.times.clone(),
        }
    }
}
