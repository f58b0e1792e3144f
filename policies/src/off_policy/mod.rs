//! What a policy is worth, from data alone: off-policy evaluation, with an interval and a diagnosis.
//!
//! | file | what is in it |
//! |---|---|
//! | `policy.rs` | a policy as it is evaluated: draws, and log-densities where it has some |
//! | `logged.rs` | episodes of data; what is asked of them: discount and horizon |
//! | `behaviour.rs` | what acted in the data, fitted; how many of a policy's actions are unlike the data's |
//! | `ratios.rs` | products of likelihood ratios, in logarithms |
//! | `importance.rs` | weighted, per-decision and weighted per-decision importance sampling |
//! | `fourier.rs`, `linear_fqe.rs` | fitted Q evaluation in random features, solved exactly |
//! | `network_fqe.rs` | fitted Q evaluation with perceptrons and a target network |
//! | `doubly_robust.rs` | fitted values corrected by ratios, plain and weighted |
//! | `bootstrap.rs`, `estimate.rs` | intervals by drawing episodes anew; an estimate, and whether to trust it |
//! | `evaluate.rs` | all of it at once |
//!
//! Which to believe: importance sampling assumes nothing but that the behaviour is known, and says something only over few
//! steps or for policies near to what acted: see [`Diagnosis::effective_episodes`]. Fitted values reach far, and are as true as
//! their features: values that jump (a crash that costs much) are smoothed over, and actions unlike any in the data
//! ([`Diagnosis::outside_share`]) are guessed at.

mod behaviour;
mod bootstrap;
mod doubly_robust;
mod estimate;
mod evaluate;
mod fourier;
mod importance;
mod linear_fqe;
mod logged;
mod network_fqe;
mod policy;
mod ratios;

pub use behaviour::{BehaviourConfig, fit_behaviour, outside_share};
pub use bootstrap::{Bootstrap, BootstrapKind, Interval};
pub use doubly_robust::{DR, WDR, doubly_robust, weighted_doubly_robust};
pub use estimate::{Diagnosis, Estimate, estimate_of_mean};
pub use evaluate::{EvaluationConfig, evaluate, evaluate_policy};
pub use fourier::{FourierConfig, FourierFeatures};
pub use importance::{
    PDIS, WIS, WPDIS, per_decision_importance_sampling, weighted_importance_sampling,
    weighted_per_decision_importance_sampling,
};
pub use linear_fqe::{FittedValues, LINEAR_FQE, LinearFit, LinearFqe};
pub use logged::{Criterion, Logged, LoggedEpisode};
pub use network_fqe::{NETWORK_FQE, NetworkFqeConfig, network_fqe};
pub use policy::{GaussianPolicy, OfPolicy, StochasticPolicy};
pub use ratios::Ratios;
