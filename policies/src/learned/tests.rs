//! Each algorithm on a problem whose answer is known; what is refused; the same seed, the same policy.

use forethought_envs::data::Dataset;
use forethought_envs::{BoxSpace, EnvSpec, GoalTask, NoTask, Policy, SharedTask};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

use super::*;
use crate::PolicyError;

/// One action, in `[-2, 2]`, for one reward: `1 - (a / 2 - 0.4)^2` of actions drawn evenly from `[-1.6, 1.6]`.
fn bandit() -> (Dataset, EnvSpec) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let actions: Vec<f32> = (0..4000).map(|_| 3.2 * rng.random::<f32>() - 1.6).collect();
    let mut data = Dataset::of_rows("bandit", [1, 1], vec![0.5; 4000], actions.clone());
    data.rewards = actions.iter().map(|a| 1.0 - (a / 2.0 - 0.4).powi(2)).collect();
    data.terminals = vec![true; 4000];
    (data, EnvSpec::of_spaces("bandit", BoxSpace::symmetric(1, 1.0), BoxSpace::symmetric(1, 2.0)))
}

/// A point on a line, pushed by 0.1 at most: `x' = x + 0.1 a`, actions drawn evenly, held within `[-1, 1]`.
fn line() -> (Dataset, EnvSpec) {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (mut observations, mut actions, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        let mut x = 2.0 * rng.random::<f32>() - 1.0;
        let mut drift = 0.0;
        for step in 0..50 {
            if step % 10 == 0 {
                drift = 2.0 * rng.random::<f32>() - 1.0;
            }
            let a = (drift + rng.random::<f32>() - 0.5).clamp(-1.0, 1.0);
            observations.push(x);
            actions.push(a);
            ends.push(step == 49);
            x = (x + 0.1 * a).clamp(-1.0, 1.0);
        }
    }
    let mut data = Dataset::of_rows("line", [1, 1], observations, actions);
    data.timeouts = ends;
    let mut spec = EnvSpec::of_spaces("line", BoxSpace::symmetric(1, 1.0), BoxSpace::symmetric(1, 1.0));
    spec.condition = vec![0];
    (data, spec)
}

fn small(name: &str, steps: u64) -> LearnedConfig {
    let mut config = LearnedConfig::of(name);
    (config.train.steps, config.train.batch, config.train.hidden) = (steps, 128, vec![32, 32]);
    (config.train.rate, config.train.target_rate, config.cql.policy_rate) = (2e-3, 0.02, 2e-3);
    config.cql.samples = 4;
    config
}

fn train(
    name: &str,
    data: &Dataset,
    spec: &EnvSpec,
    config: &LearnedConfig,
    threads: usize,
    progress: &mut (dyn FnMut(LearnedProgress<'_>) -> bool + Send),
) -> Result<LearnedPolicy, PolicyError> {
    let mut training = Training::new(name, data, spec, config, threads)?;
    training.run(progress)?;
    Ok(training.policy())
}

fn trained(name: &str, (data, spec): &(Dataset, EnvSpec), config: &LearnedConfig) -> LearnedPolicy {
    train(name, data, spec, config, 1, &mut |_| true).unwrap()
}

fn act(policy: &mut LearnedPolicy, x: f64) -> f64 {
    let mut action = [0.0];
    policy.act(&[x], &mut action).unwrap();
    action[0]
}

#[test]
fn what_pays_most_is_found_where_cloning_finds_the_mean() {
    let problem = bandit();
    let task: SharedTask = Arc::new(NoTask);
    // In the environment's units the best action is 0.8, that of the data 0. TD3+BC's lies between: of
    // `lambda (p - 0.4)^2 + p^2`, with `lambda = alpha / Q` and `Q` nearly 1, the least is at `0.4 lambda / (lambda + 1)`.
    for (name, want, within) in
        [(BC, 0.0, 0.1), (TD3_BC, 0.8 * 5.0 / 6.0, 0.1), (IQL, 0.8, 0.2), (CQL, 0.8, 0.3)]
    {
        let mut config = small(name, if name == TD3_BC { 2000 } else { 800 });
        // Advantages of at most 1 weigh little by themselves: beta is large here.
        (config.iql.beta, config.iql.expectile, config.td3_bc.alpha, config.cql.alpha) =
            (30.0, 0.7, 5.0, 0.2);
        let mut policy = trained(name, &problem, &config);
        policy.reset(0, &task).unwrap();
        let a = act(&mut policy, 0.5);
        assert!((a - want).abs() < within, "{name}: {a}");
    }
}

/// The policy draws: the mean of twenty, each of 50 candidates. The critic weighs much beside the data here.
#[test]
fn a_denoising_policy_draws_what_pays_by_its_seed() {
    let problem = bandit();
    let task: SharedTask = Arc::new(NoTask);
    let mut config = small(DIFFUSION_QL, 800);
    (config.diffusion_ql.eta, config.diffusion_ql.average_after) = (20.0, 0);
    let mut policy = trained(DIFFUSION_QL, &problem, &config);
    let mut draws = |seed: u64| -> Vec<f64> {
        policy.reset(seed, &task).unwrap();
        (0..20).map(|_| act(&mut policy, 0.5)).collect()
    };
    let (first, other) = (draws(1), draws(2));
    assert_eq!(first, draws(1));
    assert_ne!(first, other);
    let mean = first.iter().sum::<f64>() / 20.0;
    assert!((mean - 0.8).abs() < 0.3, "{mean}");
}

/// What the data never did is worth less than what they did, although the reward, continued, would be more.
#[test]
fn conservative_critics_press_down_what_the_data_do_not_hold() {
    let (mut data, spec) = bandit();
    for (a, reward) in data.actions.iter_mut().zip(&mut data.rewards) {
        *a *= 0.5;
        *reward = *a;
    }
    let gap = |alpha: f32| {
        let mut config = small(CQL, 500);
        config.cql.alpha = alpha;
        let scaling = super::transitions::Scaling::fit(CQL, &data, &spec, &config).unwrap();
        let rows = super::transitions::Transitions::new(CQL, &data, &spec, &scaling).unwrap();
        let mut learner = learner(CQL, rows.sizes, &config).unwrap();
        let sampler = super::batch::Sampler::new(rows, &config.goals, 0.99, 128);
        let (mut rng, mut batch) = (ChaCha8Rng::seed_from_u64(0), Batch::default());
        for _ in 0..500 {
            sampler.draw(&mut batch, &mut rng);
            learner.update(&batch, &mut rng).unwrap();
        }
        // Actions by halves: the data go up to 0.4.
        let q = learner.trained()[1].1.outputs(&[0.0, 0.3, 0.0, 1.0]).unwrap();
        q[0] - q[1]
    };
    let (free, conservative) = (gap(0.0), gap(5.0));
    assert!(free < 0.0 && conservative > 0.5, "{free} {conservative}");
}

#[test]
fn goals_on_a_line_are_reached() {
    let problem = line();
    for name in [GCBC, GCIVL, GCIQL, HIQL] {
        let mut config = small(name, 1500);
        (config.hiql.subgoal_steps, config.hiql.representation) = (4, 3);
        (config.train.discount, config.gc.alpha, config.gc.alpha_v) = (0.9, 0.1, 10.0);
        let mut policy = trained(name, &problem, &config);
        for (start, goal) in [(-0.7, 0.7), (0.7, -0.7), (0.0, 0.5), (-0.2, -0.6)] {
            let task: SharedTask = Arc::new(GoalTask::new(&[0], &[goal], 0.1));
            policy.reset(0, &task).unwrap();
            let mut x: f64 = start;
            // Cloning drifts as the data do, and takes longer.
            let reached = (0..60).any(|_| {
                x = (x + 0.1 * act(&mut policy, x)).clamp(-1.0, 1.0);
                (x - goal).abs() < 0.1
            });
            assert!(reached, "{name}: from {start} to {goal}, at {x}");
        }
    }
}

/// `V = -(1 - gamma^d) / (1 - gamma)`, where `d` steps are needed. Values of an expectile lie below, as the data seldom do their
/// best.
#[test]
fn goal_values_count_the_steps_to_go() {
    let (data, spec) = line();
    for name in [GCIVL, GCIQL] {
        let mut config = small(name, 1500);
        config.train.discount = 0.9;
        let scaling = super::transitions::Scaling::fit(name, &data, &spec, &config).unwrap();
        let rows = super::transitions::Transitions::new(name, &data, &spec, &scaling).unwrap();
        let mut learner = learner(name, rows.sizes, &config).unwrap();
        let sampler = super::batch::Sampler::new(rows, &config.goals, 0.9, 128);
        let (mut rng, mut batch) = (ChaCha8Rng::seed_from_u64(0), Batch::default());
        for _ in 0..1500 {
            sampler.draw(&mut batch, &mut rng);
            learner.update(&batch, &mut rng).unwrap();
        }
        let mut value = |x: f64, goal: f64| {
            let mut input = Vec::new();
            scaling.observation([x].into_iter(), &mut input);
            scaling.entries(&[0], &[goal], &mut input);
            f64::from(learner.trained()[1].1.outputs(&input).unwrap()[0])
        };
        let steps = |d: i32| -(1.0 - 0.9_f64.powi(d)) / (1.0 - 0.9);
        let (near, middle, far) = (value(0.0, 0.1), value(-0.1, 0.4), value(-0.7, 0.7));
        assert!(near > middle + 0.5 && middle > far + 0.5, "{name}: {near} {middle} {far}");
        assert!(far < steps(10) && far > steps(60) - 0.5, "{name}: {far}");
        assert!(near > steps(8) && near < steps(1) + 0.7, "{name}: {near}");
    }
}

#[test]
fn the_same_seed_is_the_same_policy_on_any_number_of_threads() {
    let (data, spec) = line();
    for name in [GCIQL, CQL] {
        let mut config = small(name, 5);
        config.train.batch = 300;
        let with = |config: &LearnedConfig, threads| {
            train(name, &data, &spec, config, threads, &mut |_| true).unwrap().actor.parameters().to_vec()
        };
        let first = with(&config, 1);
        assert!(with(&config, 3) == first, "{name}");
        config.train.seed = 1;
        assert!(with(&config, 1) != first, "{name}");
    }
}

#[test]
fn training_stops_when_told_and_says_what_diverges() {
    let (mut data, spec) = bandit();
    let mut told = 0;
    let policy = train(BC, &data, &spec, &small(BC, 100), 1, &mut |now| {
        told = now.step;
        now.step < 7 && !now.losses.is_empty()
    });
    assert_eq!((policy.unwrap().manifest().steps, told), (7, 7));
    data.rewards[0] = f32::MAX;
    data.rewards[1] = f32::MAX;
    let mut config = small(IQL, 500);
    config.train.rate = 0.5;
    let error = train(IQL, &data, &spec, &config, 1, &mut |_| true).unwrap_err();
    assert!(matches!(error, PolicyError::Diverged { .. }), "{error}");
}

#[test]
fn saved_policies_come_back_or_are_refused_by_name() {
    let (data, spec) = line();
    let mut policy = trained(GCBC, &(data.clone(), spec.clone()), &small(GCBC, 3));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("policy");
    policy.save(&folder).unwrap();
    let mut read = LearnedPolicy::load(&folder, &spec).unwrap();
    let task: SharedTask = Arc::new(GoalTask::new(&[0], &[0.5], 0.1));
    policy.reset(0, &task).unwrap();
    read.reset(7, &task).unwrap();
    assert_eq!((act(&mut policy, 0.2), read.name()), (act(&mut read.clone(), 0.2), "gcbc"));
    assert!(read.reset(0, &(Arc::new(NoTask) as SharedTask)).unwrap_err().to_string().contains("goals"));
    assert!(read.act(&[f64::NAN], &mut [0.0]).is_err() && read.act(&[0.0; 2], &mut [0.0]).is_err());
    let taken = policy.save(&folder).unwrap_err().to_string();
    assert!(taken.contains("there is a policy already"), "{taken}");
    let refused = |spec: &EnvSpec| LearnedPolicy::load(&folder, spec).unwrap_err().to_string();
    let other = refused(&EnvSpec { id: "other".into(), ..spec.clone() });
    assert!(
        other.contains("`gcbc` cannot act in `other`") && other.contains("trained for `line`"),
        "{other}"
    );
    // Every damage is found: a bit of the weights, a version to come, a key that is not known.
    let weights = folder.join("actor.safetensors");
    let (text, bytes) =
        (std::fs::read_to_string(folder.join("policy.json")).unwrap(), std::fs::read(&weights).unwrap());
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, flipped).unwrap();
    assert!(refused(&spec).contains("actor.safetensors: its SHA-256"), "{}", refused(&spec));
    std::fs::remove_file(&weights).unwrap();
    assert!(refused(&spec).contains("restore it or train again"));
    std::fs::write(&weights, bytes).unwrap();
    for (from, to, said) in [
        ("\"format\": 3", "\"format\": 4", "its format is 4"),
        ("\"policy\": \"gcbc\"", "\"policy\": \"gcbd\"", "its policy is `gcbd`"),
        ("\"steps\": 3", "\"stops\": 3", "unknown field `stops`"),
        ("\"goal_entries\": [\n    0", "\"goal_entries\": [\n    4", "goal entries"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(folder.join("policy.json"), text.replace(from, to)).unwrap();
        assert!(refused(&spec).contains(said), "{said}: {}", refused(&spec));
    }
    // An earlier version's is the same, or holds less.
    let earlier: Vec<&str> = text.lines().filter(|line| !line.contains("data_sha256")).collect();
    let earlier = earlier.join("\n").replace("\"format\": 3", "\"format\": 2");
    for text in [earlier, text] {
        std::fs::write(folder.join("policy.json"), text).unwrap();
        assert!(LearnedPolicy::load(&folder, &spec).is_ok());
    }
    assert!(LearnedPolicy::load(home.path(), &spec).unwrap_err().to_string().contains("train --policy"));
}

/// Those that ask more than one network to act.
#[test]
fn policies_of_several_networks_come_back_whole_or_not_at_all() {
    let home = tempfile::tempdir().unwrap();
    let goal: SharedTask = Arc::new(GoalTask::new(&[0], &[0.5], 0.1));
    for (name, problem, task, part) in
        [(HIQL, line(), goal, "high"), (DIFFUSION_QL, bandit(), Arc::new(NoTask) as SharedTask, "critic-2")]
    {
        let folder = home.path().join(name);
        let mut policy = trained(name, &problem, &small(name, 3));
        policy.save(&folder).unwrap();
        let mut read = LearnedPolicy::load(&folder, &problem.1).unwrap();
        policy.reset(3, &task).unwrap();
        read.reset(3, &task).unwrap();
        for _ in 0..5 {
            assert_eq!(act(&mut policy, 0.2), act(&mut read, 0.2), "{name}");
        }
        let path = folder.join("policy.json");
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, said) in [
            (format!("\"{part}\": {{"), format!("\"{part}x\": {{"), "its networks are not those"),
            (format!("\"policy\": \"{name}\""), "\"policy\": \"cql\"".into(), "it"),
            ("\"denoising_steps\": 5".into(), "\"denoising_steps\": 0".into(), "denoising_steps"),
            ("\"representation\": 10".into(), "\"representation\": 11".into(), "numbers, where"),
        ] {
            // The settings of the other are there, and are not its own.
            let own = [DIFFUSION_QL, HIQL].iter().position(|other| *other == name).unwrap();
            if (said == "denoising_steps" && own == 1) || (said == "numbers, where" && own == 0) {
                continue;
            }
            assert!(text.contains(&from), "{from}");
            std::fs::write(&path, text.replace(&from, &to)).unwrap();
            let message = LearnedPolicy::load(&folder, &problem.1).unwrap_err().to_string();
            assert!(message.contains(said), "{name}, {said}: {message}");
        }
    }
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let (data, spec) = bandit();
    let refused = |name: &str, data: &Dataset, spec: &EnvSpec, change: &dyn Fn(&mut LearnedConfig)| {
        let mut config = small(name, 1);
        change(&mut config);
        train(name, data, spec, &config, 1, &mut |_| true).unwrap_err().to_string()
    };
    assert!(refused("gcigl", &data, &spec, &|_| {}).contains("did you mean `gciql`?"));
    assert!(refused(GCIQL, &data, &spec, &|_| {}).contains("no goal that could be shown"));
    let wide = EnvSpec::of_spaces("wide", BoxSpace::symmetric(2, 1.0), BoxSpace::symmetric(1, 1.0));
    assert!(refused(BC, &data, &wide, &|_| {}).contains("observations of 1"));
    for (key, change) in [
        ("train.batch", (|config| config.train.batch = 0) as fn(&mut LearnedConfig)),
        ("train.hidden", |config| config.train.hidden.clear()),
        ("train.rate", |config| config.train.rate = f32::NAN),
        ("train.discount", |config| config.train.discount = 1.0),
        ("goals.value_*", |config| config.goals.value_current = 0.9),
        ("iql.expectile", |config| config.iql.expectile = 1.5),
    ] {
        let text = refused(IQL, &data, &spec, &change);
        assert!(text.contains(&format!("setting `{key}`")), "{text}");
    }
}

/// Networks of a policy, name by name, to the bit.
fn bits(policy: &LearnedPolicy) -> Vec<(String, Vec<u32>)> {
    let of = |(name, network): (&str, &crate::perceptron::Mlp)| {
        (name.to_owned(), network.parameters().iter().map(|parameter| parameter.to_bits()).collect())
    };
    policy.networks().into_iter().map(of).collect()
}

#[test]
fn a_training_that_was_stopped_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    for name in LEARNED_POLICIES {
        let (data, spec) = if has_goal(name) { line() } else { bandit() };
        let mut config = small(name, 9);
        // Everything that a step changes has to have changed before the stop, and again after it.
        (config.td3_bc.delay, config.diffusion_ql.average_after, config.diffusion_ql.average_every) =
            (2, 1, 2);
        config.train.batch = 16;
        let whole = trained(name, &(data.clone(), spec.clone()), &config);
        let at = folder.path().join(name);
        std::fs::create_dir(&at).unwrap();
        let begin = || Training::new(name, &data, &spec, &config, 1).unwrap();
        assert!(!begin().resume(&at).unwrap());
        for stop in [2, 5] {
            let mut training = begin();
            assert_eq!(training.resume(&at).unwrap(), stop > 2);
            training.run(&mut |now| now.step < stop).unwrap();
            assert!(training.steps() == stop && !training.complete());
            training.save(&at).unwrap();
        }
        let mut training = begin();
        assert!(training.resume(&at).unwrap());
        training.run(&mut |_| true).unwrap();
        assert!(training.complete());
        assert!(bits(&training.policy()) == bits(&whole), "{name}");
        assert!(training.policy().manifest() == whole.manifest(), "{name}");
        // What was done in five steps is not what was done in nine.
        let mut five = begin();
        five.resume(&at).unwrap();
        assert!(bits(&five.policy()) != bits(&whole), "{name}");
        Training::forget(&at).unwrap();
        assert!(!begin().resume(&at).unwrap());
    }
}

#[test]
fn a_training_is_not_gone_on_with_as_another_nor_from_damage() {
    let (data, spec) = bandit();
    let folder = tempfile::tempdir().unwrap();
    let config = small(IQL, 5);
    let mut training = Training::new(IQL, &data, &spec, &config, 1).unwrap();
    training.run(&mut |now| now.step < 3).unwrap();
    training.save(folder.path()).unwrap();
    let refused = |name: &str, data: &Dataset, config: &LearnedConfig| {
        let mut other = Training::new(name, data, &spec, config, 1).unwrap();
        other.resume(folder.path()).unwrap_err().to_string()
    };
    let mut other = config.clone();
    (other.train.batch, other.iql.expectile) = (64, 0.8);
    let message = refused(IQL, &data, &other);
    for part in [
        "training.safetensors",
        "settings.train.batch (128 then, 64 now)",
        "settings.iql.expectile",
        "another folder",
    ] {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    // From a larger network, too: what was trained is said before the size is complained of.
    other.train.hidden = vec![4];
    assert!(refused(IQL, &data, &other).contains("settings.train.hidden ([32,32] then, [4] now)"));
    assert!(refused(BC, &data, &small(BC, 5)).contains("policy (iql then, bc now)"));
    assert!(refused(IQL, &data, &small(IQL, 2)).contains("3 steps are done, and 2 are asked for"));
    // Rewards alone are other data.
    let mut other = data.clone();
    other.rewards[7] += 0.5;
    assert!(refused(IQL, &other, &config).contains("other data"));
    // More steps are the same training.
    let longer = small(IQL, 50);
    assert!(Training::new(IQL, &data, &spec, &longer, 1).unwrap().resume(folder.path()).unwrap());
    let path = folder.path().join("training.safetensors");
    let sound = std::fs::read(&path).unwrap();
    let mut flipped = sound.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    // Another place among the draws, in a header of the same length.
    let mut moved = sound.clone();
    let draws = b"draws\\\":\\\"";
    let at = moved.windows(draws.len()).position(|window| window == draws).unwrap() + draws.len();
    moved[at] = if moved[at] == b'1' { b'2' } else { b'1' };
    for (bytes, says) in [
        (flipped, "SHA-256"),
        (moved, "SHA-256"),
        (sound[..sound.len() / 2].to_vec(), "not a safetensors file"),
        (Vec::new(), "cut off"),
        ([&sound[..], &vec![0; 2 << 20]].concat(), "at most"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let message = refused(IQL, &data, &config);
        assert!(
            message.contains(says) && message.contains("remove this one to begin anew"),
            "{says}: {message}"
        );
    }
}
