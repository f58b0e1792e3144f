//! The zip files that numpy's `savez` writes: files by name, stored or deflated.
//!
//! Sizes stand in the directory at the end of the file and are held against what is there before memory is asked for.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use thiserror::Error;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Length of the record at the end, and how far a comment behind it may push it forward.
const END_BYTES: usize = 22;
const MAX_COMMENT: usize = 0xffff;
/// A number that stands elsewhere, in a record with 64 bits for it.
const ELSEWHERE: u64 = 0xffff_ffff;
/// Deflate cannot shrink data more than this; a file that declares more holds something else.
const MAX_COMPRESSION: u64 = 1100;
const COMPRESSION_SLACK: u64 = 1 << 16;

/// Why a zip file, or a file in it, is not read.
#[derive(Debug, Error)]
pub(super) enum ZipError {
    #[error("this is not a zip file, which .npz files are: check the path")]
    NotZip,
    #[error("the file is damaged or cut off ({0}): write or copy it again")]
    Damaged(String),
    #[error("`{0}` stands in it twice: write the file again with each array once")]
    Twice(String),
    #[error("`{0}` is encrypted: write it without a password")]
    Encrypted(String),
    #[error("`{name}` is compressed by method {method}: write it with numpy's savez or savez_compressed")]
    Method { name: String, method: u16 },
    #[error(
        "`{name}` takes {size} bytes, and {limit} are left of the limit: split the file into smaller ones"
    )]
    TooLarge { name: String, size: u64, limit: u64 },
}

/// What the directory says of a file.
struct Entry {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    local: u64,
}

/// An open zip file.
pub(super) struct Zip<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<String, Entry>,
}

impl<'a> Zip<'a> {
    /// Reads the directory.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ZipError> {
        if !is_zip(bytes) {
            return Err(ZipError::NotZip);
        }
        let (mut at, count) = directory(bytes)?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let (name, entry, next) = central_entry(bytes, at)?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(ZipError::Twice(name));
            }
            at = next;
        }
        Ok(Self { bytes, entries })
    }

    /// Names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Content of a file of at most `limit` bytes; `None` where there is none of this name.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ZipError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let owned = || name.to_owned();
        if entry.flags & 1 != 0 {
            return Err(ZipError::Encrypted(owned()));
        }
        if entry.size > limit {
            return Err(ZipError::TooLarge { name: owned(), size: entry.size, limit });
        }
        let plausible = entry.packed.saturating_mul(MAX_COMPRESSION).saturating_add(COMPRESSION_SLACK);
        if entry.size > plausible {
            return Err(damaged(format!("`{name}` declares {} bytes in {}", entry.size, entry.packed)));
        }
        let packed = self.packed(name, entry)?;
        let content = match entry.method {
            0 => packed.to_vec(),
            8 => {
                let mut content = Vec::new();
                DeflateDecoder::new(packed)
                    .take(entry.size.saturating_add(1))
                    .read_to_end(&mut content)
                    .map_err(|error| damaged(format!("`{name}`: {error}")))?;
                content
            }
            method => return Err(ZipError::Method { name: owned(), method }),
        };
        let mut crc = Crc::new();
        crc.update(&content);
        if content.len() as u64 != entry.size || crc.sum() != entry.crc {
            return Err(damaged(format!("`{name}` is not what its checksum was taken of")));
        }
        Ok(Some(content))
    }

    /// The bytes of a file as they lie there.
    fn packed(&self, name: &str, entry: &Entry) -> Result<&'a [u8], ZipError> {
        let cut = || damaged(format!("`{name}` does not lie in the file"));
        let local = usize::try_from(entry.local).map_err(|_| cut())?;
        if number(self.bytes, local, 4) != Some(u64::from(LOCAL)) {
            return Err(cut());
        }
        let skipped = [26, 28].map(|field| number(self.bytes, local.saturating_add(field), 2));
        let [Some(name_bytes), Some(extra_bytes)] = skipped else { return Err(cut()) };
        let range = || {
            let from = entry.local.checked_add(30)?.checked_add(name_bytes)?.checked_add(extra_bytes)?;
            let to = from.checked_add(entry.packed)?;
            self.bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
        };
        range().ok_or_else(cut)
    }
}

/// Whether these are the first bytes of a zip file.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    let first = number(bytes, 0, 4);
    first == Some(u64::from(LOCAL)) || first == Some(u64::from(END))
}

fn damaged(detail: String) -> ZipError {
    ZipError::Damaged(detail)
}

/// Where the directory begins, and how many files it names.
fn directory(bytes: &[u8]) -> Result<(usize, u64), ZipError> {
    let last = bytes.len().checked_sub(END_BYTES);
    let end = last.and_then(|last| {
        let first = last.saturating_sub(MAX_COMMENT);
        (first..=last).rev().find(|at| number(bytes, *at, 4) == Some(u64::from(END)))
    });
    let end = end.ok_or_else(|| damaged("its directory is missing".into()))?;
    let read = || {
        let (count, at) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
        if count != 0xffff && at != ELSEWHERE {
            return Some((at, count));
        }
        let locator =
            end.checked_sub(20).filter(|at| number(bytes, *at, 4) == Some(u64::from(LOCATOR_64)))?;
        let wide = usize::try_from(number(bytes, locator + 8, 8)?).ok()?;
        (number(bytes, wide, 4)? == u64::from(END_64)).then_some(())?;
        Some((number(bytes, wide.checked_add(48)?, 8)?, number(bytes, wide.checked_add(32)?, 8)?))
    };
    let (at, count) = read().ok_or_else(|| damaged("its directory is damaged".into()))?;
    Ok((usize::try_from(at).unwrap_or(usize::MAX), count))
}

/// One file of the directory, and where the next begins.
fn central_entry(bytes: &[u8], at: usize) -> Result<(String, Entry, usize), ZipError> {
    let read = || {
        let field = |offset: usize, len| number(bytes, at.checked_add(offset)?, len);
        (field(0, 4)? == u64::from(CENTRAL)).then_some(())?;
        let lengths = [28, 30, 32].map(|offset| field(offset, 2).and_then(|len| usize::try_from(len).ok()));
        let [Some(name_len), Some(extra_len), Some(comment_len)] = lengths else { return None };
        let name_at = at.checked_add(46)?;
        let extra_at = name_at.checked_add(name_len)?;
        let comment_at = extra_at.checked_add(extra_len)?;
        let name = String::from_utf8_lossy(bytes.get(name_at..extra_at)?).into_owned();
        let mut wide = Wide { fields: wide_fields(bytes.get(extra_at..comment_at)?) };
        // In the order in which the wide record has those that stand there.
        let size = wide.or(field(24, 4)?)?;
        let packed = wide.or(field(20, 4)?)?;
        let local = wide.or(field(42, 4)?)?;
        let entry = Entry {
            flags: u16::try_from(field(8, 2)?).ok()?,
            method: u16::try_from(field(10, 2)?).ok()?,
            crc: u32::try_from(field(16, 4)?).ok()?,
            packed,
            size,
            local,
        };
        Some((name, entry, comment_at.checked_add(comment_len)?))
    };
    read().ok_or_else(|| damaged("its directory is damaged".into()))
}

/// Numbers of the record that has 64 bits for them.
struct Wide<'a> {
    fields: &'a [u8],
}

impl Wide<'_> {
    /// The number itself, or the next of the record where it says so.
    fn or(&mut self, short: u64) -> Option<u64> {
        if short != ELSEWHERE {
            return Some(short);
        }
        let wide = number(self.fields, 0, 8);
        self.fields = self.fields.get(8..).unwrap_or_default();
        wide
    }
}

fn wide_fields(mut extra: &[u8]) -> &[u8] {
    while let (Some(id), Some(len)) = (number(extra, 0, 2), number(extra, 2, 2)) {
        let end = usize::try_from(len).unwrap_or(usize::MAX).saturating_add(4);
        let Some(content) = extra.get(4..end) else { break };
        if id == 1 {
            return content;
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}

/// A number of up to eight bytes, the lowest first.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}
