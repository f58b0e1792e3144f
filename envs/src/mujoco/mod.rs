//! MuJoCo, where it is installed: nothing is needed to build, and the library is found when it is asked for.
//!
//! [`MujocoLibrary`] is the library, [`MujocoModel`] a compiled model, [`MujocoSim`] a simulation of it. [`MujocoEnv`] makes an
//! environment of a model and its [`MujocoRules`]; [`Reacher`] is one, an arm of two joints: `reacher-mujoco-v0`;
//! [`half_cheetah`] another, with a model of the gymnasium package.
//!
//! [`MujocoRenderer`] draws what a [`MujocoCamera`] sees, where EGL is installed as well.
//!
//! Releases from 3.5.0 on are used, those of [`MujocoVersion::TRIED`] were held against Python's bindings bit for bit. What
//! has no accessor in MuJoCo's interface is not offered, so that no release can move it: places of bodies are read by
//! sensors (`framepos`, `framequat`) that the model declares, as forces, contacts and clocks are.
//!
//! ```no_run
//! use forethought_envs::mujoco::{MujocoError, MujocoLibrary, MujocoModel};
//!
//! # fn main() -> Result<(), MujocoError> {
//! let text = r#"<mujoco><worldbody><body name="ball" pos="0 0 1"><freejoint/><geom size="0.1"/></body></worldbody></mujoco>"#;
//! let model = MujocoModel::from_text(&MujocoLibrary::find()?, text)?;
//! let mut sim = model.simulate()?;
//! sim.step(100)?;
//! assert!(sim.positions()[2] < 1.0);
//! # Ok(())
//! # }
//! ```

mod env;
mod error;
mod find;
mod gymnasium_model;
pub mod half_cheetah;
mod library;
mod model;
mod native;
mod object;
mod reacher;
mod reacher_pictures;
mod render;
mod rules;
mod sim;
mod suite;
mod symbols;
mod version;

pub use env::MujocoEnv;
pub use error::MujocoError;
pub use find::MUJOCO_VARIABLE;
pub use gymnasium_model::{GYMNASIUM_VARIABLE, GymnasiumModel};
pub use library::MujocoLibrary;
pub use model::{MujocoModel, MujocoSensor};
pub use object::{MujocoObject, MujocoPart};
pub use reacher::{REACHER, REACHER_EPISODE_STEPS, REACHER_RADIUS, Reacher, ReacherPolicy};
pub use render::{MujocoCamera, MujocoRenderer};
pub use rules::MujocoRules;
pub use sim::{MujocoSim, MujocoState};
pub(crate) use suite::MujocoSuite;
pub use version::MujocoVersion;
