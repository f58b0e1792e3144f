//! What the settings of the control loop mean for one robot.

use std::time::Duration;

use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::Foresight;

use super::config::{Brake, RealTimeConfig, ValidatorConfig};
use crate::AgentError;

/// The settings as they hold for one robot: checked, complete, in units of time.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub period: Duration,
    pub replan_every: u64,
    pub late_after: u64,
    pub deadline: Duration,
    /// The same while there is no plan to follow.
    pub first_deadline: Duration,
    pub foresight: Foresight,
    pub max_plan_age: Duration,
    pub brake: Vec<Brake>,
    pub brake_for: Duration,
    pub safe: Vec<f64>,
    pub tolerance: Duration,
    pub max_rate: Vec<f64>,
    pub tick_budget: Duration,
    pub max_jump: Option<f64>,
    pub seam_steps: usize,
    pub action: BoxSpace,
}

impl RealTimeConfig {
    /// What they mean for this robot, whose plans are made to be replaced after `execution_horizon` steps.
    ///
    /// # Errors
    /// [`AgentError::Setting`] naming the setting and the remedy.
    pub(crate) fn limits(&self, spec: &EnvSpec, execution_horizon: usize) -> Result<Limits, AgentError> {
        let entries = spec.action.len();
        let period = self.period_s.or(spec.step_seconds);
        let period = seconds("realtime.period_s", period.unwrap_or(f64::NAN), false)?;
        let replan_every = self.replan_every.unwrap_or(execution_horizon.max(1));
        let late_after = self.late_after.unwrap_or(2 * replan_every.max(execution_horizon).max(1));
        let deadline = self.deadline_s.map(|deadline| seconds("realtime.deadline_s", deadline, false));
        let due = u32::try_from(replan_every.max(1)).unwrap_or(u32::MAX);
        let deadline = deadline.transpose()?.unwrap_or(period.saturating_mul(due));
        let first = self.first_deadline_s.map(|first| seconds("realtime.first_deadline_s", first, false));
        let budget = self.tick_budget_s.map(|budget| seconds("realtime.tick_budget_s", budget, false));
        let limits = Limits {
            period,
            replan_every: replan_every as u64,
            late_after: late_after as u64,
            deadline,
            first_deadline: first.transpose()?.unwrap_or(period).min(deadline),
            foresight: self.foresight,
            max_plan_age: seconds("realtime.max_plan_age_s", self.max_plan_age_s, false)?,
            brake: per_entry("realtime.brake", &self.brake, entries, Brake::Zero)?,
            brake_for: seconds("realtime.brake_s", self.brake_s, true)?,
            safe: {
                let mut nearest = vec![0.0; entries];
                spec.action.clip(&mut nearest);
                if self.safe.is_empty() {
                    nearest
                } else {
                    per_entry("realtime.safe", &self.safe, entries, 0.0)?
                }
            },
            tolerance: seconds("realtime.tolerance_s", self.tolerance_s, true)?,
            max_rate: per_entry("realtime.max_rate", &self.max_rate, entries, f64::INFINITY)?,
            tick_budget: budget.transpose()?.unwrap_or(period / 10),
            max_jump: share("realtime.seam.max_jump", self.seam.max_jump)?,
            seam_steps: self.seam.steps,
            action: spec.action.clone(),
        };
        if !spec.action.contains(&limits.safe) {
            return Err(setting(
                "realtime.safe",
                format!("{:?}", self.safe),
                "give a command in the action space",
            ));
        }
        for brake in &self.brake {
            if let Brake::Value(value) = brake
                && !value.is_finite()
            {
                return Err(setting("realtime.brake", value.to_string(), "give finite numbers"));
            }
        }
        if let Some(rate) = self.max_rate.iter().find(|rate| rate.is_nan() || **rate <= 0.0) {
            return Err(setting(
                "realtime.max_rate",
                rate.to_string(),
                "give positive numbers, or leave it out",
            ));
        }
        let ValidatorConfig { max_excess, first_state, max_step, min_chance } = self.validator;
        share("realtime.validator.max_excess", max_excess)?;
        share("realtime.validator.first_state", first_state)?;
        share("realtime.validator.max_step", max_step)?;
        share("realtime.validator.min_chance", min_chance)?;
        Ok(limits)
    }
}

fn setting(name: &'static str, value: String, remedy: &str) -> AgentError {
    AgentError::Setting { name, value, remedy: remedy.to_owned() }
}

/// More is no control loop, and would not fit where times are kept.
const LONGEST_S: f64 = 86_400.0;

fn seconds(name: &'static str, value: f64, zero: bool) -> Result<Duration, AgentError> {
    let least = if zero { 0.0 } else { 1e-6 };
    if !(least..=LONGEST_S).contains(&value) {
        let value = if value.is_nan() { "not known".to_owned() } else { value.to_string() };
        return Err(setting(name, value, &format!("give seconds, from {least} to {LONGEST_S}")));
    }
    Ok(Duration::from_secs_f64(value))
}

fn share(name: &'static str, value: Option<f64>) -> Result<Option<f64>, AgentError> {
    match value {
        Some(value) if !(value.is_finite() && value >= 0.0) => {
            Err(setting(name, value.to_string(), "give 0 or a positive number, or leave it out"))
        }
        value => Ok(value),
    }
}

fn per_entry<T: Clone>(name: &'static str, given: &[T], entries: usize, or: T) -> Result<Vec<T>, AgentError> {
    match given.len() {
        0 => Ok(vec![or; entries]),
        len if len == entries => Ok(given.to_vec()),
        len => Err(setting(
            name,
            format!("{len} entries long"),
            &format!("give {entries}, one per action entry"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeamConfig;

    fn spec() -> EnvSpec {
        let action = BoxSpace::new(vec![-1.0, 2.0], vec![1.0, 5.0]).unwrap();
        EnvSpec {
            step_seconds: Some(0.05),
            ..EnvSpec::of_spaces("robot", BoxSpace::symmetric(3, 9.0), action)
        }
    }

    #[test]
    fn what_is_not_given_follows_from_the_robot() {
        let limits = RealTimeConfig::default().limits(&spec(), 5).unwrap();
        assert_eq!((limits.period.as_millis(), limits.tick_budget.as_millis()), (50, 5));
        assert_eq!((limits.replan_every, limits.late_after), (5, 10));
        assert_eq!(limits.safe, [0.0, 2.0], "the command nearest to zero");
        let idle = RealTimeConfig { replan_every: Some(0), ..RealTimeConfig::default() };
        let limits = idle.limits(&spec(), 5).unwrap();
        assert_eq!((limits.replan_every, limits.late_after), (0, 10));
    }

    #[test]
    fn refusals_name_setting_and_remedy() {
        let ok = RealTimeConfig::default();
        let validator = ValidatorConfig { min_chance: Some(f64::NAN), ..ValidatorConfig::default() };
        for (config, name) in [
            (RealTimeConfig { period_s: Some(0.0), ..ok.clone() }, "realtime.period_s"),
            (RealTimeConfig { max_plan_age_s: f64::INFINITY, ..ok.clone() }, "realtime.max_plan_age_s"),
            (RealTimeConfig { brake: vec![Brake::Hold], ..ok.clone() }, "realtime.brake"),
            (RealTimeConfig { brake: vec![Brake::Value(f64::NAN); 2], ..ok.clone() }, "realtime.brake"),
            (RealTimeConfig { safe: vec![0.0, 0.0], ..ok.clone() }, "realtime.safe"),
            (RealTimeConfig { tolerance_s: -1.0, ..ok.clone() }, "realtime.tolerance_s"),
            (RealTimeConfig { max_rate: vec![1.0, 0.0], ..ok.clone() }, "realtime.max_rate"),
            (RealTimeConfig { validator, ..ok.clone() }, "realtime.validator.min_chance"),
        ] {
            let message = config.limits(&spec(), 5).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("give"), "{message}");
        }
        let untimed = EnvSpec { step_seconds: None, ..spec() };
        let message = ok.limits(&untimed, 5).unwrap_err().to_string();
        assert!(message.contains("realtime.period_s") && message.contains("not known"), "{message}");
    }

    #[test]
    fn it_reads_as_it_is_written_and_refuses_unknown_names() {
        let text = r#"{"brake":["hold","zero",{"value":0.5}],"seam":{"max_jump":0.1}}"#;
        let read: RealTimeConfig = serde_json::from_str(text).unwrap();
        assert_eq!(read.brake, [Brake::Hold, Brake::Zero, Brake::Value(0.5)]);
        assert_eq!(read.seam, SeamConfig { max_jump: Some(0.1), steps: 4 });
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<RealTimeConfig>(&again).unwrap(), read);
        assert!(serde_json::from_str::<RealTimeConfig>(r#"{"brakes":[]}"#).is_err());
    }
}
