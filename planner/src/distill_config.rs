//! How a network learns to do in few steps what its teacher does in many. Every default has its reason.

use serde::{Deserialize, Serialize};

use crate::{PlanConfig, PlannerError, SchedulingMatrix, Solver};

/// Steps of a teacher in one of the student's at most: far beyond any use.
const MOST_TEACHER_STEPS: u16 = 1 << 10;

/// Distillation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillConfig {
    /// Denoising steps of one token that the student plans with. 1: two steps hardly need a student, and one without it loses a
    /// tenth of the large maze's score (planner/SPEED.md).
    pub steps: u16,
    /// Steps in which the teacher does one of these. 4: that many in all are what the large maze is planned with, where more score no more.
    pub teacher_steps: u16,
}

impl Default for DistillConfig {
    fn default() -> Self {
        Self { steps: 1, teacher_steps: 4 }
    }
}

impl DistillConfig {
    /// Refuses numbers of steps that nothing can be learnt with.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), PlannerError> {
        for (name, value) in [("distill.steps", self.steps), ("distill.teacher_steps", self.teacher_steps)] {
            if !(1..=MOST_TEACHER_STEPS).contains(&value) {
                let remedy = format!("give between 1 and {MOST_TEACHER_STEPS}");
                return Err(PlannerError::Setting { name, value: value.to_string(), remedy });
            }
        }
        Ok(())
    }

    /// The teacher's settings of planning, as the student plans: in its own steps, each of which is one of first order, since that
    /// is what it learns. Neighbouring tokens are as far apart in noise as they were, so there are as many rows fewer.
    pub fn student(&self, teacher: &PlanConfig) -> PlanConfig {
        let mut plan = teacher.clone();
        let share = f64::from(self.steps) / f64::from(teacher.sampler.steps.max(1));
        plan.sampler.uncertainty_scale = teacher.sampler.uncertainty_scale * share;
        (plan.sampler.steps, plan.sampler.solver) = (self.steps, Solver::Ddim);
        // Of so few steps there is no share to begin again with.
        plan.warm_start = 1.0;
        plan
    }
}

impl PlanConfig {
    /// Levels of the chunks of a plan from noise on, for tokens of so many parts.
    ///
    /// # Errors
    /// Those of [`SchedulingMatrix::from_levels`] and [`SchedulingMatrix::with_parts`].
    pub(crate) fn rows(
        &self,
        chunks: usize,
        parts: usize,
        warm: bool,
    ) -> Result<SchedulingMatrix, PlannerError> {
        let sampler = &self.sampler;
        let share = if warm { self.warm_start } else { 1.0 };
        let start = (f64::from(sampler.steps) * share).round() as u16;
        let matrix = SchedulingMatrix::from_levels(sampler.matrix(), &vec![start; chunks], sampler.steps)?;
        Ok(matrix.with_parts(parts)?.until_settled(sampler.clean_tokens))
    }
}
