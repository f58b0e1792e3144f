//! Training by several processes: each computes the gradients of its own shards, and all sum the same ones in the same order, so that
//! one, two and four processes end in the same bytes.

use std::ops::Range;

use crate::PlannerError;

/// What connects the processes that train together. The library brings none: `torch.distributed`, MPI or a socket serve.
pub trait Exchange: Send {
    /// Number of this process, from 0. Number 0 writes the run's folder, which all must be able to read.
    fn rank(&self) -> usize;

    /// Processes in all.
    fn size(&self) -> usize;

    /// Hands over `own`, of one length in all processes, and fills `all` (`size` times as long) with what each handed
    /// over, in the order of their numbers. Called equally often by all.
    ///
    /// # Errors
    /// [`PlannerError::Exchange`] where a process is gone or does not answer.
    fn gather(&mut self, own: &[u8], all: &mut [u8]) -> Result<(), PlannerError>;
}

/// Which process of how many this is, with what it reaches the others by.
pub(super) struct Together {
    exchange: Box<dyn Exchange>,
    own: Vec<u8>,
    all: Vec<u8>,
}

impl Together {
    /// # Errors
    /// [`PlannerError::Setting`] where shards cannot be shared equally.
    pub fn new(exchange: Box<dyn Exchange>, shards: usize) -> Result<Self, PlannerError> {
        let (rank, size) = (exchange.rank(), exchange.size());
        if rank >= size {
            return Err(PlannerError::Exchange(format!("process {rank} of {size}: numbers begin at 0")));
        }
        if shards == 0 || !shards.is_multiple_of(size) {
            return Err(PlannerError::Setting {
                name: "train.shards",
                value: shards.to_string(),
                remedy: format!("{size} processes share them equally: give a multiple of {size}"),
            });
        }
        Ok(Self { exchange, own: Vec::new(), all: Vec::new() })
    }

    /// Whether this process writes the run's folder.
    pub fn writes(&self) -> bool {
        self.exchange.rank() == 0
    }

    /// This process's part of `count` things that are shared equally.
    pub fn share(&self, count: usize) -> Range<usize> {
        let (rank, size) = (self.exchange.rank(), self.exchange.size().max(1));
        count * rank / size..count * (rank + 1) / size
    }

    /// Refuses processes that are not about to do the same.
    ///
    /// # Errors
    /// [`PlannerError::Exchange`].
    pub fn agree(&mut self, what: &str, on: &[u8; 32]) -> Result<(), PlannerError> {
        self.all.resize(on.len() * self.exchange.size(), 0);
        self.exchange.gather(on, &mut self.all)?;
        match self.all.chunks_exact(on.len()).position(|other| other != on) {
            None => Ok(()),
            Some(other) => Err(PlannerError::Exchange(format!(
                "processes {} and {other} have other {what}: give all of them the same data, settings and folder",
                self.exchange.rank()
            ))),
        }
    }

    /// Whether any of the processes says yes.
    ///
    /// # Errors
    /// Those of [`Exchange::gather`].
    pub fn any(&mut self, own: bool) -> Result<bool, PlannerError> {
        self.all.resize(self.exchange.size(), 0);
        self.exchange.gather(&[u8::from(own)], &mut self.all)?;
        Ok(self.all.iter().any(|said| *said != 0))
    }

    /// Losses and gradients of all shards, in order, given those of its own: `own` calls for each its loss and its gradient, of `len`
    /// entries, or of none where the shard has no sequences. Writes the sums.
    ///
    /// # Errors
    /// Those of [`Exchange::gather`].
    pub fn sum<'a>(
        &mut self,
        own: impl Iterator<Item = (f64, &'a [f32])>,
        sum: &mut [f32],
    ) -> Result<f64, PlannerError> {
        let entry = size_of::<f64>() + size_of_val(sum);
        self.own.clear();
        for (loss, gradient) in own {
            let end = self.own.len() + entry;
            self.own.extend_from_slice(&loss.to_le_bytes());
            let at = self.own.len();
            self.own.resize(end, 0);
            let bytes = self.own.get_mut(at..).unwrap_or_default().as_chunks_mut::<4>().0;
            bytes.iter_mut().zip(gradient).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
        }
        self.all.resize(self.own.len() * self.exchange.size(), 0);
        self.exchange.gather(&self.own, &mut self.all)?;
        let mut loss = 0.0;
        // From the same zero as a sum over an iterator begins with, shard by shard.
        sum.fill(-0.0);
        for shard in self.all.chunks_exact(entry) {
            let (of_loss, gradient) = shard.split_at(size_of::<f64>());
            loss += of_loss.try_into().map_or(f64::NAN, f64::from_le_bytes);
            sum.iter_mut()
                .zip(gradient.as_chunks::<4>().0)
                .for_each(|(sum, bytes)| *sum += f32::from_le_bytes(*bytes));
        }
        Ok(loss)
    }
}
