//! The crossing: what an environment promises, that carts go their own ways, and what its references come to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::sync::Arc;

use forethought_envs::crossing::{
    CROSSING, CROSSING_CARTS, CROSSING_EPISODE_STEPS, CROSSING_OBSERVATION, CrossingEnv, CrossingTask,
};
use forethought_envs::{
    EnvError, Environment, FeatureKind, Frames, SharedTask, Simulator, Snapshot, Start, Transition, entry,
    make, policy, resolve, scene,
};

const POLICIES: [&str; 6] =
    ["full-speed", "constant-velocity", "cautious", "sampler", "optimist", "data-driver"];

/// Shares of collisions of the module's documentation: of `full-speed`, `constant-velocity` and `optimist`.
const FULL: f64 = 0.684;
const CV: f64 = 0.130;
const HOPED: f64 = 0.223;

/// What an episode left behind.
struct Episode {
    steps: Vec<Transition>,
    /// Observations after each step.
    seen: Vec<f64>,
    task: SharedTask,
}

impl Episode {
    fn of(name: &str, seed: u64) -> Self {
        let (mut env, mut driver) = (make(CROSSING).unwrap(), policy(CROSSING, name).unwrap());
        env.reset(&Start::seed(seed)).unwrap();
        driver.reset(seed, &env.task()).unwrap();
        let (mut steps, mut seen, mut action) = (Vec::<Transition>::new(), Vec::new(), [0.0; 2]);
        while steps.last().is_none_or(|step| !step.ended()) {
            driver.act(env.observation(), &mut action).unwrap();
            steps.push(env.step(&action).unwrap());
            seen.extend_from_slice(env.observation());
        }
        Self { steps, seen, task: env.task() }
    }

    fn returned(&self) -> f64 {
        self.steps.iter().map(|step| step.reward).sum()
    }

    /// The task's score of the frames is the return, up to rounding in a sum of a hundred numbers.
    fn check_score(&self) {
        let frames = Frames::of_observations(&self.seen, CROSSING_OBSERVATION);
        let (score, returned) = (self.task.score(frames, None), self.returned());
        assert!((score - returned).abs() < 1e-9, "{score} {returned}");
    }

    fn last(&self) -> Transition {
        *self.steps.last().unwrap()
    }
}

/// Whoever drove; and what the environment calls success is what the task calls reached. Of the two that take longest there
/// are 200 more episodes where references are compared.
#[test]
fn the_tasks_score_of_an_episode_is_its_return() {
    let (mut collisions, mut arrivals) = (0, 0);
    for name in POLICIES {
        let count = if matches!(name, "sampler" | "optimist") { 40 } else { 200 };
        for seed in 5000..5000 + count {
            let episode = Episode::of(name, seed);
            episode.check_score();
            let frames: Vec<&[f64]> = episode.seen.chunks(CROSSING_OBSERVATION).collect();
            let last = episode.last();
            assert_eq!(last.success, last.terminated && episode.task.reached(frames[frames.len() - 1]));
            assert!(frames[..frames.len() - 1].iter().all(|frame| !episode.task.reached(frame)));
            collisions += usize::from(last.terminated && !last.success);
            arrivals += usize::from(last.success);
        }
    }
    assert!(collisions > 100 && arrivals > 400, "{collisions} {arrivals}");
}

/// Shares of collisions, and the mean steps of arrivals.
fn measured(name: &str, seeds: std::ops::Range<u64>) -> (f64, f64) {
    let count = (seeds.end - seeds.start) as f64;
    let episodes: Vec<Episode> = seeds.map(|seed| Episode::of(name, seed)).collect();
    episodes.iter().for_each(Episode::check_score);
    let arrived: Vec<usize> =
        episodes.iter().filter(|one| one.last().success).map(|one| one.steps.len()).collect();
    let collided = episodes.iter().filter(|one| one.last().terminated && !one.last().success).count();
    (collided as f64 / count, arrived.iter().sum::<usize>() as f64 / arrived.len() as f64)
}

/// On other seeds than those of the module's table. Bounds are of the table's shares, four standard errors apart.
#[test]
fn references_stand_in_the_order_that_is_documented() {
    let (full, _) = measured("full-speed", 20_000..20_400);
    let (constant, in_steps) = measured("constant-velocity", 20_000..20_400);
    let (sampled, sampled_in) = measured("sampler", 20_000..20_200);
    let (hoped, _) = measured("optimist", 20_000..20_200);
    assert!((full - FULL).abs() < 4.0 * (FULL * (1.0_f64 - FULL) / 400.0).sqrt(), "{full}");
    assert!((constant - CV).abs() < 4.0 * (CV * (1.0_f64 - CV) / 400.0).sqrt(), "{constant}");
    assert!((hoped - HOPED).abs() < 4.0 * (HOPED * (1.0_f64 - HOPED) / 200.0).sqrt(), "{hoped}");
    assert!(sampled < 0.03 && sampled_in < 1.3 * in_steps, "{sampled} {sampled_in} {in_steps}");
    assert!(sampled < constant && constant < full && sampled < hoped);
}

/// Observations of the carts, step by step, as long as the robot lasts.
fn courses(seed: u64, act: impl Fn(usize) -> [f64; 2]) -> Vec<Vec<u64>> {
    let mut env = CrossingEnv::new().unwrap();
    env.reset(&Start::seed(seed)).unwrap();
    let mut all = Vec::new();
    for step in 0..CROSSING_EPISODE_STEPS {
        let ended = env.step(&act(step)).unwrap().ended();
        if ended {
            break;
        }
        all.push(env.observation()[4..10].iter().map(|value| value.to_bits()).collect());
    }
    all
}

#[test]
fn carts_go_their_ways_whatever_the_robot_does() {
    let mut compared = 0;
    for seed in 0..200 {
        let stays = courses(seed, |_| [-1.0, 0.0]);
        let goes = courses(seed, |step| [1.0, if step % 3 == 0 { 0.5 } else { -0.2 }]);
        let both = stays.len().min(goes.len());
        assert_eq!(stays[..both], goes[..both]);
        assert_eq!(stays.len(), CROSSING_EPISODE_STEPS, "nobody comes to the left end");
        compared += both;
    }
    assert!(compared > 2000, "{compared}");
    assert_ne!(courses(0, |_| [-1.0, 0.0]), courses(1, |_| [-1.0, 0.0]));
}

/// A step of chance is one in which a cart's speed changes, or in which it comes to its line and goes on.
#[test]
fn chance_is_where_something_drawn_shows() {
    let (mut changes, mut goings_on) = (0, 0);
    for seed in 0..100 {
        let mut env = CrossingEnv::new().unwrap();
        env.reset(&Start::seed(seed)).unwrap();
        for _ in 0..CROSSING_EPISODE_STEPS {
            let before = env.observation().to_vec();
            let chance = env.step(&[-1.0, 0.0]).unwrap().chance;
            let now = env.observation();
            let changed = (0..CROSSING_CARTS).any(|cart| before[5 + 2 * cart] != now[5 + 2 * cart]);
            assert!(chance || !changed);
            changes += usize::from(changed);
            if chance && !changed {
                goings_on += 1;
                let passes = |cart: usize| {
                    let (from, to) = (before[4 + 2 * cart], now[4 + 2 * cart]);
                    (from < 3.5 && (3.5..4.0).contains(&to)) || (from > 2.5 && (2.1..=2.5).contains(&to))
                };
                assert!((0..CROSSING_CARTS).any(passes));
            }
        }
    }
    assert!(changes > 500 && goings_on > 300, "{changes} {goings_on}");
}

#[test]
fn a_snapshot_in_the_middle_of_a_stop_is_the_whole_state() {
    let mut env = make(CROSSING).unwrap();
    let env = env.simulator().unwrap();
    env.reset(&Start::seed(4)).unwrap();
    let mut stood = 0;
    while stood < 3 {
        env.step(&[-0.5, 0.3]).unwrap();
        stood =
            if env.observation()[5..10].iter().step_by(2).any(|speed| *speed == 0.0) { stood + 1 } else { 0 };
    }
    let snapshot = env.snapshot();
    let onwards = |env: &mut dyn Simulator| {
        let mut all = Vec::new();
        loop {
            let step = env.step(&[-0.5, -0.3]).unwrap();
            all.push((step, env.observation().iter().map(|value| value.to_bits()).collect::<Vec<_>>()));
            if step.ended() {
                break all;
            }
        }
    };
    let want = onwards(env);
    assert!(want.len() > 40 && want.iter().any(|(step, _)| step.chance));
    let text = serde_json::to_string(&snapshot).unwrap();
    let mut other = make(CROSSING).unwrap();
    let other = other.simulator().unwrap();
    other.reset(&Start::seed(77)).unwrap();
    other.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(other.snapshot(), snapshot);
    assert_eq!(onwards(other), want);
    assert!(matches!(other.step(&[0.0; 2]), Err(EnvError::NeedsReset(_))));
}

#[test]
fn damaged_snapshots_are_refused_and_change_nothing() {
    let mut env = CrossingEnv::new().unwrap();
    env.reset(&Start::seed(9)).unwrap();
    let snapshot = env.snapshot();
    let damaged = |change: &dyn Fn(&mut Snapshot)| {
        let mut bad = snapshot.clone();
        change(&mut bad);
        let mut env = CrossingEnv::new().unwrap();
        let before = env.snapshot();
        assert!(env.restore(&bad).is_err(), "{bad:?}");
        assert_eq!(env.snapshot(), before);
    };
    damaged(&|bad| bad.env_id = "toy-car-v0".into());
    damaged(&|bad| bad.state[2] = f64::INFINITY);
    damaged(&|bad| bad.words[0] = 3);
    damaged(&|bad| bad.words[2] = 16);
    damaged(&|bad| bad.words[4] = u64::MAX);
    damaged(&|bad| bad.words.truncate(7));
    damaged(&|bad| bad.state.push(0.0));
}

#[test]
fn starts_that_there_are_not_are_refused() {
    let mut env = CrossingEnv::new().unwrap();
    assert!(matches!(env.step(&[0.0; 2]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    let (before, at) = (env.snapshot(), env.observation()[..2].to_vec());
    for (start, says) in [
        (Start { task: Some(1), ..Start::default() }, "no task by number"),
        (Start { position: Some(vec![1.0, 1.0]), ..Start::default() }, "no start position"),
        (Start::seed(1).with_goal(&[1.0]), "1 numbers were given"),
        (Start::seed(1).with_goal(&[9.9, 1.0]), "choose x in [0.2, 9.8]"),
        (Start::seed(1).with_goal(&[9.0, f64::NAN]), "goal"),
        (Start::seed(1).with_goal(&at), "lies at the start"),
    ] {
        let message = env.reset(&start).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
        assert_eq!(env.snapshot(), before);
    }
    assert!(matches!(env.step(&[f64::NAN, 0.0]), Err(EnvError::NonFinite { .. })));
    assert!(matches!(env.step(&[0.0]), Err(EnvError::ActionLength { .. })));
    assert_eq!(env.snapshot(), before);
    let carts = env.observation()[4..10].to_vec();
    env.reset(&Start::seed(1).with_goal(&[8.0, 1.0])).unwrap();
    assert_eq!((&env.observation()[4..10], &env.observation()[10..]), (&carts[..], &[8.0, 1.0][..]));
}

/// Nothing but the clock ends an episode of a robot that stays, and hanging around is worth less than going.
#[test]
fn waiting_is_cheap_and_staying_is_not() {
    let mut env = make(CROSSING).unwrap();
    env.reset(&Start::seed(2)).unwrap();
    let mut returned = 0.0;
    for step in 1..=CROSSING_EPISODE_STEPS {
        let done = env.step(&[0.0, 0.0]).unwrap();
        returned += done.reward;
        assert_eq!((done.truncated, done.terminated), (step == CROSSING_EPISODE_STEPS, false));
    }
    assert!((returned + 30.0).abs() < 1e-9);
    let goes: f64 = (0..200).map(|seed| Episode::of("full-speed", seed).returned()).sum::<f64>() / 200.0;
    assert!(goes > returned + 5.0, "{goes}");
}

#[test]
fn the_registry_knows_it() {
    assert_eq!(resolve("crossing").unwrap(), CROSSING);
    let known = entry(CROSSING).unwrap();
    assert_eq!(known.policies(), POLICIES);
    assert!(known.has_data() && !known.has_validation_data());
    let env = make(CROSSING).unwrap();
    let spec = env.spec();
    spec.check().unwrap();
    assert_eq!(spec.max_episode_steps, Some(CROSSING_EPISODE_STEPS));
    assert_eq!(spec.entries(FeatureKind::Position), [0, 1]);
    assert_eq!((spec.entries(FeatureKind::Velocity), spec.condition.len()), (vec![2, 3], 0));
    let scene = scene(CROSSING).unwrap();
    let seen: Vec<f64> = (0..CROSSING_OBSERVATION as u32).map(f64::from).collect();
    let places: Vec<_> = scene.movers.iter().map(|mover| mover.place(&seen).unwrap()).collect();
    assert_eq!(places, [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]);
    assert_eq!(scene.movers[0].place(&seen[..4]), None);
    for name in POLICIES {
        let mut driver = policy(CROSSING, name).unwrap();
        driver.reset(0, &(Arc::new(CrossingTask::new([9.0, 3.0], 8.0)) as SharedTask)).unwrap();
        let message = driver.act(&[0.0; 3], &mut [0.0; 2]).unwrap_err().to_string();
        assert!(message.contains("observations of 12 entries"), "{message}");
    }
}
