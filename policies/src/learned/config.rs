//! Settings of learned policies, with the reason for each default.

use serde::{Deserialize, Serialize};

use super::{BC, CQL, DIFFUSION_QL, GCIQL, GCIVL, HIQL, IQL, TD3_BC};
use crate::PolicyError;
use crate::perceptron::{Activation, AdamConfig};

/// Everything that can be set. Of the parts a policy uses `train` and the one of its own name; goal-conditioned ones use
/// `goals` and `gc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedConfig {
    /// What all share.
    pub train: LearnedTrainConfig,
    /// How goals are drawn in hindsight.
    pub goals: GoalSampling,
    /// GCIVL and GCIQL.
    pub gc: GcConfig,
    /// TD3+BC.
    pub td3_bc: Td3BcConfig,
    /// IQL.
    pub iql: IqlConfig,
    /// CQL.
    pub cql: CqlConfig,
    /// HIQL.
    pub hiql: HiqlConfig,
    /// Diffusion-QL.
    pub diffusion_ql: DiffusionQlConfig,
}

/// What all policies share. The defaults are OGBench's; [`LearnedConfig::of`] has those of the other papers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedTrainConfig {
    /// Steps. OGBench and the papers take 1,000,000; a tenth of it is hours on two cores, and how much of the score that gives is not
    /// measured yet.
    pub steps: u64,
    /// Rows of a batch. OGBench: 1024; the papers: 256.
    pub batch: usize,
    /// Learning rate of Adam, of every network. OGBench, TD3+BC, IQL and CQL (critic): 3e-4.
    pub rate: f32,
    /// Widths of hidden layers. OGBench: three of 512; the papers: two of 256 (CQL's three).
    pub hidden: Vec<usize>,
    /// What follows each. OGBench: GELU; the papers: ReLU.
    pub activation: Activation,
    /// Layer normalisation in values and critics. OGBench: yes; the papers: no.
    pub layer_norm: bool,
    /// Discount. All of them: 0.99.
    pub discount: f32,
    /// Part of the way that target networks go each step. All of them: 0.005.
    pub target_rate: f32,
    /// Whether observations are scaled to mean 0 and deviation 1. TD3+BC: yes; the others: no, with observations that are
    /// near such a scale by themselves, which those of an arbitrary robot are not.
    pub scale_observations: bool,
    /// Seed of weights, batches and noise.
    pub seed: u64,
    /// Steps from one writing of where training stands to the next: what a machine that goes down takes with it at most. Some minutes on two
    /// cores at the default sizes.
    pub checkpoint_every: u64,
}

impl Default for LearnedTrainConfig {
    fn default() -> Self {
        Self {
            steps: 100_000,
            batch: 1024,
            rate: AdamConfig::default().rate,
            hidden: vec![512; 3],
            activation: Activation::Gelu,
            layer_norm: true,
            discount: 0.99,
            target_rate: 0.005,
            scale_observations: true,
            seed: 0,
            checkpoint_every: 2000,
        }
    }
}

/// How goals are drawn in hindsight (OGBench, Appendix C): for values a mixture, for the policy what comes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoalSampling {
    /// Chance that a value's goal is the present row; OGBench's.
    pub value_current: f64,
    /// Chance that it is a later one of the same trajectory; OGBench's.
    pub value_trajectory: f64,
    /// Chance that it is any row; OGBench's.
    pub value_random: f64,
    /// Whether later rows are drawn geometrically, `1 - discount` each, for values; evenly otherwise. OGBench: yes.
    pub value_geometric: bool,
    /// The same four for the policy's goals; OGBench's for `navigate` data: only what comes later, evenly.
    pub actor_current: f64,
    /// See `actor_current`; for OGBench's `stitch` data half of the goals are random.
    pub actor_trajectory: f64,
    /// See `actor_current`.
    pub actor_random: f64,
    /// See `actor_current`.
    pub actor_geometric: bool,
}

impl Default for GoalSampling {
    fn default() -> Self {
        Self {
            value_current: 0.2,
            value_trajectory: 0.5,
            value_random: 0.3,
            value_geometric: true,
            actor_current: 0.0,
            actor_trajectory: 1.0,
            actor_random: 0.0,
            actor_geometric: false,
        }
    }
}

/// How a policy is drawn out of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extraction {
    /// Advantage-weighted regression (Peng et al. 2019): actions of the data, weighed by `exp(alpha A)`.
    Awr,
    /// Up the critic's gradient, with behaviour cloning beside it, weighed by `alpha`: what OGBench calls DDPG+BC.
    DdpgBc,
}

/// GCIVL and GCIQL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GcConfig {
    /// Expectile of values. OGBench: 0.9.
    pub expectile: f32,
    /// How GCIQL's policy is found; GCIVL has no critic, and always regresses. OGBench: DDPG+BC.
    pub extraction: Extraction,
    /// GCIQL: weight of behaviour cloning beside the critic (DDPG+BC), or of advantages (AWR). OGBench's for its
    /// point mazes: 0.003.
    pub alpha: f32,
    /// GCIVL: weight of advantages. OGBench's for its point mazes: 10.
    pub alpha_v: f32,
}

impl Default for GcConfig {
    fn default() -> Self {
        Self { expectile: 0.9, extraction: Extraction::DdpgBc, alpha: 0.003, alpha_v: 10.0 }
    }
}

/// TD3+BC; the defaults are the paper's (Table 3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Td3BcConfig {
    /// Weight of the critic beside behaviour cloning, before it is divided by the mean of `|Q|`.
    pub alpha: f32,
    /// Deviation of the noise on target actions.
    pub noise: f32,
    /// Where it is cut off.
    pub noise_limit: f32,
    /// Critic steps for each step of the policy and the targets.
    pub delay: u64,
}

impl Default for Td3BcConfig {
    fn default() -> Self {
        Self { alpha: 2.5, noise: 0.2, noise_limit: 0.5, delay: 2 }
    }
}

/// IQL; the defaults are the paper's for locomotion (Section 5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IqlConfig {
    /// Expectile of values. The paper: 0.7; 0.9 for ant mazes.
    pub expectile: f32,
    /// Weight of advantages in the policy's regression. The paper: 3; 10 for ant mazes.
    pub beta: f32,
}

impl Default for IqlConfig {
    fn default() -> Self {
        Self { expectile: 0.7, beta: 3.0 }
    }
}

/// CQL(H); the defaults are the paper's for locomotion (Appendix F).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CqlConfig {
    /// Weight of the conservative term.
    pub alpha: f32,
    /// Actions of each kind (uniform, of the policy here, of the policy at the next observation) in its sum.
    pub samples: usize,
    /// Learning rate of policy and temperature, a third of the critic's as in the paper.
    pub policy_rate: f32,
}

impl Default for CqlConfig {
    fn default() -> Self {
        Self { alpha: 5.0, samples: 10, policy_rate: 1e-4 }
    }
}

/// HIQL; the defaults are OGBench's for its mazes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HiqlConfig {
    /// Expectile of values. OGBench: 0.7.
    pub expectile: f32,
    /// Weight of advantages in the regression of actions. OGBench: 3.
    pub low_alpha: f32,
    /// Weight of advantages in the regression of subgoals. OGBench: 3.
    pub high_alpha: f32,
    /// Steps from here to a subgoal. OGBench: 25; 10 for manipulation.
    pub subgoal_steps: usize,
    /// Numbers that stand for a subgoal. OGBench: 10.
    pub representation: usize,
}

impl Default for HiqlConfig {
    fn default() -> Self {
        Self { expectile: 0.7, low_alpha: 3.0, high_alpha: 3.0, subgoal_steps: 25, representation: 10 }
    }
}

/// Diffusion-QL; the defaults are the paper's for locomotion (Wang et al. 2023, Appendices B and D).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionQlConfig {
    /// Steps from noise to an action. The paper: 5.
    pub denoising_steps: usize,
    /// Weight of the critic beside the denoising loss. The paper: 1; 0.5 to 4.5 for ant mazes.
    pub eta: f32,
    /// Longest gradient of each network; longer ones are shortened to it, 0 for none. The paper: 1 to 10, by task.
    pub grad_norm: f32,
    /// Actions that are drawn to act; one of them is taken by chance, in proportion to `exp Q`. The paper: 50.
    pub candidates: usize,
    /// Part of the way that the averaged policy, which targets ask, goes at each of its steps. The authors' code: 0.005.
    pub average_rate: f32,
    /// Steps between these. The authors' code: 5.
    pub average_every: u64,
    /// The average begins to move after so many steps. The authors' code: 1000.
    pub average_after: u64,
}

impl Default for DiffusionQlConfig {
    fn default() -> Self {
        Self {
            denoising_steps: 5,
            eta: 1.0,
            grad_norm: 5.0,
            candidates: 50,
            average_rate: 0.005,
            average_every: 5,
            average_after: 1000,
        }
    }
}

impl LearnedConfig {
    /// The defaults of a policy: OGBench's for goal-conditioned ones, the papers' networks and batches for the others.
    pub fn of(name: &str) -> Self {
        let mut config = Self::default();
        if matches!(name, BC | TD3_BC | IQL | CQL | DIFFUSION_QL) {
            config.train.batch = 256;
            config.train.hidden = vec![256; if matches!(name, CQL | DIFFUSION_QL) { 3 } else { 2 }];
            config.train.activation = Activation::Relu;
            config.train.layer_norm = false;
        }
        config
    }

    /// Refuses what a policy cannot be trained with.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] naming the setting.
    pub fn check(&self, name: &str) -> Result<(), PolicyError> {
        let Self { train, goals, gc, td3_bc, iql, cql, hiql, diffusion_ql } = self;
        let refuse = |name, value: String, remedy: &str| {
            Err(PolicyError::Setting { name, value, remedy: remedy.to_owned() })
        };
        let within = |name: &'static str, value: f32, low: f32, high: f32| {
            if value > low && value < high {
                return Ok(());
            }
            refuse(name, value.to_string(), &format!("give a number between {low} and {high}"))
        };
        let zero_or_more = |name: &'static str, value: f32| {
            if value.is_finite() && value >= 0.0 {
                return Ok(());
            }
            refuse(name, value.to_string(), "give 0 or a positive number")
        };
        if !(1..=1 << 16).contains(&train.batch) {
            return refuse("train.batch", train.batch.to_string(), "give a number from 1 to 65536");
        }
        if train.checkpoint_every == 0 {
            return refuse("train.checkpoint_every", "0".into(), "give a number of steps");
        }
        if train.hidden.is_empty() || train.hidden.iter().any(|width| !(1..=8192).contains(width)) {
            return refuse(
                "train.hidden",
                format!("{:?}", train.hidden),
                "give at least one width, each from 1 to 8192",
            );
        }
        within("train.rate", train.rate, 0.0, 1.0)?;
        within("train.discount", train.discount, 0.0, 1.0)?;
        within("train.target_rate", train.target_rate, 0.0, 1.0)?;
        for (name, parts) in [
            ("goals.value_*", [goals.value_current, goals.value_trajectory, goals.value_random]),
            ("goals.actor_*", [goals.actor_current, goals.actor_trajectory, goals.actor_random]),
        ] {
            let sum: f64 = parts.iter().sum();
            if parts.iter().any(|part| !(0.0..=1.0).contains(part)) || (sum - 1.0).abs() > 1e-6 {
                return refuse(name, format!("{parts:?}"), "give three chances that add up to 1");
            }
        }
        match name {
            GCIVL | GCIQL => {
                within("gc.expectile", gc.expectile, 0.0, 1.0)?;
                zero_or_more("gc.alpha", gc.alpha)?;
                zero_or_more("gc.alpha_v", gc.alpha_v)
            }
            TD3_BC => {
                zero_or_more("td3_bc.alpha", td3_bc.alpha)?;
                zero_or_more("td3_bc.noise", td3_bc.noise)?;
                zero_or_more("td3_bc.noise_limit", td3_bc.noise_limit)?;
                match td3_bc.delay {
                    0 => refuse("td3_bc.delay", "0".into(), "give at least 1"),
                    _ => Ok(()),
                }
            }
            IQL => {
                within("iql.expectile", iql.expectile, 0.0, 1.0)?;
                zero_or_more("iql.beta", iql.beta)
            }
            CQL => {
                zero_or_more("cql.alpha", cql.alpha)?;
                within("cql.policy_rate", cql.policy_rate, 0.0, 1.0)?;
                match cql.samples {
                    1..=100 => Ok(()),
                    samples => refuse("cql.samples", samples.to_string(), "give a number from 1 to 100"),
                }
            }
            HIQL => {
                within("hiql.expectile", hiql.expectile, 0.0, 1.0)?;
                zero_or_more("hiql.low_alpha", hiql.low_alpha)?;
                zero_or_more("hiql.high_alpha", hiql.high_alpha)?;
                match (hiql.subgoal_steps, hiql.representation) {
                    (0, _) => refuse("hiql.subgoal_steps", "0".into(), "give at least 1"),
                    (_, 1..=1024) => Ok(()),
                    (_, other) => {
                        refuse("hiql.representation", other.to_string(), "give a number from 1 to 1024")
                    }
                }
            }
            DIFFUSION_QL => {
                zero_or_more("diffusion_ql.eta", diffusion_ql.eta)?;
                zero_or_more("diffusion_ql.grad_norm", diffusion_ql.grad_norm)?;
                within("diffusion_ql.average_rate", diffusion_ql.average_rate, 0.0, 1.0)?;
                for (name, value, most) in [
                    ("diffusion_ql.denoising_steps", diffusion_ql.denoising_steps as u64, 100),
                    ("diffusion_ql.candidates", diffusion_ql.candidates as u64, 1000),
                    ("diffusion_ql.average_every", diffusion_ql.average_every, u64::MAX),
                ] {
                    if !(1..=most).contains(&value) {
                        return refuse(name, value.to_string(), &format!("give a number from 1 to {most}"));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
