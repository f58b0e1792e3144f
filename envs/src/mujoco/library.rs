//! The library, found and loaded.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::find::{Places, libraries};
use super::symbols::Symbols;
use super::{MujocoError, MujocoVersion};

/// MuJoCo's library, loaded into this process. Clones are the same library.
///
/// Once loaded it stays: what MuJoCo keeps for threads has no end that could be waited for.
///
/// An error inside MuJoCo, such as an arena that is too small for a stack, cannot be caught: it ends the process, with the
/// reason on standard error. Nothing that these modules let through is known to lead there.
#[derive(Clone)]
pub struct MujocoLibrary {
    symbols: Arc<Symbols>,
}

impl MujocoLibrary {
    /// The library of this user: the one that [`super::MUJOCO_VARIABLE`] names and no other; else the first that can be
    /// used in the folder that `envs/interop/mujoco.sh` fills (`forethought/mujoco` under `XDG_DATA_HOME` or
    /// `~/.local/share`), in an active Python environment (`VIRTUAL_ENV`, `CONDA_PREFIX`), and in the Pythons under
    /// `~/.local`, `/usr/local`, `/usr` and `/opt/homebrew`. Of several in a folder the newest comes first.
    ///
    /// # Errors
    /// [`MujocoError::NotFound`] with where it was looked for and what was refused there; what [`Self::open`] says of the
    /// one that is named.
    pub fn find() -> Result<Self, MujocoError> {
        Self::find_in(&Places::of(|name| std::env::var_os(name)))
    }

    pub(super) fn find_in(places: &Places) -> Result<Self, MujocoError> {
        if let Some(named) = &places.named {
            return Self::open(named);
        }
        let mut refused = Vec::new();
        for path in places.folders.iter().flat_map(|folder| libraries(folder)) {
            match Self::open_file(&path) {
                Ok(library) => return Ok(library),
                Err(MujocoError::Version { found, .. }) => {
                    refused.push(format!("{} is {found}", path.display()))
                }
                Err(MujocoError::Library { problem, .. }) => {
                    refused.push(format!("{}: {problem}", path.display()))
                }
                Err(other) => return Err(other),
            }
        }
        let folders = places.folders.len();
        let first = places
            .folders
            .first()
            .map_or_else(String::new, |first| format!(", {} the first", first.display()));
        let refused =
            if refused.is_empty() { String::new() } else { format!("; refused: {}", refused.join(", ")) };
        Err(MujocoError::NotFound { looked: format!("looked in {folders} folders{first}{refused}") })
    }

    /// The library of this file, or the newest that can be used in this folder.
    ///
    /// # Errors
    /// [`MujocoError::Library`] where there is none, or for a file that is none of MuJoCo's; [`MujocoError::Version`] for
    /// releases that are not used.
    pub fn open(path: &Path) -> Result<Self, MujocoError> {
        if path.is_file() {
            // A name without a folder would be looked for where the system keeps its libraries.
            let absolute = std::path::absolute(path);
            return Self::open_file(absolute.as_deref().unwrap_or(path));
        }
        let mut refusal = None;
        for file in libraries(path) {
            match Self::open_file(&file) {
                Ok(library) => return Ok(library),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        let problem = if path.is_dir() {
            "no `libmujoco.so.*`, `libmujoco.*.dylib` or `mujoco.dll` is in it"
        } else {
            "there is no such file"
        };
        Err(refusal
            .unwrap_or_else(|| MujocoError::Library { path: path.to_path_buf(), problem: problem.into() }))
    }

    fn open_file(path: &Path) -> Result<Self, MujocoError> {
        Ok(Self { symbols: Arc::new(Symbols::load(path)?) })
    }

    /// Its release.
    pub fn version(&self) -> MujocoVersion {
        self.symbols.version
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.symbols.path
    }

    pub(super) fn of(symbols: &Arc<Symbols>) -> Self {
        Self { symbols: symbols.clone() }
    }

    pub(super) fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }
}

impl fmt::Debug for MujocoLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MujocoLibrary").field("version", &self.version()).field("path", &self.path()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_and_what_is_no_library_are_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path| MujocoLibrary::open(path).unwrap_err().to_string();
        assert!(open(&folder.path().join("gone")).contains("there is no such file"));
        assert!(open(folder.path()).contains("no `libmujoco.so.*`"));
        let file = folder.path().join("libmujoco.so.3.9.0");
        std::fs::write(&file, "not a library").unwrap();
        for said in [open(&file), open(folder.path())] {
            assert!(
                said.contains("libmujoco.so.3.9.0` cannot be used") && said.contains("mujoco.sh"),
                "{said}"
            );
        }
        let places = Places { named: None, folders: vec![folder.path().to_path_buf()] };
        let said = MujocoLibrary::find_in(&places).unwrap_err().to_string();
        assert!(said.contains("refused: ") && said.contains("FORETHOUGHT_MUJOCO"), "{said}");
        let said = MujocoLibrary::find_in(&Places::default()).unwrap_err().to_string();
        assert!(said.contains("looked in 0 folders"), "{said}");
        let named = Places { named: Some(folder.path().join("gone")), ..places };
        assert!(MujocoLibrary::find_in(&named).unwrap_err().to_string().contains("there is no such file"));
    }

    /// Any library but MuJoCo's: the one that every program on this system has.
    #[cfg(target_os = "linux")]
    #[test]
    fn another_library_is_refused() {
        let error = MujocoLibrary::open(Path::new("/proc/self/exe")).unwrap_err();
        assert!(matches!(error, MujocoError::Library { .. }), "{error}");
    }
}
