//! A world with a pad from which one leaps to one of several places, and its denoiser in closed form.
//!
//! From (0, 0) a corridor leads east to the pad, another one west to a dead end, a third north and round three sides of a
//! square to the goal. From the pad one leaps to a place close to the goal, back to the west, or into a sealed room. All else
//! is certain: an action is where one gets to.

use forethought_envs::GoalTask;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind, Support};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::NoiseSchedule;
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, GOAL, Lengths, NoisyBatch, PlanConfig, PlannerError,
    STATE, TokenLayout,
};

use super::{drives, schedule};

/// Where one leaps from, and to: close to the goal, back to the west, into the room.
pub const PAD: [f64; 2] = [8.0, 0.0];
pub const EXITS: [[f64; 2]; 3] = [[30.0, 0.0], [-8.0, 0.0], [8.0, -20.0]];
/// The goal, and how near it one is there.
pub const TO: [f64; 2] = [36.0, 0.0];
pub const RADIUS: f64 = 1.0;
/// Longest plan, in chunks of a frame each.
pub const CHUNKS: usize = 20;

/// Environment units of positions in one normalised unit.
const UNIT: f64 = 20.0;
/// Variance of an outcome in normalised units.
const NARROW: f64 = 1e-6;

/// Where data of this world have been.
pub fn support() -> Support {
    let mut all = Vec::new();
    for lane in -8..=8_i16 {
        let off = 0.25 * f32::from(lane);
        let corridor = vec![[-17.0, off], [9.0, off]];
        all.push(vec![corridor.clone(), vec![[30.0, off], [42.0, off]]]);
        all.push(vec![corridor.clone(), vec![[-8.0, off], [-13.0, off]]]);
        all.push(vec![corridor, vec![[8.0, off - 20.0], [11.0, off - 20.0], [6.0, off - 20.0]]]);
        all.push(vec![vec![[off, -2.0], [off, 30.0 - off], [40.0 - off, 30.0 - off], [40.0 - off, -2.0]]]);
    }
    drives::leaping(&all)
}

/// The task.
pub fn goal() -> GoalTask {
    GoalTask::new(&[0, 1], &TO, RADIUS)
}

/// A frame is `[step, manner, position]`. Shown a goal, its plans lead there straight, or over the pad by the exit close to
/// the goal where that is too far for walking; not shown one, it says where decisions lead to.
pub struct Pads {
    layout: TokenLayout,
    schedule: NoiseSchedule,
    /// Places to which the pad leads, each as often as any other.
    exits: Vec<[f64; 2]>,
    /// Whether plans of one manner get on faster at first than those of the other.
    hasty: bool,
}

impl Pads {
    /// Positions after each of `n` frames from one place to another, and the steps that are planned.
    fn plan(&self, from: [f64; 2], to: [f64; 2], n: usize, manner: f64) -> Vec<[[f64; 2]; 2]> {
        let between = |a: [f64; 2], b: [f64; 2], share: f64| [0, 1].map(|i| a[i] + share * (b[i] - a[i]));
        let ways = [apart(from, to), apart(from, PAD), apart(self.exits[0], to)];
        let mut places = Vec::with_capacity(n);
        if ways[0] <= 1.4 * n as f64 {
            let power = if self.hasty && manner > 0.0 { 0.5 } else { 1.0 };
            let share = |frame: usize| ((frame + 1) as f64 / n as f64).powf(power);
            places.extend((0..n).map(|frame| between(from, to, share(frame))));
        } else {
            let walked = n - 1;
            let first = (walked as f64 * ways[1] / (ways[1] + ways[2])).round() as usize;
            let (first, exit) = (first.clamp(1, walked), self.exits[0]);
            let second = walked - first;
            places.extend((1..=first).map(|i| between(from, PAD, i as f64 / first as f64)));
            places.push(exit);
            places.extend((1..=second).map(|i| between(exit, to, i as f64 / second as f64)));
        }
        let mut before = from;
        let frame = |place: [f64; 2]| {
            // One walks onto the pad and on.
            let step =
                if apart(before, PAD) < 0.5 { [1.0, 0.0] } else { [0, 1].map(|i| place[i] - before[i]) };
            before = place;
            [step, place]
        };
        places.into_iter().map(frame).collect()
    }

    /// Clean estimate of where a step from `from` leads, given the noisy outcome; all in environment units but the noisy one.
    fn outcome(&self, from: [f64; 2], step: [f64; 2], x: &[f64], level: u16) -> [f64; 2] {
        let certain = [[0, 1].map(|i| from[i] + step[i])];
        let centres = if apart(from, PAD) < 0.5 { self.exits.as_slice() } else { &certain };
        let abar = self.schedule.abar(usize::from(level));
        let variance = abar * NARROW + 1.0 - abar;
        let off = |centre: &[f64; 2]| [0, 1].map(|i| x[i] - abar.sqrt() * centre[i] / UNIT);
        let log: Vec<f64> =
            centres.iter().map(|c| off(c).iter().map(|off| -0.5 * off * off / variance).sum()).collect();
        let most = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds: Vec<f64> = log.iter().map(|log| (log - most).exp()).collect();
        let all: f64 = odds.iter().sum();
        let mean = |i: usize| -> f64 {
            let of = |c: &[f64; 2]| c[i] + UNIT * abar.sqrt() * NARROW / variance * off(c)[i];
            centres.iter().zip(&odds).map(|(c, odds)| odds / all * of(c)).sum()
        };
        [mean(0), mean(1)]
    }
}

impl Denoiser for Pads {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let (width, position) = (self.layout.width(), self.layout.observation_at(0));
        x0_btd.copy_from_slice(batch.x_btd);
        let sequences = batch.x_btd.chunks_exact(batch.tokens * width);
        for (b, (x_td, x0_td)) in sequences.zip(x0_btd.chunks_exact_mut(batch.tokens * width)).enumerate() {
            let at = |token: usize| token * width + position;
            let place = |x: &[f64], token: usize| [0, 1].map(|i| UNIT * x[at(token) + i]);
            let first = FIRST_CHUNK * width;
            if batch.goal_b[b] {
                // Of the sign of its noise, so that it never changes.
                let manner = x_td[first + 2].signum();
                let frames = self.plan(place(x_td, STATE), place(x_td, GOAL), batch.chunks_b[b], manner);
                for (frame, x0_d) in frames.into_iter().zip(x0_td[first..].chunks_exact_mut(width)) {
                    let ([dx, dy], [x, y]) = (frame[0], frame[1]);
                    x0_d.copy_from_slice(&[dx, dy, manner, x / UNIT, y / UNIT]);
                }
                continue;
            }
            let mut from = place(x_td, STATE);
            for token in FIRST_CHUNK..FIRST_CHUNK + batch.chunks_b[b] {
                let level = batch.level_btp[(b * batch.tokens + token) * 2 + 1];
                let step = [x_td[token * width], x_td[token * width + 1]];
                from = self.outcome(from, step, &x_td[at(token)..], level);
                (0..2).for_each(|i| x0_td[at(token) + i] = from[i] / UNIT);
            }
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _batch: &NoisyBatch<'_>,
        _x0_btd: &mut [f64],
        _cotangent: &Cotangent<'_>,
        _pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        unreachable!("nothing is guided")
    }
}

/// Settings for it: every plan on both ways, one candidate each.
pub fn config() -> PlanConfig {
    let mut config = PlanConfig::default();
    (config.sampler.steps, config.sampler.stabilization_level) = (30, 0);
    config.guidance.scale = 0.0;
    (config.horizon.reach, config.horizon.leaps) = (1.0, true);
    config.horizon.lengths = Lengths::These((3..=CHUNKS).collect());
    (config.rank.candidates, config.rank.ood_penalty) = (1, 0.0);
    config
}

/// A planner in a world whose pad leads to these places.
pub fn planner(exits: &[[f64; 2]], hasty: bool, config: PlanConfig) -> DiffusionPlanner {
    let scaled =
        |scale: Vec<f64>| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; scale.len()], scale);
    let normalizer = DatasetNormalizer {
        observation: scaled(vec![UNIT; 2]).unwrap(),
        action: scaled(vec![1.0; 3]).unwrap(),
    };
    let limits = SlotLimits { low: vec![-99.0; 5], high: vec![99.0; 5] };
    let layout = TokenLayout {
        observation: 2,
        action: 3,
        reward: false,
        frames_per_token: 1,
        chunks: CHUNKS,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 1,
        returns: false,
    };
    let denoiser = Box::new(Pads { layout, schedule: schedule(1000), exits: exits.to_vec(), hasty });
    DiffusionPlanner::new(denoiser, schedule(1000), normalizer, limits, config, Some(support())).unwrap()
}

/// Distance between two places.
pub fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}
