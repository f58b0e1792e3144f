//! What a learned policy would earn, from data alone, and whether to believe it.

mod verdict;

use std::sync::Arc;

use forethought_envs::{BoxSpace, EnvSpec, GoalTask, Policy, SharedTask, Start, make};
use forethought_policies::PolicyError;
use forethought_policies::learned::{DIFFUSION_QL, LearnedPolicy};
use forethought_policies::off_policy::{
    BehaviourConfig, Bootstrap, Criterion, DR, Diagnosis, Estimate, EvaluationConfig, FourierConfig,
    GaussianPolicy, LINEAR_FQE, Logged, LoggedEpisode, NETWORK_FQE, NetworkFqeConfig, OfPolicy, PDIS,
    StochasticPolicy, WDR, WIS, WPDIS, estimate_of_mean, evaluate, fit_behaviour, network_fqe, outside_share,
};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::failure::Failure;
use crate::resolve::unknown;

/// Methods by the names that are typed; those that need a density last.
pub const METHODS: [(&str, &str); 7] = [
    ("fqe", LINEAR_FQE),
    ("fqe-networks", NETWORK_FQE),
    ("wis", WIS),
    ("pdis", PDIS),
    ("wpdis", WPDIS),
    ("dr", DR),
    ("wdr", WDR),
];
/// Rows that are used unless episodes are counted: arrays of 200 features take half a gigabyte then.
const ROWS: usize = 50_000;
/// Name of what acted in the data.
const BEHAVIOUR: &str = "what acted in the data";

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Discount and horizon.
    pub criterion: Criterion,
    /// Methods, as typed; the usual ones where there are none.
    pub methods: Vec<String>,
    /// Noise on actions, as a share of half their range.
    pub noise: Option<f64>,
    /// Goal that the policy is told.
    pub goal: Option<Vec<f64>>,
    /// Episodes to be used.
    pub episodes: Option<usize>,
    /// Seed of all draws.
    pub seed: u64,
}

/// One method's answer.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Value, interval and what it stands on.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Why not to trust it.
    pub warning: Option<String>,
}

/// All answers.
#[derive(Clone, Debug, Serialize)]
pub struct Valued {
    /// Environment.
    pub environment: String,
    /// Policy's name.
    pub policy: String,
    /// Discount of a step.
    pub discount: f64,
    /// Steps that count; all where there is none.
    pub horizon: Option<usize>,
    /// Noise on its actions.
    pub noise: Option<f64>,
    /// Episodes used, and their rows.
    pub episodes: usize,
    /// Rows used.
    pub rows: usize,
    /// Rows that there are.
    pub of_rows: usize,
    /// What the data's own episodes earned, where as many steps of them are known.
    pub behaviour: Option<Estimate>,
    /// One for each method.
    pub estimates: Vec<Told>,
    /// Methods that have no value on these data.
    pub without_value: Vec<String>,
    /// What to make of it, in a sentence or two.
    pub verdict: String,
}

/// Refuses methods that there are not, and those that the policy has no density for.
fn methods(asked: &Asked, policy: &str) -> Result<Vec<&'static str>, Failure> {
    let dense = |name: &str| !name.starts_with("fqe");
    let known = METHODS.map(|(typed, _)| typed);
    for typed in &asked.methods {
        if !known.contains(&typed.as_str()) {
            return Err(unknown("--method", "method", typed, &known));
        }
        if dense(typed) && asked.noise.is_none() && policy != DIFFUSION_QL {
            return Err(Failure::refused(format!(
                "--method {typed}: `{policy}` acts without chance, so that there is no density to weigh the data by: give it some \
                 with --noise 0.1 (a share of half its range), or ask for fqe"
            )));
        }
    }
    if policy == DIFFUSION_QL && (asked.noise.is_some() || asked.methods.iter().any(|typed| dense(typed))) {
        return Err(Failure::refused(format!(
            "`{policy}` draws its actions, and what it draws has no density that is known: leave --noise out, and ask for --method fqe"
        )));
    }
    let usual = |typed: &str| typed == "fqe" || (dense(typed) && asked.noise.is_some());
    let wanted = |typed: &str| match asked.methods.as_slice() {
        [] => usual(typed),
        named => named.iter().any(|name| name == typed),
    };
    Ok(METHODS.iter().filter(|(typed, _)| wanted(typed)).map(|(_, name)| *name).collect())
}

/// Values `policy` from the episodes of `all`, recorded in an environment like `spec`.
///
/// # Errors
/// [`Failure`] for what is out of range, for methods that this policy or these data do not allow, and for a goal that is
/// missing.
pub fn value(all: &Logged, policy: LearnedPolicy, spec: &EnvSpec, asked: &Asked) -> Result<Valued, Failure> {
    let name = policy.manifest().policy.clone();
    let methods = methods(asked, &name)?;
    asked.criterion.check()?;
    let task = task(&policy, spec, asked.goal.as_deref())?;
    let logged = drawn(all, asked)?;
    let (criterion, seed, space) = (&asked.criterion, asked.seed, &spec.action);
    let config = EvaluationConfig {
        seed,
        features: FourierConfig { seed, ..FourierConfig::default() },
        bootstrap: Bootstrap { seed, ..Bootstrap::default() },
        ..EvaluationConfig::default()
    };
    let mut behaviour = fit_behaviour(&logged, &BehaviourConfig { seed, ..BehaviourConfig::default() })?;
    let mut target = target(policy, &task, space, asked.noise)?;
    let ratios = methods.iter().any(|method| ![LINEAR_FQE, NETWORK_FQE].contains(method));
    let mut found = match ratios {
        true => evaluate(&logged, space, &mut behaviour, target.as_mut(), criterion, &config)?,
        false if methods.contains(&LINEAR_FQE) => evaluate(
            &logged,
            space,
            &mut behaviour,
            &mut WithoutDensity(target.as_mut()),
            criterion,
            &config,
        )?,
        false => Vec::new(),
    };
    if methods.contains(&NETWORK_FQE) {
        let actions = logged.sample_actions(target.as_mut(), config.samples, seed)?;
        let of_networks = NetworkFqeConfig { seed, ..NetworkFqeConfig::default() };
        let mut estimate = network_fqe(&logged, &actions, config.samples, criterion, &of_networks)?.0;
        estimate.diagnosis.outside_share = outside_share(&logged, &mut behaviour, &actions, config.samples)?;
        found.push(estimate);
    }
    let of = |method: &&str| found.iter().find(|estimate| estimate.method == **method);
    let bounds = possible(&logged.rewards, criterion);
    let told = |estimate: &Estimate| Told {
        warning: estimate.diagnosis.warning().or_else(|| impossible(estimate, bounds)),
        estimate: estimate.clone(),
    };
    let estimates: Vec<Told> = methods.iter().filter_map(|method| of(method).map(told)).collect();
    let behaviour = earned(&logged, criterion, &config.bootstrap)?;
    let verdict = verdict::verdict(&estimates, behaviour.as_ref());
    Ok(Valued {
        environment: spec.id.clone(),
        policy: name,
        discount: criterion.discount,
        horizon: criterion.horizon,
        noise: asked.noise,
        episodes: logged.episodes.len(),
        rows: logged.len(),
        of_rows: all.len(),
        behaviour,
        without_value: methods
            .iter()
            .filter(|method| of(method).is_none())
            .map(|one| (*one).to_owned())
            .collect(),
        estimates,
        verdict,
    })
}

/// The policy as it is evaluated: with noise where some is asked for.
fn target(
    mut policy: LearnedPolicy,
    task: &SharedTask,
    space: &BoxSpace,
    noise: Option<f64>,
) -> Result<Box<dyn StochasticPolicy>, Failure> {
    let Some(noise) = noise else { return Ok(Box::new(OfPolicy::new(policy, task.clone()))) };
    let half = |(low, high): (&f64, &f64)| noise * 0.5 * (high - low);
    let deviation: Vec<f64> = space.low().iter().zip(space.high()).map(half).collect();
    if !deviation.iter().all(|value| value.is_finite() && *value > 0.0) {
        return Err(Failure::refused(format!(
            "--noise is {noise}: give a positive share, 0.1 say, for actions that have bounds"
        )));
    }
    policy.reset(0, task)?;
    let mean = move |observation: &[f64], action: &mut [f64]| {
        Ok::<(), PolicyError>(policy.act(observation, action)?)
    };
    Ok(Box::new(GaussianPolicy::new(mean, &deviation)?))
}

/// What the policy is told to be for.
fn task(policy: &LearnedPolicy, spec: &EnvSpec, goal: Option<&[f64]>) -> Result<SharedTask, Failure> {
    let (name, entries) = (&policy.manifest().policy, &policy.manifest().goal_entries);
    match (entries.as_slice(), goal) {
        ([], Some(_)) => Err(Failure::refused(format!("--goal: `{name}` acts without goals: leave it out"))),
        ([], None) => Ok(Arc::new(GoalTask::new(&[], &[], 0.0))),
        (entries, Some(goal)) if goal.len() != entries.len() => Err(Failure::refused(format!(
            "--goal has {} numbers, and goals of `{name}` have {}",
            goal.len(),
            entries.len()
        ))),
        (entries, Some(goal)) => Ok(Arc::new(GoalTask::new(entries, goal, 0.0))),
        (_, None) => only_goal(spec).ok_or_else(|| {
            Failure::refused(format!(
                "`{name}` acts towards goals, and those of `{}` differ from episode to episode: say with --goal which one the \
                 rewards of the data are for",
                spec.id
            ))
        }),
    }
}

/// The task of an environment all of whose episodes have the same goal.
fn only_goal(spec: &EnvSpec) -> Option<SharedTask> {
    const TRIED: u64 = 8;
    let mut environment = make(&spec.id).ok()?;
    let mut of = |seed: u64| -> Option<(Vec<f64>, SharedTask)> {
        environment.reset(&Start::seed(seed)).ok()?;
        let task = environment.task();
        let values = task.condition()?.values.to_vec();
        Some((values, task))
    };
    let (first, task) = of(0)?;
    (1..TRIED).all(|seed| of(seed).is_some_and(|(values, _)| values == first)).then_some(task)
}

/// The episodes that are used, in the data's order.
fn drawn(all: &Logged, asked: &Asked) -> Result<Logged, Failure> {
    let mut order: Vec<usize> = (0..all.episodes.len()).collect();
    if asked.episodes.is_some_and(|count| count < 2) {
        return Err(Failure::refused("--episodes: an interval needs at least 2"));
    }
    let enough = asked.episodes.map_or(all.len() <= ROWS, |count| count >= order.len());
    if enough {
        return Ok(all.clone());
    }
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(asked.seed));
    let mut rows = 0;
    let mut chosen: Vec<usize> = order
        .into_iter()
        .enumerate()
        .take_while(|(number, episode)| {
            rows += all.episodes.get(*episode).map_or(0, |episode| episode.rows.len());
            // Two at least, as one says nothing of how far they spread.
            asked.episodes.map_or(*number < 2 || rows <= ROWS, |count| *number < count)
        })
        .map(|(_, episode)| episode)
        .collect();
    chosen.sort_unstable();
    let mut logged = empty(all);
    for episode in chosen.iter().filter_map(|&episode| all.episodes.get(episode)) {
        let first = logged.rewards.len();
        for row in episode.rows.clone() {
            logged.observations.extend_from_slice(all.observation(row));
            logged.actions.extend_from_slice(all.action(row));
            logged.rewards.extend(all.rewards.get(row));
        }
        logged.episodes.push(LoggedEpisode { rows: first..logged.rewards.len(), terminal: episode.terminal });
    }
    Ok(logged)
}

/// No episodes, of the same sizes.
fn empty(of: &Logged) -> Logged {
    let (observation_dim, action_dim) = (of.observation_dim, of.action_dim);
    let (observations, actions, rewards, episodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Logged { observation_dim, action_dim, observations, actions, rewards, episodes }
}

/// What an episode can earn at least and at most where a step earns what some step of the data earned, and nothing once it has ended.
fn possible(rewards: &[f64], criterion: &Criterion) -> [f64; 2] {
    let Criterion { discount, horizon } = *criterion;
    let all = 1.0 / (1.0 - discount);
    let steps = match horizon {
        Some(horizon) if discount >= 1.0 => horizon as f64,
        Some(horizon) => all * (1.0 - discount.powf(horizon as f64)),
        None => all,
    };
    rewards.iter().fold([0.0_f64; 2], |[low, high], r| [low.min(*r), high.max(*r)]).map(|most| most * steps)
}

/// Why a value is not to be believed whatever the data are like: fitted values follow their features beyond what there is to earn.
fn impossible(estimate: &Estimate, [low, high]: [f64; 2]) -> Option<String> {
    // A thousandth of the range is rounding.
    let slack = (1e-3 * (high - low)).max(1e-6);
    let out = estimate.value < low - slack || estimate.value > high + slack;
    out.then(|| {
        format!(
            "Do not rely on this: {} is {:.3}, and rewards like those of the data add up to {low:.3} at least and {high:.3} at most; evaluate \
             over fewer steps, or collect data with a policy nearer to this one.",
            estimate.method, estimate.value
        )
    })
}

/// What the data's own episodes earned, of those that are known as far as asked; `None` for fewer than two.
fn earned(
    logged: &Logged,
    criterion: &Criterion,
    bootstrap: &Bootstrap,
) -> Result<Option<Estimate>, PolicyError> {
    let horizon = criterion.horizon.unwrap_or(usize::MAX);
    // Of those that end by themselves alone the mean would be that of another kind of episode.
    if !logged.episodes.iter().all(|episode| episode.terminal || episode.rows.len() >= horizon) {
        return Ok(None);
    }
    let of = |episode: &LoggedEpisode| -> f64 {
        let rewards = logged.rewards.get(episode.rows.clone()).unwrap_or_default();
        rewards.iter().take(horizon).rev().fold(0.0, |rest, reward| reward + criterion.discount * rest)
    };
    let returns: Vec<f64> = logged.episodes.iter().map(of).collect();
    if returns.len() < 2 {
        return Ok(None);
    }
    estimate_of_mean(BEHAVIOUR, Diagnosis::default(), &returns, bootstrap).map(Some)
}

/// A policy whose density is not asked for, so that nothing is weighed by it.
struct WithoutDensity<'a>(&'a mut dyn StochasticPolicy);

impl StochasticPolicy for WithoutDensity<'_> {
    fn begin(&mut self, seed: u64) -> Result<(), PolicyError> {
        self.0.begin(seed)
    }

    fn sample(
        &mut self,
        observation: &[f64],
        rng: &mut ChaCha8Rng,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        self.0.sample(observation, rng, action)
    }
}

#[cfg(test)]
mod tests {
    use forethought_policies::off_policy::Interval;

    use super::*;

    #[test]
    fn what_can_be_earned_is_the_sum_of_the_best_and_of_the_worst_steps() {
        for (rewards, discount, horizon, [low, high]) in [
            (vec![0.0, 1.0], 1.0, Some(40), [0.0, 40.0]),
            (vec![-2.0, -1.0], 0.5, None, [-4.0, 0.0]),
            (vec![-1.0, 2.0], 0.5, Some(2), [-1.5, 3.0]),
        ] {
            let found = possible(&rewards, &Criterion { discount, horizon });
            assert!((found[0] - low).abs() < 1e-12 && (found[1] - high).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn a_value_that_no_rewards_add_up_to_is_not_believed() {
        let interval = Interval { low: 0.0, high: 1.0 };
        let of = |value| Estimate { method: "FQE".into(), value, interval, diagnosis: Diagnosis::default() };
        assert!(impossible(&of(-0.5), [0.0, 10.0]).is_some_and(|said| said.contains("-0.500")));
        assert!(impossible(&of(10.5), [0.0, 10.0]).is_some());
        assert!(impossible(&of(10.0), [0.0, 10.0]).is_none());
    }

    #[test]
    fn what_draws_its_actions_is_not_weighed() {
        let of = |methods: &[&str], noise| {
            let methods = methods.iter().map(|one| (*one).to_owned()).collect();
            let criterion = Criterion { discount: 0.9, horizon: Some(2) };
            super::methods(
                &Asked { criterion, methods, noise, goal: None, episodes: None, seed: 0 },
                DIFFUSION_QL,
            )
        };
        assert_eq!(of(&[], None).unwrap(), [LINEAR_FQE]);
        for refused in [of(&[], Some(0.1)), of(&["wis"], None), of(&["wis"], Some(0.1))] {
            assert!(refused.unwrap_err().to_string().contains("no density"));
        }
    }
}
