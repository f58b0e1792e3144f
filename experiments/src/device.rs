//! Where tensors live, chosen at run time.

use burn::tensor::Device;

use crate::failure::Failure;

/// A device by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceName {
    /// The processor, with burn-flex.
    #[default]
    Cpu,
    /// The first NVIDIA GPU, with burn-cuda (a build with `--features cuda`).
    Cuda,
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Failure`] when the program was built without it, or the machine has no driver for it.
    pub fn open(self) -> Result<Device, Failure> {
        match self {
            #[cfg(feature = "flex")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(not(feature = "flex"))]
            Self::Cpu => Err(Failure::refused(
                "this program was built without the feature `flex`: rebuild with it to use --device cpu",
            )),
            #[cfg(feature = "cuda")]
            Self::Cuda => cuda(),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(Failure::refused(
                "this program was built without CUDA: rebuild with `cargo build --release --features cuda`, or use --device cpu",
            )),
        }
    }

    /// Worker threads on the CPU; other devices take whole batches.
    pub fn threads(self) -> Option<usize> {
        match self {
            Self::Cpu => Some(std::thread::available_parallelism().map_or(1, usize::from)),
            Self::Cuda => None,
        }
    }
}

/// burn-cuda panics at the first tensor where there is no driver, so the driver is asked first.
#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, Failure> {
    let missing = |what: String| Failure::refused(format!("--device cuda: {what}; use --device cpu"));
    // `cuInit` and the device count through burn-cuda's own driver binding; loading it panics without a driver.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let probe = std::panic::catch_unwind(|| {
        let device = Device::cuda(0);
        let one = burn::tensor::Tensor::<1>::from_floats([1.0], &device);
        (one + 1.0).try_into_scalar::<f32>().map(|_| device).map_err(|error| format!("{error:?}"))
    });
    std::panic::set_hook(quiet);
    match probe {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => Err(missing(format!("the GPU refused a first computation ({error})"))),
        Err(_) => Err(missing(
            "no NVIDIA driver, GPU or NVRTC library was found (libcuda.so, libnvrtc.so and CUDA's headers under $CUDA_PATH/include are needed to run)".into(),
        )),
    }
}
