//! What is varied, and what came of it.

use serde::Serialize;

use super::preset;
use crate::arms::{Agenda, Arm};
use crate::failure::Failure;
use crate::figures::Figures;
use crate::scored::Scored;
use crate::scoring::{Episodes, RESAMPLES};

/// Format of the summary.
const FORMAT: u64 = 1;
/// Settings that nothing but training or data reads: with a trained checkpoint all arms would be the same.
const OF_TRAINING: [&str; 4] = ["environment", "data", "model", "train"];

/// One setting and the arms that differ in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    /// Name of the preset, or the setting.
    pub name: String,
    /// What it is, in a line.
    pub about: Option<String>,
    /// What the arms' labels are values of.
    pub axis: String,
    /// The arms.
    pub arms: Vec<Arm>,
}

/// All studies with their figures.
#[derive(Debug, Serialize)]
pub struct Ablation {
    format: u64,
    /// Environment id.
    pub environment: String,
    /// SHA-256 of the checkpoint's weights.
    pub checkpoint: String,
    /// First seed; episode `i` has seed `first_seed + i`, for the environment and for the planner's noise.
    pub first_seed: u64,
    /// Episodes of each arm.
    pub episodes: usize,
    /// Device of the planner.
    pub device: String,
    /// Version of this program.
    pub code_version: String,
    /// Resamples of the bootstrap intervals.
    pub resamples: usize,
    /// The settings as configured.
    pub configured: ArmFigures,
    /// What was varied.
    pub studies: Vec<StudyFigures>,
}

/// One study.
#[derive(Debug, Serialize)]
pub struct StudyFigures {
    /// [`Study::name`].
    pub name: String,
    /// [`Study::about`].
    pub about: Option<String>,
    /// [`Study::axis`].
    pub axis: String,
    /// Arms, in order.
    pub arms: Vec<ArmFigures>,
}

/// One arm.
#[derive(Clone, Debug, Serialize)]
pub struct ArmFigures {
    /// Its value of the setting.
    pub label: String,
    /// Settings changed.
    pub settings: Vec<String>,
    /// Whether they change nothing: the arm is the configuration itself.
    pub configured: bool,
    /// File of its episodes.
    pub file: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Studies of these presets, then one for each setting of `--vary KEY=V1,V2,...`.
///
/// # Errors
/// [`Failure`] for nothing at all, an unknown preset, or a malformed variation, with the remedy.
pub fn select(names: &[String], vary: &[String]) -> Result<Vec<Study>, Failure> {
    let mut studies = preset::presets(names)?;
    for text in vary {
        let (key, values) = parse(text)?;
        let arm = |value: String| Arm { settings: vec![format!("{key}={value}")], label: value };
        let arms: Vec<Arm> = values.into_iter().map(arm).collect();
        match studies.iter_mut().find(|study| study.name == key) {
            Some(study) => study.arms.extend(arms),
            None => studies.push(Study { name: key.clone(), about: None, axis: key, arms }),
        }
    }
    if studies.is_empty() {
        return Err(Failure::refused(format!(
            "nothing to vary: name a setting and its values, for example --vary plan.completions=1,4,16, or a preset \
             with --preset; there are: {}",
            preset::names()
        )));
    }
    Ok(studies)
}

fn parse(text: &str) -> Result<(String, Vec<String>), Failure> {
    let refuse = |why: &str| {
        let remedy = "write it as --vary KEY=V1,V2, for example --vary plan.completions=1,4,16";
        Err(Failure::refused(format!("`--vary {text}`: {why}; {remedy}")))
    };
    let Some((key, values)) = text.split_once('=') else { return refuse("there is no `=`") };
    let key = key.trim();
    if key.is_empty() {
        return refuse("there is no key");
    }
    let section = key.split('.').next().unwrap_or(key);
    if OF_TRAINING.contains(&section) {
        return refuse(&format!(
            "`{key}` does not act on a trained checkpoint, only settings under `plan`, `executor` and `rollout` do"
        ));
    }
    let values = split(values);
    if values.iter().any(String::is_empty) {
        return refuse("a value is empty");
    }
    Ok((key.to_owned(), values))
}

/// Splits at commas outside of brackets and quotes.
fn split(text: &str) -> Vec<String> {
    let (mut depth, mut quote, mut values) = (0_usize, None, vec![String::new()]);
    for c in text.chars() {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(c),
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(value) = values.last_mut() {
            value.push(c);
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
}

impl Ablation {
    /// Figures of all studies. The first arm of the agenda is the configuration itself, the others are those of
    /// the studies in order; `scored` are the agenda's tasks.
    ///
    /// # Errors
    /// Those of the statistics: a score that is not finite.
    pub fn new(
        studies: Vec<Study>,
        episodes: Episodes,
        device: String,
        agenda: &Agenda,
        scored: &[Scored],
    ) -> Result<Self, Failure> {
        let own = scored.first().map(|scored| scored.results.scores()).unwrap_or_default();
        let mut tasks = Vec::new();
        for (at, (task, scored)) in agenda.tasks.iter().zip(scored).enumerate() {
            tasks.push((task, Figures::new(scored, (at > 0).then_some(own.as_slice()))?));
        }
        let figures = |arm: Arm, place: usize| -> Option<ArmFigures> {
            let (task, figures) = tasks.get(place)?;
            let Arm { label, settings } = arm;
            let (file, figures) = (task.file.clone(), figures.clone());
            Some(ArmFigures { label, settings, configured: place == 0, file, figures })
        };
        let lost = || Failure::broken("no episodes of the settings as configured");
        let configured = figures(Arm::new("as configured", &[]), 0).ok_or_else(lost)?;
        let mut places = agenda.places.iter().copied().skip(1);
        let mut studied = Vec::new();
        for Study { name, about, axis, arms } in studies {
            let arms = arms.into_iter().zip(&mut places).filter_map(|(arm, place)| figures(arm, place));
            studied.push(StudyFigures { name, about, axis, arms: arms.collect() });
        }
        Ok(Self {
            format: FORMAT,
            environment: agenda.spec.id.clone(),
            checkpoint: agenda.loaded.hash.clone(),
            first_seed: episodes.first_seed,
            episodes: episodes.count,
            device,
            code_version: env!("CARGO_PKG_VERSION").into(),
            resamples: RESAMPLES,
            configured,
            studies: studied,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_outside_of_brackets_and_quotes() {
        assert_eq!(split("1, 4,16"), ["1", "4", "16"]);
        assert_eq!(split("[4],[2,4],\"a,b\""), ["[4]", "[2,4]", "\"a,b\""]);
        assert_eq!(split("1,,2"), ["1", "", "2"]);
        assert_eq!(split("]],3"), ["]]", "3"]);
    }

    #[test]
    fn variations_of_one_setting_are_one_study() {
        let vary = ["plan.levels=3", "plan.samples=1,2", "plan.levels=6"].map(str::to_owned);
        let studies = select(&[], &vary).unwrap();
        let shape: Vec<(&str, usize)> = studies.iter().map(|s| (s.name.as_str(), s.arms.len())).collect();
        assert_eq!(shape, [("plan.levels", 2), ("plan.samples", 2)]);
        assert_eq!(studies[0].arms[1], Arm::new("6", &["plan.levels=6"]));
    }
}
