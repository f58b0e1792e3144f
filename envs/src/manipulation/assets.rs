//! Where OGBench's descriptions of robots and things lie, and what is read of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ManipulationError;

/// Names the folder of the assets; no other is looked at then.
pub const OGBENCH_VARIABLE: &str = "FORETHOUGHT_OGBENCH";

const ARM: &str = "universal_robots_ur5e/ur5e.xml";
const GRIPPER: &str = "robotiq_2f85/2f85.xml";
const ROOM: &str = "floor_wall.xml";
const CUBE_CLASS: &str = "cube_outer.xml";
const CUBE: &str = "cube_inner.xml";
/// Files that MuJoCo itself reads.
const MESHES: [&str; 8] = [
    "robotiq_2f85/assets/base.stl",
    "robotiq_2f85/assets/base_mount.stl",
    "robotiq_2f85/assets/coupler.stl",
    "robotiq_2f85/assets/driver.stl",
    "robotiq_2f85/assets/follower.stl",
    "robotiq_2f85/assets/pad.stl",
    "robotiq_2f85/assets/silicone_pad.stl",
    "robotiq_2f85/assets/spring_link.stl",
];

/// Texts of the things of the scene besides the cube, each a model to be included.
const THINGS: [&str; 3] = ["buttons.xml", "drawer.xml", "window.xml"];
/// What stands before the path of each file that these name.
const THINGS_FILES: &str = "file=\"metaworld/";
/// Where the arm's visible parts lie, and the first of them.
const ARM_MESHES: &str = "universal_robots_ur5e/assets";
const ARM_MESH: &str = "universal_robots_ur5e/assets/base_0.obj";

/// OGBench's assets: texts of robots and things, read, and the folder from which MuJoCo reads meshes.
#[derive(Clone, Debug)]
pub struct OgBenchAssets {
    folder: PathBuf,
    arm: String,
    room: String,
    cube_class: String,
    cube: String,
    hash: String,
}

impl OgBenchAssets {
    /// Those of this user: in the folder that [`OGBENCH_VARIABLE`] names, else in the one that
    /// `envs/interop/ogbench_assets.sh` fills (`forethought/ogbench` under `XDG_DATA_HOME` or `~/.local/share`).
    ///
    /// # Errors
    /// As [`Self::open`]; [`ManipulationError::NoFolder`] where no home is known.
    pub fn find() -> Result<Self, ManipulationError> {
        let folder = folder_of(|name| std::env::var_os(name)).ok_or(ManipulationError::NoFolder)?;
        Self::open(&folder)
    }

    /// Those in this folder, which is laid out as the package's `ogbench/manipspace/descriptions`.
    ///
    /// # Errors
    /// [`ManipulationError::Missing`] with the first file that is not there, [`ManipulationError::Unread`] for one that
    /// cannot be read, [`ManipulationError::Unspeakable`] for a folder whose name is not UTF-8.
    pub fn open(folder: &Path) -> Result<Self, ManipulationError> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        if folder.to_str().is_none() {
            return Err(ManipulationError::Unspeakable(folder));
        }
        let there = |asset: &'static str| match folder.join(asset) {
            path if path.is_file() => Ok(path),
            _ => Err(ManipulationError::Missing { asset, folder: folder.clone() }),
        };
        let mut digest = Sha256::new();
        let mut bytes = |asset: &'static str| {
            let path = there(asset)?;
            let bytes = std::fs::read(&path).map_err(|source| ManipulationError::Unread { path, source })?;
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(&bytes);
            Ok::<_, ManipulationError>(bytes)
        };
        let mut text = |asset| {
            let bytes = bytes(asset)?;
            String::from_utf8(bytes).map_err(|error| ManipulationError::Unread {
                path: folder.join(asset),
                source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
            })
        };
        let [arm, room, cube_class, cube, _gripper] =
            [text(ARM)?, text(ROOM)?, text(CUBE_CLASS)?, text(CUBE)?, text(GRIPPER)?];
        for mesh in MESHES {
            bytes(mesh)?;
        }
        let hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { arm, room, cube_class, cube, hash, folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// SHA-256 (hex) of all that is read.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub(super) fn arm(&self) -> Source<'_> {
        Source { text: &self.arm, path: self.folder.join(ARM) }
    }

    pub(super) fn cube(&self) -> Source<'_> {
        Source { text: &self.cube, path: self.folder.join(CUBE) }
    }

    pub(super) fn cube_class(&self) -> &str {
        &self.cube_class
    }

    pub(super) fn room(&self) -> &str {
        &self.room
    }

    /// The scene's buttons, drawer and window, read now: they are wanted by the scene alone.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn things(&self) -> Result<Things, ManipulationError> {
        let mut digest = Sha256::new();
        digest.update(&self.hash);
        let mut read = |asset: &'static str| {
            let path = self.folder.join(asset);
            if !path.is_file() {
                return Err(ManipulationError::Missing { asset, folder: self.folder.clone() });
            }
            let unread = |source| ManipulationError::Unread { path: path.clone(), source };
            let text = std::fs::read_to_string(&path).map_err(unread)?;
            for name in text.split(THINGS_FILES).skip(1) {
                let name = name.split('"').next().unwrap_or_default();
                let path = self.folder.join("metaworld").join(name);
                let unread = |source| ManipulationError::Unread { path: path.clone(), source };
                digest.update(std::fs::read(&path).map_err(unread)?);
            }
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(&text);
            Ok(Thing { text, path })
        };
        let [buttons, drawer, window] = THINGS;
        let things = [read(buttons)?, read(drawer)?, read(window)?];
        let hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Things { things, hash })
    }

    /// Folder of the arm's visible parts, which pictures want.
    ///
    /// # Errors
    /// [`ManipulationError::Missing`] where they are not there.
    pub(super) fn arm_meshes(&self) -> Result<PathBuf, ManipulationError> {
        if self.folder.join(ARM_MESH).is_file() {
            return Ok(self.folder.join(ARM_MESHES));
        }
        Err(ManipulationError::Missing { asset: ARM_MESH, folder: self.folder.clone() })
    }

    /// Path of the gripper's model, for MuJoCo to read.
    pub(super) fn gripper(&self) -> PathBuf {
        self.folder.join(GRIPPER)
    }
}

/// Buttons, drawer and window.
#[derive(Clone, Debug)]
pub(super) struct Things {
    things: [Thing; 3],
    /// SHA-256 (hex) of all that is read of the assets, these among them.
    pub hash: String,
}

#[derive(Clone, Debug)]
struct Thing {
    text: String,
    path: PathBuf,
}

impl Things {
    /// The texts in their order.
    pub fn sources(&self) -> [Source<'_>; 3] {
        self.things.each_ref().map(|thing| Source { text: &thing.text, path: thing.path.clone() })
    }
}

/// A text with the file that it is of.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    pub text: &'a str,
    pub path: PathBuf,
}

fn folder_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || Some(path("HOME").or_else(|| path("USERPROFILE"))?.join(".local/share"));
    let data = || Some(path("XDG_DATA_HOME").or_else(home)?.join("forethought/ogbench"));
    path(OGBENCH_VARIABLE).or_else(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_before_the_data_folder_and_that_before_the_home() {
        let of = |set: &[(&str, &str)]| {
            let set: Vec<(String, OsString)> = set.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            folder_of(move |name| set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
        };
        let all = [("HOME", "/h"), ("XDG_DATA_HOME", "/x"), (OGBENCH_VARIABLE, "/o")];
        assert_eq!(of(&all), Some("/o".into()));
        assert_eq!(of(&all[..2]), Some("/x/forethought/ogbench".into()));
        assert_eq!(of(&all[..1]), Some("/h/.local/share/forethought/ogbench".into()));
        assert_eq!(of(&[(OGBENCH_VARIABLE, "")]), None, "an empty variable is none");
    }

    #[test]
    fn the_first_file_that_is_missing_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let said = OgBenchAssets::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains(ARM) && said.contains("ogbench_assets.sh"), "{said}");
        for asset in [ARM, GRIPPER, ROOM, CUBE_CLASS, CUBE] {
            let path = folder.path().join(asset);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "<mujoco/>").unwrap();
        }
        let said = OgBenchAssets::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains(MESHES[0]), "{said}");
        std::fs::create_dir_all(folder.path().join("robotiq_2f85/assets")).unwrap();
        for mesh in MESHES {
            std::fs::write(folder.path().join(mesh), "solid").unwrap();
        }
        let whole = OgBenchAssets::open(folder.path()).unwrap();
        std::fs::write(folder.path().join(MESHES[7]), "other").unwrap();
        assert_ne!(OgBenchAssets::open(folder.path()).unwrap().hash(), whole.hash());
        std::fs::write(folder.path().join(ROOM), [0xff]).unwrap();
        let said = OgBenchAssets::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains(ROOM) && said.contains("utf-8"), "{said}");
    }

    #[test]
    fn things_are_hashed_with_the_files_that_they_name_and_missed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let assets = OgBenchAssets {
            folder: folder.path().to_path_buf(),
            arm: String::new(),
            room: String::new(),
            cube_class: String::new(),
            cube: String::new(),
            hash: "0".into(),
        };
        let said = assets.things().unwrap_err().to_string();
        assert!(said.contains(THINGS[0]) && said.contains("ogbench_assets.sh"), "{said}");
        let named = r#"<mesh file="metaworld/a/b.stl"/><mesh name="c" file="metaworld/d.stl"/>"#;
        for thing in THINGS {
            std::fs::write(folder.path().join(thing), named).unwrap();
        }
        std::fs::create_dir_all(folder.path().join("metaworld/a")).unwrap();
        std::fs::write(folder.path().join("metaworld/a/b.stl"), "solid").unwrap();
        let said = assets.things().unwrap_err().to_string();
        assert!(said.contains("d.stl") && said.contains("ogbench_assets.sh"), "{said}");
        std::fs::write(folder.path().join("metaworld/d.stl"), "solid").unwrap();
        let whole = assets.things().unwrap();
        assert_eq!(whole.sources()[2].text, named);
        std::fs::write(folder.path().join("metaworld/d.stl"), "other").unwrap();
        assert_ne!(assets.things().unwrap().hash, whole.hash);
        let said = assets.arm_meshes().unwrap_err().to_string();
        assert!(said.contains(ARM_MESH), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_no_model_can_name_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let folder = Path::new(std::ffi::OsStr::from_bytes(b"/nowhere/\xff"));
        let said = OgBenchAssets::open(folder).unwrap_err().to_string();
        assert!(said.contains("UTF-8"), "{said}");
    }
}
