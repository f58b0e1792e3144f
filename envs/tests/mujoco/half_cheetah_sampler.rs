//! The half-cheetah's reference, which tries out what to do.

use forethought_envs::mujoco::half_cheetah::{HALF_CHEETAH, HalfCheetahBudget, HalfCheetahSampler};
use forethought_envs::{Environment, Frames, NoTask, Policy, Rows, SharedTask, Start, make, policy};

use crate::half_cheetah::{bits, cheetah};

/// An episode of a sampler; its return, and what the task says of the same frames.
fn run(sampler: &mut HalfCheetahSampler, seed: u64, steps: usize) -> [f64; 2] {
    let mut env = make(HALF_CHEETAH).unwrap();
    env.reset(&Start::seed(seed)).unwrap();
    let task: SharedTask = env.task();
    sampler.reset(seed, &task).unwrap();
    let (mut command, mut total, mut told) = ([0.0; 6], 0.0, 0.0);
    for _ in 0..steps {
        sampler.act(env.observation(), &mut command).unwrap();
        total += env.step(&command).unwrap().reward;
        let frame =
            Frames { actions: Rows::dense(&command, 6), ..Frames::of_observations(env.observation(), 17) };
        told += task.score(frame, None);
    }
    [total, told]
}

/// The more is tried out, the farther it runs; and what the task tells of observations is what was paid, nearly.
#[test]
fn larger_budgets_earn_more_and_the_task_tells_what_is_paid() {
    if cheetah().is_none() {
        return;
    }
    let mut earned = Vec::new();
    for budget in [HalfCheetahBudget::SHORT, HalfCheetahBudget::GOOD] {
        let mut sampler = HalfCheetahSampler::make(HALF_CHEETAH, budget).unwrap();
        let [paid, told] = run(&mut sampler, 1, 150);
        assert!((told - paid).abs() < 0.05 * paid.abs() + 5.0, "{told} {paid}");
        earned.push(paid);
    }
    println!("150 steps earn {earned:?}");
    // Means of 150 steps, the start included, are about 90 and 440.
    assert!(earned[0] > 20.0 && earned[1] > 300.0 && earned[1] > 1.5 * earned[0], "{earned:?}");
}

#[test]
fn the_sampler_is_its_seeds_and_refuses_what_is_not_this_environments() {
    if cheetah().is_none() {
        return;
    }
    let mut sampler = policy(HALF_CHEETAH, "sampler").unwrap();
    let task: SharedTask = std::sync::Arc::new(NoTask);
    let mut acts = |seed: u64, seen: &[f64]| {
        sampler.reset(seed, &task).unwrap();
        let mut command = [0.0; 6];
        (sampler.act(seen, &mut command).map_err(|error| error.to_string()), bits(&command))
    };
    let rest = [0.0; 17];
    assert_eq!(acts(1, &rest), acts(1, &rest));
    assert_ne!(acts(1, &rest), acts(2, &rest));
    let (said, _) = acts(1, &[0.0; 16]);
    assert!(said.unwrap_err().contains("observations of 17 entries"));
    let (said, _) = acts(1, &[f64::NAN; 17]);
    assert!(said.unwrap_err().contains("observation[0] is NaN"));
    // A state that no simulation goes on from leaves nothing to try, and the sampler as it was.
    let (said, wild) = acts(1, &[1e200; 17]);
    assert!(said.is_ok() && wild == bits(&[0.0; 6]));
    assert_eq!(acts(1, &rest), acts(1, &rest));
}
