//! How work is cut, which never depends on threads, and how the parts are done.

use rayon::prelude::*;

/// Rows of a batch that are taken through a network together. Large enough that packing the weights of a product is a
/// small part of it, small enough that a few threads share a batch.
pub(super) fn rows_together(rows: usize) -> usize {
    if rows >= 1024 { 256 } else { 128 }
}

/// Rows of a weight whose gradient is one product: each packs the gradients behind it anew.
pub(super) const WEIGHT_ROWS: usize = 256;

/// Numbers of a long vector that are changed together.
pub(super) const NUMBERS: usize = 1 << 14;

/// Does every part: on the threads of the pool that this is called in, or on the calling thread where it is in none. Parts
/// must not depend on each other.
pub(super) fn each<T: Send>(parts: Vec<T>, work: impl Fn(T) + Sync + Send) {
    let shared = rayon::current_thread_index().is_some() && rayon::current_num_threads() > 1;
    if shared && parts.len() > 1 {
        parts.into_par_iter().with_max_len(1).for_each(work);
    } else {
        parts.into_iter().for_each(work);
    }
}
