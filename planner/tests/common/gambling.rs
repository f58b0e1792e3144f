//! One decision, whose payoff is chance's to decide, and the optimal denoiser of its data in closed form: narrow Gaussians at
//! the cases, seen at the levels of decision and outcome.

use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{Frames, FramesGradient};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::NoiseSchedule;
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, NoisyBatch, PlanConfig, PlannerError, TokenLayout,
};

use super::schedule;

/// Decision, payoff and weight.
pub type Case = (f64, f64, f64);

/// `a0`, `a1` and `a2`, all three as frequent in the data.
pub const CASES: [Case; 5] =
    [(-1.0, 5.0, 1.0), (-1.0, -15.0, 1.0), (0.0, 1.0, 1.0), (0.0, -6.0, 1.0), (1.0, 1.0, 2.0)];
/// What each of the three earns in the mean.
pub const MEANS: [f64; 3] = [-5.0, -2.5, 1.0];
/// Payoffs are planned as observations, in this unit.
pub const UNIT: f64 = 7.0;
/// Variance of each case in normalised units.
const NARROW: f64 = 4e-4;

/// See the file's heading. One chunk of one frame `[decision, payoff]`.
pub struct Mixture {
    cases: Vec<Case>,
    layout: TokenLayout,
    schedule: NoiseSchedule,
}

impl Mixture {
    pub fn new(cases: &[Case]) -> Self {
        let layout = TokenLayout {
            observation: 1,
            action: 1,
            reward: false,
            frames_per_token: 1,
            chunks: 1,
            condition: vec![],
            bodies: vec![],
            objects: vec![],
            level_blocks: 1,
            returns: false,
        };
        Self { cases: cases.to_vec(), layout, schedule: schedule(1000) }
    }

    /// Posterior mean of decision and payoff, and its Jacobian.
    fn posterior(&self, x: &[f64], levels: &[u16]) -> ([f64; 2], [[f64; 2]; 2]) {
        let abar = [0, 1].map(|s| self.schedule.abar(usize::from(levels[s])));
        let variance = [0, 1].map(|s| abar[s] * NARROW + 1.0 - abar[s]);
        let of_case = |&(decision, payoff, weight): &Case| {
            let centre = [decision, payoff / UNIT];
            let off = [0, 1].map(|s| x[s] - abar[s].sqrt() * centre[s]);
            let log = f64::ln(weight) - (0..2).map(|s| 0.5 * off[s] * off[s] / variance[s]).sum::<f64>();
            let mean = [0, 1].map(|s| centre[s] + abar[s].sqrt() * NARROW / variance[s] * off[s]);
            (log, mean, [0, 1].map(|s| -off[s] / variance[s]))
        };
        let cases: Vec<(f64, [f64; 2], [f64; 2])> = self.cases.iter().map(of_case).collect();
        let most = cases.iter().fold(f64::NEG_INFINITY, |most, case| most.max(case.0));
        let odds: Vec<f64> = cases.iter().map(|(log, ..)| (log - most).exp()).collect();
        let total: f64 = odds.iter().sum();
        let over =
            |value: &dyn Fn(usize) -> f64| (0..odds.len()).map(|c| odds[c] / total * value(c)).sum::<f64>();
        let mean = [0, 1].map(|s| over(&|c| cases[c].1[s]));
        let slope = [0, 1].map(|t| over(&|c| cases[c].2[t]));
        let jacobian = [0, 1].map(|s| {
            [0, 1].map(|t| {
                let own = if s == t { abar[s].sqrt() * NARROW / variance[s] } else { 0.0 };
                own + over(&|c| cases[c].1[s] * (cases[c].2[t] - slope[t]))
            })
        });
        (mean, jacobian)
    }
}

impl Denoiser for Mixture {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let mut pulled_btd = vec![0.0; x0_btd.len()];
        self.denoise_vjp(batch, x0_btd, &|_, _, _| {}, &mut pulled_btd)
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        pulled_btd.fill(0.0);
        let (per, at) = (batch.tokens * 2, FIRST_CHUNK * 2);
        for b in 0..batch.batch {
            let own = b * per..(b + 1) * per;
            let x_td = &batch.x_btd[own.clone()];
            let (mean, jacobian) = self.posterior(&x_td[at..], &batch.level_btp[b * per + at..][..2]);
            x0_btd[own.clone()][at..at + 2].copy_from_slice(&mean);
            let mut g = vec![0.0; per];
            cotangent(b, &x0_btd[own.clone()], &mut g);
            for t in 0..2 {
                pulled_btd[own.start + at + t] = (0..2).map(|s| jacobian[s][t] * g[at + s]).sum();
            }
        }
        Ok(())
    }
}

/// What is earned.
pub fn payoff(frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
    if let Some(gradient) = gradient.as_mut() {
        (0..frames.len).for_each(|i| gradient.observation(i)[0] += frames.weight);
    }
    (0..frames.len).map(|i| frames.weight * frames.observations.get(i)[0]).sum()
}

/// Settings for it.
pub fn config(candidates: usize, scale: f64) -> PlanConfig {
    let mut config = PlanConfig::default();
    (config.sampler.steps, config.sampler.stabilization_level) = (60, 0);
    (config.rank.ood_penalty, config.rank.candidates) = (0.0, candidates);
    (config.guidance.scale, config.guidance.end, config.guidance.start_weight) = (scale, 0.0, 0.0);
    config
}

/// A planner of these cases.
pub fn planner(cases: &[Case], config: PlanConfig) -> DiffusionPlanner {
    let of = |scale: f64| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0], vec![scale]).unwrap();
    let normalizer = DatasetNormalizer { observation: of(UNIT), action: of(1.0) };
    let payoffs = || cases.iter().map(|case| case.1);
    let (low, high) = (payoffs().fold(f64::MAX, f64::min) - 1.0, payoffs().fold(f64::MIN, f64::max) + 1.0);
    let limits = SlotLimits { low: vec![-1.1, low / UNIT], high: vec![1.1, high / UNIT] };
    let denoiser = Box::new(Mixture::new(cases));
    DiffusionPlanner::new(denoiser, schedule(1000), normalizer, limits, config, None).unwrap()
}
