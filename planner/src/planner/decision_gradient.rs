//! What decisions are worth, and which way to change them.
//!
//! With `o_i` a draw of what decisions `a` lead to and `J` a task's score, the mean over `N` draws of `J(a, o_i)` estimates
//! `E[J | do(a)]`. Each draw is a smooth function of the decisions and of the noise it began from, so with that noise held
//! fixed (common noise, the *pathwise* or reparametrised gradient) the mean over draws of
//! `dJ/da = partial J / partial a + (do_i/da)^T partial J / partial o_i` estimates its gradient. Nothing is pushed: outcomes
//! are the model's own, and the gradient is with respect to decisions alone. Pushed outcomes would be those of luck.
//!
//! - Right where chance is smooth: no bias beyond the sampler's own, and a variance that falls as `1 / N`.
//! - **Blind to how the odds of a discrete outcome change.** Where a draw falls on one of two sides, decisions move the
//!   draws of each side and, in the model, the odds of the sides; a draw does not change sides by an infinitely small change
//!   of the decisions, so what crossing is worth hardly shows. There values of several decisions must be compared instead
//!   (selection), which the values here are as good for.

use std::ops::Range;

use forethought_envs::Task;

use super::DiffusionPlanner;
use super::imagine::{Decisions, NUMBERS_TOGETHER, Question, pieces};
use super::situation::check_rewards;
use crate::error::check_finite;
use crate::guidance::{FrameScore, ScoreRoom};
use crate::sampler::Walked;
use crate::{PlannerError, Role, Tokens};

/// What decisions are worth, and which way to change them, by draws of what they lead to.
///
/// Scores are a task's own ([`Task::score`] in environment units, each frame weighed by one over the frames of a token, as in
/// guidance); gradients are scores per environment unit of action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionGradient {
    /// Mean score over the draws.
    pub value: f64,
    /// Standard error of `value`, from the spread of the draws; infinite for one draw, of which nothing can be said.
    pub value_error: f64,
    /// Mean gradient of the score with respect to the actions, `[n, action]`.
    pub gradient: Vec<f64>,
    /// Standard error of each entry of `gradient`, `[n, action]`; infinite for one draw.
    pub gradient_error: Vec<f64>,
    /// Score of each draw, `[samples]`.
    pub values: Vec<f64>,
    /// Gradient of each draw's score with its noise held fixed, `[samples, n, action]`: the mean over the worst draws is the
    /// gradient of what these earn (CVaR).
    pub gradients: Vec<f64>,
}

impl DiffusionPlanner {
    /// The mean score of what decisions lead to, and its gradient with respect to them: pathwise, through every step of
    /// the sampler, every block and every chunk. The draws are those of [`Self::imagine`], to the bit: no goal is shown and
    /// nothing guided. A limit of the clean estimate passes no gradient where it binds.
    ///
    /// This is right for smooth chance, and blind to how the odds of a discrete outcome change: compare the `value` of several
    /// decisions there. Costs about three times the draws alone.
    ///
    /// # Errors
    /// Those of [`Self::imagine`]; [`PlannerError::Setting`] for no samples, and for a task of rewards where tokens carry
    /// none; [`PlannerError::NonFinite`] for a score or a gradient that is not finite.
    pub fn decision_gradient(
        &mut self,
        decisions: &Decisions<'_>,
        task: &dyn Task,
    ) -> Result<DecisionGradient, PlannerError> {
        let asked = Question::new(decisions, self.layout(), &self.normalizer, self.config.sampler.steps)?;
        check_rewards(task, &asked.layout)?;
        if decisions.samples == 0 {
            return Err(PlannerError::Setting {
                name: "samples",
                value: "0".into(),
                remedy:
                    "a gradient is a mean over draws: ask for at least 1, and for its error for 2 or more"
                        .into(),
            });
        }
        let normalizer = self.normalizer.clone();
        let score = FrameScore::new(task, &asked.layout, &normalizer);
        let (mut values, mut gradients) = (Vec::new(), Vec::new());
        for draws in pieces(decisions.samples, self.walked_numbers(&asked)) {
            self.score_draws(&asked, draws, &score, &mut values, &mut gradients)?;
        }
        check_finite("score of the decisions", &values)?;
        let scale = normalizer.action.scale();
        gradients.iter_mut().zip(scale.iter().cycle()).for_each(|(slope, scale)| *slope /= scale);
        check_finite("gradient at the decisions", &gradients)?;
        let (value, value_error) = mean_and_error(values.iter().copied());
        let numbers = asked.n * asked.layout.action;
        let entries =
            (0..numbers).map(|i| mean_and_error(gradients.iter().skip(i).step_by(numbers).copied()));
        let (gradient, gradient_error) = entries.unzip();
        Ok(DecisionGradient { value, value_error, gradient, gradient_error, values, gradients })
    }

    /// Appends the scores of the draws of these numbers and their gradients at the normalised actions.
    fn score_draws(
        &mut self,
        asked: &Question,
        draws: Range<usize>,
        score: &FrameScore<'_>,
        values: &mut Vec<f64>,
        gradients: &mut Vec<f64>,
    ) -> Result<(), PlannerError> {
        let numbers = draws.len().saturating_mul(self.walked_numbers(asked));
        let mut walked = Walked::with_capacity(numbers.min(NUMBERS_TOGETHER));
        let imagined = self.draw(asked, draws.clone(), &mut |x, last| {
            if !last {
                walked.push(x);
            }
            true
        })?;
        let (size, frames) = (asked.numbers(), asked.n * asked.layout.frame());
        let mut d_imagined = vec![0.0; imagined.len()];
        let mut room = ScoreRoom::new(frames);
        // Frames lie one behind the other, across chunks too; what fills the last block up earns nothing.
        for b in 0..draws.len() {
            let at = b * size..b * size + frames;
            values.push(score.score(&imagined[at.clone()], Some(&mut d_imagined[at]), &mut room));
        }
        let numbers = asked.n * asked.layout.action;
        let first = gradients.len();
        gradients.resize(first + draws.len() * numbers, 0.0);
        self.pull_draws(asked, &mut walked, &mut d_imagined, draws.len(), &mut gradients[first..])
    }

    /// Takes the gradient at the chunks of draws back to the actions, chunk by chunk and block by block from the end: each
    /// chunk gives those before it, which it was shown, their share.
    fn pull_draws(
        &mut self,
        asked: &Question,
        walked: &mut Walked,
        d_imagined: &mut [f64],
        draws: usize,
        d_actions: &mut [f64],
    ) -> Result<(), PlannerError> {
        let (size, width, numbers) = (asked.numbers(), asked.layout.width(), d_actions.len() / draws.max(1));
        for chunk in (0..asked.chunks()).rev() {
            let (shown, per) = (asked.shown(chunk), asked.tokens(chunk) * width);
            let blank = vec![0.0; draws * per];
            let mut dx_btd = blank.clone();
            let mut x = Tokens::new(asked.tokens(chunk), blank, vec![shown + 1; draws], vec![false; draws]);
            for b in 0..draws {
                let of_chunk = &d_imagined[b * size + chunk * width..][..width];
                dx_btd[b * per..(b + 1) * per][asked.slots(chunk)].copy_from_slice(of_chunk);
            }
            for block in asked.blocks(chunk).rev() {
                self.asking(
                    Role::Imagine { chunk: shown, block },
                    shown + 1,
                    self.config.sampler.steps,
                    |sampler, denoiser| sampler.pull(denoiser, walked, &mut x, &mut dx_btd),
                )?;
                // Before the block's decisions were written noise stood in their place: what earlier blocks made of
                // that is added there after this, and goes nowhere.
                for (b, dx_td) in dx_btd.chunks_exact(per).enumerate() {
                    for (at, of) in asked.decided(chunk, block) {
                        add(&mut d_actions[b * numbers..(b + 1) * numbers][of], &dx_td[at]);
                    }
                }
            }
            let ((state, before), (past, of_past)) = (asked.begins(chunk), asked.past(chunk));
            for (dx_td, d_chunks) in dx_btd.chunks_exact(per).zip(d_imagined.chunks_exact_mut(size)) {
                add(&mut d_chunks[of_past.clone()], &dx_td[past.clone()]);
                if let Some(before) = before.clone() {
                    add(&mut d_chunks[before], &dx_td[state.clone()]);
                }
            }
        }
        Ok(())
    }

    /// Numbers of all rows that one draw walks.
    fn walked_numbers(&self, asked: &Question) -> usize {
        let steps = usize::from(self.config.sampler.steps);
        let of = |chunk: usize| {
            let numbers = asked.tokens(chunk).saturating_mul(asked.layout.width());
            numbers.saturating_mul(steps).saturating_mul(asked.blocks(chunk).len())
        };
        (0..asked.chunks()).map(of).fold(0, usize::saturating_add)
    }
}

fn add(to: &mut [f64], values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
}

/// Mean of values, and its standard error.
fn mean_and_error(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    let mean = sum / count;
    if count < 2.0 {
        return (mean, f64::INFINITY);
    }
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}
