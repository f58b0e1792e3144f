//! What a way to a goal is worth, and what a collision on it costs.

use crate::crossing::hall::distance;
use crate::{Frames, FramesGradient};

/// What the whole way earns.
pub const CROSSING_WAY: f64 = 100.0;
/// What a collision costs.
pub const CROSSING_COLLISION_COST: f64 = 100.0;

/// A way to a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    /// Where it ends (x, y).
    pub goal: [f64; 2],
    /// Distance of its start from the goal, metres.
    pub length: f64,
    /// Distance from the goal at and below which it is done.
    pub radius: f64,
    /// What a step costs.
    pub step_cost: f64,
}

impl Way {
    /// What being here is worth: the share of the way that is done, of [`CROSSING_WAY`].
    pub fn done(&self, position: [f64; 2]) -> f64 {
        CROSSING_WAY * (1.0 - distance(position, self.goal) / self.length)
    }

    /// Whether this is its end.
    pub fn ends_at(&self, position: [f64; 2]) -> bool {
        distance(position, self.goal) <= self.radius
    }

    /// Reward of a step between two places, the second of which may be one of arrival or of a collision.
    pub fn reward(&self, from: [f64; 2], to: [f64; 2], collided: bool) -> f64 {
        let arrived = !collided && self.ends_at(to);
        let after = if arrived { CROSSING_WAY } else { self.done(to) };
        let cost = if collided { CROSSING_COLLISION_COST } else { 0.0 };
        after - self.done(from) - self.step_cost - cost
    }

    /// The sum of rewards of frames that begin anywhere, with what was earned before, less the costs of the steps before; the
    /// gradient is that of the distance on the last frame that counts. `position` are the entries of who is on the way,
    /// `collided` says of an observation whether it shows a collision, and `None` of one that is none of the environment's:
    /// the score of frames that hold such a one is NaN.
    pub fn score(
        &self,
        frames: Frames<'_>,
        mut gradient: Option<&mut FramesGradient<'_>>,
        position: [usize; 2],
        collided: impl Fn(&[f64]) -> Option<bool>,
    ) -> f64 {
        let mut score = 0.0;
        for frame in 0..frames.len {
            let observation = frames.observations.get(frame);
            let at = position.map(|entry| observation.get(entry).copied());
            let ([Some(x), Some(y)], Some(collided)) = (at, collided(observation)) else {
                return f64::NAN;
            };
            score -= frames.weight * self.step_cost;
            let arrived = !collided && self.ends_at([x, y]);
            if !(collided || arrived || frame + 1 == frames.len) {
                continue;
            }
            score += frames.weight * if arrived { CROSSING_WAY } else { self.done([x, y]) };
            if collided {
                score -= frames.weight * CROSSING_COLLISION_COST;
            }
            if let Some(gradient) = gradient.as_mut().filter(|_| !arrived) {
                let left = distance([x, y], self.goal);
                // At the goal itself, where one can only collide, the distance has no slope; zero is its mean.
                let slope =
                    if left > 0.0 { frames.weight * CROSSING_WAY / (self.length * left) } else { 0.0 };
                let row = gradient.observation(frame);
                for ((entry, at), goal) in position.into_iter().zip([x, y]).zip(self.goal) {
                    if let Some(slot) = row.get_mut(entry) {
                        *slot -= slope * (at - goal);
                    }
                }
            }
            break;
        }
        score
    }
}
