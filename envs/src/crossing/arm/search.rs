//! The search that the reference policies share: short plans, held against the futures that each of them foresees.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::motion::Motion;
use super::rules::FOLDED;
use super::shape::{hand, reach, shadows};
use super::{
    CROSSING_ARM_GOAL_RADIUS, CROSSING_ARM_JOINTS, CROSSING_ARM_LANES, CROSSING_ARM_LAW,
    CROSSING_ARM_OBSTACLES, CROSSING_ARM_STEP_COST, CROSSING_ARM_STEP_SECONDS, CROSSING_ARM_TOUCH,
};
use crate::crossing::CROSSING_COLLISION_COST;
use crate::crossing::foresight::{Future, INSTANTS, Weighing, rounds};
use crate::crossing::hall::distance;

/// Steps that a plan looks ahead: 2 s, in which the arm reaches across both lanes, or folds and reaches across.
pub(super) const HORIZON: usize = 40;

/// Turns of the last link with which goals are reached, radians from y.
const TURNS: [f64; 5] = [-0.8, -0.4, 0.0, 0.4, 0.8];
/// Steps to wait that are tried, folded or where the arm is.
const WAITS: [usize; 10] = [1, 2, 3, 5, 7, 10, 14, 18, 23, 28];
/// Ways to reach a goal that are tried after waiting: the nearest.
const WAYS_AFTER_WAIT: usize = 4;
/// Plans that stray from the best one, by this deviation, and steps for which each strays alike.
const STRAYING: usize = 24;
const STRAY: f64 = 0.4;
const BLOCK: usize = 8;
/// How near joints lie to a posture that counts as it, radians.
const ALIKE: f64 = 0.15;

/// An arm's plan: the action of each step.
type Wish = [[f64; CROSSING_ARM_JOINTS]; HORIZON];
/// Joint angles.
type Angles = [f64; CROSSING_ARM_JOINTS];

/// Joint angles with which a goal is reached, the soonest first.
pub(super) fn ways(motion: &Motion, goal: [f64; 2]) -> Vec<Angles> {
    let each = TURNS.into_iter().flat_map(|turn| [-1.0, 1.0].map(|side| reach(goal, turn, side)));
    let mut ways: Vec<Angles> = each.flatten().collect();
    ways.sort_by(|a, b| motion.seconds_to(*a).total_cmp(&motion.seconds_to(*b)));
    ways
}

/// The search of one policy.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// What is wanted between links and obstacles beyond not to touch, metres.
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
        Self { margin, weighing, committed, last: [[0.0; CROSSING_ARM_JOINTS]; HORIZON] }
    }

    /// Forgets the last plan.
    pub fn reset(&mut self) {
        self.last = [[0.0; CROSSING_ARM_JOINTS]; HORIZON];
    }

    /// The first action of the best plan found.
    pub fn act(
        &mut self,
        motion: Motion,
        goal: [f64; 2],
        futures: &[Future<CROSSING_ARM_OBSTACLES>],
        rng: &mut impl Rng,
    ) -> Angles {
        self.last.rotate_left(1);
        self.last[HORIZON - 1] = [0.0; CROSSING_ARM_JOINTS];
        let ways = ways(&motion, goal);
        let soonest = ways.first().map_or(0.0, |way| motion.seconds_to(*way));
        let scene = Scene { search: self, goal, ways: &ways, futures };
        let mut best = (f64::NEG_INFINITY, self.last);
        let last = self.last;
        scene.try_out(motion, |step, _| last[step], &mut best);
        // Nothing is better than to go now and soonest: what cannot be as good is left out.
        let promises = |wait: usize, best: f64| {
            best < -CROSSING_ARM_STEP_COST * (wait as f64 + soonest / CROSSING_ARM_STEP_SECONDS)
        };
        for way in &ways {
            scene.try_out(motion, |_, at| at.towards(*way), &mut best);
        }
        let folded = folded(&motion);
        let lies_folded = (0..CROSSING_ARM_JOINTS).all(|i| (folded[i] - motion.angles[i]).abs() < ALIKE);
        for wait in WAITS {
            if !promises(wait, best.0) {
                break;
            }
            for way in ways.iter().take(WAYS_AFTER_WAIT) {
                let back = |step: usize, at: &Motion| at.towards(if step < wait { folded } else { *way });
                scene.try_out(motion, back, &mut best);
                if !lies_folded {
                    let stand =
                        |step: usize, at: &Motion| if step < wait { [0.0; 3] } else { at.towards(*way) };
                    scene.try_out(motion, stand, &mut best);
                }
            }
        }
        scene.try_out(motion, |_, at| at.towards(folded), &mut best);
        scene.try_out(motion, |_, _| [0.0; CROSSING_ARM_JOINTS], &mut best);
        for _ in 0..STRAYING {
            let mut wish = best.1;
            for steps in wish.chunks_mut(BLOCK) {
                let off: Angles = std::array::from_fn(|_| STRAY * rng.sample::<f64, _>(StandardNormal));
                for action in steps {
                    action.iter_mut().zip(off).for_each(|(part, off)| *part = (*part + off).clamp(-1.0, 1.0));
                }
            }
            scene.try_out(motion, |step, _| wish[step], &mut best);
        }
        self.last = best.1;
        self.last[0]
    }
}

/// The folded posture that is nearer.
fn folded(motion: &Motion) -> Angles {
    let mirrored = FOLDED.map(|angle| -angle);
    if motion.seconds_to(FOLDED) <= motion.seconds_to(mirrored) { FOLDED } else { mirrored }
}

/// What plans are held against.
struct Scene<'a> {
    search: &'a Search,
    goal: [f64; 2],
    ways: &'a [Angles],
    futures: &'a [Future<CROSSING_ARM_OBSTACLES>],
}

impl Scene<'_> {
    /// Takes a plan, told step by step from where the arm will be, for the best where it is worth more.
    fn try_out(&self, mut motion: Motion, act: impl Fn(usize, &Motion) -> Angles, best: &mut (f64, Wish)) {
        let mut wish = [[0.0; CROSSING_ARM_JOINTS]; HORIZON];
        let mut poses = [[[0.0; 2]; CROSSING_ARM_JOINTS + 1]; HORIZON * INSTANTS];
        let mut steps = HORIZON;
        for (step, wish) in wish.iter_mut().enumerate() {
            *wish = act(step, &motion);
            let passed = motion.step(*wish);
            poses[INSTANTS * step..INSTANTS * (step + 1)].copy_from_slice(&passed);
            if distance(hand(&passed[INSTANTS - 1]), self.goal) <= CROSSING_ARM_GOAL_RADIUS {
                steps = step + 1;
                break;
            }
        }
        let arrived = steps < HORIZON;
        let soonest = self.ways.iter().map(|way| motion.seconds_to(*way)).fold(f64::INFINITY, f64::min);
        let left = if arrived || self.ways.is_empty() { 0.0 } else { soonest / CROSSING_ARM_STEP_SECONDS };
        let unharmed = -CROSSING_ARM_STEP_COST * (steps as f64 + left);
        if unharmed <= best.0 {
            return;
        }
        let worth = unharmed - self.harm(&poses[..steps * INSTANTS]);
        if worth > best.0 {
            *best = (worth, wish);
        }
    }

    /// What collisions cost, weighed over the futures.
    fn harm(&self, poses: &[[[f64; 2]; CROSSING_ARM_JOINTS + 1]]) -> f64 {
        // The first instant at which each future hits.
        let reach = CROSSING_ARM_TOUCH + self.search.margin;
        let mut hits = [usize::MAX; MOST_FUTURES];
        let hits = &mut hits[..self.futures.len().min(MOST_FUTURES)];
        for (instant, points) in poses.iter().enumerate() {
            for (number, lane) in CROSSING_ARM_LANES.into_iter().enumerate() {
                for [low, high] in shadows(points, lane, reach).into_iter().flatten() {
                    for (hit, future) in hits.iter_mut().zip(self.futures) {
                        let Some(span) = future.get(instant).map(|spans| spans[number]) else { continue };
                        let meets = |by: f64| span.low + by < high && low < span.high + by;
                        if *hit == usize::MAX && rounds(&CROSSING_ARM_LAW).into_iter().any(meets) {
                            *hit = instant;
                        }
                    }
                }
            }
        }
        let costs = hits.iter().map(|hit| if *hit == usize::MAX { 0.0 } else { self.cost(*hit / INSTANTS) });
        match self.search.weighing {
            Weighing::Mean => costs.sum::<f64>() / self.futures.len().max(1) as f64,
            Weighing::Best => costs.fold(f64::INFINITY, f64::min).min(2.0 * CROSSING_COLLISION_COST),
        }
    }

    /// What a collision in a step costs: itself, and about half of the way.
    fn cost(&self, step: usize) -> f64 {
        let committed = self.search.committed.min(HORIZON - 1);
        let late = step.saturating_sub(committed) as f64 / (HORIZON - committed) as f64;
        1.5 * CROSSING_COLLISION_COST * (1.0 - late)
    }
}

/// Most futures that are weighed.
const MOST_FUTURES: usize = 64;
