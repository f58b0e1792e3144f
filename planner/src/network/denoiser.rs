//! A trained network behind the [`Denoiser`] interface.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::conditions::Conditions;
use super::{Network, NetworkConfig, ParameterLayout};
use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::{PlannerError, Preconditioning, PreparedBatch, TokenLayout};

/// Sequences per network call on the CPU: few, so that activations stay in cache.
const CPU_CHUNK: usize = 16;

/// More threads than any machine has processors.
const MOST_THREADS: usize = 4096;

/// A network with its preconditioning.
///
/// On the CPU a batch is computed a few sequences at a time by one thread: this is the reference for the
/// engine, and what runs the networks that the engine does not know. On any other device the whole batch is
/// one call.
pub struct NetworkDenoiser {
    network: Network,
    preconditioning: Preconditioning,
    causal: bool,
    device: Device,
    dtype: DType,
    pool: Option<rayon::ThreadPool>,
}

impl NetworkDenoiser {
    /// Denoiser of a network of configuration `config` on `device`, which is the CPU or not.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when its compute thread cannot be started; [`PlannerError::Setting`] and
    /// [`PlannerError::Length`] for a network that is not of this configuration and layout.
    pub fn new(
        network: Network,
        preconditioning: Preconditioning,
        config: &NetworkConfig,
        device: &Device,
        cpu: bool,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        let layout = preconditioning.layout();
        check_len("numbers that the network is shown", config.input(layout), preconditioning.input())?;
        // A tensor library answers shapes that do not fit with a panic.
        let weights = config.weights(layout).and_then(|weights| usize::try_from(weights).ok());
        check_len(
            "weights of the network",
            weights.unwrap_or(usize::MAX),
            ParameterLayout::of(&network).len(),
        )?;
        let network = network.valid().freeze().fork(device);
        let pool = if cpu { Some(thread_pool(1)?) } else { None };
        let (device, dtype) = (device.clone(), DType::F32);
        Ok(Self { network, preconditioning, causal: config.causal, device, dtype, pool })
    }

    /// Computes in `f64`, for checks of gradients against finite differences.
    #[must_use]
    pub fn in_double_precision(mut self) -> Self {
        self.dtype = DType::F64;
        self.network = self.network.map(&mut Cast(DType::F64));
        self
    }

    /// Computes the batch piece by piece.
    fn run(
        &self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        pull: Option<(&Cotangent<'_>, &mut [f64])>,
    ) -> Result<(), PlannerError> {
        let layout = self.preconditioning.layout();
        batch.check(layout.width(), layout.parts())?;
        let longest = layout.tokens(layout.chunks);
        if batch.tokens > longest {
            return Err(PlannerError::Length { what: "sequence", want: longest, got: batch.tokens });
        }
        let size = batch.tokens * layout.width();
        check_len("clean estimates", batch.batch * size, x0_btd.len())?;
        let per_call = if self.pool.is_some() { CPU_CHUNK } else { batch.batch.max(1) };
        let (cotangent, mut pulled) = match pull {
            None => (None, None),
            Some((cotangent, out)) => {
                check_len("pulled gradients", batch.batch * size, out.len())?;
                (Some(cotangent), Some(out.chunks_mut(per_call * size)))
            }
        };
        for (index, x0) in x0_btd.chunks_mut(per_call * size).enumerate() {
            let pull = cotangent.zip(pulled.as_mut().and_then(Iterator::next));
            let first = index * per_call;
            match &self.pool {
                Some(pool) => pool.install(|| self.compute(batch, first, x0, pull))?,
                None => self.compute(batch, first, x0, pull)?,
            }
        }
        Ok(())
    }

    /// Estimates and pulled gradients of the sequences from `first` on that fit into `x0`.
    fn compute(
        &self,
        batch: &NoisyBatch<'_>,
        first: usize,
        x0: &mut [f64],
        pull: Option<(&Cotangent<'_>, &mut [f64])>,
    ) -> Result<(), PlannerError> {
        let of = &self.preconditioning;
        let (tokens, width, parts) = (batch.tokens, of.layout().width(), of.layout().parts());
        let sequences = x0.len() / (tokens * width);
        let range = first..first + sequences;
        let piece = NoisyBatch {
            batch: sequences,
            tokens,
            x_btd: &batch.x_btd[range.start * tokens * width..range.end * tokens * width],
            level_btp: &batch.level_btp[range.start * tokens * parts..range.end * tokens * parts],
            chunks_b: &batch.chunks_b[range.clone()],
            goal_b: &batch.goal_b[range],
        };
        let prepared = PreparedBatch::new(of, piece)?;
        let upload = |values: &[f64]| {
            let shape = [sequences, tokens, values.len() / (sequences * tokens).max(1)];
            let data = TensorData::new(values.to_vec(), [values.len()]);
            Tensor::<1>::from_data(data, (&self.device, self.dtype)).reshape(shape)
        };
        let mut x_bti = upload(prepared.input_bti());
        if pull.is_some() {
            x_bti = x_bti.autodiff().require_grad();
        }
        let (levels, told) = (of.schedule().levels(), prepared.told_btl());
        let conditions = Conditions::new(tokens, told, piece.chunks_b, piece.goal_b, self.causal, levels);
        let answer_btd = self.network.forward(conditions.input(x_bti.clone(), &self.device, self.dtype));
        let mut answers = vec![0.0; x0.len()];
        download(answer_btd.clone().inner(), &mut answers)?;
        prepared.estimates(&answers, x0)?;
        let Some((cotangent, pulled)) = pull else { return Ok(()) };
        let cotangent = |b: usize, x0_td: &[f64], g: &mut [f64]| cotangent(first + b, x0_td, g);
        let d_answers = prepared.pull_answers(x0, &cotangent, pulled)?;
        let mut gradients = (answer_btd * upload(&d_answers).autodiff()).sum().backward();
        let Some(of_input) = x_bti.grad_remove(&mut gradients) else {
            return Err(PlannerError::Device("the input gradient is missing from the graph".into()));
        };
        let mut d_input = vec![0.0; prepared.input_bti().len()];
        download(of_input, &mut d_input)?;
        prepared.pull_input(&d_input, pulled)
    }
}

impl Denoiser for NetworkDenoiser {
    fn layout(&self) -> &TokenLayout {
        self.preconditioning.layout()
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, None)
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, Some((cotangent, pulled_btd)))
    }
}

/// Copies a tensor to the host.
fn download(tensor: Tensor<3>, out: &mut [f64]) -> Result<(), PlannerError> {
    let data = tensor.try_into_data().map_err(|error| PlannerError::Device(format!("{error:?}")))?;
    check_len("tensor on the host", out.len(), data.num_elements())?;
    out.iter_mut().zip(data.iter::<f64>()).for_each(|(out, value)| *out = value);
    Ok(())
}

/// A pool of `threads` compute threads. Burn's operations get pools of one, so that they stay on their own core.
pub(crate) fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, PlannerError> {
    if threads > MOST_THREADS {
        return Err(PlannerError::Device(format!("{threads} compute threads: give at most {MOST_THREADS}")));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| PlannerError::Device(format!("cannot start {threads} compute threads: {error}")))
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(param.id, param.val().cast(self.0))
    }
}
