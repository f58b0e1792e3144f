//! Off-policy estimates against a problem whose values are known: a scalar linear system with Gaussian noise.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use forethought_envs::BoxSpace;
use forethought_policies::PolicyError;
use forethought_policies::off_policy::{
    BehaviourConfig, Bootstrap, Criterion, Diagnosis, EvaluationConfig, FourierConfig, GaussianPolicy,
    LINEAR_FQE, Logged, LoggedEpisode, NetworkFqeConfig, Ratios, StochasticPolicy, evaluate, fit_behaviour,
    network_fqe, outside_share, weighted_importance_sampling,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// `s' = A s + B a + N(0, W^2)`, `r = 2 + s - s^2 / 4`, `s_0 ~ N(0.5, 0.5^2)`.
const A: f64 = 0.8;
const B: f64 = 0.5;
const W: f64 = 0.2;
const STEPS: usize = 4;
const DISCOUNT: f64 = 0.9;

type Mean = fn(&[f64], &mut [f64]) -> Result<(), PolicyError>;

/// `a ~ N(-gain s, sigma^2)`.
fn target() -> GaussianPolicy<Mean> {
    let mean: Mean = |s, a| {
        a[0] = -0.5 * s[0] + 0.2;
        Ok(())
    };
    GaussianPolicy::new(mean, &[0.5]).unwrap()
}

fn behaviour() -> GaussianPolicy<Mean> {
    let mean: Mean = |s, a| {
        a[0] = -0.2 * s[0];
        Ok(())
    };
    GaussianPolicy::new(mean, &[0.6]).unwrap()
}

/// Moments of the state, step by step.
fn truth() -> f64 {
    let (mut mean, mut variance, mut discount, mut sum) = (0.5_f64, 0.25_f64, 1.0, 0.0);
    for _ in 0..STEPS {
        sum += discount * (2.0 + mean - 0.25 * (mean * mean + variance));
        let gain = A - 0.5 * B;
        (mean, variance) = (gain * mean + 0.2 * B, gain * gain * variance + (B * 0.5).powi(2) + W * W);
        discount *= DISCOUNT;
    }
    sum
}

fn criterion() -> Criterion {
    Criterion { discount: DISCOUNT, horizon: Some(STEPS) }
}

fn data(episodes: usize, seed: u64) -> Logged {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut logged = Logged {
        observation_dim: 1,
        action_dim: 1,
        observations: Vec::new(),
        actions: Vec::new(),
        rewards: Vec::new(),
        episodes: Vec::new(),
    };
    let mut driver = behaviour();
    for _ in 0..episodes {
        let first = logged.rewards.len();
        let mut s = 0.5 + 0.5 * rng.sample::<f64, _>(StandardNormal);
        for _ in 0..STEPS {
            let mut a = [0.0];
            driver.sample(&[s], &mut rng, &mut a).unwrap();
            logged.observations.push(s);
            logged.actions.push(a[0]);
            logged.rewards.push(2.0 + s - 0.25 * s * s);
            s = A * s + B * a[0] + W * rng.sample::<f64, _>(StandardNormal);
        }
        logged.episodes.push(LoggedEpisode { rows: first..first + STEPS, terminal: false });
    }
    logged
}

fn config(seed: u64) -> EvaluationConfig {
    EvaluationConfig {
        features: FourierConfig {
            count: 30,
            observation_scale: 2.0,
            action_scale: 4.0,
            ..FourierConfig::default()
        },
        ridge: 1e-7,
        bootstrap: Bootstrap { resamples: 300, seed, ..Bootstrap::default() },
        seed,
        ..EvaluationConfig::default()
    }
}

fn space() -> BoxSpace {
    BoxSpace::symmetric(1, 10.0)
}

fn estimates(logged: &Logged, seed: u64) -> Vec<forethought_policies::off_policy::Estimate> {
    evaluate(logged, &space(), &mut behaviour(), &mut target(), &criterion(), &config(seed)).unwrap()
}

/// Every method's error shrinks to what its own interval says. Four standard errors: one run in 16000 of a true method fails.
#[test]
fn every_method_finds_the_known_value() {
    let logged = data(4000, 1);
    let found = estimates(&logged, 1);
    assert_eq!(found.len(), 6);
    for estimate in &found {
        let standard_error = (estimate.interval.high - estimate.interval.low) / 3.92;
        let off = (estimate.value - truth()).abs();
        assert!(off < 4.0 * standard_error, "{}: {} against {}", estimate.method, estimate.value, truth());
        // The value has a spread over first states alone of 0.5 or so: no interval of 4000 episodes is wide.
        assert!(standard_error < 0.1 && standard_error > 1e-3, "{}: {standard_error}", estimate.method);
    }
    // What the behaviour itself earned is another number, so that no method passes by averaging returns.
    let returns: f64 =
        logged.rewards.chunks(STEPS).map(|r| r.iter().rev().fold(0.0, |sum, r| r + DISCOUNT * sum)).sum();
    assert!((returns / 4000.0 - truth()).abs() > 0.05);
}

fn coverage(sets: u64, episodes: usize) -> Vec<(String, f64)> {
    let runs: Vec<_> = (0..sets).map(|seed| estimates(&data(episodes, 100 + seed), seed)).collect();
    let held = |method: usize| {
        let held = runs.iter().filter(|run| run[method].interval.holds(truth())).count();
        (runs[0][method].method.clone(), held as f64 / sets as f64)
    };
    (0..runs[0].len()).map(held).collect()
}

/// Of 40 data sets fewer than 32 intervals hold the value once in 2000 times where 38 do in the mean.
#[test]
fn intervals_hold_the_value_about_as_often_as_they_say() {
    for (method, share) in coverage(40, 200) {
        assert!(share >= 0.8, "{method}: {share}");
    }
}

/// Nominal 95 %: 90 to 99 of a hundred, three standard errors of 200 data sets being 4.6.
#[test]
#[ignore = "200 data sets, half a minute: run with --ignored when intervals are touched"]
fn intervals_hold_the_value_in_nineteen_of_twenty_data_sets() {
    for (method, share) in coverage(200, 300) {
        assert!((0.9..=0.995).contains(&share), "{method}: {share}");
    }
}

#[test]
fn a_policy_that_acted_itself_is_worth_its_mean_return() {
    let logged = data(100, 7);
    let found =
        evaluate(&logged, &space(), &mut behaviour(), &mut behaviour(), &criterion(), &config(0)).unwrap();
    let returns = logged.rewards.chunks(STEPS).map(|r| r.iter().rev().fold(0.0, |sum, r| r + DISCOUNT * sum));
    let mean = returns.sum::<f64>() / 100.0;
    for estimate in found.iter().filter(|estimate| estimate.method.ends_with("IS")) {
        assert!((estimate.value - mean).abs() < 1e-9, "{}", estimate.method);
        assert!((estimate.diagnosis.effective_episodes.unwrap() - 100.0).abs() < 1e-9);
        assert_eq!(estimate.diagnosis.warning(), None);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let logged = data(50, 3);
    assert_eq!(estimates(&logged, 5), estimates(&logged, 5));
    assert_ne!(estimates(&logged, 5), estimates(&logged, 6));
}

#[test]
fn a_fitted_behaviour_is_near_the_true_one() {
    let logged = data(500, 9);
    let config = BehaviourConfig { steps: 500, ..BehaviourConfig::default() };
    let mut fitted = fit_behaviour(&logged, &config).unwrap();
    let of = |policy: &mut dyn StochasticPolicy| logged.log_densities(policy, 0).unwrap().unwrap();
    let (found, known) = (of(&mut fitted), of(&mut behaviour()));
    let gap: f64 = known.iter().zip(&found).map(|(a, b)| a - b).sum::<f64>() / known.len() as f64;
    // Nats a row: a fit that missed the noise by a tenth would lose 0.01, one that missed the mean altogether 0.02.
    assert!(gap.abs() < 0.01, "{gap}");
}

#[test]
fn far_away_policies_are_not_to_be_trusted_and_say_so() {
    let logged = data(200, 11);
    let mut far = GaussianPolicy::new(
        |_: &[f64], a: &mut [f64]| {
            a[0] = 3.0;
            Ok(())
        },
        &[0.2],
    )
    .unwrap();
    let actions = logged.sample_actions(&mut far, 2, 0).unwrap();
    let outside = outside_share(&logged, &mut behaviour(), &actions, 2).unwrap();
    assert!(outside.unwrap() > 0.95);
    let near = logged.sample_actions(&mut behaviour(), 2, 0).unwrap();
    // One in 200 by definition.
    assert!(outside_share(&logged, &mut behaviour(), &near, 2).unwrap().unwrap() < 0.02);
    let of = |policy: &mut dyn StochasticPolicy| logged.log_densities(policy, 0).unwrap().unwrap();
    let ratios = Ratios::new(&logged, &of(&mut far), &of(&mut behaviour()), &criterion()).unwrap();
    let Diagnosis { effective_episodes, .. } = ratios.diagnosis();
    assert!(effective_episodes.unwrap() < 5.0);
    let estimate = weighted_importance_sampling(&ratios, &Bootstrap::default());
    // Either there is no value on some resample, which is refused, or it carries its warning.
    if let Ok(estimate) = estimate {
        assert!(estimate.diagnosis.warning().unwrap().contains("Do not rely on this"));
    }
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_remedy() {
    let logged = data(20, 2);
    let densities = vec![0.0; logged.len()];
    let longer = Criterion { horizon: Some(STEPS + 1), ..criterion() };
    let error = Ratios::new(&logged, &densities, &densities, &longer).unwrap_err().to_string();
    assert!(error.contains("cut after 4 steps"), "{error}");
    let endless = Criterion { discount: 1.0, horizon: None };
    assert!(endless.check().unwrap_err().to_string().contains("below 1"));
    let mut impossible = densities.clone();
    impossible[3] = f64::NEG_INFINITY;
    assert!(Ratios::new(&logged, &densities, &impossible, &criterion()).is_err());
    let mut broken = GaussianPolicy::new(
        |_: &[f64], a: &mut [f64]| {
            a[0] = f64::NAN;
            Ok(())
        },
        &[0.2],
    )
    .unwrap();
    assert!(logged.sample_actions(&mut broken, 1, 0).is_err());
    // One entry too many in a space is told, not clipped.
    let wide = BoxSpace::symmetric(2, 1.0);
    let refused = evaluate(&logged, &wide, &mut behaviour(), &mut target(), &criterion(), &config(0));
    assert!(refused.unwrap_err().to_string().contains("action space"));
    assert_eq!(estimates(&logged, 0)[0].method, LINEAR_FQE);
    // More steps than memory holds.
    let far = Criterion { horizon: Some(usize::MAX), ..criterion() };
    let refused = evaluate(&logged, &space(), &mut behaviour(), &mut target(), &far, &config(0));
    assert!(refused.unwrap_err().to_string().contains("horizon"));
    // Arrays that do not belong together.
    for damage in [
        |logged: &mut Logged| logged.rewards.truncate(5),
        |logged: &mut Logged| logged.episodes[1].rows.start = 0,
        |logged: &mut Logged| logged.actions.truncate(5),
        |logged: &mut Logged| logged.episodes.truncate(1),
    ] {
        let mut damaged = logged.clone();
        damage(&mut damaged);
        assert!(damaged.check().is_err());
        assert!(
            evaluate(&damaged, &space(), &mut behaviour(), &mut target(), &criterion(), &config(0)).is_err()
        );
    }
}

/// Where ratios leave nothing to average, fitted values are left, with the warning.
#[test]
fn a_policy_unlike_all_data_is_answered_with_a_warning() {
    let logged = data(60, 12);
    let mut far = GaussianPolicy::new(
        |_: &[f64], a: &mut [f64]| {
            a[0] = 40.0;
            Ok(())
        },
        &[0.2],
    )
    .unwrap();
    let found = evaluate(&logged, &space(), &mut behaviour(), &mut far, &criterion(), &config(0)).unwrap();
    assert_eq!(found[0].method, LINEAR_FQE);
    assert!(found.len() < 6, "{found:?}");
    assert!(found.iter().all(|estimate| estimate.diagnosis.warning().is_some()), "{found:?}");
}

/// A row of an episode's last observation alone, as readers leave it, is no step.
#[test]
fn the_last_observation_of_an_episode_is_no_step() {
    let mut data = forethought_envs::data::Dataset::of_rows(
        "x",
        [1, 1],
        vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        vec![0.1, 0.2, 0.2, 0.4, 0.5, 0.6],
    );
    data.metadata.rewards = forethought_envs::data::RewardConvention::OfAction;
    data.rewards = vec![1.0, 2.0, 0.0, 4.0, 5.0, 6.0];
    data.terminals = vec![false, false, true, false, false, true];
    let logged = Logged::of_dataset(&data).unwrap();
    assert_eq!(logged.rewards, [1.0, 2.0, 4.0, 5.0, 6.0]);
    assert_eq!(logged.episodes.iter().map(|episode| episode.rows.clone()).collect::<Vec<_>>(), [0..2, 2..5]);
    assert!(logged.episodes.iter().all(|episode| episode.terminal));
}

/// An endless task: `V = E sum gamma^t r` with terminal steps nowhere; moments settle in closed form.
#[test]
fn without_a_horizon_the_fixed_point_is_found() {
    let logged = data(4000, 21);
    let endless = Criterion { discount: 0.7, horizon: None };
    let config = config(0);
    let features =
        forethought_policies::off_policy::FourierFeatures::fit(&logged, &space(), &config.features).unwrap();
    let fqe = forethought_policies::off_policy::LinearFqe::new(&logged, &features, 1e-7).unwrap();
    let actions = logged.sample_actions(&mut target(), 2, 0).unwrap();
    let fit = fqe.evaluate(&actions, 2, &endless).unwrap();
    let found = fqe.estimate(&fit, &config.bootstrap).unwrap();
    let (mut mean, mut variance, mut discount, mut sum) = (0.5_f64, 0.25_f64, 1.0, 0.0);
    for _ in 0..200 {
        sum += discount * (2.0 + mean - 0.25 * (mean * mean + variance));
        let gain = A - 0.5 * B;
        (mean, variance) = (gain * mean + 0.2 * B, gain * gain * variance + (B * 0.5).powi(2) + W * W);
        discount *= 0.7;
    }
    let standard_error = (found.interval.high - found.interval.low) / 3.92;
    assert!((found.value - sum).abs() < 4.0 * standard_error, "{found:?} against {sum}");
}

/// Networks fit what they can in seconds: the known value to within a tenth of what the behaviour's differs from it, which is
/// 0.3 or so, and no more than four times the spread of the members.
#[test]
fn networks_find_the_known_value_as_well() {
    let logged = data(1000, 31);
    let actions = logged.sample_actions(&mut target(), 4, 0).unwrap();
    let config =
        NetworkFqeConfig { members: 4, hidden: vec![32, 32], steps: 1500, ..NetworkFqeConfig::default() };
    let (found, values) = network_fqe(&logged, &actions, 4, &criterion(), &config).unwrap();
    assert_eq!((values.q.len(), values.v.len()), (logged.len(), logged.len()));
    let standard_error = (found.interval.high - found.interval.low) / 3.92;
    assert!((found.value - truth()).abs() < 4.0 * standard_error.max(0.02), "{found:?} against {}", truth());
    assert!((found.value - truth()).abs() < 0.15, "{found:?} against {}", truth());
    let again = network_fqe(&logged, &actions, 4, &criterion(), &config).unwrap().0;
    assert_eq!(found, again);
}
