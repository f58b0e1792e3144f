//! Tasks as settings: what a checkpoint or a data description says of what its agent is for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::environment::check_finite;
use crate::{EnvError, GoalTask, NoTask, ReturnTask, SharedTask, WantedReturnTask};

/// What kind of task, and what is fixed about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskConfig {
    /// Kind of task.
    pub kind: TaskKind,
    /// [`TaskKind::Goal`]: observation entries that goals speak of.
    pub entries: Vec<usize>,
    /// [`TaskKind::Goal`]: distance that counts as there, in observation units.
    pub radius: f64,
    /// [`TaskKind::Return`]: mean reward of a step that is wanted, for networks that are shown it; as much as can be had where
    /// it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_step: Option<f64>,
}

/// Kinds of tasks that need no code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// None: plans are what the data would do.
    #[default]
    None,
    /// [`GoalTask`].
    Goal,
    /// [`ReturnTask`], or [`WantedReturnTask`] where it is said how much.
    Return,
}

impl TaskConfig {
    /// Goals for these entries.
    pub fn goal(entries: &[usize], radius: f64) -> Self {
        Self { kind: TaskKind::Goal, entries: entries.to_vec(), radius, per_step: None }
    }

    /// Refuses what no observation of `observation` entries can be judged by.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] naming the field.
    pub fn check(&self, observation: usize) -> Result<(), EnvError> {
        if let Some(entry) = self.entries.iter().find(|&&entry| entry >= observation) {
            return Err(EnvError::Mismatch(format!(
                "task.entries names entry {entry} of an observation that has {observation}, counted from 0"
            )));
        }
        if !(self.radius.is_finite() && self.radius >= 0.0) {
            let radius = self.radius;
            return Err(EnvError::Mismatch(format!(
                "task.radius is {radius}: give zero or a positive number"
            )));
        }
        match self.per_step {
            Some(per_step) if self.kind != TaskKind::Return => Err(EnvError::Mismatch(format!(
                "task.per_step is {per_step} and task.kind is not `return`: leave one of them out"
            ))),
            Some(per_step) => check_finite("task.per_step", &[per_step]),
            None => Ok(()),
        }
    }

    /// The task of this kind; `goal` is what a goal task aims at, in the order of [`TaskConfig::entries`].
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a goal of the wrong length, or where none fits; [`EnvError::NonFinite`].
    pub fn task(&self, goal: Option<&[f64]>) -> Result<SharedTask, EnvError> {
        match (self.kind, goal) {
            (TaskKind::Goal, Some(goal)) if goal.len() == self.entries.len() => {
                check_finite("goal", goal)?;
                // Within an infinite distance lies everything, what was never observed included.
                check_finite("task.radius", &[self.radius])?;
                Ok(Arc::new(GoalTask::new(&self.entries, goal, self.radius)))
            }
            (TaskKind::Goal, goal) => {
                let (want, got) = (self.entries.len(), goal.map_or(0, <[f64]>::len));
                Err(EnvError::Mismatch(format!("a goal has {want} numbers here, {got} were given")))
            }
            (_, Some(_)) => Err(EnvError::Mismatch("this task has no goal to aim at: leave it out".into())),
            (TaskKind::Return, None) => match self.per_step {
                Some(per_step) => {
                    check_finite("task.per_step", &[per_step])?;
                    Ok(Arc::new(WantedReturnTask { per_step }))
                }
                None => Ok(Arc::new(ReturnTask)),
            },
            (TaskKind::None, None) => Ok(Arc::new(NoTask)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_make_their_tasks_and_refuse_what_does_not_fit() {
        let goal = TaskConfig::goal(&[2, 0], 0.5);
        assert!(goal.task(Some(&[1.0, 3.0])).unwrap().reached(&[3.0, 9.0, 1.4]));
        assert!(goal.task(Some(&[1.0])).is_err() && goal.task(None).is_err());
        assert!(goal.task(Some(&[1.0, f64::NAN])).is_err());
        let plain = TaskConfig::default();
        assert!(plain.task(None).unwrap().condition().is_none() && plain.task(Some(&[1.0])).is_err());
        let text = r#"{ "kind": "return" }"#;
        let open = serde_json::from_str::<TaskConfig>(text).unwrap();
        assert!(open.kind == TaskKind::Return && open.task(None).unwrap().wanted_return().is_none());
        assert_eq!(serde_json::to_value(&open).unwrap().get("per_step"), None);
        let wanted = TaskConfig { per_step: Some(1.5), ..open };
        assert_eq!(wanted.task(None).unwrap().wanted_return(), Some(1.5));
        assert!(wanted.check(1).is_ok() && wanted.task(Some(&[1.0])).is_err());
        let refused = |config: TaskConfig| config.check(1).unwrap_err().to_string();
        assert!(refused(TaskConfig { kind: TaskKind::None, ..wanted.clone() }).contains("task.per_step"));
        let endless = TaskConfig { per_step: Some(f64::INFINITY), ..wanted };
        assert!(endless.task(None).is_err() && refused(endless).contains("task.per_step"));
    }
}
