//! Sines and cosines of a token's positions, shown to a network beside the token itself.
//!
//! Where walls stand is a function of positions with far more detail than a network learns from the numbers
//! alone; of sines and cosines in several octaves it is learnt quickly (Mildenhall et al., *NeRF*, ECCV 2020;
//! Tancik et al., *Fourier features*, NeurIPS 2020). Positions are those entries of an observation that goals
//! speak of, or where nothing is shown of the goal, and everything may be a place, all ([`FourierEntries`]). Where one
//! body has to meet or to miss another, what counts is how far apart they are, to a small part of the room in which both
//! move: of the differences of their positions there are sines and cosines, too. Of a chunk positions are taken from its
//! last frame, which has its place in every token, and as the means of its quarters, in which noise is half as large.

use std::ops::{Mul, Range, Sub};

use serde::{Deserialize, Serialize};

use crate::TokenLayout;

/// Frequency of the lowest octave, in radians per deviation of the data.
const LOWEST: f64 = 1.0;
/// Above this frequencies are beyond the precision of the numbers themselves.
pub(crate) const MOST_OCTAVES: usize = 12;
/// Parts of a chunk over which positions are averaged.
const PARTS: usize = 4;

/// A number of a network's precision.
pub(crate) trait Number: Copy + Into<f64> + Mul<Output = Self> + Sub<Output = Self> {}

impl<N: Copy + Into<f64> + Mul<Output = N> + Sub<Output = N>> Number for N {}

/// Entries of an observation that features are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FourierEntries {
    /// Those that goals speak of.
    #[default]
    Condition,
    /// All of them: for tasks without a goal to show, and where places of other bodies count as much.
    Observation,
    /// All positions, and the difference of any two that have as many axes: for bodies that are to meet, or to keep apart.
    /// Positions then have one scale for each axis.
    Bodies,
}

impl FourierEntries {
    /// How many there are, differences counted.
    fn count(self, layout: &TokenLayout) -> u64 {
        match self {
            Self::Condition => layout.condition.len() as u64,
            Self::Observation => layout.observation as u64,
            Self::Bodies => {
                let of = |(i, body): (usize, &Range<usize>)| {
                    let like =
                        layout.bodies[i + 1..].iter().filter(|other| other.len() == body.len()).count();
                    (body.len() as u64).saturating_mul(1 + like as u64)
                };
                layout.bodies.iter().enumerate().map(of).fold(0, u64::saturating_add)
            }
        }
    }

    /// Entries, each with the one that is taken from it where it is a difference.
    fn entries(self, layout: &TokenLayout) -> Vec<(usize, Option<usize>)> {
        match self {
            Self::Condition => layout.condition.iter().map(|&entry| (entry, None)).collect(),
            Self::Observation => (0..layout.observation).map(|entry| (entry, None)).collect(),
            Self::Bodies => {
                let bodies = &layout.bodies;
                let alone = bodies.iter().cloned().flatten().map(|entry| (entry, None));
                let apart = bodies.iter().enumerate().flat_map(|(i, body)| {
                    let like = bodies[i + 1..].iter().filter(|other| other.len() == body.len());
                    like.flat_map(|other| body.clone().zip(other.clone().map(Some)))
                });
                alone.chain(apart).collect()
            }
        }
    }
}

/// Slots that are averaged, less the mean of as many others where it is a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    slots: Vec<usize>,
    less: Vec<usize>,
}

impl Place {
    fn mean(&self, token: &[f64]) -> f64 {
        let sum = |slots: &[usize]| slots.iter().map(|&slot| token[slot]).sum::<f64>();
        let apart = if self.less.is_empty() { 0.0 } else { sum(&self.less) };
        (sum(&self.slots) - apart) / self.slots.len() as f64
    }
}

/// Which slots the features are made of. `D` token width, `P` places, `F = 2 P octaves` features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FourierFeatures {
    places: Vec<Place>,
    octaves: usize,
}

impl FourierFeatures {
    /// Features in `octaves` octaves for tokens of `layout`; none for zero octaves.
    pub fn new(layout: &TokenLayout, of: FourierEntries, octaves: usize) -> Self {
        // Nothing is laid out for a layout that no network is built for.
        if layout.check().is_err() {
            return Self::default();
        }
        let f = layout.frames_per_token;
        let parts = PARTS.min(f);
        let entries = if octaves > 0 { of.entries(layout) } else { Vec::new() };
        let slot = |frame: usize, entry: usize| layout.observation_at(frame) + entry;
        let part = |i: usize, entry: usize| {
            (i * f / parts..(i + 1) * f / parts).map(move |frame| slot(frame, entry))
        };
        let places = entries.into_iter().flat_map(|(entry, less)| {
            let last = Place {
                slots: vec![layout.last_observation() + entry],
                less: less.iter().map(|less| layout.last_observation() + less).collect(),
            };
            let quarter = move |i| Place {
                slots: part(i, entry).collect(),
                less: less.into_iter().flat_map(|less| part(i, less)).collect(),
            };
            std::iter::once(last).chain((0..parts).map(quarter))
        });
        Self { places: places.collect(), octaves }
    }

    /// Places that features are made of where there are any, counted without laying them out.
    pub(crate) fn places_of(layout: &TokenLayout, of: FourierEntries) -> Option<u64> {
        of.count(layout).checked_mul(1 + PARTS.min(layout.frames_per_token) as u64)
    }

    /// Number of features `F` of a token.
    pub fn len(&self) -> usize {
        self.places.len().saturating_mul(self.octaves).saturating_mul(2)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the features of one token: for every place its octaves, a sine and a cosine each.
    pub(crate) fn extend(&self, token: &[f64], out: &mut Vec<f64>) {
        for place in &self.places {
            let mean = place.mean(token);
            let (mut sin, mut cos) = (LOWEST * mean).sin_cos();
            for _ in 0..self.octaves {
                out.extend([sin, cos]);
                (sin, cos) = (2.0 * sin * cos, cos * cos - sin * sin);
            }
        }
    }

    /// Adds to a token's gradient what its features pass on. `features` and `d_features` are `[F]`.
    pub(crate) fn pull<N: Number>(&self, features: &[N], d_features: &[N], d_token: &mut [f64]) {
        let octaves = features.chunks_exact(2 * self.octaves.max(1));
        for ((place, fourier), d_waves) in
            self.places.iter().zip(octaves).zip(d_features.chunks_exact(2 * self.octaves.max(1)))
        {
            let (mut frequency, mut d_mean) = (LOWEST, 0.0);
            for (pair, d) in fourier.chunks_exact(2).zip(d_waves.chunks_exact(2)) {
                d_mean += frequency * (d[0] * pair[1] - d[1] * pair[0]).into();
                frequency *= 2.0;
            }
            let share = d_mean / place.slots.len() as f64;
            place.slots.iter().for_each(|&slot| d_token[slot] += share);
            place.less.iter().for_each(|&slot| d_token[slot] -= share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 3,
            action: 1,
            reward: false,
            frames_per_token: 8,
            chunks: 4,
            condition: vec![0, 2],
            bodies: vec![],
            objects: vec![],
            level_blocks: 0,
            returns: false,
        }
    }

    #[test]
    fn features_are_sines_and_cosines_of_the_last_frame_and_of_quarters() {
        let fourier = FourierFeatures::new(&layout(), FourierEntries::Condition, 2);
        assert_eq!(fourier.len(), 2 * 2 * 5 * 2);
        assert_eq!(FourierFeatures::new(&layout(), FourierEntries::Observation, 2).len(), 3 * 2 * 5 * 2);
        let token: Vec<f64> = (0..32).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let mut features = Vec::new();
        fourier.extend(&token, &mut features);
        let last = token[7 * 4 + 1];
        let quarter = (token[1] + token[4 + 1]) / 2.0;
        for (at, phase) in [(0, last), (2, 2.0 * last), (4, quarter), (6, 2.0 * quarter)] {
            assert!((features[at] - phase.sin()).abs() < 1e-6, "{at}");
            assert!((features[at + 1] - phase.cos()).abs() < 1e-6, "{at}");
        }
        // The second position begins where the first one's five places end; entry 1 is no position.
        assert!((features[20] - token[7 * 4 + 3].sin()).abs() < 1e-6);
        let mut elsewhere = token.clone();
        elsewhere[2] += 1.0;
        let mut same = Vec::new();
        fourier.extend(&elsewhere, &mut same);
        assert_eq!(features, same);
    }

    #[test]
    fn of_bodies_there_are_features_of_where_they_are_and_of_how_far_apart() {
        // Two of two axes, one of one: four positions alone, one more, and one difference of two axes.
        let bodies = TokenLayout { observation: 6, bodies: vec![0..2, 3..4, 4..6], ..layout() };
        let fourier = FourierFeatures::new(&bodies, FourierEntries::Bodies, 1);
        assert_eq!(FourierFeatures::places_of(&bodies, FourierEntries::Bodies), Some(7 * 5));
        assert_eq!(fourier.len(), 7 * 5 * 2);
        let token: Vec<f64> = (0..bodies.width()).map(|i| (i as f64 * 0.7).sin()).collect();
        let mut features = Vec::new();
        fourier.extend(&token, &mut features);
        let last = &token[bodies.last_observation()..];
        // Places in order: entries 0, 1, 3, 4, 5, then 0 - 4 and 1 - 5; each of five means, a sine and a cosine.
        for (place, phase) in
            [last[0], last[1], last[3], last[4], last[5], last[0] - last[4], last[1] - last[5]]
                .into_iter()
                .enumerate()
        {
            assert!((features[place * 10] - phase.sin()).abs() < 1e-9, "{place}");
            assert!((features[place * 10 + 1] - phase.cos()).abs() < 1e-9, "{place}");
        }
        let second = |frame: usize, entry: usize| token[bodies.observation_at(frame) + entry];
        let quarter = (second(2, 0) - second(2, 4) + second(3, 0) - second(3, 4)) / 2.0;
        assert!((features[5 * 10 + 4] - quarter.sin()).abs() < 1e-9);
    }

    #[test]
    fn the_gradient_is_that_of_the_features() {
        gradient_of(&layout(), FourierEntries::Condition);
        gradient_of(&TokenLayout { bodies: vec![0..1, 1..2, 2..3], ..layout() }, FourierEntries::Bodies);
    }

    fn gradient_of(layout: &TokenLayout, entries: FourierEntries) {
        let fourier = FourierFeatures::new(layout, entries, 3);
        let token: Vec<f64> = (0..32).map(|i| (f64::from(i) * 1.3).cos()).collect();
        let of = |token: &[f64]| {
            let mut features = Vec::new();
            fourier.extend(token, &mut features);
            features
        };
        let d_features: Vec<f64> = (0..fourier.len()).map(|i| (i as f64 * 0.9).sin()).collect();
        let mut d_token = vec![0.0; 32];
        fourier.pull(&of(&token), &d_features, &mut d_token);
        for slot in 0..32 {
            let moved = |by: f64| {
                let mut token = token.clone();
                token[slot] += by;
                of(&token).iter().zip(&d_features).map(|(f, d)| f * d).sum::<f64>()
            };
            let numeric = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((d_token[slot] - numeric).abs() < 1e-6, "{slot}: {} for {numeric}", d_token[slot]);
        }
    }

    #[test]
    fn without_octaves_or_positions_there_are_no_features() {
        assert!(FourierFeatures::new(&layout(), FourierEntries::Observation, 0).is_empty());
        assert!(
            FourierFeatures::new(
                &TokenLayout { condition: Vec::new(), ..layout() },
                FourierEntries::Condition,
                4
            )
            .is_empty()
        );
    }
}
