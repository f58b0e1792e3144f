//! A trained network behind the [`Denoiser`] interface.

use std::sync::Mutex;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::Network;
use super::conditions::Conditions;
use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

/// Sequences per network call on the CPU. Fixed, so that the split of a batch, and with it every rounding,
/// does not depend on the number of threads; small, so that activations stay in cache.
const CPU_CHUNK: usize = 16;

/// A network with its token layout and noise levels.
///
/// On the CPU a batch is cut into chunks that worker threads take in turn, each worker with its own copy of
/// the autodiff graph and a compute pool of one thread: twice the throughput of threads inside each
/// operation at these sizes. On any other device the whole batch is one call.
pub struct NetworkDenoiser {
    workers: Vec<Worker>,
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    causal: bool,
    chunk: Option<usize>,
}

struct Worker {
    network: Network,
    pool: Option<rayon::ThreadPool>,
    device: Device,
    dtype: DType,
}

impl NetworkDenoiser {
    /// Denoiser on `device`; `threads` workers share the CPU's batches (other devices ignore it).
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the worker pools cannot be made.
    pub fn new(
        network: Network,
        layout: TokenLayout,
        schedule: NoiseSchedule,
        target: Target,
        causal: bool,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        let network = network.valid().freeze();
        let mut workers = Vec::new();
        for _ in 0..threads.unwrap_or(1).max(1) {
            let pool = match threads {
                None => None,
                Some(_) => Some(single_thread_pool()?),
            };
            let network = network.clone().fork(device);
            workers.push(Worker { network, pool, device: device.clone(), dtype: DType::F32 });
        }
        Ok(Self { workers, layout, schedule, target, causal, chunk: threads.map(|_| CPU_CHUNK) })
    }

    /// Computes in `f64`, for checks of gradients against finite differences.
    #[must_use]
    pub fn in_double_precision(mut self) -> Self {
        for worker in &mut self.workers {
            worker.dtype = DType::F64;
            worker.network = worker.network.clone().map(&mut Cast(DType::F64));
        }
        self
    }

    /// Cuts the outputs into pieces and runs each on some worker; reports the first error in batch order.
    fn run(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        pull: Option<(&Cotangent<'_>, &mut [f64])>,
    ) -> Result<(), PlannerError> {
        batch.check(self.layout.width())?;
        let size = batch.tokens * self.layout.width();
        check_len("clean estimates", batch.batch * size, x0_btd.len())?;
        let per_call = self.chunk.unwrap_or(batch.batch).max(1);
        let (cotangent, mut pulled) = match pull {
            None => (None, None),
            Some((cotangent, out)) => {
                check_len("pulled gradients", batch.batch * size, out.len())?;
                (Some(cotangent), Some(out.chunks_mut(per_call * size)))
            }
        };
        let mut pieces = Vec::new();
        for (index, x0) in x0_btd.chunks_mut(per_call * size).enumerate() {
            pieces.push(Piece {
                first: index * per_call,
                x0,
                pulled: pulled.as_mut().and_then(Iterator::next),
            });
        }
        let (layout, schedule, target, causal) = (&self.layout, &self.schedule, self.target, self.causal);
        let call = Call { batch, layout, schedule, target, causal, cotangent };
        if pieces.len() == 1 || self.workers.len() == 1 {
            return pieces.into_iter().try_for_each(|piece| self.workers[0].run(&call, piece));
        }
        // Taken from the back, so that the queue is in batch order.
        pieces.reverse();
        let (queue, failures) = (Mutex::new(pieces), Mutex::new(Vec::new()));
        let outcome = crossbeam::thread::scope(|scope| {
            for worker in &self.workers {
                let (queue, failures, call) = (&queue, &failures, &call);
                scope.spawn(move |_| {
                    while let Some(piece) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                        let first = piece.first;
                        if let (Err(error), Ok(mut list)) = (worker.run(call, piece), failures.lock()) {
                            list.push((first, error));
                        }
                    }
                });
            }
        });
        if outcome.is_err() {
            return Err(PlannerError::Device("a denoising worker stopped unexpectedly".into()));
        }
        let mut failures = failures.into_inner().unwrap_or_default();
        failures.sort_by_key(|(first, _)| *first);
        failures.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }
}

impl Denoiser for NetworkDenoiser {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, None)
    }

    fn denoise_and_pull(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, Some((cotangent, pulled_btd)))
    }
}

/// Consecutive sequences of a batch and where their results go.
struct Piece<'a> {
    first: usize,
    x0: &'a mut [f64],
    pulled: Option<&'a mut [f64]>,
}

/// What all pieces of a batch share.
struct Call<'a> {
    batch: &'a NoisyBatch<'a>,
    layout: &'a TokenLayout,
    schedule: &'a NoiseSchedule,
    target: Target,
    causal: bool,
    cotangent: Option<&'a Cotangent<'a>>,
}

impl Worker {
    fn run(&self, call: &Call<'_>, piece: Piece<'_>) -> Result<(), PlannerError> {
        match &self.pool {
            Some(pool) => pool.install(|| self.compute(call, piece)),
            None => self.compute(call, piece),
        }
    }

    fn compute(&self, call: &Call<'_>, piece: Piece<'_>) -> Result<(), PlannerError> {
        let (tokens, width) = (call.batch.tokens, call.layout.width());
        let sequences = piece.x0.len() / (tokens * width);
        let range = piece.first..piece.first + sequences;
        let tracked = piece.pulled.is_some();
        let shape = [sequences, tokens, width];
        let upload = |values: Vec<f64>| {
            let x = Tensor::<1>::from_data(
                TensorData::new(values, [shape.iter().product::<usize>()]),
                (&self.device, self.dtype),
            );
            x.reshape(shape)
        };
        let x = call.batch.x_btd[range.start * tokens * width..range.end * tokens * width].to_vec();
        let mut x_btd = upload(x);
        if tracked {
            x_btd = x_btd.autodiff().require_grad();
        }
        let levels = &call.batch.level_bt[range.start * tokens..range.end * tokens];
        let conditions = Conditions::new(
            levels,
            &call.batch.chunks_b[range.clone()],
            &call.batch.goal_b[range.clone()],
            call.causal,
            call.schedule.levels(),
        );
        let input = conditions.input(x_btd.clone(), &self.device, self.dtype);
        // Per-token affine map from the raw output to the clean estimate (constant in x for an x0 target).
        let (mut on_x, mut on_output) = (Vec::new(), Vec::new());
        for &level in levels {
            let (cx, cout) = call.target.to_x0(call.schedule.abar(usize::from(level)));
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
        download(x0_btd.clone().inner(), piece.x0)?;
        let (Some(cotangent), Some(pulled)) = (call.cotangent, piece.pulled) else { return Ok(()) };
        let size = tokens * width;
        let mut gradient = vec![0.0; piece.x0.len()];
        for (i, (x0, g)) in piece.x0.chunks_exact(size).zip(gradient.chunks_exact_mut(size)).enumerate() {
            cotangent(piece.first + i, x0, g);
        }
        let gradient_btd = upload(gradient).autodiff();
        let mut gradients = (x0_btd * gradient_btd).sum().backward();
        match x_btd.grad_remove(&mut gradients) {
            Some(pulled_btd) => download(pulled_btd, pulled),
            None => Err(PlannerError::Device("the input gradient is missing from the graph".into())),
        }
    }
}

/// Copies a tensor to the host.
fn download(tensor: Tensor<3>, out: &mut [f64]) -> Result<(), PlannerError> {
    let data = tensor.try_into_data().map_err(|error| PlannerError::Device(format!("{error:?}")))?;
    check_len("tensor on the host", out.len(), data.num_elements())?;
    out.iter_mut().zip(data.iter::<f64>()).for_each(|(out, value)| *out = value);
    Ok(())
}

/// A compute pool of one thread, so that a worker's operations stay on its own core.
pub(crate) fn single_thread_pool() -> Result<rayon::ThreadPool, PlannerError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| PlannerError::Device(format!("cannot start a compute thread: {error}")))
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(param.id, param.val().cast(self.0))
    }
}
