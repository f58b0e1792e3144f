//! A planner that has planned before allocates per plan, never per row of sampling.
//!
//! Counted by a global allocator, which is why these tests have a binary of their own; the count is per
//! thread, so that the harness's threads do not disturb it.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use burn::tensor::Device;
use forethought_envs::GoalTask;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::network::{Network, NetworkConfig, NetworkKind, ParameterLayout};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind, Target};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, EngineDenoiser, InForce, NoisyBatch, PlanConfig, Planner,
    PlannerError, Preconditioning, Request, TokenLayout,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is being torn down has no counter any more; nothing is measured there.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn layout() -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 3,
        chunks: 6,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap()
}

/// Shrinks what it is shown; allocates nothing after its first call.
struct Shrink {
    layout: TokenLayout,
    gradient: Vec<f64>,
}

impl Denoiser for Shrink {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        x0_btd.iter_mut().zip(batch.x_btd).for_each(|(x0, x)| *x0 = 0.5 * x);
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
        let size = batch.tokens * self.layout.width();
        for b in 0..batch.batch {
            self.gradient.clear();
            self.gradient.resize(size, 0.0);
            cotangent(b, &x0_btd[b * size..(b + 1) * size], &mut self.gradient);
            let pulled = &mut pulled_btd[b * size..(b + 1) * size];
            pulled.iter_mut().zip(&self.gradient).for_each(|(p, g)| *p = 0.5 * g);
        }
        Ok(())
    }
}

/// Allocations and rows of a cold plan and of a warm replan with `levels` levels, each made for the second time.
fn counted(denoiser: Box<dyn Denoiser>, levels: u16) -> [(usize, usize); 2] {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    let mut config = PlanConfig { warm_start: 0.5, goal_conditioning: false, ..PlanConfig::default() };
    (config.sampler.steps, config.guidance.mc_samples, config.rank.ood_penalty) = (levels, 3, 0.0);
    let mut planner = DiffusionPlanner::new(denoiser, schedule(), normalizer, limits, config, None).unwrap();
    let goal = GoalTask::new(&[0, 1], &[5.0, 5.0], 0.1);
    let cold = Request::new(&[0.0, 0.2], &goal, 5);
    let first = planner.plan(&[cold], false).unwrap().remove(0);
    let warm = Request { in_force: Some(InForce { plan: &first, executed: 2 }), ..cold };
    planner.plan(&[warm], false).unwrap();
    [cold, warm].map(|request| {
        let before = ALLOCATIONS.get();
        let plans = planner.plan(&[request], false).unwrap();
        (ALLOCATIONS.get() - before, plans[0].stats.rows)
    })
}

fn check(denoiser: impl Fn() -> Box<dyn Denoiser>) {
    let (few, many) = (counted(denoiser(), 10), counted(denoiser(), 40));
    for (few, many) in few.into_iter().zip(many) {
        assert!(few.0 > 0 && few.1 < many.1, "{few:?} {many:?}: counted, and more rows were walked");
        assert_eq!(few.0, many.0, "allocations of {} rows and of {}", few.1, many.1);
    }
}

#[test]
fn sampling_and_guidance_allocate_nothing_per_row() {
    check(|| Box::new(Shrink { layout: layout(), gradient: Vec::new() }));
}

#[test]
fn the_engine_allocates_nothing_per_row() {
    check(|| {
        let config = NetworkConfig {
            kind: NetworkKind::Transformer,
            width: 16,
            layers: 2,
            heads: 2,
            fourier_features: 2,
            causal: false,
            ..NetworkConfig::default()
        };
        let network = Network::new(&config, &layout(), 3, &Device::flex()).unwrap();
        let parameters = ParameterLayout::of(&network);
        let weights = parameters.draw(3);
        let preconditioning =
            Preconditioning::new(&layout(), &schedule(), Target::X0, config.fourier_features, None).unwrap();
        let engine = EngineDenoiser::new(&parameters, &weights, &config, preconditioning, 1);
        Box::new(engine.unwrap())
    });
}
