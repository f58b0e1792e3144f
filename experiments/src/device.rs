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
    /// Any GPU that WebGPU finds a driver for, with burn-wgpu (a build with `--features wgpu`).
    Wgpu,
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
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
            Self::Cuda => probed(
                self,
                || Ok(Device::cuda(0)),
                "libcuda.so, libnvrtc.so and CUDA's headers under $CUDA_PATH/include are needed to run",
            ),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => probed(
                self,
                wgpu,
                "a Vulkan, Metal or DirectX 12 driver is needed to run; without a GPU that of Mesa's software Vulkan, mesa-vulkan-drivers",
            ),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(self.not_built()),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(self.not_built()),
        }
    }

    #[cfg(not(all(feature = "cuda", feature = "wgpu")))]
    fn not_built(self) -> Failure {
        Failure::refused(format!(
            "this program was built without the feature `{self}`: rebuild with `cargo build --release --features {self}`, or use --device cpu"
        ))
    }

    /// Worker threads on the CPU; other devices take whole batches.
    pub fn threads(self) -> Option<usize> {
        match self {
            Self::Cpu => Some(std::thread::available_parallelism().map_or(1, usize::from)),
            Self::Cuda | Self::Wgpu => None,
        }
    }
}

/// A device that has added two numbers: GPU backends panic at the first tensor where there is no driver.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn probed(name: DeviceName, open: fn() -> Result<Device, String>, needed: &str) -> Result<Device, Failure> {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let probe = std::panic::catch_unwind(|| {
        let device = open()?;
        let one = burn::tensor::Tensor::<1>::from_floats([1.0], &device);
        (one + 1.0).try_into_scalar::<f32>().map(|_| device).map_err(|error| format!("{error:?}"))
    });
    std::panic::set_hook(quiet);
    let missing = match probe {
        Ok(Ok(device)) => return Ok(device),
        Ok(Err(error)) => format!("no GPU did a first computation ({error}; {needed})"),
        Err(_) => format!("no driver or GPU was found ({needed})"),
    };
    Err(Failure::refused(format!("--device {name}: {missing}; use --device cpu")))
}

/// The best adapter of the first graphics API that has one. Not OpenGL, to which an automatic choice falls back: it does not compile the kernels.
#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device, String> {
    use burn::tensor::wgpu::WgpuBackend;
    // A runtime is begun once in a process.
    static OPENED: std::sync::OnceLock<Result<Device, String>> = std::sync::OnceLock::new();
    let begin = || {
        let mut problems = Vec::new();
        for api in [WgpuBackend::Vulkan, WgpuBackend::Metal, WgpuBackend::Dx12] {
            match Device::wgpu_options().graphics_api(api).init() {
                Ok(device) => return Ok(device),
                Err(error) => problems.push(error.to_string()),
            }
        }
        Err(problems.join("; "))
    };
    OPENED.get_or_init(begin).clone()
}
