//! The search that the reference policies share: short plans, held against the futures that each of them foresees.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::crossing::foresight::{Future, INSTANTS, Span, Weighing, rounds};
use crate::crossing::hall::distance;
use crate::crossing::{
    CROSSING_ACCELERATION, CROSSING_CARTS, CROSSING_COLLISION_COST, CROSSING_GOAL_RADIUS, CROSSING_LANES,
    CROSSING_LAW, CROSSING_SPEED_LIMIT, CROSSING_STEP_COST, CROSSING_STEP_SECONDS, CROSSING_TOUCH,
    CrossingRobot,
};

/// Steps that a plan looks ahead: 5 s, in which the robot comes past two lanes and to rest several times over.
pub(super) const HORIZON: usize = 25;

/// Steps for which a plan that is drawn keeps one velocity.
const BLOCK: usize = 5;
/// Plans that stray from the last one, and plans that are drawn anew.
const STRAYING: usize = 32;
const DRAWN: usize = 48;
/// Longest time to wait that is tried, in steps, and the heights at which to go.
const WAIT: usize = 12;
const HEIGHTS: [f64; 5] = [0.6, 1.8, 3.0, 4.2, 5.4];

/// A plan: the velocity to reach for in each step.
pub(super) type Wish = [[f64; 2]; HORIZON];

/// The action that brings the robot nearest to a velocity.
pub(super) fn towards(robot: CrossingRobot, wish: [f64; 2]) -> [f64; 2] {
    let dv = CROSSING_STEP_SECONDS * CROSSING_ACCELERATION;
    let [vx, vy] = robot.velocity;
    [(wish[0] - vx) / dv, (wish[1] - vy) / dv].map(|action: f64| action.clamp(-1.0, 1.0))
}

/// The velocity straight to a place, as fast as the faster axis allows.
pub(super) fn straight(from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let most = dx.abs().max(dy.abs()).max(f64::MIN_POSITIVE);
    // Within a step of the place no faster than the place is near.
    let speed = CROSSING_SPEED_LIMIT.min(most / CROSSING_STEP_SECONDS);
    [speed * dx / most, speed * dy / most]
}

/// The search of one policy.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// What is wanted between the robot and carts beyond not to touch.
    pub margin: f64,
    /// How futures are weighed.
    pub weighing: Weighing,
    /// Steps after which a collision begins to count less, down to nothing at the horizon's end: until then there is time to
    /// plan anew.
    pub committed: usize,
    last: Wish,
}

impl Search {
    /// A search with this margin, in metres.
    pub fn new(margin: f64, weighing: Weighing, committed: usize) -> Self {
        Self { margin, weighing, committed, last: [[0.0; 2]; HORIZON] }
    }

    /// Forgets the last plan.
    pub fn reset(&mut self) {
        self.last = [[0.0; 2]; HORIZON];
    }

    /// The first action of the best plan found.
    pub fn act(
        &mut self,
        robot: CrossingRobot,
        goal: [f64; 2],
        futures: &[Future<CROSSING_CARTS>],
        rng: &mut impl Rng,
    ) -> [f64; 2] {
        self.last.rotate_left(1);
        self.last[HORIZON - 1] = self.last[HORIZON - 2];
        let mut best = (self.worth(robot, goal, &self.last, futures), self.last);
        let try_out = |wish: Wish, best: &mut (f64, Wish)| {
            let worth = self.worth(robot, goal, &wish, futures);
            if worth > best.0 {
                *best = (worth, wish);
            }
        };
        for wait in (0..=WAIT).step_by(2) {
            try_out(waiting(robot, goal, wait, None), &mut best);
            for height in HEIGHTS {
                try_out(waiting(robot, goal, wait, Some(height)), &mut best);
            }
        }
        for _ in 0..DRAWN {
            let block = |rng: &mut dyn FnMut() -> f64| {
                [CROSSING_SPEED_LIMIT * (1.5 * rng() - 0.5), CROSSING_SPEED_LIMIT * (2.0 * rng() - 1.0)]
            };
            try_out(in_blocks(|_| block(&mut || rng.random())), &mut best);
        }
        for _ in 0..STRAYING {
            let off = in_blocks(|_| [(); 2].map(|()| 0.5 * rng.sample::<f64, _>(StandardNormal)));
            let mut wish = best.1;
            wish.iter_mut().zip(off).for_each(|(wish, off)| {
                wish.iter_mut().zip(off).for_each(|(wish, off)| {
                    *wish = (*wish + off).clamp(-CROSSING_SPEED_LIMIT, CROSSING_SPEED_LIMIT);
                });
            });
            try_out(wish, &mut best);
        }
        self.last = best.1;
        towards(robot, self.last[0])
    }

    /// What a plan is worth over the futures: the return that it will come to if all goes well behind the horizon.
    fn worth(
        &self,
        robot: CrossingRobot,
        goal: [f64; 2],
        wish: &Wish,
        futures: &[Future<CROSSING_CARTS>],
    ) -> f64 {
        let mut positions = [[0.0; 2]; HORIZON * INSTANTS];
        let mut robot = robot;
        let mut steps = HORIZON;
        for (step, &wish) in wish.iter().enumerate() {
            robot = robot.pushed(towards(robot, wish));
            positions[INSTANTS * step] = robot.moved(0.5).position;
            robot = robot.moved(1.0);
            positions[INSTANTS * step + 1] = robot.position;
            if distance(robot.position, goal) <= CROSSING_GOAL_RADIUS {
                steps = step + 1;
                break;
            }
        }
        let farthest = (goal[0] - robot.position[0]).abs().max((goal[1] - robot.position[1]).abs());
        let left =
            (farthest - CROSSING_GOAL_RADIUS).max(0.0) / (CROSSING_SPEED_LIMIT * CROSSING_STEP_SECONDS);
        let unharmed = -CROSSING_STEP_COST * (steps as f64 + left);
        let of = |future: &Future<CROSSING_CARTS>| {
            let hit = (0..steps * INSTANTS).find(|&i| collides(future, i, positions[i], self.margin));
            hit.map_or(unharmed, |instant| unharmed - self.harm(instant / INSTANTS))
        };
        match self.weighing {
            Weighing::Mean => futures.iter().map(of).sum::<f64>() / futures.len().max(1) as f64,
            Weighing::Best => futures.iter().map(of).fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// What a collision in a step costs: itself, and about half of the way.
    fn harm(&self, step: usize) -> f64 {
        let late = step.saturating_sub(self.committed) as f64;
        let rest = (HORIZON - self.committed.min(HORIZON - 1)) as f64;
        1.5 * CROSSING_COLLISION_COST * (1.0 - late / rest).max(0.0)
    }
}

/// Stand for some steps, then go: straight to the goal, or at a height until the goal is near.
fn waiting(robot: CrossingRobot, goal: [f64; 2], wait: usize, height: Option<f64>) -> Wish {
    let mut wish = [[0.0; 2]; HORIZON];
    let mut at = robot;
    for (step, wish) in wish.iter_mut().enumerate() {
        if step >= wait {
            let [x, y] = at.position;
            *wish = match height {
                Some(height) if goal[0] - x > (goal[1] - y).abs() => {
                    let rise = (height - y) / CROSSING_STEP_SECONDS;
                    [CROSSING_SPEED_LIMIT, rise.clamp(-CROSSING_SPEED_LIMIT, CROSSING_SPEED_LIMIT)]
                }
                _ => straight(at.position, goal),
            };
        }
        at = at.pushed(towards(at, *wish)).moved(1.0);
    }
    wish
}

fn in_blocks(mut block: impl FnMut(usize) -> [f64; 2]) -> Wish {
    let mut wish = [[0.0; 2]; HORIZON];
    for (number, steps) in wish.chunks_mut(BLOCK).enumerate() {
        steps.fill(block(number));
    }
    wish
}

/// Whether a robot at `position` at an instant collides in a future, by `margin` more than touching.
fn collides(future: &Future<CROSSING_CARTS>, instant: usize, position: [f64; 2], margin: f64) -> bool {
    let Some(spans) = future.get(instant) else { return false };
    spans.iter().zip(CROSSING_LANES).any(|(span, lane)| meets(*span, position, lane, margin))
}

/// Whether a robot here comes nearer than a touch and `margin` to a cart in this part of that lane. What leaves a lane by
/// one end comes back by the other: a part that runs over an end counts at both.
fn meets(span: Span, [x, y]: [f64; 2], lane: f64, margin: f64) -> bool {
    let reach = CROSSING_TOUCH + margin;
    let left = reach * reach - (x - lane) * (x - lane);
    let near = |by: f64| {
        let off = (span.low + by - y).max(y - span.high - by).max(0.0);
        off * off < left
    };
    left > 0.0 && rounds(&CROSSING_LAW).into_iter().any(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_robot_meets_a_cart_over_the_end_of_its_lane_too() {
        let span = Span { low: 6.0, high: 7.0 };
        assert!(meets(span, [3.0, 0.3], 3.0, 0.0), "7 is -0.2");
        assert!(!meets(span, [3.0, 0.5], 3.0, 0.0) && !meets(span, [3.61, 6.5], 3.0, 0.0));
        assert!(meets(span, [3.61, 6.5], 3.0, 0.05));
    }
}
