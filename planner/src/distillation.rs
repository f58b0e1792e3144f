//! What a student learns from its teacher: one row of sampling where the teacher walks several.
//!
//! Progressive distillation (Salimans & Ho, ICLR 2022), per token. In a row of the student's scheduling matrix each part of
//! each token has its own pair of levels, from `t` to `s`. The teacher takes the noisy tokens `z_t` there in `n` steps, each
//! an `n`-th of the way of every part that moves, and ends at `z_s`. With the estimate
//!
//! `x0 = (z_s - (sigma_s / sigma_t) z_t) / (alpha_s - (sigma_s / sigma_t) alpha_t)`
//!
//! one step of first order leads from `z_t` to `z_s`. That is what the student is to answer, shown what planning shows it:
//! nothing of how the teacher got there. A part that stays where it is teaches nothing.

use crate::denoiser::Denoiser;
use crate::noise::NoiseSchedule;
use crate::solver::Step;
use crate::{PlannerError, Sampler, SchedulingMatrix, Solver, Tokens};

/// One row of a student, and how its teacher walks it.
#[derive(Clone, Copy)]
pub struct Lesson<'a> {
    /// Signal power of the training levels.
    pub schedule: &'a NoiseSchedule,
    /// The student's matrix, known tokens at zero throughout.
    pub matrix: &'a SchedulingMatrix,
    /// The row of it from which the next is learnt.
    pub row: usize,
    /// Steps that the teacher takes.
    pub teacher_steps: u16,
    /// As in [`Sampler`].
    pub stabilization: u16,
    /// As in [`Sampler`], of the teacher's estimates.
    pub limits: Option<(&'a [f64], &'a [f64])>,
    /// The teacher's solver. It knows nothing of steps before this row.
    pub solver: Solver,
}

/// What the student is to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// Clean estimates `[batch, tokens, width]`, 0 where nothing is learnt.
    pub x0_btd: Vec<f64>,
    /// Whether a part of a token is learnt, `[tokens, parts]`.
    pub learnt_tp: Vec<bool>,
}

impl Lesson<'_> {
    /// What the student is to answer to `noisy` tokens, each at its level of the row.
    ///
    /// # Errors
    /// Those of [`Sampler::run`], and [`PlannerError::Setting`] for no steps.
    pub fn target(&self, teacher: &mut dyn Denoiser, noisy: &Tokens) -> Result<Taught, PlannerError> {
        let of_slots = teacher.layout().part_of_slots();
        let matrix = self.matrix.between(self.row, self.teacher_steps)?;
        let sampler = Sampler {
            schedule: self.schedule,
            matrix: &matrix,
            stabilization: self.stabilization,
            limits: self.limits,
            solver: self.solver,
        };
        let mut x = noisy.clone();
        sampler.run(teacher, None, &mut x, sampler.all(), &mut |_, _| true)?;
        let back_tp = self.back();
        let parts = self.matrix.parts();
        let mut x0_btd = vec![0.0; x.x_btd.len()];
        let width = of_slots.len().max(1);
        let tokens = x0_btd.chunks_exact_mut(width).zip(x.x_btd.chunks_exact(width));
        let rows = tokens.zip(noisy.x_btd.chunks_exact(width)).zip(back_tp.chunks_exact(parts).cycle());
        for (((x0_d, after_d), before_d), back_p) in rows {
            for (((x0, after), before), &part) in x0_d.iter_mut().zip(after_d).zip(before_d).zip(&of_slots) {
                if let Some([on_after, on_before]) = back_p[part] {
                    *x0 = on_after * after + on_before * before;
                }
            }
        }
        Ok(Taught { x0_btd, learnt_tp: back_tp.iter().map(Option::is_some).collect() })
    }

    /// [`Step::back`] of each part of each token, `[tokens, parts]`.
    fn back(&self) -> Vec<Option<[f64; 2]>> {
        let levels = crate::levels::Levels { schedule: self.schedule, matrix: self.matrix };
        let (now, next) = (self.matrix.row(self.row), self.matrix.row(self.row.saturating_add(1)));
        now.iter().zip(next).map(|(&from, &to)| Step::back(levels.abar(from), levels.abar(to))).collect()
    }
}
