//! The metrics of one episode.

use forethought_envs::EnvSpec;
use serde::{Deserialize, Serialize};

use crate::{AgentError, EpisodeRecord};

/// What an episode was worth, in the three metrics that the maze literature reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeOutcome {
    /// Sum of rewards: D4RL's metric.
    pub episode_return: f64,
    /// Return of an agent that goes on earning, on every step that is left, the reward of the step that
    /// first arrived. The return itself where nothing arrived.
    pub return_if_stayed: f64,
    /// Steps up to and including the first after which the task was done, so at least 1.
    pub steps_to_arrival: Option<usize>,
    /// Normalised [`EpisodeOutcome::episode_return`], where the benchmark defines one.
    pub score: Option<f64>,
    /// Normalised [`EpisodeOutcome::return_if_stayed`].
    pub score_if_stayed: Option<f64>,
}

impl EpisodeOutcome {
    /// Outcome of a recorded episode in the environment of `spec`.
    ///
    /// An episode that was cut before the protocol's end is scored as it stands.
    ///
    /// # Errors
    /// [`AgentError::Record`] when lengths contradict each other or the environment, or the record is of
    /// another environment.
    pub fn new(record: &EpisodeRecord, spec: &EnvSpec) -> Result<Self, AgentError> {
        check(record, spec)?;
        let episode_return: f64 = record.rewards.iter().sum();
        let return_if_stayed = match record.arrival.and_then(|steps| steps.checked_sub(1)) {
            Some(step) => {
                let (before, after) = record.rewards.split_at(step);
                let latched = after.first().copied().unwrap_or(0.0);
                before.iter().sum::<f64>() + latched * after.len() as f64
            }
            None => episode_return,
        };
        let normalize = |value: f64| spec.score.map(|range| range.normalize(value));
        Ok(Self {
            episode_return,
            return_if_stayed,
            steps_to_arrival: record.arrival,
            score: normalize(episode_return),
            score_if_stayed: normalize(return_if_stayed),
        })
    }
}

fn check(record: &EpisodeRecord, spec: &EnvSpec) -> Result<(), AgentError> {
    let problem = if record.env_id != spec.id {
        format!("it cannot be scored as an episode of `{}`", spec.id)
    } else if record.observations.len() != record.rewards.len() + 1 {
        let (observations, rewards) = (record.observations.len(), record.rewards.len());
        format!("{observations} observations and {rewards} rewards; there is one more observation than steps")
    } else if let Some(step) = record.observations.iter().position(|o| o.len() != spec.observation.len()) {
        let (got, want) = (record.observations[step].len(), spec.observation.len());
        format!("observation {step} has {got} entries, expected {want}")
    } else if let Some(step) = record.arrival.filter(|step| !(1..=record.rewards.len()).contains(step)) {
        format!("it arrives at step {step} of {}", record.rewards.len())
    } else {
        return Ok(());
    };
    Err(AgentError::Record { env_id: record.env_id.clone(), seed: record.seed, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forethought_envs::make;

    fn spec() -> EnvSpec {
        make("maze2d-umaze-v1").unwrap().spec().clone()
    }

    /// Positions along x with the goal at (1, 1); the sparse rewards of D4RL.
    fn record(xs: &[f64]) -> EpisodeRecord {
        EpisodeRecord {
            env_id: "maze2d-umaze-v1".to_owned(),
            goal: Some(vec![1.0, 1.0]),
            observations: xs.iter().map(|&x| vec![x, 1.0, 0.0, 0.0]).collect(),
            actions: vec![vec![0.0; 2]; xs.len() - 1],
            rewards: xs[1..].iter().map(|x| if (x - 1.0).abs() <= 0.5 { 1.0 } else { 0.0 }).collect(),
            arrival: xs[1..].iter().position(|x| (x - 1.0).abs() <= 0.5).map(|step| step + 1),
            ..EpisodeRecord::default()
        }
    }

    #[test]
    fn an_agent_that_leaves_again_loses_return_but_not_the_latched_one() {
        let outcome = EpisodeOutcome::new(&record(&[3.0, 2.0, 1.5, 1.0, 2.0, 2.5]), &spec()).unwrap();
        assert_eq!(outcome.episode_return, 2.0);
        // Steps 3, 4 and 5 remain from the second, which arrives exactly at the radius.
        assert_eq!(outcome.return_if_stayed, 4.0);
        assert_eq!(outcome.steps_to_arrival, Some(2));
        let expected = |raw: f64| 100.0 * (raw - 23.85) / (161.86 - 23.85);
        assert!((outcome.score.unwrap() - expected(2.0)).abs() < 1e-12);
        assert!((outcome.score_if_stayed.unwrap() - expected(4.0)).abs() < 1e-12);
    }

    #[test]
    fn never_arriving_leaves_the_return() {
        let outcome = EpisodeOutcome::new(&record(&[3.0, 2.0, 1.51]), &spec()).unwrap();
        assert_eq!((outcome.episode_return, outcome.return_if_stayed), (0.0, 0.0));
        assert_eq!(outcome.steps_to_arrival, None);
    }

    #[test]
    fn dense_rewards_latch_at_the_arriving_steps() {
        let mut dense = record(&[3.0, 2.0, 1.5, 1.0]);
        dense.rewards = vec![0.25, 0.5, 0.75];
        let outcome = EpisodeOutcome::new(&dense, &spec()).unwrap();
        assert_eq!((outcome.episode_return, outcome.return_if_stayed), (1.5, 1.25));
    }

    #[test]
    fn without_goal_or_score_there_is_the_return_alone() {
        let mut aimless = record(&[1.0, 1.0, 1.0]);
        aimless.goal = None;
        aimless.arrival = None;
        let unscored = EnvSpec { score: None, ..spec() };
        let outcome = EpisodeOutcome::new(&aimless, &unscored).unwrap();
        assert_eq!((outcome.return_if_stayed, outcome.steps_to_arrival), (2.0, None));
        assert_eq!((outcome.score, outcome.score_if_stayed), (None, None));
    }

    #[test]
    fn contradictory_records_are_refused() {
        let good = record(&[3.0, 2.0]);
        let short = EpisodeRecord { rewards: Vec::new(), ..good.clone() };
        let narrow = EpisodeRecord { observations: vec![vec![1.0]; 2], ..good.clone() };
        let late = EpisodeRecord { arrival: Some(9), ..good.clone() };
        let other = EpisodeRecord { env_id: "maze2d-large-v1".to_owned(), ..good.clone() };
        assert!(EpisodeOutcome::new(&good, &spec()).is_ok());
        for (bad, says) in [(short, "rewards"), (narrow, "entries"), (late, "arrives"), (other, "scored as")]
        {
            let message = EpisodeOutcome::new(&bad, &spec()).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
