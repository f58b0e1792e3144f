//! The zip file around numpy's arrays, unpacked within a limit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use thiserror::Error;
use zip::result::ZipError;
use zip::{ZipArchive, read::ZipFile};

use crate::printable;

/// Why a zip file, or a file in it, is not read.
#[derive(Debug, Error)]
pub(super) enum ArchiveError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("this is not a zip file, which .npz files are: check the path")]
    NotZip,
    #[error("the file is damaged or cut off ({0}): write or copy it again")]
    Damaged(String),
    #[error("a name stands in it twice: write the file again with each array once")]
    Twice,
    #[error("`{0}` is encrypted: write it without a password")]
    Encrypted(String),
    #[error("`{0}` is compressed by a method other than deflate: write it with numpy's savez_compressed")]
    Method(String),
    #[error(
        "`{name}` takes {size} bytes, and {limit} are left of the limit: split the file into smaller ones"
    )]
    TooLarge { name: String, size: u64, limit: u64 },
}

/// Bytes that one packed byte of measured numbers seldom exceeds.
const UNPACKED: u64 = 4;

/// An open zip file.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of the whole file.
    size: u64,
}

impl Archive {
    /// Reads the directory.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut first = Vec::new();
        (&mut file).take(4).read_to_end(&mut first)?;
        if !is_zip(&first) {
            return Err(ArchiveError::NotZip);
        }
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
        if zip.has_duplicate_names() { Err(ArchiveError::Twice) } else { Ok(Self { zip, size }) }
    }

    /// Names of the files, fit to be printed.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names_raw().map(|name| printable(String::from_utf8_lossy(name)).to_string()).collect()
    }

    /// A file of at most `limit` bytes, to be read; `None` where there is none of this name.
    pub fn entry(&mut self, name: &str, limit: u64) -> Result<Option<Entry<'_>>, ArchiveError> {
        let file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(ArchiveError::Encrypted(name.into()));
            }
            Err(ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_)) => {
                return Err(ArchiveError::Method(name.into()));
            }
            Err(error) => return Err(damaged(&error)),
        };
        let size = file.size();
        if size > limit {
            return Err(ArchiveError::TooLarge { name: name.into(), size, limit });
        }
        let expected = file.compressed_size().min(self.size).saturating_mul(UNPACKED).min(size);
        Ok(Some(Entry { file, size, expected }))
    }
}

/// A file in a zip file. Its checksum is compared where its end is read.
pub(super) struct Entry<'a> {
    file: ZipFile<'a, BufReader<File>>,
    /// Bytes that it says it holds.
    pub size: u64,
    /// As many of them as what is there can be expected to unpack to: memory for more is asked for as it comes.
    pub expected: u64,
}

impl Read for Entry<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

/// Whether these are the first bytes of a zip file, which an empty one has other than the rest.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

fn damaged(error: &ZipError) -> ArchiveError {
    ArchiveError::Damaged(printable(error).to_string())
}
