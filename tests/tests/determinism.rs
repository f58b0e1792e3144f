//! What an episode depends on: its seed, the planner and the settings, and nothing else.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::Device;
use forethought_agent::{AgentError, EpisodeRecord, EpisodeSetup, PlanRecord, RolloutConfig, rollout};
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind, Support};
use forethought_envs::maze::{GenerateOptions, generate};
use forethought_envs::{EnvError, EnvSpec, Environment, SharedTask, Start, Transition, make};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::Target;
use forethought_planner::{
    Denoiser, DiffusionPlanner, EngineDenoiser, GuidanceConfig, HorizonConfig, Lengths, LocalDynamics,
    ModelConfig, PlanConfig, PlannerError, RankConfig, SamplerConfig, random,
};
use forethought_policies::{ControlConfig, make_controller};

const MAZE: &str = "maze2d-umaze-v1";

/// Everything on that could let one episode reach into another.
fn busy() -> PlanConfig {
    PlanConfig {
        goal_conditioning: false,
        warm_start: 0.6,
        sampler: SamplerConfig {
            steps: 5,
            stabilization_level: 2,
            // Tokens wait for each other, or there is nothing to complete.
            uncertainty_scale: 1.0,
            clean_tokens: 0,
            ..SamplerConfig::default()
        },
        guidance: GuidanceConfig {
            scale: 2.0,
            end: 0.3,
            mc_samples: 3,
            start_weight: 0.5,
            condition_scale: 1.0,
        },
        horizon: HorizonConfig {
            lengths: Lengths::These(vec![3, 5]),
            shrink: 1,
            terminal_chunks: 3,
            reach: 0.0,
            leaps: false,
            episode: 0,
            surprise: 0.0,
        },
        rank: RankConfig { candidates: 2, ood_penalty: 0.0 },
        ..PlanConfig::default()
    }
}

/// The settings that ship, as far as a network without data can be planned with.
fn shipped() -> PlanConfig {
    let rank = RankConfig { ood_penalty: 0.0, ..RankConfig::default() };
    PlanConfig { rank, ..PlanConfig::default() }
}

/// The same, where goals are further than one plan is to lead.
fn in_legs() -> PlanConfig {
    let mut config = shipped();
    config.horizon.reach = 0.1;
    config
}

/// A planner around an untrained network whose weights are all drawn, none left zero: the transformer in the
/// engine, the recurrent network in Burn.
fn planner(kind: NetworkKind, threads: usize, config: PlanConfig) -> DiffusionPlanner {
    build(kind, threads, config, 0.2)
}

fn build(kind: NetworkKind, threads: usize, config: PlanConfig, deviation: f32) -> DiffusionPlanner {
    let device = Device::flex();
    let spec = make(MAZE).unwrap().spec().clone();
    let network = NetworkConfig {
        kind,
        width: 64,
        layers: 2,
        heads: 4,
        fourier_features: 3,
        causal: kind == NetworkKind::Gru,
        ..NetworkConfig::default()
    };
    // Drawn weights say little beside dynamics: where every setting is to show, they speak alone.
    let target = if [shipped(), in_legs()].contains(&config) { Target::Residual } else { Target::X0 };
    let model =
        ModelConfig { frames_per_token: 4, chunks: 5, levels: 50, target, network, ..ModelConfig::default() };
    let layout = model.layout(&spec).unwrap();
    let network = Network::new(&model.network, &layout, 0, &device).unwrap();
    let parameters = ParameterLayout::of(&network);
    let mut drawn = vec![0.0; parameters.len()];
    random::fill_normal(&mut random::stream(11, &[]), &mut drawn);
    let weights: Vec<f32> = drawn.iter().map(|value| deviation * *value as f32).collect();
    let (schedule, config_of_network) = (model.noise().unwrap(), &model.network);
    let mut dynamics = LocalDynamics::persistence(&layout);
    // Small strides, so that plans of drawn weights stay within the limits.
    dynamics.variance.fill(0.01);
    dynamics.passive_variance.fill(0.01);
    let preconditioning = model.preconditioning(&layout, Some(&dynamics)).unwrap();
    let denoiser: Box<dyn Denoiser> = if kind == NetworkKind::Transformer {
        let denoiser =
            EngineDenoiser::new(&parameters, &weights, config_of_network, preconditioning, threads);
        Box::new(denoiser.unwrap())
    } else {
        let network = parameters.load(network, &weights, &device).unwrap();
        Box::new(NetworkDenoiser::new(network, preconditioning, config_of_network, &device, true).unwrap())
    };
    let part = |shift: &[f64], scale: &[f64]| {
        Normalizer::from_parts(NormalizerKind::Standard, shift.to_vec(), scale.to_vec()).unwrap()
    };
    let normalizer = DatasetNormalizer {
        observation: part(&[2.0, 2.0, 0.0, 0.0], &[1.0, 1.0, 2.0, 2.0]),
        action: part(&[0.0, 0.0], &[0.6, 0.6]),
    };
    let limits = SlotLimits { low: vec![-2.0; 6], high: vec![2.0; 6] };
    // Knows ways, so that goals that are far are planned for in legs.
    let options = GenerateOptions { rows: 20_000, ..GenerateOptions::default() };
    let data = generate(MAZE, &options, &mut |_, _| ()).unwrap();
    let support = Support::fit(&data, &layout.condition, layout.frames_per_token).unwrap();
    DiffusionPlanner::new(denoiser, schedule, normalizer, limits, config, Some(support)).unwrap()
}

fn setup(seed: u64) -> EpisodeSetup {
    let env = make(MAZE).unwrap();
    let controller = make_controller(&ControlConfig::default(), env.spec(), None).unwrap();
    EpisodeSetup { env, controller, start: Start::seed(seed) }
}

/// Records of these seeds; the clock stands still, so that no time is in them.
fn records(planner: &mut DiffusionPlanner, seeds: &[u64]) -> Vec<EpisodeRecord> {
    let setups: Vec<EpisodeSetup> = seeds.iter().map(|&seed| setup(seed)).collect();
    let config = RolloutConfig {
        execution_horizon: 7,
        max_steps: Some(30),
        record_plans: true,
        trace: true,
        ..RolloutConfig::default()
    };
    rollout(planner, setups, &config, &|| 0.0, &mut |_, _| true).unwrap()
}

/// Largest difference between two records' first plans.
fn first_gap(left: &EpisodeRecord, right: &EpisodeRecord) -> f64 {
    let (left, right) = (&left.plans[0], &right.plans[0]);
    let entries = |plan: &PlanRecord| -> Vec<f64> {
        plan.observations.iter().chain(&plan.actions).flatten().copied().collect()
    };
    let (left, right) = (entries(left), entries(right));
    assert_eq!(left.len(), right.len());
    left.iter().zip(&right).map(|(left, right)| (left - right).abs()).fold(0.0, f64::max)
}

/// Episodes 0 to 4, which have been checked to be the same for one and two threads, run after run.
fn same_for_any_threads(config: &PlanConfig) -> (DiffusionPlanner, Vec<EpisodeRecord>) {
    let five = records(&mut planner(NetworkKind::Transformer, 1, config.clone()), &[0, 1, 2, 3, 4]);
    // A plan of one chunk is replaced after its four frames.
    assert!(five.iter().all(|record| (5..=8).contains(&record.plans.len())));
    let mut two = planner(NetworkKind::Transformer, 2, config.clone());
    for _ in 0..2 {
        assert!(records(&mut two, &[0, 1, 2, 3, 4]) == five, "two threads differ from one");
    }
    (two, five)
}

#[test]
fn threads_and_company_change_nothing_with_the_transformer() {
    for config in [busy(), shipped(), in_legs()] {
        let (mut planner, five) = same_for_any_threads(&config);
        let alone = records(&mut planner, &[3]).remove(0);
        assert!(alone == five[3], "alone, episode 3 is another by {:e}", first_gap(&alone, &five[3]));
        let backwards = records(&mut planner, &[4, 3, 2, 1, 0]);
        assert!(backwards.iter().rev().eq(&five), "the order of the episodes matters");
        let twins = records(&mut planner, &[3, 9, 3]);
        assert!(twins[0] == five[3] && twins[2] == five[3], "equal seeds give unequal episodes");
    }
}

/// The recurrent network goes through Burn's matrix products, on one thread, whose rounding depends on the
/// number of rows: company shows in the last digits, though nowhere else.
#[test]
fn company_changes_only_rounding_with_the_recurrent_network() {
    // One candidate: where two are worth nearly the same, the last digits choose.
    let mut one = busy();
    (one.horizon.lengths, one.rank.candidates) = (Lengths::Auto, 1);
    let mut planner = planner(NetworkKind::Gru, 1, one);
    let five = records(&mut planner, &[0, 1, 2, 3, 4]);
    let alone = records(&mut planner, &[3]).remove(0);
    let gap = first_gap(&alone, &five[3]);
    assert!(gap < 1e-2, "alone, episode 3 is another by {gap:e}");
    assert!(first_gap(&alone, &five[2]) > 0.1, "the comparison sees differences");
}

#[test]
fn every_part_of_the_settings_does_something() {
    // Guards the test above: were guidance, completions, candidates or the warm start dead, it would
    // compare less than it says.
    let of = |config: PlanConfig| records(&mut planner(NetworkKind::Transformer, 2, config), &[1]).remove(0);
    let base = of(busy());
    let warm = |record: &EpisodeRecord| record.plans[1].rows < record.plans[0].rows;
    assert!(warm(&base));
    let changed = |change: fn(&mut PlanConfig)| {
        let mut config = busy();
        change(&mut config);
        config
    };
    for (name, config) in [
        ("guidance.scale", changed(|c| c.guidance.scale = 0.0)),
        ("guidance.mc_samples", changed(|c| c.guidance.mc_samples = 1)),
        ("guidance.start_weight", changed(|c| c.guidance.start_weight = 0.0)),
        ("guidance.end", changed(|c| c.guidance.end = 0.9)),
        ("rank.candidates", changed(|c| c.rank.candidates = 1)),
        ("goal_conditioning", changed(|c| c.goal_conditioning = true)),
        ("warm_start", changed(|c| c.warm_start = 1.0)),
        ("horizon.lengths", changed(|c| c.horizon.lengths = Lengths::These(vec![2]))),
        ("sampler.clean_tokens", changed(|c| c.sampler.clean_tokens = 1)),
        ("sampler.stabilization_level", changed(|c| c.sampler.stabilization_level = 0)),
    ] {
        assert!(of(config).observations != base.observations, "{name} changes nothing");
    }
    let whole = changed(|c| c.goal_conditioning = true);
    let in_legs = changed(|c| (c.goal_conditioning, c.horizon.reach) = (true, 0.1));
    assert!(of(in_legs).observations != of(whole).observations, "horizon.reach changes nothing");
}

/// A maze whose observation holds NaN from some step on.
struct Broken {
    inner: Box<dyn Environment>,
    left: usize,
    observation: Vec<f64>,
}

impl Broken {
    fn observe(&mut self) {
        self.observation.copy_from_slice(self.inner.observation());
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.observation[2] = f64::NAN,
        }
    }
}

impl Environment for Broken {
    fn spec(&self) -> &EnvSpec {
        self.inner.spec()
    }
    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        self.inner.reset(start)?;
        self.observe();
        Ok(())
    }
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        let transition = self.inner.step(action)?;
        self.observe();
        Ok(transition)
    }
    fn observation(&self) -> &[f64] {
        &self.observation
    }
    fn task(&self) -> SharedTask {
        self.inner.task()
    }
}

#[test]
fn nan_in_an_observation_stops_the_run_and_says_where() {
    let mut planner = planner(NetworkKind::Transformer, 2, busy());
    let config = RolloutConfig { execution_horizon: 7, max_steps: Some(30), ..RolloutConfig::default() };
    for at in [0, 1, 7, 12] {
        let mut setups: Vec<EpisodeSetup> = [4, 5].map(setup).into();
        let broken = Broken { inner: make(MAZE).unwrap(), left: at, observation: vec![0.0; 4] };
        setups[1].env = Box::new(broken);
        let error = rollout(&mut planner, setups, &config, &|| 0.0, &mut |_, _| true).unwrap_err();
        assert!(matches!(error, AgentError::NonFinite { what: "observation", index: 2, .. }), "{error:?}");
        let message = error.to_string();
        for part in [MAZE, "episode seed 5", &format!("step {at}"), "observation[2] is NaN"] {
            assert!(message.contains(part), "`{part}` is not said: {message}");
        }
    }
}

#[test]
fn a_broken_network_stops_the_run_and_says_so() {
    // Weights so large that single precision overflows.
    let mut planner = build(NetworkKind::Transformer, 2, busy(), 1e30);
    let config = RolloutConfig { max_steps: Some(5), ..RolloutConfig::default() };
    let error = rollout(&mut planner, vec![setup(1)], &config, &|| 0.0, &mut |_, _| true).unwrap_err();
    assert!(
        matches!(error, AgentError::Planning { source: PlannerError::BrokenOutput { .. }, .. }),
        "{error:?}"
    );
    let message = error.to_string();
    assert!(message.contains("episode seed 1") && message.contains("not finite"), "{message}");
}
