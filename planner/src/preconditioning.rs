//! What a network is shown of a token, and what its answer means.
//!
//! A network answers in numbers of order one; the clean estimate of a token is `x0 = mean + scale * answer`, slot by slot
//! (the preconditioning of Karras et al., *EDM*, NeurIPS 2022). For the targets of the literature mean and scale depend on
//! the token's own level. [`Target::Residual`] puts into the mean what needs no network: with `u` the observation with
//! which the token before ends, the linear dynamics of the data ([`LocalDynamics`]) say where each frame lies given `u`
//! and the token's own actions, and how far off that is, `N(m, V)`, be they noisy as they may. With the noisy frame
//! itself, `x = a x0 + s e`, this makes
//!
//! `mean = m + a V (x - a m) / (a^2 V + s^2)`, `scale^2 = V s^2 / (a^2 V + s^2)`,
//!
//! the law of the frame were the world linear and its slots independent. The network is left with what is not: walls,
//! goals, routes. A plan then begins where the present is and its chunks meet, however far training has come.
//!
//! Names: `D` token width, `O`, `A` entries of observation and action, `f` frames of a chunk, `P` parts of a token, `L`
//! levels that the network is told, `I` numbers that it is shown.

use crate::dynamics::LocalDynamics;
use crate::fourier::{FourierFeatures, Number};
use crate::layout::{FIRST_CHUNK, Half, STATE};
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

/// See the file's heading.
#[derive(Clone, Debug)]
pub struct Preconditioning {
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    dynamics: Option<LocalDynamics>,
    fourier: FourierFeatures,
    part_of_slots: Vec<usize>,
    /// Variance of every frame's entries for a unit of each entry's variance before the chunk, `[f, O, O]`.
    spreading: Vec<f64>,
}

/// What a combination of levels makes of a token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// `mean = on_x x + on_prior m`, and the scale of the answer: `[D]`.
    on_x: Vec<f64>,
    on_prior: Vec<f64>,
    pub scale: Vec<f64>,
    /// What stands for the observation before, per unit of the noisy one, `[O]`; empty where nothing is before.
    before: Vec<f64>,
    /// Of each block: transition `[O, O]`, effect per unit of the noisy action `[O, A]`, drift `[O]`.
    steps: Vec<f64>,
}

/// Room for one token's numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    prior: Vec<f64>,
    d_mean: Vec<f64>,
    /// What the network is shown, `[I]`.
    pub input: Vec<f64>,
    /// Mean of the clean estimate, `[D]`.
    pub mean: Vec<f64>,
}

impl Preconditioning {
    /// For tokens of a layout, with sines and cosines in `octaves` octaves.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for [`Target::Residual`] without blocks of levels; [`PlannerError::Device`] where blocks
    /// are not given the dynamics of this layout.
    pub fn new(
        layout: &TokenLayout,
        schedule: &NoiseSchedule,
        target: Target,
        octaves: usize,
        dynamics: Option<&LocalDynamics>,
    ) -> Result<Self, PlannerError> {
        layout.check()?;
        if target == Target::Residual && layout.level_blocks == 0 {
            return Err(PlannerError::Setting {
                name: "model.target",
                value: "residual".into(),
                remedy: "it needs levels for decisions and outcomes: give model.level_blocks at least 1"
                    .into(),
            });
        }
        let dynamics = dynamics.filter(|_| layout.level_blocks > 0);
        if layout.level_blocks > 0 && dynamics.is_none_or(|dynamics| !dynamics.fits(layout)) {
            let problem = "levels for decisions and outcomes need the data's linear dynamics, which are missing or \
                           do not fit the layout: train again";
            return Err(PlannerError::Device(problem.into()));
        }
        let spreading =
            dynamics.map_or_else(Vec::new, |dynamics| spreading(dynamics, layout.frames_per_token));
        Ok(Self {
            part_of_slots: layout.part_of_slots(),
            fourier: FourierFeatures::new(layout, octaves),
            layout: layout.clone(),
            schedule: schedule.clone(),
            target,
            dynamics: dynamics.cloned(),
            spreading,
        })
    }

    /// Token layout that it is for.
    pub fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    /// Noise schedule that its levels are of.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// Numbers that a network is shown of a token, `I`.
    pub fn input(&self) -> usize {
        self.layout.width() + prior_len(&self.layout) + self.fourier.len()
    }

    /// Signal power and noise power of a level.
    fn powers(&self, level: u16) -> (f64, f64) {
        let abar = self.schedule.abar(usize::from(level));
        (abar, 1.0 - abar)
    }

    /// Token before token `t` in time.
    fn before(t: usize) -> Option<usize> {
        match t {
            FIRST_CHUNK => Some(STATE),
            _ if t > FIRST_CHUNK => Some(t - 1),
            _ => None,
        }
    }

    /// Appends what a network is told of the levels of token `t` of a sequence, `[L]`: those of its parts, and with blocks
    /// that with which the token before ends.
    pub(crate) fn tell(&self, t: usize, level_tp: &[u16], told: &mut Vec<u16>) {
        let count = self.layout.parts();
        told.extend_from_slice(&level_tp[t * count..(t + 1) * count]);
        if self.layout.level_blocks > 0 {
            let before = Self::before(t).map(|before| level_tp[before * count + self.layout.last_part()]);
            told.push(before.unwrap_or(self.schedule.levels() as u16));
        }
    }

    /// What levels, as [`Self::tell`] gives them, make of token `t`.
    pub(crate) fn terms(&self, t: usize, told: &[u16], terms: &mut Terms) {
        let (layout, width) = (&self.layout, self.layout.width());
        for of in [&mut terms.on_x, &mut terms.on_prior, &mut terms.scale] {
            of.clear();
            of.resize(width, 0.0);
        }
        terms.before.clear();
        terms.steps.clear();
        let Some(dynamics) = &self.dynamics else { return self.own(told, terms, |_| 1.0) };
        let (o, a, f) = (layout.observation, layout.action, layout.frames_per_token);
        let spread = |slot: usize| {
            let entry = (slot % layout.frame()).checked_sub(a).filter(|entry| *entry < o);
            entry.map_or(1.0, |entry| dynamics.spread[entry])
        };
        if t < FIRST_CHUNK {
            return self.own(told, terms, spread);
        }
        // The observation before, were it alone in the world.
        let (signal, noise) = self.powers(told.last().copied().unwrap_or_default());
        let mut left_open = vec![0.0; o];
        for (open, spread) in left_open.iter_mut().zip(&dynamics.spread) {
            let whole = signal * spread + noise;
            terms.before.push(signal.sqrt() * spread / whole);
            *open = spread * noise / whole;
        }
        for block in 0..layout.level_blocks {
            let known = self.powers(told[layout.part(block, Half::Action)]).0;
            let mix = |active: &[f64], passive: &[f64], steps: &mut Vec<f64>| {
                steps.extend(active.iter().zip(passive).map(|(x, y)| known * x + (1.0 - known) * y));
            };
            mix(&dynamics.transition, &dynamics.passive_transition, &mut terms.steps);
            terms.steps.extend(dynamics.effect.iter().map(|effect| known.sqrt() * effect));
            mix(&dynamics.drift, &dynamics.passive_drift, &mut terms.steps);
        }
        let mut known = 0.0;
        let mut variance = vec![1.0; width];
        for frame in 0..f {
            let share = self.powers(told[layout.part(layout.block(frame), Half::Action)]).0;
            known += (share - known) / (frame + 1) as f64;
            for entry in 0..o {
                let at = frame * o + entry;
                let passed = self.spreading[at * o..(at + 1) * o].iter().zip(&left_open);
                variance[layout.observation_at(frame) + entry] = known * dynamics.variance[at]
                    + (1.0 - known) * dynamics.passive_variance[at]
                    + passed.map(|(spreading, open)| spreading * open).sum::<f64>();
            }
        }
        self.own(told, terms, |slot| variance[slot]);
    }

    /// What the token's own slots say of themselves, beside a prior of this variance.
    fn own(&self, told: &[u16], terms: &mut Terms, variance: impl Fn(usize) -> f64) {
        for (slot, &part) in self.part_of_slots.iter().enumerate() {
            let (signal, noise) = self.powers(told[part]);
            if self.target == Target::Residual {
                let whole = signal * variance(slot) + noise;
                terms.on_x[slot] = signal.sqrt() * variance(slot) / whole;
                terms.on_prior[slot] = noise / whole;
                terms.scale[slot] = (variance(slot) * noise / whole).sqrt();
            } else {
                (terms.on_x[slot], terms.scale[slot]) = self.target.to_x0(signal);
            }
        }
    }

    /// Writes what the network is shown of token `t` of the noisy sequence `x_td`, and the mean of its clean estimate.
    pub(crate) fn show(&self, t: usize, x_td: &[f64], terms: &Terms, scratch: &mut Scratch) {
        let (layout, width) = (&self.layout, self.layout.width());
        let x_d = &x_td[t * width..(t + 1) * width];
        let Scratch { prior, input, mean, .. } = scratch;
        input.clear();
        input.extend_from_slice(x_d);
        mean.clear();
        mean.extend(x_d.iter().zip(&terms.on_x).map(|(x, on_x)| on_x * x));
        if layout.level_blocks > 0 {
            prior.clear();
            prior.resize(prior_len(layout), 0.0);
            if let Some(before) = Self::before(t) {
                let before_d = &x_td[before * width..(before + 1) * width];
                self.roll_out(before_d, x_d, terms, prior);
                self.observed(mean, &terms.on_prior, prior, |mean, on_prior, m| *mean += on_prior * *m);
            }
            input.extend_from_slice(prior);
        }
        self.fourier.extend(if self.target == Target::Residual { mean } else { x_d }, input);
    }

    /// Calls `with(slot, coefficient, entry of the prior)` for every slot that there is a prior of.
    fn observed(
        &self,
        slots: &mut [f64],
        coefficients: &[f64],
        prior: &mut [f64],
        with: impl Fn(&mut f64, f64, &mut f64),
    ) {
        let o = self.layout.observation;
        for (frame, prior_o) in prior.chunks_exact_mut(o).enumerate() {
            let at = self.layout.observation_at(frame);
            let both = slots[at..at + o].iter_mut().zip(&coefficients[at..at + o]);
            both.zip(prior_o).for_each(|((slot, coefficient), m)| with(slot, *coefficient, m));
        }
    }

    /// Transition, effect and drift of a block.
    fn step<'t>(&self, terms: &'t Terms, block: usize) -> (&'t [f64], &'t [f64], &'t [f64]) {
        let (o, a) = (self.layout.observation, self.layout.action);
        let len = o * (o + a + 1);
        let (transition, rest) = terms.steps[block * len..(block + 1) * len].split_at(o * o);
        let (effect, drift) = rest.split_at(o * a);
        (transition, effect, drift)
    }

    /// Where every frame would lie by linear dynamics, `[f, O]`.
    fn roll_out(&self, before_d: &[f64], x_d: &[f64], terms: &Terms, prior: &mut [f64]) {
        let (layout, o, a) = (&self.layout, self.layout.observation, self.layout.action);
        for frame in 0..layout.frames_per_token {
            let action = &x_d[layout.action_at(frame)..][..a];
            let (done, rest) = prior.split_at_mut(frame * o);
            let (transition, effect, drift) = self.step(terms, layout.block(frame));
            for i in 0..o {
                let row = &transition[i * o..(i + 1) * o];
                let moved: f64 = match frame {
                    0 => {
                        let ends = &before_d[layout.last_observation()..][..o];
                        row.iter().zip(ends).zip(&terms.before).map(|((m, x), on)| m * on * x).sum()
                    }
                    _ => row.iter().zip(&done[(frame - 1) * o..]).map(|(m, x)| m * x).sum(),
                };
                let pushed: f64 = effect[i * a..(i + 1) * a].iter().zip(action).map(|(m, x)| m * x).sum();
                rest[i] = moved + pushed + drift[i];
            }
        }
    }

    /// Adds to the gradient of a sequence what token `t` passes on: `d_x0_d` is the gradient at its clean estimate past
    /// the network, `d_input` the one at what the network is shown.
    pub(crate) fn pull<N: Number>(
        &self,
        t: usize,
        terms: &Terms,
        (input, d_input): (&[N], &[N]),
        d_x0_d: &[f64],
        scratch: &mut Scratch,
        out_td: &mut [f64],
    ) {
        let (layout, width) = (&self.layout, self.layout.width());
        let (of_x, of_rest) = d_input.split_at(width);
        let (of_prior, of_fourier) = of_rest.split_at(prior_len(layout));
        let features = &input[input.len() - self.fourier.len()..];
        let Scratch { prior, d_mean, .. } = scratch;
        d_mean.clear();
        d_mean.extend_from_slice(d_x0_d);
        if self.target == Target::Residual {
            self.fourier.pull(features, of_fourier, d_mean);
        }
        let out_d = &mut out_td[t * width..(t + 1) * width];
        for (((out, d_mean), on_x), through) in out_d.iter_mut().zip(&*d_mean).zip(&terms.on_x).zip(of_x) {
            *out += on_x * d_mean + (*through).into();
        }
        if self.target != Target::Residual {
            self.fourier.pull(features, of_fourier, out_d);
        }
        let Some(before) = Self::before(t).filter(|_| layout.level_blocks > 0) else { return };
        prior.clear();
        prior.extend(of_prior.iter().map(|d| (*d).into()));
        self.observed(d_mean, &terms.on_prior, prior, |d_mean, on_prior, d| *d += on_prior * *d_mean);
        self.roll_back((before, t), terms, prior, out_td);
    }

    /// The transpose of [`Self::roll_out`]. `d_prior` is used up.
    fn roll_back(&self, (before, t): (usize, usize), terms: &Terms, d_prior: &mut [f64], out_td: &mut [f64]) {
        let (layout, o, a, width) =
            (&self.layout, self.layout.observation, self.layout.action, self.layout.width());
        for frame in (0..layout.frames_per_token).rev() {
            let (transition, effect, _) = self.step(terms, layout.block(frame));
            let (earlier, now) = d_prior.split_at_mut(frame * o);
            for (i, d) in now[..o].iter().enumerate() {
                let action = &mut out_td[t * width + layout.action_at(frame)..][..a];
                action.iter_mut().zip(&effect[i * a..]).for_each(|(out, m)| *out += m * d);
                let row = &transition[i * o..(i + 1) * o];
                if frame > 0 {
                    earlier[(frame - 1) * o..].iter_mut().zip(row).for_each(|(out, m)| *out += m * d);
                } else {
                    let ends = &mut out_td[before * width + layout.last_observation()..][..o];
                    ends.iter_mut().zip(row).zip(&terms.before).for_each(|((out, m), on)| *out += m * on * d);
                }
            }
        }
    }
}

/// Numbers of the linear dynamics' say on a token that a network is shown.
pub(crate) fn prior_len(layout: &TokenLayout) -> usize {
    if layout.level_blocks == 0 { 0 } else { layout.frames_per_token.saturating_mul(layout.observation) }
}

/// Squares of the entries of `A'^1 .. A'^f`.
fn spreading(dynamics: &LocalDynamics, f: usize) -> Vec<f64> {
    let o = dynamics.spread.len();
    let transition = &dynamics.passive_transition;
    let mut power = transition.clone();
    let mut squares = Vec::with_capacity(f * o * o);
    for _ in 0..f {
        squares.extend(power.iter().map(|entry| entry * entry));
        let product = |i: usize| (0..o).map(|k| transition[i / o * o + k] * power[k * o + i % o]).sum();
        power = (0..o * o).map(product).collect();
    }
    squares
}
