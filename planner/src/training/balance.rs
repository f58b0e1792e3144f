//! Which sequences are drawn more often than the data hold them: those that lead where the data seldom lead.
//!
//! What a network answers is a law *given* the present and the goal. How often the data go from one to the other is not
//! part of the question: drawing rare ways more often changes no answer, only how much is learnt about it. And data may
//! stay at their goals for half of the time, which is soon learnt. Where the goal is hidden, where a sequence ends must not
//! decide: that would favour what leads to rare places. Where a goal is shown as uncertain, it does favour them, by as much
//! as is uncertain.

use std::collections::HashMap;

use forethought_envs::data::Dataset;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Places per deviation of an entry, along each: in the mazes about a corridor's half width.
const PLACES_PER_DEVIATION: f64 = 4.0;
/// Most by which a way counts as rarer than an average one. A few stray rows at an edge are no place to learn most about.
const RAREST: f64 = 1.0 / 16.0;

/// How likely a drawn sequence is kept, by where it begins and ends.
#[derive(Debug)]
pub(super) struct Balance {
    /// Place of each row.
    places: Vec<u32>,
    /// By the places of the first and the last row.
    kept: HashMap<[u32; 2], f32>,
}

impl Balance {
    /// Places are told by these entries of the observation; `drawn` are first and last rows of sequences as the data hold
    /// them. `power` 0 keeps all, 1 makes all ways equally likely, up to a point.
    pub fn of(
        dataset: &Dataset,
        entries: &[usize],
        power: f64,
        drawn: impl Iterator<Item = [usize; 2]>,
    ) -> Self {
        let columns = dataset.summary().observations;
        let sizes: Vec<(usize, f64)> = entries
            .iter()
            .filter_map(|&entry| Some((entry, columns.get(entry)?.std / PLACES_PER_DEVIATION)))
            .filter(|(_, size)| *size > 0.0)
            .collect();
        let mut numbers: HashMap<Vec<i64>, u32> = HashMap::new();
        let place = |observation: &[f32]| {
            let along = |&(entry, size): &(usize, f64)| (f64::from(observation[entry]) / size).floor() as i64;
            let next = numbers.len() as u32;
            *numbers.entry(sizes.iter().map(along).collect()).or_insert(next)
        };
        let rows = dataset.observations.chunks_exact(dataset.observation_dim.max(1));
        let places: Vec<u32> = rows.map(place).collect();
        let mut times: HashMap<[u32; 2], u32> = HashMap::new();
        for [first, last] in drawn {
            if let (Some(&from), Some(&to)) = (places.get(first), places.get(last)) {
                *times.entry([from, to]).or_default() += 1;
            }
        }
        let average = times.values().map(|&times| f64::from(times)).sum::<f64>() / times.len().max(1) as f64;
        let kept = |times: u32| (RAREST / (f64::from(times) / average).max(RAREST)).powf(power) as f32;
        Self { places, kept: times.into_iter().map(|(way, times)| (way, kept(times))).collect() }
    }

    /// Whether a sequence from one row to another is kept.
    pub fn keeps(&self, rng: &mut ChaCha8Rng, [first, last]: [usize; 2]) -> bool {
        let way = self.places.get(first).zip(self.places.get(last));
        let kept = way.and_then(|(&from, &to)| self.kept.get(&[from, to]));
        rng.random::<f32>() < kept.copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    /// A thousand rows at one place and ten at another, far off.
    fn two_places() -> Dataset {
        let observations: Vec<f32> =
            (0..1010).flat_map(|row| [if row < 1000 { 0.0 } else { 9.0 }, 5.0]).collect();
        Dataset::of_rows("places", [2, 1], observations, vec![0.0; 1010])
    }

    /// Share of rare ones among the sequences kept, of a thousand that stay at one place and ten that stay at the other.
    fn rare(power: f64) -> f64 {
        let balance = Balance::of(&two_places(), &[0, 1], power, (0..1010).map(|row| [row, row]));
        let mut rng = crate::random::stream(7, &[]);
        let rows = (0..200_000).map(|i| i % 1010).filter(|&row| balance.keeps(&mut rng, [row, row]));
        let (kept, rare) = rows.fold((0, 0), |(kept, rare), row| (kept + 1, rare + u32::from(row >= 1000)));
        f64::from(rare) / f64::from(kept)
    }

    #[test]
    fn rare_ways_are_kept_more_often_by_a_power_of_how_rare_they_are() {
        // The frequent one is drawn 1000 times where an average one is drawn 505 times, the rare one counts as a sixteenth.
        let (frequent, rarest) = (1000.0, 10.0);
        for power in [0.0, 0.5, 1.0] {
            let weight = (RAREST / (frequent / 505.0_f64)).powf(power);
            let expected = rarest / (rarest + frequent * weight);
            assert!((rare(power) - expected).abs() < 0.2 * expected, "{power}: {} {expected}", rare(power));
        }
    }

    #[test]
    fn an_entry_that_stands_still_tells_no_places_and_a_way_never_drawn_is_kept() {
        let balance = Balance::of(&two_places(), &[1], 1.0, (0..1010).map(|row| [row, row]));
        assert_eq!(balance.kept.len(), 1);
        let balance = Balance::of(&two_places(), &[0], 1.0, (0..1010).map(|row| [row, row]));
        let mut rng = crate::random::stream(7, &[]);
        assert!((0..100).all(|_| balance.keeps(&mut rng, [0, 1005]) && balance.keeps(&mut rng, [0, 5000])));
    }
}
