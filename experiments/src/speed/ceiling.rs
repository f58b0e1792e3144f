//! The machine's ceiling: how fast it multiplies large matrices.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};

use super::timing;
use crate::device::DeviceName;
use crate::failure::Failure;

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
            DeviceName::Cuda => 8192,
        };
        let matrix = |salt: usize| {
            let values: Vec<f32> =
                (0..size * size).map(|i| ((i * 7 + salt) % 13) as f32 / 13.0 - 0.5).collect();
            Tensor::<1>::from_data(TensorData::new(values, [size * size]), device).reshape([size, size])
        };
        Self { left: matrix(0), right: matrix(5), size }
    }

    /// Billions of operations a second in one product on all threads.
    ///
    /// # Errors
    /// [`Failure`] when the device refuses.
    pub fn gflops(&self) -> Result<f64, Failure> {
        timing::quiet();
        self.product()?;
        let began = Instant::now();
        self.product()?;
        Ok(2.0 * (self.size as f64).powi(3) / began.elapsed().as_secs_f64() / 1e9)
    }

    /// Reading a number back waits for the device.
    fn product(&self) -> Result<(), Failure> {
        let product = self.left.clone().matmul(self.right.clone());
        let corner = product.slice([0..1, 0..1]).try_into_scalar::<f32>();
        corner.map(|_| ()).map_err(|error| Failure::broken(format!("device: {error:?}")))
    }
}
