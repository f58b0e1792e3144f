//! Fitted Q evaluation with perceptrons.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Criterion, Diagnosis, Estimate, FittedValues, Interval, Logged};
use crate::PolicyError;
use crate::error::check_count;
use crate::perceptron::{Adam, AdamConfig, Mlp, MlpConfig, Tape};

/// Name of the method in estimates.
pub const NETWORK_FQE: &str = "FQE (networks)";

/// Settings of [`network_fqe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkFqeConfig {
    /// Networks, each fitted to episodes drawn anew, so that their spread is that of the data and of the fitting together. 8
    /// tell a spread to a quarter of itself.
    pub members: usize,
    /// Hidden layers.
    pub hidden: Vec<usize>,
    /// Steps of Adam for each. 3000 of 256 rows take seconds.
    pub steps: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Learning rate; 1e-3 is Adam's own.
    pub rate: f32,
    /// Part of the way that the target network goes towards the fitted one after each step; 0.01 settles in a few hundred.
    pub tau: f32,
    /// Seed of everything.
    pub seed: u64,
}

impl Default for NetworkFqeConfig {
    fn default() -> Self {
        Self { members: 8, hidden: vec![64, 64], steps: 3000, batch: 256, rate: 1e-3, tau: 0.01, seed: 0 }
    }
}

/// Means and deviations that inputs and targets are scaled by.
struct Inputs {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Of returns: targets are fitted as multiples of it.
    unit: f64,
    horizon: Option<usize>,
}

impl Inputs {
    fn new(logged: &Logged, criterion: &Criterion) -> Self {
        let mut inputs =
            Self { mean: Vec::new(), deviation: Vec::new(), unit: 1.0, horizon: criterion.horizon };
        let rows = logged.len().max(1) as f64;
        let arrays = [(&logged.observations, logged.observation_dim), (&logged.actions, logged.action_dim)];
        for (values, width) in arrays {
            for entry in 0..width {
                let column = || values.iter().skip(entry).step_by(width);
                let mean = column().sum::<f64>() / rows;
                let square = column().map(|value| (value - mean).powi(2)).sum::<f64>() / rows;
                inputs.mean.push(mean);
                inputs.deviation.push(if square > 0.0 { square.sqrt() } else { 1.0 });
            }
        }
        let square = logged.rewards.iter().map(|reward| reward * reward).sum::<f64>() / rows;
        let endless = 1.0 / (1.0 - criterion.discount).max(1e-3);
        let steps = criterion.horizon.map_or(endless, |horizon| endless.min(horizon as f64));
        if square > 0.0 {
            inputs.unit = square.sqrt() * steps;
        }
        inputs
    }

    /// `[s, a, k / H]`, without the last where there is no horizon.
    fn push(&self, observation: &[f64], action: &[f64], to_go: usize, x: &mut Vec<f32>) {
        let scales = self.mean.iter().zip(&self.deviation);
        x.extend(observation.iter().chain(action).zip(scales).map(|(v, (m, d))| ((v - m) / d) as f32));
        x.extend(self.horizon.map(|horizon| to_go as f32 / horizon.max(1) as f32));
    }
}

/// Fitted Q evaluation (Le, Voloshin & Yue 2019) with perceptrons and a slowly moving target network:
/// `Q(s, a, k) <- r + gamma Q'(s', a', k - 1)`, with the `k` steps to go as an input and drawn anew in each batch, as every
/// transition answers every `k`. `actions` are the policy's, `[rows, count, action]`. The interval is Student's, of the spread of members
/// that were each fitted to episodes drawn anew (Hao et al. 2021), and values are the mean of all members.
///
/// # Errors
/// [`PolicyError::Setting`] for settings out of range or data of single steps, [`PolicyError::Length`] for other arrays,
/// [`PolicyError::NonFinite`] where fitting ran away.
pub fn network_fqe(
    logged: &Logged,
    actions: &[f64],
    count: usize,
    criterion: &Criterion,
    config: &NetworkFqeConfig,
) -> Result<(Estimate, FittedValues), PolicyError> {
    criterion.check()?;
    logged.check()?;
    let each = count.saturating_mul(logged.action_dim);
    check_count("actions", actions.len(), logged.len().saturating_mul(each))?;
    if config.members < 2 || config.batch == 0 || count == 0 {
        let (name, value) =
            ("members, batch, samples", format!("{}, {}, {count}", config.members, config.batch));
        let remedy = "give at least two members, and one row and one sample".to_owned();
        return Err(PolicyError::Setting { name, value, remedy });
    }
    let inputs = Inputs::new(logged, criterion);
    let width = inputs.mean.len() + usize::from(criterion.horizon.is_some());
    let sizes: Vec<usize> = [width].into_iter().chain(config.hidden.iter().copied()).chain([1]).collect();
    let drawn = |row: usize, sample: usize| {
        let from = row * each + sample * logged.action_dim;
        actions.get(from..from + logged.action_dim).unwrap_or_default()
    };
    let (rows, episodes) = (logged.len(), logged.episodes.len());
    let (mut q, mut v) = (vec![0.0; rows], vec![0.0; rows]);
    let mut estimates = Vec::with_capacity(config.members);
    for member in 0..config.members as u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(member);
        let chosen: Vec<usize> = (0..episodes).map(|_| rng.random_range(0..episodes)).collect();
        let mut steps = Vec::new();
        for episode in chosen.iter().filter_map(|&episode| logged.episodes.get(episode)) {
            let last = episode.rows.end.saturating_sub(1);
            let whole = episode.rows.clone().filter(|row| *row < last || episode.terminal);
            steps.extend(whole.map(|row| (row, row < last)));
        }
        if steps.is_empty() {
            let remedy = "give episodes of at least two steps".to_owned();
            return Err(PolicyError::Setting { name: "data", value: "of single steps".into(), remedy });
        }
        let mut network = Mlp::new(&MlpConfig::new(&sizes), rng.random())?;
        let mut target = network.clone();
        let mut adam = Adam::new(network.len(), AdamConfig { rate: config.rate, ..AdamConfig::default() });
        let (mut tape, mut other, mut gradient) =
            (Tape::default(), Tape::default(), vec![0.0; network.len()]);
        let (mut x, mut next, mut paid, mut goes_on) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..config.steps {
            x.clear();
            next.clear();
            paid.clear();
            goes_on.clear();
            for _ in 0..config.batch {
                let (row, leads) = steps.get(rng.random_range(0..steps.len())).copied().unwrap_or((0, false));
                let to_go = criterion.horizon.map_or(0, |horizon| rng.random_range(1..=horizon));
                inputs.push(logged.observation(row), logged.action(row), to_go, &mut x);
                let after = if leads { row + 1 } else { row };
                let sample = rng.random_range(0..count);
                inputs.push(
                    logged.observation(after),
                    drawn(after, sample),
                    to_go.saturating_sub(1),
                    &mut next,
                );
                let open = leads && (criterion.horizon.is_none() || to_go > 1);
                goes_on.push(if open { criterion.discount as f32 } else { 0.0 });
                paid.push((logged.rewards.get(row).copied().unwrap_or(0.0) / inputs.unit) as f32);
            }
            let ahead = target.forward(&mut other, &next)?;
            let wanted: Vec<f32> = paid
                .iter()
                .zip(&goes_on)
                .zip(ahead)
                .map(|((paid, discount), q)| paid + discount * q)
                .collect();
            let share = 1.0 / config.batch as f32;
            let found = network.forward(&mut tape, &x)?;
            let error: Vec<f32> = found.iter().zip(&wanted).map(|(q, wanted)| share * (q - wanted)).collect();
            network.backward(&mut tape, &error, Some(&mut gradient), None)?;
            adam.step(network.parameters_mut(), &gradient)?;
            target.move_towards(&network, config.tau)?;
        }
        // The mean over the first states of the member's own episodes: their draw is part of the spread.
        let part = inputs.unit / config.members as f64;
        let mut firsts = vec![0.0; episodes];
        for (number, episode) in logged.episodes.iter().enumerate() {
            for (step, row) in episode.rows.clone().enumerate() {
                let to_go = criterion.horizon.map_or(0, |horizon| horizon.saturating_sub(step));
                x.clear();
                inputs.push(logged.observation(row), logged.action(row), to_go, &mut x);
                for sample in 0..count {
                    inputs.push(logged.observation(row), drawn(row, sample), to_go, &mut x);
                }
                let values = network.forward(&mut tape, &x)?;
                let (own, drawn) = values.split_first().map_or((0.0, &[][..]), |(own, drawn)| (*own, drawn));
                let mean = drawn.iter().map(|value| f64::from(*value)).sum::<f64>() / count as f64;
                if let (Some(q), Some(v)) = (q.get_mut(row), v.get_mut(row)) {
                    (*q, *v) = (*q + part * f64::from(own), *v + part * mean);
                }
                if let Some(first) = firsts.get_mut(number).filter(|_| step == 0) {
                    *first = inputs.unit * mean;
                }
            }
        }
        let sum: f64 = chosen.iter().filter_map(|&episode| firsts.get(episode)).sum();
        estimates.push(sum / episodes as f64);
    }
    let first = |episode: &super::LoggedEpisode| v.get(episode.rows.start).copied().unwrap_or(0.0);
    let value = logged.episodes.iter().map(first).sum::<f64>() / episodes as f64;
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let spread = (estimates.iter().map(|found| (found - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    if !(value.is_finite() && spread.is_finite()) {
        return Err(PolicyError::NonFinite { what: "fitted value", index: 0, value });
    }
    let half = student_quantile(estimates.len()) * spread;
    let interval = Interval { low: value - half, high: value + half };
    let diagnosis = Diagnosis { episodes, ..Diagnosis::default() };
    Ok((Estimate { method: NETWORK_FQE.into(), value, interval, diagnosis }, FittedValues { q, v }))
}

/// What 97.5 of 100 draws of Student's distribution are below, for the spread of so many members: of few, a spread tells little.
fn student_quantile(members: usize) -> f64 {
    const QUANTILES: [f64; 9] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];
    members.checked_sub(2).and_then(|at| QUANTILES.get(at)).copied().unwrap_or(2.23)
}
