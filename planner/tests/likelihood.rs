//! The likelihood bound against a closed form, and what it is for: odd plans score worse.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{
    Cotangent, Denoiser, LikelihoodBound, NoisyBatch, PlannerError, TokenLayout, Tokens,
};

const STABLE: u16 = 10;

/// The optimal denoiser of independent standard normal data: `x0hat = sqrt(abar) x`.
struct Unit {
    layout: TokenLayout,
    schedule: NoiseSchedule,
}

impl Denoiser for Unit {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        for (i, (x0, x)) in x0_btd.iter_mut().zip(batch.x_btd).enumerate() {
            let level = batch.level_bt[i / self.layout.width()];
            *x0 = self.schedule.abar(usize::from(level)).sqrt() * x;
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        _: &Cotangent<'_>,
        _: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.denoise(batch, x0_btd)
    }
}

fn unit() -> Unit {
    let layout = TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 2,
        chunks: 3,
        condition: vec![0],
    };
    Unit { layout, schedule: NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap() }
}

/// Many copies of one sequence whose slots all hold `value`.
fn sequences(layout: &TokenLayout, value: f64, chunks: usize, batch: usize) -> Tokens {
    let size = layout.tokens(3) * layout.width();
    Tokens::new(layout.tokens(3), vec![value; batch * size], vec![chunks; batch], vec![false; batch])
}

#[test]
fn the_estimate_has_the_closed_form_s_mean() {
    let mut unit = unit();
    let schedule = unit.schedule.clone();
    let bound = LikelihoodBound::new(&schedule, (0.4, 0.6), 1, STABLE).unwrap();
    let (value, batch, width) = (0.7, 4000, unit.layout.width());
    let sequences = sequences(&unit.layout, value, 3, batch);
    let seeds: Vec<u64> = (0..batch as u64).collect();
    let nats_bt = bound.nats(&mut unit, &schedule, &sequences, &seeds, &|_| true).unwrap();
    // x0 - x0hat = (1 - abar) x0 - sqrt(abar (1 - abar)) e, of which the square's mean is:
    let abar = schedule.abar(500);
    let mean = width as f64 * ((1.0 - abar).powi(2) * value * value + abar * (1.0 - abar));
    let want = 0.5 * (schedule.snr(400) - schedule.snr(600)) * mean;
    let chunks: Vec<f64> = nats_bt.chunks_exact(5).flat_map(|nats_t| nats_t[2..].to_vec()).collect();
    let got = chunks.iter().sum::<f64>() / chunks.len() as f64;
    // 12,000 tokens of 6 squares each: a standard error of half a per cent.
    assert!((got / want - 1.0).abs() < 0.02, "{got} {want}");
    assert!(nats_bt.chunks_exact(5).all(|nats_t| nats_t[0] == 0.0 && nats_t[1] == 0.0), "known tokens count");
}

#[test]
fn what_the_data_do_not_hold_costs_nats_in_its_own_token() {
    let mut unit = unit();
    let (schedule, width) = (unit.schedule.clone(), unit.layout.width());
    let bound = LikelihoodBound::new(&schedule, (0.4, 0.7), 4, STABLE).unwrap();
    let mut sequences = sequences(&unit.layout, 0.1, 2, 1);
    sequences.x0_btd[3 * width..4 * width].fill(4.0);
    let mut nats = |sequences: &Tokens, counts: &dyn Fn(usize) -> bool| {
        bound.nats(&mut unit, &schedule, sequences, &[7], counts).unwrap()
    };
    let all = nats(&sequences, &|_| true);
    assert!(all[3] > 5.0 * all[2] && all[2] > 0.0, "{all:?}");
    assert_eq!(all[4], 0.0, "an invisible token counts");
    assert_eq!(nats(&sequences, &|_| true), all, "the same seed gives other numbers");
    // One slot of six.
    let one = nats(&sequences, &|slot| slot == 2);
    assert!(one[3] > 0.0 && one[3] < 0.5 * all[3], "{one:?}");
}

#[test]
fn impossible_ranges_and_missing_seeds_are_refused() {
    let mut unit = unit();
    let schedule = unit.schedule.clone();
    for (range, bands) in
        [((0.5, 0.5), 1), ((0.6, 0.4), 1), ((-0.1, 0.4), 1), ((0.2, 1.1), 1), ((0.2, 0.4), 0)]
    {
        let error = LikelihoodBound::new(&schedule, range, bands, STABLE).unwrap_err().to_string();
        assert!(error.contains("likelihood bands"), "{error}");
    }
    let bound = LikelihoodBound::new(&schedule, (0.2, 0.4), 1, STABLE).unwrap();
    let sequences = sequences(&unit.layout, 0.0, 3, 2);
    assert!(bound.nats(&mut unit, &schedule, &sequences, &[1], &|_| true).is_err());
}
