//! What an HDF5 array says of its storage, held against the file.
//!
//! By some of it the parser asks for memory before it looks whether the file has so much: for a chunk by the size in the
//! index, for a list of chunks by their number.

use std::collections::HashSet;

use hdf5_pure::{ChunkIndex, Dataset, Datatype, Layout};
use thiserror::Error;

/// Why an array is not read.
#[derive(Debug, Error)]
pub(super) enum StorageError {
    /// The parser cannot say where the numbers lie.
    #[error(transparent)]
    Unread(#[from] hdf5_pure::Error),
    /// A chunk that ends outside of the file.
    #[error(
        "its chunk at {offset:?} takes {bytes} bytes from byte {address} on, and the file ends at byte {size}"
    )]
    Outside { offset: Vec<u64>, address: u64, bytes: u64, size: u64 },
    /// Chunks that all lie in the file, and are together larger than it.
    #[error(
        "shape {shape:?} in chunks of {chunk:?} without gaps takes more than the {size} bytes of the file"
    )]
    Crowded { shape: Vec<u64>, chunk: Vec<u64>, size: u64 },
    /// An enumeration whose numbers are of another size than the enumeration.
    #[error("it holds an enumeration of {declared} bytes over numbers of {base}")]
    Enumeration { declared: u32, base: u32 },
    /// What a filter unpacks is unpacked by it again.
    #[error(
        "it went through filter {0} more than once: use gzip once, or none (`h5repack -f GZIP=4 IN OUT`)"
    )]
    Again(u16),
}

/// Refuses an array whose storage is larger than its file of `size` bytes, or unpacks to more than its shape says.
pub(super) fn check_storage(array: &Dataset, size: u64) -> Result<(), StorageError> {
    // Cut by the size of its numbers, such an array has more of them than its shape says.
    if let Datatype::Enumeration { size: declared, base_type, .. } = array.datatype()? {
        let base = base_type.type_size();
        if base != declared {
            return Err(StorageError::Enumeration { declared, base });
        }
    }
    // What lzf packed may be twice as large as what it took, for all that the parser knows: for a pile of them that is
    // any size. Once each, filters at most double a chunk.
    let mut seen = HashSet::new();
    if let Some(again) = array.filters().into_iter().find(|filter| !seen.insert(*filter)) {
        return Err(StorageError::Again(again));
    }
    let Layout::Chunked { chunk_shape, index, .. } = array.layout()? else { return Ok(()) };
    if index == ChunkIndex::Implicit {
        // These chunks have no entries in the file, of which it could hold only so many.
        let shape = array.shape()?;
        let all = shape.iter().zip(&chunk_shape).try_fold(array.element_size()?, |bytes, (rows, chunk)| {
            rows.checked_next_multiple_of(*chunk).and_then(|rows| bytes.checked_mul(rows))
        });
        if all.is_none_or(|all| all > size) {
            return Err(StorageError::Crowded { shape, chunk: chunk_shape, size });
        }
    }
    for chunk in array.chunks()? {
        let end = chunk.address.checked_add(chunk.storage_size);
        if end.is_none_or(|end| end > size) {
            let (offset, address, bytes) = (chunk.offset, chunk.address, chunk.storage_size);
            return Err(StorageError::Outside { offset, address, bytes, size });
        }
    }
    Ok(())
}
