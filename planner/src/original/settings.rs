//! How the authors' code plans, in our settings.

use forethought_envs::EnvSpec;

use crate::{GuidanceConfig, HorizonConfig, PlanConfig, RankConfig, SamplerConfig, Solver, TokenLayout};

/// Bound of clean estimates in deviations of the data. Theirs have none; this is where their noise ends (`clip_noise`).
pub(super) const LIMIT: f64 = 20.0;
/// Their `guidance_scale`.
const GUIDANCE: f64 = 2.0;

/// `df_planning.yaml` of v1.5: fifty steps of DDIM in a pyramid of one row a token, no goal token, one candidate, plans to
/// the end of the episode.
///
/// Their guidance is the mean of a thousand tanh distances over all frames and the three kinds of numbers in them; ours is
/// the sum over tokens of the mean over their frames. The push of a position is the same with 1000 over tokens and kinds.
pub(super) fn plan(spec: &EnvSpec, layout: &TokenLayout) -> PlanConfig {
    let kinds = 3.0;
    PlanConfig {
        goal_conditioning: false,
        sampler: SamplerConfig {
            steps: 50,
            solver: Solver::Ddim,
            uncertainty_scale: 1.0,
            clean_tokens: 0,
            stabilization_level: 10,
            ..SamplerConfig::default()
        },
        guidance: GuidanceConfig {
            scale: GUIDANCE * 1000.0 / (kinds * layout.chunks.saturating_add(1) as f64),
            end: 0.0,
            ..GuidanceConfig::default()
        },
        horizon: HorizonConfig { episode: spec.max_episode_steps.unwrap_or(0), ..HorizonConfig::default() },
        rank: RankConfig { candidates: 1, ood_penalty: 0.0 },
        ..PlanConfig::default()
    }
}
