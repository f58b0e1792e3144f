//! Zip files as numpy's `savez_compressed` writes them.

use std::io::{self, Write};

use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;

/// Version of the format that a reader needs for deflate.
const VERSION: u16 = 20;
const DEFLATE: u16 = 8;
/// The first day of the format: the same data give the same bytes.
const DATE: u16 = (1 << 5) | 1;

/// A zip file under construction.
pub(super) struct ZipWriter<W> {
    out: W,
    written: u32,
    directory: Vec<u8>,
    count: u16,
    level: u32,
}

impl<W: Write> ZipWriter<W> {
    /// Writes to `out` with a compression level of 0 to 9.
    pub fn new(out: W, level: u32) -> Self {
        Self { out, written: 0, directory: Vec::new(), count: 0, level }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// The system's own, and [`io::ErrorKind::FileTooLarge`] beyond the format's 4 GiB.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut crc = Crc::new();
        // It counts in 32 bits and wraps where more come: sizes are checked below.
        crc.update(content);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(self.level));
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let [packed_len, content_len] = [packed.len(), content.len()].map(narrow);
        let (packed_len, content_len) = (packed_len?, content_len?);
        let name_len = u16::try_from(name.len()).map_err(|_| too_large())?;
        // From the version on both headers say the same.
        let mut common = Vec::new();
        for field in [VERSION, 0, DEFLATE, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), packed_len, content_len] {
            common.extend(field.to_le_bytes());
        }
        common.extend(name_len.to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&common);
        // Comment, disk and attributes: none.
        self.directory.extend([0; 10]);
        self.directory.extend(self.written.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count = self.count.checked_add(1).ok_or_else(too_large)?;
        for part in [b"PK\x03\x04", common.as_slice(), name.as_bytes(), &packed] {
            self.write(part)?;
        }
        Ok(())
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn finish(mut self) -> io::Result<()> {
        let at = self.written;
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(self.count.to_le_bytes());
        end.extend(self.count.to_le_bytes());
        end.extend(narrow(directory.len())?.to_le_bytes());
        end.extend(at.to_le_bytes());
        end.extend(0_u16.to_le_bytes());
        self.write(&end)?;
        self.out.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written = self.written.checked_add(narrow(bytes.len())?).ok_or_else(too_large)?;
        Ok(())
    }
}

/// A length that stands for itself: the last 32-bit number means that it stands elsewhere.
fn narrow(len: usize) -> io::Result<u32> {
    u32::try_from(len).ok().filter(|len| *len != u32::MAX).ok_or_else(too_large)
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "the file would be larger than the 4 GiB that it can be: write fewer rows into each, or HDF5",
    )
}
