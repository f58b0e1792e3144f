//! Output folders: nothing overwritten in silence, nothing half-written.
//!
//! A folder made here carries a list ([`LIST`]) of the files that were written to it. `--force` removes what
//! the list names and nothing else, so a mistyped path never costs a file that the program did not make.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use forethought_envs::files;
use serde::Serialize;

/// Name of the list of written files, one relative path a line.
pub const LIST: &str = ".forethought-files";
/// Bytes of a text that is read back at most.
const MOST_TEXT: u64 = 1 << 28;

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
    /// Another run writes there at this moment.
    #[error(
        "{path} is being written by another run: wait for it to end, or choose another folder with --out"
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is not to be replaced.
    #[error("{path} exists already: name another file{how}, or replace it with --force")]
    Taken {
        /// The file.
        path: PathBuf,
        /// By which option another is named.
        how: &'static str,
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

/// A folder that this run may write to, and no other as long as this lives.
#[derive(Debug)]
pub struct OutputDir {
    root: PathBuf,
    /// The list, locked.
    list: File,
    /// What an earlier run wrote, until this one writes: a run that fails before it has anything takes nothing away.
    old: RefCell<Vec<String>>,
    /// Folders that this run made, innermost first, until it writes.
    made: RefCell<Vec<PathBuf>>,
}

impl OutputDir {
    /// Makes the folder (parents included), or takes over an empty one, or applies `policy` to one in use.
    ///
    /// After an error, everything is as it was. With [`ExistingPolicy::ReplaceOurs`] the earlier run's files go when the
    /// first one of this run is written.
    pub fn create(path: impl Into<PathBuf>, policy: ExistingPolicy) -> Result<Self, OutputError> {
        let root = path.into();
        if root.exists() && !root.is_dir() {
            return Err(OutputError::NotAFolder { path: root });
        }
        if root.is_dir() && !root.join(LIST).is_file() {
            let mut entries = fs::read_dir(&root).map_err(|source| io_error(&root, source))?;
            if entries.next().is_some() {
                return Err(match policy {
                    ExistingPolicy::Refuse => OutputError::NotEmpty { path: root },
                    ExistingPolicy::ReplaceOurs => OutputError::NotOurs { path: root },
                });
            }
        }
        let (out, listed) = Self::hold(root)?;
        match policy {
            ExistingPolicy::Refuse if !listed.is_empty() => {
                Err(OutputError::NotEmpty { path: out.root.clone() })
            }
            _ => {
                out.old.replace(listed);
                Ok(out)
            }
        }
    }

    /// Goes on in a folder of an earlier run whose list names a file of which `known` holds, or in one whose
    /// list is empty; makes the folder where there is none. Nothing is removed.
    pub fn resume(path: impl Into<PathBuf>, known: impl Fn(&str) -> bool) -> Result<Self, OutputError> {
        let root = path.into();
        if !root.join(LIST).is_file() {
            return Self::create(root, ExistingPolicy::Refuse);
        }
        let (out, listed) = Self::hold(root)?;
        match listed.is_empty() || listed.iter().any(|name| known(name)) {
            true => Ok(out),
            false => Err(OutputError::OtherCommand { path: out.root.clone() }),
        }
    }

    /// Locks a folder, which is made where there is none; with what its list names.
    fn hold(root: PathBuf) -> Result<(Self, Vec<String>), OutputError> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = root.ancestors().take_while(missing).map(Path::to_owned).collect();
        fs::create_dir_all(&root).map_err(|source| io_error(&root, source))?;
        let path = root.join(LIST);
        let io = |source| io_error(&path, source);
        // This write also shows, before any work is done, that the folder can be written to.
        let Some(mut list) = files::open_locked(&path).map_err(io)? else {
            return Err(OutputError::Busy { path: root });
        };
        let mut text = String::new();
        list.read_to_string(&mut text).map_err(io)?;
        let listed = text.lines().map(str::to_owned).collect();
        Ok((Self { root, list, old: RefCell::default(), made: RefCell::new(made) }, listed))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Writes `bytes` to `name` (a relative path; its folders are made), replacing what this run wrote under
    /// that name before. A reader sees the old file, no file or the whole new one. Gives back the full path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, OutputError> {
        let path = self.claim(name)?;
        write_whole(&path, bytes)?;
        Ok(path)
    }

    /// The full path of `name` for a file that grows while it is written: listed, its folders made, and nothing there.
    pub fn reserve(&self, name: &str) -> Result<PathBuf, OutputError> {
        let path = self.claim(name)?;
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(io_error(&path, source)),
            _ => Ok(path),
        }
    }

    /// Text of a file that is there and is not about to be replaced; `None` where there is none that can be read.
    pub fn own_text(&self, name: &str) -> Option<String> {
        let leaving = self.old.borrow().iter().any(|old| old == name);
        if leaving { None } else { files::read_text(&self.root.join(name), MOST_TEXT).ok() }
    }

    /// Removes a file that is not needed any more, and the folder that this leaves empty. The list may go on naming it.
    pub fn remove(&self, name: &str) -> Result<(), OutputError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(io_error(&path, source)),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        // Fails on a folder that is not empty, which is the wanted outcome.
        if let Some(folder) = path.parent().filter(|folder| *folder != self.root) {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn claim(&self, name: &str) -> Result<PathBuf, OutputError> {
        let relative = Path::new(name);
        let normal = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !normal || relative.file_name().is_none() || name == LIST || name.contains(char::is_control) {
            return Err(OutputError::BadName { name: name.to_owned() });
        }
        let path = self.root.join(relative);
        self.made.take();
        self.remove_old()?;
        // Listed first: after a crash between the two, the list names a file that is not there, which is
        // harmless; the other order would leave a file that `--force` does not know.
        let mut list = &self.list;
        list.write_all(format!("{name}\n").as_bytes())
            .and_then(|()| list.sync_data())
            .map_err(|source| io_error(&self.root.join(LIST), source))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
        }
        Ok(path)
    }

    /// Removes what an earlier run wrote and sub-folders that this leaves empty, once.
    fn remove_old(&self) -> Result<(), OutputError> {
        let old = self.old.take();
        if old.is_empty() {
            return Ok(());
        }
        let root = &self.root;
        let real_root = fs::canonicalize(root).map_err(|source| io_error(root, source))?;
        for name in old {
            let path = root.join(name);
            let Some(folder) = path.parent() else { continue };
            // A folder swapped for a link since then, or a list edited by hand, must not reach outside.
            let inside = fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(&real_root));
            if !inside || !path.symlink_metadata().is_ok_and(|data| !data.is_dir()) || path.ends_with(LIST) {
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
        self.list.set_len(0).map_err(|source| io_error(&root.join(LIST), source))
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

impl Drop for OutputDir {
    fn drop(&mut self) {
        let made = self.made.take();
        if !made.is_empty() {
            // A run that was refused leaves no folder; what appeared in it meanwhile keeps it.
            let _ = fs::remove_file(self.root.join(LIST));
            let _ = made.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// Writes a file whole or not at all, see [`files::write_whole`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    files::write_whole(path, bytes).map_err(|source| io_error(path, source))
}

/// Refuses a file that is there already and is not to be replaced; `how` says by which option another is named.
///
/// # Errors
/// [`OutputError::Taken`].
pub fn unless_there(path: &Path, force: bool, how: &'static str) -> Result<(), OutputError> {
    match path.is_file() && !force {
        true => Err(OutputError::Taken { path: path.to_owned(), how }),
        false => Ok(()),
    }
}

fn io_error(path: &Path, source: io::Error) -> OutputError {
    OutputError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
