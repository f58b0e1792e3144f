//! The arm among moving obstacles, on MuJoCo: what it promises, that obstacles go their own ways, what its references come to, and its
//! data. Without MuJoCo these tests say that they are left out, unless `FORETHOUGHT_MUJOCO` names one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use std::sync::Arc;

use forethought_envs::crossing::arm::{
    CROSSING_ARM, CROSSING_ARM_EPISODE_STEPS, CROSSING_ARM_GOALS, CROSSING_ARM_LANES, CROSSING_ARM_LIMITS,
    CROSSING_ARM_LINKS, CROSSING_ARM_OBSERVATION, CROSSING_ARM_RATES, CROSSING_ARM_TOUCH, CrossingArm,
    CrossingArmDriver, CrossingArmOptions, CrossingArmState, CrossingArmTask, generate_crossing_arm,
};
use forethought_envs::data::{Dataset, check_inside};
use forethought_envs::mujoco::{MUJOCO_VARIABLE, MujocoEnv, MujocoLibrary, MujocoModel, MujocoPart};
use forethought_envs::{
    EnvError, Environment, FeatureKind, Frames, NoTask, Policy, SharedTask, Simulator, Snapshot, Start,
    TimeLimit, Transition, entry, make, photographer, policy, resolve, scene,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const POLICIES: [&str; 6] =
    ["full-speed", "constant-velocity", "cautious", "sampler", "optimist", "data-driver"];

/// Shares of collisions of the module's documentation: of `full-speed`, `constant-velocity` and `optimist`.
const FULL: f64 = 0.521;
const CV: f64 = 0.149;
const HOPED: f64 = 0.19;

/// The model; `None`, said aloud, where there is no MuJoCo and none was named.
fn model() -> Option<MujocoModel> {
    match MujocoLibrary::find() {
        Ok(library) => Some(CrossingArm::model(&library).unwrap()),
        Err(error) if std::env::var_os(MUJOCO_VARIABLE).is_none_or(|named| named.is_empty()) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

type Arm = TimeLimit<MujocoEnv<CrossingArm>>;

fn arm(model: &MujocoModel) -> Arm {
    TimeLimit::new(CrossingArm::of_model(model).unwrap(), CROSSING_ARM_EPISODE_STEPS).unwrap()
}

/// What an episode left behind.
struct Episode {
    steps: Vec<Transition>,
    /// Observations after each step.
    seen: Vec<f64>,
    task: SharedTask,
}

impl Episode {
    fn of(env: &mut Arm, driver: &mut dyn Policy, seed: u64) -> Self {
        env.reset(&Start::seed(seed)).unwrap();
        driver.reset(seed, &env.task()).unwrap();
        let (mut steps, mut seen, mut action) = (Vec::<Transition>::new(), Vec::new(), [0.0; 3]);
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
        let frames = Frames::of_observations(&self.seen, CROSSING_ARM_OBSERVATION);
        let (score, returned) = (self.task.score(frames, None), self.returned());
        assert!((score - returned).abs() < 1e-9, "{score} {returned}");
    }

    fn last(&self) -> Transition {
        *self.steps.last().unwrap()
    }
}

/// What the episodes of some seeds come to.
#[derive(Clone, Copy, Debug)]
struct Measured {
    collides: f64,
    arrives: f64,
    steps: f64,
    returned: f64,
}

fn measured(model: &MujocoModel, name: &str, seeds: std::ops::Range<u64>) -> Measured {
    let count = (seeds.end - seeds.start) as f64;
    let (mut env, mut driver) = (arm(model), policy(CROSSING_ARM, name).unwrap());
    let (mut collides, mut arrives, mut steps, mut returned) = (0, 0, 0, 0.0);
    for seed in seeds {
        let episode = Episode::of(&mut env, driver.as_mut(), seed);
        episode.check_score();
        let last = episode.last();
        collides += usize::from(last.terminated && !last.success);
        arrives += usize::from(last.success);
        steps += if last.success { episode.steps.len() } else { 0 };
        returned += episode.returned();
    }
    let share = |number: usize| number as f64 / count;
    let steps = steps as f64 / arrives.max(1) as f64;
    Measured { collides: share(collides), arrives: share(arrives), steps, returned: returned / count }
}

/// On other seeds than those of the module's table. Bounds are of the table's shares, four standard errors apart.
#[test]
fn references_stand_in_the_order_that_is_documented() {
    let Some(model) = model() else { return };
    let full = measured(&model, "full-speed", 20_000..20_400);
    let constant = measured(&model, "constant-velocity", 20_000..20_200);
    let sampled = measured(&model, "sampler", 20_000..20_100);
    let hoped = measured(&model, "optimist", 20_000..20_100);
    let near = |found: Measured, share: f64, count: f64| {
        let bound = 4.0 * (share * (1.0 - share) / count).sqrt();
        assert!((found.collides - share).abs() < bound, "{found:?} {share}");
    };
    near(full, FULL, 400.0);
    near(constant, CV, 200.0);
    near(hoped, HOPED, 100.0);
    assert!(sampled.collides < 0.04 && sampled.arrives > 0.9, "{sampled:?}");
    assert!(3.0 * sampled.steps < 1.25 * CROSSING_ARM_EPISODE_STEPS as f64, "{sampled:?}");
    assert!(sampled.collides < constant.collides && constant.collides < full.collides);
    assert!(sampled.returned > constant.returned && constant.returned > full.returned);
}

/// The figures of the module's table, measured anew.
#[test]
#[ignore = "takes minutes"]
fn references_do_as_documented() {
    let Some(model) = model() else { return };
    for name in POLICIES {
        println!("{name}: {:?}", measured(&model, name, 0..1000));
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn state(env: &impl Environment) -> CrossingArmState {
    CrossingArmState::of(env.observation()).unwrap()
}

/// Distance of an obstacle's centre from the middle lines of all links, by what is seen.
fn clearance(state: &CrossingArmState) -> f64 {
    let (mut at, mut turn, mut least) = ([0.0_f64; 2], 0.0_f64, f64::INFINITY);
    for (angle, length) in state.angles.into_iter().zip(CROSSING_ARM_LINKS) {
        turn += angle;
        let along = [-turn.sin(), turn.cos()];
        for (lane, [x, _]) in CROSSING_ARM_LANES.into_iter().zip(state.obstacles) {
            let share = ((x - at[0]) * along[0] + (lane - at[1]) * along[1]).clamp(0.0, length);
            least = least.min((x - at[0] - share * along[0]).hypot(lane - at[1] - share * along[1]));
        }
        at = [at[0] + length * along[0], at[1] + length * along[1]];
    }
    least
}

/// What is observed of the hand is where MuJoCo has it, and what is seen of obstacles is where the model shows them.
#[test]
fn what_is_observed_is_what_is_simulated() {
    let Some(model) = model() else { return };
    let mut env = CrossingArm::of_model(&model).unwrap();
    let sensor = model.sensor("hand").unwrap();
    for seed in 0..20 {
        env.reset(&Start::seed(seed)).unwrap();
        for step in 0..30 {
            let wave = (f64::from(step) * 0.3 + seed as f64).sin();
            let ended = env.step(&[wave, -0.5 * wave, 0.4]).unwrap().ended();
            let (seen, now) = (env.observation().to_vec(), state(&env));
            let mut own = model.simulate().unwrap();
            own.write(MujocoPart::Positions, env.simulation().positions()).unwrap();
            own.forward();
            let (mut hand, mut discs) = ([0.0; 3], [0.0; 6]);
            own.sensor(sensor, &mut hand).unwrap();
            env.simulation().read(MujocoPart::MocapPlaces, &mut discs).unwrap();
            assert!((hand[0] - seen[9]).hypot(hand[1] - seen[10]) < 1e-12, "{hand:?} {seen:?}");
            assert_eq!([discs[0], discs[3]], now.obstacles.map(|[x, _]| x));
            assert_eq!([discs[1], discs[4]], CROSSING_ARM_LANES);
            if ended {
                break;
            }
        }
    }
}

/// Motors come to the speed that is asked for, less what damping takes, and joints stop at their limits.
#[test]
fn motors_hold_their_speeds_and_joints_their_limits() {
    let Some(model) = model() else { return };
    let mut sim = model.simulate().unwrap();
    for joint in 0..3 {
        for sign in [-1.0, 1.0] {
            sim.reset();
            let mut control = [0.0; 3];
            control[joint] = sign * CROSSING_ARM_RATES[joint];
            sim.set_control(&control).unwrap();
            sim.step(10).unwrap();
            let early = sim.velocities()[joint] / control[joint];
            assert!((0.1..0.9).contains(&early), "torque is limited: {early}");
            sim.step(110).unwrap();
            let late = sim.velocities()[joint] / control[joint];
            assert!((0.95..1.0).contains(&late), "{joint}: {late}");
            sim.step(600).unwrap();
            let over = sim.positions()[joint].abs() - CROSSING_ARM_LIMITS[joint];
            assert!((-0.01..0.05).contains(&over), "{joint}: {over}");
        }
    }
}

#[test]
fn episodes_begin_clear_of_the_lanes_and_depend_on_their_seed_alone() {
    let Some(model) = model() else { return };
    let (mut env, mut other) = (arm(&model), arm(&model));
    let mut sides = [0; 2];
    for seed in 0..300 {
        env.reset(&Start::seed(seed)).unwrap();
        let begun = state(&env);
        // Whatever obstacles do, who stays is not touched.
        for x in (-180..=180).map(|x| f64::from(x) / 200.0) {
            let met = CrossingArmState { obstacles: [[x, 0.3], [x, 0.3]], ..begun };
            assert!(clearance(&met) > CROSSING_ARM_TOUCH, "{seed}: {met:?}");
        }
        let [[left, near], [right, far]] = CROSSING_ARM_GOALS;
        assert!((left..=right).contains(&begun.goal[0]) && (near..=far).contains(&begun.goal[1]));
        sides[usize::from(begun.angles[0] > 0.0)] += 1;
        other.reset(&Start::seed(seed)).unwrap();
        assert_eq!(bits(env.observation()), bits(other.observation()));
        for _ in 0..5 {
            assert_eq!(env.step(&[0.3, 0.2, -0.1]).unwrap(), other.step(&[0.3, 0.2, -0.1]).unwrap());
        }
        assert_eq!(bits(env.observation()), bits(other.observation()));
        assert_eq!(env.snapshot(), other.snapshot());
    }
    assert!(sides.iter().all(|side| *side > 100), "{sides:?}");
}

/// Ends are seen where they are: a collision as a touch by less than what is gone in a time step, with an arm that stands unless it was
/// the last; nothing else as one.
#[test]
fn a_collision_ends_the_episode_in_the_touch() {
    let Some(model) = model() else { return };
    let (mut env, mut driver) = (arm(&model), policy(CROSSING_ARM, "full-speed").unwrap());
    let (mut collisions, mut stand) = (0, 0);
    for seed in 0..300 {
        let episode = Episode::of(&mut env, driver.as_mut(), seed);
        let states: Vec<CrossingArmState> = episode
            .seen
            .chunks(CROSSING_ARM_OBSERVATION)
            .map(|seen| CrossingArmState::of(seen).unwrap())
            .collect();
        let (last, before) = states.split_last().unwrap();
        assert!(before.iter().all(|state| clearance(state) >= CROSSING_ARM_TOUCH - 1e-12));
        let end = episode.last();
        let collided = end.terminated && !end.success;
        assert_eq!(clearance(last) < CROSSING_ARM_TOUCH, collided);
        if collided {
            assert!(clearance(last) > CROSSING_ARM_TOUCH - 0.014, "{}", clearance(last));
            assert!(!end.chance && end.reward < -50.0);
            collisions += 1;
            stand += usize::from(last.rates == [0.0; 3]);
        }
    }
    assert!(collisions > 80 && stand > collisions / 2, "{collisions} {stand}");
}

/// Observations of the obstacles, step by step, as long as the arm lasts.
fn courses(env: &mut Arm, seed: u64, act: impl Fn(usize) -> [f64; 3]) -> Vec<Vec<u64>> {
    env.reset(&Start::seed(seed)).unwrap();
    let mut all = Vec::new();
    for step in 0..CROSSING_ARM_EPISODE_STEPS {
        if env.step(&act(step)).unwrap().terminated {
            break;
        }
        all.push(bits(&env.observation()[11..15]));
    }
    all
}

#[test]
fn obstacles_go_their_ways_whatever_the_arm_does() {
    let Some(model) = model() else { return };
    let (mut env, mut compared) = (arm(&model), 0);
    for seed in 0..100 {
        let stays = courses(&mut env, seed, |_| [0.0; 3]);
        let goes = courses(&mut env, seed, |step| [0.2, if step % 3 == 0 { 1.0 } else { 0.3 }, -0.5]);
        let both = stays.len().min(goes.len());
        assert_eq!(stays[..both], goes[..both]);
        assert_eq!(stays.len(), CROSSING_ARM_EPISODE_STEPS, "nothing comes to where it lies folded");
        compared += both;
    }
    assert!(compared > 2000, "{compared}");
    assert_ne!(courses(&mut env, 0, |_| [0.0; 3]), courses(&mut env, 1, |_| [0.0; 3]));
}

/// A step of chance is one in which an obstacle's speed changes, or in which it comes to its line and goes on.
#[test]
fn chance_is_where_something_drawn_shows() {
    let Some(model) = model() else { return };
    let (mut env, mut changes, mut goings_on) = (arm(&model), 0, 0);
    for seed in 0..150 {
        env.reset(&Start::seed(seed)).unwrap();
        for _ in 0..CROSSING_ARM_EPISODE_STEPS {
            let before = state(&env).obstacles;
            let chance = env.step(&[0.0; 3]).unwrap().chance;
            let now = state(&env).obstacles;
            let changed = before.iter().zip(now).any(|(before, now)| before[1] != now[1]);
            assert!(chance || !changed);
            changes += usize::from(changed);
            if chance && !changed {
                goings_on += 1;
                let passes = |([from, _], [to, _]): (&[f64; 2], [f64; 2])| {
                    (*from < 0.1 && (0.1..0.14).contains(&to))
                        || (*from > -0.1 && (-0.14..=-0.1).contains(&to))
                };
                assert!(before.iter().zip(now).any(passes));
            }
        }
    }
    assert!(changes > 100 && goings_on > 50, "{changes} {goings_on}");
}

/// Saved at every moment of an episode, also in a stop and behind the end, it goes on to the bit; also in another environment and
/// through text.
#[test]
fn what_was_saved_goes_on_to_the_bit() {
    let Some(model) = model() else { return };
    let (mut env, mut other) = (arm(&model), arm(&model));
    let mut driver = policy(CROSSING_ARM, "data-driver").unwrap();
    let (mut stood, mut ends) = (0, 0);
    for seed in 0..12 {
        env.reset(&Start::seed(seed)).unwrap();
        driver.reset(seed, &env.task()).unwrap();
        let mut action = [0.0; 3];
        loop {
            let saved: Snapshot =
                serde_json::from_str(&serde_json::to_string(&env.snapshot()).unwrap()).unwrap();
            other.restore(&saved).unwrap();
            assert_eq!(other.snapshot(), env.snapshot());
            assert_eq!(bits(other.observation()), bits(env.observation()));
            stood += usize::from(state(&env).obstacles.iter().any(|[_, speed]| *speed == 0.0));
            driver.act(env.observation(), &mut action).unwrap();
            let (one, two) = (env.step(&action), other.step(&action));
            assert_eq!(bits(other.observation()), bits(env.observation()));
            match (one, two) {
                (Ok(one), Ok(two)) => assert_eq!(one, two),
                (Err(EnvError::NeedsReset(_)), Err(EnvError::NeedsReset(_))) => {
                    ends += 1;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(stood > 20 && ends == 12, "{stood} {ends}");
}

#[test]
fn damaged_snapshots_are_refused_and_change_nothing() {
    let Some(model) = model() else { return };
    let mut env = CrossingArm::of_model(&model).unwrap();
    env.reset(&Start::seed(9)).unwrap();
    env.step(&[0.5; 3]).unwrap();
    let snapshot = env.snapshot();
    let (words, numbers) = (snapshot.words.len(), snapshot.state.len());
    let mut damaged = |change: &dyn Fn(&mut Snapshot)| {
        let mut bad = snapshot.clone();
        change(&mut bad);
        let message = env.restore(&bad).unwrap_err().to_string();
        assert_eq!(env.snapshot(), snapshot, "{message}");
    };
    damaged(&|bad| bad.env_id = "crossing-v0".into());
    damaged(&|bad| bad.state[2] = f64::NAN);
    damaged(&|bad| bad.state[numbers - 1] = f64::INFINITY);
    damaged(&|bad| bad.words[0] = 3);
    damaged(&|bad| bad.words[2] ^= 1);
    damaged(&|bad| bad.words[words - 2] = 31);
    damaged(&|bad| bad.words.truncate(words - 1));
    damaged(&|bad| bad.state.push(0.0));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let Some(model) = model() else { return };
    let mut env = CrossingArm::of_model(&model).unwrap();
    assert!(matches!(env.step(&[0.0; 3]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    let before = env.snapshot();
    for (start, says) in [
        (Start { task: Some(1), ..Start::default() }, "no task by number"),
        (Start { position: Some(vec![0.0; 3]), ..Start::default() }, "no start position"),
        (Start::seed(1).with_goal(&[1.0]), "1 numbers were given"),
        (Start::seed(1).with_goal(&[0.3, 0.65]), "choose x in [-0.25, 0.25]"),
        (Start::seed(1).with_goal(&[0.0, f64::NAN]), "goal"),
    ] {
        let message = env.reset(&start).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
        assert_eq!(env.snapshot(), before);
    }
    assert!(matches!(env.step(&[f64::NAN, 0.0, 0.0]), Err(EnvError::NonFinite { .. })));
    assert!(matches!(env.step(&[0.0; 2]), Err(EnvError::ActionLength { .. })));
    assert_eq!(env.snapshot(), before);
    let obstacles = state(&env).obstacles;
    env.reset(&Start::seed(1).with_goal(&[0.1, 0.64])).unwrap();
    assert_eq!((state(&env).obstacles, state(&env).goal), (obstacles, [0.1, 0.64]));
    let mut other = CrossingArm::of_model(&model).unwrap();
    other.restore(&env.snapshot()).unwrap();
    assert_eq!(env.step(&[7.0, -3.0, 0.2]).unwrap(), other.step(&[1.0, -1.0, 0.2]).unwrap());
    assert_eq!(bits(env.observation()), bits(other.observation()), "actions are clipped");
}

/// Nothing but the clock ends an episode of an arm that stays folded.
#[test]
fn staying_costs_the_clock() {
    let Some(model) = model() else { return };
    let mut env = arm(&model);
    env.reset(&Start::seed(2)).unwrap();
    let mut returned = 0.0;
    for step in 1..=CROSSING_ARM_EPISODE_STEPS {
        let done = env.step(&[0.0; 3]).unwrap();
        returned += done.reward;
        assert_eq!((done.truncated, done.terminated), (step == CROSSING_ARM_EPISODE_STEPS, false));
    }
    assert!((returned + 15.0).abs() < 0.5, "{returned}");
}

#[test]
fn the_registry_knows_it() {
    assert_eq!(resolve("crossing-arm-mujoco").unwrap(), CROSSING_ARM);
    let known = entry(CROSSING_ARM).unwrap();
    assert_eq!(known.policies(), POLICIES);
    assert!(known.has_data() && known.has_photographer() && !known.has_validation_data());
    let scene = scene(CROSSING_ARM).unwrap();
    let seen: Vec<f64> = (0..CROSSING_ARM_OBSERVATION as u32).map(f64::from).collect();
    let places: Vec<_> = scene.movers.iter().map(|mover| mover.place(&seen).unwrap()).collect();
    assert_eq!(places, [[11.0, CROSSING_ARM_LANES[0]], [13.0, CROSSING_ARM_LANES[1]]]);
    assert_eq!(scene.position, [9, 10]);
    for name in POLICIES {
        let mut driver = policy(CROSSING_ARM, name).unwrap();
        assert_eq!(driver.name(), name);
        driver.reset(0, &(Arc::new(CrossingArmTask::new([0.0, 0.65], 0.5)) as SharedTask)).unwrap();
        let message = driver.act(&[0.0; 3], &mut [0.0; 3]).unwrap_err().to_string();
        assert!(message.contains("observations of 17 entries"), "{message}");
    }
    if model().is_none() {
        return;
    }
    let env = make(CROSSING_ARM).unwrap();
    let spec = env.spec();
    spec.check().unwrap();
    assert_eq!(spec.max_episode_steps, Some(CROSSING_ARM_EPISODE_STEPS));
    assert_eq!(spec.entries(FeatureKind::Position), [9, 10]);
    assert_eq!(spec.entries(FeatureKind::Direction), [0, 1, 2, 3, 4, 5]);
    assert!(spec.entries(FeatureKind::Velocity).is_empty() && spec.condition.is_empty());
    assert_eq!(spec.layout_hash.as_ref().map(String::len), Some(64));
}

fn made(options: &CrossingArmOptions) -> Option<Dataset> {
    model()?;
    Some(generate_crossing_arm(options, &mut |_, _| {}).unwrap())
}

#[test]
fn data_are_the_same_on_any_number_of_threads_and_other_for_another_seed() {
    let options = CrossingArmOptions { rows: 1500, seed: 7, ..CrossingArmOptions::default() };
    let Some(one) = made(&options) else { return };
    one.check().unwrap();
    check_inside(&one, make(CROSSING_ARM).unwrap().spec()).unwrap();
    for threads in [2, 5] {
        assert_eq!(made(&CrossingArmOptions { threads, ..options.clone() }).unwrap(), one);
    }
    let mut told = Vec::new();
    let again = generate_crossing_arm(&options, &mut |done, all| told.push((done, all))).unwrap();
    assert_eq!(again, one);
    assert_eq!((told.last(), told.len()), (Some(&(1500, 1500)), one.trajectories(true).len()));
    let shorter = made(&CrossingArmOptions { rows: 300, ..options.clone() }).unwrap();
    assert_eq!(shorter.observations, one.observations[..CROSSING_ARM_OBSERVATION * 300]);
    let other = made(&CrossingArmOptions { rows: 300, seed: 8, ..options.clone() }).unwrap();
    assert_ne!(other.actions, shorter.actions);
    for (rows, says) in [(0, "at least one"), (usize::MAX, "do not fit into memory")] {
        let options = CrossingArmOptions { rows, ..options.clone() };
        let message = generate_crossing_arm(&options, &mut |_, _| {}).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}

/// The rows of episodes are what the environment shows the same driver, to the bit.
#[test]
fn data_are_the_environments_own_episodes() {
    let options = CrossingArmOptions { rows: 600, seed: 3, tail: 0, threads: 1 };
    let Some(data) = made(&options) else { return };
    let (mut env, mut row) = (make(CROSSING_ARM).unwrap(), 0);
    for number in 0..5 {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        rng.set_stream(1 << 63 | number);
        let seed: u64 = rng.random();
        let mut driver = CrossingArmDriver::new();
        env.reset(&Start::seed(seed)).unwrap();
        driver.reset(seed, &env.task()).unwrap();
        let (mut action, mut ended) = ([0.0; 3], false);
        loop {
            driver.act(env.observation(), &mut action).unwrap();
            let seen: Vec<f32> = env.observation().iter().map(|value| *value as f32).collect();
            assert_eq!(data.observation(row).unwrap(), seen);
            assert_eq!(data.action(row).unwrap(), action.map(|value| value as f32));
            row += 1;
            if ended {
                break;
            }
            let step = env.step(&action).unwrap();
            assert_eq!(data.rewards[row - 1], step.reward as f32);
            ended = step.ended();
        }
        assert!(data.terminals[row - 1] || data.timeouts[row - 1], "{row}");
    }
}

/// Episodes end as the environment's do, or go on as if they had not; both hold the same as far as both are recorded.
#[test]
fn ends_are_terminals_or_have_a_tail_that_earns_nothing() {
    let with = CrossingArmOptions { rows: 8000, seed: 1, threads: 2, ..CrossingArmOptions::default() };
    let Some(whole) = made(&with) else { return };
    let ended = made(&CrossingArmOptions { tail: 0, ..with.clone() }).unwrap();
    assert!(whole.terminals.iter().all(|flag| !flag));
    let (mut collisions, mut arrivals) = (0, 0);
    let width = CROSSING_ARM_OBSERVATION;
    for (one, short) in whole.trajectories(true).iter().zip(ended.trajectories(true)) {
        if one.end == whole.len() {
            continue;
        }
        let terminal = ended.terminals[short.end - 1];
        assert_eq!(terminal, !ended.timeouts[short.end - 1]);
        assert_eq!(one.len(), short.len() + if terminal { with.tail } else { 0 });
        assert!(terminal || short.len() == CROSSING_ARM_EPISODE_STEPS + 1);
        assert_eq!(
            whole.observations[width * one.start..width * (one.start + short.len())],
            ended.observations[width * short.start..width * short.end]
        );
        assert!(whole.rewards[one.start + short.len() - 1..one.end].iter().all(|reward| *reward == 0.0));
        let cost = ended.rewards[short.start..short.end].iter().filter(|reward| **reward < -50.0).count();
        collisions += cost;
        arrivals += usize::from(terminal) - cost;
    }
    assert!(collisions > 5 && arrivals > 50, "{collisions} {arrivals}");
}

/// Obstacles and goal are in the picture where the view says, each in its colour.
#[test]
fn a_picture_shows_obstacles_and_goal_where_they_were_seen() {
    if model().is_none() {
        return;
    }
    let mut photographer = match photographer(CROSSING_ARM, [240, 200]) {
        Ok(photographer) => photographer.unwrap(),
        Err(error) if std::env::var_os("FORETHOUGHT_EGL").is_none() && error.to_string().contains("EGL") => {
            println!("LEFT OUT: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let view = photographer.view();
    for (side, goal) in [(-0.3, [0.2, 0.64]), (0.3, [-0.2, 0.7])] {
        let seen = CrossingArmState {
            angles: [1.35, -2.65, 2.6],
            rates: [0.0; 3],
            obstacles: [[side, 0.3], [2.0, 0.3]],
            goal,
        };
        let picture = photographer.photograph(&seen.observation(), &NoTask).unwrap();
        let middle = |is: &dyn Fn([u32; 3]) -> bool| {
            let (mut count, mut sum) = (0, [0.0; 2]);
            for (x, y) in (0..200).flat_map(|y| (0..240).map(move |x| (x, y))) {
                if picture.pixel(x, y).is_some_and(|pixel| is(pixel.map(u32::from))) {
                    count += 1;
                    (sum[0], sum[1]) = (sum[0] + x as f64 + 0.5, sum[1] + y as f64 + 0.5);
                }
            }
            (count, sum.map(|sum| sum / f64::from(count.max(1))))
        };
        let red = middle(&|[r, g, b]| r > 90 && g < r / 2 && b < r / 2);
        let green = middle(&|[r, g, b]| g > 70 && r < 2 * g / 3 && b < 3 * g / 4);
        for ((count, middle), at) in
            [(red, [side, CROSSING_ARM_LANES[0], 0.06]), (green, [goal[0], goal[1], 0.0])]
        {
            let [x, y] = view.project(at, 240, 200).unwrap().at;
            assert!(count > 20 && (middle[0] - x).hypot(middle[1] - y) < 5.0, "{count} {middle:?} {x} {y}");
        }
        let place = photographer.place(&seen.observation()).unwrap();
        assert_eq!(place[..2], seen.observation()[9..11]);
    }
    assert!(photographer.photograph(&[0.0; 11], &NoTask).unwrap_err().to_string().contains("17 numbers"));
    assert!(photographer.photograph(&[f64::NAN; CROSSING_ARM_OBSERVATION], &NoTask).is_err());
}
