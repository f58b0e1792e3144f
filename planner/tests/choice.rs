//! Which of several plans is kept: one that stays where the data have been, and the one in force where no new one
//! will do.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forethought_envs::GoalTask;
use forethought_envs::data::{Dataset, DatasetNormalizer, Normalizer, NormalizerKind, Support};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, HorizonConfig, InForce, Lengths, NoisyBatch, Plan,
    PlanConfig, Planner, PlannerError, RankConfig, Request, SamplerConfig, Solver, TokenLayout,
};

const START: [f64; 2] = [0.0, 0.0];
const END: [f64; 2] = [3.0, 0.0];
const CHUNKS: usize = 4;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 2,
        chunks: CHUNKS,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

/// Estimates a bow from the start to the goal, above or below the straight line as its noise falls; below it once
/// that is set.
struct Bows {
    layout: TokenLayout,
    below: Arc<AtomicBool>,
    /// Share of the way that a bow below has behind it when one above is at its end. From 2 on it is a straight line.
    pace: f64,
}

impl Denoiser for Bows {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let (layout, per) = (&self.layout, batch.tokens * self.layout.width());
        x0_btd.copy_from_slice(batch.x_btd);
        for ((x_td, x0_td), &chunks) in
            batch.x_btd.chunks_exact(per).zip(x0_btd.chunks_exact_mut(per)).zip(batch.chunks_b)
        {
            // The clean value has the sign of the noisy one, so that a sequence never changes sides.
            let above = x_td[FIRST_CHUNK * layout.width()] > 0.0 && !self.below.load(Ordering::Relaxed);
            let side = if above { 1.0 } else { -1.0 };
            let frames = chunks * layout.frames_per_token;
            for frame in 0..frames {
                let (token, slot) =
                    (FIRST_CHUNK + frame / layout.frames_per_token, frame % layout.frames_per_token);
                let token = &mut x0_td[token * layout.width()..(token + 1) * layout.width()];
                let share = (frame + 1) as f64 / frames as f64;
                token[layout.action_at(slot)] = side;
                token[layout.observation_at(slot)] = END[0] * share * if above { 1.0 } else { self.pace };
                token[layout.observation_at(slot) + 1] =
                    if self.pace < 2.0 { side * (std::f64::consts::PI * share).sin() } else { 0.0 };
            }
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        _cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        pulled_btd.fill(0.0);
        self.denoise(batch, x0_btd)
    }
}

/// Data that have been everywhere above the straight line and nowhere below it.
fn above() -> Support {
    support(&|[_, y]| y >= 0.0)
}

/// Data that have been everywhere where `been` says so.
fn support(been: &dyn Fn([f32; 2]) -> bool) -> Support {
    let raster =
        (0..=100).flat_map(|i| (0..=80).map(move |j| [0.05 * (i - 20) as f32, 0.05 * (j - 40) as f32]));
    let observations: Vec<f32> = raster.filter(|&position| been(position)).flatten().collect();
    let rows = observations.len() / 2;
    let dataset = Dataset::of_rows("half plane", [2, 1], observations, vec![0.0; rows]);
    Support::fit(&dataset, &[0, 1], 1).unwrap()
}

fn planner(config: PlanConfig, below: &Arc<AtomicBool>) -> DiffusionPlanner {
    paced(config, below, 1.0)
}

fn paced(config: PlanConfig, below: &Arc<AtomicBool>, pace: f64) -> DiffusionPlanner {
    supported(config, below, pace, above())
}

fn supported(config: PlanConfig, below: &Arc<AtomicBool>, pace: f64, support: Support) -> DiffusionPlanner {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 100).unwrap();
    let denoiser = Box::new(Bows { layout: layout(), below: Arc::clone(below), pace });
    DiffusionPlanner::new(denoiser, schedule, normalizer, limits.clone(), config, Some(support)).unwrap()
}

fn config(support: f64, samples: usize) -> PlanConfig {
    let mut config = PlanConfig::default();
    config.sampler =
        SamplerConfig { solver: Solver::Ddim, uncertainty_scale: 1.0, clean_tokens: 0, ..config.sampler };
    config.guidance.scale = 0.0;
    config.horizon = HorizonConfig {
        lengths: Lengths::These(vec![layout().chunks]),
        shrink: 0,
        terminal_chunks: 3,
        reach: 0.0,
        leaps: false,
        episode: 0,
        surprise: 0.0,
    };
    config.rank = RankConfig { candidates: samples, ood_penalty: support };
    config
}

/// A goal that lives as long as the test.
fn goal(values: &[f64]) -> &'static GoalTask {
    Box::leak(Box::new(GoalTask::new(&[0, 1], values, 0.5)))
}

fn request(seed: u64) -> Request<'static> {
    Request::new(&START, goal(&END), seed)
}

fn highest_and_lowest(plan: &Plan) -> (f64, f64) {
    let y = || plan.observations.chunks_exact(2).map(|position| position[1]);
    (y().fold(f64::MIN, f64::max), y().fold(f64::MAX, f64::min))
}

#[test]
fn of_several_plans_one_is_kept_that_stays_where_the_data_have_been() {
    let below = Arc::new(AtomicBool::new(false));
    let requests: Vec<_> = (0..16).map(request).collect();
    let blind = planner(config(0.0, 8), &below).plan(&requests, false).unwrap();
    assert!(blind.iter().any(|plan| highest_and_lowest(plan).1 < -0.9), "half of all bows lead below");
    assert!(blind.iter().all(|plan| plan.unsupported == 0), "nobody asked");
    let judged = planner(config(1.0, 8), &below).plan(&requests, false).unwrap();
    for plan in &judged {
        let (highest, lowest) = highest_and_lowest(plan);
        assert!(highest > 0.9 && lowest > -0.1, "{highest} and {lowest}");
        assert_eq!((plan.unsupported, plan.stats.candidates), (0, 8));
    }
    // Together or alone, a request's plan is the same.
    let alone = planner(config(1.0, 8), &below).plan(&requests[5..6], false).unwrap();
    assert_eq!(alone[0], judged[5]);
    // Where every plan leaves the support, the plan says so.
    below.store(true, Ordering::Relaxed);
    let outside = planner(config(1.0, 8), &below).plan(&requests, false).unwrap();
    assert!(outside.iter().all(|plan| plan.unsupported > 4));
}

#[test]
fn where_no_new_plan_will_do_the_one_in_force_is_kept() {
    let below = Arc::new(AtomicBool::new(false));
    let mut planner = planner(config(1.0, 8), &below);
    let first = planner.plan(&[request(3)], false).unwrap().remove(0);
    below.store(true, Ordering::Relaxed);
    let again = |planner: &mut DiffusionPlanner, observation: &[f64]| {
        let next =
            Request { observation, in_force: Some(InForce { plan: &first, executed: 2 }), ..request(4) };
        planner.plan(&[next], false).unwrap().remove(0)
    };
    let on_the_way = again(&mut planner, &first.observations[2..4]);
    assert_eq!(on_the_way.observations, first.observations[4..]);
    assert_eq!(on_the_way.actions, first.actions[2..]);
    assert_eq!((on_the_way.frames, on_the_way.unsupported), (first.frames - 2, 0));
    // Away from the plan in force it leads nowhere.
    let astray = again(&mut planner, &[first.observations[2], first.observations[3] + 0.3]);
    assert!(astray.unsupported > 0);
    assert_eq!(astray.stats.candidates, 24, "the lengths it leaves, those with other noise, all");
    // And as soon as there is a new one that will do, it is taken.
    below.store(false, Ordering::Relaxed);
    let fresh = again(&mut planner, &first.observations[2..4]);
    assert_eq!((fresh.frames, fresh.unsupported), (6, 0));
    assert_ne!(fresh.observations, first.observations[4..]);
}

#[test]
fn of_several_plans_the_one_that_arrives_first_is_kept() {
    let above = |pace: f64, candidates: usize| {
        let mut planner = paced(config(0.0, candidates), &Arc::default(), pace);
        let requests: Vec<_> = (0..16).map(request).collect();
        let plans = planner.plan(&requests, false).unwrap();
        plans.iter().filter(|plan| highest_and_lowest(plan).0 > 0.9).count()
    };
    assert!((4..13).contains(&above(1.0, 1)), "half of all bows lead above");
    // Bows below end just outside the goal and come closer: they arrive after their end.
    assert_eq!(above(0.8, 8), 16);
    // Faster ones pass through it before their end.
    assert_eq!(above(1.1, 8), 0);
}

#[test]
fn a_plan_that_passes_through_the_goal_binds_the_next_to_its_arrival() {
    let frames = |pace: f64| {
        let below = Arc::new(AtomicBool::new(true));
        let mut planner = paced(config(0.0, 2), &below, pace);
        let first = planner.plan(&[request(1)], false).unwrap().remove(0);
        let in_force = Some(InForce { plan: &first, executed: 2 });
        let observation = &first.observations[2..4];
        let next = planner.plan(&[Request { observation, in_force, ..request(2) }], false).unwrap();
        (first.frames, next[0].frames)
    };
    assert_eq!(frames(1.0), (8, 6), "it arrives in its last frame but one");
    assert_eq!(frames(2.0), (8, 2), "it arrives in its fourth");
}

#[test]
fn what_did_not_come_as_planned_is_given_the_time_of_a_first_plan() {
    // A plan of eight frames of which two are done, and how far from what it said of the second one is now.
    let frames = |surprise: f64, off: f64| {
        let mut config = config(0.0, 2);
        config.horizon.surprise = surprise;
        let mut planner = planner(config, &Arc::new(AtomicBool::new(true)));
        let first = planner.plan(&[request(1)], false).unwrap().remove(0);
        let observation = [first.observations[2], first.observations[3] + off];
        let in_force = Some(InForce { plan: &first, executed: 2 });
        let next = Request { observation: &observation, in_force, ..request(2) };
        planner.plan(&[next], false).unwrap()[0].frames
    };
    // The tolerance is 0.5.
    assert_eq!([frames(0.5, 0.0), frames(0.5, 0.24), frames(0.5, 0.26), frames(0.6, 0.26)], [6, 6, 8, 6]);
    assert_eq!(frames(0.0, 0.26), 6, "unless asked for, the arrival is kept to");
}

#[test]
fn a_plan_that_ends_too_far_away_does_not_arrive() {
    let below = Arc::new(AtomicBool::new(true));
    // It comes closer by a quarter of its way a chunk.
    let candidates = |pace: f64| {
        let plan = paced(config(0.0, 2), &below, pace).plan(&[request(1)], false).unwrap().remove(0);
        (plan.stats.candidates, plan.arrival.is_some())
    };
    assert_eq!(candidates(0.7), (2, false), "it arrives a chunk after its end");
    assert_eq!(candidates(0.2), (4, false), "nothing found: tried once more");
    assert_eq!(candidates(0.9), (2, true));
}

#[test]
fn a_plan_that_ends_before_a_wall_does_not_arrive_through_it() {
    let below = Arc::new(AtomicBool::new(true));
    // It ends at 2.1 of 3, and half a unit before the goal it has arrived.
    let plan = |support: Support| {
        let mut planner = supported(config(1.0, 2), &below, 0.7, support);
        let plan = planner.plan(&[request(1)], false).unwrap().remove(0);
        (plan.unsupported, plan.stats.candidates)
    };
    assert_eq!(plan(support(&|_| true)), (0, 2));
    // Two frames are left, at 2.3 and 2.5.
    assert_eq!(plan(support(&|[x, _]| x < 2.37)), (1, 4), "nothing found: tried once more");
}

#[test]
fn no_length_longer_than_one_that_will_do_is_sampled() {
    let everywhere = || support(&|_| true);
    let lengths = |lengths: &[usize], been: Support| {
        let mut config = config(1.0, 3);
        config.horizon.lengths = Lengths::These(lengths.to_vec());
        let mut planner = supported(config, &Arc::new(AtomicBool::new(true)), 1.0, been);
        let plan = planner.plan(&[request(1)], false).unwrap().remove(0);
        (plan.frames / layout().frames_per_token, plan.stats.candidates)
    };
    assert_eq!(lengths(&[1, 2, 4], everywhere()), (1, 3));
    assert_eq!(lengths(&[2, 4], everywhere()), (2, 3));
    // All lengths lead below, where the data have never been: each is tried, with fresh noise in every round.
    assert_eq!(lengths(&[2, 4], above()).1, 3 * 2 * 2);
}

#[test]
fn where_no_goal_is_shown_every_length_is_sampled() {
    let mut config = PlanConfig { goal_conditioning: false, ..config(1.0, 3) };
    config.horizon.lengths = Lengths::These(vec![2, 4]);
    let mut planner = supported(config, &Arc::new(AtomicBool::new(true)), 1.0, support(&|_| true));
    let plan = planner.plan(&[request(1)], false).unwrap().remove(0);
    assert_eq!(plan.stats.candidates, 2 * 3);
}

#[test]
fn where_the_task_is_done_there_is_nothing_to_choose_from() {
    let below = Arc::default();
    let mut planner = planner(config(0.0, 8), &below);
    let plan = planner.plan(&[Request { observation: &END, ..request(1) }], false).unwrap().remove(0);
    assert_eq!(plan.stats.candidates, 1);
}

#[test]
fn a_support_that_is_asked_for_and_missing_is_refused() {
    let below = Arc::new(AtomicBool::new(false));
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 100).unwrap();
    let without = |support: f64| {
        let denoiser = Box::new(Bows { layout: layout(), below: Arc::clone(&below), pace: 1.0 });
        let (normalizer, schedule) = (normalizer.clone(), schedule.clone());
        DiffusionPlanner::new(denoiser, schedule, normalizer, limits.clone(), config(support, 1), None)
    };
    let message = without(1.0).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("plan.rank.ood_penalty") && message.contains("train again"), "{message}");
    let mut planner = without(0.0).unwrap();
    assert!(planner.set_config(config(1.0, 1)).is_err());
    assert!(planner.config().rank.ood_penalty.abs() < f64::EPSILON, "the old settings stay");
}
