//! Files that appear whole or not at all, and what one program at a time may write.
//!
//! Every file that this workspace writes for keeps goes through [`Unfinished`]. Locks are the system's own (`flock` and
//! its like): they end with the process that holds them, however that ends.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Ending of the temporary name of a file that is being written.
const UNFINISHED: &str = ".unfinished";
/// Bytes that a temporary name may take from the file's own: systems allow 255 in all.
const MOST_NAME: usize = 200;
/// How often a file may be taken away while it is opened before it counts as held.
const ATTEMPTS: usize = 16;

/// A file that is being written, under a temporary name beside the one it will have.
///
/// Two programs cannot write one file at once: the second is refused. What a killed program leaves under the temporary
/// name is taken over by the next.
#[derive(Debug)]
pub struct Unfinished {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    replace: bool,
    finished: bool,
}

impl Unfinished {
    /// Begins to write `path`, of which the folder must be there. With `replace` a file that is there already is kept
    /// until [`Self::finish`]; behind a link it is the file that the link means.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for a file that is there and is not to be replaced, [`ErrorKind::InvalidInput`] for
    /// folders, devices and pipes, [`ErrorKind::ResourceBusy`] while another program writes it, and the system's own.
    pub fn begin(path: &Path, replace: bool) -> io::Result<Self> {
        let target = target_of(path, replace)?;
        let temporary = temporary_of(&target)?;
        for _ in 0..ATTEMPTS {
            let Some(file) = open_locked(&temporary)? else { break };
            // A program that was killed right after it had given the file its name left it with two.
            if is_only_name(&file)? {
                file.set_len(0)?;
                return Ok(Self { target, temporary, file, replace, finished: false });
            }
            fs::remove_file(&temporary)?;
        }
        Err(io::Error::new(ErrorKind::ResourceBusy, "another program is writing it"))
    }

    /// What is written so far.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes it lasting under its own name.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for a file that appeared meanwhile and is not to be replaced, and the system's own;
    /// what was there before stands then, unless it is the folder that cannot be synced.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.replace {
            let own = self.file.metadata()?.permissions();
            if let Some(old) =
                fs::metadata(&self.target).ok().map(|old| old.permissions()).filter(|old| *old != own)
            {
                self.file.set_permissions(old)?;
            }
            fs::rename(&self.temporary, &self.target)?;
        } else {
            // A link refuses a name that is taken, which a rename does not; where there are no links the rename must
            // do.
            match fs::hard_link(&self.temporary, &self.target) {
                // A second name that stays is taken away by the next who writes the file.
                Ok(()) => drop(fs::remove_file(&self.temporary)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists()),
                Err(_) if self.target.symlink_metadata().is_ok() => return Err(exists()),
                Err(_) => fs::rename(&self.temporary, &self.target)?,
            }
        }
        self.finished = true;
        sync_folder(folder_of(&self.target))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed is taken over by the next who writes the file.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a file whole, replacing what was there.
///
/// # Errors
/// Those of [`Unfinished`]; the old content, or its absence, stands then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = Unfinished::begin(path, true)?;
    unfinished.file().write_all(bytes)?;
    unfinished.finish()
}

/// The text of a file of at most `most` bytes, whatever the file is: a device that never ends is refused.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`], [`ErrorKind::InvalidData`] for what is not UTF-8, and the system's own.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Opens a file to be read and written at its end, makes it where there is none, and locks it for as long as it stays
/// open; `None` while another holds it. Where the file system has no locks it counts as free.
///
/// # Errors
/// The system's own.
pub fn open_locked(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..ATTEMPTS {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        // Between opening and locking, who held it may have renamed or removed it.
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if without(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Makes what was created, renamed or removed in a folder lasting, where the file system knows how to.
///
/// # Errors
/// The system's own.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere than on Unix folders cannot be opened.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if without(&error) => Ok(()),
        done => done,
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the file system says that it has no such operation: network and user-space ones have no locks, or cannot
/// sync folders (CIFS answers `EINVAL`).
fn without(error: &io::Error) -> bool {
    // ENOLCK, where a network file system has no lock service.
    const NO_LOCKS: i32 = 37;
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_LOCKS))
}

fn target_of(path: &Path, replace: bool) -> io::Result<PathBuf> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(error),
    };
    if !replace {
        return Err(exists());
    }
    let (target, found) = if found.is_symlink() {
        let target = fs::canonicalize(path)?;
        let found = fs::metadata(&target)?;
        (target, found)
    } else {
        (path.to_owned(), found)
    };
    if found.is_file() {
        Ok(target)
    } else {
        let what = if found.is_dir() { "a folder" } else { "a device or pipe" };
        Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a file")))
    }
}

pub(crate) fn exists() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "it exists already")
}

pub(crate) fn temporary_of(target: &Path) -> io::Result<PathBuf> {
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not the name of a file"));
    };
    let mut hidden = OsString::from(".");
    if name.len() <= MOST_NAME {
        hidden.push(name);
    } else {
        let digest = Sha256::digest(name.as_encoded_bytes());
        hidden.push(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    hidden.push(UNFINISHED);
    Ok(target.with_file_name(hidden))
}

/// Whether an open file has one name alone.
#[cfg(unix)]
fn is_only_name(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() <= 1)
}

#[cfg(not(unix))]
fn is_only_name(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Whether an open file is the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(path.symlink_metadata().ok()).is_some_and(|(a, b)| same(a, b))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_nothing_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.bin");
        let mut unfinished = Unfinished::begin(&path, false).unwrap();
        unfinished.file().write_all(b"one").unwrap();
        assert!(!path.exists());
        unfinished.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(Unfinished::begin(&path, false).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let mut unfinished = Unfinished::begin(&path, true).unwrap();
        unfinished.file().write_all(b"two, given up").unwrap();
        drop(unfinished);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_whole(&path, b"3").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3");
        assert_eq!(names(home.path()), ["a.bin"]);
    }

    #[test]
    fn the_second_writer_of_a_file_is_refused_and_debris_is_taken_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.bin");
        let first = Unfinished::begin(&path, true).unwrap();
        assert_eq!(Unfinished::begin(&path, true).unwrap_err().kind(), ErrorKind::ResourceBusy);
        drop(first);
        // As after a kill: the lock ends, the temporary file stays.
        fs::write(home.path().join(".a.bin.unfinished"), b"longer than what comes").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(home.path()), ["a.bin"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_finished_file_that_still_has_its_temporary_name_too_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let (path, moved) = (home.path().join("a.bin"), home.path().join("b.bin"));
        // Killed between giving the file its name and taking the temporary one away; then the user renamed it.
        fs::write(&path, b"finished").unwrap();
        fs::hard_link(&path, home.path().join(".a.bin.unfinished")).unwrap();
        fs::rename(&path, &moved).unwrap();
        let mut unfinished = Unfinished::begin(&path, false).unwrap();
        unfinished.file().write_all(b"new").unwrap();
        unfinished.finish().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), fs::read(&moved).unwrap()),
            (b"new".to_vec(), b"finished".to_vec())
        );
        assert_eq!(names(home.path()), ["a.bin", "b.bin"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.bin");
        let unfinished = Unfinished::begin(&path, false).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert_eq!(unfinished.finish().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(home.path()), ["a.bin"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_stay_devices() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("far/real.bin"), home.path().join("link.bin"));
        fs::create_dir(home.path().join("far")).unwrap();
        fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        for place in [Path::new("/dev/null"), home.path()] {
            let error = write_whole(place, b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        std::os::unix::fs::symlink(home.path().join("nowhere"), home.path().join("dangling")).unwrap();
        assert_eq!(write_whole(&home.path().join("dangling"), b"x").unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn text_is_read_up_to_a_limit() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.toml");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().kind(), ErrorKind::InvalidData);
        if cfg!(unix) {
            assert_eq!(
                read_text(Path::new("/dev/zero"), 1 << 16).unwrap_err().kind(),
                ErrorKind::FileTooLarge
            );
        }
    }

    #[test]
    fn names_of_any_allowed_length_can_be_written() {
        let home = tempfile::tempdir().unwrap();
        for length in [1, 199, 200, 201, 255] {
            let path = home.path().join("x".repeat(length));
            write_whole(&path, b"x").unwrap();
            assert!(path.exists());
        }
        assert_eq!(names(home.path()).len(), 5);
    }
}
