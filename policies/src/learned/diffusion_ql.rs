//! Diffusion-QL (Wang et al. 2023): a policy that denoises actions, trained to denoise the data's and to please a critic.
//!
//! As in the authors' code a step trains the critics first, and the policy asks them as they are then. Their network has a small
//! perceptron for the step and Mish between layers; here the step's sines and cosines go in directly, and activations are the
//! settings'. Not here: their backup over the best of ten actions (for ant mazes), and decay of the learning rate.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::denoising::{Chain, Level, TIME, levels, shown};
use super::network::{Purpose, Trained, Twins, lower, mean};
use super::td3_bc::normal;
use super::transitions::Sizes;
use super::{Head, LearnedConfig, Learner, Losses, Memory};
use crate::PolicyError;
use crate::perceptron::Mlp;

pub(super) struct DiffusionQl {
    actor: Trained,
    /// What the targets' actions are drawn from; it follows slowly.
    average: Mlp,
    critics: Twins,
    levels: Vec<Level>,
    chain: Chain,
    steps: u64,
    config: LearnedConfig,
    action: usize,
}

/// All chance in a step of the policy.
pub(super) struct Draws {
    /// Level of each row, and the noise that is put on its action.
    pub level_b: Vec<usize>,
    pub noise_ba: Vec<f32>,
    /// For [`Chain::run`].
    pub chain: Vec<Vec<f32>>,
    /// Whether the first critic is climbed, and the second gives the scale.
    pub first: bool,
}

impl DiffusionQl {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, .. } = sizes;
        let actor = Trained::new(Purpose::Actor, [action + TIME + observation, action], &config.train, 0)?;
        Ok(Self {
            average: actor.network.clone(),
            actor,
            critics: Twins::new(observation + action, &config.train, 2)?,
            levels: levels(config.diffusion_ql.denoising_steps),
            chain: Chain::default(),
            steps: 0,
            config: config.clone(),
            action,
        })
    }

    fn noise(&self, rows: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        (0..rows * self.action).map(|_| normal(rng)).collect()
    }

    fn draws(&self, rows: usize, rng: &mut ChaCha8Rng) -> Draws {
        Draws {
            level_b: (0..rows).map(|_| rng.random_range(0..self.levels.len().max(1))).collect(),
            noise_ba: self.noise(rows, rng),
            chain: self.levels.iter().map(|_| self.noise(rows, rng)).collect(),
            first: rng.random(),
        }
    }

    /// `mean |epsilon - epsilon(sqrt(bar) a + sqrt(1 - bar) epsilon, k, s)|^2` (eq. 2), into the gradient.
    fn denoise(&mut self, batch: &Batch, draws: &Draws) -> Result<f32, PolicyError> {
        let level = |row: usize| draws.level_b.get(row).and_then(|at| self.levels.get(*at));
        let part = |i: usize| level(i / self.action).map_or((1.0, 0.0), |level| (level.signal, level.noise));
        let noised = batch.actions_ba.iter().zip(&draws.noise_ba).enumerate();
        let x_ba: Vec<f32> = noised
            .map(|(i, (a, epsilon))| {
                let (signal, noise) = part(i);
                signal * a + noise * epsilon
            })
            .collect();
        let input = shown(&x_ba, &batch.observations_bo, batch.rows, level);
        let found_ba = self.actor.outputs(&input)?;
        let numbers = found_ba.len().max(1) as f32;
        let error: Vec<f32> =
            found_ba.iter().zip(&draws.noise_ba).map(|(found, real)| found - real).collect();
        self.actor.differentiate(&error.iter().map(|error| 2.0 * error / numbers).collect::<Vec<_>>())?;
        Ok(error.iter().map(|error| error * error).sum::<f32>() / numbers)
    }

    /// The policy's loss, `denoising - eta mean Q(s, a) / mean |Q'(s, a)|` for its own actions (eq. 3); the scale is a constant.
    pub(super) fn improve(&mut self, batch: &Batch, draws: &Draws) -> Result<[f32; 2], PolicyError> {
        let denoising = self.denoise(batch, draws)?;
        let (n, s_bo) = (batch.rows, &batch.observations_bo);
        let a_ba = self.chain.run(&self.actor.network, &self.levels, s_bo, n, &draws.chain)?;
        let input = join(n, &[s_bo, &a_ba]);
        let [first_b, second_b] = self.critics.both(&input)?;
        let (climbed, q_b, other_b) =
            if draws.first { (0, first_b, second_b) } else { (1, second_b, first_b) };
        let scale = mean(&other_b.iter().map(|q| q.abs()).collect::<Vec<_>>()).max(1e-6);
        let weight = -self.config.diffusion_ql.eta / (n as f32 * scale);
        let mut slope_ba = Vec::with_capacity(a_ba.len());
        if let Some(critic) = self.critics.now.get_mut(climbed) {
            let of_input = critic.input_gradient(&vec![weight; n])?;
            let all = of_input.len() / n.max(1);
            slope_ba
                .extend(of_input.chunks_exact(all.max(1)).flat_map(|row| row.iter().skip(all - self.action)));
        }
        let Trained { network, gradient, .. } = &mut self.actor;
        self.chain.back(network, &self.levels, slope_ba, gradient)?;
        self.actor.shorten(self.config.diffusion_ql.grad_norm);
        self.actor.step()?;
        Ok([denoising, -mean(&q_b) / scale])
    }
}

impl Learner for DiffusionQl {
    fn update(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (n, settings) = (batch.rows, self.config.diffusion_ql.clone());
        let next_bo = &batch.next_observations_bo;
        let noise: Vec<Vec<f32>> = self.levels.iter().map(|_| self.noise(n, rng)).collect();
        let next_ba = self.chain.run(&self.average, &self.levels, next_bo, n, &noise)?;
        let [q1_b, q2_b] = self.critics.both_targets(&join(n, &[next_bo, &next_ba]))?;
        let y_b = batch.backup(self.config.train.discount, &lower(&q1_b, &q2_b));
        let input = join(n, &[&batch.observations_bo, &batch.actions_ba]);
        let critic = self.critics.regress_within(&input, &y_b, settings.grad_norm)?;
        let draws = self.draws(n, rng);
        let [denoising, q] = self.improve(batch, &draws)?;
        if self.steps >= settings.average_after && self.steps.is_multiple_of(settings.average_every) {
            self.average.move_towards(&self.actor.network, settings.average_rate)?;
        }
        self.critics.follow(self.config.train.target_rate)?;
        self.steps += 1;
        Ok(vec![("critic", critic), ("denoising", denoising), ("q", q)])
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn beside(&self) -> Vec<(&'static str, &Mlp)> {
        let [first, second] = self.critics.targets();
        vec![("critic-1", first), ("critic-2", second)]
    }

    fn head(&self) -> Head {
        Head::Denoised
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [q1, q2, t1, t2] = self.critics.all();
        vec![(0, &mut self.actor), (2, q1), (3, q2), (4, t1), (5, t2)]
    }

    fn besides(&mut self) -> Vec<(&'static str, Memory<'_>)> {
        vec![
            ("average", Memory::Numbers(self.average.parameters_mut())),
            ("steps", Memory::Count(&mut self.steps)),
        ]
    }
}
