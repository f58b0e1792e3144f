//! What data of the half-cheetah cost and are worth: `half_cheetah_data [EPISODES] [THREADS]` prints, for each way in which
//! they are made, the mean return with its standard error, and rows per second. Needs MuJoCo and gymnasium's model.
#![allow(clippy::print_stdout)] // What it is for.

use std::time::Instant;

use forethought_envs::EnvError;
use forethought_envs::mujoco::half_cheetah::{
    HALF_CHEETAH_EPISODE_ROWS, HalfCheetahData, HalfCheetahOptions, generate_half_cheetah,
};

fn main() -> Result<(), EnvError> {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let (episodes, threads) = (arguments.next().unwrap_or(4_usize).max(2), arguments.next().unwrap_or(1));
    let rows = episodes * HALF_CHEETAH_EPISODE_ROWS;
    for data in [HalfCheetahData::Short, HalfCheetahData::Medium, HalfCheetahData::Good] {
        let begun = Instant::now();
        let options = HalfCheetahOptions { data, rows, threads, ..HalfCheetahOptions::default() };
        let made = generate_half_cheetah(&options, &mut |_, _| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        let returns: Vec<f64> = made
            .rewards
            .chunks(HALF_CHEETAH_EPISODE_ROWS)
            .map(|rewards| rewards.iter().map(|reward| f64::from(*reward)).sum())
            .collect();
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let error =
            (returns.iter().map(|of| (of - mean).powi(2)).sum::<f64>() / (count - 1.0) / count).sqrt();
        println!(
            "{:24} {mean:6.0} +- {error:4.0}, {:4.0} rows/s on {threads} threads",
            data.id(),
            rows as f64 / seconds
        );
    }
    Ok(())
}
