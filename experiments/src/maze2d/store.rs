//! One file per maze, planner and executor: what makes a run resumable.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::planners::Row;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::protocol::{EpisodeRow, Protocol, Results};

/// Format of the files.
const FORMAT: u64 = 1;
/// Folder of the files.
const FOLDER: &str = "cells/";
/// The report; also what marks a folder as this command's where nothing has been scored in it.
pub const REPORT: &str = "report.html";

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

/// Whether a file of this name is written by this command and no other.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(FOLDER) || name == REPORT
}

/// Name of the file.
pub fn file_name(environment: &str, row: &Row) -> String {
    match row.plans() {
        true => format!("{FOLDER}{environment}/{}--{}.json", row.planner, row.executor),
        false => format!("{FOLDER}{environment}/{}.json", row.planner),
    }
}

/// What an earlier run left under this protocol; `None` where there is nothing or it was another protocol.
///
/// # Errors
/// [`Failure`] for a file that is damaged or of another format, naming it and the remedy.
pub fn read(folder: &Path, name: &str, protocol: &Protocol) -> Result<Option<Scored>, Failure> {
    let path = folder.join(name);
    let refused = |why: String| {
        let remedy = "remove it and it is made again, or start over with --force";
        Failure::refused(format!("{} {why}: {remedy}", path.display()))
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(format!("cannot be read ({error})"))),
    };
    let damaged = |why: String| refused(format!("is damaged ({why})"));
    let value: Value = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(other) => return Err(refused(format!("has format {other}, this program reads {FORMAT}"))),
        None => return Err(damaged("it has no `format`".into())),
    }
    let found = value.get("protocol").ok_or_else(|| damaged("it has no `protocol`".into()))?;
    // Through text, so that both sides were rounded alike.
    let wanted: Value = serde_json::to_string(protocol)
        .and_then(|text| serde_json::from_str(&text))
        .map_err(|error| Failure::broken(format!("cannot render the protocol: {error}")))?;
    if *found != wanted {
        return Ok(None);
    }
    #[derive(Deserialize)]
    struct Rest {
        episodes: Vec<EpisodeRow>,
        planning: Option<Planning>,
    }
    let Rest { episodes, planning } =
        serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    let seeds = (0..protocol.episodes as u64).map(|i| protocol.first_seed.wrapping_add(i));
    if !episodes.iter().map(|row| row.seed).eq(seeds) {
        return Err(damaged("its episodes are not those of its protocol".into()));
    }
    Ok(Some(Scored { results: Results { protocol: protocol.clone(), episodes }, planning }))
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// Those of the folder.
pub fn write(out: &OutputDir, name: &str, scored: &Scored) -> Result<(), Failure> {
    let Scored { results, planning } = scored;
    let value = json!({ "format": FORMAT, "protocol": results.protocol, "planning": planning,
        "episodes": results.episodes });
    out.write_json(name, &value)?;
    Ok(())
}
