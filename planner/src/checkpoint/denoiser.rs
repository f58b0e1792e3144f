//! Which implementation computes a checkpoint's network.

use burn::tensor::Device;

use super::{Checkpoint, Manifest};
use crate::network::{NetworkDenoiser, NetworkKind};
use crate::{Denoiser, EngineDenoiser, PlannerError};

impl Checkpoint {
    /// The denoiser for this checkpoint. On the CPU (`threads` workers) a transformer runs in this crate's own
    /// engine; anything else, and every network on another device (`threads` `None`), runs in Burn.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when workers cannot be started.
    pub fn denoiser(
        self,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Box<dyn Denoiser>, PlannerError> {
        let Manifest { layout, model, dynamics, .. } = self.manifest;
        let preconditioning = model.preconditioning(&layout, dynamics.as_ref())?;
        Ok(match (model.network.kind, threads) {
            (NetworkKind::Transformer, Some(threads)) => Box::new(EngineDenoiser::new(
                &self.parameters,
                &self.weights,
                &model.network,
                preconditioning,
                threads,
            )?),
            (_, threads) => Box::new(NetworkDenoiser::new(
                self.network,
                preconditioning,
                &model.network,
                device,
                threads.is_some(),
            )?),
        })
    }
}
