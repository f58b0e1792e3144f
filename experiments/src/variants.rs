//! What is compared: rows of a suite, by the planners, controllers and checkpoints asked for, with settings varied.

use std::path::PathBuf;

use serde::Deserialize;

use crate::configuration::{CONTROLLER, OF_TRAINING};
use crate::failure::Failure;
use crate::resolve::unknown;
use crate::results::{Arm, Group};
use crate::shipped;
use crate::suite::{Source, Suite, SuiteVariant};

/// Every preset that does not stand apart.
const ALL: &str = "all";

/// One thing to be scored in every environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Name, its own.
    pub name: String,
    /// Planner or policy.
    pub planner: String,
    /// Where commands come from.
    pub source: Source,
    /// What carries plans out; that of the settings unless named.
    pub controller: Option<String>,
    /// Settings laid over all others, as `--set` takes them.
    pub set: Vec<String>,
    /// Checkpoint; that of the environment unless named.
    pub checkpoint: Option<PathBuf>,
    /// What it is, in a line.
    pub about: String,
    /// Whether it is a row by itself, or a value of a varied setting.
    pub row: bool,
}

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Whether the suite was named.
    pub suite: bool,
    /// Planners by name.
    pub planners: Option<Vec<String>>,
    /// Controllers by name.
    pub controllers: Option<Vec<String>>,
    /// Checkpoints.
    pub checkpoints: Vec<PathBuf>,
    /// Presets by name.
    pub presets: Vec<String>,
    /// `KEY=V1,V2`.
    pub vary: Vec<String>,
    /// Whether to be confined to what the suite calls quick.
    pub quick: bool,
    /// Controller of the settings, for the name of what has none of its own.
    pub own_controller: String,
}

/// What is to be scored, and how it is shown.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// All variants.
    pub variants: Vec<Variant>,
    /// What was varied.
    pub groups: Vec<Group>,
    /// What the others are compared with.
    pub baseline: String,
}

/// A setting that is varied: label and settings of each value.
struct Study {
    group: Group,
    sets: Vec<Vec<String>>,
}

/// Chooses from a suite.
///
/// # Errors
/// [`Failure`] for a name that there is not, with the nearest there is, and for nothing that could be varied.
pub fn choose(suite: &Suite, asked: &Asked) -> Result<Chosen, Failure> {
    let studies = studies(&asked.presets, &asked.vary)?;
    let rows = with_controllers(rows(suite, asked, !studies.is_empty())?, suite, asked)?;
    let mut variants: Vec<Variant> = Vec::new();
    let checkpoints: Vec<Option<&PathBuf>> = match asked.checkpoints.as_slice() {
        [] => vec![None],
        some => some.iter().map(Some).collect(),
    };
    for (at, checkpoint) in checkpoints.iter().enumerate() {
        for row in &rows {
            let own = row.source == Source::Checkpoint;
            if !own && at > 0 {
                continue;
            }
            let name = match (&row.controller, own) {
                (None, true) => format!("{}, {}", row.planner, asked.own_controller),
                _ => row.name(),
            };
            let name = match checkpoint.filter(|_| own && checkpoints.len() > 1) {
                Some(path) => format!("{}: {name}", path.display()),
                None => name,
            };
            variants.push(Variant {
                name,
                planner: row.planner.clone(),
                source: row.source,
                controller: row.controller.clone(),
                set: row.set.clone(),
                checkpoint: checkpoint.filter(|_| own).cloned(),
                about: row.about.clone(),
                row: true,
            });
        }
    }
    let first = variants.first().map(|variant| variant.name.clone());
    let known = variants.iter().any(|variant| variant.name == suite.baseline);
    let baseline = if known { suite.baseline.clone() } else { first.unwrap_or_default() };
    let groups = vary(&mut variants, studies)?;
    Ok(Chosen { variants, groups, baseline })
}

fn rows(suite: &Suite, asked: &Asked, varied: bool) -> Result<Vec<SuiteVariant>, Failure> {
    let known = suite.planners();
    let quick = (asked.quick && !suite.quick.planners.is_empty()).then_some(&suite.quick.planners);
    if let Some(typed) = asked.planners.iter().flatten().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--planners", "planner", typed, &known));
    }
    let of = |names: &[String]| -> Vec<SuiteVariant> {
        let wanted = |variant: &&SuiteVariant| names.contains(&variant.planner);
        suite.variants.iter().filter(wanted).cloned().collect()
    };
    let chosen = match &asked.planners {
        Some(names) => of(names),
        None if varied => {
            suite.variants.iter().filter(|variant| variant.name() == suite.baseline).cloned().collect()
        }
        None if asked.suite => quick.map_or_else(|| suite.variants.clone(), |names| of(names)),
        None => suite.variants.iter().filter(|variant| variant.usual).cloned().collect(),
    };
    if asked.suite {
        return Ok(chosen);
    }
    // Without a suite a planner has one row, by the controller that the settings name.
    let mut rows: Vec<SuiteVariant> = Vec::new();
    for mut variant in chosen {
        if !rows.iter().any(|row| row.planner == variant.planner) {
            if variant.source == Source::Checkpoint {
                variant.controller = None;
            }
            rows.push(variant);
        }
    }
    Ok(rows)
}

/// Every planner with each of the controllers asked for, as the suite has them or with the name exchanged.
fn with_controllers(
    rows: Vec<SuiteVariant>,
    suite: &Suite,
    asked: &Asked,
) -> Result<Vec<SuiteVariant>, Failure> {
    let Some(controllers) = &asked.controllers else { return Ok(rows) };
    let known = forethought_policies::CONTROLLERS;
    if let Some(typed) = controllers.iter().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--controller", "controller", typed, &known));
    }
    let mut all: Vec<SuiteVariant> = Vec::new();
    for row in rows {
        if row.source == Source::Policy {
            all.push(row);
        } else if !all.iter().any(|other| other.planner == row.planner) {
            for controller in controllers {
                let own = |other: &&SuiteVariant| {
                    other.planner == row.planner && other.controller.as_ref() == Some(controller)
                };
                let exchanged = || SuiteVariant { controller: Some(controller.clone()), ..row.clone() };
                all.push(suite.variants.iter().find(own).cloned().unwrap_or_else(exchanged));
            }
        }
    }
    Ok(all)
}

/// Appends the values of every study to every row that has settings.
fn vary(variants: &mut Vec<Variant>, studies: Vec<Study>) -> Result<Vec<Group>, Failure> {
    let bases: Vec<Variant> = variants.iter().filter(|v| v.source == Source::Checkpoint).cloned().collect();
    if bases.is_empty() && !studies.is_empty() {
        return Err(Failure::refused(
            "--vary: none of the planners has settings: name one that plans with a checkpoint",
        ));
    }
    let mut groups = Vec::new();
    for base in &bases {
        for Study { group, sets } in &studies {
            let mut group = group.clone();
            if bases.len() > 1 {
                group.name = format!("{} ({})", group.name, base.name);
            }
            for (arm, set) in group.arms.iter_mut().zip(sets) {
                arm.variant = set.join(",");
                if bases.len() > 1 {
                    arm.variant = format!("{}, {}", base.name, arm.variant);
                }
                if !variants.iter().any(|variant| variant.name == arm.variant) {
                    let (name, set) = (arm.variant.clone(), base.set.iter().chain(set).cloned().collect());
                    variants.push(Variant { name, set, row: false, ..base.clone() });
                }
            }
            groups.push(group);
        }
    }
    Ok(groups)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presets {
    presets: Vec<Preset>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    name: String,
    about: String,
    axis: String,
    /// Whether `all` leaves it out.
    #[serde(default)]
    apart: bool,
    arms: Vec<PresetArm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetArm {
    label: String,
    set: Vec<String>,
}

fn presets() -> Result<Vec<Preset>, Failure> {
    let presets: Result<Presets, _> = toml::from_str(shipped::PRESETS);
    Ok(presets.map_err(|error| Failure::broken(format!("the presets: {error}")))?.presets)
}

/// The presets there are, for messages and help.
pub fn preset_names() -> String {
    let names = presets().unwrap_or_default().into_iter().map(|preset| preset.name);
    names.chain([ALL.to_owned()]).collect::<Vec<_>>().join(", ")
}

/// Presets in the project's order, then one study for each setting of `--vary KEY=V1,V2`.
fn studies(names: &[String], varied: &[String]) -> Result<Vec<Study>, Failure> {
    let presets = presets()?;
    let known: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).chain([ALL]).collect();
    if let Some(typed) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown("--preset", "preset", typed, &known));
    }
    let wanted =
        |preset: &&Preset| names.iter().any(|name| *name == preset.name || (name == ALL && !preset.apart));
    let mut studies: Vec<Study> = presets.iter().filter(wanted).map(Preset::study).collect();
    for text in varied {
        let (key, values) = parse(text)?;
        let arm = |label: &String| Arm { label: label.clone(), variant: String::new() };
        let (arms, sets): (Vec<Arm>, Vec<Vec<String>>) =
            values.iter().map(|value| (arm(value), vec![format!("{key}={value}")])).unzip();
        match studies.iter_mut().find(|study| study.group.name == key) {
            Some(study) => {
                study.group.arms.extend(arms);
                study.sets.extend(sets);
            }
            None => {
                let group = Group { name: key.clone(), about: String::new(), axis: key, arms };
                studies.push(Study { group, sets });
            }
        }
    }
    Ok(studies)
}

impl Preset {
    fn study(&self) -> Study {
        let arm = |arm: &PresetArm| Arm { label: arm.label.clone(), variant: String::new() };
        let group = Group {
            name: self.name.clone(),
            about: self.about.clone(),
            axis: self.axis.clone(),
            arms: self.arms.iter().map(arm).collect(),
        };
        Study { group, sets: self.arms.iter().map(|arm| arm.set.clone()).collect() }
    }
}

fn parse(text: &str) -> Result<(String, Vec<String>), Failure> {
    let refuse = |why: &str| {
        let remedy =
            format!("write it as --vary KEY=V1,V2, for example --vary {CONTROLLER}=diffused-action,pd");
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
            "`{key}` does not act on a trained checkpoint, only settings of planning do"
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
