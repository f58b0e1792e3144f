//! The machine's ceiling: how fast it multiplies large matrices.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};

use super::timing;
use crate::device::DeviceName;
use crate::failure::Failure;

/// Untimed products before each sample, which wake the threads and the clock.
const WARM_UP: usize = 4;
/// Timed products of a sample; the fastest counts, as a ceiling is what can be reached.
const TRIES: usize = 4;

/// A product of two square matrices, large enough for the arithmetic units to be the limit.
pub struct Ceiling {
    left: Tensor<2>,
    right: Tensor<2>,
    size: usize,
}

impl Ceiling {
    /// Matrices on the device.
    pub fn new(name: DeviceName, device: &Device) -> Self {
        let size = match name {
            DeviceName::Cpu => 1024,
            DeviceName::Cuda | DeviceName::Wgpu => 8192,
        };
        let matrix = |salt: usize| {
            let values: Vec<f32> =
                (0..size * size).map(|i| ((i * 7 + salt) % 13) as f32 / 13.0 - 0.5).collect();
            Tensor::<1>::from_data(TensorData::new(values, [size * size]), device).reshape([size, size])
        };
        Self { left: matrix(0), right: matrix(5), size }
    }

    /// Billions of operations a second in one product on all threads, at best.
    ///
    /// # Errors
    /// [`Failure`] when the device refuses.
    pub fn gflops(&self) -> Result<f64, Failure> {
        timing::quiet();
        (0..WARM_UP).try_for_each(|_| self.product())?;
        let mut fastest = f64::INFINITY;
        for _ in 0..TRIES {
            let began = Instant::now();
            self.product()?;
            fastest = fastest.min(began.elapsed().as_secs_f64());
        }
        Ok(2.0 * (self.size as f64).powi(3) / fastest / 1e9)
    }

    /// Reading a number back waits for the device.
    fn product(&self) -> Result<(), Failure> {
        let product = self.left.clone().matmul(self.right.clone());
        let corner = product.slice([0..1, 0..1]).try_into_scalar::<f32>();
        corner.map(|_| ()).map_err(|error| Failure::broken(format!("device: {error:?}")))
    }
}
