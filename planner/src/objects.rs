//! Things of which there are several alike: the one that is moved comes first.
//!
//! Two cubes on a table differ in nothing but which entries of an observation speak of them. Shown as they are seen, a network has to
//! learn for each place what it already knows of the other, and in every chunk which of them the hand goes to: a choice that it
//! makes by averages, or by where the hand is already moving. So in training what the data move next comes first, and in planning
//! what is furthest from where it is wanted; whatever is done to one thing is learnt once. Where no goal is shown nothing says which
//! is moved, and the order is drawn.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::TokenLayout;

/// In which order a network is shown things that are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectOrder {
    /// As they are seen.
    #[default]
    AsSeen,
    /// The one that is moved next first.
    MovedFirst,
}

/// Where each entry of an arranged observation is in the one that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrangement {
    /// `arranged[i] = seen[from[i]]`; empty where both are the same.
    from: Vec<usize>,
}

impl Arrangement {
    /// With one of the things shown where the first is seen, and those before it one place later.
    pub fn first(first: usize, layout: &TokenLayout) -> Self {
        if first == 0 || first >= layout.objects.len() {
            return Self::default();
        }
        let order = std::iter::once(first).chain((0..layout.objects.len()).filter(|thing| *thing != first));
        let mut from: Vec<usize> = (0..layout.observation).collect();
        for (place, thing) in layout.objects.iter().zip(order) {
            place.clone().zip(layout.objects[thing].clone()).for_each(|(at, seen)| from[at] = seen);
        }
        Self { from }
    }

    /// The thing first that is furthest from where it is wanted, from a normalised observation and the normalised values of the
    /// condition.
    pub fn furthest_first(layout: &TokenLayout, now: &[f64], condition: &[f64]) -> Self {
        let square =
            |(at, entry): (usize, usize)| condition.get(at).map_or(0.0, |goal| (goal - now[entry]).powi(2));
        let away = |thing: &Range<usize>| -> f64 { layout.condition_of(thing).map(square).sum() };
        let away: Vec<f64> = layout.objects.iter().map(away).collect();
        // The first of several that are as far.
        let furthest = (0..away.len()).rev().max_by(|a, b| away[*a].total_cmp(&away[*b]));
        Self::first(furthest.unwrap_or(0), layout)
    }

    /// Whether it leaves observations as they are.
    pub fn is_as_seen(&self) -> bool {
        self.from.is_empty()
    }

    /// The entry that was seen of an entry as it is shown.
    pub fn seen(&self, shown: usize) -> usize {
        self.from.get(shown).copied().unwrap_or(shown)
    }

    /// Observations as they are shown, of those that were seen, one behind the other.
    pub fn show(&self, seen: &[f64]) -> Vec<f64> {
        self.rows(seen, |row, out| out.iter_mut().zip(&self.from).for_each(|(out, &i)| *out = row[i]))
    }

    /// Observations as they would be seen, of those that are shown.
    pub fn restore(&self, shown: &[f64]) -> Vec<f64> {
        self.rows(shown, |row, out| self.from.iter().zip(row).for_each(|(&i, value)| out[i] = *value))
    }

    fn rows(&self, values: &[f64], each: impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
        let mut out = values.to_vec();
        if !self.is_as_seen() {
            let width = self.from.len();
            let rows = values.chunks_exact(width).zip(out.chunks_exact_mut(width));
            rows.for_each(|(row, out)| each(row, out));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hand of one entry, and three things of a place and a colour.
    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 7,
            action: 1,
            reward: false,
            frames_per_token: 1,
            chunks: 1,
            condition: vec![1, 3, 5],
            bodies: Vec::new(),
            objects: vec![1..3, 3..5, 5..7],
            level_blocks: 0,
            returns: false,
        }
    }

    #[test]
    fn what_is_furthest_from_where_it_is_wanted_is_shown_first() {
        let seen = [9.0, 0.0, 0.1, 1.0, 1.1, 2.0, 2.1];
        let arranged = Arrangement::furthest_first(&layout(), &seen, &[0.5, 1.0, -3.0]);
        assert_eq!(arranged.show(&seen), [9.0, 2.0, 2.1, 0.0, 0.1, 1.0, 1.1]);
        assert_eq!([0, 1, 2, 3].map(|entry| arranged.seen(entry)), [0, 5, 6, 1]);
        let as_seen = Arrangement::furthest_first(&layout(), &seen, &[0.5, 1.0, 2.0]);
        assert!(as_seen.is_as_seen());
        assert_eq!(as_seen.show(&seen), seen);
    }

    #[test]
    fn what_is_shown_is_restored_row_by_row() {
        let seen: Vec<f64> = (0..14).map(f64::from).collect();
        for first in 0..3 {
            let arranged = Arrangement::first(first, &layout());
            assert_eq!(arranged.restore(&arranged.show(&seen)), seen, "{first}");
        }
    }
}
