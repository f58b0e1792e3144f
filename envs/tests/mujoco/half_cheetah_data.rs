//! Data of the half-cheetah.

use forethought_envs::data::{Dataset, RewardConvention, TimeoutMeaning};
use forethought_envs::mujoco::half_cheetah::{
    HALF_CHEETAH, HALF_CHEETAH_EPISODE_ROWS, HALF_CHEETAH_GENERATOR, HalfCheetahData, HalfCheetahOptions,
    generate_half_cheetah,
};
use forethought_envs::{Start, collect, make};

use crate::half_cheetah::gymnasium_model;
use crate::library;

fn made(data: HalfCheetahData, rows: usize, seed: u64, threads: usize) -> Option<Dataset> {
    library()?;
    gymnasium_model()?;
    let options = HalfCheetahOptions { data, rows, seed, threads };
    Some(generate_half_cheetah(&options, &mut |_, _| {}).unwrap())
}

/// Each row's action leads to the next row's observation and earns the row's reward.
#[test]
fn rows_are_what_the_environment_does() {
    let Some(data) = made(HalfCheetahData::Short, HALF_CHEETAH_EPISODE_ROWS + 40, 4, 2) else { return };
    data.check().unwrap();
    assert_eq!((data.len(), data.observation_dim, data.action_dim), (HALF_CHEETAH_EPISODE_ROWS + 40, 17, 6));
    let ends: Vec<usize> = (0..data.len()).filter(|row| data.timeouts[*row]).collect();
    assert_eq!(ends, [HALF_CHEETAH_EPISODE_ROWS - 1, HALF_CHEETAH_EPISODE_ROWS + 39]);
    assert!(!data.terminals.contains(&true));
    assert_eq!(data.rewards[HALF_CHEETAH_EPISODE_ROWS - 1], 0.0);
    assert_eq!(data.metadata.rewards, RewardConvention::OfAction);
    assert_eq!(data.metadata.timeouts, TimeoutMeaning::Truncation);
    assert_eq!(data.metadata.generator.as_deref(), Some(HALF_CHEETAH_GENERATOR));
    assert_eq!(data.metadata.layout_hash, gymnasium_model().map(|model| model.hash()));
    // Steps begun anew from the 32 bits of a row: they lead where the next row is, to what those bits leave open.
    let mut env = make(HALF_CHEETAH).unwrap();
    let wide = |row: &[f32]| row.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    let mut compared = 0;
    for row in (0..900).step_by(7) {
        let seen = wide(data.observation(row).unwrap());
        let position = [&[0.0], &seen[..]].concat();
        env.reset(&Start { position: Some(position), ..Start::default() }).unwrap();
        let paid = env.step(&wide(data.action(row).unwrap())).unwrap().reward;
        let next = wide(data.observation(row + 1).unwrap());
        let off = env.observation().iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // A touch-down a hair earlier or later is seen in the speeds.
        assert!(off < 0.05 && (paid - f64::from(data.rewards[row])).abs() < 0.01, "{row}: {off}");
        compared += 1;
    }
    assert_eq!(compared, 129);
}

#[test]
fn rows_are_the_same_on_any_number_of_threads_and_other_for_another_seed() {
    let rows = HALF_CHEETAH_EPISODE_ROWS + 30;
    let Some(one) = made(HalfCheetahData::Short, rows, 7, 1) else { return };
    for threads in [2, 5] {
        assert_eq!(made(HalfCheetahData::Short, rows, 7, threads), Some(one.clone()));
    }
    let other = made(HalfCheetahData::Short, 30, 8, 1).unwrap();
    assert_ne!(other.observations, one.observations[..other.observations.len()]);
    let fewer = made(HalfCheetahData::Short, 30, 7, 1).unwrap();
    assert_eq!(fewer.actions, one.actions[..fewer.actions.len()], "an episode depends on its number alone");
}

#[test]
fn the_registry_collects_and_says_how_far_it_is() {
    let Some(drawn) = made(HalfCheetahData::Good, 25, 3, 1) else { return };
    let mut told = Vec::new();
    let collected = collect("half-cheetah-good-v5", 25, 3, &mut |done, all| told.push((done, all))).unwrap();
    assert_eq!((collected, told), (drawn, vec![(25, 25)]));
    // Mixed data begin with an episode of the short budget.
    let mixed = made(HalfCheetahData::Mixed, 25, 3, 1).unwrap();
    let short = made(HalfCheetahData::Short, 25, 3, 1).unwrap();
    assert_eq!((&mixed.actions, mixed.env_id.as_str()), (&short.actions, HALF_CHEETAH));
    let said = collect(HALF_CHEETAH, 0, 0, &mut |_, _| {}).unwrap_err().to_string();
    assert!(said.contains("zero rows"), "{said}");
}
