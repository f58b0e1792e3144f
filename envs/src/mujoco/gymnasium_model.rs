//! Models of the gymnasium package, read where the package or a copy of its files is. None of them comes with the project.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::MujocoError;
use super::find::Places;

/// Names a folder with models of the gymnasium package; nothing else is looked at then.
pub const GYMNASIUM_VARIABLE: &str = "FORETHOUGHT_GYMNASIUM";

/// Where the package keeps its models.
const IN_PACKAGE: &str = "envs/mujoco/assets";

/// A model of the gymnasium package, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GymnasiumModel {
    path: PathBuf,
    text: String,
}

impl GymnasiumModel {
    /// The model of this file name, such as `half_cheetah.xml`: in the folder that [`GYMNASIUM_VARIABLE`] names and no other; else
    /// in the one that `envs/interop/gymnasium.sh` fills (`forethought/gymnasium` under `XDG_DATA_HOME` or `~/.local/share`), else
    /// in the package of the Pythons that [`super::MujocoLibrary::find`] looks through. All releases of the package that have an
    /// environment's fifth version (1.0.0 to 1.4.0 were looked at) have the same file.
    ///
    /// # Errors
    /// [`MujocoError::NoModel`] with where it was looked for.
    pub fn find(file: &'static str) -> Result<Self, MujocoError> {
        Self::find_by(|name| std::env::var_os(name), file)
    }

    fn find_by(variable: impl Fn(&str) -> Option<OsString>, file: &'static str) -> Result<Self, MujocoError> {
        let places = Places::of_package(variable, GYMNASIUM_VARIABLE, "gymnasium");
        let folders = places.named.map_or(places.folders, |named| vec![named]);
        let candidates =
            folders.iter().flat_map(|folder| [folder.join(file), folder.join(IN_PACKAGE).join(file)]);
        for path in candidates {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok(Self { path, text }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(MujocoError::NoModel {
                        file,
                        looked: format!("{}: {error}", path.display()),
                    });
                }
            }
        }
        let first =
            folders.first().map_or_else(String::new, |first| format!(", {} the first", first.display()));
        Err(MujocoError::NoModel { file, looked: format!("looked in {} folder(s){first}", folders.len()) })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 (hex) of the text.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "walker.xml";

    fn put(folder: &Path, text: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(FILE), text).unwrap();
    }

    #[test]
    fn a_copy_comes_before_the_package_and_a_named_folder_before_both() {
        let folder = tempfile::tempdir().unwrap();
        let (data, venv, named) =
            (folder.path().join("data"), folder.path().join("venv"), folder.path().join("named"));
        let package = venv.join("lib/python3.12/site-packages/gymnasium");
        std::fs::create_dir_all(&named).unwrap();
        let find = |naming: bool| {
            GymnasiumModel::find_by(
                |name| match name {
                    "XDG_DATA_HOME" => Some(data.clone().into()),
                    "VIRTUAL_ENV" => Some(venv.clone().into()),
                    GYMNASIUM_VARIABLE if naming => Some(named.clone().into()),
                    _ => None,
                },
                FILE,
            )
        };
        put(&package.join(IN_PACKAGE), "package");
        assert_eq!(find(false).unwrap().text(), "package");
        put(&data.join("forethought/gymnasium"), "copy");
        assert_eq!(find(false).unwrap().text(), "copy");
        let said = find(true).unwrap_err().to_string();
        assert!(
            said.contains(FILE) && said.contains("1 folder(s)") && said.contains("gymnasium.sh"),
            "{said}"
        );
        put(&named, "");
        let model = find(true).unwrap();
        assert_eq!((model.text(), model.path()), ("", named.join(FILE).as_path()));
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(model.hash(), of_nothing);
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), [0xff, 0xfe]).unwrap();
        let found =
            GymnasiumModel::find_by(|name| (name == GYMNASIUM_VARIABLE).then(|| folder.path().into()), FILE);
        let said = found.unwrap_err().to_string();
        assert!(said.contains("walker.xml: ") && said.contains(&*folder.path().to_string_lossy()), "{said}");
    }
}
