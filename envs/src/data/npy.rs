//! Arrays as numpy stores them: a line of text that says what they are, and their numbers.

use std::convert::Infallible;
use std::io;

use npyz::{DType, Deserialize, Endianness, NpyFile, NpyHeader, Order, TypeChar, TypeStr};
use thiserror::Error;

use super::at_once::fill_at_once;
use crate::printable;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Most bytes of the line of text. numpy writes 118 for plain numbers.
const MAX_TEXT: usize = 1024;

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
    Length { shape: Vec<u64>, need: String, have: usize },
    #[error("its numbers cannot be read ({0}): write or copy the file again")]
    Numbers(String),
    #[error("row {row} holds {value}; only 0 and 1 are flags: store whether the episode ended there")]
    Flag { row: usize, value: f64 },
}

/// An array.
pub(super) struct Array<'a> {
    header: NpyHeader,
    kind: TypeStr,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Reads what the array says of itself, and holds it against the bytes that are there.
    pub fn parse(file: &'a [u8]) -> Result<Self, NpyError> {
        bounded(file)?;
        let mut bytes = file;
        let header = NpyHeader::from_reader(&mut bytes)
            .map_err(|error| NpyError::Header(printable(error).to_string()))?;
        let DType::Plain(kind) = header.dtype() else { return Err(records()) };
        let size: u64 = match (kind.type_char(), kind.size_field()) {
            (TypeChar::Float, size @ (4 | 8))
            | (TypeChar::Int | TypeChar::Uint, size @ (1 | 2 | 4 | 8))
            | (TypeChar::Bool, size @ 1) => size,
            _ => return Err(NpyError::Kind(format!("`{kind}`"))),
        };
        if header.order() == Order::Fortran && header.shape().len() > 1 {
            return Err(NpyError::Columns);
        }
        let need = header.shape().iter().try_fold(size, |bytes, len| bytes.checked_mul(*len));
        if need != Some(bytes.len() as u64) {
            let need = need.map_or_else(|| "more than any machine's".into(), |need| need.to_string());
            return Err(NpyError::Length { shape: header.shape().to_vec(), need, have: bytes.len() });
        }
        Ok(Self { header, kind, bytes })
    }

    /// Length along each axis.
    pub fn shape(&self) -> &[u64] {
        self.header.shape()
    }

    /// Whether the numbers are whole by their type.
    pub fn is_whole(&self) -> bool {
        self.kind.type_char() != TypeChar::Float
    }

    /// The numbers, row by row.
    pub fn numbers(&self) -> Result<Vec<f32>, NpyError> {
        // What nearly all files hold, in one go: npyz reads number by number.
        if self.kind.endianness() == Endianness::Little && self.kind.type_char() == TypeChar::Float {
            return Ok(match self.kind.size_field() {
                4 => convert(self.bytes.as_chunks::<4>().0, f32::from_le_bytes),
                _ => convert(self.bytes.as_chunks::<8>().0, |value| f64::from_le_bytes(value) as f32),
            });
        }
        self.values(|value| value as f32)
    }

    /// The flags.
    pub fn flags(&self) -> Result<Vec<bool>, NpyError> {
        if self.kind.type_char() == TypeChar::Bool && self.bytes.iter().all(|byte| *byte < 2) {
            return Ok(self.bytes.iter().map(|byte| *byte == 1).collect());
        }
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let flag = |(row, value): (usize, f64)| match value {
            value if value == 0.0 || value == 1.0 => Ok(value > 0.5),
            value => Err(NpyError::Flag { row, value }),
        };
        self.values(|value| value)?.into_iter().enumerate().map(flag).collect()
    }

    fn values<U>(&self, make: impl Fn(f64) -> U) -> Result<Vec<U>, NpyError> {
        let read = match (self.kind.type_char(), self.kind.size_field()) {
            (TypeChar::Float, 4) => self.each(|value: f32| make(f64::from(value))),
            (TypeChar::Float, _) => self.each(make),
            (TypeChar::Int, 1) => self.each(|value: i8| make(f64::from(value))),
            (TypeChar::Int, 2) => self.each(|value: i16| make(f64::from(value))),
            (TypeChar::Int, 4) => self.each(|value: i32| make(f64::from(value))),
            (TypeChar::Int, _) => self.each(|value: i64| make(value as f64)),
            (TypeChar::Uint, 1) => self.each(|value: u8| make(f64::from(value))),
            (TypeChar::Uint, 2) => self.each(|value: u16| make(f64::from(value))),
            (TypeChar::Uint, 4) => self.each(|value: u32| make(f64::from(value))),
            (TypeChar::Uint, _) => self.each(|value: u64| make(value as f64)),
            _ => self.each(|value: bool| make(f64::from(u8::from(value)))),
        };
        read.map_err(|error| NpyError::Numbers(printable(error).to_string()))
    }

    fn each<T: Deserialize, U>(&self, make: impl Fn(T) -> U) -> io::Result<Vec<U>> {
        let numbers = NpyFile::with_header(self.header.clone(), self.bytes).data::<T>();
        numbers.map_err(io::Error::other)?.map(|number| number.map(&make)).collect()
    }
}

/// Numbers as they are stored, several pieces of a large array at once.
fn convert<const N: usize>(stored: &[[u8; N]], number: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
    const PIECE: usize = 1 << 18;
    let mut values = vec![0.0; stored.len()];
    let filled = fill_at_once(&mut values, PIECE, |first, into| {
        into.iter_mut()
            .zip(stored.get(first..).unwrap_or_default())
            .for_each(|(to, from)| *to = number(*from));
        Ok::<(), Infallible>(())
    });
    match filled {
        Ok(()) => values,
    }
}

/// Refuses a line of text that no array of plain numbers has. npyz asks for as much memory as the text is said to take,
/// up to 4 GiB, and its parser tries every bracket within brackets twice: twelve of them take minutes.
fn bounded(file: &[u8]) -> Result<(), NpyError> {
    let rest = file.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
    let (len, text) = match *rest {
        [1, _, a, b, ref text @ ..] => (u32::from_le_bytes([a, b, 0, 0]), text),
        [2 | 3, _, a, b, c, d, ref text @ ..] => (u32::from_le_bytes([a, b, c, d]), text),
        // Too short, or of another version: npyz says so.
        _ => return Ok(()),
    };
    let text = usize::try_from(len).ok().filter(|len| *len <= MAX_TEXT).and_then(|len| text.get(..len));
    let text =
        text.ok_or_else(|| NpyError::Header(format!("it takes {len} bytes, and up to {MAX_TEXT} may be")))?;
    let count = |bracket: u8| text.iter().filter(|byte| **byte == bracket).count();
    match (count(b'['), count(b'{').max(count(b'('))) {
        (1.., _) => Err(records()),
        (_, 2..) => Err(NpyError::Header("brackets within brackets".into())),
        _ => Ok(()),
    }
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

    fn refusal(file: &[u8]) -> String {
        Array::parse(file).err().unwrap().to_string()
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
            assert_eq!(Array::parse(&file).unwrap().numbers().unwrap(), [want], "{descr}");
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
        let message = Array::parse(&two).unwrap().flags().unwrap_err().to_string();
        assert!(message.contains("row 1 holds 2"), "{message}");
        let flag = file(&header("'|b1'", "False", "(1,)"), &[7]);
        let message = Array::parse(&flag).unwrap().flags().unwrap_err().to_string();
        assert!(message.contains("invalid value for bool: 7"), "{message}");
    }
}
