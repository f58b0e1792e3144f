//! Trajectories longer than any training window: sampled piece by piece, each piece after a history.
//!
//! Chen et al., NeurIPS 2024, sections 3.3 (stable rollouts past the training horizon) and 4.3 (history
//! length). With `s` the observation before the window and `x_i` the chunks, every round draws
//!
//! `x_{t+1 .. t+a} ~ p( . | s_{t-h}, x_{t-h+1 .. t})`
//!
//! and keeps the first `n` of its `a` chunks; the window then slides on by `n`. What lies before `s_{t-h}` is
//! forgotten: with `h = 0` the process is Markov in the observation, with `h` as long as the trajectory it
//! remembers all of it. Nothing in a round depends on how far the trajectory has come, so its length has no
//! bound.

use crate::denoiser::{Denoiser, on_pool};
use crate::error::{check_finite, check_len};
use crate::layout::{FIRST_CHUNK, STATE};
use crate::noise::NoiseSchedule;
use crate::{MatrixKind, PlannerError, Sampler, SchedulingMatrix, Solver, TokenLayout, Tokens, random};

/// Name the streams of a window's initial noise and of the noise put on a replaced history.
const NOISE_STREAM: u64 = 2;
const REPLACED_STREAM: u64 = 3;

/// How the network is shown what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryForm {
    /// As clean tokens, at the stabilisation level: what independent levels per token are for.
    #[default]
    Known,
    /// As a model with one level for all tokens must: before every row the known tokens are replaced by draws
    /// of `q(x^k | x)` at the row's level `k` (Song et al., ICLR 2021, appendix I.2; Ho et al., *Video
    /// Diffusion Models*, NeurIPS 2022, section 3.1). Only for the full-sequence matrix and DDIM.
    Replaced,
}

/// How trajectories are continued.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuationConfig {
    /// Chunks of history shown with each window, `h`; fewer while the trajectory is shorter.
    pub history: usize,
    /// How they are shown.
    pub form: HistoryForm,
    /// Chunks sampled in each window, `a`.
    pub ahead: usize,
    /// Chunks kept of them, `n`.
    pub keep: usize,
    /// Sampling levels `S`.
    pub levels: u16,
    /// Order in which the chunks of a window are denoised.
    pub matrix: MatrixKind,
    /// How a token gets from one level to the next.
    pub solver: Solver,
    /// Training level at which known tokens are shown (reference: 10 of 1000).
    pub stabilization: u16,
}

/// A trajectory in normalised units, as long as it has been sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Observation before the first chunk, `[observation]`.
    pub state: Vec<f64>,
    /// Chunks so far, `[chunks, width]`.
    pub x_cd: Vec<f64>,
    /// Names its noise. Chunk `c` depends on this seed, on `c`, and on what lies before it.
    pub seed: u64,
}

/// Continues trajectories; see the file's heading.
pub struct Continuation<'a> {
    schedule: &'a NoiseSchedule,
    layout: TokenLayout,
    config: ContinuationConfig,
}

impl<'a> Continuation<'a> {
    /// Continuation with a denoiser of this layout and noise schedule.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for windows longer than the layout's sequences, for nothing to sample or keep,
    /// and for a replaced history with anything but the full-sequence matrix and DDIM.
    pub fn new(
        layout: &TokenLayout,
        schedule: &'a NoiseSchedule,
        config: ContinuationConfig,
    ) -> Result<Self, PlannerError> {
        layout.check()?;
        let bad = |name, value: String, remedy: String| Err(PlannerError::Setting { name, value, remedy });
        let (h, a, n) = (config.history, config.ahead, config.keep);
        if a == 0 || h.saturating_add(a) > layout.chunks {
            let remedy = format!("at least 1 is needed, and {} with the history at most", layout.chunks);
            return bad("continuation.ahead", format!("{a} after a history of {h}"), remedy);
        }
        if n == 0 || n > a {
            return bad("continuation.keep", n.to_string(), format!("between 1 and {a} can be kept"));
        }
        if usize::from(config.stabilization) > schedule.levels() {
            let remedy = format!("at most {} is accepted", schedule.levels());
            return bad("continuation.stabilization", config.stabilization.to_string(), remedy);
        }
        let one_level = config.matrix == MatrixKind::FullSequence && config.solver == Solver::Ddim;
        if config.form == HistoryForm::Replaced && !one_level {
            let given = format!("replaced with {:?} and {:?}", config.matrix, config.solver);
            let remedy = "a replaced history needs the full-sequence matrix and ddim".into();
            return bad("continuation.form", given, remedy);
        }
        // Zero or too many levels are refused here, not in the middle of a trajectory.
        SchedulingMatrix::new(config.matrix, a, config.levels)?;
        if usize::from(config.levels) > schedule.levels() {
            let remedy = format!("at most {} is accepted", schedule.levels());
            return bad("continuation.levels", config.levels.to_string(), remedy);
        }
        Ok(Self { schedule, layout: layout.clone(), config })
    }

    /// Appends one window's `keep` chunks to every trajectory. What a trajectory holds already stays as it is,
    /// to the last bit; what is appended does not depend on the trajectories beside it.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when trajectories differ in length or do not fit the layout,
    /// [`PlannerError::NonFinite`] for a trajectory that is not finite, and those of the denoiser. Nothing is
    /// appended then.
    pub fn slide(
        &self,
        denoiser: &mut dyn Denoiser,
        trajectories: &mut [Trajectory],
    ) -> Result<(), PlannerError> {
        let Some(first) = trajectories.first() else { return Ok(()) };
        let (width, so_far) = (self.layout.width(), first.x_cd.len() / self.layout.width());
        for trajectory in trajectories.iter() {
            check_len("state of a trajectory", self.layout.observation, trajectory.state.len())?;
            check_len("chunks of a trajectory", so_far * width, trajectory.x_cd.len())?;
            check_finite("state of a trajectory", &trajectory.state)?;
            check_finite("chunks of a trajectory", &trajectory.x_cd)?;
        }
        let history = self.config.history.min(so_far);
        let known = FIRST_CHUNK + history;
        let chunks = history + self.config.ahead;
        let mut sequences = self.window(trajectories, so_far, history);
        let clean_btd = sequences.x_btd.clone();
        on_pool(denoiser, |denoiser| match self.config.form {
            HistoryForm::Known => {
                let matrix =
                    SchedulingMatrix::new(self.config.matrix, self.config.ahead, self.config.levels)?
                        .with_parts(self.layout.parts())?
                        .until_settled(self.config.keep)
                        .after_known(known);
                let sampler = self.sampler(&matrix);
                sampler.run(denoiser, None, &mut sequences, sampler.all(), &mut |_, _| true).map(|_| ())
            }
            HistoryForm::Replaced => {
                let tokens = self.layout.tokens(chunks);
                let matrix = SchedulingMatrix::new(self.config.matrix, tokens, self.config.levels)?
                    .with_parts(self.layout.parts())?;
                for m in 0..matrix.steps() {
                    let level = matrix.row(m).first().copied().unwrap_or_default();
                    self.replace(trajectories, &clean_btd, known, so_far, level, &mut sequences);
                    let sampler = self.sampler(&matrix);
                    sampler.run(denoiser, None, &mut sequences, m..m + 1, &mut |_, _| true)?;
                }
                Ok(())
            }
        })?;
        let per = self.layout.tokens(chunks) * width;
        for (trajectory, x_td) in trajectories.iter_mut().zip(sequences.x_btd.chunks_exact(per)) {
            trajectory.x_cd.extend_from_slice(&x_td[known * width..(known + self.config.keep) * width]);
        }
        Ok(())
    }

    fn sampler<'m>(&'m self, matrix: &'m SchedulingMatrix) -> Sampler<'m> {
        Sampler {
            schedule: self.schedule,
            matrix,
            stabilization: self.config.stabilization,
            limits: None,
            solver: self.config.solver,
        }
    }

    /// `[state, no goal, history, noise]` of every trajectory.
    fn window(&self, trajectories: &[Trajectory], so_far: usize, history: usize) -> Tokens {
        let (layout, width) = (&self.layout, self.layout.width());
        let chunks = history + self.config.ahead;
        let per = layout.tokens(chunks) * width;
        let mut x_btd = vec![0.0; trajectories.len() * per];
        let oldest = (so_far - history) * width;
        for (trajectory, x_td) in trajectories.iter().zip(x_btd.chunks_exact_mut(per)) {
            let before = match oldest.checked_sub(width) {
                None => trajectory.state.as_slice(),
                Some(at) => &trajectory.x_cd[at + layout.last_observation()..][..layout.observation],
            };
            layout.write_state(before, &mut x_td[STATE * width..(STATE + 1) * width]);
            let (past, new) = x_td[FIRST_CHUNK * width..].split_at_mut(history * width);
            past.copy_from_slice(&trajectory.x_cd[oldest..]);
            for (i, chunk) in new.chunks_exact_mut(width).enumerate() {
                let path = [NOISE_STREAM, so_far as u64, i as u64];
                random::fill_normal(&mut random::stream(trajectory.seed, &path), chunk);
            }
        }
        let count = trajectories.len();
        Tokens::new(layout.tokens(chunks), x_btd, vec![chunks; count], vec![false; count])
    }

    /// Puts the known tokens at a row's level: `x^k = sqrt(abar) x + sqrt(1 - abar) e`, `e` fresh in every row.
    fn replace(
        &self,
        trajectories: &[Trajectory],
        clean_btd: &[f64],
        known: usize,
        so_far: usize,
        level: u16,
        sequences: &mut Tokens,
    ) {
        let (width, per) = (self.layout.width(), clean_btd.len() / trajectories.len().max(1));
        let k = self.schedule.training_level(usize::from(level), usize::from(self.config.levels));
        let (signal, noise) = (self.schedule.abar(k).sqrt(), (1.0 - self.schedule.abar(k)).sqrt());
        let mut e = vec![0.0; known * width];
        for (b, trajectory) in trajectories.iter().enumerate() {
            let path = [REPLACED_STREAM, so_far as u64, u64::from(level)];
            random::fill_normal(&mut random::stream(trajectory.seed, &path), &mut e);
            for token in (0..known).filter(|&token| token == STATE || token >= FIRST_CHUNK) {
                for d in (0..width).filter(|&d| self.layout.exists(token, d)) {
                    let i = token * width + d;
                    sequences.x_btd[b * per + i] = signal * clean_btd[b * per + i] + noise * e[i];
                }
            }
        }
    }
}
