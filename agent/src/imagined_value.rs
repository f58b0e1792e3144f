//! What a policy is worth in a network's imagination: its world-model rows, driven by the policy block by block.

use forethought_planner::{Decisions, DiffusionPlanner, random};
use forethought_policies::off_policy::{
    Bootstrap, Criterion, Diagnosis, Estimate, StochasticPolicy, estimate_of_mean,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::AgentError;

/// Name of the method in estimates.
pub const IMAGINED: &str = "world model";
/// Steps of an episode without a horizon: more than any that comes with the project has.
const MOST_STEPS: usize = 1000;
/// Names the streams of the policy's draws.
const ACTION_STREAM: u64 = 0x696d_6167;

/// What a step pays, and whether the task ends with it: observation, action, next observation, in the environment's units.
pub type Pays<'a> = dyn FnMut(&[f64], &[f64], &[f64]) -> (f64, bool) + 'a;

/// Imagined episodes of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Imagined {
    /// Discounted return of each.
    pub returns: Vec<f64>,
    /// Steps of each.
    pub steps: Vec<usize>,
}

/// Imagines one episode of a policy from each of the observations `starts`, which should be first states of the data.
///
/// Decisions are shown clean, their outcomes are sampled, each block from where the one before ended
/// ([`DiffusionPlanner::imagine`]). Within a block the policy's later actions depend on observations that are not there yet: it is
/// asked again with what was just imagined, with all draws held, until as many sweeps are done as the block has frames. Action `i`
/// then rests on observations that no later sweep could change but by what later actions of the block tell the network of
/// earlier outcomes, which is why blocks are short.
///
/// Without a horizon it looks 1,000 steps ahead: what a discount near 1 leaves of the time after that is missing.
///
/// # Errors
/// Those of [`DiffusionPlanner::imagine`] and of the policy; [`AgentError::Control`] for a criterion out of range.
pub fn imagine_policy(
    planner: &mut DiffusionPlanner,
    policy: &mut dyn StochasticPolicy,
    starts: &[&[f64]],
    criterion: &Criterion,
    pays: &mut Pays<'_>,
    seed: u64,
) -> Result<Imagined, AgentError> {
    criterion.check()?;
    let layout = planner.layout();
    let (o, a, block) = (layout.observation, layout.action, layout.frames_of(0).len().max(1));
    let horizon = criterion.horizon.unwrap_or(MOST_STEPS);
    let mut imagined = Imagined { returns: Vec::new(), steps: Vec::new() };
    let mut actions = vec![0.0; block * a];
    for (episode, start) in (0_u64..).zip(starts) {
        policy.begin(random::derive(seed, &[episode]))?;
        let mut now = start.to_vec();
        let (mut sum, mut discount, mut step, mut ended) = (0.0, 1.0, 0, false);
        while step < horizon && !ended {
            let of = |frame: usize| random::derive(seed, &[episode, ACTION_STREAM, (step + frame) as u64]);
            let draws = random::derive(seed, &[episode, step as u64]);
            let mut seen = now.repeat(block);
            for _ in 0..block {
                let before = std::iter::once(now.as_slice()).chain(seen.chunks_exact(o));
                for (frame, (action, observation)) in actions.chunks_exact_mut(a).zip(before).enumerate() {
                    // The same draw in every sweep.
                    let mut rng = ChaCha8Rng::seed_from_u64(of(frame));
                    policy.sample(observation, &mut rng, action)?;
                }
                let asked =
                    Decisions { observation: &now, actions: &actions, samples: 1, history: 0, seed: draws };
                seen = planner.imagine(&asked)?.observations;
            }
            for (action, next) in actions.chunks_exact(a).zip(seen.chunks_exact(o)) {
                if step == horizon || ended {
                    break;
                }
                let (reward, end) = pays(&now, action, next);
                sum += discount * reward;
                discount *= criterion.discount;
                (step, ended) = (step + 1, end);
                now.copy_from_slice(next);
            }
        }
        imagined.returns.push(sum);
        imagined.steps.push(step);
    }
    Ok(imagined)
}

impl Imagined {
    /// Mean of the returns, with a bootstrap over imagined episodes. The interval is that of the draws: of first states and of
    /// the network's chance. It says nothing of where the network is wrong, so it holds the truth less often than it says; a
    /// bias of the network is in every episode alike.
    ///
    /// # Errors
    /// Those of the bootstrap, for fewer than two episodes among others.
    pub fn estimate(&self, bootstrap: &Bootstrap) -> Result<Estimate, AgentError> {
        let diagnosis = Diagnosis { episodes: self.returns.len(), ..Diagnosis::default() };
        Ok(estimate_of_mean(IMAGINED, diagnosis, &self.returns, bootstrap)?)
    }
}
