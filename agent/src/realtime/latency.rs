//! How long plans take in a simulation.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use forethought_planner::random::{fill_normal, stream};
use serde::{Deserialize, Serialize};

use crate::AgentError;

/// Names the stream that planning times are drawn from.
const LATENCY_STREAM: u64 = 0x6c61_7465;

/// How long it takes, in a simulation, from an observation to the plan made from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Latency {
    /// No time: the world waits for the planner.
    #[default]
    Frozen,
    /// What planning takes on this machine. Episodes differ from run to run then.
    Measured,
    /// Normally distributed, milliseconds, never below 0; with a deviation of 0 always the same.
    Drawn {
        /// Mean.
        mean_ms: f64,
        /// Standard deviation.
        deviation_ms: f64,
    },
}

impl Latency {
    /// The time that a plan takes whose making took `measured`: the plan of this episode that begins at this step.
    pub fn of(self, measured: Duration, seed: u64, step: u64) -> Duration {
        match self {
            Self::Frozen => Duration::ZERO,
            Self::Measured => measured,
            Self::Drawn { mean_ms, deviation_ms } => {
                let mut normal = [0.0];
                fill_normal(&mut stream(seed, &[LATENCY_STREAM, step]), &mut normal);
                let drawn = mean_ms + deviation_ms * normal[0];
                Duration::try_from_secs_f64(drawn.max(0.0) / 1e3).unwrap_or(Duration::MAX)
            }
        }
    }
}

impl FromStr for Latency {
    type Err = AgentError;

    fn from_str(text: &str) -> Result<Self, AgentError> {
        let refused = || AgentError::Setting {
            name: "simulation.latency",
            value: format!("{text:?}"),
            remedy: "give frozen, measured, a time such as 80ms, or N(60,20)ms for a normal distribution"
                .to_owned(),
        };
        let number = |text: &str| {
            let number: f64 = text.trim().parse().ok()?;
            // A day is no planning time.
            (0.0..=86_400_000.0).contains(&number).then_some(number)
        };
        match text.trim() {
            "frozen" => return Ok(Self::Frozen),
            "measured" => return Ok(Self::Measured),
            _ => {}
        }
        let value = text.trim().strip_suffix("ms").ok_or_else(refused)?.trim();
        let drawn = match value.strip_prefix("N(").and_then(|rest| rest.strip_suffix(')')) {
            Some(pair) => {
                pair.split_once(',').and_then(|(mean, deviation)| Some((number(mean)?, number(deviation)?)))
            }
            None => number(value).map(|mean| (mean, 0.0)),
        };
        let (mean_ms, deviation_ms) = drawn.ok_or_else(refused)?;
        Ok(Self::Drawn { mean_ms, deviation_ms })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen => f.write_str("frozen"),
            Self::Measured => f.write_str("measured"),
            Self::Drawn { mean_ms, deviation_ms: 0.0 } => write!(f, "{mean_ms}ms"),
            Self::Drawn { mean_ms, deviation_ms } => write!(f, "N({mean_ms},{deviation_ms})ms"),
        }
    }
}

impl TryFrom<String> for Latency {
    type Error = AgentError;

    fn try_from(text: String) -> Result<Self, AgentError> {
        text.parse()
    }
}

impl From<Latency> for String {
    fn from(latency: Latency) -> Self {
        latency.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_is_written_and_refuses_the_rest() {
        for text in ["frozen", "measured", "80ms", "0.5ms", "N(60,20)ms"] {
            assert_eq!(text.parse::<Latency>().unwrap().to_string(), text);
        }
        assert_eq!(" N( 60 , 0 ) ms".parse::<Latency>().unwrap().to_string(), "60ms");
        for text in ["", "80", "ms", "-1ms", "NaNms", "infms", "N(60)ms", "N(60,-2)ms", "N(60,20)", "slow"] {
            let message = text.parse::<Latency>().unwrap_err().to_string();
            assert!(message.contains("simulation.latency") && message.contains("80ms"), "{message}");
        }
    }

    #[test]
    fn drawn_times_are_those_of_the_distribution_and_of_the_seed() {
        let ms = |latency: Latency, step| latency.of(Duration::from_secs(9), 1, step).as_secs_f64() * 1e3;
        let latency: Latency = "N(60,20)ms".parse().unwrap();
        let all: Vec<f64> = (0..4000).map(|step| ms(latency, step)).collect();
        let mean = all.iter().sum::<f64>() / 4000.0;
        let deviation = (all.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
        assert!((mean - 60.0).abs() < 1.5 && (deviation - 20.0).abs() < 1.2, "{mean} {deviation}");
        assert_eq!(all[7], ms(latency, 7));
        assert!(all.iter().all(|&t| t >= 0.0));
        assert_eq!(ms("80ms".parse().unwrap(), 3), 80.0);
        assert_eq!((ms(Latency::Frozen, 0), ms(Latency::Measured, 0)), (0.0, 9e3));
    }
}
