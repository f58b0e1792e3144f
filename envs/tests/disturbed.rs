//! A sensor that fails: when, what it shows then, and what it leaves alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::sync::Arc;

use forethought_envs::fruit_swap::{FRUIT_SWAP, FruitSwapEnv};
use forethought_envs::{
    BoxSpace, Disturbance, DisturbanceKind, Disturbed, EnvError, EnvSpec, Environment, Feature, FeatureKind,
    NoTask, SharedTask, Simulator, Snapshot, Start, TimeLimit, Transition, entry, make, policy,
};

/// Shows how late it is in four entries, of which the second to fourth are the sensor's. It never ends.
struct Clock {
    spec: EnvSpec,
    seen: [f64; 4],
}

const INF: f64 = f64::INFINITY;

impl Clock {
    fn new() -> Self {
        let bounds = BoxSpace::new(vec![-INF, 0.0, -INF, 3.0], vec![INF, 10.0, INF, INF]).unwrap();
        let spec = EnvSpec {
            features: vec![
                Feature::new("late", 1, FeatureKind::Other),
                Feature::new("bounded", 1, FeatureKind::Other),
                Feature::new("free", 2, FeatureKind::Other),
            ],
            ..EnvSpec::of_spaces("clock-v0", bounds, BoxSpace::symmetric(1, 1.0))
        };
        Self { spec, seen: [0.0; 4] }
    }
}

impl Environment for Clock {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, _start: &Start) -> Result<(), EnvError> {
        self.seen = [0.0, 5.0, 0.0, 7.0];
        Ok(())
    }

    fn step(&mut self, _action: &[f64]) -> Result<Transition, EnvError> {
        self.seen[0] += 1.0;
        self.seen[2] += 1.0;
        Ok(Transition { reward: self.seen[0], ..Transition::default() })
    }

    fn observation(&self) -> &[f64] {
        &self.seen
    }

    fn task(&self) -> SharedTask {
        Arc::new(NoTask)
    }
}

fn disturbance(kind: DisturbanceKind, share: f64, length: usize, features: &[&str]) -> Disturbance {
    Disturbance { kind, share, length, features: features.iter().map(|name| (*name).to_owned()).collect() }
}

fn clock(kind: DisturbanceKind, share: f64, length: usize, features: &[&str]) -> Disturbed<Clock> {
    let mut env =
        Disturbed::without_snapshots(Clock::new(), &disturbance(kind, share, length, features)).unwrap();
    env.reset(&Start::seed(3)).unwrap();
    env
}

/// Runs of failing and of other steps, in turn, the first of the latter, and step 0 left out; the last one is cut off.
fn runs(env: &mut Disturbed<Clock>, steps: usize) -> Vec<usize> {
    assert_eq!(env.seen(), 1.0, "an episode begins clear");
    let (mut runs, mut failing) = (vec![0], false);
    for _ in 0..steps {
        env.step(&[0.0]).unwrap();
        if (env.seen() < 1.0) != failing {
            failing = !failing;
            runs.push(0);
        }
        *runs.last_mut().unwrap() += 1;
    }
    runs.pop();
    runs
}

#[test]
fn bursts_last_as_long_as_they_are_to_and_take_their_share_of_the_steps() {
    for (share, length) in [(0.3, 5), (0.1, 1), (0.5, 12), (0.9, 3)] {
        let runs = runs(&mut clock(DisturbanceKind::Held, share, length, &["free"]), 200_000);
        let failing = runs.iter().skip(1).step_by(2);
        // Bursts may follow one another without a break.
        assert!(failing.clone().all(|run| run % length == 0), "{share} {length}");
        assert!(failing.clone().any(|run| *run == length));
        let failed: usize = failing.sum();
        let bursts = (failed / length) as f64;
        let got = failed as f64 / runs.iter().sum::<usize>() as f64;
        // Gaps are geometric: between as many bursts their sum deviates by at most this share of itself.
        assert!((got - share).abs() < 4.0 * share / bursts.sqrt(), "{got}, not {share} ({length} steps)");
        // A gap, of any length, ends with probability p: this many bursts begin of so many that could.
        let p = share / (share + (1.0 - share) * length as f64);
        let clear: usize = runs.iter().step_by(2).sum();
        let began = bursts / (bursts + clear as f64);
        assert!((began - p).abs() < 4.0 * (p * (1.0 - p) / (bursts + clear as f64)).sqrt(), "{began} {p}");
    }
    assert!(runs(&mut clock(DisturbanceKind::Held, 0.0, 5, &["free"]), 5000).is_empty());
    // Its first run, of no steps, is the clear one before; the second never ends.
    assert_eq!(runs(&mut clock(DisturbanceKind::Held, 1.0, 5, &["free"]), 5000), [0]);
}

#[test]
fn a_held_sensor_shows_what_it_did_before_and_leaves_the_rest_alone() {
    let mut env = clock(DisturbanceKind::Held, 0.4, 3, &["free"]);
    let mut good = 0.0;
    let mut failed = 0;
    for step in 1..=500 {
        let transition = env.step(&[0.0]).unwrap();
        let now = f64::from(step);
        if env.seen() == 1.0 {
            good = now;
        }
        failed += usize::from(env.seen() == 0.0);
        assert!(env.seen() == 1.0 || env.seen() == 0.0);
        assert_eq!(env.observation(), [now, 5.0, good, 7.0]);
        assert_eq!(env.inner().observation(), [now, 5.0, now, 7.0]);
        assert_eq!(transition.reward, now);
    }
    assert!(failed > 100);
}

#[test]
fn a_blank_sensor_shows_the_middle_of_its_range_or_what_is_nearest_to_zero() {
    let mut env = clock(DisturbanceKind::Blank, 1.0, 1, &["free", "bounded"]);
    assert_eq!(env.observation(), [0.0, 5.0, 0.0, 7.0]);
    env.step(&[0.0]).unwrap();
    assert_eq!((env.observation(), env.seen()), (&[1.0, 5.0, 0.0, 3.0][..], 0.0));
}

#[test]
fn noise_is_normal_within_the_range_and_tells_how_much_is_signal() {
    let mut env = clock(DisturbanceKind::Noise { sd: 1.0 }, 1.0, 4, &["bounded"]);
    let mut all = Vec::new();
    for _ in 0..20_000 {
        env.step(&[0.0]).unwrap();
        let seen = env.observation();
        assert!(seen[0] == seen[2] && seen[3] == 7.0 && (0.0..=10.0).contains(&seen[1]));
        all.push(seen[1] - 5.0);
    }
    let mean = all.iter().sum::<f64>() / 20_000.0;
    let variance = all.iter().map(|off| (off - mean).powi(2)).sum::<f64>() / 20_000.0;
    // Four standard errors: 1 / sqrt(n) and sqrt(2 / n).
    assert!(mean.abs() < 0.029 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    // Uniform within 0 to 10: a variance of 100 / 12, of 100 / 12 + 1 that are shown.
    assert!((env.seen() - 100.0 / 112.0).abs() < 1e-12);
    let mut strong = clock(DisturbanceKind::Noise { sd: 50.0 }, 1.0, 4, &["bounded"]);
    let ends = (0..200).filter(|_| {
        strong.step(&[0.0]).unwrap();
        [0.0, 10.0].contains(&strong.observation()[1])
    });
    assert!(ends.count() > 150, "no more than the range");
}

#[test]
fn what_cannot_be_is_refused_with_its_name() {
    let refused = |kind, share, length, features: &[&str]| {
        let made = Disturbed::without_snapshots(Clock::new(), &disturbance(kind, share, length, features));
        made.err().unwrap().to_string()
    };
    let held = DisturbanceKind::Held;
    for (message, says) in [
        (refused(held, 1.1, 5, &["free"]), "share of 1.1"),
        (refused(held, -0.1, 5, &["free"]), "share of -0.1"),
        (refused(held, f64::NAN, 5, &["free"]), "share of NaN"),
        (refused(held, 0.3, 0, &["free"]), "at least one step"),
        (refused(held, 0.3, 5, &[]), "no feature is named"),
        (refused(held, 0.3, 5, &["free", "sight"]), "no feature `sight`: it has late, bounded, free"),
        (refused(DisturbanceKind::Noise { sd: 0.0 }, 0.3, 5, &["bounded"]), "standard deviation 0"),
        (refused(DisturbanceKind::Noise { sd: f64::NAN }, 0.3, 5, &["bounded"]), "standard deviation NaN"),
        (refused(DisturbanceKind::Noise { sd: 1.0 }, 0.3, 5, &["bounded", "free"]), "with bounds"),
    ] {
        assert!(message.contains(says) && message.contains("clock-v0"), "{message}");
    }
    let mut nameless = Clock::new();
    nameless.spec.features.clear();
    let made = Disturbed::without_snapshots(nameless, &disturbance(held, 0.3, 5, &["free"]));
    assert!(made.err().unwrap().to_string().contains("it has none"));
}

/// The swap behind a sensor, by its registered name.
fn swap(kind: DisturbanceKind) -> Disturbed<TimeLimit<FruitSwapEnv>> {
    let inner = TimeLimit::new(FruitSwapEnv::new().unwrap(), 170).unwrap();
    Disturbed::new(inner, &disturbance(kind, 0.3, 5, &["apple", "orange"])).unwrap()
}

const KINDS: [DisturbanceKind; 3] =
    [DisturbanceKind::Held, DisturbanceKind::Blank, DisturbanceKind::Noise { sd: 0.05 }];

fn action(step: usize) -> [f64; 3] {
    let wave = step as f64;
    [(0.7 * wave).sin(), -(0.4 * wave).cos(), (0.2 * wave).sin()]
}

#[test]
fn a_refused_step_changes_nothing_and_an_episode_is_its_seeds() {
    for kind in KINDS {
        let mut env = swap(kind);
        let mut run = |seed| {
            env.reset(&Start::seed(seed)).unwrap();
            let mut all = vec![(env.observation().to_vec(), env.seen())];
            for step in 0..60 {
                if env.step(&action(step)).unwrap().ended() {
                    break;
                }
                all.push((env.observation().to_vec(), env.seen()));
                let before = env.snapshot();
                assert!(env.step(&[f64::NAN; 3]).is_err() && env.step(&[0.0]).is_err());
                assert_eq!(env.snapshot(), before);
            }
            all
        };
        let one = run(5);
        assert_eq!(one, run(5));
        assert_ne!(one, run(6));
        assert!(one.iter().any(|(_, seen)| *seen < 1.0), "{kind:?}");
    }
}

/// At every step of an episode, and so in the middle of bursts.
#[test]
fn a_snapshot_holds_the_sensor_too() {
    for kind in KINDS {
        let mut env = swap(kind);
        env.reset(&Start { task: Some(2), ..Start::seed(12) }).unwrap();
        let mut in_bursts = 0;
        for begin in 0..40 {
            env.step(&action(begin)).unwrap();
            let simulator: &mut dyn Simulator = env.simulator().unwrap();
            let snapshot = simulator.snapshot();
            in_bursts += usize::from(env.seen() < 1.0);
            let onwards = |env: &mut Disturbed<TimeLimit<FruitSwapEnv>>| {
                let mut all = vec![(env.observation().to_vec(), env.seen().to_bits())];
                for step in 0..30 {
                    env.step(&action(step)).unwrap();
                    all.push((env.observation().to_vec(), env.seen().to_bits()));
                }
                all
            };
            let want = onwards(&mut env);
            let text = serde_json::to_string(&snapshot).unwrap();
            let mut other = swap(kind);
            other.restore(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(other.snapshot(), snapshot);
            assert_eq!(onwards(&mut other), want);
            env.restore(&snapshot).unwrap();
        }
        assert!(in_bursts > 3, "{kind:?} {in_bursts}");
        let snapshot = env.snapshot();
        let before = other_state(kind).snapshot();
        let damaged = |change: &dyn Fn(&mut Snapshot)| {
            let (mut bad, mut env) = (snapshot.clone(), other_state(kind));
            change(&mut bad);
            assert!(env.restore(&bad).is_err(), "{bad:?}");
            assert_eq!(env.snapshot(), before);
        };
        damaged(&|bad| bad.env_id = "toy-car-v0".into());
        damaged(&|bad| *bad.state.last_mut().unwrap() = f64::NAN);
        damaged(&|bad| bad.state.truncate(6));
        damaged(&|bad| bad.words.truncate(3));
        let last = snapshot.words.len() - 1;
        damaged(&|bad| bad.words[last] = 2);
        damaged(&|bad| bad.words[last - 1] = 5);
        // One of the environment inside alone.
        damaged(&|bad| *bad = env.inner().snapshot());
    }
    assert!(clock(DisturbanceKind::Held, 0.3, 5, &["free"]).simulator().is_none());
}

fn other_state(kind: DisturbanceKind) -> Disturbed<TimeLimit<FruitSwapEnv>> {
    let mut env = swap(kind);
    env.reset(&Start::seed(40)).unwrap();
    env
}

#[test]
fn how_well_is_seen_goes_through_boxes_clocks_and_other_sensors() {
    let inner = clock(DisturbanceKind::Held, 1.0, 1, &["free"]);
    let limited = TimeLimit::without_snapshots(inner, 9).unwrap();
    let noise = disturbance(DisturbanceKind::Noise { sd: 1.0 }, 0.0, 1, &["bounded"]);
    let mut env: Box<dyn Environment> = Box::new(Disturbed::without_snapshots(limited, &noise).unwrap());
    env.reset(&Start::seed(0)).unwrap();
    assert_eq!(env.seen(), 1.0);
    env.step(&[0.0]).unwrap();
    assert_eq!(env.seen(), 0.0);
    let mut plain = make("maze2d-umaze-v1").unwrap();
    plain.reset(&Start::seed(0)).unwrap();
    plain.step(&[0.1, 0.1]).unwrap();
    assert_eq!(plain.seen(), 1.0);
}

/// True states, rewards and ends are those of the swap itself, and observations are within bounds.
#[test]
fn the_registered_ones_are_the_swap_behind_a_sensor() {
    // In noise of 5 cm a height within 27 cm is the least certain: 27^2 / 12 of 27^2 / 12 + 5^2.
    let noisy = 60.75 / 85.75;
    for (id, level) in
        [("fruit-swap-held-v0", 0.0), ("fruit-swap-blank-v0", 0.0), ("fruit-swap-noise-v0", noisy)]
    {
        let known = entry(id).unwrap();
        assert!(known.policies() == ["oracle", "memoryless", "ring"] && !known.has_data());
        let (mut env, mut plain) = (make(id).unwrap(), make(FRUIT_SWAP).unwrap());
        assert_eq!(env.spec().id, id);
        assert_eq!(env.spec().observation, plain.spec().observation);
        assert_eq!((env.spec().tasks, env.spec().max_episode_steps), (6, plain.spec().max_episode_steps));
        let mut hand = policy(FRUIT_SWAP, "oracle").unwrap();
        let (mut steps, mut failing) = (0_usize, 0_usize);
        for seed in 0..50 {
            env.reset(&Start::seed(seed)).unwrap();
            plain.reset(&Start::seed(seed)).unwrap();
            hand.reset(seed, &plain.task()).unwrap();
            assert_eq!(env.observation(), plain.observation());
            let mut action = [0.0; 3];
            loop {
                hand.act(plain.observation(), &mut action).unwrap();
                let transition = plain.step(&action).unwrap();
                assert_eq!(env.step(&action).unwrap(), transition);
                let (shown, there) = (env.observation(), plain.observation());
                assert_eq!(shown[..3], there[..3], "the hand is felt");
                assert!(env.spec().observation.contains(shown));
                assert!(env.seen() == 1.0 || (env.seen() - level).abs() < 1e-12, "{}", env.seen());
                assert!(env.seen() < 1.0 || shown == there);
                if id == "fruit-swap-blank-v0" && env.seen() == 0.0 {
                    let middle = 0.5 * (0.03 + 0.3);
                    assert_eq!(shown[3..], [0.0, middle, 0.0, middle, 0.0, 0.0, 0.0, 0.0]);
                }
                steps += 1;
                failing += usize::from(env.seen() < 1.0);
                if transition.ended() {
                    break;
                }
            }
        }
        // Four standard errors of some 230 bursts; an episode begins a little clearer.
        let share = failing as f64 / steps as f64;
        assert!((share - 0.3).abs() < 0.08, "{id}: {share}");
    }
}
