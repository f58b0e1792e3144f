//! A network's parameters as one flat vector with named slices.
//!
//! Optimiser, moving average, gradient sums and checkpoints all work on this one vector: an update is a
//! handful of operations on any device, and there is one order in which sums are taken.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};

use crate::error::check_len;
use crate::{PlannerError, random};

/// One named parameter in the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSlot {
    /// Dotted path in the module tree, for example `blocks.0.expand.weight`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Offset of its first entry.
    pub offset: usize,
}

impl ParameterSlot {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |product: usize, n| product.saturating_mul(*n))
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether weight decay applies: to matrices of linear layers, not to biases, norms or tables.
    pub fn decays(&self) -> bool {
        self.shape.len() == 2 && !self.name.ends_with("_tw")
    }
}

/// Names, shapes and order of a network's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterLayout {
    /// Slots in the order of the module tree.
    pub slots: Vec<ParameterSlot>,
}

impl ParameterLayout {
    /// Layout of a module.
    pub fn of<M: Module>(module: &M) -> Self {
        let mut visitor = Shapes { path: Vec::new(), slots: Vec::new(), offset: 0 };
        module.visit(&mut visitor);
        let mut slots = visitor.slots;
        // The name of the architecture, which every path of the enum begins with, says nothing.
        let architecture =
            slots.first().and_then(|slot| slot.name.split_once('.')).map(|(first, _)| format!("{first}."));
        if let Some(architecture) =
            architecture.filter(|prefix| slots.iter().all(|slot| slot.name.starts_with(prefix)))
        {
            slots.iter_mut().for_each(|slot| slot.name = slot.name[architecture.len()..].to_owned());
        }
        Self { slots }
    }

    /// Refuses slots that do not follow one another without gaps, as those of a network do.
    ///
    /// # Errors
    /// [`PlannerError::Length`] with the offset that was expected.
    pub(crate) fn check(&self) -> Result<(), PlannerError> {
        let mut offset: usize = 0;
        for slot in &self.slots {
            check_len("parameters before a slot", offset, slot.offset)?;
            offset = offset.saturating_add(slot.len());
        }
        Ok(())
    }

    /// Total number of entries.
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.offset.saturating_add(slot.len()))
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Initial weights: matrices uniform with variance `1 / (3 fan_in)`, tables normal with deviation 0.02,
    /// norms one, everything else zero. The modulation and output layers start at zero, so that a fresh
    /// network predicts zero and every block starts as the identity (DiT's adaLN-zero). Empty for slots that are those of
    /// no network that is built.
    pub fn draw(&self, seed: u64) -> Vec<f32> {
        if self.check().is_err() || self.len() as u64 > super::MOST_WEIGHTS {
            return Vec::new();
        }
        let mut weights = vec![0.0; self.len()];
        for (index, slot) in self.slots.iter().enumerate() {
            let mut rng = random::stream(seed, &[index as u64]);
            let out = &mut weights[slot.offset..slot.offset + slot.len()];
            let zero = ["modulation.weight", "output.weight"].iter().any(|end| slot.name.ends_with(end))
                && !slot.name.ends_with("level.output.weight");
            if slot.name.ends_with(".gamma") {
                out.fill(1.0);
            } else if slot.shape.len() == 2 && !zero {
                let deviation =
                    if slot.decays() { (3.0 * slot.shape[0] as f64).sqrt().recip() } else { 0.02 };
                for value in out {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    *value = (deviation * z) as f32;
                }
            }
        }
        weights
    }

    /// `module` with the parameters of `flat`, on `device`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when the vector does not fit the slots or the module.
    pub fn load<M: Module>(&self, module: M, flat: &[f32], device: &Device) -> Result<M, PlannerError> {
        check_len("parameters", self.len(), flat.len())?;
        check_len("parameters of the module", Self::of(&module).len(), flat.len())?;
        let flat = Tensor::<1>::from_data(TensorData::new(flat.to_vec(), [flat.len()]), device);
        Ok(self.assign(module, &flat))
    }

    /// `module` with its parameters replaced by slices of `flat`.
    pub(crate) fn assign<M: Module>(&self, module: M, flat: &Tensor<1>) -> M {
        module.map(&mut Assign { flat, offset: 0 })
    }

    /// Gradients of `module`'s parameters as one vector; parameters without a gradient give zeros.
    pub(crate) fn gradient<M: Module>(
        &self,
        module: &M,
        gradients: &mut Gradients,
        device: &Device,
    ) -> Tensor<1> {
        let mut visitor = Collect { gradients, device, parts: Vec::new() };
        module.visit(&mut visitor);
        Tensor::cat(visitor.parts, 0)
    }
}

struct Shapes {
    path: Vec<String>,
    slots: Vec<ParameterSlot>,
    offset: usize,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let slot = ParameterSlot {
            name: self.path.join("."),
            shape: param.lazy_shape().to_vec(),
            offset: self.offset,
        };
        self.offset += slot.len();
        self.slots.push(slot);
    }
}

struct Assign<'a> {
    flat: &'a Tensor<1>,
    offset: usize,
}

impl ModuleMapper for Assign<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let len = shape.num_elements();
        let value = self.flat.clone().narrow(0, self.offset, len).reshape(shape);
        self.offset += len;
        Param::initialized(param.id, value)
    }
}

struct Collect<'a> {
    gradients: &'a mut Gradients,
    device: &'a Device,
    parts: Vec<Tensor<1>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let part = match value.grad_remove(self.gradients) {
            Some(gradient) => gradient.reshape([-1]),
            None => Tensor::zeros([value.shape().num_elements()], self.device),
        };
        self.parts.push(part);
    }
}
