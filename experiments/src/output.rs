//! Output folders: nothing overwritten in silence, nothing half-written.
//!
//! A folder made here carries a list ([`LIST`]) of the files that were written to it. `--force` removes what
//! the list names and nothing else, so a mistyped path never costs a file that the program did not make.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

/// Name of the list of written files, one relative path a line.
pub const LIST: &str = ".forethought-files";

/// What to do with a folder that already holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingPolicy {
    /// Refuse it.
    Refuse,
    /// Remove what an earlier run of this program wrote there; keep every other file.
    ReplaceOurs,
}

/// Why an output could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The folder holds something already.
    #[error(
        "{path} already holds files: choose another folder with --out, or replace the earlier run's files with --force"
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// `--force` on a folder that this program did not make.
    #[error(
        "{path} holds files that forethought did not write, so --force leaves it alone: choose another folder with --out"
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was made by another command.
    #[error(
        "{path} holds the files of another command: choose another folder with --out, or replace them with --force"
    )]
    OtherCommand {
        /// The folder.
        path: PathBuf,
    },
    /// The path names a file.
    #[error("{path} is not a folder: choose another with --out")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A file name that leaves the folder or cannot be listed.
    #[error("{name:?} is not a file name inside an output folder: use a relative path without `..`")]
    BadName {
        /// The name.
        name: String,
    },
    /// The system refused.
    #[error(
        "cannot write {path}: {source}; check its permissions and free space, or choose another folder with --out"
    )]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A value has no JSON form.
    #[error("cannot render {path} as JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What serde said.
        source: serde_json::Error,
    },
}

/// A folder that this run may write to.
#[derive(Debug)]
pub struct OutputDir {
    root: PathBuf,
}

impl OutputDir {
    /// Makes the folder (parents included), or takes over an empty one, or applies `policy` to one in use.
    ///
    /// After an error, files that the program did not write are as they were. Two runs that start at once on
    /// one folder cannot both succeed.
    pub fn create(path: impl Into<PathBuf>, policy: ExistingPolicy) -> Result<Self, OutputError> {
        let root = path.into();
        if root.exists() && !root.is_dir() {
            return Err(OutputError::NotAFolder { path: root });
        }
        fs::create_dir_all(&root).map_err(|source| io_error(&root, source))?;
        let mut entries = fs::read_dir(&root).map_err(|source| io_error(&root, source))?;
        if entries.next().is_some() {
            match policy {
                ExistingPolicy::Refuse => return Err(OutputError::NotEmpty { path: root }),
                ExistingPolicy::ReplaceOurs => remove_listed(&root)?,
            }
        }
        // The first write also shows, before any work is done, that the folder can be written to.
        match OpenOptions::new().write(true).create_new(true).open(root.join(LIST)) {
            Ok(_) => Ok(Self { root }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OutputError::NotEmpty { path: root })
            }
            Err(source) => Err(io_error(&root, source)),
        }
    }

    /// Goes on in a folder of an earlier run whose list names a file of which `known` holds, or in one whose
    /// list is empty; makes the folder where there is none. Nothing is removed. Unlike [`OutputDir::create`]
    /// this lets two runs write at once; each file is still whole.
    pub fn resume(path: impl Into<PathBuf>, known: impl Fn(&str) -> bool) -> Result<Self, OutputError> {
        let root = path.into();
        let list = root.join(LIST);
        match fs::read_to_string(&list) {
            Ok(text) if text.is_empty() || text.lines().any(known) => Ok(Self { root }),
            Ok(_) => Err(OutputError::OtherCommand { path: root }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Self::create(root, ExistingPolicy::Refuse)
            }
            Err(source) => Err(io_error(&list, source)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Writes `bytes` to `name` (a relative path; its folders are made), replacing what this run wrote under
    /// that name before. A reader sees the old file, no file or the whole new one. Gives back the full path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, OutputError> {
        let relative = Path::new(name);
        let normal = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !normal || relative.file_name().is_none() || name == LIST || name.contains(char::is_control) {
            return Err(OutputError::BadName { name: name.to_owned() });
        }
        let path = self.root.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
        }
        // Listed first: after a crash between the two, the list names a file that is not there, which is
        // harmless; the other order would leave a file that `--force` does not know.
        let list = self.root.join(LIST);
        OpenOptions::new()
            .append(true)
            .open(&list)
            .and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()))
            .map_err(|source| io_error(&list, source))?;
        write_atomically(&path, bytes)?;
        Ok(path)
    }

    /// Writes text; see [`OutputDir::write`].
    pub fn write_text(&self, name: &str, text: &str) -> Result<PathBuf, OutputError> {
        self.write(name, text.as_bytes())
    }

    /// Writes indented JSON with a final newline; see [`OutputDir::write`]. NaN and infinities become `null`.
    pub fn write_json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<PathBuf, OutputError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|source| OutputError::Json { path: self.root.join(name), source })?;
        text.push('\n');
        self.write_text(name, &text)
    }
}

/// Writes a file through a temporary one in the same folder, synced and renamed. After an error or a crash
/// the old content (or absence) stands; a killed process can leave a `.NAME.tmp-PID` file behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let Some(file_name) = path.file_name() else {
        return Err(OutputError::BadName { name: path.display().to_string() });
    };
    let mut hidden = OsString::from(".");
    hidden.push(file_name);
    hidden.push(format!(".tmp-{}", std::process::id()));
    let temporary = path.with_file_name(hidden);
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_folder(path));
    written.map_err(|source| {
        // The first failure is the one to report; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&temporary);
        io_error(path, source)
    })
}

/// A rename survives a power cut only once the folder is synced too. Folders cannot be opened on Windows.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()
        }
        _ => Ok(()),
    }
}

/// Removes the files that the list names, then the list, and sub-folders that this leaves empty.
fn remove_listed(root: &Path) -> Result<(), OutputError> {
    let list = root.join(LIST);
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OutputError::NotOurs { path: root.to_owned() });
        }
        Err(source) => return Err(io_error(&list, source)),
    };
    let real_root = fs::canonicalize(root).map_err(|source| io_error(root, source))?;
    for name in text.lines() {
        let path = root.join(name);
        let Some(folder) = path.parent() else { continue };
        // A folder swapped for a link since then, or a list edited by hand, must not reach outside.
        let inside = fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(&real_root));
        if !inside || !path.symlink_metadata().is_ok_and(|data| !data.is_dir()) {
            continue;
        }
        fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != root) {
            // Fails on a folder that is not empty, which is the wanted outcome.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
    match fs::remove_file(&list) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error(&list, source)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path, source: io::Error) -> OutputError {
    OutputError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
