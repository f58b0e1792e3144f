//! Episodes of policies that need no plan: the references a planner is measured against.

use forethought_envs::{Environment, Policy, Start};

use crate::config::episode_steps;
use crate::episode::Episode;
use crate::{AgentError, EpisodeRecord};

/// Runs one episode per seed, in the order of the seeds.
///
/// The order matters to policies that remember from episode to episode, as the one does that D4RL's reference scores
/// were made with. One after the other is no loss: such a policy and a maze take well under a microsecond a step.
/// `progress` is told the episodes done and their total; answering `false` stops.
///
/// # Errors
/// [`AgentError::Setting`] for a bad `max_steps`; later any other variant, which names environment, episode seed and
/// step.
pub fn run_policy(
    policy: &mut dyn Policy,
    env: &mut dyn Environment,
    seeds: &[u64],
    max_steps: Option<usize>,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Vec<EpisodeRecord>, AgentError> {
    let max_steps = episode_steps(max_steps, env.spec())?;
    let mut action = vec![0.0; env.spec().action.len()];
    let mut records = Vec::with_capacity(seeds.len());
    for &seed in seeds {
        let name = policy.name().to_owned();
        let mut episode = Episode::begin(env, &name, &Start::seed(seed), max_steps)?;
        let refused = |at, source| AgentError::Environment { at, source };
        policy.reset(seed, &episode.task()).map_err(|source| refused(episode.at(), source))?;
        while episode.running() {
            let acted = policy.act(episode.observation(), &mut action);
            acted.map_err(|source| refused(episode.at(), source))?;
            episode.step(&action)?;
        }
        records.push(episode.record);
        if !progress(records.len(), seeds.len()) {
            return Err(AgentError::Interrupted);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EpisodeOutcome;
    use forethought_envs::make;
    use forethought_policies::make_policy;

    fn run(name: &str, seeds: &[u64]) -> Vec<EpisodeRecord> {
        let mut env = make("maze2d-umaze-v1").unwrap();
        let mut policy = make_policy(name, env.spec()).unwrap();
        run_policy(policy.as_mut(), env.as_mut(), seeds, None, &mut |_, _| true).unwrap()
    }

    fn mean_score(name: &str, episodes: u64) -> f64 {
        let spec = make("maze2d-umaze-v1").unwrap().spec().clone();
        let records = run(name, &(0..episodes).collect::<Vec<_>>());
        records.iter().map(|r| EpisodeOutcome::new(r, &spec).unwrap().score.unwrap()).sum::<f64>()
            / episodes as f64
    }

    /// D4RL's reference controller scores 100 by definition: `ref_max` is its mean return.
    /// Standard errors of 1,000 episodes: 3.0 here, 1.2 and 1.3 in the next two tests.
    #[test]
    fn the_stale_controller_scores_what_d4rl_published() {
        let score = mean_score("waypoint", 1000);
        assert!((91.0..112.0).contains(&score), "{score}");
    }

    #[test]
    fn a_route_per_episode_scores_far_more() {
        let score = mean_score("waypoint-fresh", 1000);
        assert!((138.0..149.0).contains(&score), "{score}");
    }

    #[test]
    fn random_actions_score_about_zero() {
        let score = mean_score("random", 1000);
        assert!(score.abs() < 6.0, "{score}");
    }

    #[test]
    fn only_the_stale_controller_remembers() {
        for (name, remembers) in [("waypoint", true), ("waypoint-fresh", false), ("random", false)] {
            let differs = |seed: u64| {
                let (after_others, alone) = (run(name, &[20, 21, seed]).pop(), run(name, &[seed]).pop());
                after_others != alone
            };
            assert_eq!((0..8).any(differs), remembers, "{name}");
            assert_eq!(run(name, &[1, 2, 3]), run(name, &[1, 2, 3]), "{name}");
        }
    }

    #[test]
    fn a_stop_is_heard() {
        let mut env = make("maze2d-umaze-v1").unwrap();
        let mut random = make_policy("random", env.spec()).unwrap();
        let mut told = Vec::new();
        let stopped = run_policy(random.as_mut(), env.as_mut(), &[1, 2, 3], Some(4), &mut |done, total| {
            told.push((done, total));
            done < 2
        });
        assert!(matches!(stopped, Err(AgentError::Interrupted)));
        assert_eq!(told, [(1, 3), (2, 3)]);
    }
}
