//! Observations of tasks with goals, as gymnasium-robotics shapes them: `observation`, `achieved_goal` and `desired_goal`.

use super::Dataset;
use super::parts::{Chosen, Part};

pub(super) const WANTED: &str = "desired_goal";
const REACHED: &str = "achieved_goal";

/// The goal of each row, beside the observation.
pub(super) struct Goals {
    /// Entries of it.
    pub width: usize,
}

impl Goals {
    /// The goals among the parts of an observation, and the other parts. What is wanted is no part of what is seen, where
    /// something else is.
    pub fn apart(mut parts: Vec<Part>) -> (Option<Self>, Vec<Part>) {
        let others = parts.iter().any(|part| part.key != WANTED && part.width.is_ok());
        let at = parts.iter().position(|part| part.key == WANTED && part.width.is_ok()).filter(|_| others);
        let width = at.and_then(|at| parts.remove(at).width.ok());
        (width.map(|width| Self { width }), parts)
    }

    /// Name of the part.
    pub fn key(&self) -> &'static str {
        WANTED
    }
}

/// Drops what was reached where other entries of the observation, one after another, are the same in every row. Says so.
pub(super) fn drop_repeated(data: &mut Dataset, chosen: &mut Chosen) -> Option<String> {
    let part = chosen.parts.iter().position(|(key, _)| key == REACHED)?;
    let width = chosen.parts.get(part)?.1;
    let first: usize = chosen.parts.iter().take(part).map(|(_, width)| width).sum();
    let all = data.observation_dim;
    let own = first..first + width;
    let candidates =
        (0..(all + 1).saturating_sub(width)).filter(|at| at + width <= own.start || *at >= own.end);
    // Exact: it was copied.
    #[allow(clippy::float_cmp)]
    let same =
        |at: &usize| data.observations.chunks_exact(all).all(|row| row[own.clone()] == row[*at..at + width]);
    let at = candidates.clone().find(same)?;
    let kept =
        data.observations.chunks_exact(all).flat_map(|row| row[..own.start].iter().chain(&row[own.end..]));
    data.observations = kept.copied().collect();
    data.observation_dim = all - width;
    chosen.parts.remove(part);
    let at = if at > own.start { at - width } else { at };
    Some(format!(
        "`{REACHED}` is left out of the observation, as its entries {at} to {} are the same in every row",
        at + width - 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(parts: &[(&str, usize)]) -> Chosen {
        Chosen { parts: parts.iter().map(|(key, width)| ((*key).into(), *width)).collect(), note: None }
    }

    #[test]
    fn what_was_reached_is_dropped_only_where_the_rest_tells_it() {
        let mut data = Dataset::of_rows("goals", [3, 1], vec![1.0, 5.0, 1.0, 2.0, 5.0, 2.0], vec![0.0; 2]);
        let mut parts = chosen(&[(REACHED, 1), ("observation", 2)]);
        let note = drop_repeated(&mut data, &mut parts).unwrap();
        assert!(note.contains("entries 1 to 1"), "{note}");
        assert_eq!((data.observation_dim, &data.observations[..]), (2, &[5.0, 1.0, 5.0, 2.0][..]));
        assert_eq!(parts, chosen(&[("observation", 2)]));
        assert_eq!(drop_repeated(&mut data, &mut parts), None);
        let mut other = Dataset::of_rows("goals", [2, 1], vec![1.0, 5.0, 2.0, 2.0], vec![0.0; 2]);
        let before = other.clone();
        assert_eq!(drop_repeated(&mut other, &mut chosen(&[(REACHED, 1), ("observation", 1)])), None);
        assert_eq!(drop_repeated(&mut other, &mut chosen(&[(REACHED, 2)])), None);
        assert_eq!(other, before);
    }

    #[test]
    fn goals_alone_are_an_observation() {
        let wanted = Part::vector(WANTED.into(), 2);
        let (goals, rest) = Goals::apart(vec![wanted.clone()]);
        assert!(goals.is_none() && rest == [wanted.clone()]);
        let (goals, rest) = Goals::apart(vec![wanted, Part::vector("a".into(), 1)]);
        assert_eq!((goals.unwrap().width, rest.len()), (2, 1));
    }
}
