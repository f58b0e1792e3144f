//! What a network is shown of a token, and what its answer means.
//!
//! A network answers in numbers of order one. For the targets of the literature the clean estimate of a slot is
//! `x0 = on_x x + scale answer`, by the slot's own level. [`Target::Residual`] leaves to the network what is not local.
//! Each block of frames begins where the *estimate* of the one before ends, as far as levels tell where that is
//! (`preconditioning/terms.rs`). From there linear dynamics of the data ([`LocalDynamics`]) say where its frames lie given
//! its own actions, be they noisy as they may, and how far off that is: `N(m, V)`; and
//!
//! `x0 = m + sqrt(V) answer`.
//!
//! A plan begins where the present is, outcomes follow from decisions, and blocks meet once noise is low. What is left to
//! learn are walls, goals and routes. The network is shown, too, what the noisy tokens alone say of a block: `m` from the
//! noisy end of the chunk before, and of its positions, as sines and cosines, the posterior mean of slots that know nothing
//! of each other.
//!
//! Names: `D` token width, `O`, `A` entries of observation and action, `f` frames of a block, `P` parts of a token, `L`
//! levels that the network is told, `I` numbers that it is shown.

mod read;
mod show;
mod terms;

use crate::dynamics::LocalDynamics;
use crate::fourier::{FourierEntries, FourierFeatures, MOST_OCTAVES};
use crate::layout::{FIRST_CHUNK, STATE};
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};
pub(crate) use read::Visible;
pub(crate) use terms::Terms;

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

/// Room for one token's numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    start: Vec<f64>,
    prior: Vec<f64>,
    guess: Vec<f64>,
    /// What the network is shown, `[I]`.
    pub input: Vec<f64>,
}

impl Preconditioning {
    /// For tokens of a layout, with sines and cosines in `octaves` octaves of what goals speak of.
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
            fourier: FourierFeatures::new(layout, FourierEntries::Condition, octaves),
            layout: layout.clone(),
            schedule: schedule.clone(),
            target,
            dynamics: dynamics.cloned(),
            spreading,
        })
    }

    /// The same, with these features of the same layout.
    pub(crate) fn with_fourier(self, fourier: FourierFeatures) -> Self {
        Self { fourier, ..self }
    }

    /// Token layout that it is for.
    pub fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    /// Noise schedule that its levels are of.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// What the network predicts.
    pub(crate) fn target(&self) -> Target {
        self.target
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
