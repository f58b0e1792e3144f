//! One environment's trial: truths by roll-out, estimates on many data sets, and what these are worth.

use forethought_envs::make;
use forethought_policies::PolicyError;
use forethought_policies::off_policy::{
    Bootstrap, Estimate, FourierConfig, FourierFeatures, LinearFqe, Logged, Ratios, doubly_robust,
    per_decision_importance_sampling, weighted_doubly_robust, weighted_importance_sampling,
    weighted_per_decision_importance_sampling,
};
use serde::Serialize;

use crate::worlds::World;

/// Seeds of the data sets that settings were chosen on are below this, those of the trial from here on.
const DATA_SEEDS: u64 = 4_000_000_000;
const TRUTH_SEEDS: u64 = 8_000_000_000;
/// Between the seeds of two data sets: more episodes than any has.
const APART: u64 = 10_000;
/// Between the first data sets of two seeds.
const SEEDS: u64 = 1000;

/// How much is done.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    /// Data sets, drawn independently.
    pub sets: usize,
    /// Episodes for each truth.
    pub rollouts: usize,
    /// Bootstrap resamples of each interval.
    pub resamples: usize,
    /// Episodes of a data set, as a share of the world's.
    pub share: f64,
}

/// Settings of one world, chosen on other seeds.
struct Settings {
    episodes: usize,
    features: FourierConfig,
}

const RIDGE: f64 = 1e-5;
const SAMPLES: usize = 2;

fn settings(world: World) -> Settings {
    let of = |episodes, count, observation_scale, action_scale| Settings {
        episodes,
        features: FourierConfig { count, observation_scale, action_scale, ..FourierConfig::default() },
    };
    match world {
        World::Umaze => of(120, 100, 1.0, 3.0),
        World::Teleport => of(150, 120, 1.0, 3.0),
        World::ToyCar => of(400, 60, 2.0, 4.0),
    }
}

/// One policy by one method.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    pub method: String,
    /// On the first data set.
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub effective_episodes: Option<f64>,
    pub warning: Option<String>,
    /// Over all data sets.
    pub mean: f64,
    pub deviation: f64,
    pub coverage: f64,
}

/// One policy.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub policy: String,
    pub truth: f64,
    pub standard_error: f64,
    pub methods: Vec<Cell>,
}

/// One method over all policies and data sets.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub method: String,
    /// Spearman's rank correlation of estimates and truths: mean over data sets, and the tenth worst of a hundred.
    pub spearman: f64,
    pub spearman_low: f64,
    /// What the policy that looks best is worth less than the best, as a share of the range of truths, in the mean.
    pub regret: f64,
    /// Share of nominal 95 % intervals that hold the truth; of the worst policy.
    pub coverage: f64,
    pub least_coverage: f64,
}

/// What came out in one world.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub environment: String,
    pub discount: f64,
    pub horizon: Option<usize>,
    pub episodes: usize,
    pub size: Size,
    pub summaries: Vec<Summary>,
    pub policies: Vec<Row>,
}

/// All estimates on the data set of a number, `[policy, method]`.
fn estimates(
    world: World,
    number: u64,
    episodes: usize,
    resamples: usize,
) -> Result<Vec<Vec<Estimate>>, PolicyError> {
    let criterion = world.criterion();
    let space = make(world.id())?.spec().action.clone();
    let (data, behaviour) = world.collect(DATA_SEEDS + number * APART, episodes)?;
    let logged = Logged::of_dataset(&data)?;
    let config = FourierConfig { seed: number, ..settings(world).features };
    let features = FourierFeatures::fit(&logged, &space, &config)?;
    let fqe = LinearFqe::new(&logged, &features, RIDGE)?;
    let bootstrap = Bootstrap { resamples, seed: number, ..Bootstrap::default() };
    let of = |(_, share, plain): &(String, f64, f64)| {
        let mut target = world.target(*share, *plain)?;
        let actions = logged.sample_actions(&mut target, SAMPLES, number)?;
        let fit = fqe.evaluate(&actions, SAMPLES, &criterion)?;
        let densities = logged.log_densities(&mut target, number)?.unwrap_or_default();
        let ratios = Ratios::new(&logged, &densities, &behaviour, &criterion)?;
        Ok(vec![
            weighted_doubly_robust(&logged, &ratios, &fit.values, &criterion, &bootstrap)?,
            fqe.estimate(&fit, &bootstrap)?,
            doubly_robust(&logged, &ratios, &fit.values, &criterion, &bootstrap)?,
            weighted_per_decision_importance_sampling(&ratios, &bootstrap)?,
            weighted_importance_sampling(&ratios, &bootstrap)?,
            per_decision_importance_sampling(&ratios, &bootstrap)?,
        ])
    };
    world.policies().iter().map(of).collect()
}

/// Truths, estimates, and what these are worth; `done` is called after each data set.
pub fn run(world: World, size: Size, seed: u64, done: &mut dyn FnMut()) -> Result<Trial, PolicyError> {
    let criterion = world.criterion();
    let episodes = ((settings(world).episodes as f64 * size.share) as usize).max(20);
    let mut env = make(world.id())?;
    let mut truths = Vec::new();
    for (_, share, plain) in world.policies() {
        let mut target = world.target(share, plain)?;
        let roll = |seed| world.roll(env.as_mut(), &mut target, seed, None);
        let returns = (TRUTH_SEEDS..).take(size.rollouts).map(roll).collect::<Result<Vec<f64>, _>>()?;
        let (mean, deviation) = moments(&returns);
        truths.push((mean, deviation / (returns.len() as f64).sqrt()));
    }
    let mut sets = Vec::with_capacity(size.sets);
    for number in 0..size.sets as u64 {
        sets.push(estimates(world, seed.wrapping_mul(SEEDS) + number, episodes, size.resamples)?);
        done();
    }
    let truth: Vec<f64> = truths.iter().map(|(truth, _)| *truth).collect();
    let methods = sets.first().and_then(|set| set.first()).map_or(0, Vec::len);
    let policies = world.policies().into_iter().enumerate().map(|(i, (policy, ..))| {
        let cell = |m: usize| {
            let values: Vec<f64> = sets.iter().map(|set| set[i][m].value).collect();
            let (mean, deviation) = moments(&values);
            let first = &sets[0][i][m];
            let held = sets.iter().filter(|set| set[i][m].interval.holds(truth[i])).count();
            Cell {
                method: first.method.clone(),
                estimate: first.value,
                low: first.interval.low,
                high: first.interval.high,
                effective_episodes: first.diagnosis.effective_episodes,
                warning: first.diagnosis.warning(),
                mean,
                deviation,
                coverage: held as f64 / sets.len() as f64,
            }
        };
        Row {
            policy,
            truth: truth[i],
            standard_error: truths[i].1,
            methods: (0..methods).map(cell).collect(),
        }
    });
    let policies: Vec<Row> = policies.collect();
    let summaries = (0..methods).map(|m| summary(m, &sets, &truth, &policies)).collect();
    let (environment, discount, horizon) = (world.id().to_owned(), criterion.discount, criterion.horizon);
    Ok(Trial { environment, discount, horizon, episodes, size, summaries, policies })
}

fn summary(m: usize, sets: &[Vec<Vec<Estimate>>], truth: &[f64], policies: &[Row]) -> Summary {
    let best = truth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let worst = truth.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |set: &Vec<Vec<Estimate>>| -> Vec<f64> { set.iter().map(|policy| policy[m].value).collect() };
    let mut correlations: Vec<f64> = sets.iter().map(|set| spearman(&of(set), truth)).collect();
    let regret = sets.iter().map(|set| {
        let found = of(set).into_iter().zip(truth).max_by(|a, b| a.0.total_cmp(&b.0));
        (best - found.map_or(worst, |(_, truth)| *truth)) / (best - worst)
    });
    let regret = regret.sum::<f64>() / sets.len() as f64;
    let coverages: Vec<f64> = policies.iter().map(|row| row.methods[m].coverage).collect();
    correlations.sort_by(f64::total_cmp);
    Summary {
        method: policies[0].methods[m].method.clone(),
        spearman: moments(&correlations).0,
        spearman_low: correlations[correlations.len() / 10],
        regret,
        coverage: moments(&coverages).0,
        least_coverage: coverages.iter().copied().fold(1.0, f64::min),
    }
}

/// Correlation of ranks; of ten values that are all different, as these are.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let rank = |x: &[f64]| -> Vec<f64> {
        x.iter().map(|value| x.iter().filter(|other| *other < value).count() as f64).collect()
    };
    let n = a.len() as f64;
    let square: f64 = rank(a).iter().zip(rank(b)).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * square / (n * (n * n - 1.0))
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}
