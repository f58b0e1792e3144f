//! What a network is shown of a token, and what its answer means.
//!
//! A network answers in numbers of order one. For the targets of the literature the clean estimate of a slot is
//! `x0 = on_x x + scale answer`, by the slot's own level. [`Target::Residual`] leaves to the network what is not local.
//! Each block of frames begins where the one before ends, `u`. From there linear dynamics of the data ([`LocalDynamics`])
//! say where its frames lie given its own actions, be they noisy as they may, and how far off that is: `N(m, V)`; and
//!
//! `x0 = m + sqrt(V) answer`.
//!
//! `u` is the *estimate* of the block before: blocks meet, a plan begins where the present is, and outcomes follow from
//! decisions, however far training has come. What is left to learn are walls, goals and routes. The network is shown, too,
//! what the noisy tokens alone say of a block: `m` from the noisy end of the chunk before, and of its positions, as sines
//! and cosines, the posterior mean of slots that know nothing of each other.
//!
//! Names: `D` token width, `O`, `A` entries of observation and action, `f` frames of a block, `P` parts of a token, `L`
//! levels that the network is told, `I` numbers that it is shown.

use crate::dynamics::LocalDynamics;
use crate::fourier::{FourierFeatures, MOST_OCTAVES, Number};
use crate::layout::{FIRST_CHUNK, Half, STATE};
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

/// Error that trained networks leave at the end of a block, as a share of what linear dynamics leave open: how an estimate
/// is weighed against the noisy frame itself, which is the better one where it is nearly clean.
const LEFT_BY_NETWORKS: f64 = 0.1;

/// See the file's heading.
#[derive(Clone, Debug)]
pub struct Preconditioning {
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    dynamics: Option<LocalDynamics>,
    fourier: FourierFeatures,
    part_of_slots: Vec<usize>,
    /// Variance of every frame's entries for a unit of each entry's variance before the block, `[f, O, O]`.
    spreading: Vec<f64>,
}

/// What a combination of levels makes of a token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Without dynamics `x0 = on_x x + scale answer`, `[D]`; of what dynamics speak of, `x0 = m + scale answer`.
    on_x: Vec<f64>,
    scale: Vec<f64>,
    /// What the noisy token says of itself beside its prior: `guess_on_x x + guess_on_prior m`, `[D]`.
    guess_on_x: Vec<f64>,
    guess_on_prior: Vec<f64>,
    /// What stands for the observation before, per unit of the noisy one, `[O]`; empty where nothing is before.
    before: Vec<f64>,
    /// Of each block: transition `[O, O]`, effect per unit of the noisy action `[O, A]`, drift `[O]`.
    steps: Vec<f64>,
    /// Of the end of each block: what stands for it, per unit of the noisy frame and of its estimate, `[blocks, O, 2]`.
    ends: Vec<[f64; 2]>,
}

impl Terms {
    /// What a unit of each answer adds to the clean estimate of its slot, `[D]`.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }
}

/// Room for one token's numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    start: Vec<f64>,
    prior: Vec<f64>,
    guess: Vec<f64>,
    /// What the network is shown, `[I]`.
    pub input: Vec<f64>,
}

/// The visible tokens of a sequence, in their order, and what their levels make of them.
#[derive(Clone, Copy)]
pub(crate) struct Visible<'a> {
    /// The token of each.
    pub tokens: &'a [usize],
    /// Where in `table` the terms of each stand.
    pub row_of: &'a [u32],
    pub table: &'a [Terms],
}

impl<'a> Visible<'a> {
    /// Each token with its terms.
    fn each(self) -> impl DoubleEndedIterator<Item = (usize, &'a Terms)> + ExactSizeIterator {
        self.tokens.iter().zip(self.row_of).map(move |(t, row)| (*t, &self.table[*row as usize]))
    }
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
        if octaves > MOST_OCTAVES {
            let (name, value) = ("model.network.fourier_features", octaves.to_string());
            return Err(PlannerError::Setting { name, value, remedy: format!("at most {MOST_OCTAVES}") });
        }
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
        let spreading = dynamics.map_or_else(Vec::new, |dynamics| spreading(dynamics, layout.block_frames()));
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

    /// Part of each slot of a token, `[D]`: [`TokenLayout::part_of_slots`].
    pub(crate) fn part_of_slots(&self) -> &[usize] {
        &self.part_of_slots
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

    /// Whether the outcomes of token `t` are read off linear dynamics.
    fn is_local(&self, t: usize) -> bool {
        self.target == Target::Residual && t >= FIRST_CHUNK
    }

    /// Appends what a network is told of the levels of token `t` of a sequence, `[L]`: those of its parts, and with blocks
    /// that with which the token before ends.
    pub(crate) fn tell(&self, t: usize, level_tp: &[u16], told: &mut Vec<u16>) {
        let count = self.layout.parts();
        told.extend_from_slice(&level_tp[t * count..(t + 1) * count]);
        if self.layout.level_blocks > 0 {
            let before = before(t).map(|before| level_tp[before * count + self.layout.last_part()]);
            told.push(before.unwrap_or(self.schedule.levels() as u16));
        }
    }

    /// What levels, as [`Self::tell`] gives them, make of token `t`.
    pub(crate) fn terms(&self, t: usize, told: &[u16], terms: &mut Terms) {
        let (layout, width) = (&self.layout, self.layout.width());
        for of in [&mut terms.on_x, &mut terms.scale, &mut terms.guess_on_x, &mut terms.guess_on_prior] {
            of.clear();
            of.resize(width, 0.0);
        }
        for (slot, &part) in self.part_of_slots.iter().enumerate() {
            let (signal, noise) = self.powers(told[part]);
            (terms.on_x[slot], terms.scale[slot]) = self.target.to_x0(signal);
            let entry = (slot % layout.frame()).checked_sub(layout.action);
            let spread =
                self.dynamics.as_ref().zip(entry).and_then(|(of, entry)| of.spread.get(entry).copied());
            (terms.guess_on_x[slot], _) = beside(spread.unwrap_or(1.0), signal, noise);
        }
        terms.before.clear();
        terms.steps.clear();
        terms.ends.clear();
        let Some(dynamics) = self.dynamics.as_ref().filter(|_| t >= FIRST_CHUNK) else { return };
        let o = layout.observation;
        // The observation before, were it alone in the world.
        let (signal, noise) = self.powers(told.last().copied().unwrap_or_default());
        let mut open = vec![0.0; o];
        for (open, spread) in open.iter_mut().zip(&dynamics.spread) {
            let (on_x, left) = beside(*spread, signal, noise);
            terms.before.push(on_x);
            *open = left;
        }
        for block in 0..layout.level_blocks {
            let decided = self.powers(told[layout.part(block, Half::Action)]).0;
            let (signal, noise) = self.powers(told[layout.part(block, Half::Outcome)]);
            let mix = |known: &[f64], passive: &[f64], into: &mut Vec<f64>| {
                into.extend(known.iter().zip(passive).map(|(x, y)| decided * x + (1.0 - decided) * y));
            };
            mix(&dynamics.transition, &dynamics.passive_transition, &mut terms.steps);
            terms.steps.extend(dynamics.effect.iter().map(|effect| decided.sqrt() * effect));
            mix(&dynamics.drift, &dynamics.passive_drift, &mut terms.steps);
            // An estimate stands for the block before; before the first one stands the present as it is shown.
            let first = t == FIRST_CHUNK && block == 0;
            let mut left = vec![0.0; o];
            let frames = layout.frames_of(block);
            for i in 0..frames.len() * o {
                let passed = self.spreading[i * o..(i + 1) * o].iter().zip(&open);
                let passed: f64 = passed.map(|(spreading, open)| spreading * open).sum();
                let strays = decided * dynamics.variance[i] + (1.0 - decided) * dynamics.passive_variance[i];
                let slot = layout.observation_at(frames.start + i / o) + i % o;
                if self.target == Target::Residual {
                    let variance = strays + if first { passed } else { 0.0 };
                    (terms.on_x[slot], terms.scale[slot]) = (0.0, variance.sqrt());
                    if i / o + 1 == frames.len() {
                        let error = LEFT_BY_NETWORKS.powi(2) * variance;
                        let (on_x, on_estimate) = (signal.sqrt() * error, noise);
                        let whole = (signal * error + noise).max(f64::MIN_POSITIVE);
                        terms.ends.push([on_x / whole, on_estimate / whole]);
                    }
                }
                let (on_x, open) = beside(strays + passed, signal, noise);
                terms.guess_on_x[slot] = on_x;
                terms.guess_on_prior[slot] = 1.0 - signal.sqrt() * on_x;
                left[i % o] = open;
            }
            open = left;
        }
    }

    /// Writes what the network is shown of token `t` of the noisy sequence `x_td`.
    pub(crate) fn show(&self, t: usize, x_td: &[f64], terms: &Terms, scratch: &mut Scratch) {
        let (layout, width) = (&self.layout, self.layout.width());
        let x_d = &x_td[t * width..(t + 1) * width];
        let Scratch { start, prior, guess, input } = scratch;
        input.clear();
        input.extend_from_slice(x_d);
        if layout.level_blocks == 0 {
            return self.fourier.extend(x_d, input);
        }
        guess.clear();
        guess.extend(x_d.iter().zip(&terms.guess_on_x).map(|(x, on_x)| on_x * x));
        match before(t) {
            None => input.resize(width + prior_len(layout), 0.0),
            Some(before) => {
                self.shown_before(before, x_td, terms, start);
                for block in 0..layout.level_blocks {
                    self.roll_out(block, terms, start, x_d, prior);
                    input.extend_from_slice(prior);
                    for (slot, m) in self.outcomes(block).zip(&*prior) {
                        guess[slot] += terms.guess_on_prior[slot] * m;
                    }
                    self.end_of(block, guess, start);
                }
            }
        }
        self.fourier.extend(guess, input);
    }

    /// The transpose of [`Self::show`]: adds to the gradient at a noisy sequence what the network's input passes on.
    pub(crate) fn show_back<N: Number>(
        &self,
        t: usize,
        terms: &Terms,
        (input, d_input): (&[N], &[N]),
        scratch: &mut Scratch,
        d_x_td: &mut [f64],
    ) {
        let (layout, width) = (&self.layout, self.layout.width());
        let (of_x, of_rest) = d_input.split_at(width);
        let (of_prior, of_fourier) = of_rest.split_at(prior_len(layout));
        let features = &input[input.len() - self.fourier.len()..];
        let at = t * width..(t + 1) * width;
        d_x_td[at.clone()].iter_mut().zip(of_x).for_each(|(out, d)| *out += (*d).into());
        if layout.level_blocks == 0 {
            return self.fourier.pull(features, of_fourier, &mut d_x_td[at]);
        }
        // From here on `guess`, `prior` and `start` hold gradients at what has these names in `show`.
        let Scratch { start, prior, guess, .. } = scratch;
        guess.clear();
        guess.resize(width, 0.0);
        self.fourier.pull(features, of_fourier, guess);
        if let Some(before) = before(t) {
            start.clear();
            start.resize(layout.observation, 0.0);
            for block in (0..layout.level_blocks).rev() {
                let last = self.end_slot(block);
                guess[last..].iter_mut().zip(&*start).for_each(|(out, d)| *out += d);
                let shown = &of_prior[layout.frames_of(block).start * layout.observation..];
                prior.clear();
                let outcomes = self.outcomes(block).zip(shown);
                prior
                    .extend(outcomes.map(|(slot, d)| (*d).into() + terms.guess_on_prior[slot] * guess[slot]));
                self.roll_back(block, terms, prior, &mut d_x_td[at.clone()], start);
            }
            self.shown_before_back(before, terms, start, d_x_td);
        }
        let alone = d_x_td[at].iter_mut().zip(&*guess).zip(&terms.guess_on_x);
        alone.for_each(|((out, d), on_x)| *out += on_x * d);
    }

    /// Clean estimates of the visible tokens of a sequence, given the network's answers `[visible, D]`.
    pub(crate) fn read<N: Copy + Into<f64>>(
        &self,
        visible: Visible<'_>,
        x_td: &[f64],
        answer_vd: &[N],
        scratch: &mut Scratch,
        x0_td: &mut [f64],
    ) {
        let (layout, width) = (&self.layout, self.layout.width());
        let Scratch { start, prior, .. } = scratch;
        let answers = answer_vd.chunks_exact(width);
        for ((t, terms), answer_d) in visible.each().zip(answers) {
            let x_d = &x_td[t * width..(t + 1) * width];
            let x0_d = &mut x0_td[t * width..(t + 1) * width];
            let slots = x0_d.iter_mut().zip(x_d).zip(answer_d).zip(&terms.on_x).zip(&terms.scale);
            for ((((x0, x), answer), on_x), scale) in slots {
                *x0 = on_x * x + scale * (*answer).into();
            }
            if !self.is_local(t) {
                continue;
            }
            // The end of a chunk before stands in `start` already.
            if t == FIRST_CHUNK {
                self.shown_before(STATE, x_td, terms, start);
            }
            for block in 0..layout.level_blocks {
                self.roll_out(block, terms, start, x_d, prior);
                for (slot, m) in self.outcomes(block).zip(&*prior) {
                    x0_d[slot] += m;
                }
                let (last, o) = (self.end_slot(block), layout.observation);
                start.clear();
                let ends = terms.ends[block * o..].iter().zip(&x_d[last..]).zip(&x0_d[last..last + o]);
                start.extend(ends.map(|(([on_x, on_x0], x), x0)| on_x * x + on_x0 * x0));
            }
        }
    }

    /// The transpose of [`Self::read`]: from the gradient `d_x0_td` at the clean estimates to those at the answers,
    /// `[visible, D]`, and, added, at the noisy sequence.
    pub(crate) fn read_back(
        &self,
        visible: Visible<'_>,
        d_x0_td: &[f64],
        scratch: &mut Scratch,
        d_answer_vd: &mut [f64],
        d_x_td: &mut [f64],
    ) {
        let (layout, width, o) = (&self.layout, self.layout.width(), self.layout.observation);
        // Gradients at what has these names in `read`; `guess` is the one at a token's estimate.
        let Scratch { start, prior, guess, .. } = scratch;
        start.clear();
        start.resize(o, 0.0);
        let answers = d_answer_vd.chunks_exact_mut(width);
        for ((t, terms), d_answer_d) in visible.each().zip(answers).rev() {
            let at = t * width..(t + 1) * width;
            guess.clear();
            guess.extend_from_slice(&d_x0_td[at.clone()]);
            if self.is_local(t) {
                for block in (0..layout.level_blocks).rev() {
                    let last = self.end_slot(block);
                    for (i, d) in start.iter().enumerate() {
                        let [on_x, on_x0] = terms.ends[block * o + i];
                        guess[last + i] += on_x0 * d;
                        d_x_td[at.start + last + i] += on_x * d;
                    }
                    prior.clear();
                    prior.extend(self.outcomes(block).map(|slot| guess[slot]));
                    self.roll_back(block, terms, prior, &mut d_x_td[at.clone()], start);
                }
                if t == FIRST_CHUNK {
                    self.shown_before_back(STATE, terms, start, d_x_td);
                }
            }
            let slots =
                d_answer_d.iter_mut().zip(&mut d_x_td[at]).zip(&*guess).zip(&terms.scale).zip(&terms.on_x);
            for ((((d_answer, d_x), d), scale), on_x) in slots {
                *d_answer = scale * d;
                *d_x += on_x * d;
            }
        }
    }

    /// Weighted squared error of clean estimates, and its gradient at the answers that they were read from, `[D]` of one
    /// token. The block before counts as it was estimated: what follows from it is no reason to estimate it otherwise.
    pub(crate) fn loss(
        terms: &Terms,
        x0_d: &[f64],
        clean_d: &[f32],
        weight_d: &[f32],
        d_answer_d: &mut [f32],
    ) -> f64 {
        let mut loss = 0.0;
        let slots = x0_d.iter().zip(clean_d).zip(weight_d).zip(&terms.scale).zip(d_answer_d);
        for ((((x0, clean), weight), scale), d_answer) in slots {
            let error = x0 - f64::from(*clean);
            loss += f64::from(*weight) * error * error;
            *d_answer = (2.0 * f64::from(*weight) * error * scale) as f32;
        }
        loss
    }

    /// Slots of the observations of a block, frame by frame.
    fn outcomes(&self, block: usize) -> impl Iterator<Item = usize> {
        let layout = &self.layout;
        layout.frames_of(block).flat_map(move |frame| {
            let at = layout.observation_at(frame);
            at..at + layout.observation
        })
    }

    /// First slot of the observation with which a block ends.
    fn end_slot(&self, block: usize) -> usize {
        self.layout.observation_at(self.layout.frames_of(block).end - 1)
    }

    /// Copies the observation with which a block of a token ends.
    fn end_of(&self, block: usize, token_d: &[f64], end: &mut Vec<f64>) {
        let last = self.end_slot(block);
        end.clear();
        end.extend_from_slice(&token_d[last..last + self.layout.observation]);
    }

    /// What the noisy end of the token before says of where a chunk begins.
    fn shown_before(&self, before: usize, x_td: &[f64], terms: &Terms, start: &mut Vec<f64>) {
        let ends = &x_td[before * self.layout.width() + self.layout.last_observation()..];
        start.clear();
        start.extend(terms.before.iter().zip(ends).map(|(on, x)| on * x));
    }

    fn shown_before_back(&self, before: usize, terms: &Terms, d_start: &[f64], d_x_td: &mut [f64]) {
        let ends = &mut d_x_td[before * self.layout.width() + self.layout.last_observation()..];
        ends.iter_mut().zip(&terms.before).zip(d_start).for_each(|((out, on), d)| *out += on * d);
    }

    /// Transition, effect and drift of a block.
    fn step<'t>(&self, terms: &'t Terms, block: usize) -> (&'t [f64], &'t [f64], &'t [f64]) {
        let (o, a) = (self.layout.observation, self.layout.action);
        let len = o * (o + a + 1);
        let (transition, rest) = terms.steps[block * len..(block + 1) * len].split_at(o * o);
        let (effect, drift) = rest.split_at(o * a);
        (transition, effect, drift)
    }

    /// Where linear dynamics put the frames of a block that begins at `start`, `[f, O]`.
    fn roll_out(&self, block: usize, terms: &Terms, start: &[f64], x_d: &[f64], prior: &mut Vec<f64>) {
        let (layout, o, a) = (&self.layout, self.layout.observation, self.layout.action);
        let (transition, effect, drift) = self.step(terms, block);
        let frames = layout.frames_of(block);
        prior.clear();
        prior.resize(frames.len() * o, 0.0);
        for frame in 0..frames.len() {
            let action = &x_d[layout.action_at(frames.start + frame)..][..a];
            let (done, rest) = prior.split_at_mut(frame * o);
            let now = if frame == 0 { start } else { &done[(frame - 1) * o..] };
            for (i, next) in rest[..o].iter_mut().enumerate() {
                let moved: f64 = transition[i * o..(i + 1) * o].iter().zip(now).map(|(m, x)| m * x).sum();
                let pushed: f64 = effect[i * a..(i + 1) * a].iter().zip(action).map(|(m, x)| m * x).sum();
                *next = moved + pushed + drift[i];
            }
        }
    }

    /// The transpose of [`Self::roll_out`]: uses up `d_prior`, adds to the gradient at the actions of the noisy token, and
    /// writes the one at `start`.
    fn roll_back(
        &self,
        block: usize,
        terms: &Terms,
        d_prior: &mut [f64],
        d_x_d: &mut [f64],
        d_start: &mut Vec<f64>,
    ) {
        let (layout, o, a) = (&self.layout, self.layout.observation, self.layout.action);
        let (transition, effect, _) = self.step(terms, block);
        let frames = layout.frames_of(block);
        d_start.clear();
        d_start.resize(o, 0.0);
        for frame in (0..frames.len()).rev() {
            let (earlier, now) = d_prior.split_at_mut(frame * o);
            let action = layout.action_at(frames.start + frame);
            for (i, d) in now[..o].iter().enumerate() {
                let pushed = d_x_d[action..action + a].iter_mut().zip(&effect[i * a..]);
                pushed.for_each(|(out, m)| *out += m * d);
                let row = transition[i * o..(i + 1) * o].iter();
                if frame == 0 {
                    d_start.iter_mut().zip(row).for_each(|(out, m)| *out += m * d);
                } else {
                    earlier[(frame - 1) * o..].iter_mut().zip(row).for_each(|(out, m)| *out += m * d);
                }
            }
        }
    }
}

/// Token before token `t` in time.
fn before(t: usize) -> Option<usize> {
    match t {
        FIRST_CHUNK => Some(STATE),
        _ if t > FIRST_CHUNK => Some(t - 1),
        _ => None,
    }
}

/// What a noisy number says beside a prior of mean zero and this variance: the posterior mean per unit of it, and the
/// posterior variance.
fn beside(variance: f64, signal: f64, noise: f64) -> (f64, f64) {
    let whole = signal * variance + noise;
    (signal.sqrt() * variance / whole, variance * noise / whole)
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
