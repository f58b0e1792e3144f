//! What is varied: presets by name, and settings with the values they take.

use serde::Deserialize;

use crate::configuration::{CONTROLLER, OF_TRAINING};
use crate::failure::Failure;
use crate::resolve::unknown;
use crate::results::{Arm, Group};
use crate::shipped;

/// Every preset that does not stand apart.
const ALL: &str = "all";

/// A setting that is varied: label and settings of each value.
pub struct Study {
    /// How it is shown; its variants have no names yet.
    pub group: Group,
    /// Settings of each value.
    pub sets: Vec<Vec<String>>,
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
pub fn studies(names: &[String], varied: &[String]) -> Result<Vec<Study>, Failure> {
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
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::settings;

    fn all(names: &[&str], vary: &[&str]) -> Vec<Study> {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        studies(&owned(names), &owned(vary)).unwrap()
    }

    #[test]
    fn values_are_split_outside_of_brackets_and_quotes() {
        assert_eq!(split("1, 4,16"), ["1", "4", "16"]);
        assert_eq!(split("N(60,20)ms,80ms"), ["N(60,20)ms", "80ms"]);
        assert_eq!(split("[4],[2,4],\"a,b\""), ["[4]", "[2,4]", "\"a,b\""]);
        assert_eq!(split("1,,2"), ["1", "", "2"]);
        assert_eq!(split("]],3"), ["]]", "3"]);
    }

    #[test]
    fn variations_of_one_setting_are_one_study() {
        let found = all(&[], &["plan.a=3", "plan.b=1,2", "plan.a=6"]);
        let shape: Vec<(&str, usize)> =
            found.iter().map(|study| (study.group.name.as_str(), study.group.arms.len())).collect();
        assert_eq!(shape, [("plan.a", 2), ("plan.b", 2)]);
        assert_eq!(
            (found[0].group.arms[1].label.as_str(), &found[0].sets[1]),
            ("6", &vec!["plan.a=6".to_owned()])
        );
    }

    #[test]
    fn every_value_of_every_preset_is_a_configuration_and_no_two_of_one_are_the_same() {
        for study in all(&["all", "outcomes"], &[]) {
            let load = |set: &Vec<String>| settings::load::<Configuration>(&[], set).unwrap();
            let loaded: Vec<Configuration> = study.sets.iter().map(load).collect();
            for (at, one) in loaded.iter().enumerate() {
                assert!(!loaded[..at].contains(one), "{}: {:?}", study.group.name, study.sets[at]);
            }
        }
    }

    #[test]
    fn presets_come_in_the_project_s_order_and_once() {
        let names =
            |typed: &[&str]| -> Vec<String> { all(typed, &[]).into_iter().map(|s| s.group.name).collect() };
        assert_eq!(names(&["samples", "mcg", "samples"]), ["mcg", "samples"]);
        assert!(!names(&["all"]).iter().any(|name| name == "frontier" || name == "outcomes"));
        let outcomes = &all(&["outcomes"], &[])[0].group;
        let labels: Vec<&str> = outcomes.arms.iter().map(|arm| arm.label.as_str()).collect();
        assert_eq!(
            (labels, outcomes.axis.as_str()),
            (vec!["1", "2", "4", "8", "16"], "outcomes N (plan.monte_carlo.samples)")
        );
    }
}
