//! Tokens, noise levels and network. Every default has its reason.

use forethought_envs::{EnvSpec, FeatureKind};
use serde::{Deserialize, Serialize};

use crate::fourier::FourierEntries;
use crate::network::NetworkConfig;
use crate::noise::{NoiseSchedule, ScheduleKind, Target};
use crate::objects::ObjectOrder;
use crate::{LocalDynamics, PlannerError, Preconditioning, TokenLayout};

/// The model: tokens, noise levels and network. Stored in every checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Environment steps per token. Ten steps of 10 ms keep a plan to tens of tokens, short enough to be
    /// denoised in milliseconds, while one token still holds one manoeuvre.
    pub frames_per_token: usize,
    /// Chunks in the longest plan.
    pub chunks: usize,
    /// Whether frames carry their reward, for reward guidance.
    pub reward: bool,
    /// What the goal token says of a sequence: where it ends (`goal`), or its mean reward a step (`return`; Ajay et al., ICLR
    /// 2023). Goal: it leads plans by itself. Return, for data of mixed quality and rewards that are more than arriving: plans are then
    /// asked for as much as `plan.wanted_return` says.
    pub condition: ConditionKind,
    /// In which order the network is shown things that are alike, as the environment says of them
    /// ([`forethought_envs::EnvSpec::interchangeable`]): as they are seen (`as-seen`), or the one that is moved next first
    /// (`moved-first`), so that what is learnt of one holds for all. As seen: most environments have none.
    pub objects: ObjectOrder,
    /// Deviation that the positions have for the network, those entries of an observation that goals speak of;
    /// everything else has 1. In a wide maze a corridor is a small part of a deviation: more spread shows walls
    /// larger, against noise and in the loss.
    pub position_scale: f64,
    /// Training noise levels `K`.
    pub levels: usize,
    /// Shape of the noise schedule.
    pub schedule: ScheduleKind,
    /// What the network predicts. What linear dynamics leave open: plans then begin where the present is and outcomes follow
    /// from decisions before anything is learnt, and chunks meet where noise is low.
    pub target: Target,
    /// Blocks of a chunk's frames with noise levels of their own for decisions and outcomes; 0 for one level a token. 2: an
    /// outcome is then asked for without showing decisions more than half a chunk later, which may have answered it. A
    /// chunk has no more blocks than frames.
    pub level_blocks: usize,
    /// The network.
    pub network: NetworkConfig,
}

/// What the goal token says of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionKind {
    /// Where it ends.
    #[default]
    Goal,
    /// What it earns.
    Return,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            frames_per_token: 10,
            chunks: 16,
            reward: false,
            condition: ConditionKind::Goal,
            objects: ObjectOrder::AsSeen,
            position_scale: 1.0,
            levels: 1000,
            schedule: ScheduleKind::Cosine,
            target: Target::Residual,
            level_blocks: 2,
            network: NetworkConfig::default(),
        }
    }
}

impl ModelConfig {
    /// Token layout in an environment.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for sizes out of range.
    pub fn layout(&self, spec: &EnvSpec) -> Result<TokenLayout, PlannerError> {
        let blocks = self.blocks();
        let mut layout = TokenLayout::new(spec, self.frames_per_token, self.chunks, self.reward, blocks)?;
        if self.network.fourier_entries == FourierEntries::Bodies && self.network.fourier_features > 0 {
            layout.bodies = spec.runs(FeatureKind::Position);
            if layout.bodies.is_empty() {
                return Err(PlannerError::Setting {
                    name: "model.network.fourier_entries",
                    value: "bodies".into(),
                    remedy: format!(
                        "`{}` names no position among its features: name one, or give \"observation\"",
                        spec.id
                    ),
                });
            }
        }
        layout.returns = self.condition == ConditionKind::Return;
        if self.objects == ObjectOrder::MovedFirst {
            layout.objects.clone_from(&spec.interchangeable);
            if layout.objects.is_empty() {
                return Err(PlannerError::Setting {
                    name: "model.objects",
                    value: "moved-first".into(),
                    remedy: format!("`{}` names no things that are alike: give \"as-seen\"", spec.id),
                });
            }
            layout.check()?;
        }
        Ok(layout)
    }

    /// Blocks that a chunk has: no more than frames.
    pub(crate) fn blocks(&self) -> usize {
        self.level_blocks.min(self.frames_per_token)
    }

    /// Refuses settings that no model can be built with.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), PlannerError> {
        self.network.check()?;
        self.noise()?;
        if self.position_scale.is_finite() && self.position_scale > 0.0 {
            return Ok(());
        }
        Err(PlannerError::Setting {
            name: "model.position_scale",
            value: self.position_scale.to_string(),
            remedy: "give a positive number".into(),
        })
    }

    /// What the network is shown of tokens of this layout, and what its answers mean.
    ///
    /// # Errors
    /// Those of [`Preconditioning::new`] and [`Self::noise`].
    pub fn preconditioning(
        &self,
        layout: &TokenLayout,
        dynamics: Option<&LocalDynamics>,
    ) -> Result<Preconditioning, PlannerError> {
        let octaves = self.network.fourier_features;
        let of = Preconditioning::new(layout, &self.noise()?, self.target, octaves, dynamics)?;
        Ok(of.with_fourier(self.network.fourier(layout)))
    }

    /// Noise schedule.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for a number of levels out of range.
    pub fn noise(&self) -> Result<NoiseSchedule, PlannerError> {
        NoiseSchedule::new(self.schedule, self.levels)
    }
}
