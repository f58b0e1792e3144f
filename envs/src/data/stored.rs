//! Numbers as files store them, read into their place: where a file holds what memory is to hold, nothing is copied in between.

use std::io::{self, Read};

/// Bytes that are read before they are converted: what a processor keeps near.
const NEAR: usize = 1 << 16;

/// Floating-point numbers, little end first: what nearly all files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    F32,
    F64,
}

impl Stored {
    /// Bytes of a number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Fills `into` with the next numbers; those of double precision are rounded.
    ///
    /// # Errors
    /// Those of reading, among them an end that comes too early. `into` means nothing then.
    pub fn read(self, from: &mut impl Read, into: &mut [f32]) -> io::Result<()> {
        match self {
            Self::F32 => {
                from.read_exact(bytemuck::cast_slice_mut(into))?;
                // Nothing is left of this on machines whose little end is first.
                into.iter_mut().for_each(|value| *value = f32::from_le_bytes(value.to_ne_bytes()));
            }
            Self::F64 => {
                let mut bytes = vec![0; NEAR.min(into.len().saturating_mul(8))];
                for near in into.chunks_mut(NEAR / 8) {
                    let bytes = bytes.get_mut(..8 * near.len()).unwrap_or_default();
                    from.read_exact(bytes)?;
                    let numbers = bytes.as_chunks::<8>().0;
                    near.iter_mut()
                        .zip(numbers)
                        .for_each(|(to, from)| *to = f64::from_le_bytes(*from) as f32);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_they_were_stored_and_an_early_end_is_an_error() {
        // More than one piece of either kind, with what rounding and signs could lose.
        let numbers: Vec<f32> = (0..40_000).map(|i| (i as f32 - 7e3) / 3.0).chain([-0.0, 1e-40]).collect();
        let single: Vec<u8> = numbers.iter().flat_map(|value| value.to_le_bytes()).collect();
        let double: Vec<u8> = numbers.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect();
        for (stored, bytes) in [(Stored::F32, single), (Stored::F64, double)] {
            assert_eq!(bytes.len() as u64, stored.bytes() * numbers.len() as u64);
            let mut read = vec![f32::NAN; numbers.len()];
            stored.read(&mut bytes.as_slice(), &mut read).unwrap();
            assert!(read.iter().zip(&numbers).all(|(read, number)| read.to_bits() == number.to_bits()));
            let cut = stored.read(&mut &bytes[..bytes.len() - 1], &mut read).unwrap_err();
            assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
