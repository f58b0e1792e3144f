//! Arrays as numpy stores them: a line of text that says what they are, and their numbers.

use std::io::{self, Read};

use npyz::{DType, Deserialize, Endianness, NpyFile, NpyHeader, Order, TypeChar, TypeStr};
use thiserror::Error;

use super::stored::Stored;
use crate::printable;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes in front of the line of text, of versions 2 and 3; version 1 has two less.
const LEAD: u64 = 12;
/// Most bytes of the line of text. numpy writes 118 for plain numbers.
const MAX_TEXT: usize = 1024;
/// Numbers that are read at once: what a processor keeps near.
const PIECE: usize = 1 << 16;

/// Why an array is not read.
#[derive(Debug, Error)]
pub(super) enum NpyError {
    #[error("it is not an array of numpy: write it with numpy's savez")]
    NotNpy,
    #[error("what it says of itself is damaged or newer than this reader ({0}): write it with numpy's savez")]
    Header(String),
    #[error("it holds {0}: store plain numbers or flags (float32, float64, integers, bool)")]
    Kind(String),
    #[error("its numbers are stored column by column: store it row by row (`numpy.ascontiguousarray`)")]
    Columns,
    #[error("shape {shape:?} needs {need} bytes, and {have} are there: write or copy the file again")]
    Length { shape: Vec<u64>, need: String, have: u64 },
    #[error("the file is damaged or cut off ({0}): write or copy it again")]
    Damaged(String),
    #[error("its numbers cannot be read ({0}): write or copy the file again")]
    Numbers(String),
    #[error("row {row} holds {value}; only 0 and 1 are flags: store whether the episode ended there")]
    Flag { row: usize, value: f64 },
}

/// An array whose numbers are still to be read.
pub(super) struct Array<R> {
    header: NpyHeader,
    kind: TypeStr,
    reader: R,
    /// Numbers, and bytes that they take.
    count: usize,
    bytes: u64,
    expected: u64,
}

impl<R: Read> Array<R> {
    /// Reads what an array says of itself, and holds it against the `size` bytes that are said to be there. Memory for `expected` of them is asked for
    /// at once, for the rest as they come.
    pub fn open(mut reader: R, size: u64, expected: u64) -> Result<Self, NpyError> {
        let mut lead = Vec::new();
        let error = match described(&mut reader, size, &mut lead) {
            Ok((header, kind, width)) => {
                let bytes = size.saturating_sub(lead.len() as u64);
                let count = usize::try_from(bytes / width.max(1)).unwrap_or(usize::MAX);
                return Ok(Self { header, kind, reader, count, bytes, expected });
            }
            Err(error) => error,
        };
        // Where the file is damaged, that is what is wrong.
        let (read, most) = (lead.len() as u64, size.saturating_add(1));
        let rest = io::copy(&mut reader.take(most.saturating_sub(read)), &mut io::sink());
        match rest.map(|rest| rest.saturating_add(read)) {
            Ok(found) if found == size => Err(error),
            Ok(found) => Err(other_size(size, found)),
            Err(error) => Err(damaged(&error)),
        }
    }

    /// Length along each axis.
    pub fn shape(&self) -> &[u64] {
        self.header.shape()
    }

    /// Whether the numbers are whole by their type.
    pub fn is_whole(&self) -> bool {
        self.kind.type_char() != TypeChar::Float
    }

    /// Whether reading them takes the array as it is stored beside the numbers: all but floats in this machine's order.
    pub fn is_copied(&self) -> bool {
        self.stored().is_none()
    }

    /// The floats of the file, where they can be read into their place.
    fn stored(&self) -> Option<Stored> {
        match (self.kind.endianness(), self.kind.type_char(), self.kind.size_field()) {
            (Endianness::Little, TypeChar::Float, 4) => Some(Stored::F32),
            (Endianness::Little, TypeChar::Float, _) => Some(Stored::F64),
            _ => None,
        }
    }

    /// The numbers, row by row.
    pub fn numbers(mut self) -> Result<Vec<f32>, NpyError> {
        let Some(stored) = self.stored() else {
            let bytes = self.content()?;
            return values(&self.header, &bytes, |value| value as f32);
        };
        let expected = usize::try_from(self.expected / stored.bytes()).unwrap_or(usize::MAX);
        // The system's, which cost nothing until they are written over.
        let mut numbers = vec![0.0; self.count.min(expected)];
        let mut filled = 0;
        loop {
            for piece in numbers.get_mut(filled..).unwrap_or_default().chunks_mut(PIECE) {
                stored.read(&mut self.reader, piece).map_err(|error| damaged(&error))?;
            }
            filled = numbers.len();
            if filled >= self.count {
                break;
            }
            numbers.resize(self.count.min(filled.max(PIECE).saturating_mul(2)), 0.0);
        }
        self.end()?;
        Ok(numbers)
    }

    /// The flags.
    pub fn flags(mut self) -> Result<Vec<bool>, NpyError> {
        let bytes = self.content()?;
        if self.kind.type_char() == TypeChar::Bool && bytes.iter().all(|byte| *byte < 2) {
            return Ok(bytes.into_iter().map(|byte| byte == 1).collect());
        }
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let flag = |(row, value): (usize, f64)| match value {
            value if value == 0.0 || value == 1.0 => Ok(value > 0.5),
            value => Err(NpyError::Flag { row, value }),
        };
        values(&self.header, &bytes, |value| value)?.into_iter().enumerate().map(flag).collect()
    }

    /// All bytes of the numbers.
    fn content(&mut self) -> Result<Vec<u8>, NpyError> {
        let mut content = Vec::with_capacity(usize::try_from(self.bytes.min(self.expected)).unwrap_or(0));
        let read = (&mut self.reader).take(self.bytes).read_to_end(&mut content);
        read.map_err(|error| damaged(&error))?;
        if content.len() as u64 != self.bytes {
            return Err(other_size(self.bytes, content.len() as u64));
        }
        self.end()?;
        Ok(content)
    }

    /// Goes to the end, where checksums are compared.
    fn end(&mut self) -> Result<(), NpyError> {
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(other_size(self.bytes, self.bytes.saturating_add(1))),
            Err(error) => Err(damaged(&error)),
        }
    }
}

fn damaged(error: &io::Error) -> NpyError {
    NpyError::Damaged(printable(error).to_string())
}

fn other_size(declared: u64, found: u64) -> NpyError {
    let holds = if found > declared { "more".into() } else { found.to_string() };
    NpyError::Damaged(format!("it declares {declared} bytes and holds {holds}"))
}

/// What an array says of itself, the kind of its numbers and how many bytes each takes. `lead` is what was read for it.
fn described(
    reader: &mut impl Read,
    size: u64,
    lead: &mut Vec<u8>,
) -> Result<(NpyHeader, TypeStr, u64), NpyError> {
    reader.by_ref().take(LEAD).read_to_end(lead).map_err(|error| damaged(&error))?;
    let [begin, end] = text_of(lead)?;
    reader.take(end.saturating_sub(lead.len()) as u64).read_to_end(lead).map_err(|error| damaged(&error))?;
    plain(lead.get(begin..end).unwrap_or_default())?;
    let header = NpyHeader::from_reader(lead.as_slice())
        .map_err(|error| NpyError::Header(printable(error).to_string()))?;
    let DType::Plain(kind) = header.dtype() else { return Err(records()) };
    let width: u64 = match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, width @ (4 | 8))
        | (TypeChar::Int | TypeChar::Uint, width @ (1 | 2 | 4 | 8))
        | (TypeChar::Bool, width @ 1) => width,
        _ => return Err(NpyError::Kind(format!("`{kind}`"))),
    };
    if header.order() == Order::Fortran && header.shape().len() > 1 {
        return Err(NpyError::Columns);
    }
    let need = header.shape().iter().try_fold(width, |bytes, len| bytes.checked_mul(*len));
    let have = size.checked_sub(lead.len() as u64).ok_or_else(|| other_size(size, lead.len() as u64))?;
    if need != Some(have) {
        let need = need.map_or_else(|| "more than any machine's".into(), |need| need.to_string());
        return Err(NpyError::Length { shape: header.shape().to_vec(), need, have });
    }
    Ok((header, kind, width))
}

/// Where the line of text is. npyz asks for as much memory as it is said to take, up to 4 GiB: more than any array of plain
/// numbers needs is refused here.
fn text_of(lead: &[u8]) -> Result<[usize; 2], NpyError> {
    let rest = lead.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
    let (begin, len) = match *rest {
        [1, _, a, b, ..] => (10, u32::from_le_bytes([a, b, 0, 0])),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d])),
        // Too short, or of another version: npyz says so.
        _ => return Ok([lead.len(); 2]),
    };
    match usize::try_from(len) {
        // Shorter than any description, and than what was read already.
        Ok(..2) => Err(NpyError::Header(format!("it takes {len} bytes"))),
        Ok(len) if len <= MAX_TEXT => Ok([begin, begin + len]),
        _ => Err(NpyError::Header(format!("it takes {len} bytes, and up to {MAX_TEXT} may be"))),
    }
}

/// Refuses a line of text that no array of plain numbers has: npyz's parser tries every bracket within brackets twice, and
/// twelve of them take minutes.
fn plain(text: &[u8]) -> Result<(), NpyError> {
    let count = |bracket: u8| text.iter().filter(|byte| **byte == bracket).count();
    match (count(b'['), count(b'{').max(count(b'('))) {
        (1.., _) => Err(records()),
        (_, 2..) => Err(NpyError::Header("brackets within brackets".into())),
        _ => Ok(()),
    }
}

/// Numbers of any kind, one by one.
fn values<U>(header: &NpyHeader, bytes: &[u8], make: impl Fn(f64) -> U) -> Result<Vec<U>, NpyError> {
    let DType::Plain(kind) = header.dtype() else { return Err(records()) };
    let read = match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 4) => each(header, bytes, |value: f32| make(f64::from(value))),
        (TypeChar::Float, _) => each(header, bytes, make),
        (TypeChar::Int, 1) => each(header, bytes, |value: i8| make(f64::from(value))),
        (TypeChar::Int, 2) => each(header, bytes, |value: i16| make(f64::from(value))),
        (TypeChar::Int, 4) => each(header, bytes, |value: i32| make(f64::from(value))),
        (TypeChar::Int, _) => each(header, bytes, |value: i64| make(value as f64)),
        (TypeChar::Uint, 1) => each(header, bytes, |value: u8| make(f64::from(value))),
        (TypeChar::Uint, 2) => each(header, bytes, |value: u16| make(f64::from(value))),
        (TypeChar::Uint, 4) => each(header, bytes, |value: u32| make(f64::from(value))),
        (TypeChar::Uint, _) => each(header, bytes, |value: u64| make(value as f64)),
        _ => each(header, bytes, |value: bool| make(f64::from(u8::from(value)))),
    };
    read.map_err(|error| NpyError::Numbers(printable(error).to_string()))
}

fn each<T: Deserialize, U>(header: &NpyHeader, bytes: &[u8], make: impl Fn(T) -> U) -> io::Result<Vec<U>> {
    let numbers = NpyFile::with_header(header.clone(), bytes).data::<T>();
    numbers.map_err(io::Error::other)?.map(|number| number.map(&make)).collect()
}

fn records() -> NpyError {
    NpyError::Kind("records of several fields".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, bytes: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\0".to_vec();
        file.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        file.extend(text.as_bytes());
        file.extend(bytes);
        file
    }

    fn open(file: &[u8]) -> Result<Array<&[u8]>, NpyError> {
        Array::open(file, file.len() as u64, 4)
    }

    fn refusal(file: &[u8]) -> String {
        open(file).err().unwrap().to_string()
    }

    #[test]
    fn numbers_of_many_kinds_are_read() {
        for (descr, bytes, want) in [
            (">f8", (-1.25_f64).to_be_bytes().to_vec(), -1.25),
            ("<f8", (-1.25_f64).to_le_bytes().to_vec(), -1.25),
            (">f4", 0.5_f32.to_be_bytes().to_vec(), 0.5),
            ("<f4", 0.5_f32.to_le_bytes().to_vec(), 0.5),
            ("|i1", vec![0xfd], -3.0),
            ("<i2", (-3_i16).to_le_bytes().to_vec(), -3.0),
            ("<i4", (-3_i32).to_le_bytes().to_vec(), -3.0),
            (">i8", (-70_000_i64).to_be_bytes().to_vec(), -70_000.0),
            ("|u1", vec![200], 200.0),
            (">u2", vec![1, 0], 256.0),
            ("<u4", vec![0, 1, 0, 0], 256.0),
            ("<u8", 70_000_u64.to_le_bytes().to_vec(), 70_000.0),
            ("|b1", vec![1], 1.0),
        ] {
            let file =
                file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}\n"), &bytes);
            assert_eq!(open(&file).unwrap().numbers().unwrap(), [want], "{descr}");
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused_with_the_remedy() {
        let header = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
        };
        for (file, says) in [
            (b"PK".to_vec(), "not an array"),
            (b"\x93NUMPY\x09\0\0\0".to_vec(), "unsupported version: (9, 0)"),
            (b"\x93NUMPY\x02\0\xff\xff\xff\xff{".to_vec(), "takes 4294967295 bytes"),
            (file(&header("'<f2'", "False", "(1,)"), &[0; 2]), "`<f2`: store plain numbers"),
            (file(&header("'|O'", "False", "(1,)"), &[0; 8]), "`|O`"),
            (file(&header("[('x', '<f4')]", "False", "(1,)"), &[0; 4]), "several fields"),
            (file(&header("'<f4'", "True", "(1, 2)"), &[0; 8]), "row by row"),
            (file(&header("'<f4'", "False", "(3,)"), &[0; 8]), "needs 12 bytes, and 8 are there"),
            (file(&header("'<f4'", "False", "(-1,)"), &[0; 4]), "damaged"),
            (file(&header("'<f4'", "False", "{{{{{{{{{{{{"), &[0; 4]), "brackets within brackets"),
            (file(&header("'<f4'", "False", "((1,),)"), &[0; 4]), "brackets within brackets"),
            (file("{}", &[]), "damaged"),
            (file("", &[])[..9].to_vec(), "damaged"),
        ] {
            let message = refusal(&file);
            assert!(message.contains(says), "{message}");
        }
        let two = file(&header("'|u1'", "False", "(2,)"), &[1, 2]);
        let message = open(&two).unwrap().flags().unwrap_err().to_string();
        assert!(message.contains("row 1 holds 2"), "{message}");
        let flag = file(&header("'|b1'", "False", "(1,)"), &[7]);
        let message = open(&flag).unwrap().flags().unwrap_err().to_string();
        assert!(message.contains("invalid value for bool: 7"), "{message}");
    }

    #[test]
    fn large_arrays_come_whole_whatever_was_expected_and_no_other_number_of_bytes_does() {
        let numbers: Vec<f32> = (0..200_000_u32).map(|i| i as f32 / 7.0).collect();
        let single: Vec<u8> = numbers.iter().flat_map(|value| value.to_le_bytes()).collect();
        let double: Vec<u8> = numbers.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect();
        for (descr, bytes) in [("<f4", single), ("<f8", double)] {
            let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1000, 200)}}\n");
            let file = file(&text, &bytes);
            let size = file.len() as u64;
            for expected in [0, 3, 300_000, u64::MAX] {
                let array = Array::open(file.as_slice(), size, expected).unwrap();
                assert_eq!(array.numbers().unwrap(), numbers, "{descr}, {expected}");
            }
            // What a directory says against what is there.
            for there in [&file[..file.len() - 1], &[file.as_slice(), &[0]].concat()] {
                let array = Array::open(there, size, size).unwrap();
                let message = array.numbers().unwrap_err().to_string();
                assert!(message.contains("damaged or cut off"), "{message}");
            }
            let message = Array::open(file.as_slice(), size - 1, size).err().unwrap().to_string();
            assert!(message.contains("holds more"), "{message}");
        }
    }
}
