//! Sizes that a Parquet file declares, held against the file before its parser asks for memory.
//!
//! By some of them the parser reserves memory, or calls itself, before it looks whether the file has so much: for a page
//! by its unpacked size, for a dictionary by its number of values, for the schema by its numbers of children. What stands
//! in front of each page and at the end of the file is written in Thrift's compact protocol, of which this file reads what
//! it needs and steps over the rest.

use thiserror::Error;

/// Groups within groups in a schema, at most.
const DEEPEST: usize = 32;
/// Columns and groups, at most. LeRobot's episodes have some hundreds.
const MOST_ELEMENTS: u64 = 1 << 16;
/// Structures within structures that are stepped over.
const NESTED: usize = 32;
/// Snappy copies at most 64 bytes by a reference of three.
const SNAPPY: u64 = 22;
const SLACK: u64 = 1 << 10;
/// Encodings that pyarrow writes by itself: plain, plain dictionary, runs, dictionary.
const ENCODINGS: [i64; 4] = [0, 2, 3, 8];
/// Those of them that speak of a dictionary.
const OF_DICTIONARY: [i64; 2] = [2, 8];

/// Why a file is not read.
#[derive(Debug, Error, PartialEq)]
pub(super) enum BoundsError {
    #[error("what it says of its {0} ends too early or is no Thrift")]
    Cut(&'static str),
    #[error("its schema has {0}, more than any data set's")]
    Schema(String),
    #[error("a page declares {unpacked} bytes in {packed}, more than they can hold")]
    Page { packed: i64, unpacked: i64 },
    #[error("a page declares {values} values where {most} can be")]
    Values { values: i64, most: u64 },
    #[error("its pages end outside of their column")]
    Outside,
    #[error("a page names values of a dictionary that is not there")]
    Dictionary,
}

/// Why a page is not read though it is sound.
#[derive(Debug, Error, PartialEq)]
pub(super) enum PageError {
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    #[error("its values are in encoding {0}")]
    Encoding(i64),
}

/// Checks the schema within the file's last part.
pub(super) fn check_schema(footer: &[u8]) -> Result<(), BoundsError> {
    let mut thrift = Thrift { bytes: footer };
    let cut = || BoundsError::Cut("schema");
    let mut field = 0;
    while let Some((id, kind)) = thrift.field(&mut field).ok_or_else(cut)? {
        if id != 2 || kind != LIST {
            thrift.skip(kind, NESTED).ok_or_else(cut)?;
            continue;
        }
        let (count, _) = thrift.list().ok_or_else(cut)?;
        if count > MOST_ELEMENTS {
            return Err(BoundsError::Schema(format!("{count} elements")));
        }
        // Children that are still to come, of each group that is open.
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..count {
            let children = thrift.numbers(5).ok_or_else(cut)?.unwrap_or(0);
            let children = u64::try_from(children).unwrap_or(u64::MAX);
            if children > count {
                return Err(BoundsError::Schema(format!("a group of {children} children")));
            }
            if let Some(left) = open.last_mut() {
                *left = left.saturating_sub(1);
            }
            open.push(children);
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > DEEPEST {
                return Err(BoundsError::Schema(format!("groups more than {DEEPEST} deep")));
            }
        }
        return Ok(());
    }
    Err(BoundsError::Cut("schema"))
}

/// Checks the pages of one column, which together hold `values` values; `packed` says that they are compressed.
pub(super) fn check_pages(mut bytes: &[u8], values: u64, packed: bool) -> Result<(), PageError> {
    let (mut left, mut dictionary) = (values, false);
    // The parser stops where it has all values; what comes after is not looked at.
    while !bytes.is_empty() && left > 0 {
        let (page, rest) = page(bytes)?;
        let size = u64::try_from(page.packed).ok().filter(|size| *size <= rest.len() as u64);
        let size = size.ok_or(BoundsError::Outside)?;
        let most = if packed { size.saturating_mul(SNAPPY).saturating_add(SLACK) } else { size };
        let Some(unpacked) = u64::try_from(page.unpacked).ok().filter(|unpacked| *unpacked <= most) else {
            return Err(BoundsError::Page { packed: page.packed, unpacked: page.unpacked }.into());
        };
        let (declared, encoding, may) = match page.content {
            Content::Values { values, encoding } => (values, encoding, left),
            // A value takes four bytes or more.
            Content::Dictionary { values, encoding } => (values, encoding, unpacked / 4),
            Content::Other => (0, ENCODINGS[0], 0),
        };
        let counted = u64::try_from(declared).ok().filter(|counted| *counted <= may);
        let counted = counted.ok_or(BoundsError::Values { values: declared, most: may })?;
        if !ENCODINGS.contains(&encoding) {
            return Err(PageError::Encoding(encoding));
        }
        match page.content {
            Content::Values { encoding, .. } if !dictionary && OF_DICTIONARY.contains(&encoding) => {
                return Err(BoundsError::Dictionary.into());
            }
            Content::Values { .. } => left -= counted,
            Content::Dictionary { .. } => dictionary = true,
            Content::Other => {}
        }
        bytes = rest.get(usize::try_from(size).unwrap_or(usize::MAX)..).ok_or(BoundsError::Outside)?;
    }
    if left > 0 {
        Err(BoundsError::Values { values: i64::try_from(values).unwrap_or(i64::MAX), most: values - left }
            .into())
    } else {
        Ok(())
    }
}

/// What stands in front of a page.
struct Page {
    unpacked: i64,
    packed: i64,
    content: Content,
}

enum Content {
    Values { values: i64, encoding: i64 },
    Dictionary { values: i64, encoding: i64 },
    Other,
}

fn page(bytes: &[u8]) -> Result<(Page, &[u8]), BoundsError> {
    let mut thrift = Thrift { bytes };
    let cut = || BoundsError::Cut("pages");
    let mut page = Page { unpacked: -1, packed: -1, content: Content::Other };
    let mut field = 0;
    while let Some((id, kind)) = thrift.field(&mut field).ok_or_else(cut)? {
        match (id, kind) {
            (2, INT) => page.unpacked = thrift.int().ok_or_else(cut)?,
            (3, INT) => page.packed = thrift.int().ok_or_else(cut)?,
            // Data pages of the first and second version, and dictionaries: where their encoding stands.
            (5 | 7 | 8, STRUCT) => {
                let [values, encoding] = thrift
                    .pair([1, if id == 8 { 4 } else { 2 }])
                    .ok_or_else(cut)?
                    .map(|found| found.unwrap_or(-1));
                page.content = if id == 7 {
                    Content::Dictionary { values, encoding }
                } else {
                    Content::Values { values, encoding }
                };
            }
            _ => thrift.skip(kind, NESTED).ok_or_else(cut)?,
        }
    }
    Ok((page, thrift.bytes))
}

const BYTE: u8 = 3;
const SHORT: u8 = 4;
const INT: u8 = 5;
const LONG: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Thrift's compact protocol; `None` where the bytes end too early or mean nothing.
struct Thrift<'a> {
    bytes: &'a [u8],
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A whole number, whose sign is in its lowest bit.
    fn int(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Number and kind of the next field of a structure; `Some(None)` at its end. `last` is the number of the one before.
    fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *last = match head >> 4 {
            0 => self.int()?,
            step => last.checked_add(i64::from(step))?,
        };
        Some(Some((*last, head & 0x0f)))
    }

    /// Length of a list, and the kind of what is in it.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((count, head & 0x0f))
    }

    /// The whole number in this field of a structure; steps over the structure.
    fn numbers(&mut self, id: i64) -> Option<Option<i64>> {
        self.pair([id, id]).map(|[found, _]| found)
    }

    /// The whole numbers in two fields of a structure; steps over the structure.
    fn pair(&mut self, ids: [i64; 2]) -> Option<[Option<i64>; 2]> {
        let (mut found, mut field) = ([None; 2], 0);
        while let Some((id, kind)) = self.field(&mut field)? {
            if matches!(kind, INT | LONG) && ids.contains(&id) {
                let value = self.int()?;
                for (found, wanted) in found.iter_mut().zip(ids) {
                    if wanted == id {
                        *found = Some(value);
                    }
                }
            } else {
                self.skip(kind, NESTED)?;
            }
        }
        Some(found)
    }

    /// Steps over a value of this kind.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // A flag stands in the kind itself.
            1 | 2 => Some(()),
            BYTE => self.byte().map(|_| ()),
            SHORT | INT | LONG => self.varint().map(|_| ()),
            DOUBLE => self.take(8),
            BINARY => {
                let len = self.varint()?;
                self.take(len)
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                self.items(count, &[kind], depth)
            }
            MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                self.items(count, &[kinds >> 4, kinds & 0x0f], depth)
            }
            STRUCT => {
                let mut field = 0;
                while let Some((_, kind)) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn items(&mut self, count: u64, kinds: &[u8], depth: usize) -> Option<()> {
        // Each takes a byte or more.
        if count > self.bytes.len() as u64 {
            return None;
        }
        for _ in 0..count {
            for kind in kinds {
                // In lists a flag is a byte.
                if matches!(kind, 1 | 2) { self.byte().map(|_| ())? } else { self.skip(*kind, depth)? }
            }
        }
        Some(())
    }

    fn take(&mut self, len: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(len).ok()?..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole number in Thrift's compact protocol.
    fn int(value: i64) -> Vec<u8> {
        let mut value = ((value << 1) ^ (value >> 63)).cast_unsigned();
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        bytes.push(value.to_le_bytes()[0]);
        bytes
    }

    /// A data page of so many values in one of three kinds of headers (5, 7, 8), without content.
    fn header(kind: u8, unpacked: i64, packed: i64, values: i64, encoding: i64) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x00];
        for (head, value) in [(0x15, unpacked), (0x15, packed)] {
            bytes.push(head);
            bytes.extend(int(value));
        }
        bytes.push(((kind - 3) << 4) | STRUCT);
        bytes.push(0x15);
        bytes.extend(int(values));
        bytes.push(if kind == 8 { 0x35 } else { 0x15 });
        bytes.extend(int(encoding));
        bytes.extend([0, 0]);
        bytes
    }

    fn with_content(mut header: Vec<u8>, len: usize) -> Vec<u8> {
        header.resize(header.len() + len, 7);
        header
    }

    #[test]
    fn sound_pages_pass_and_what_cannot_be_is_refused() {
        for kind in [5, 8] {
            let mut pages = with_content(header(7, 40, 20, 10, 0), 20);
            pages.extend(with_content(header(kind, 30, 12, 6, 8), 12));
            pages.extend(with_content(header(kind, 30, 12, 4, 8), 12));
            assert_eq!(check_pages(&pages, 10, true), Ok(()), "{kind}");
            assert!(matches!(
                check_pages(&pages, 11, true),
                Err(PageError::Bounds(BoundsError::Values { values: 11, most: 10 }))
            ));
            let error = check_pages(&pages[..pages.len() - 1], 10, true).unwrap_err();
            assert_eq!(error, BoundsError::Outside.into());
            assert!(
                check_pages(&pages, 10, false).is_err(),
                "pages that are not packed are as large as they say"
            );
        }
        for (page, says) in [
            (header(5, i64::from(i32::MAX), 10, 1, 0), "more than they can hold"),
            (header(5, -1, 10, 1, 0), "more than they can hold"),
            (header(7, 40, 10, 1 << 30, 0), "where 10 can be"),
            (header(5, 40, 10, 1 << 30, 0), "where 1 can be"),
            (header(5, 40, 10, -1, 0), "where 1 can be"),
            (header(5, 40, 10, 1, 5), "encoding 5"),
            (header(5, 40, 10, 1, 8), "dictionary that is not there"),
            (header(5, 40, 99, 1, 0), "outside"),
            (header(5, 40, -9, 1, 0), "outside"),
            (vec![0xff; 20], "no Thrift"),
        ] {
            let message = check_pages(&with_content(page, 10), 1, true).unwrap_err().to_string();
            assert!(message.contains(says), "{says}: {message}");
        }
    }

    /// A footer with these numbers of children.
    fn schema(children: &[i64]) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x02, 0x19, 0xf0 | STRUCT];
        bytes.push(u8::try_from(children.len()).unwrap());
        for count in children {
            bytes.extend([0x55]);
            bytes.extend(int(*count));
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn schemas_that_no_data_set_has_are_refused() {
        assert_eq!(check_schema(&schema(&[2, 0, 1, 0])), Ok(()));
        let deep = [1; 100];
        for (children, says) in
            [(&deep[..], "deep"), (&[1 << 30, 0][..], "children"), (&[-1][..], "children")]
        {
            let message = check_schema(&schema(children)).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        assert!(check_schema(&schema(&[1, 0])[..5]).is_err());
        assert!(check_schema(&[]).is_err());
    }
}
