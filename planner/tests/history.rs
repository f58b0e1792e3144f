//! What a network is shown of the past: clean, or as badly as it was seen; and that nothing else changes.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::sync::{Arc, Mutex};

use forethought_envs::NoTask;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, History, HorizonConfig, Lengths, NoisyBatch, Plan,
    PlanConfig, Planner, PlannerError, RankConfig, Request, STATE, TokenLayout,
};

/// Frames of a chunk, and the width of a token: an action and two observations a frame.
const F: usize = 2;
const WIDTH: usize = 3 * F;
/// Parts of a token: its actions and its outcomes.
const PARTS: usize = 2;
/// Level of pure noise, and that at which what is known is shown.
const TOP: u16 = 100;
const STABLE: u16 = 10;

/// A sequence as it was shown: values, levels, visible chunks.
type Shown = (Vec<f64>, Vec<u16>, usize);

/// Halves what it is shown, and keeps the first batch of each plan.
struct Witness {
    layout: TokenLayout,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Denoiser for Witness {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        batch.check(WIDTH, PARTS)?;
        let sequences = batch.x_btd.chunks_exact(batch.tokens * WIDTH);
        let levels = batch.level_btp.chunks_exact(batch.tokens * PARTS);
        for ((x_td, level_tp), &chunks) in sequences.zip(levels).zip(batch.chunks_b) {
            self.shown.lock().unwrap().push((x_td.to_vec(), level_tp.to_vec(), chunks));
        }
        x0_btd.iter_mut().zip(batch.x_btd).for_each(|(x0, x)| *x0 = 0.5 * x);
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _: &NoisyBatch<'_>,
        _: &mut [f64],
        _: &Cotangent<'_>,
        _: &mut [f64],
    ) -> Result<(), PlannerError> {
        unreachable!("nothing is guided")
    }
}

struct Rig {
    planner: DiffusionPlanner,
    shown: Arc<Mutex<Vec<Shown>>>,
}

fn layout(reward: bool) -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward,
        frames_per_token: F,
        chunks: 4,
        condition: Vec::new(),
        bodies: vec![],
        objects: vec![],
        level_blocks: 1,
        returns: false,
    }
}

fn config(history: usize) -> PlanConfig {
    let mut config = PlanConfig {
        history,
        horizon: HorizonConfig { lengths: Lengths::These(vec![2]), ..HorizonConfig::default() },
        rank: RankConfig { candidates: 1, ood_penalty: 0.0 },
        ..PlanConfig::default()
    };
    config.guidance.scale = 0.0;
    config.sampler.uncertainty_scale = 1.0;
    config
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, usize::from(TOP)).unwrap()
}

fn planner(layout: TokenLayout, config: PlanConfig) -> Result<Rig, PlannerError> {
    let plain =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: plain(2), action: plain(1) };
    let slots = layout.frame();
    let limits = SlotLimits { low: vec![-1e6; slots], high: vec![1e6; slots] };
    let shown = Arc::default();
    let witness = Box::new(Witness { layout, shown: Arc::clone(&shown) });
    Ok(Rig { planner: DiffusionPlanner::new(witness, schedule(), normalizer, limits, config, None)?, shown })
}

fn rig(history: usize) -> Rig {
    planner(layout(false), config(history)).unwrap()
}

/// Observation `i` is `[10 i, 10 i + 1]`, action `i` is `10 i + 2`.
fn past(n: usize) -> (Vec<f64>, Vec<f64>) {
    let at = |i: usize| 10.0 * i as f64;
    ((0..n).flat_map(|i| [at(i), at(i) + 1.0]).collect(), (0..n).map(|i| at(i) + 2.0).collect())
}

/// Plans once, after `n` steps of which `seen` says how well they and the present were seen.
fn plan(rig: &mut Rig, n: usize, seen: &[f64]) -> (Plan, Shown) {
    let (observations, actions) = past(n);
    let present = [10.0 * n as f64, 10.0 * n as f64 + 1.0];
    let (now, before) = seen.split_last().map_or((1.0, seen), |(now, before)| (*now, before));
    let history = History { observations: &observations, actions: &actions, seen: before };
    let request = Request { history, seen: now, ..Request::new(&present, &NoTask, 7) };
    rig.shown.lock().unwrap().clear();
    let plan = rig.planner.plan(&[request], false).unwrap().remove(0);
    (plan, rig.shown.lock().unwrap()[0].clone())
}

/// A token that was shown clean, as it is.
fn clean(shown: &Shown, token: usize) -> Vec<f64> {
    let scale = schedule().abar(usize::from(STABLE)).sqrt();
    shown.0[token * WIDTH..(token + 1) * WIDTH].iter().map(|x| (x / scale * 1e6).round() / 1e6).collect()
}

fn levels(shown: &Shown, token: usize) -> [u16; PARTS] {
    shown.1[token * PARTS..(token + 1) * PARTS].try_into().unwrap()
}

#[test]
fn whole_chunks_up_to_the_present_are_shown_clean() {
    let mut rig = rig(2);
    assert_eq!(rig.planner.history(), 2 * F);
    let (plan, shown) = plan(&mut rig, 5, &[]);
    // The oldest of five steps does not fill a chunk. Frames are [action, what it led to].
    assert_eq!(clean(&shown, STATE)[4..], [10.0, 11.0]);
    assert_eq!(clean(&shown, FIRST_CHUNK), [12.0, 20.0, 21.0, 22.0, 30.0, 31.0]);
    assert_eq!(clean(&shown, FIRST_CHUNK + 1), [32.0, 40.0, 41.0, 42.0, 50.0, 51.0]);
    for token in [STATE, FIRST_CHUNK, FIRST_CHUNK + 1] {
        assert_eq!(levels(&shown, token), [STABLE; PARTS]);
    }
    assert_eq!((levels(&shown, FIRST_CHUNK + 2), shown.2), ([TOP; PARTS], 4));
    assert_eq!(
        (plan.frames, plan.clean, plan.actions.len()),
        (2 * F, F, 2 * F),
        "the past is no part of the plan"
    );
}

#[test]
fn there_is_no_more_past_than_there_was_nor_than_fits() {
    let visible = |history, n| plan(&mut rig(history), n, &[]).1.2;
    // Two chunks are planned.
    assert_eq!([0, 1, 2, 3, 4, 9].map(|n| visible(2, n)), [2, 2, 3, 3, 4, 4]);
    let mut rig = rig(3);
    assert_eq!(plan(&mut rig, 9, &[]).0.frames, F, "a sequence of four has room for one more");
}

#[test]
fn without_it_a_plan_is_the_same_whatever_came_before() {
    let mut rig = rig(0);
    assert_eq!(rig.planner.history(), 0);
    let present = [50.0, 51.0];
    let bare = rig.planner.plan(&[Request::new(&present, &NoTask, 7)], false).unwrap().remove(0);
    assert_eq!(plan(&mut rig, 5, &[]).0, bare);
    assert_eq!(plan(&mut rig, 5, &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).0, bare);
}

#[test]
fn what_was_not_seen_is_noise_and_what_was_seen_badly_is_as_noisy_as_that() {
    let (_, shown) = plan(&mut rig(2), 4, &[1.0, 1.0, 0.0, 1.0, 0.5]);
    assert_eq!([STATE, FIRST_CHUNK].map(|token| levels(&shown, token)), [[STABLE; 2], [STABLE, TOP]]);
    let first = &shown.0[FIRST_CHUNK * WIDTH..(FIRST_CHUNK + 1) * WIDTH];
    assert_eq!(
        [clean(&shown, FIRST_CHUNK)[0], clean(&shown, FIRST_CHUNK)[3]],
        [2.0, 12.0],
        "actions are known"
    );
    assert!([1, 2, 4, 5].iter().all(|&slot| first[slot].abs() < 5.0), "{first:?}");
    // The signal power of the level shown comes closest to a half of all that sampling has.
    let [actions, outcomes] = levels(&shown, FIRST_CHUNK + 1);
    let schedule = schedule();
    let powers = (1..=6).map(|level| schedule.abar(schedule.training_level(level, 6)));
    let closest = powers.min_by(|a, b| (a - 0.5).abs().total_cmp(&(b - 0.5).abs())).unwrap();
    assert_eq!((actions, schedule.abar(usize::from(outcomes))), (STABLE, closest));
    let second = &shown.0[(FIRST_CHUNK + 1) * WIDTH..(FIRST_CHUNK + 2) * WIDTH];
    assert!((second[4] - 40.0 * closest.sqrt()).abs() < 1e-9, "it has its noise already");
}

#[test]
fn a_present_that_was_not_seen_is_noise_where_there_is_no_past() {
    let (plan, shown) = plan(&mut rig(2), 0, &[0.0]);
    assert_eq!((levels(&shown, STATE), shown.2), ([TOP; PARTS], 2));
    let state = &shown.0[STATE * WIDTH..(STATE + 1) * WIDTH];
    assert!(state[..4].iter().all(|x| *x == 0.0) && state[4..].iter().all(|x| *x != 0.0 && x.abs() < 5.0));
    assert!(plan.observations.iter().all(|x| x.is_finite()));
    let strange = plan_seen(f64::NAN);
    assert_eq!(levels(&strange, STATE), [TOP; PARTS], "what is no number says nothing");
    assert_eq!(levels(&plan_seen(7.0), STATE), [STABLE; PARTS]);
}

fn plan_seen(seen: f64) -> Shown {
    plan(&mut rig(2), 0, &[seen]).1
}

#[test]
fn a_plan_is_the_same_alone_and_beside_those_with_another_past() {
    let (observations, actions) = past(6);
    let present = [60.0, 61.0];
    let seen = [[1.0; 6], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], [0.0; 6]];
    let histories: Vec<History<'_>> = [0, 3, 6]
        .iter()
        .flat_map(|&n| {
            let of = |seen| History { observations: &observations[..2 * n], actions: &actions[..n], seen };
            [of(&seen[0][..n]), of(&seen[1][..n]), of(&seen[2][..n]), of(&[])]
        })
        .collect();
    let requests: Vec<Request<'_>> = histories
        .iter()
        .enumerate()
        .map(|(i, &history)| Request { history, ..Request::new(&present, &NoTask, i as u64) })
        .collect();
    let together = rig(2).planner.plan(&requests, false).unwrap();
    for (request, plan) in requests.iter().zip(together) {
        assert_eq!(rig(2).planner.plan(&[*request], false).unwrap(), [plan]);
    }
}

#[test]
fn frames_that_are_promised_are_shown_as_past() {
    let mut rig = rig(2);
    let (observations, actions) = past(3);
    let history = History { observations: &observations, actions: &actions, seen: &[] };
    let promised = Plan {
        frames: 4,
        observations: (0..8).map(|i| 100.0 + f64::from(i)).collect(),
        actions: vec![-1.0, -2.0, -3.0, -4.0],
        ..Plan::default()
    };
    let request = Request::new(&[100.0, 101.0], &NoTask, 7).after(&promised, 1);
    let request = Request { history, committed: 1, ..request };
    let plan = rig.planner.plan(&[request], false).unwrap().remove(0);
    let shown = rig.shown.lock().unwrap()[0].clone();
    // Steps 0 to 2, the present, and the frame that comes next: the last four of them are two chunks.
    assert_eq!(clean(&shown, STATE)[4..], [0.0, 1.0]);
    assert_eq!(clean(&shown, FIRST_CHUNK + 1), [22.0, 100.0, 101.0, -2.0, 102.0, 103.0]);
    assert_eq!((plan.frames, plan.actions[0], shown.2), (1 + 2 * F, -2.0, 4));
}

#[test]
fn a_malformed_history_and_settings_that_do_not_fit_are_refused() {
    let present = [0.0, 1.0];
    let refused = |history: History<'_>| {
        let request = Request { history, ..Request::new(&present, &NoTask, 1) };
        rig(2).planner.plan(&[request], false).unwrap_err().to_string()
    };
    let (observations, actions) = past(2);
    let history = History { observations: &observations, actions: &actions, seen: &[] };
    assert!(refused(History { observations: &observations[..3], ..history }).contains("history"));
    assert!(refused(History { seen: &[1.0], ..history }).contains("how well"));
    let nan = [f64::NAN, 0.0, 0.0, 0.0];
    assert!(refused(History { observations: &nan, ..history }).contains("history"));
    assert!(refused(History { actions: &nan[..2], ..history }).contains("actions of the history"));
    let said = |layout, history| planner(layout, config(history)).err().unwrap().to_string();
    assert!(said(layout(false), 4).contains("plan.history") && said(layout(false), 4).contains("at most 3"));
    let rewarding = said(layout(true), 1);
    assert!(rewarding.contains("plan.history") && rewarding.contains("model.reward"), "{rewarding}");
}
