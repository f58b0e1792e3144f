//! How long it takes to read a data set into memory, for `envs/interop/read_speed.py`: `read_speed PATH TIMES` prints the
//! seconds of each time, the rows, and the sum of the observations.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;

use forethought_envs::EnvError;
use forethought_envs::data::{ReadOptions, read_data};

fn main() -> Result<(), EnvError> {
    let mut words = std::env::args().skip(1);
    let path = words.next().unwrap_or_default();
    let times = words.next().and_then(|times| times.parse().ok()).unwrap_or(1);
    for _ in 0..times {
        let began = Instant::now();
        let data = read_data(Path::new(&path), &ReadOptions::default())?;
        let seconds = began.elapsed().as_secs_f64();
        let sum: f64 = data.observations.iter().map(|value| f64::from(*value)).sum();
        println!("{seconds:.6} {} {sum}", data.len());
    }
    Ok(())
}
