//! The settings that a checkpoint carries: how it plans, how its plans are carried out, what it is for.

use forethought_envs::TaskConfig;
use forethought_planner::PlanConfig;
use forethought_planner::checkpoint::Manifest;
use forethought_policies::ControlConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AgentError, RealTimeConfig};

/// Plan, control and task settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// How plans are made.
    pub plan: PlanConfig,
    /// How they are carried out.
    pub control: ControlConfig,
    /// What for.
    pub task: TaskConfig,
}

impl AgentSettings {
    /// Those of a checkpoint.
    ///
    /// # Errors
    /// [`AgentError::Settings`] for control settings of another version.
    pub fn of(manifest: &Manifest) -> Result<Self, AgentError> {
        let control = match &manifest.control {
            Value::Null => ControlConfig::default(),
            control => serde_json::from_value(control.clone()).map_err(|error| {
                AgentError::Settings(format!("the checkpoint's control settings: {error}"))
            })?,
        };
        Ok(Self { plan: manifest.plan.clone(), control, task: manifest.task.clone() })
    }

    /// These with some changed, by dotted names.
    ///
    /// # Errors
    /// [`AgentError::UnknownSetting`] for a name that there is not, with those that are there;
    /// [`AgentError::Settings`] for a value that does not fit.
    pub fn with(&self, changes: &[(String, Value)]) -> Result<Self, AgentError> {
        changed(self, "", changes)
    }
}

impl RealTimeConfig {
    /// These with some changed, by dotted names such as `seam.max_jump`.
    ///
    /// # Errors
    /// As [`AgentSettings::with`]; names are told as everywhere else, `realtime.seam.max_jump`.
    pub fn with(&self, changes: &[(String, Value)]) -> Result<Self, AgentError> {
        changed(self, "realtime.", changes)
    }
}

/// Settings with some changed, by dotted names that are told with `above` before them.
fn changed<T: Serialize + DeserializeOwned>(
    settings: &T,
    above: &str,
    changes: &[(String, Value)],
) -> Result<T, AgentError> {
    let mut tree = serde_json::to_value(settings).map_err(|error| AgentError::Settings(error.to_string()))?;
    for (key, value) in changes {
        let unknown = |known| AgentError::UnknownSetting { key: format!("{above}{key}"), known };
        let mut here = &mut tree;
        for part in key.split('.') {
            let Value::Object(fields) = here else { return Err(unknown("nothing below it".into())) };
            let known = fields.keys().cloned().collect::<Vec<_>>().join(", ");
            here = fields.get_mut(part).ok_or_else(|| unknown(known))?;
        }
        *here = value.clone();
    }
    serde_json::from_value(tree).map_err(|error| {
        let keys: Vec<String> = changes.iter().map(|(key, _)| format!("{above}{key}")).collect();
        AgentError::Settings(format!("{}: {error}", keys.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_change_by_name_and_refuse_what_is_not_there() {
        let settings = AgentSettings::default();
        let set = |key: &str, value: Value| settings.with(&[(key.to_owned(), value)]);
        let changed = set("plan.guidance.scale", Value::from(7.5)).unwrap();
        assert_eq!(changed.plan.guidance.scale, 7.5);
        assert_eq!(AgentSettings { plan: settings.plan.clone(), ..changed }, settings, "and nothing else");
        let lengths = set("plan.horizon.lengths", Value::from(vec![3, 6])).unwrap();
        assert_eq!(lengths.plan.horizon.lengths, forethought_planner::Lengths::These(vec![3, 6]));
        let message = set("plan.guidance.scal", Value::from(1.0)).unwrap_err().to_string();
        assert!(message.contains("plan.guidance.scal") && message.contains("mc_samples"), "{message}");
        assert!(set("control.controller.name", Value::from("pd")).is_err());
        let message = set("plan.sampler.steps", Value::from("many")).unwrap_err().to_string();
        assert!(message.contains("plan.sampler.steps"), "{message}");
    }

    #[test]
    fn those_of_a_loop_change_in_the_same_way() {
        let set = |key: &str, value: Value| RealTimeConfig::default().with(&[(key.to_owned(), value)]);
        assert_eq!(set("period_s", Value::from(0.02)).unwrap().period_s, Some(0.02));
        assert_eq!(set("seam.max_jump", Value::from(0.1)).unwrap().seam.max_jump, Some(0.1));
        assert_eq!(set("seam", serde_json::json!({ "steps": 2 })).unwrap().seam.steps, 2);
        let said = |key: &str, value: Value| set(key, value).unwrap_err().to_string();
        assert!(
            said("perod_s", Value::from(1)).contains("no setting `realtime.perod_s`: known there are brake")
        );
        assert!(said("seam.jump", Value::from(1)).contains("`realtime.seam.jump`"));
        assert!(
            said("seam", serde_json::json!({ "jump": 2 })).contains("realtime.seam: unknown field `jump`")
        );
        assert!(said("brake", Value::from("zero")).contains("realtime.brake: "));
    }
}
