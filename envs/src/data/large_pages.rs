//! Memory for large arrays in large pages, as numpy asks for it too: with pages of 4 KiB reading a file takes twice as long, as the
//! system hands out each by itself.
#![allow(unsafe_code)]

/// Arrays of fewer bytes stay in small pages; numpy's bound.
const LARGE: usize = 4 << 20;

/// So many zeros. Where they are many the system is asked for large pages, which it may refuse.
pub(super) fn zeros(count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    advise(&mut values);
    values
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn advise(values: &mut [f32]) {
    use std::ffi::{c_int, c_void};

    /// `MADV_HUGEPAGE`, and the size of a page, at a multiple of which advice must begin.
    const HUGE: c_int = 14;
    const PAGE: usize = 4096;
    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(values);
    if bytes.len() < LARGE {
        return;
    }
    let skip = bytes.as_ptr().align_offset(PAGE);
    let Some(pages) = bytes.get_mut(skip..) else { return };
    // SAFETY: the range lies within the slice, which is borrowed alone. This advice changes no byte and frees nothing, whatever its
    // answer, which does not matter: the pages are small then.
    unsafe {
        madvise(pages.as_mut_ptr().cast(), pages.len(), HUGE);
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn advise(_values: &mut [f32]) {}

#[cfg(test)]
mod tests {
    use super::{LARGE, zeros};

    #[test]
    fn zeros_are_zeros_in_pages_of_any_size() {
        for count in [0, 1, LARGE / 4 - 1, LARGE / 4, LARGE + 3] {
            let mut values = zeros(count);
            assert!(values.len() == count && values.iter().all(|value| value.to_bits() == 0));
            values.iter_mut().enumerate().for_each(|(at, value)| *value = at as f32);
            assert!(values.iter().enumerate().all(|(at, value)| value.to_bits() == (at as f32).to_bits()));
        }
    }
}
