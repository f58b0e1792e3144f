//! Scored episodes, one file per configuration: what makes a long run resumable.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use forethought_agent::EpisodeRecord;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::OutputDir;
use crate::protocol::{EpisodeRow, Protocol, Results};

/// Format of the files.
const FORMAT: u64 = 1;

/// What planning took, over all episodes; they are planned together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planning {
    /// Plans made.
    pub plans: usize,
    /// Most rows of a plan's scheduling matrix.
    pub rows: usize,
    /// Seconds of one plan, on average.
    pub seconds_per_plan: f64,
}

/// What one file holds.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Protocol and episodes.
    pub results: Results,
    /// `None` for policies that plan nothing.
    pub planning: Option<Planning>,
}

/// What planning took in these episodes.
pub fn planning_of(records: &[EpisodeRecord]) -> Planning {
    let plans: Vec<_> = records.iter().flat_map(|record| &record.plans).collect();
    Planning {
        plans: plans.len(),
        rows: plans.iter().map(|plan| plan.rows).max().unwrap_or(0),
        seconds_per_plan: plans.iter().map(|plan| plan.took_s).sum::<f64>() / plans.len().max(1) as f64,
    }
}

/// What an earlier run left under this protocol; `None` where there is nothing or it was another protocol.
///
/// # Errors
/// [`Failure`] for a file that is damaged or of another format, naming it and the remedy.
pub fn read(folder: &Path, name: &str, protocol: &Protocol) -> Result<Option<Scored>, Failure> {
    #[derive(Deserialize)]
    struct Rest {
        episodes: Vec<EpisodeRow>,
        planning: Option<Planning>,
    }
    let Some(Rest { episodes, planning }) = read_under(folder, name, protocol)? else { return Ok(None) };
    let seeds = (0..protocol.episodes as u64).map(|i| protocol.first_seed.wrapping_add(i));
    if !episodes.iter().map(|row| row.seed).eq(seeds) {
        return Err(damaged(&folder.join(name), "its episodes are not those of its protocol"));
    }
    Ok(Some(Scored { results: Results { protocol: protocol.clone(), episodes }, planning }))
}

/// The same for files with other content beside their `format` and `protocol`.
///
/// # Errors
/// As [`read`].
pub fn read_under<P, T>(folder: &Path, name: &str, protocol: &P) -> Result<Option<T>, Failure>
where
    P: Serialize + ?Sized,
    T: serde::de::DeserializeOwned,
{
    let path = folder.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
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
    let found = value.get("protocol").ok_or_else(|| damaged(&path, "it has no `protocol`"))?;
    // Through text, so that both sides were rounded alike.
    let wanted: Value = serde_json::to_string(protocol)
        .and_then(|text| serde_json::from_str(&text))
        .map_err(|error| Failure::broken(format!("cannot render the protocol: {error}")))?;
    if *found != wanted {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(|error| damaged(&path, &error.to_string()))
}

fn refused(path: &Path, why: &str) -> Failure {
    let remedy = "remove it and it is made again, or start over with --force";
    Failure::refused(format!("{} {why}: {remedy}", path.display()))
}

fn damaged(path: &Path, why: &str) -> Failure {
    refused(path, &format!("is damaged ({why})"))
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// Those of the folder.
pub fn write(out: &OutputDir, name: &str, scored: &Scored) -> Result<(), Failure> {
    let Scored { results, planning } = scored;
    write_under(out, name, &results.protocol, json!({ "planning": planning, "episodes": results.episodes }))
}

/// Writes `content`, an object, with its format and protocol: what [`read_under`] reads.
///
/// # Errors
/// Those of the folder.
pub fn write_under<P>(out: &OutputDir, name: &str, protocol: &P, content: Value) -> Result<(), Failure>
where
    P: Serialize + ?Sized,
{
    let mut value = json!({ "format": FORMAT, "protocol": protocol });
    if let (Value::Object(value), Value::Object(content)) = (&mut value, content) {
        value.extend(content);
    }
    out.write_json(name, &value)?;
    Ok(())
}
