//! What acted in the data: known, or fitted to what it did.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{GaussianPolicy, Logged, StochasticPolicy};
use crate::PolicyError;
use crate::perceptron::{Adam, AdamConfig, Mlp, MlpConfig, Tape};

/// Least deviation of a fitted action, as a share of its deviation in the data: data of a deterministic policy would else have
/// ratios without bound.
const LEAST_DEVIATION: f64 = 1e-3;
/// One episode in so many is held out, and tells the noise.
const HELD_OUT: usize = 10;

/// Settings of [`fit_behaviour`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BehaviourConfig {
    /// Hidden layers.
    pub hidden: Vec<usize>,
    /// Steps of Adam. 3000 of 256 rows: enough for a mean action of a few dimensions, and seconds.
    pub steps: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Learning rate; 1e-3 is Adam's own.
    pub rate: f32,
    /// Seed of weights and batches.
    pub seed: u64,
}

impl Default for BehaviourConfig {
    fn default() -> Self {
        Self { hidden: vec![64, 64], steps: 3000, batch: 256, rate: 1e-3, seed: 0 }
    }
}

/// Means and deviations of columns; one that never varies has deviation 1.
struct Scale {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Scale {
    fn of(values: &[f64], width: usize) -> Self {
        let rows = (values.len() / width.max(1)).max(1) as f64;
        let column = |entry: usize| values.iter().skip(entry).step_by(width.max(1));
        let mean: Vec<f64> = (0..width).map(|entry| column(entry).sum::<f64>() / rows).collect();
        let deviation = mean.iter().enumerate().map(|(entry, mean)| {
            let square = column(entry).map(|value| (value - mean).powi(2)).sum::<f64>() / rows;
            if square > 0.0 { square.sqrt() } else { 1.0 }
        });
        let deviation = deviation.collect();
        Self { mean, deviation }
    }

    fn scaled(&self, values: &[f64]) -> Vec<f32> {
        let scales = self.mean.iter().zip(&self.deviation).cycle();
        values
            .iter()
            .zip(scales)
            .map(|(value, (mean, deviation))| ((value - mean) / deviation) as f32)
            .collect()
    }
}

/// A Gaussian policy fitted to the data's actions: a perceptron's mean, by least squares, and one deviation for each entry of
/// an action, by the residuals of episodes that were held out (of all, where there are fewer than ten).
///
/// Ratios of a fitted behaviour are only as true as the fit: data of several drivers look like one with more noise.
///
/// # Errors
/// [`PolicyError::Setting`] for sizes that no network can have.
pub fn fit_behaviour(
    logged: &Logged,
    config: &BehaviourConfig,
) -> Result<impl StochasticPolicy + use<>, PolicyError> {
    let (o, a) = (logged.observation_dim, logged.action_dim);
    let (seen, acted) = (Scale::of(&logged.observations, o), Scale::of(&logged.actions, a));
    let sizes: Vec<usize> = [o].into_iter().chain(config.hidden.iter().copied()).chain([a]).collect();
    let mut network = Mlp::new(&MlpConfig::new(&sizes), config.seed)?;
    let mut adam = Adam::new(network.len(), AdamConfig { rate: config.rate, ..AdamConfig::default() });
    let held = |episode: usize| logged.episodes.len() >= HELD_OUT && episode % HELD_OUT == HELD_OUT - 1;
    let rows = |wanted: bool| -> Vec<usize> {
        let episodes = logged.episodes.iter().enumerate().filter(|(number, _)| held(*number) == wanted);
        episodes.flat_map(|(_, episode)| episode.rows.clone()).collect()
    };
    let (train, test) = (rows(false), rows(true));
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let (mut tape, mut gradient) = (Tape::default(), vec![0.0; network.len()]);
    for _ in 0..config.steps {
        let (mut x_bo, mut y_ba) = (Vec::new(), Vec::new());
        for _ in 0..config.batch {
            let row = train.get(rng.random_range(0..train.len().max(1))).copied().unwrap_or(0);
            x_bo.extend(seen.scaled(logged.observation(row)));
            y_ba.extend(acted.scaled(logged.action(row)));
        }
        let output = network.forward(&mut tape, &x_bo)?;
        let scale = 1.0 / config.batch.max(1) as f32;
        let error: Vec<f32> = output.iter().zip(&y_ba).map(|(out, y)| scale * (out - y)).collect();
        network.backward(&mut tape, &error, Some(&mut gradient), None)?;
        adam.step(network.parameters_mut(), &gradient)?;
    }
    let mut mean = move |observation: &[f64], action: &mut [f64]| -> Result<(), PolicyError> {
        let output = network.forward(&mut tape, &seen.scaled(observation))?;
        let scales = acted.mean.iter().zip(&acted.deviation);
        for ((to, out), (mean, deviation)) in action.iter_mut().zip(output).zip(scales) {
            *to = mean + deviation * f64::from(*out);
        }
        Ok(())
    };
    let told = if test.is_empty() { &train } else { &test };
    let (mut square, mut at) = (vec![0.0; a], vec![0.0; a]);
    for row in told {
        mean(logged.observation(*row), &mut at)?;
        for ((square, at), action) in square.iter_mut().zip(&at).zip(logged.action(*row)) {
            *square += (action - at).powi(2) / told.len() as f64;
        }
    }
    let least = Scale::of(&logged.actions, a).deviation;
    let deviation: Vec<f64> =
        square.iter().zip(least).map(|(square, of)| square.sqrt().max(LEAST_DEVIATION * of)).collect();
    GaussianPolicy::new(mean, &deviation)
}

/// Share of the sampled actions `[rows, count, action]` that are less dense under the behaviour than all but one in 200 of the
/// data's own; `None` for a behaviour without a density.
///
/// # Errors
/// The behaviour's.
pub fn outside_share(
    logged: &Logged,
    behaviour: &mut dyn StochasticPolicy,
    actions: &[f64],
    count: usize,
) -> Result<Option<f64>, PolicyError> {
    const RARE: f64 = 0.005;
    let Some(mut own) = logged.log_densities(behaviour, 0)? else { return Ok(None) };
    own.sort_by(f64::total_cmp);
    let least = own.get((RARE * own.len() as f64) as usize).copied().unwrap_or(f64::NEG_INFINITY);
    let (mut outside, mut all) = (0_usize, 0_usize);
    for (row, drawn) in actions.chunks_exact((count * logged.action_dim).max(1)).enumerate() {
        for action in drawn.chunks_exact(logged.action_dim.max(1)) {
            let density = behaviour.log_density(logged.observation(row), action)?;
            outside += usize::from(density.is_some_and(|density| density < least));
            all += 1;
        }
    }
    Ok((all > 0).then(|| outside as f64 / all as f64))
}
