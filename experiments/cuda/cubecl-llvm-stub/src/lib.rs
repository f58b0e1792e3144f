//! The names that `cubecl-cuda` 0.11.3 takes from `cubecl-llvm`, without LLVM behind them.
//!
//! The published `cubecl-llvm` fetches a prebuilt LLVM while it builds, which a machine that reaches
//! only a package registry cannot do. `cubecl-cuda` built with its `cpp` feature compiles kernels
//! through CUDA C++ and NVRTC and never calls what is here; where it did, the two entry points below
//! stop with a message that names the feature.
#![allow(missing_docs)]

use cubecl_core::ir::{DeviceProperties, nvidia::SmArch};
use cubecl_core::prelude::KernelDefinition;
use cubecl_server::{compiler::CompilationError, kernel::BufferIOAttr};

const NOT_HERE: &str = "the LLVM backend is not part of this build: build cubecl-cuda with its `cpp` feature";

pub mod nvptx {
    pub mod ptx_version {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct PtxVersion(u32);

        impl PtxVersion {
            /// No PTX is emitted here, so no driver has a version for it.
            pub fn for_driver(_driver: i32) -> Option<Self> {
                None
            }
        }

        impl core::fmt::Display for PtxVersion {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "ptx{}", self.0)
            }
        }
    }
}

pub mod shared {
    pub mod lowered_features {
        use crate::DeviceProperties;

        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GpuTarget {
            Nvptx,
        }

        pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {
            unreachable!("{}", crate::NOT_HERE)
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    #[default]
    Cpu,
    Nvptx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoArch {}

#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    pub arch: Option<NoArch>,
    pub sm_arch: Option<SmArch>,
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    pub grid_constants: bool,
    pub f16_evaluation: (),
}

#[derive(Clone, Debug)]
pub struct NvptxModule {
    pub ptx: Vec<core::ffi::c_char>,
    pub entrypoint: String,
    pub ir: String,
    pub shared_memory_size: usize,
    pub io: Vec<BufferIOAttr>,
}

#[derive(Clone)]
pub enum PlironArtifact {
    Jit(()),
    NvptxCode(NvptxModule),
}

#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    pub target: LlvmTarget,
}

impl PlironCompiler {
    pub fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &PlironOptions,
    ) -> Result<PlironArtifact, CompilationError> {
        unreachable!("{NOT_HERE}")
    }

    pub fn lang_tag(&self) -> &'static str {
        "ll"
    }
}
