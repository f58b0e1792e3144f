//! The last steps of an episode, as far as a planner asks for them.

use forethought_planner::History;

/// Steps that were taken. Its room is made once: adding one allocates nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// Steps that are asked for.
    most: usize,
    /// Entries of an observation, and of an action.
    observation: usize,
    action: usize,
    /// `[n, observation]`, `[n, action]` and `[n]`, oldest first.
    observations: Vec<f64>,
    actions: Vec<f64>,
    seen: Vec<f64>,
}

impl Past {
    /// Room for `most` steps of so many entries; for none where that is 0.
    pub fn new(most: usize, observation: usize, action: usize) -> Self {
        // Twice as many are kept, so that each is moved once on the average.
        let room = |width: usize| Vec::with_capacity(most.saturating_mul(2).saturating_mul(width));
        let (observations, actions, seen) = (room(observation), room(action), room(1));
        Self { most, observation, action, observations, actions, seen }
    }

    /// Another of the same room.
    pub fn empty(&self) -> Self {
        Self::new(self.most, self.observation, self.action)
    }

    /// Makes room for as many steps as another.
    pub fn make_room(&mut self, like: &Self) {
        if self.most != like.most {
            *self = like.empty();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.observations.clear();
        self.actions.clear();
        self.seen.clear();
    }

    /// Adds a step: what was seen, how well, and what was done then. One that is not finite was not seen: the last one that
    /// was stands for it.
    pub fn push(&mut self, observation: &[f64], seen: f64, action: &[f64]) {
        if self.most == 0 || action.len() != self.action {
            return;
        }
        if self.seen.len() >= self.most.saturating_mul(2) {
            let old = self.seen.len() + 1 - self.most;
            self.observations.drain(..old * self.observation);
            self.actions.drain(..old * self.action);
            self.seen.drain(..old);
        }
        let readable =
            observation.len() == self.observation && observation.iter().all(|value| value.is_finite());
        if readable {
            self.observations.extend_from_slice(observation);
        } else {
            let from = self.observations.len().saturating_sub(self.observation);
            if self.observations.is_empty() {
                self.observations.resize(self.observation, 0.0);
            } else {
                self.observations.extend_from_within(from..);
            }
        }
        self.actions.extend_from_slice(action);
        self.seen.push(if readable { seen } else { 0.0 });
    }

    /// Takes over the last steps of another.
    pub fn copy_from(&mut self, other: &Self) {
        let last = other.last();
        self.clear();
        self.observations.extend_from_slice(last.observations);
        self.actions.extend_from_slice(last.actions);
        self.seen.extend_from_slice(last.seen);
    }

    /// The last steps that are asked for.
    pub fn last(&self) -> History<'_> {
        let skipped = self.seen.len().saturating_sub(self.most);
        History {
            observations: self.observations.get(skipped * self.observation..).unwrap_or_default(),
            actions: self.actions.get(skipped * self.action..).unwrap_or_default(),
            seen: self.seen.get(skipped..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_steps_are_kept_in_order_and_in_the_same_room() {
        let mut past = Past::new(3, 2, 1);
        let room = (past.observations.capacity(), past.actions.capacity(), past.seen.capacity());
        for i in 0..50 {
            let at = f64::from(i);
            past.push(&[at, -at], 1.0, &[10.0 * at]);
            let first = (i - 2).max(0);
            let wanted: Vec<f64> = (first..=i).map(|i| 10.0 * f64::from(i)).collect();
            assert_eq!(past.last().actions, wanted);
            assert_eq!(past.last().observations.last(), Some(&-at));
            assert_eq!(past.last().observations.len(), 2 * wanted.len());
        }
        assert_eq!(room, (past.observations.capacity(), past.actions.capacity(), past.seen.capacity()));
        past.clear();
        assert!(past.last().actions.is_empty());
        let mut none = Past::new(0, 2, 1);
        none.push(&[1.0, 2.0], 1.0, &[3.0]);
        assert!(none.last().actions.is_empty());
    }

    #[test]
    fn what_is_no_observation_was_not_seen() {
        let mut past = Past::new(4, 2, 1);
        past.push(&[f64::NAN, 1.0], 1.0, &[0.0]);
        past.push(&[1.0, 2.0], 0.5, &[0.0]);
        past.push(&[f64::INFINITY, 1.0], 1.0, &[0.0]);
        past.push(&[1.0], 1.0, &[0.0]);
        assert_eq!(past.last().observations, [0.0, 0.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(past.last().seen, [0.0, 0.5, 0.0, 0.0]);
    }
}
