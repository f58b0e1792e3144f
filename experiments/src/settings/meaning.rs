//! What every setting means: the comment that stands beside it where it is declared.

use forethought_policies::learned::LearnedConfig;
use serde::Serialize;
use serde_json::Value;

use super::SettingsError;
use super::schema::list_keys;

/// A table of the configuration: its key, the source it is declared in, and the struct there.
type Section = (&'static str, &'static str, &'static str);

const CONFIGURATION: &str = include_str!("../configuration.rs");
const PLANNING: &str = include_str!("../../../planner/src/plan_config.rs");
const CONTROL: &str = include_str!("../../../policies/src/control_config.rs");
const REAL_TIME: &str = include_str!("../../../agent/src/realtime/config.rs");

/// Every table.
const SECTIONS: [Section; 18] = [
    ("", CONFIGURATION, "Configuration"),
    ("data", CONFIGURATION, "DataConfig"),
    ("model", include_str!("../../../planner/src/model_config.rs"), "ModelConfig"),
    ("model.network", include_str!("../../../planner/src/network/mod.rs"), "NetworkConfig"),
    ("train", include_str!("../../../planner/src/train_config.rs"), "TrainConfig"),
    ("distill", include_str!("../../../planner/src/distill_config.rs"), "DistillConfig"),
    ("plan", PLANNING, "PlanConfig"),
    ("plan.sampler", PLANNING, "SamplerConfig"),
    ("plan.guidance", PLANNING, "GuidanceConfig"),
    ("plan.horizon", PLANNING, "HorizonConfig"),
    ("plan.rank", PLANNING, "RankConfig"),
    ("control", CONTROL, "ControlConfig"),
    ("control.pd", CONTROL, "PdConfig"),
    ("control.path", CONTROL, "PathConfig"),
    ("realtime", REAL_TIME, "RealTimeConfig"),
    ("realtime.seam", REAL_TIME, "SeamConfig"),
    ("realtime.validator", REAL_TIME, "ValidatorConfig"),
    ("simulation", CONFIGURATION, "SimulationConfig"),
];

const LEARNED: &str = include_str!("../../../policies/src/learned/config.rs");

/// Every table of learned policies.
const LEARNED_SECTIONS: [Section; 9] = [
    ("", LEARNED, "LearnedConfig"),
    ("train", LEARNED, "LearnedTrainConfig"),
    ("goals", LEARNED, "GoalSampling"),
    ("gc", LEARNED, "GcConfig"),
    ("td3_bc", LEARNED, "Td3BcConfig"),
    ("iql", LEARNED, "IqlConfig"),
    ("cql", LEARNED, "CqlConfig"),
    ("hiql", LEARNED, "HiqlConfig"),
    ("diffusion_ql", LEARNED, "DiffusionQlConfig"),
];

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Meaning {
    /// Dotted key.
    pub key: String,
    /// Its default.
    pub default: Value,
    /// What it does.
    pub meaning: String,
}

/// Every setting of a configuration with its default and meaning, in the configuration's order.
///
/// # Errors
/// [`SettingsError::Render`] for a configuration that cannot be rendered.
pub fn meanings<T: Serialize + Default>() -> Result<Vec<Meaning>, SettingsError> {
    of(&T::default(), &SECTIONS)
}

/// The same of learned policies, with these defaults.
///
/// # Errors
/// [`SettingsError::Render`] for settings that cannot be rendered.
pub fn learned_meanings(default: &LearnedConfig) -> Result<Vec<Meaning>, SettingsError> {
    of(default, &LEARNED_SECTIONS)
}

fn of<T: Serialize>(default: &T, sections: &[Section]) -> Result<Vec<Meaning>, SettingsError> {
    let default = serde_json::to_value(default)
        .map_err(|error| SettingsError::Render { message: error.to_string() })?;
    let mut keys = Vec::new();
    list_keys(&default, "", &mut keys);
    let value = |key: &str| key.split('.').try_fold(&default, |here, part| here.get(part));
    let leaves = keys.into_iter().filter_map(|key| {
        let value = value(&key).filter(|value| !value.is_object())?.clone();
        Some(Meaning { meaning: meaning(&key, sections).unwrap_or_default(), default: value, key })
    });
    Ok(leaves.collect())
}

/// The comment beside a setting, or beside the table that it is part of.
fn meaning(key: &str, sections: &[Section]) -> Option<String> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let section = sections.iter().find(|(section, ..)| *section == table);
    let own = section.and_then(|(_, source, owner)| comment(source, owner, name));
    own.or_else(|| if table.is_empty() { None } else { meaning(table, sections) })
}

/// The documentation of a field.
fn comment(source: &str, owner: &str, field: &str) -> Option<String> {
    let (_, body) = source.split_once(&format!("pub struct {owner} {{"))?;
    let mut words: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim).take_while(|line| *line != "}") {
        if let Some(comment) = line.strip_prefix("///") {
            words.push(comment.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|line| line.split_once(':')) {
            if name == field {
                return Some(plain(&words.join(" ")));
            }
            words.clear();
        }
    }
    None
}

/// Links as the words they show.
fn plain(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`").replace("`crate::", "`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use forethought_policies::learned::{self, LEARNED_POLICIES};

    #[test]
    fn every_setting_says_what_it_means() {
        let all = meanings::<Configuration>().unwrap();
        assert!(all.len() > 40, "{}", all.len());
        for Meaning { key, meaning, .. } in &all {
            assert!(meaning.len() > 5, "{key}: `{meaning}`");
        }
        let steps = all.iter().find(|one| one.key == "train.steps").unwrap();
        assert_eq!((steps.meaning.as_str(), steps.default.is_u64()), ("Optimiser steps in all.", true));
    }

    #[test]
    fn every_setting_of_a_learned_policy_says_what_it_means() {
        let all = learned_meanings(&LearnedConfig::of("iql")).unwrap();
        for Meaning { key, meaning, .. } in &all {
            assert!(meaning.len() > 5 && key.contains('.'), "{key}: `{meaning}`");
        }
        let batch = all.iter().find(|one| one.key == "train.batch").unwrap();
        assert_eq!((batch.default.as_u64(), batch.meaning.starts_with("Rows of a batch")), (Some(256), true));
        let tables = LEARNED_POLICIES.iter().flat_map(|name| learned::tables(name));
        let known = |table: &str| LEARNED_SECTIONS.iter().any(|(known, ..)| *known == table);
        assert!(tables.into_iter().all(known));
    }

    #[test]
    fn a_comment_is_its_own_field_s_and_links_are_words() {
        let source = "pub struct A {\n    /// One\n    /// [`crate::two`].\n    pub a: u8,\n    pub b: u8,\n}\n\
                      pub struct B {\n    /// Other.\n    pub a: u8,\n}\n";
        assert_eq!(comment(source, "A", "a").unwrap(), "One `two`.");
        assert_eq!(comment(source, "A", "b").unwrap(), "");
        assert_eq!(comment(source, "B", "a").unwrap(), "Other.");
        assert_eq!(comment(source, "A", "c"), None);
    }
}
