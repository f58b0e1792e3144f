//! Folders that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::files::{exists, folder_of, open_locked, sync_folder, temporary_of};

/// Ending of the name of the lock, beside the folder.
const LOCK: &str = ".lock";
/// Folders within folders that are synced.
const DEEPEST: usize = 8;

/// A folder that is being filled, under a temporary name beside the one it will have.
///
/// Two programs cannot fill one folder at once: the second is refused. What a killed program leaves under the temporary
/// name is taken away by the next. A folder that holds something is never replaced: nobody could tell which of its files
/// are whose.
#[derive(Debug)]
pub struct UnfinishedFolder {
    target: PathBuf,
    temporary: PathBuf,
    lock: (PathBuf, Option<File>),
    finished: bool,
}

impl UnfinishedFolder {
    /// Begins to fill `path`, of which the folder around it must be there.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for anything that is there and no empty folder, [`ErrorKind::InvalidInput`] for what is
    /// no name, [`ErrorKind::ResourceBusy`] while another program fills it, and the system's own.
    pub fn begin(path: &Path) -> io::Result<Self> {
        refuse_taken(path)?;
        let temporary = temporary_of(path)?;
        let mut lock = OsString::from(temporary.as_os_str());
        lock.push(LOCK);
        let lock = PathBuf::from(lock);
        let Some(held) = open_locked(&lock)? else {
            return Err(io::Error::new(ErrorKind::ResourceBusy, "another program is writing it"));
        };
        let begun = Self { target: path.to_owned(), temporary, lock: (lock, Some(held)), finished: false };
        begun.clear()?;
        fs::create_dir(&begun.temporary)?;
        Ok(begun)
    }

    /// A new file in it, by its name from there (`meta/info.json`); folders on the way are made.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for a file that it holds already, and the system's own.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let path = self.temporary.join(name);
        fs::create_dir_all(folder_of(&path))?;
        File::create_new(path)
    }

    /// Makes it lasting under its own name.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] for what appeared meanwhile, and the system's own; nothing stands under the name then,
    /// or what stood there, unless it is the folder around it that cannot be synced.
    pub fn finish(mut self) -> io::Result<()> {
        sync_all(&self.temporary, DEEPEST)?;
        refuse_taken(&self.target)?;
        // An empty folder, where there is one: not all systems rename onto it.
        match fs::remove_dir(&self.target) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::rename(&self.temporary, &self.target)?,
        }
        self.finished = true;
        sync_folder(folder_of(&self.target))
    }

    /// Takes away what stands under the temporary name.
    fn clear(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.temporary) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.temporary),
            Ok(_) => fs::remove_file(&self.temporary),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        // What cannot be removed is taken away by the next who writes the folder.
        if !self.finished {
            let _ = self.clear();
        }
        let _ = fs::remove_file(&self.lock.0);
        self.lock.1 = None;
    }
}

/// Refuses a name under which something stands that is no empty folder.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`], and the system's own.
pub fn refuse_taken(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => match fs::read_dir(path)?.next() {
            None => Ok(()),
            Some(_) => Err(exists()),
        },
        Ok(_) => Err(exists()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_all(folder: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match (path.is_dir(), depth.checked_sub(1)) {
            (true, Some(depth)) => sync_all(&path, depth)?,
            // Opened for writing, as some systems sync no others.
            (false, _) => File::options().append(true).open(&path)?.sync_all()?,
            (true, None) => {}
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_whole_and_nothing_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("set");
        let folder = UnfinishedFolder::begin(&path).unwrap();
        folder.create("meta/info.json").unwrap().write_all(b"{}").unwrap();
        assert_eq!(folder.create("meta/info.json").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(!path.exists());
        assert_eq!(UnfinishedFolder::begin(&path).unwrap_err().kind(), ErrorKind::ResourceBusy);
        folder.finish().unwrap();
        assert_eq!(fs::read(path.join("meta/info.json")).unwrap(), b"{}");
        assert_eq!(names(home.path()), ["set"]);
        assert_eq!(UnfinishedFolder::begin(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_is_given_up_leaves_nothing_and_debris_is_taken_away() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("set");
        let folder = UnfinishedFolder::begin(&path).unwrap();
        folder.create("a").unwrap();
        drop(folder);
        assert!(names(home.path()).is_empty());
        // As after a kill: the lock ends, both names stay. An empty folder is taken over.
        fs::create_dir_all(home.path().join(".set.unfinished/old")).unwrap();
        fs::write(home.path().join(".set.unfinished.lock"), "").unwrap();
        fs::create_dir(&path).unwrap();
        let folder = UnfinishedFolder::begin(&path).unwrap();
        folder.create("a").unwrap();
        folder.finish().unwrap();
        assert_eq!((names(&path), names(home.path())), (vec!["a".to_owned()], vec!["set".to_owned()]));
    }

    #[test]
    fn what_stands_there_is_left() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("set");
        let folder = UnfinishedFolder::begin(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("theirs"), "x").unwrap();
        assert_eq!(folder.finish().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((names(&path), names(home.path())), (vec!["theirs".to_owned()], vec!["set".to_owned()]));
        assert_eq!(
            UnfinishedFolder::begin(&path.join("theirs")).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert!(UnfinishedFolder::begin(&home.path().join("none/set")).is_err());
        assert_eq!(UnfinishedFolder::begin(Path::new("..")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}
