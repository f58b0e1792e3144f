//! Hierarchical implicit Q-learning (Park et al. 2023), as OGBench has it: values towards goals as in GCIVL, over a representation
//! of goals that they train; a policy that says which representation to go to, and one that goes there.
//!
//! A goal is what a task's condition speaks of, where OGBench's is a whole observation. Where the policy's goal is any row, and that
//! happens to lie ahead on the same trajectory, a waypoint does not lie beyond it.

use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::extraction::{difference, expectile, regress};
use super::gcivl::mean_of;
use super::network::{Purpose, Trained, Twins, lower};
use super::transitions::Sizes;
use super::{LearnedConfig, Learner, Losses};
use crate::PolicyError;
use crate::perceptron::Mlp;

/// Shapes in names: `z` numbers of a representation; the rest as in `batch.rs`.
pub(super) struct Hiql {
    /// `pi_l(a | s, z)`.
    low: Trained,
    /// `pi_h(z | s, g)`.
    high: Trained,
    /// `phi([s; g])` before its length is set.
    representation: Trained,
    /// `V(s, phi([s; g]))`; their targets ask the representation as it is.
    values: Twins,
    config: LearnedConfig,
}

impl Hiql {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, goal } = sizes;
        let (train, width) = (&config.train, config.hiql.representation);
        Ok(Self {
            low: Trained::new(Purpose::Actor, [observation + width, action], train, 0)?,
            high: Trained::new(Purpose::Actor, [observation + goal, width], train, 7)?,
            representation: Trained::new(Purpose::Value, [observation + goal, width], train, 8)?,
            values: Twins::new(observation + width, train, 1)?,
            config: config.clone(),
        })
    }

    /// `phi([s; g])`.
    fn represent(&mut self, rows: usize, s_bo: &[f32], g_bg: &[f32]) -> Result<Vec<f32>, PolicyError> {
        let mut x_bz = self.representation.outputs(&join(rows, &[s_bo, g_bg]))?;
        to_length(&mut x_bz, self.config.hiql.representation);
        Ok(x_bz)
    }

    fn value(&mut self, rows: usize, s_bo: &[f32], g_bg: &[f32]) -> Result<Vec<f32>, PolicyError> {
        let z_bz = self.represent(rows, s_bo, g_bg)?;
        let [v1_b, v2_b] = self.values.both(&join(rows, &[s_bo, &z_bz]))?;
        Ok(mean_of(&v1_b, &v2_b))
    }

    /// GCIVL's loss, whose gradient goes through both values into the representation.
    fn improve_values(&mut self, batch: &Batch) -> Result<f32, PolicyError> {
        let (n, width) = (batch.rows, self.config.hiql.representation);
        let (discount, g_bg) = (self.config.train.discount, &batch.value_goals_bg);
        let (s_bo, next_bo) = (&batch.observations_bo, &batch.next_observations_bo);
        let next_bz = self.represent(n, next_bo, g_bg)?;
        let next = self.values.both_targets(&join(n, &[next_bo, &next_bz]))?;
        let raw_bz = self.representation.outputs(&join(n, &[s_bo, g_bg]))?;
        let mut z_bz = raw_bz.clone();
        to_length(&mut z_bz, width);
        let sz_b = join(n, &[s_bo, &z_bz]);
        let [v1_b, v2_b] = self.values.both_targets(&sz_b)?;
        let [next1_b, next2_b] = &next;
        let side_b = difference(&batch.backup(discount, &lower(next1_b, next2_b)), &mean_of(&v1_b, &v2_b));
        let (mut loss, mut slope_bz) = (0.0, vec![0.0; n * width]);
        for (trained, next_b) in self.values.now.iter_mut().zip(&next) {
            let u_b = difference(&batch.backup(discount, next_b), &trained.outputs(&sz_b)?);
            let (own, gradient) = expectile(self.config.hiql.expectile, &side_b, &u_b);
            loss += own;
            let of_input = trained.learn_and_slope(&gradient)?;
            let all = of_input.len() / n.max(1);
            for (slope, row) in slope_bz.chunks_exact_mut(width).zip(of_input.chunks_exact(all.max(1))) {
                slope.iter_mut().zip(row.iter().skip(all - width)).for_each(|(slope, g)| *slope += g);
            }
        }
        self.representation.learn(&through_length(&raw_bz, &slope_bz, width))?;
        self.values.follow(self.config.train.target_rate)?;
        Ok(loss)
    }
}

/// Length below which a representation is taken to have none, so that nothing is divided by zero.
const NO_LENGTH: f32 = 1e-6;

fn length(x_z: &[f32]) -> f32 {
    x_z.iter().map(|x| x * x).sum::<f32>().sqrt().max(NO_LENGTH)
}

/// Rows of `width` numbers to the length `sqrt(width)`, as OGBench's `LengthNormalize`.
pub(super) fn to_length(x_bz: &mut [f32], width: usize) {
    for row in x_bz.chunks_exact_mut(width.max(1)) {
        let scale = (width as f32).sqrt() / length(row);
        row.iter_mut().for_each(|x| *x *= scale);
    }
}

/// The gradient for `x` of what has the gradient `slope` for `sqrt(d) x / |x|`: `sqrt(d) / |x| (slope - x (x slope) / |x|^2)`.
fn through_length(x_bz: &[f32], slope_bz: &[f32], width: usize) -> Vec<f32> {
    let rows = x_bz.chunks_exact(width.max(1)).zip(slope_bz.chunks_exact(width.max(1)));
    rows.flat_map(|(x, slope)| {
        let length = length(x);
        let along = x.iter().zip(slope).map(|(x, slope)| x * slope).sum::<f32>() / (length * length);
        let scale = (width as f32).sqrt() / length;
        x.iter().zip(slope).map(move |(x, slope)| scale * (slope - x * along))
    })
    .collect()
}

impl Learner for Hiql {
    fn update(&mut self, batch: &Batch, _rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (n, settings) = (batch.rows, self.config.hiql.clone());
        let (s_bo, next_bo) = (&batch.observations_bo, &batch.next_observations_bo);
        // The policies first, so that they see values and representation as they are. A = V(s', w) - V(s, w) for an action,
        // V(w, g) - V(s, g) for a subgoal w.
        let goals_bg = &batch.subgoals_bg;
        let after_b = self.value(n, next_bo, goals_bg)?;
        let advantage_b = difference(&after_b, &self.value(n, s_bo, goals_bg)?);
        let input = join(n, &[s_bo, &self.represent(n, s_bo, goals_bg)?]);
        let advantages = Some((settings.low_alpha, advantage_b.as_slice()));
        let low = regress(&mut self.low, &input, &batch.actions_ba, advantages)?;
        let goals_bg = &batch.actor_goals_bg;
        let after_b = self.value(n, &batch.waypoints_bo, goals_bg)?;
        let advantage_b = difference(&after_b, &self.value(n, s_bo, goals_bg)?);
        let target_bz = self.represent(n, s_bo, &batch.waypoints_bg)?;
        let advantages = Some((settings.high_alpha, advantage_b.as_slice()));
        let high = regress(&mut self.high, &join(n, &[s_bo, goals_bg]), &target_bz, advantages)?;
        let value = self.improve_values(batch)?;
        Ok(vec![("value", value), ("low", low), ("high", high)])
    }

    fn actor(&self) -> &Mlp {
        &self.low.network
    }

    fn beside(&self) -> Vec<(&'static str, &Mlp)> {
        vec![("high", &self.high.network)]
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [v1, v2, t1, t2] = self.values.all();
        let policies = [(0, &mut self.low), (7, &mut self.high), (8, &mut self.representation)];
        policies.into_iter().chain([(1, v1), (2, v2), (4, t1), (5, t2)]).collect()
    }
}
