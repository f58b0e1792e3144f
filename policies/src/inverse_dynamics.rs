//! The action that leads from here to the next planned observation, by a model learned from data.

use forethought_envs::data::InverseModel;
use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::{check, check_len, finish};
use crate::{Controller, INVERSE_DYNAMICS, PlanView, PolicyError};

/// `a = g(o, o_plan)`: the present observation is the real one, so that errors of the past are corrected.
/// `g` was fitted to the data and comes with the checkpoint (Ajay et al., *Is Conditional Generative Modeling all
/// you need for Decision-Making?*, ICLR 2023, choose actions in this way).
#[derive(Clone, Debug)]
pub struct InverseDynamics {
    space: BoxSpace,
    observation: usize,
    model: InverseModel,
}

impl InverseDynamics {
    /// Controller with this model.
    ///
    /// # Errors
    /// [`PolicyError::Unsuitable`] without a model, or for one of another environment.
    pub fn new(spec: &EnvSpec, inverse: Option<&InverseModel>) -> Result<Self, PolicyError> {
        let unsuitable = |reason: &str| PolicyError::Unsuitable {
            name: INVERSE_DYNAMICS,
            env: spec.id.clone(),
            reason: reason.to_owned(),
        };
        let Some(model) = inverse else {
            return Err(unsuitable(
                "no model of the inverse dynamics was given; one comes with every checkpoint trained by this version",
            ));
        };
        if !model.fits(spec.observation.len(), spec.action.len()) {
            return Err(unsuitable("the model of the inverse dynamics is that of another environment"));
        }
        Ok(Self { space: spec.action.clone(), observation: spec.observation.len(), model: model.clone() })
    }
}

impl Controller for InverseDynamics {
    fn name(&self) -> &'static str {
        INVERSE_DYNAMICS
    }

    fn command(
        &mut self,
        observation: &[f64],
        ahead: PlanView<'_>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        let planned = ahead.next_observation(self.observation);
        check("observation", observation, self.observation)?;
        check("planned observation", planned, self.observation)?;
        check_len("command", action, self.space.len())?;
        self.model.action(observation, planned, action);
        finish(action, &self.space)
    }
}
