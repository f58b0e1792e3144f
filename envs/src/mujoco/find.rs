//! Where MuJoCo's library, and files of other packages, are looked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names a library, or a folder that holds one; nothing else is looked at then.
pub const MUJOCO_VARIABLE: &str = "FORETHOUGHT_MUJOCO";

/// Folders that are looked through, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// What [`MUJOCO_VARIABLE`] says.
    pub named: Option<PathBuf>,
    /// The project's own folder, and those of Python environments: active ones first, then the usual ones.
    pub folders: Vec<PathBuf>,
}

impl Places {
    /// Those of this user, by the variables of an environment.
    pub(super) fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::of_package(variable, MUJOCO_VARIABLE, "mujoco")
    }

    /// Those of a package's files: what `named` says, the package's folder among the project's data, and the package in
    /// the Pythons of this user.
    pub(super) fn of_package(
        variable: impl Fn(&str) -> Option<OsString>,
        named: &str,
        package: &str,
    ) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME").or_else(|| path("USERPROFILE"));
        let data = path("XDG_DATA_HOME")
            .or_else(|| home.as_ref().map(|home| home.join(".local/share")))
            .map(|data| data.join("forethought").join(package));
        let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(path);
        let usual = home.map(|home| home.join(".local"));
        let system = ["/usr/local", "/usr", "/opt/homebrew"].map(PathBuf::from);
        let pythons = active.chain(usual).chain(system).flat_map(|prefix| packages(&prefix));
        let folders = data.into_iter().chain(pythons.map(|site| site.join(package))).collect();
        Self { named: path(named), folders }
    }
}

/// Folders of packages of the Pythons under a prefix, in the order of their names from the last on: the newest Python
/// of one number of digits first.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let mut pythons: Vec<PathBuf> = std::fs::read_dir(&lib)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")))
        .collect();
    pythons.sort_by(|a, b| b.cmp(a));
    let sites =
        pythons.iter().flat_map(|python| ["site-packages", "dist-packages"].map(|site| python.join(site)));
    sites.chain([prefix.join("Lib/site-packages")]).filter(|site| site.is_dir()).collect()
}

/// MuJoCo's libraries in a folder, the newest by their names first. A release as it is unpacked has them in `lib` or
/// `bin`.
pub(super) fn libraries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = [folder.to_path_buf(), folder.join("lib"), folder.join("bin")]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| is_library(&name.to_string_lossy())))
        .filter(|path| path.is_file())
        .collect();
    found.sort_by_cached_key(|path| std::cmp::Reverse((numbers(path), path.clone())));
    found
}

fn is_library(name: &str) -> bool {
    let windows = matches!(name, "mujoco.dll");
    let mac = name.starts_with("libmujoco.") && name.ends_with(".dylib");
    windows || mac || name == "libmujoco.so" || name.starts_with("libmujoco.so.")
}

/// Numbers in the name of a file, such as 3, 17, 0.
fn numbers(path: &Path) -> Vec<u32> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn the_newest_library_of_a_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "libmujoco.so.3.9.0",
            "libmujoco.so.3.17.0",
            "lib/libmujoco.so.3.5.0",
            "libmujoco_extra.so",
            "a.txt",
        ] {
            touch(&folder.path().join(name));
        }
        std::fs::create_dir(folder.path().join("libmujoco.so.9.0.0")).unwrap();
        let names: Vec<PathBuf> = ["libmujoco.so.3.17.0", "libmujoco.so.3.9.0", "lib/libmujoco.so.3.5.0"]
            .iter()
            .map(|n| folder.path().join(n))
            .collect();
        assert_eq!(libraries(folder.path()), names);
        assert!(libraries(&folder.path().join("nowhere")).is_empty());
    }

    #[test]
    fn places_come_in_the_documented_order() {
        let folder = tempfile::tempdir().unwrap();
        let (home, active) = (folder.path().join("home"), folder.path().join("venv"));
        for site in ["lib/python3.11/site-packages/x", "lib/python3.12/site-packages/x"] {
            touch(&active.join(site));
        }
        touch(&home.join(".local/lib/python3.13/site-packages/x"));
        let places = Places::of(|name| match name {
            "HOME" => Some(home.clone().into()),
            "VIRTUAL_ENV" => Some(active.clone().into()),
            "CONDA_PREFIX" | MUJOCO_VARIABLE => Some(OsString::new()),
            _ => None,
        });
        assert_eq!(places.named, None, "an empty variable is none");
        let first = [
            home.join(".local/share/forethought/mujoco"),
            active.join("lib/python3.12/site-packages/mujoco"),
            active.join("lib/python3.11/site-packages/mujoco"),
            home.join(".local/lib/python3.13/site-packages/mujoco"),
        ];
        assert_eq!(places.folders[..4], first);
        let named = Places::of(|name| match name {
            MUJOCO_VARIABLE => Some("/somewhere".into()),
            "XDG_DATA_HOME" => Some("/data".into()),
            _ => None,
        });
        assert_eq!(named.named, Some("/somewhere".into()));
        assert_eq!(named.folders[0], Path::new("/data/forethought/mujoco"));
    }
}
