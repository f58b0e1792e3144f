//! Plans that are chosen by what doing them leads to: gambles with known odds, whole (`common/gambling.rs`) and with recourse
//! along ways (`common/pads.rs`).
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use common::gambling::{self, CASES, Case, MEANS, payoff};
use common::{layout, mean_and_error, pads, schedule};
use forethought_envs::data::{Dataset, DatasetNormalizer, Normalizer, NormalizerKind, Ways};
use forethought_envs::{BoxSpace, EnvSpec, GoalTask, ScoreTask};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::network::{Network, NetworkConfig, NetworkKind, ParameterLayout};
use forethought_planner::noise::Target;
use forethought_planner::{
    Denoiser, DiffusionPlanner, EngineDenoiser, LocalDynamics, MonteCarloConfig, Outlook, Plan, PlanConfig,
    Planner, PlannerError, Preconditioning, Request, TokenLayout, random,
};

/// Chooses by so many outcomes, of which the worst share counts.
fn judged(config: PlanConfig, samples: usize, risk: f64) -> PlanConfig {
    // What is as sharp as these worlds takes as many steps as plans do.
    let steps = config.sampler.steps;
    PlanConfig {
        monte_carlo: MonteCarloConfig { select: true, samples, risk, steps, ..MonteCarloConfig::default() },
        ..config
    }
}

/// A plan for each seed, 16 candidates each.
fn gambles(cases: &[Case], config: PlanConfig, seeds: u64) -> Vec<Plan> {
    let task = ScoreTask(payoff);
    let requests: Vec<Request<'_>> = (0..seeds).map(|seed| Request::new(&[0.0], &task, seed)).collect();
    gambling::planner(cases, config).plan(&requests, false).unwrap()
}

/// Which of the decisions -1, 0 and 1 a plan takes.
fn decision(plan: &Plan) -> usize {
    (plan.actions[0] + 1.0).round().clamp(0.0, 2.0) as usize
}

fn share(plans: &[Plan], is: impl Fn(&Plan) -> bool) -> f64 {
    plans.iter().filter(|plan| is(plan)).count() as f64 / plans.len() as f64
}

fn outlook(plan: &Plan) -> &Outlook {
    plan.outlook.as_ref().unwrap()
}

#[test]
fn outcomes_pick_what_earns_most_in_the_mean_where_a_plans_own_value_gambles() {
    const SEEDS: u64 = 200;
    let config = gambling::config(16, 0.0);
    let own = gambles(&CASES, config.clone(), SEEDS);
    assert!(share(&own, |plan| decision(plan) == 0) > 0.9 && own.iter().all(|plan| plan.outlook.is_none()));
    for (samples, least) in [(16, 0.97), (64, 0.99)] {
        let plans = gambles(&CASES, judged(config.clone(), samples, 1.0), SEEDS);
        let found = share(&plans, |plan| decision(plan) == 2);
        assert!(found >= least, "{samples}: {found}");
        let error = |outlook: &Outlook| (outlook.mean - 1.0) * (samples as f64).sqrt() / outlook.spread;
        let sure: Vec<&Outlook> = plans.iter().filter(|plan| decision(plan) == 2).map(outlook).collect();
        let off = sure.iter().filter(|outlook| error(outlook).abs() > 3.0).count();
        // Of 200 means one is further off than three standard errors where the spread is known, two where it is estimated.
        assert!(off <= 5, "{samples}: {off} of {SEEDS}");
        assert!(sure.iter().all(|outlook| outlook.samples == samples && outlook.chance.is_none()));
        assert!(sure.iter().all(|outlook| outlook.outcomes.is_empty() && outlook.spread < 0.3));
    }
}

/// Chosen by one outcome or a few, a gamble is taken where it went well. What is reported of it has to be what it is worth,
/// and not what it was chosen by.
#[test]
fn what_is_reported_does_not_speak_well_of_what_was_chosen_by_luck() {
    const SEEDS: u64 = 600;
    for samples in [1, 2, 4] {
        let plans = gambles(&CASES, judged(gambling::config(16, 0.0), samples, 1.0), SEEDS);
        let lucky = share(&plans, |plan| decision(plan) == 0);
        // All outcomes of it have to be good.
        let want = 0.5f64.powi(samples as i32);
        assert!((lucky - want).abs() < 4.0 * (want * (1.0 - want) / SEEDS as f64).sqrt() + 0.01, "{lucky}");
        let errors: Vec<f64> = plans.iter().map(|plan| outlook(plan).mean - MEANS[decision(plan)]).collect();
        let (bias, error) = mean_and_error(&errors);
        assert!(bias.abs() < 3.0 * error + 0.02, "{samples}: {bias} +- {error}");
        // What they were chosen by: five where the truth is -5.
        assert!(10.0 * lucky > 5.0 * error, "a bias of ten would be seen: {error}");
    }
}

/// A sure 1, or 8 and -2 with equal odds: 3 in the mean.
const RISKY: [Case; 3] = [(-1.0, 1.0, 2.0), (1.0, 8.0, 1.0), (1.0, -2.0, 1.0)];

#[test]
fn who_counts_the_worst_outcomes_takes_the_sure_win() {
    let of = |risk: f64| gambles(&RISKY, judged(gambling::config(16, 0.0), 64, risk), 100);
    let (careful, even) = (of(0.25), of(1.0));
    assert!(share(&careful, |plan| decision(plan) == 0) >= 0.99);
    assert!(share(&even, |plan| decision(plan) == 2) >= 0.98);
    // What is reported is the mean, whatever the choice was made by.
    let of =
        |plans: &[Plan]| mean_and_error(&plans.iter().map(|plan| outlook(plan).mean).collect::<Vec<_>>());
    let ((careful, _), (even, error)) = (of(&careful), of(&even));
    assert!((careful - 1.0).abs() < 0.05 && (even - 3.0).abs() < 3.0 * error + 0.1, "{careful} {even}");
}

/// Gambles as data: two rows each, the payoff in the second one.
fn played() -> Dataset {
    let weights: Vec<&Case> = CASES.iter().flat_map(|case| vec![case; case.2 as usize]).collect();
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for i in 0..10_000 {
        let (decision, payoff, _) = weights[random::derive(7, &[i]) as usize % weights.len()];
        observations.extend([0.0, *payoff as f32]);
        actions.extend([*decision as f32, 0.0]);
    }
    let ends = (0..actions.len()).map(|row| row % 2 == 1).collect();
    Dataset { terminals: ends, ..Dataset::of_rows("gambles", [1, 1], observations, actions) }
}

#[test]
fn a_trained_network_picks_it_too() {
    let spec = EnvSpec::of_spaces("gambles", BoxSpace::symmetric(1, 20.0), BoxSpace::symmetric(1, 1.0));
    let own = PlanConfig { sampler: PlanConfig::default().sampler, ..gambling::config(16, 0.0) };
    let mut planner = common::trained::planner(&spec, &played(), (1, 1, 1), own.clone());
    let task = ScoreTask(payoff);
    let requests: Vec<Request<'_>> = (0..100).map(|seed| Request::new(&[0.0], &task, seed)).collect();
    let own_value = planner.plan(&requests, false).unwrap();
    let gambled = share(&own_value, |plan| decision(plan) == 0);
    planner.set_config(judged(own, 64, 1.0)).unwrap();
    let plans = planner.plan(&requests, false).unwrap();
    let (found, values) =
        (share(&plans, |plan| decision(plan) == 2), plans.iter().map(|plan| outlook(plan).mean));
    let (earned, _) = mean_and_error(&values.collect::<Vec<_>>());
    assert!(gambled > 0.8 && found >= 0.97 && (earned - 1.0).abs() < 0.3, "{gambled} {found} {earned}");
}

fn pads(seeds: std::ops::Range<u64>, samples: usize, lost: f64, select: bool) -> Vec<Plan> {
    let task = pads::goal();
    let mut config = pads::config();
    let steps = config.sampler.steps;
    config.monte_carlo = MonteCarloConfig { select, samples, lost, steps, ..config.monte_carlo };
    let mut planner = pads::planner(&pads::EXITS, false, config);
    let requests: Vec<Request<'_>> = seeds.map(|seed| Request::new(&[0.0, 0.0], &task, seed)).collect();
    planner.plan(&requests, false).unwrap()
}

/// Whether a plan leads over the pad.
fn leaps(plan: &Plan) -> bool {
    plan.observations.chunks_exact(2).any(|at| pads::apart([at[0], at[1]], pads::EXITS[0]) < 0.5)
}

#[test]
fn a_gamble_is_worth_what_is_earned_by_going_on_from_where_it_leads() {
    const SEEDS: u64 = 8;
    const SAMPLES: usize = 256;
    let lost = 130.0;
    let plans = pads(0..SEEDS, SAMPLES, lost, true);
    assert!(plans.iter().all(leaps), "lost is not so bad");
    let plan = &plans[0];
    let arrival = plan.arrival.unwrap();
    let before = plan.observations.chunks_exact(2).position(|at| at[0] > 20.0).unwrap();
    let support = Arc::new(pads::support());
    let ways = Ways::to(&support, &pads::TO).unwrap();
    let rest = ways.length(&pads::EXITS[1]).unwrap() - pads::RADIUS;
    assert!(rest > 90.0 && rest < lost - 20.0, "{rest}: round the square");
    let leapt = (before + 1) as f64;
    let worth = [-((arrival + 1) as f64), -(leapt + rest), -(leapt + lost)];
    let chances: Vec<f64> = plans.iter().map(|plan| outlook(plan).chance.unwrap()).collect();
    let draws = SEEDS as f64 * SAMPLES as f64;
    let third = chances.iter().sum::<f64>() / SEEDS as f64;
    assert!((third - 1.0 / 3.0).abs() < 3.0 * (2.0 / 9.0 / draws).sqrt(), "{third}");
    for outlook in plans.iter().map(outlook) {
        let chance = outlook.chance.unwrap();
        assert!((chance - 1.0 / 3.0).abs() < 3.0 * (2.0f64 / 9.0 / SAMPLES as f64).sqrt(), "{chance}");
        let want = worth.iter().sum::<f64>() / 3.0;
        let error = outlook.spread / (SAMPLES as f64).sqrt();
        assert!((outlook.mean - want).abs() < 3.0 * error + 0.5, "{} +- {error}, {want}", outlook.mean);
    }
}

#[test]
fn who_may_be_lost_for_good_goes_round() {
    let (own, judged) = (pads(0..40, 16, 1e4, false), pads(0..40, 16, 1e4, true));
    assert!(own.iter().all(leaps), "by its own value nothing is better than a leap");
    assert!(!judged.iter().any(leaps));
    for (plan, outlook) in judged.iter().map(|plan| (plan, outlook(plan))) {
        assert_eq!((outlook.chance, outlook.spread), (Some(1.0), 0.0), "nothing is left to chance");
        // The way's length at the pace of the data, to a leg's end and from there.
        assert!((90.0..=112.0).contains(&-outlook.mean), "{}", outlook.mean);
        assert!(plan.frames > 60 && plan.arrival.is_some());
    }
}

#[test]
fn one_outcome_is_as_good_as_a_guess() {
    let plans = pads(0..300, 1, 1e4, true);
    let taken = share(&plans, leaps);
    // The one that leads close to the goal, of three.
    assert!((taken - 1.0 / 3.0).abs() < 3.0 * (2.0f64 / 9.0 / 300.0).sqrt(), "{taken}");
}

#[test]
fn plans_do_not_depend_on_what_is_planned_beside_them() {
    // Some leap and some go round, some begin elsewhere, and one is for another goal.
    let (task, near) = (pads::goal(), GoalTask::new(&[0, 1], &[-12.0, 0.0], pads::RADIUS));
    let mut config = judged(pads::config(), 4, 1.0);
    config.monte_carlo.lost = 150.0;
    let mut planner = pads::planner(&pads::EXITS, false, config);
    let mut requests: Vec<Request<'_>> = (0..12).map(|seed| Request::new(&[0.0, 0.0], &task, seed)).collect();
    requests.push(Request::new(&[2.0, 0.5], &task, 3));
    requests.push(Request::new(&[0.0, 0.0], &near, 3));
    requests.push(Request::new(&pads::EXITS[2], &task, 3));
    let together = planner.plan(&requests, true).unwrap();
    let found = share(&together[..12], leaps);
    assert!(found > 0.0 && found < 1.0, "{found}: not all are the same");
    assert_eq!(planner.plan(&requests, true).unwrap(), together, "asked again");
    for (request, plan) in requests.iter().zip(&together) {
        assert!(!outlook(plan).outcomes.is_empty());
        assert_eq!(planner.plan(&[*request], true).unwrap().first(), Some(plan));
    }
    let alone = |seeds: std::ops::Range<u64>| {
        let task = ScoreTask(payoff);
        let requests: Vec<Request<'_>> = seeds.map(|seed| Request::new(&[0.0], &task, seed)).collect();
        let config = judged(gambling::config(5, 0.0), 16, 1.0);
        gambling::planner(&CASES, config).plan(&requests, true).unwrap()
    };
    let together = alone(0..20);
    (0..20).zip(&together).for_each(|(seed, plan)| assert_eq!(&alone(seed..seed + 1)[0], plan));
}

#[test]
fn an_outlook_says_what_came_out() {
    let task = pads::goal();
    let mut config = judged(pads::config(), 32, 1.0);
    config.monte_carlo.lost = 100.0;
    let plan = pads::planner(&pads::EXITS, false, config)
        .plan(&[Request::new(&[0.0, 0.0], &task, 1)], true)
        .unwrap()
        .remove(0);
    let Outlook { outcomes, chance, .. } = outlook(&plan);
    let leap = plan.observations.chunks_exact(2).position(|at| at[0] > 20.0).unwrap();
    let leapt: Vec<[f64; 2]> = outcomes
        .iter()
        .filter(|outcome| outcome.first_frame == leap)
        .map(|outcome| outcome.observations.as_slice().try_into().unwrap())
        .collect();
    assert_eq!(leapt.len(), 32);
    let to = |exit| leapt.iter().filter(|at| pads::apart(**at, exit) < 0.5).count();
    let counts = pads::EXITS.map(to);
    assert_eq!(counts.iter().sum::<usize>(), 32, "{counts:?}");
    assert_eq!(chance.unwrap(), counts[0] as f64 / 32.0);
}

/// Where nothing is left to chance, plans are what they say of themselves, and of two that are as good the same is kept.
#[test]
fn without_chance_the_choice_is_that_by_a_plans_own_value() {
    let task = pads::goal();
    for (hasty, goal) in [(false, task.clone()), (true, GoalTask::new(&[0, 1], &[-12.0, 0.0], 1.5))] {
        let plans = |select: bool| {
            let mut config = pads::config();
            config.rank.candidates = 4;
            (config.monte_carlo.select, config.monte_carlo.samples) = (select, 4);
            let requests: Vec<Request<'_>> =
                (0..24).map(|seed| Request::new(&[0.0, 0.0], &goal, seed)).collect();
            // The pad leads to one place.
            pads::planner(&pads::EXITS[..1], hasty, config).plan(&requests, false).unwrap()
        };
        let (own, judged) = (plans(false), plans(true));
        let manners = share(&own, |plan| plan.actions[2] > 0.0);
        assert!(manners > if hasty { 0.8 } else { 0.2 }, "{manners}");
        for (own, judged) in own.into_iter().zip(judged) {
            let outlook = outlook(&judged);
            assert_eq!((outlook.chance, outlook.spread), (Some(1.0), 0.0));
            assert_eq!(outlook.mean, -((own.arrival.unwrap() + 1) as f64));
            assert_eq!(leaps(&own), !hasty);
            assert_eq!(Plan { outlook: None, ..judged }, own);
        }
    }
}

#[test]
fn settings_by_which_nothing_can_be_chosen_are_refused_and_the_old_ones_stay() {
    let config = judged(gambling::config(2, 0.0), 8, 0.5);
    let mut planner = gambling::planner(&CASES, config.clone());
    let with = |change: &dyn Fn(&mut MonteCarloConfig)| {
        let mut bad = config.clone();
        change(&mut bad.monte_carlo);
        bad
    };
    for (setting, remedy, bad) in [
        ("plan.monte_carlo.samples", "select = false", with(&|c| c.samples = 0)),
        ("plan.monte_carlo.samples", "between 1 and", with(&|c| c.samples = usize::MAX)),
        ("plan.monte_carlo.risk", "above 0", with(&|c| c.risk = 0.0)),
        ("plan.monte_carlo.risk", "up to 1", with(&|c| c.risk = 1.5)),
        ("plan.monte_carlo.risk", "above 0", with(&|c| c.risk = f64::NAN)),
        ("plan.monte_carlo.risk", "samples to 10", with(&|c| c.risk = 0.1)),
        ("plan.monte_carlo.steps", "between 1 and", with(&|c| c.steps = 0)),
        ("plan.monte_carlo.lost", "zero or a positive", with(&|c| c.lost = -1.0)),
        ("plan.monte_carlo.lost", "zero or a positive", with(&|c| c.lost = f64::NAN)),
    ] {
        let error = planner.set_config(bad).unwrap_err();
        assert!(matches!(error, PlannerError::Setting { name, .. } if name == setting), "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
        assert_eq!(planner.config(), &config);
    }
    // One noise level for decisions and outcomes.
    let old = gambling::config(1, 0.0);
    let mut planner = of(Box::new(common::GaussianDenoiser::new(1, &schedule(1000), 1)), old.clone());
    let error = planner.set_config(judged(old.clone(), 8, 1.0)).unwrap_err();
    assert!(matches!(error, PlannerError::Setting { name: "plan.monte_carlo.select", .. }), "{error}");
    assert!(error.to_string().contains("train again") && planner.config() == &old);
}

/// A planner in normalised units.
fn of(denoiser: Box<dyn Denoiser>, config: PlanConfig) -> DiffusionPlanner {
    let plain =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: plain(2), action: plain(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    DiffusionPlanner::new(denoiser, schedule(1000), normalizer, limits, config, None).unwrap()
}

#[test]
fn threads_do_not_change_the_choice() {
    let task = ScoreTask(payoff);
    let requests: Vec<Request<'_>> = (0..3).map(|seed| Request::new(&[0.3, -0.2], &task, seed)).collect();
    let plans = [1, 2, 3].map(|threads| {
        let layout = TokenLayout { level_blocks: 1, condition: vec![], ..layout(3) };
        let config = judged(gambling::config(4, 0.0), 4, 0.5);
        of(Box::new(engine(&layout, threads)), config).plan(&requests, true).unwrap()
    });
    assert_eq!(plans[0], plans[1]);
    assert_eq!(plans[0], plans[2]);
    assert!(plans[0].iter().all(|plan| outlook(plan).spread > 0.0 && outlook(plan).outcomes.len() == 4));
}

/// A small network of random weights.
fn engine(layout: &TokenLayout, threads: usize) -> EngineDenoiser {
    let config = NetworkConfig {
        kind: NetworkKind::Transformer,
        width: 16,
        layers: 2,
        heads: 2,
        fourier_features: 2,
        causal: false,
        ..NetworkConfig::default()
    };
    let device = burn::tensor::Device::flex();
    let parameters = ParameterLayout::of(&Network::new(&config, layout, 3, &device).unwrap());
    let mut drawn = vec![0.0; parameters.len()];
    random::fill_normal(&mut random::stream(8, &[1]), &mut drawn);
    let weights: Vec<f32> = parameters.draw(3).iter().zip(drawn).map(|(w, z)| w + 0.15 * z as f32).collect();
    let dynamics = LocalDynamics::persistence(layout);
    let target = Target::X0;
    let preconditioning = Preconditioning::new(layout, &schedule(1000), target, 2, Some(&dynamics)).unwrap();
    EngineDenoiser::new(&parameters, &weights, &config, preconditioning, threads).unwrap()
}
