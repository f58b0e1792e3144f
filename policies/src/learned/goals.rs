//! Goals in hindsight: which row a step is taken to have aimed at.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One kind of goals: chances of the present row, a later one of the trajectory, and any.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoalMixture {
    pub current: f64,
    pub trajectory: f64,
    /// Later rows geometrically, with this chance to stop at each; evenly where there is none.
    pub stop: Option<f64>,
}

impl GoalMixture {
    /// Draws a goal for step `at` of a trajectory that ends with step `last`; there are `count` steps in all. As OGBench does: an
    /// even draw begins with the next step, a geometric one as well, and both end with the last.
    pub fn draw(&self, at: usize, last: usize, count: usize, rng: &mut ChaCha8Rng) -> usize {
        let kind: f64 = rng.random();
        if kind < self.current {
            return at;
        }
        if kind >= self.current + self.trajectory {
            return rng.random_range(0..count.max(1));
        }
        let share: f64 = rng.random();
        let ahead = last.saturating_sub(at);
        match self.stop {
            // The inverse of 1 - (1 - p)^k, the chance of at most k.
            Some(stop) => {
                let offset = ((1.0 - share).ln() / (1.0 - stop).ln()).ceil().max(1.0);
                at + (offset.min(ahead as f64) as usize)
            }
            None => {
                let first = (at + 1).min(last) as f64;
                (first * share + last as f64 * (1.0 - share)).round() as usize
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn draws(mixture: GoalMixture, at: usize, last: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..40_000).map(|_| mixture.draw(at, last, 1000, &mut rng)).collect()
    }

    /// Shares of 40,000 draws have a standard error of at most 0.0025; four of them are allowed.
    fn share(draws: &[usize], of: impl Fn(usize) -> bool) -> f64 {
        draws.iter().filter(|&&goal| of(goal)).count() as f64 / draws.len() as f64
    }

    #[test]
    fn kinds_come_as_often_as_asked() {
        let all = draws(GoalMixture { current: 0.2, trajectory: 0.5, stop: Some(0.5) }, 500, 510);
        // Any row is the present one, or one of the next ten, with a chance of 0.011 more.
        assert!((share(&all, |goal| goal == 500) - 0.2003).abs() < 0.01);
        assert!((share(&all, |goal| (501..=510).contains(&goal)) - 0.503).abs() < 0.01);
        assert!(
            (share(&all, |goal| goal == 501) - 0.2503).abs() < 0.01,
            "half of the later ones are the next"
        );
        assert!((share(&all, |goal| goal == 502) - 0.1253).abs() < 0.01);
    }

    #[test]
    fn even_draws_are_even_and_stay_in_the_trajectory() {
        let even = draws(GoalMixture { current: 0.0, trajectory: 1.0, stop: None }, 100, 110);
        assert!(even.iter().all(|goal| (101..=110).contains(goal)));
        // Rounding halves the chance of both ends, as it does in OGBench.
        assert!((share(&even, |goal| goal == 105) - 1.0 / 9.0).abs() < 0.01);
        assert!((share(&even, |goal| goal == 110) - 0.5 / 9.0).abs() < 0.01);
        for stop in [None, Some(0.01)] {
            let mixture = GoalMixture { current: 0.0, trajectory: 1.0, stop };
            assert!(draws(mixture, 110, 110).iter().all(|goal| *goal == 110), "nothing comes after the last");
        }
    }
}
