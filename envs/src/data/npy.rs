//! Arrays as numpy stores them: a line of text that says what they are, and their numbers.

use thiserror::Error;

const MAGIC: &[u8] = b"\x93NUMPY";
/// What stands before the numbers takes a multiple of this.
const ALIGNMENT: usize = 64;

/// Why an array is not read.
#[derive(Debug, Error)]
pub(super) enum NpyError {
    #[error("it is not an array of numpy: write it with numpy's savez")]
    NotNpy,
    #[error(
        "version {0} of numpy's format is newer than this reader: write it with numpy's savez of plain numbers"
    )]
    Version(u8),
    #[error("what it says of itself is damaged: write or copy the file again")]
    Header,
    #[error("it holds {0}: store plain numbers or flags (float32, float64, integers, bool)")]
    Kind(String),
    #[error("its numbers are stored column by column: store it row by row (`numpy.ascontiguousarray`)")]
    Columns,
    #[error("shape {shape:?} needs {need} bytes, and {have} are there: write or copy the file again")]
    Length { shape: Vec<u64>, need: String, have: usize },
    #[error("row {row} holds {value}; only 0 and 1 are flags: store whether the episode ended there")]
    Flag { row: usize, value: f64 },
}

/// What the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
    Flag,
}

/// An array.
#[derive(Debug)]
pub(super) struct Array<'a> {
    kind: Kind,
    /// Bytes of a number.
    size: usize,
    big_endian: bool,
    /// Length along each axis.
    pub shape: Vec<u64>,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Reads what the array says of itself, and holds it against the bytes that are there.
    pub fn parse(file: &'a [u8]) -> Result<Self, NpyError> {
        let rest = file.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
        let (&[major, _minor], rest) = rest.split_first_chunk().ok_or(NpyError::NotNpy)?;
        let (len, rest) = match major {
            1 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_le_bytes(*len)), rest)),
            2 | 3 => rest
                .split_first_chunk()
                .map(|(len, rest)| (usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX), rest)),
            other => return Err(NpyError::Version(other)),
        }
        .ok_or(NpyError::Header)?;
        let (header, bytes) = rest.split_at_checked(len).ok_or(NpyError::Header)?;
        let header = std::str::from_utf8(header).map_err(|_| NpyError::Header)?;
        let (kind, size, big_endian) = number_kind(header)?;
        let shape = shape(header)?;
        if field(header, "fortran_order")?.starts_with("True") && shape.len() > 1 {
            return Err(NpyError::Columns);
        }
        let need = shape.iter().try_fold(size as u64, |bytes, len| bytes.checked_mul(*len));
        if need != Some(bytes.len() as u64) {
            let need = need.map_or_else(|| "more than any machine's".into(), |need| need.to_string());
            return Err(NpyError::Length { shape, need, have: bytes.len() });
        }
        Ok(Self { kind, size, big_endian, shape, bytes })
    }

    /// Whether the numbers are whole by their type.
    pub fn is_whole(&self) -> bool {
        self.kind != Kind::Float
    }

    /// The numbers, row by row.
    pub fn numbers(&self) -> Vec<f32> {
        self.values().map(|value| value as f32).collect()
    }

    /// The flags.
    pub fn flags(&self) -> Result<Vec<bool>, NpyError> {
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let flag = |(row, value): (usize, f64)| match value {
            value if value == 0.0 || value == 1.0 => Ok(value > 0.5),
            value => Err(NpyError::Flag { row, value }),
        };
        self.values().enumerate().map(flag).collect()
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.bytes.chunks_exact(self.size.max(1)).map(|number| {
            let byte = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
            let word =
                if self.big_endian { number.iter().fold(0, byte) } else { number.iter().rev().fold(0, byte) };
            match (self.kind, self.size) {
                (Kind::Float, 4) => f64::from(f32::from_bits(word as u32)),
                (Kind::Float, _) => f64::from_bits(word),
                // Moved to the top and back, so that the sign comes along.
                (Kind::Signed, size) => {
                    let shift = 64_usize.saturating_sub(8 * size);
                    ((word << shift) as i64 >> shift) as f64
                }
                (Kind::Unsigned | Kind::Flag, _) => word as f64,
            }
        })
    }
}

/// What stands behind a key of the header.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, NpyError> {
    let quoted = [format!("'{key}':"), format!("\"{key}\":")];
    let found = quoted.iter().find_map(|key| header.split_once(key.as_str()));
    found.map(|(_, rest)| rest.trim_start()).ok_or(NpyError::Header)
}

/// Kind, bytes and order of the numbers.
fn number_kind(header: &str) -> Result<(Kind, usize, bool), NpyError> {
    let text = field(header, "descr")?;
    if text.starts_with('[') {
        return Err(NpyError::Kind("records of several fields".into()));
    }
    let text = text.strip_prefix(['\'', '"']).and_then(|text| text.split(['\'', '"']).next());
    let text = text.ok_or(NpyError::Header)?;
    let refuse = || NpyError::Kind(format!("`{text}`"));
    let (order, rest) = match text.strip_prefix(['<', '>', '|', '=']) {
        Some(rest) => (text.chars().next(), rest),
        None => (None, text),
    };
    let kind = match rest.chars().next() {
        Some('f') => Kind::Float,
        Some('i') => Kind::Signed,
        Some('u') => Kind::Unsigned,
        Some('b') => Kind::Flag,
        _ => return Err(refuse()),
    };
    let size: usize = rest.get(1..).and_then(|size| size.parse().ok()).ok_or_else(refuse)?;
    let known: &[usize] = match kind {
        Kind::Float => &[4, 8],
        Kind::Signed | Kind::Unsigned => &[1, 2, 4, 8],
        Kind::Flag => &[1],
    };
    if known.contains(&size) { Ok((kind, size, order == Some('>'))) } else { Err(refuse()) }
}

fn shape(header: &str) -> Result<Vec<u64>, NpyError> {
    let text = field(header, "shape")?.strip_prefix('(').and_then(|text| text.split_once(')'));
    let (text, _) = text.ok_or(NpyError::Header)?;
    let lengths = text.split(',').map(str::trim).filter(|length| !length.is_empty());
    lengths.map(|length| length.parse().map_err(|_| NpyError::Header)).collect()
}

/// An array of numbers as a file, `[rows x width]` or, without a width, `[rows]`.
pub(super) fn write_numbers(values: &[f32], width: Option<usize>) -> Vec<u8> {
    let shape = match width {
        Some(width) => format!("({}, {width})", values.len().checked_div(width).unwrap_or(0)),
        None => format!("({},)", values.len()),
    };
    let mut file = header("<f4", &shape);
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

/// Flags as a file, `[rows]`.
pub(super) fn write_flags(flags: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut file = header("|b1", &format!("({},)", flags.len()));
    file.extend(flags.map(u8::from));
    file
}

fn header(descr: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let fixed = MAGIC.len() + 4;
    let padded = (fixed + text.len() + 1).next_multiple_of(ALIGNMENT) - fixed - 1;
    text = format!("{text:padded$}\n");
    let mut file = MAGIC.to_vec();
    file.extend([1, 0]);
    // Shapes are two numbers at most: far from the 65535 bytes that this can say.
    file.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    file.extend(text.as_bytes());
    file
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

    #[test]
    fn what_is_written_is_read_and_aligned() {
        let written = write_numbers(&[1.5, -2.0, 3.0, 0.25], Some(2));
        let array = Array::parse(&written).unwrap();
        assert_eq!((array.shape.as_slice(), array.numbers()), (&[2, 2][..], vec![1.5, -2.0, 3.0, 0.25]));
        assert_eq!((written.len() - 16) % 64, 0);
        let written = write_flags([true, false, true].into_iter());
        let array = Array::parse(&written).unwrap();
        assert_eq!((array.shape.as_slice(), array.flags().unwrap()), (&[3][..], vec![true, false, true]));
    }

    #[test]
    fn numbers_of_many_kinds_are_read() {
        for (descr, bytes, want) in [
            (">f8", (-1.25_f64).to_be_bytes().to_vec(), -1.25),
            ("<f4", 0.5_f32.to_le_bytes().to_vec(), 0.5),
            ("<i2", (-3_i16).to_le_bytes().to_vec(), -3.0),
            (">i8", (-70_000_i64).to_be_bytes().to_vec(), -70_000.0),
            ("|u1", vec![200], 200.0),
            ("|b1", vec![1], 1.0),
        ] {
            let file =
                file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}\n"), &bytes);
            assert_eq!(Array::parse(&file).unwrap().numbers(), [want], "{descr}");
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused_with_the_remedy() {
        let header = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
        };
        for (file, says) in [
            (b"PK".to_vec(), "not an array"),
            (b"\x93NUMPY\x09\0\0\0".to_vec(), "version 9"),
            (file(&header("'<f2'", "False", "(1,)"), &[0; 2]), "`<f2`: store plain numbers"),
            (file(&header("'|O'", "False", "(1,)"), &[0; 8]), "`|O`"),
            (file(&header("[('x', '<f4')]", "False", "(1,)"), &[0; 4]), "several fields"),
            (file(&header("'<f4'", "True", "(1, 2)"), &[0; 8]), "row by row"),
            (file(&header("'<f4'", "False", "(3,)"), &[0; 8]), "needs 12 bytes, and 8 are there"),
            (file(&header("'<f8'", "False", "(9223372036854775807, 9)"), &[0; 8]), "more than any machine's"),
            (file(&header("'<f4'", "False", "(-1,)"), &[0; 4]), "damaged"),
            (file("{}", &[]), "damaged"),
            (file("", &[])[..9].to_vec(), "damaged"),
        ] {
            let message = Array::parse(&file).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        let two = file(&header("'|u1'", "False", "(2,)"), &[1, 2]);
        let message = Array::parse(&two).unwrap().flags().unwrap_err().to_string();
        assert!(message.contains("row 1 holds 2"), "{message}");
    }
}
