//! A trained network behind the [`Denoiser`] interface.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::conditions::Conditions;
use super::{FourierFeatures, Network, NetworkConfig, ParameterLayout};
use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

/// Sequences per network call on the CPU: few, so that activations stay in cache.
const CPU_CHUNK: usize = 16;

/// More threads than any machine has processors.
const MOST_THREADS: usize = 4096;

/// A network with its token layout and noise levels.
///
/// On the CPU a batch is computed a few sequences at a time by one thread: this is the reference for the
/// engine, and what runs the networks that the engine does not know. On any other device the whole batch is
/// one call.
pub struct NetworkDenoiser {
    network: Network,
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    causal: bool,
    fourier: FourierFeatures,
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
        layout: TokenLayout,
        schedule: NoiseSchedule,
        target: Target,
        config: &NetworkConfig,
        device: &Device,
        cpu: bool,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        layout.check()?;
        // A tensor library answers shapes that do not fit with a panic.
        let weights = config.weights(&layout).and_then(|weights| usize::try_from(weights).ok());
        check_len(
            "weights of the network",
            weights.unwrap_or(usize::MAX),
            ParameterLayout::of(&network).len(),
        )?;
        let network = network.valid().freeze().fork(device);
        let pool = if cpu { Some(thread_pool(1)?) } else { None };
        let (device, dtype) = (device.clone(), DType::F32);
        let (causal, fourier) = (config.causal, FourierFeatures::new(&layout, config.fourier_features));
        Ok(Self { network, layout, schedule, target, causal, fourier, device, dtype, pool })
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
        batch.check(self.layout.width())?;
        let longest = self.layout.tokens(self.layout.chunks);
        if batch.tokens > longest {
            return Err(PlannerError::Length { what: "sequence", want: longest, got: batch.tokens });
        }
        let size = batch.tokens * self.layout.width();
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
        let (tokens, width) = (batch.tokens, self.layout.width());
        let sequences = x0.len() / (tokens * width);
        let range = first..first + sequences;
        let tracked = pull.is_some();
        let shape = [sequences, tokens, width];
        let upload = |values: Vec<f64>| {
            let x = Tensor::<1>::from_data(
                TensorData::new(values, [shape.iter().product::<usize>()]),
                (&self.device, self.dtype),
            );
            x.reshape(shape)
        };
        let x = batch.x_btd[range.start * tokens * width..range.end * tokens * width].to_vec();
        let mut x_btd = upload(x);
        if tracked {
            x_btd = x_btd.autodiff().require_grad();
        }
        let levels = &batch.level_bt[range.start * tokens..range.end * tokens];
        let conditions = Conditions::new(
            levels,
            &batch.chunks_b[range.clone()],
            &batch.goal_b[range.clone()],
            self.causal,
            self.schedule.levels(),
        );
        let input = conditions.input(x_btd.clone(), &self.fourier, &self.device, self.dtype);
        // Per-token affine map from the raw output to the clean estimate (constant in x for an x0 target).
        let (mut on_x, mut on_output) = (Vec::new(), Vec::new());
        for &level in levels {
            let (cx, cout) = self.target.to_x0(self.schedule.abar(usize::from(level)));
            on_x.push(cx);
            on_output.push(cout);
        }
        let column = |values: Vec<f64>| {
            let c = Tensor::<1>::from_data(
                TensorData::new(values, [sequences * tokens]),
                (&self.device, self.dtype),
            );
            let c = c.reshape([sequences, tokens, 1]);
            if tracked { c.autodiff() } else { c }
        };
        let raw_btd = self.network.forward(input);
        let x0_btd = x_btd.clone() * column(on_x) + raw_btd * column(on_output);
        download(x0_btd.clone().inner(), x0)?;
        let Some((cotangent, pulled)) = pull else { return Ok(()) };
        let size = tokens * width;
        let mut gradient = vec![0.0; x0.len()];
        for (i, (x0, g)) in x0.chunks_exact(size).zip(gradient.chunks_exact_mut(size)).enumerate() {
            cotangent(first + i, x0, g);
        }
        let gradient_btd = upload(gradient).autodiff();
        let mut gradients = (x0_btd * gradient_btd).sum().backward();
        match x_btd.grad_remove(&mut gradients) {
            Some(pulled_btd) => download(pulled_btd, pulled),
            None => Err(PlannerError::Device("the input gradient is missing from the graph".into())),
        }
    }
}

impl Denoiser for NetworkDenoiser {
    fn layout(&self) -> &TokenLayout {
        &self.layout
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
