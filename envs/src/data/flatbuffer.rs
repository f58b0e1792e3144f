//! Tables of Google's FlatBuffers, in which Arrow's files describe themselves: every offset is held against the bytes.
//!
//! Source: "FlatBuffers internals" (offsets, vtables, vectors), little-endian throughout.

/// Letters of a text at most.
const MOST_LETTERS: usize = 1 << 12;

/// What lies outside of the bytes, or where nothing can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outside;

/// A table within some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A vector of things of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<'a> {
    bytes: &'a [u8],
    start: usize,
    /// Number of things.
    pub len: usize,
}

/// `N` bytes at a place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Outside> {
    let found = bytes.get(at..at.checked_add(N).ok_or(Outside)?);
    found.and_then(|found| found.try_into().ok()).ok_or(Outside)
}

/// A 64-bit number at a place.
fn long(bytes: &[u8], at: usize) -> Result<i64, Outside> {
    array(bytes, at).map(i64::from_le_bytes)
}

/// A 32-bit number at a place.
pub(super) fn int(bytes: &[u8], at: usize) -> Result<i32, Outside> {
    array(bytes, at).map(i32::from_le_bytes)
}

/// Where an offset leads that stands at a place: forward.
fn follow(bytes: &[u8], at: usize) -> Result<usize, Outside> {
    let offset = usize::try_from(u32::from_le_bytes(array(bytes, at)?)).map_err(|_| Outside)?;
    at.checked_add(offset).filter(|to| *to < bytes.len() && offset > 0).ok_or(Outside)
}

impl<'a> Fields<'a> {
    /// The table that the bytes begin with the offset of.
    pub fn root(bytes: &'a [u8]) -> Result<Self, Outside> {
        Ok(Self { bytes, at: follow(bytes, 0)? })
    }

    /// Where a field stands; `None` where it is left out.
    fn place(&self, slot: usize) -> Result<Option<usize>, Outside> {
        let back = i64::from(int(self.bytes, self.at)?);
        let vtable = i64::try_from(self.at).ok().and_then(|at| at.checked_sub(back)).ok_or(Outside)?;
        let vtable = usize::try_from(vtable).map_err(|_| Outside)?;
        let size = usize::from(u16::from_le_bytes(array(self.bytes, vtable)?));
        let entry = 4 + 2 * slot;
        if entry + 2 > size {
            return Ok(None);
        }
        let offset = u16::from_le_bytes(array(self.bytes, vtable.checked_add(entry).ok_or(Outside)?)?);
        Ok((offset != 0).then(|| self.at + usize::from(offset)))
    }

    /// A number of one byte, 0 where it is left out.
    pub fn byte(&self, slot: usize) -> Result<u8, Outside> {
        self.place(slot)?.map_or(Ok(0), |at| array::<1>(self.bytes, at).map(|[byte]| byte))
    }

    /// A number of two bytes, 0 where it is left out.
    pub fn short(&self, slot: usize) -> Result<i16, Outside> {
        self.place(slot)?.map_or(Ok(0), |at| array(self.bytes, at).map(i16::from_le_bytes))
    }

    /// A number of four bytes, 0 where it is left out.
    pub fn int(&self, slot: usize) -> Result<i32, Outside> {
        self.place(slot)?.map_or(Ok(0), |at| int(self.bytes, at))
    }

    /// A number of eight bytes, 0 where it is left out.
    pub fn long(&self, slot: usize) -> Result<i64, Outside> {
        self.place(slot)?.map_or(Ok(0), |at| long(self.bytes, at))
    }

    /// A table within this one.
    pub fn table(&self, slot: usize) -> Result<Option<Self>, Outside> {
        let place = self.place(slot)?;
        place.map(|at| Ok(Self { bytes: self.bytes, at: follow(self.bytes, at)? })).transpose()
    }

    /// A vector of things of `size` bytes each, all of which are there; an empty one where it is left out.
    pub fn vector(&self, slot: usize, size: usize) -> Result<Vector<'a>, Outside> {
        let Some(at) = self.place(slot)? else { return Ok(Vector { bytes: self.bytes, start: 0, len: 0 }) };
        let at = follow(self.bytes, at)?;
        let len = usize::try_from(u32::from_le_bytes(array(self.bytes, at)?)).map_err(|_| Outside)?;
        let start = at + 4;
        let end = len.checked_mul(size).and_then(|bytes| start.checked_add(bytes)).ok_or(Outside)?;
        if end > self.bytes.len() { Err(Outside) } else { Ok(Vector { bytes: self.bytes, start, len }) }
    }

    /// A text; damaged letters are shown as such.
    pub fn text(&self, slot: usize) -> Result<String, Outside> {
        let letters = self.vector(slot, 1)?;
        // Thousands of fields may name one text, and each would copy it.
        if letters.len > MOST_LETTERS {
            return Err(Outside);
        }
        let letters = self.bytes.get(letters.start..letters.start + letters.len).ok_or(Outside)?;
        Ok(String::from_utf8_lossy(letters).into_owned())
    }
}

impl<'a> Vector<'a> {
    /// A table of a vector of tables.
    pub fn table(&self, index: usize) -> Result<Fields<'a>, Outside> {
        let at = self.place(index, 4)?;
        Ok(Fields { bytes: self.bytes, at: follow(self.bytes, at)? })
    }

    /// A 64-bit number of a vector of structures of `size` bytes, `offset` bytes from the beginning of one.
    pub fn long(&self, index: usize, size: usize, offset: usize) -> Result<i64, Outside> {
        long(self.bytes, self.place(index, size)? + offset)
    }

    fn place(&self, index: usize, size: usize) -> Result<usize, Outside> {
        if index < self.len { Ok(self.start + index * size) } else { Err(Outside) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of a number (7), nothing, a text and a vector of two longs, made by hand.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![16, 0, 0, 0, 12, 0, 16, 0, 4, 0, 0, 0, 8, 0, 12, 0];
        bytes.extend([12, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 12, 0, 0, 0]);
        bytes.extend([2, 0, 0, 0, b'h', b'i', 0, 0]);
        bytes.extend([2, 0, 0, 0]);
        bytes.extend(5_i64.to_le_bytes());
        bytes.extend((-6_i64).to_le_bytes());
        bytes
    }

    #[test]
    fn fields_are_found_by_their_slots() {
        let bytes = sample();
        let table = Fields::root(&bytes).unwrap();
        assert_eq!((table.int(0), table.long(1), table.byte(9)), (Ok(7), Ok(0), Ok(0)));
        assert_eq!(table.text(2).unwrap(), "hi");
        let longs = table.vector(3, 8).unwrap();
        assert_eq!((longs.len, longs.long(0, 8, 0), longs.long(1, 8, 0)), (2, Ok(5), Ok(-6)));
        assert_eq!(longs.long(2, 8, 0), Err(Outside));
        assert!(table.table(1).unwrap().is_none());
    }

    #[test]
    fn whatever_the_bytes_are_nothing_outside_of_them_is_read() {
        let sound = sample();
        for at in 0..sound.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] = value;
                for bytes in [&bytes[..], &bytes[..at]] {
                    let Ok(table) = Fields::root(bytes) else { continue };
                    for slot in [0, 1, 2, 3, 40_000] {
                        let _ = (table.int(slot), table.long(slot), table.short(slot), table.text(slot));
                        let _ =
                            table.vector(slot, 8).map(|longs| longs.long(longs.len.wrapping_sub(1), 8, 0));
                        let _ = table.table(slot).map(|inner| inner.map(|inner| inner.byte(0)));
                    }
                }
            }
        }
    }
}
