//! A compiled model.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::native::{Compiled, Data, Source};
use super::{MujocoError, MujocoLibrary, MujocoObject, MujocoPart, MujocoSim};

/// What text in memory is called in messages.
const TEXT: &str = "the model's text";
/// The part of a state that time is.
const TIME: i32 = 1;
/// Most names that a refusal lists.
const MOST_NAMES: usize = 40;

/// A compiled model: it never changes, and threads share it. Clones are the same model.
#[derive(Clone)]
pub struct MujocoModel {
    compiled: Arc<Compiled>,
    timestep: f64,
    hash: Arc<str>,
}

/// A sensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MujocoSensor {
    pub(super) id: usize,
    len: usize,
}

impl MujocoSensor {
    /// Numbers of a reading.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it gives none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl MujocoModel {
    /// Compiles a model from its text (MJCF or URDF).
    ///
    /// # Errors
    /// [`MujocoError::Model`] with MuJoCo's message and the line, [`MujocoError::Asset`] where a file is missing.
    pub fn from_text(library: &MujocoLibrary, text: &str) -> Result<Self, MujocoError> {
        Self::from_text_with(library, text, &[])
    }

    /// The same with files in memory (name, bytes) that the text may name, such as meshes and included models.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn from_text_with(
        library: &MujocoLibrary,
        text: &str,
        assets: &[(&str, &[u8])],
    ) -> Result<Self, MujocoError> {
        Self::new(library, TEXT, Source::Text(text), assets)
    }

    /// Compiles a model from a file; what it names is looked for beside it.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn from_file(library: &MujocoLibrary, path: &Path) -> Result<Self, MujocoError> {
        Self::new(library, &path.to_string_lossy(), Source::File(path), &[])
    }

    fn new(
        library: &MujocoLibrary,
        name: &str,
        source: Source<'_>,
        assets: &[(&str, &[u8])],
    ) -> Result<Self, MujocoError> {
        let compiled = Arc::new(Compiled::new(library.symbols(), name, source, assets)?);
        // The time step is nowhere to be asked for: it is the time after one step from time 0.
        let mut data = Data::new(&compiled).ok_or(MujocoError::NoData)?;
        let mut time = [0.0];
        data.step(1);
        let read = data.read(TIME, &mut time) && time[0].is_finite() && time[0] > 0.0;
        if !read {
            let problem = format!("one step takes {} s: give `option` a positive `timestep`", time[0]);
            return Err(MujocoError::of_model(name, &problem));
        }
        drop(data);
        let digest = Sha256::digest(compiled.bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { compiled, timestep: time[0], hash: hash.into() })
    }

    /// A simulation in the model's own first state.
    ///
    /// # Errors
    /// [`MujocoError::NoData`] where MuJoCo makes none.
    pub fn simulate(&self) -> Result<MujocoSim, MujocoError> {
        MujocoSim::new(self)
    }

    /// Seconds of one time step.
    pub fn timestep(&self) -> f64 {
        self.timestep
    }

    /// Numbers of a part of the state: `nq` of [`MujocoPart::Positions`], `nv` of velocities, `nu` of controls.
    pub fn len_of(&self, part: MujocoPart) -> usize {
        self.compiled.size(part.bit())
    }

    /// Numbers of the whole state, warm start of the solver included.
    pub fn state_len(&self) -> usize {
        self.compiled.size(self.compiled.whole())
    }

    /// SHA-256 (hex) of the compiled model: states belong to one. Another release of MuJoCo compiles another.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The library that it belongs to.
    pub fn library(&self) -> MujocoLibrary {
        MujocoLibrary::of(self.compiled.symbols())
    }

    /// Things of a kind.
    pub fn count(&self, kind: MujocoObject) -> usize {
        self.compiled.count(kind)
    }

    /// Name of a thing; `None` where it has none, and past the last.
    pub fn name(&self, kind: MujocoObject, id: usize) -> Option<String> {
        self.compiled.name(kind, id)
    }

    /// Number of the thing of this name, counted from 0.
    ///
    /// # Errors
    /// [`MujocoError::Unknown`] with the names there are.
    pub fn id(&self, kind: MujocoObject, name: &str) -> Result<usize, MujocoError> {
        self.compiled.id(kind, name).ok_or_else(|| {
            let mut known: Vec<String> =
                (0..self.count(kind)).filter_map(|id| self.name(kind, id)).take(MOST_NAMES).collect();
            if known.is_empty() {
                known.push("give it one in the model".to_owned());
            }
            MujocoError::Unknown { kind, name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// The sensor of this name.
    ///
    /// # Errors
    /// As [`Self::id`].
    pub fn sensor(&self, name: &str) -> Result<MujocoSensor, MujocoError> {
        let id = self.id(MujocoObject::Sensor, name)?;
        Ok(MujocoSensor { id, len: self.compiled.sensors().get(id).copied().unwrap_or(0) })
    }

    pub(super) fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }
}

impl fmt::Debug for MujocoModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MujocoModel")
            .field("library", &self.library())
            .field("positions", &self.len_of(MujocoPart::Positions))
            .field("velocities", &self.len_of(MujocoPart::Velocities))
            .field("controls", &self.len_of(MujocoPart::Controls))
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
