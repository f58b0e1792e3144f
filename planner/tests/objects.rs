//! Things that are alike: what is moved is shown first, in training and in planning, so that nothing hangs on which of them it is.
#![allow(
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::single_range_in_vec_init
)]

use std::sync::Arc;

use forethought_envs::data::{Dataset, DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{
    BoxSpace, Condition, EnvSpec, Feature, FeatureKind, Frames, FramesGradient, ObjectsTask, SharedTask, Task,
};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::training::BatchMaker;
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, GOAL, GuidanceConfig, History, HorizonConfig,
    Lengths, ModelConfig, NoisyBatch, ObjectOrder, Plan, PlanConfig, Planner, PlannerError, RankConfig,
    Request, STATE, SamplerConfig, TokenLayout, TrainConfig,
};

const ROWS: usize = 60;

/// A hand, and two things of a place and a colour.
fn spec() -> EnvSpec {
    let place = |name: &str| Feature::new(name, 1, FeatureKind::Position);
    let colour = || Feature::new("colour", 1, FeatureKind::Other);
    EnvSpec {
        features: vec![place("hand"), place("one"), colour(), place("other"), colour()],
        condition: vec![1, 3],
        interchangeable: vec![1..3, 3..5],
        ..EnvSpec::of_spaces("two things", BoxSpace::symmetric(5, 9.0), BoxSpace::symmetric(1, 1.0))
    }
}

fn model() -> ModelConfig {
    ModelConfig {
        frames_per_token: 2,
        chunks: 3,
        objects: ObjectOrder::MovedFirst,
        level_blocks: 0,
        target: Target::X0,
        ..ModelConfig::default()
    }
}

fn layout() -> TokenLayout {
    model().layout(&spec()).unwrap()
}

/// Observations with the things changed about.
fn changed(observations: &[f64]) -> Vec<f64> {
    observations.as_chunks::<5>().0.iter().flat_map(|&[hand, a, b, c, d]| [hand, c, d, a, b]).collect()
}

/// One thing, of colour 7, moves on all the time; the other, of colour 9, rests.
fn dataset(swapped: bool) -> Dataset {
    let rows: Vec<f64> =
        (0..ROWS).flat_map(|row| [0.1 * row as f64, 0.5 * row as f64, 7.0, 3.0, 9.0]).collect();
    let rows = if swapped { changed(&rows) } else { rows };
    let actions = (0..ROWS).map(|row| (row as f32).sin()).collect();
    Dataset::of_rows("two things", [5, 1], rows.iter().map(|x| *x as f32).collect(), actions)
}

fn unscaled() -> DatasetNormalizer {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    DatasetNormalizer { observation: identity(5), action: identity(1) }
}

fn batches(swapped: bool, condition_dropout: f64) -> BatchMaker {
    batches_of(&dataset(swapped), condition_dropout)
}

fn batches_of(dataset: &Dataset, condition_dropout: f64) -> BatchMaker {
    let train = TrainConfig { batch: 32, condition_dropout, ..TrainConfig::default() };
    BatchMaker::new(dataset, &unscaled(), None, &layout(), &model(), &train).unwrap()
}

#[test]
fn sequences_that_show_their_goal_show_what_is_moved_first() {
    let (one, other) = (batches(false, 0.0), batches(true, 0.0));
    for step in 0..4 {
        let (a, b) = (one.batch(step), other.batch(step));
        assert_eq!(a.input_bti, b.input_bti, "which of them moves makes no difference");
        assert_eq!((&a.clean_btd, &a.weight_btd), (&b.clean_btd, &b.weight_btd));
        let (t, d, last) = (one.tokens(), layout().width(), layout().last_observation());
        for sequence in (0..32).filter(|&sequence| a.goal_b[sequence]) {
            let token = |token: usize| &a.clean_btd[(sequence * t + token) * d + last..][..5];
            let (now, goal, chunk) = (token(STATE), token(GOAL), token(FIRST_CHUNK));
            assert_eq!((now[2], now[4]), (7.0, 9.0));
            assert!(goal[1] > now[1] && goal[3] == 3.0);
            assert!(chunk[2] == 0.0 || (chunk[2], chunk[4]) == (7.0, 9.0), "{chunk:?}");
        }
    }
}

/// The other thing leaps at the end: until then both rest, and sequences end long before.
#[test]
fn what_is_moved_next_comes_first_in_sequences_that_end_before() {
    let place = |row: usize| if row + 1 < ROWS { 3.0 } else { 5.0 };
    let rows = (0..ROWS).flat_map(|row| [0.1 * row as f32, 1.0, 7.0, place(row), 9.0]).collect();
    let maker = batches_of(&Dataset::of_rows("two things", [5, 1], rows, vec![0.0; ROWS]), 0.0);
    let (t, d, last) = (maker.tokens(), layout().width(), layout().last_observation());
    let batch = maker.batch(0);
    let mut resting = 0;
    for sequence in (0..32).filter(|&sequence| batch.goal_b[sequence]) {
        let token = |token: usize| &batch.clean_btd[(sequence * t + token) * d + last..][..5];
        assert_eq!((token(STATE)[2], token(STATE)[4]), (9.0, 7.0));
        resting += usize::from(token(GOAL)[1] == 3.0);
    }
    assert!(resting > 16, "{resting} sequences end before it leaps");
}

#[test]
fn where_no_goal_is_shown_the_order_is_drawn() {
    let maker = batches(false, 1.0);
    let (t, d, last) = (maker.tokens(), layout().width(), layout().last_observation());
    let mut firsts = [0; 2];
    for step in 0..4 {
        let batch = maker.batch(step);
        assert!(batch.goal_b.iter().all(|shown| !shown));
        for sequence in 0..32 {
            let colour = batch.clean_btd[(sequence * t + STATE) * d + last + 2];
            firsts[usize::from(colour == 9.0)] += 1;
        }
    }
    assert!(firsts.iter().all(|count| (40..=88).contains(count)), "{firsts:?}");
}

/// Answers that differ from entry to entry: a network that things in another order would tell something else.
struct Uneven(TokenLayout);

impl Denoiser for Uneven {
    fn layout(&self) -> &TokenLayout {
        &self.0
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let (width, per) = (self.0.width(), batch.tokens * self.0.width());
        let frame = self.0.frame();
        x0_btd.copy_from_slice(batch.x_btd);
        for (x_td, x0_td) in batch.x_btd.chunks_exact(per).zip(x0_btd.chunks_exact_mut(per)) {
            let now = &x_td[STATE * width + self.0.last_observation()..][..5];
            let goal = &x_td[GOAL * width + self.0.last_observation()..][..5];
            for (slot, x0) in x0_td.iter_mut().enumerate().skip(FIRST_CHUNK * width) {
                let entry = slot % frame;
                let seen = entry.checked_sub(1).map_or(0.0, |entry| 0.6 * now[entry] + 0.4 * goal[entry]);
                *x0 = 0.3 * *x0 + 0.7 * seen + 0.1 * (entry as f64 + 1.0);
            }
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.denoise(batch, x0_btd)?;
        let per = batch.tokens * self.0.width();
        pulled_btd.fill(0.0);
        for (b, (x0_td, pulled_td)) in
            x0_btd.chunks_exact(per).zip(pulled_btd.chunks_exact_mut(per)).enumerate()
        {
            cotangent(b, x0_td, pulled_td);
            pulled_td.iter_mut().for_each(|slope| *slope *= 0.3);
        }
        Ok(())
    }
}

fn planner(guidance: f64) -> DiffusionPlanner {
    let config = PlanConfig {
        warm_start: 0.5,
        history: 1,
        sampler: SamplerConfig { steps: 4, clean_tokens: 0, ..SamplerConfig::default() },
        guidance: GuidanceConfig { scale: guidance, ..GuidanceConfig::default() },
        horizon: HorizonConfig { lengths: Lengths::These(vec![2]), ..HorizonConfig::default() },
        rank: RankConfig { candidates: 1, ood_penalty: 0.0 },
        // With the goal shown nothing is guided before it is reached.
        goal_conditioning: guidance == 0.0,
        ..PlanConfig::default()
    };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 100).unwrap();
    let limits = SlotLimits { low: vec![-99.0; 6], high: vec![99.0; 6] };
    DiffusionPlanner::new(Box::new(Uneven(layout())), schedule, unscaled(), limits, config, None).unwrap()
}

fn task(places: [f64; 2]) -> ObjectsTask {
    ObjectsTask::new(&[1, 3], &places, 1, 0.1).unwrap()
}

/// A first plan and the next, for things at 1 and 2 of which the second is wanted at 6, and what came before.
fn plans(planner: &mut DiffusionPlanner, swapped: bool) -> [Plan; 2] {
    let order = |row: &[f64]| if swapped { changed(row) } else { row.to_vec() };
    let task = if swapped { task([6.0, 1.2]) } else { task([1.2, 6.0]) };
    let now = order(&[0.5, 1.0, 7.0, 2.0, 9.0]);
    let past = order(&[0.1, 1.0, 7.0, 2.0, 9.0, 0.3, 1.0, 7.0, 2.0, 9.0]);
    let history = History { observations: &past, actions: &[0.1, 0.2], seen: &[] };
    let first = Request { history, ..Request::new(&now, &task, 4) };
    let first = planner.plan(&[first], true).unwrap().remove(0);
    let next = first.observation(1).unwrap().to_vec();
    let then = Request { committed: 1, ..Request::new(&next, &task, 5).after(&first, 2) };
    let then = planner.plan(&[then], true).unwrap().remove(0);
    [first, then]
}

#[test]
fn plans_are_the_same_whichever_of_them_is_moved() {
    for guidance in [0.0, 3.0] {
        let mut planner = planner(guidance);
        let (one, other) = (plans(&mut planner, false), plans(&mut planner, true));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.actions, other.actions);
            assert_eq!(changed(&one.observations), other.observations);
            assert_eq!((one.score, one.arrival), (other.score, other.arrival));
            assert!(!one.trace.is_empty());
            for (one, other) in one.trace.iter().zip(&other.trace) {
                assert_eq!(changed(&one.observations), other.observations);
            }
        }
    }
}

/// The second has further to go, so that it is shown first.
#[test]
fn guidance_pulls_things_to_their_own_places() {
    let (mut guided, mut free) = (planner(0.01), planner(0.0));
    free.set_config(PlanConfig { goal_conditioning: false, ..free.config().clone() }).unwrap();
    let now = [0.5, 1.0, 7.0, 2.0, 9.0];
    let task = ObjectsTask::new(&[1, 3], &[20.0, -30.0], 1, 8.0).unwrap();
    let last = |planner: &mut DiffusionPlanner| {
        let plan = planner.plan(&[Request::new(&now, &task, 3)], false).unwrap().remove(0);
        plan.observation(plan.frames - 1).unwrap().to_vec()
    };
    let (guided, free) = (last(&mut guided), last(&mut free));
    assert!(guided[1] > free[1] && guided[3] < free[3], "{guided:?} {free:?}");
    assert_eq!((guided[2], guided[4]), (free[2], free[4]), "nothing is wanted of colours");
}

/// To the first place, and then to the second.
#[derive(Debug)]
struct InTurn(ObjectsTask);

impl Task for InTurn {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        self.0.score(frames, gradient)
    }

    fn distance(&self, observation: &[f64]) -> Option<f64> {
        self.0.distance(observation)
    }

    fn tolerance(&self) -> f64 {
        self.0.tolerance()
    }

    fn condition(&self) -> Option<Condition<'_>> {
        self.0.condition()
    }

    fn stage(&self, observation: &[f64]) -> Option<SharedTask> {
        let wanted = self.condition()?.values;
        Some(Arc::new(
            ObjectsTask::new(&[1, 3], &[wanted[0], observation[3]], 1, self.0.tolerance()).unwrap(),
        ))
    }
}

#[test]
fn a_task_in_stages_is_planned_for_stage_by_stage() {
    let mut planner = planner(0.0);
    let now = [0.5, 1.0, 7.0, 2.0, 9.0];
    let all = InTurn(task([5.0, 6.0]));
    let mut plan = |task: &dyn Task| planner.plan(&[Request::new(&now, task, 1)], false).unwrap().remove(0);
    let (staged, first, whole) = (plan(&all), plan(&task([5.0, 2.0])), plan(&task([5.0, 6.0])));
    assert_eq!(staged.observations, first.observations);
    assert_ne!(staged.observations, whole.observations);
    let config = PlanConfig { stages: false, ..planner.config().clone() };
    planner.set_config(config).unwrap();
    let mut plan = |task: &dyn Task| planner.plan(&[Request::new(&now, task, 1)], false).unwrap().remove(0);
    assert_eq!(plan(&all).observations, whole.observations);
}

#[test]
fn a_plan_arrives_where_the_whole_task_is_done() {
    let mut planner = planner(0.0);
    let now = [0.5, 1.0, 7.0, 2.0, 9.0];
    // Where the stub leads is where both are wanted, or the first alone.
    let led = planner.plan(&[Request::new(&now, &task([5.0, 2.0]), 1)], false).unwrap().remove(0);
    let end = led.observation(led.frames - 1).unwrap().to_vec();
    let mut arrives = |task: &dyn Task| {
        planner.plan(&[Request::new(&now, task, 1)], false).unwrap().remove(0).arrival.is_some()
    };
    let near = |places: [f64; 2]| ObjectsTask::new(&[1, 3], &places, 1, 4.0).unwrap();
    assert!(arrives(&near([end[1], end[3]])));
    let then = InTurn(near([end[1], end[3] + 50.0]));
    assert!(arrives(then.stage(&now).unwrap().as_ref()), "its first stage does");
    assert!(!arrives(&then));
}

#[test]
fn what_is_not_alike_is_refused() {
    let refused = |spec: EnvSpec| model().layout(&spec).unwrap_err().to_string();
    assert!(refused(EnvSpec { interchangeable: vec![], ..spec() }).contains("as-seen"));
    for things in [vec![1..3], vec![1..3, 3..4], vec![1..3, 2..4], vec![1..3, 4..6], vec![1..1, 3..3]] {
        let refused = refused(EnvSpec { interchangeable: things.clone(), ..spec() });
        assert!(refused.contains("interchangeable"), "{things:?}: {refused}");
    }
    let unlike = refused(EnvSpec { condition: vec![1, 4], ..spec() });
    assert!(unlike.contains("layout.objects"), "{unlike}");
    let hand = refused(EnvSpec { condition: vec![0, 1, 3], ..spec() });
    assert!(hand.contains("layout.objects"), "{hand}");
    let mut planner = planner(0.0);
    for change in [
        |config: &mut PlanConfig| config.horizon.reach = 0.5,
        |config: &mut PlanConfig| config.rank.ood_penalty = 1.0,
    ] {
        let mut config = planner.config().clone();
        change(&mut config);
        let refused = planner.set_config(config).unwrap_err().to_string();
        assert!(refused.contains("as-seen"), "{refused}");
    }
}
