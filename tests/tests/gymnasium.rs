//! Environments of `gymnasium_rs` in our loop, and ours in theirs.
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]
// A plan has a private part, so that none can be written out as a whole.
#![allow(clippy::field_reassign_with_default)]

use forethought_agent::{AgentError, EpisodeRecord, EpisodeSetup, RolloutConfig, rollout, run_policy};
use forethought_envs::gymnasium::{AsGymnasium, FromGymnasium};
use forethought_envs::{EnvSpec, Environment, Feature, FeatureKind, Start, TimeLimit, make};
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request};
use forethought_policies::{ControlConfig, PdConfig, make_controller, make_policy};
use gymnasium_rs::core::{Env, Info, Options, Space};
use gymnasium_rs::envs::cartpole::CartPole;
use ndarray::{Array1, Array3, array};

const DT: f32 = 0.1;

/// A mass pushed over a plane: the textbook double integrator, rewarded near the origin.
#[derive(Default)]
struct DoubleIntegrator {
    position: [f32; 2],
    velocity: [f32; 2],
}

impl DoubleIntegrator {
    fn observe(&self) -> Array1<f32> {
        array![self.position[0], self.position[1], self.velocity[0], self.velocity[1]]
    }
}

impl Env<Array1<f32>, Array1<f32>> for DoubleIntegrator {
    fn observation_space(&self) -> Space {
        let bound = Array1::from_elem(4, f32::INFINITY);
        Space::Box { low: -&bound, high: bound }
    }
    fn action_space(&self) -> Space {
        Space::Box { low: array![-1.0, -1.0], high: array![1.0, 1.0] }
    }
    fn reset(&mut self, seed: Option<i32>, _: Options) -> (Array1<f32>, Info) {
        let angle = seed.unwrap_or(0) as f32;
        self.position = [angle.cos(), angle.sin()];
        self.velocity = [0.0, 0.0];
        (self.observe(), Info::new())
    }
    fn step(&mut self, action: Array1<f32>) -> (Array1<f32>, f32, bool, bool, Info) {
        for axis in 0..2 {
            self.velocity[axis] += DT * action[axis];
            self.position[axis] += DT * self.velocity[axis];
        }
        let near = self.position[0].hypot(self.position[1]) < 0.1;
        (self.observe(), f32::from(u8::from(near)), false, false, Info::new())
    }
    fn render(&self) -> Option<Array3<u8>> {
        None
    }
    fn close(&mut self) {}
}

/// Brings the mass to rest at the origin.
fn push(state: &[f64]) -> [f64; 2] {
    [0, 1].map(|axis| (-2.0 * state[axis] - 2.5 * state[axis + 2]).clamp(-1.0, 1.0))
}

/// Plans by rolling a model of the double integrator forward.
struct ModelPlanner {
    frames: usize,
    batches: Vec<usize>,
}

impl Planner for ModelPlanner {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        self.batches.push(requests.len());
        let of = |request: &Request<'_>| {
            assert!(request.task.condition().is_none());
            let mut state = request.observation.to_vec();
            let mut plan = Plan::default();
            plan.frames = self.frames;
            for _ in 0..self.frames {
                let action = push(&state);
                for axis in 0..2 {
                    state[axis + 2] += f64::from(DT) * action[axis];
                    state[axis] += f64::from(DT) * state[axis + 2];
                }
                plan.actions.extend(action);
                plan.observations.extend(&state);
            }
            plan
        };
        Ok(requests.iter().map(of).collect())
    }
}

fn integrator() -> Box<dyn Environment> {
    let theirs: FromGymnasium<_, Array1<f32>, Array1<f32>> =
        FromGymnasium::new("DoubleIntegrator-v0", DoubleIntegrator::default()).unwrap();
    Box::new(TimeLimit::new(theirs, 100).unwrap())
}

fn setups(controller: &str, seeds: &[u64]) -> Vec<EpisodeSetup> {
    let of = |&seed: &u64| {
        let env = integrator();
        let pd = PdConfig { position_gain: Some(12.5), velocity_gain: Some(1.2) };
        let config = ControlConfig { pd, ..ControlConfig::named(controller) };
        let features = vec![
            Feature::new("position", 2, FeatureKind::Position),
            Feature::new("velocity", 2, FeatureKind::Velocity),
        ];
        // Their environments do not say what they observe.
        let spec = EnvSpec { features, ..env.spec().clone() };
        let controller = make_controller(&config, &spec, None).unwrap();
        EpisodeSetup { env, controller, start: Start::seed(seed) }
    };
    seeds.iter().map(of).collect()
}

#[test]
fn an_environment_of_theirs_is_planned_for_by_our_loop() {
    for controller in ["diffused-action", "pd"] {
        let mut planner = ModelPlanner { frames: 12, batches: Vec::new() };
        let config = RolloutConfig { execution_horizon: 10, ..RolloutConfig::default() };
        let records =
            rollout(&mut planner, setups(controller, &[1, 2, 3]), &config, &|| 0.0, &mut |_, _| true)
                .unwrap();
        assert_eq!(planner.batches, [3; 10], "ten plans for three episodes together");
        for (record, seed) in records.iter().zip([1_u64, 2, 3]) {
            assert_eq!(
                (record.env_id.as_str(), record.seed, &record.goal),
                ("DoubleIntegrator-v0", seed, &None)
            );
            assert_eq!((record.rewards.len(), record.observations.len(), record.plans.len()), (100, 101, 10));
            let start = (seed as f32).cos();
            assert_eq!(record.observations[0][0], f64::from(start));
            let end = record.observations.last().unwrap();
            assert!(end.iter().all(|value| value.abs() < 0.05), "{controller}: {end:?}");
            assert!(record.rewards.iter().sum::<f64>() > 40.0, "{controller}: {:?}", record.rewards);
            replayed(record);
        }
        let alone =
            rollout(&mut planner, setups(controller, &[2]), &config, &|| 0.0, &mut |_, _| true).unwrap();
        assert!(alone[0] == records[1], "company changed the episode");
    }
}

/// Checks a record against their environment, driven without any of our code.
fn replayed(record: &EpisodeRecord) {
    let mut env = DoubleIntegrator::default();
    let row =
        |observation: &Array1<f32>| observation.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    let (first, _) = env.reset_seed(i32::try_from(record.seed).unwrap());
    assert_eq!(row(&first), record.observations[0]);
    for (step, action) in record.actions.iter().enumerate() {
        assert!(action.iter().all(|entry| entry.abs() <= 1.0), "a command outside the action space");
        let (observation, reward, ..) = env.step(action.iter().map(|entry| *entry as f32).collect());
        assert_eq!(
            (row(&observation), f64::from(reward)),
            (record.observations[step + 1].clone(), record.rewards[step])
        );
    }
}

/// One frame of balancing: CartPole's discrete action, 0 or 1.
struct Balance;

impl Planner for Balance {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let of = |request: &Request<'_>| {
            let o = request.observation;
            let right = o[2] + 0.5 * o[3] + 0.05 * o[1] > 0.0;
            let mut plan = Plan::default();
            plan.frames = 1;
            plan.actions = vec![f64::from(u8::from(right))];
            plan.observations = o.to_vec();
            plan
        };
        Ok(requests.iter().map(of).collect())
    }
}

#[test]
fn their_cartpole_is_balanced_by_our_loop_and_falls_without_it() {
    let cartpole = || {
        let theirs: FromGymnasium<_, Array1<f32>, i32> =
            FromGymnasium::new("CartPole-v1", CartPole::new()).unwrap();
        TimeLimit::new(theirs, 200).unwrap()
    };
    let setup = |seed| {
        let env = Box::new(cartpole());
        let controller = make_controller(&ControlConfig::default(), env.spec(), None).unwrap();
        EpisodeSetup { env, controller, start: Start::seed(seed) }
    };
    let config = RolloutConfig::default();
    let records =
        rollout(&mut Balance, [5, 6].map(setup).into(), &config, &|| 0.0, &mut |_, _| true).unwrap();
    for record in &records {
        assert_eq!((record.rewards.len(), record.plans.len()), (200, 200));
    }
    assert_ne!(records[0].observations[0], records[1].observations[0]);

    let mut env = cartpole();
    let mut random = make_policy("random", env.spec()).unwrap();
    let fallen = run_policy(random.as_mut(), &mut env, &[5, 6, 7], None, &mut |_, _| true).unwrap();
    for record in &fallen {
        // Ended by the pole, not the clock; the loop heard it.
        assert!(record.rewards.len() < 150, "{} steps", record.rewards.len());
        assert!(record.observations.last().unwrap()[2].abs() > 0.2);
    }
    // Without a time limit or one of the loop's own, nothing would end an episode: that is refused.
    let mut endless: FromGymnasium<_, Array1<f32>, i32> =
        FromGymnasium::new("CartPole-v1", CartPole::new()).unwrap();
    let refused = run_policy(random.as_mut(), &mut endless, &[5], None, &mut |_, _| true).unwrap_err();
    assert!(matches!(refused, AgentError::Setting { name: "rollout.max_steps", .. }), "{refused}");
    assert!(run_policy(random.as_mut(), &mut endless, &[5], Some(200), &mut |_, _| true).is_ok());
}

#[test]
fn ours_is_driven_through_their_trait() {
    // A driver that knows their trait alone, as their own programs would have it.
    fn drive(
        env: &mut dyn Env<Array1<f32>, Array1<f32>>,
        seed: i32,
        actions: &[Vec<f64>],
    ) -> (Vec<Vec<f32>>, f32, bool) {
        let (first, info) = env.reset_seed(seed);
        assert_eq!(info["goal"], serde_json::json!([1.0, 1.0]));
        let (mut observations, mut total, mut over) = (vec![first.to_vec()], 0.0, false);
        for action in actions {
            assert!(!over, "the episode went on after its end");
            let (observation, reward, terminated, truncated, info) =
                env.step(action.iter().map(|entry| *entry as f32).collect());
            assert!(!info.contains_key("error"), "{:?}", info["error"]);
            observations.push(observation.to_vec());
            total += reward;
            over = terminated || truncated;
        }
        (observations, total, over)
    }
    // Commands of our reference controller, rounded to what their trait can carry, taken by both.
    let mut ours = make("maze2d-umaze-v1").unwrap();
    let mut policy = make_policy("waypoint-fresh", ours.spec()).unwrap();
    let record = run_policy(policy.as_mut(), ours.as_mut(), &[9], None, &mut |_, _| true).unwrap().remove(0);
    let actions: Vec<Vec<f64>> = record
        .actions
        .iter()
        .map(|action| action.iter().map(|entry| f64::from(*entry as f32)).collect())
        .collect();
    ours.reset(&Start::seed(9)).unwrap();
    let (mut expected, mut expected_return) = (vec![ours.observation().to_vec()], 0.0);
    for action in &actions {
        expected_return += ours.step(action).unwrap().reward;
        expected.push(ours.observation().to_vec());
    }
    assert!(expected_return > 50.0, "the controller earns something: {expected_return}");
    let mut adapter = AsGymnasium::new(make("maze2d-umaze-v1").unwrap(), 0);
    let (observations, total, over) = drive(&mut adapter, 9, &actions);
    let narrow = |row: &Vec<f64>| row.iter().map(|value| *value as f32).collect::<Vec<_>>();
    assert_eq!(observations, expected.iter().map(narrow).collect::<Vec<_>>());
    assert_eq!((f64::from(total), over), (expected_return, true));
}

#[test]
fn ours_survives_the_way_there_and_back() {
    // Ours as theirs as ours: only single precision is lost on the way.
    let there = AsGymnasium::new(make("maze2d-umaze-v1").unwrap(), 0);
    let mut back: FromGymnasium<_, Array1<f32>, Array1<f32>> =
        FromGymnasium::new("there-and-back", there).unwrap();
    let mut random = make_policy("random", back.spec()).unwrap();
    let returned = run_policy(random.as_mut(), &mut back, &[4, 5], Some(300), &mut |_, _| true).unwrap();
    let mut direct = make("maze2d-umaze-v1").unwrap();
    let direct = run_policy(random.as_mut(), direct.as_mut(), &[4, 5], None, &mut |_, _| true).unwrap();
    for (returned, direct) in returned.iter().zip(&direct) {
        assert_eq!(returned.actions, direct.actions);
        assert_eq!(returned.rewards.len(), direct.rewards.len());
        for (a, b) in returned.observations.iter().flatten().zip(direct.observations.iter().flatten()) {
            assert!((a - b).abs() < 1e-3, "{a} against {b}");
        }
    }
}
