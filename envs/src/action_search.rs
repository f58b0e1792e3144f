//! A search for actions by sampled futures, for references that can try them out.
//!
//! Model-predictive path integral control (Williams et al., "Information Theoretic MPC for Model-Based Reinforcement Learning",
//! ICRA 2017) with three things of iCEM's (Pinneri et al., "Sample-efficient Cross-Entropy Method for Real-time Planning", CoRL
//! 2020), which make a few dozen samples enough: noise that is correlated in time, the best sequences of the last step
//! kept and tried again, and the best sequence executed instead of the mean. Weights are relative to how far worths differ.
//!
//! Shapes: `k` sampled sequences, `h` steps of the horizon, `a` entries of an action.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::BoxSpace;

/// Settings of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SearchSettings {
    /// Steps that are looked ahead, at least 1.
    pub horizon: usize,
    /// Sequences tried in a step, at least 1; the last step's mean and those kept are among them.
    pub samples: usize,
    /// Sequences kept for the next step.
    pub kept: usize,
    /// Deviation of the noise.
    pub noise: f64,
    /// How much of the noise one step hands to the next, from 0 to less than 1: the deviation stays.
    pub correlation: f64,
    /// Temperature of the weights, in deviations of the worths of the step.
    pub temperature: f64,
}

/// A search, with what it remembers from step to step.
#[derive(Clone, Debug)]
pub(crate) struct ActionSearch {
    settings: SearchSettings,
    space: BoxSpace,
    mean_ha: Vec<f64>,
    /// `[samples, h, a]`; before a step the first rows after the first are those kept.
    sampled_kha: Vec<f64>,
    kept: usize,
    /// Sampled sequences, the best first.
    order_k: Vec<usize>,
    worth_k: Vec<f64>,
    /// Room for the sequences that are kept.
    best_kha: Vec<f64>,
}

impl ActionSearch {
    /// A search over actions of a bounded space.
    pub fn new(settings: SearchSettings, space: &BoxSpace) -> Self {
        let settings = SearchSettings {
            horizon: settings.horizon.max(1),
            samples: settings.samples.max(1),
            kept: settings.kept.min(settings.samples.max(1) - 1),
            ..settings
        };
        let len = settings.horizon * space.len();
        Self {
            mean_ha: vec![0.0; len],
            sampled_kha: vec![0.0; settings.samples * len],
            kept: 0,
            order_k: (0..settings.samples).collect(),
            worth_k: vec![0.0; settings.samples],
            best_kha: vec![0.0; settings.kept * len],
            space: space.clone(),
            settings,
        }
    }

    /// Forgets the steps before.
    pub fn reset(&mut self) {
        self.mean_ha.fill(0.0);
        self.kept = 0;
    }

    /// Writes the action to take now. `worth` says what a sequence `[h, a]` is worth from here on; where it is not finite, the
    /// sequence counts for nothing. Where none counts, the action is that of the mean.
    pub fn act(&mut self, random: &mut impl Rng, mut worth: impl FnMut(&[f64]) -> f64, action: &mut [f64]) {
        self.sample(random);
        let len = self.mean_ha.len().max(1);
        for (sampled_ha, slot) in self.sampled_kha.chunks_exact(len).zip(&mut self.worth_k) {
            let told = worth(sampled_ha);
            *slot = if told.is_finite() { told } else { f64::NEG_INFINITY };
        }
        let worth_k = &self.worth_k;
        self.order_k.sort_unstable_by(|&i, &j| worth_k[j].total_cmp(&worth_k[i]).then(i.cmp(&j)));
        let best = self.order_k[0];
        action.iter_mut().zip(&self.sampled_kha[best * len..]).for_each(|(slot, value)| *slot = *value);
        self.average();
        self.move_on();
    }

    /// The mean, those kept, and the mean with noise, all within the space.
    fn sample(&mut self, random: &mut impl Rng) {
        let SearchSettings { noise, correlation, .. } = self.settings;
        let (len, width) = (self.mean_ha.len(), self.space.len());
        let fresh = (1.0 - correlation * correlation).sqrt();
        let known = 1 + self.kept;
        for (k, sampled_ha) in self.sampled_kha.chunks_exact_mut(len.max(1)).enumerate() {
            if k == 0 {
                sampled_ha.copy_from_slice(&self.mean_ha);
            } else if k >= known {
                for i in 0..len {
                    let drawn: f64 = random.sample(StandardNormal);
                    sampled_ha[i] =
                        if i < width { drawn } else { correlation * sampled_ha[i - width] + fresh * drawn };
                }
                sampled_ha
                    .iter_mut()
                    .zip(&self.mean_ha)
                    .for_each(|(value, mean)| *value = mean + noise * *value);
            }
            sampled_ha.chunks_exact_mut(width.max(1)).for_each(|action| self.space.clip(action));
        }
    }

    /// The mean under the weights `exp((worth - best) / (temperature * deviation))`.
    fn average(&mut self) {
        let best = self.worth_k[self.order_k[0]];
        let finite = || self.worth_k.iter().filter(|worth| worth.is_finite());
        let count = finite().count() as f64;
        let mean = finite().sum::<f64>() / count;
        let deviation = (finite().map(|worth| (worth - mean).powi(2)).sum::<f64>() / count).sqrt();
        if count < 1.0 {
            return;
        }
        let scale = (self.settings.temperature * deviation).max(f64::MIN_POSITIVE);
        let weight = |worth: f64| ((worth - best) / scale).exp();
        let sum: f64 = self.worth_k.iter().map(|worth| weight(*worth)).sum();
        self.mean_ha.fill(0.0);
        for (sampled_ha, worth) in self.sampled_kha.chunks_exact(self.mean_ha.len().max(1)).zip(&self.worth_k)
        {
            let weight = weight(*worth) / sum;
            self.mean_ha.iter_mut().zip(sampled_ha).for_each(|(mean, value)| *mean += weight * value);
        }
    }

    /// One step on: the best are kept behind the mean, each without its first action and with its last one twice.
    fn move_on(&mut self) {
        let (len, width) = (self.mean_ha.len().max(1), self.space.len());
        let shift = |sequence_ha: &mut [f64]| sequence_ha.copy_within(width.., 0);
        for (kept_ha, &k) in self.best_kha.chunks_exact_mut(len).zip(&self.order_k) {
            kept_ha.copy_from_slice(&self.sampled_kha[k * len..(k + 1) * len]);
            shift(kept_ha);
        }
        let behind = &mut self.sampled_kha[len..];
        behind.iter_mut().zip(&self.best_kha).for_each(|(slot, value)| *slot = *value);
        shift(&mut self.mean_ha);
        self.kept = self.settings.kept;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SETTINGS: SearchSettings =
        SearchSettings { horizon: 6, samples: 24, kept: 3, noise: 0.5, correlation: 0.5, temperature: 0.1 };

    /// A point of unit mass is pushed to rest at 0 in steps of a second, and pushes cost a little.
    fn cost_of(mut at: [f64; 2], pushes: &[f64]) -> f64 {
        pushes
            .iter()
            .map(|push| {
                at = [at[0] + at[1] + 0.5 * push, at[1] + push];
                at[0] * at[0] + at[1] * at[1] + 0.1 * push * push
            })
            .sum()
    }

    #[test]
    fn a_point_is_brought_to_rest_where_it_is_wanted() {
        let mut search = ActionSearch::new(SETTINGS, &BoxSpace::symmetric(1, 1.0));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut at, mut push) = ([4.0, 0.0], [0.0]);
        for _ in 0..30 {
            search.act(&mut random, |pushes| -cost_of(at, pushes), &mut push);
            assert!(push[0].abs() <= 1.0);
            at = [at[0] + at[1] + 0.5 * push[0], at[1] + push[0]];
        }
        // Noise of a half around the mean leaves the nearest of two dozen samples.
        assert!(at[0].abs() < 0.2 && at[1].abs() < 0.2, "{at:?}");
    }

    #[test]
    fn steps_are_those_of_the_seed_and_a_reset_search_is_a_new_one() {
        let run = |search: &mut ActionSearch| {
            let mut random = ChaCha8Rng::seed_from_u64(5);
            let mut taken = Vec::new();
            for _ in 0..4 {
                let mut push = [0.0];
                search.act(&mut random, |pushes| -cost_of([2.0, 0.5], pushes), &mut push);
                taken.push(push[0].to_bits());
            }
            taken
        };
        let mut search = ActionSearch::new(SETTINGS, &BoxSpace::symmetric(1, 1.0));
        let first = run(&mut search);
        assert_ne!(run(&mut search), first, "it remembers");
        search.reset();
        assert_eq!(run(&mut search), first);
    }

    #[test]
    fn the_best_sequence_is_executed_and_tried_again_one_step_on() {
        let mut search = ActionSearch::new(SETTINGS, &BoxSpace::symmetric(2, 1.0));
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut action = [0.0; 2];
        let mut best = (f64::NEG_INFINITY, Vec::new());
        search.act(
            &mut random,
            |tried| {
                let worth = tried.iter().sum();
                if worth > best.0 {
                    best = (worth, tried.to_vec());
                }
                worth
            },
            &mut action,
        );
        assert_eq!(action, best.1[..2]);
        let mut tried = Vec::new();
        search.act(
            &mut random,
            |now| {
                tried.push(now.to_vec());
                0.0
            },
            &mut action,
        );
        assert_eq!((&tried[1][..10], &tried[1][10..]), (&best.1[2..], &best.1[10..]));
        assert_eq!(tried.len(), 24);
    }

    #[test]
    fn noise_keeps_its_deviation_and_is_correlated() {
        let settings = SearchSettings { samples: 4000, kept: 0, noise: 0.1, ..SETTINGS };
        let mut search = ActionSearch::new(settings, &BoxSpace::symmetric(1, 1.0));
        let mut drawn = Vec::new();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        search.act(
            &mut random,
            |tried| {
                drawn.push(tried.to_vec());
                0.0
            },
            &mut [0.0],
        );
        let mean =
            |of: &dyn Fn(&[f64]) -> f64| drawn[1..].iter().map(|tried| of(tried)).sum::<f64>() / 3999.0;
        for step in 0..6 {
            // Five standard errors of a variance: 5 * sqrt(2 / 4000).
            assert!((mean(&|tried| tried[step].powi(2)) / 0.01 - 1.0).abs() < 0.12);
        }
        assert!((mean(&|tried| tried[2] * tried[3]) / 0.01 - 0.5).abs() < 0.1);
    }

    #[test]
    fn what_cannot_be_tried_counts_for_nothing() {
        let mut search = ActionSearch::new(SETTINGS, &BoxSpace::symmetric(1, 1.0));
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut action = [9.0];
        search.act(&mut random, |_| f64::NAN, &mut action);
        assert_eq!(action, [0.0], "the mean, as nothing else is known");
        for _ in 0..20 {
            let mut best = (f64::NEG_INFINITY, f64::NAN);
            let mut worth = |tried: &[f64]| {
                let sum = tried.iter().sum();
                if tried.iter().any(|push| *push > 0.3) {
                    return f64::INFINITY;
                }
                best = if sum > best.0 { (sum, tried[0]) } else { best };
                sum
            };
            search.act(&mut random, &mut worth, &mut action);
            assert_eq!(action, [best.1], "the best of those that count");
        }
    }
}
