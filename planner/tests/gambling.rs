//! Gambling: one decision, `a0` earns +5 or -15, `a1` +1 or -6, `a2` +1, each outcome of a decision as often as the other.
//! In the mean -5, -2.5 and +1. Whoever plans decisions and outcomes together and takes the plan that promises most takes
//! `a0`, and strong guidance that pushes both goes there; whoever draws what each decision leads to takes `a2`.
//!
//! The denoiser is the optimal one of the mixture, in closed form: narrow Gaussians at the five cases, seen at the levels of
//! decision and outcome.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::gambling::{self, CASES, MEANS, payoff};
use forethought_envs::ScoreTask;
use forethought_planner::{Decisions, DiffusionPlanner, Planner, Request};

fn planner(candidates: usize, scale: f64) -> DiffusionPlanner {
    gambling::planner(&CASES, gambling::config(candidates, scale))
}

/// Draws of what a decision leads to.
fn outcomes(planner: &mut DiffusionPlanner, action: f64, samples: usize, seed: u64) -> Vec<f64> {
    let asked = Decisions { observation: &[0.0], actions: &[action], samples, history: 0, seed };
    planner.imagine(&asked).unwrap().observations
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Shares of plans that take each decision, and what these plans promise themselves in the mean; one plan a seed.
fn plans(candidates: usize, scale: f64, count: u64) -> ([f64; 3], f64) {
    let mut planner = planner(candidates, scale);
    let task = ScoreTask(payoff);
    let requests: Vec<Request<'_>> = (0..count).map(|seed| Request::new(&[0.0], &task, seed)).collect();
    let plans = planner.plan(&requests, false).unwrap();
    let share = |decision: f64| {
        plans.iter().filter(|plan| (plan.actions[0] - decision).abs() < 0.5).count() as f64 / count as f64
    };
    ([-1.0, 0.0, 1.0].map(share), mean(&plans.iter().map(|plan| plan.score).collect::<Vec<_>>()))
}

#[test]
fn drawn_outcomes_of_each_decision_pick_the_one_that_earns_most_in_the_mean() {
    const DRAWS: usize = 2000;
    let mut planner = planner(1, 0.0);
    for (action, want) in [-1.0, 0.0, 1.0].into_iter().zip(MEANS) {
        let drawn = outcomes(&mut planner, action, DRAWS, 4);
        let deviation = mean(&drawn.iter().map(|r| (r - want).powi(2)).collect::<Vec<_>>()).sqrt();
        // Four standard errors, and what a narrow case has of width.
        assert!((mean(&drawn) - want).abs() < 4.0 * deviation / (DRAWS as f64).sqrt() + 0.05);
        let cases = CASES.iter().filter(|case| case.0 == action).count() as f64;
        for (_, payoff, _) in CASES.iter().filter(|case| case.0 == action) {
            let share = drawn.iter().filter(|r| (*r - payoff).abs() < 1.0).count() as f64 / DRAWS as f64;
            assert!(
                (share - 1.0 / cases).abs() < 4.0 * (0.25 / DRAWS as f64).sqrt(),
                "{action}: {payoff} {share}"
            );
        }
    }
    // And so few that every seed is a decision of its own: 64 are enough for all, 8 for most.
    let mut picks = |samples: usize| {
        (0..50)
            .filter(|&seed| {
                let [a0, a1, a2] = [-1.0, 0.0, 1.0].map(|a| mean(&outcomes(&mut planner, a, samples, seed)));
                a2 > a0 && a2 > a1
            })
            .count()
    };
    let found = [1, 8, 64].map(&mut picks);
    assert!(found[2] == 50 && found[1] >= 40 && found[0] < 40, "{found:?}");
}

#[test]
fn the_best_of_several_plans_by_their_own_value_gambles_and_the_more_the_surer() {
    let found = [1, 4, 16].map(|candidates| plans(candidates, 0.0, 300));
    let [one, few, many] = found;
    // A plan promises +5 with probability 1/6: one of four does in 52 %, one of sixteen in 95 %.
    assert!((one.0[0] - 1.0 / 3.0).abs() < 4.0 * (0.22_f64 / 300.0).sqrt(), "{one:?}");
    assert!(few.0[0] > 0.4 && many.0[0] > 0.9, "{few:?} {many:?}");
    assert!(many.1 > 4.0, "and promises itself {} where -5 is to be had", many.1);
}

/// Weak guidance tilts by the mean payoff of each decision, which is right: `a2` gains. What is strong enough to matter
/// tilts by the payoffs themselves, and those are pushed: plans then take `a0` in most cases, promise themselves its luck,
/// and earn no more than plans that nobody guided.
#[test]
fn guidance_on_decisions_and_outcomes_gambles() {
    const PLANS: u64 = 1500;
    let found = [0.0, 2.0, 20.0].map(|scale| plans(1, scale, PLANS));
    let earned =
        found.map(|(share, _)| share.iter().zip(MEANS).map(|(share, mean)| share * mean).sum::<f64>());
    let error = (0.25_f64 / PLANS as f64).sqrt();
    let [plain, guided, strong] = found;
    assert!(guided.0[0] > plain.0[0] + 5.0 * error, "{found:?}");
    assert!(strong.0[0] > plain.0[0] + 10.0 * error && strong.0[0] > strong.0[2], "{found:?}");
    assert!(strong.1 > earned[2] + 5.0, "{found:?} {earned:?}");
    // A plan's mean payoff has a deviation of 2.5 over the decisions.
    assert!(earned[2] < earned[0] + 5.0 * 2.5 / (PLANS as f64).sqrt(), "{earned:?}");
}

/// What the gradient is blind to: each outcome stays what it is when the decision moves a little, so no draw says that
/// another decision has better odds. The values do.
#[test]
fn the_gradient_does_not_see_odds_and_the_values_do() {
    let mut planner = planner(1, 0.0);
    let mut of = |action: f64| {
        let asked = Decisions { observation: &[0.0], actions: &[action], samples: 400, history: 0, seed: 2 };
        planner.decision_gradient(&asked, &ScoreTask(payoff)).unwrap()
    };
    let (gamble, sure) = (of(-1.0), of(1.0));
    let steepest = gamble.gradients.iter().fold(0.0f64, |most, g| most.max(g.abs()));
    // Six to be had over two units of action.
    assert!(steepest < 0.1, "{steepest}");
    assert!(sure.value > gamble.value + 5.0 * gamble.value_error);
}
