//! Plans longer than the longest sequence: the law of what is composed, known in closed form, and where it leads.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::drives::support;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind, Support};
use forethought_envs::{GoalTask, Task};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, GOAL, Lengths, NoisyBatch, Plan, PlanConfig, Planner,
    PlannerError, Request, STATE, Solver, TokenLayout,
};
use nalgebra::{DMatrix, DVector};

/// Chunks of the longest sequence; a frame each.
const CHUNKS: usize = 8;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 1,
        chunks: CHUNKS,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

/// The optimal denoiser of random walks in the plane between known ends: positions `N(line, s^2 (min(i, j) - i j / n))`,
/// the same for each coordinate; and the clean action is the frame's number.
struct Walks {
    layout: TokenLayout,
    schedule: NoiseSchedule,
    step: f64,
    /// How far from the goal it ends, where the way is at least twice as long: what a network that hurries does.
    short: f64,
}

impl Denoiser for Walks {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let width = self.layout.width();
        x0_btd.copy_from_slice(batch.x_btd);
        let sequences = batch.x_btd.chunks_exact(batch.tokens * width);
        let answers = x0_btd.chunks_exact_mut(batch.tokens * width);
        for (b, (x_td, x0_td)) in sequences.zip(answers).enumerate() {
            let n = batch.chunks_b[b];
            let level = |t: usize| usize::from(batch.level_btp[b * batch.tokens + t]);
            let at = |t: usize, entry: usize| t * width + self.layout.last_observation() + entry;
            let known = |t: usize, entry: usize| x_td[at(t, entry)] / self.schedule.abar(level(t)).sqrt();
            let way = (0..2).map(|entry| known(GOAL, entry) - known(STATE, entry));
            let distance = way.map(|along| along * along).sum::<f64>().sqrt();
            let short = if distance > 0.0 { (self.short / distance).min(0.5) } else { 0.0 };
            for entry in 0..2 {
                let slot = |t: usize| at(t, entry);
                let (from, goal) = (known(STATE, entry), known(GOAL, entry));
                let to = goal + short * (from - goal);
                // The end is known, so that frames before it are uncertain; it is a ten-thousandth uncertain itself.
                let covariance = DMatrix::from_fn(n, n, |i, j| {
                    let (i, j) = ((i + 1) as f64, (j + 1) as f64);
                    self.step.powi(2) * (i.min(j) - i * j / (n as f64 * 1.0001))
                });
                let mean = DVector::from_fn(n, |i, _| from + (to - from) * (i + 1) as f64 / n as f64);
                let signal = DVector::from_fn(n, |i, _| self.schedule.abar(level(FIRST_CHUNK + i)).sqrt());
                let noise = signal.map(|signal| 1.0 - signal * signal);
                let x = DVector::from_fn(n, |i, _| x_td[slot(FIRST_CHUNK + i)]);
                let shown = DMatrix::from_diagonal(&signal);
                let of_noisy = &shown * &covariance * &shown + DMatrix::from_diagonal(&noise);
                let surprise = x - signal.component_mul(&mean);
                let answer = mean + &covariance * shown * of_noisy.try_inverse().unwrap() * surprise;
                for i in 0..n {
                    x0_td[slot(FIRST_CHUNK + i)] = answer[i];
                }
            }
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _batch: &NoisyBatch<'_>,
        _x0_btd: &mut [f64],
        _cotangent: &Cotangent<'_>,
        _pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        unreachable!("nothing is guided")
    }
}

/// A wide plain, driven through along its length.
fn plain() -> Support {
    let lane = |i: usize| vec![[-5.0, 0.25 * i as f32 - 5.0], [30.0, 0.25 * i as f32 - 5.0]];
    support(&(0..=40).map(lane).collect::<Vec<_>>())
}

/// Three sides of a square, in lanes a quarter of a unit apart.
fn three_sides() -> Support {
    let lane = |i: usize| {
        let off = 0.25 * i as f32 - 2.0;
        vec![[0.0, off], [20.0 - off, off], [20.0 - off, 20.0 - off], [0.0, 20.0 - off]]
    };
    support(&(0..=16).map(lane).collect::<Vec<_>>())
}

fn planner(support: Support, step: f64, config: PlanConfig) -> DiffusionPlanner {
    planner_that_ends_short(support, step, 0.0, config)
}

fn planner_that_ends_short(support: Support, step: f64, short: f64, config: PlanConfig) -> DiffusionPlanner {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-99.0; 3], high: vec![99.0; 3] };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
    let denoiser = Box::new(Walks { layout: layout(), schedule: schedule.clone(), step, short });
    DiffusionPlanner::new(denoiser, schedule, normalizer, limits, config, Some(support)).unwrap()
}

fn config(reach: f64, ood_penalty: f64) -> PlanConfig {
    let mut config = PlanConfig::default();
    (config.sampler.solver, config.sampler.clean_tokens) = (Solver::Ddim, 0);
    config.guidance.scale = 0.0;
    config.horizon.reach = reach;
    // Walks are as fast as they have to be: none is to leap.
    config.horizon.lengths = Lengths::These((3..=CHUNKS).collect());
    (config.rank.candidates, config.rank.ood_penalty) = (1, ood_penalty);
    config
}

fn goal(values: [f64; 2], radius: f64) -> GoalTask {
    GoalTask::new(&[0, 1], &values, radius)
}

fn place(plan: &Plan, frame: usize) -> [f64; 2] {
    plan.observation(frame).unwrap().try_into().unwrap()
}

/// The composed law: both ends are where they are to be, legs meet in steps like any other, and between two places the
/// mean is the line between them and the covariance that of a walk between known ends. Places are 4 units apart, which
/// is four steps.
#[test]
fn a_composed_walk_has_the_law_of_a_walk_through_its_places() {
    const STEP: f64 = 0.3;
    const LEG: usize = 4;
    let mut config = config(0.5, 0.0);
    config.sampler.steps = 60;
    config.horizon.lengths = Lengths::These(vec![LEG]);
    let mut planner = planner(plain(), STEP, config);
    let task = goal([20.0, 0.0], 0.02);
    let draws = 400;
    let plans: Vec<Plan> = (0..draws)
        .map(|seed| planner.plan(&[Request::new(&[0.0, 0.0], &task, seed)], false).unwrap().remove(0))
        .collect();
    let frames = plans[0].frames;
    assert!(frames.is_multiple_of(LEG) && (20..=24).contains(&frames), "{frames}");
    assert!(plans.iter().all(|plan| plan.frames == frames));
    let over = |of: &dyn Fn(&Plan) -> f64| {
        let values: Vec<f64> = plans.iter().map(of).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64)
    };
    let error = |variance: f64| 4.0 * (variance / draws as f64).sqrt();
    let (end, spread) = over(&|plan| place(plan, frames - 1)[0]);
    assert!((end - 20.0).abs() < 0.01 && spread < 1e-3, "the end is known: {end} {spread}");
    for entry in 0..2 {
        let mean = |frame: usize| over(&|plan: &Plan| place(plan, frame)[entry]).0;
        let mut before = 0.0;
        for leg in 0..frames / LEG {
            let after = mean(leg * LEG + LEG - 1);
            for i in 1..LEG {
                let (found, variance) = over(&|plan| place(plan, leg * LEG + i - 1)[entry]);
                let line = before + (after - before) * i as f64 / LEG as f64;
                let walk = STEP * STEP * (i * (LEG - i)) as f64 / LEG as f64;
                assert!((found - line).abs() < error(walk), "leg {leg}, frame {i}: {found}, not {line}");
                let deviation = walk * (2.0 / draws as f64).sqrt();
                assert!((variance - walk).abs() < 5.0 * deviation + 0.05 * walk, "{variance}, not {walk}");
            }
            before = after;
        }
        // Across a join: a step as any other. Within a leg of n steps each varies by s^2 (1 - 1/n), and two of them that
        // meet at a known place are independent.
        for frame in 1..frames {
            let (_, variance) = over(&|plan| place(plan, frame)[entry] - place(plan, frame - 1)[entry]);
            let walk = STEP * STEP * (1.0 - 1.0 / LEG as f64);
            assert!((variance - walk).abs() < 0.35 * walk, "step {frame}: {variance}, not {walk}");
        }
    }
}

/// The straight line to the goal leads through where the data have never been; legs go round, and their number grows with
/// the way.
#[test]
fn legs_lead_round_to_a_goal_that_no_sequence_reaches() {
    let task = goal([2.0, 19.0], 1.0);
    let mut longest = config(0.0, 100.0);
    longest.horizon.lengths = Lengths::These(vec![CHUNKS]);
    let mut straight = planner(three_sides(), 0.02, longest);
    let plan = straight.plan(&[Request::new(&[0.0, 0.0], &task, 1)], false).unwrap().remove(0);
    assert!(plan.frames <= CHUNKS && plan.unsupported > 0, "{} of {}", plan.unsupported, plan.frames);

    let mut planner = planner(three_sides(), 0.02, config(0.3, 100.0));
    for seed in 0..20 {
        let plan = planner.plan(&[Request::new(&[0.0, 0.0], &task, seed)], true).unwrap().remove(0);
        assert_eq!(plan.unsupported, 0, "seed {seed}");
        assert!((40..=70).contains(&plan.frames), "{} frames for a way of 55 units", plan.frames);
        assert!(plan.arrival.is_some_and(|frame| frame + 3 >= plan.frames), "{:?}", plan.arrival);
        let mut before = [0.0, 0.0];
        for frame in 0..plan.frames {
            let now = place(&plan, frame);
            assert!((now[0] - before[0]).hypot(now[1] - before[1]) < 1.6, "a leap at frame {frame}");
            before = now;
        }
        assert_eq!(plan.actions.len(), plan.frames);
        let last = plan.trace.last().unwrap();
        assert_eq!(last.observations.len() / 2, last.uncertainty.len());
        assert!(plan.trace.windows(2).all(|pair| pair[0].row <= pair[1].row));
    }
}

/// A sequence may end before the goal and count as arriving soon after. What follows begins where it ended, or the plan
/// would leap, and have arrived where nobody was.
#[test]
fn a_leg_begins_where_the_one_before_ends_and_not_where_it_was_to_end() {
    let task = goal([2.0, 19.0], 0.8);
    let mut planner = planner_that_ends_short(three_sides(), 0.02, 1.2, config(0.3, 100.0));
    let mut later = 0;
    for seed in 0..10 {
        let plan = planner.plan(&[Request::new(&[0.0, 0.0], &task, seed)], true).unwrap().remove(0);
        let mut before = [0.0, 0.0];
        for frame in 0..plan.frames {
            let now = place(&plan, frame);
            let step = (now[0] - before[0]).hypot(now[1] - before[1]);
            assert!(step < 1.3, "seed {seed}, frame {frame} of {}: a step of {step}", plan.frames);
            before = now;
        }
        assert!(task.reached(&before) && plan.arrival.is_some(), "{before:?}");
        later += usize::from(plan.frames > 50);
        for snapshot in &plan.trace {
            assert_eq!(snapshot.observations.len() / 2, snapshot.uncertainty.len());
        }
    }
    assert!(later > 0, "shorter legs are more");
}

#[test]
fn a_place_that_is_reached_already_is_no_leg() {
    // A goal as wide as three legs.
    let task = goal([2.0, 19.0], 8.0);
    let mut planner = planner(three_sides(), 0.02, config(0.3, 100.0));
    let plan = planner.plan(&[Request::new(&[0.0, 0.0], &task, 1)], false).unwrap().remove(0);
    let to_stay = PlanConfig::default().horizon.terminal_chunks;
    assert!(plan.frames > to_stay, "{} frames, as to stay where one is", plan.frames);
}

#[test]
fn a_later_plan_is_one_leg_and_the_last_one_leads_to_the_goal() {
    let task = goal([2.0, 19.0], 1.0);
    let mut planner = planner(three_sides(), 0.02, config(0.3, 100.0));
    let mut at = vec![0.0, 0.0];
    let mut plan = planner.plan(&[Request::new(&at, &task, 1)], false).unwrap().remove(0);
    let mut steps = 0;
    while (at[0] - 2.0f64).hypot(at[1] - 19.0) > 1.0 {
        let executed = plan.frames.min(2);
        at = plan.observation(executed - 1).unwrap().to_vec();
        steps += executed as u64;
        assert!(steps < 80, "at {at:?}");
        plan =
            planner.plan(&[Request::new(&at, &task, steps).after(&plan, executed)], false).unwrap().remove(0);
        assert!(plan.frames <= CHUNKS, "{} frames", plan.frames);
    }
    assert!(steps >= 40, "{steps} steps for a way of 55 units");
}

#[test]
fn legs_of_a_batch_are_those_of_each_request_alone() {
    let (far, near) = (goal([2.0, 19.0], 1.0), goal([4.0, 0.0], 1.0));
    let requests = [Request::new(&[0.0, 0.0], &far, 3), Request::new(&[0.0, 0.0], &near, 4)];
    let mut planner = planner(three_sides(), 0.3, config(0.3, 100.0));
    let together = planner.plan(&requests, false).unwrap();
    for (request, plan) in requests.iter().zip(&together) {
        assert_eq!(planner.plan(&[*request], false).unwrap().first(), Some(plan));
    }
    assert!(together[1].frames <= CHUNKS && together[0].frames > CHUNKS);
}

#[test]
fn a_goal_to_which_no_way_leads_is_asked_for_all_the_same() {
    let apart =
        support(&[vec![[0.0, 0.0], [20.0, 0.0], [20.0, 3.0]], vec![[60.0, 0.0], [80.0, 0.0], [80.0, 3.0]]]);
    let task = goal([75.0, 0.0], 1.0);
    let mut planner = planner(apart, 0.02, config(0.6, 0.0));
    let plan = planner.plan(&[Request::new(&[0.0, 0.0], &task, 1)], false).unwrap().remove(0);
    assert!(plan.frames <= CHUNKS);
}
