//! Numbers out of Arrow's IPC files, as Minari writes them: column by column, from uncompressed batches.
//!
//! Read by our own hundred lines and not by `arrow-ipc`: that crate brings six more and slices buffers where a file says, by
//! a panic where it has not so much. Source: "Arrow Columnar Format", "IPC File Format"; `File.fbs`, `Message.fbs`.

use std::path::{Path, PathBuf};

use super::arrow_schema::{Leaf, Number, Row, leaves};
use super::flatbuffer::{Fields, Outside, int};
use super::minari_tables::Table;
use super::parquet_file::Budget;
use super::parts::Part;
use crate::EnvError;

const MAGIC: &[u8] = b"ARROW1";
/// What stands before the length of a message.
const CONTINUED: i32 = -1;
/// The kind of message that holds rows.
const RECORD_BATCH: u8 = 3;
/// Bytes of a block in the list at the end, of a node and of a buffer in the description of a batch.
const BLOCK: usize = 24;
const PAIR: usize = 16;

/// An open file.
pub(super) struct ArrowFile {
    path: PathBuf,
    bytes: Vec<u8>,
    leaves: Vec<Leaf>,
    batches: Vec<Batch>,
}

/// One batch of rows: lengths of its nodes, and where its buffers stand in the file.
#[derive(Default)]
struct Batch {
    rows: usize,
    nodes: Vec<usize>,
    buffers: Vec<(usize, usize)>,
}

/// Why a file is not read.
enum Refused {
    Damaged,
    Said(String),
}

impl From<Outside> for Refused {
    fn from(_: Outside) -> Self {
        Self::Damaged
    }
}

fn size(number: i64) -> Result<usize, Outside> {
    usize::try_from(number).map_err(|_| Outside)
}

impl Table for ArrowFile {
    const FILE: &'static str = "part-0.arrow";

    fn open(path: &Path, budget: &mut Budget) -> Result<Self, EnvError> {
        let bytes = budget.read(path)?;
        let refuse = |refused| EnvError::Data {
            path: path.into(),
            problem: match refused {
                Refused::Damaged => "the file is damaged or cut off; download or copy it again".into(),
                Refused::Said(problem) => problem,
            },
        };
        let (leaves, batches) = parse(&bytes).map_err(refuse)?;
        Ok(Self { path: path.into(), bytes, leaves, batches })
    }

    fn error(&self, problem: String) -> EnvError {
        EnvError::Data { path: self.path.clone(), problem }
    }

    fn names(&self) -> Vec<String> {
        self.leaves.iter().map(|leaf| leaf.name.clone()).collect()
    }

    fn parts(&mut self, key: &str, alone: &str) -> Result<Vec<Part>, EnvError> {
        let mut parts = Vec::new();
        for leaf in &self.leaves {
            let inner = match leaf.name.strip_prefix(key) {
                Some("") => alone,
                Some(rest) if rest.starts_with('/') => &rest[1..],
                _ => continue,
            };
            let listed = self.batches.iter().find(|batch| batch.rows > 0);
            let listed = listed.and_then(|batch| self.span(batch, leaf).ok()).map(|(_, _, width)| width);
            parts.push(leaf.part(inner, listed));
        }
        Ok(parts)
    }

    fn vectors(&mut self, name: &str, budget: &mut Budget) -> Result<Option<(Vec<f32>, usize)>, EnvError> {
        let Some(leaf) = self.leaves.iter().find(|leaf| leaf.name == name) else { return Ok(None) };
        let number = match &leaf.number {
            Ok(number) => *number,
            Err(what) => {
                return Err(self.error(format!("column `{name}` holds {what}; numbers are expected")));
            }
        };
        let (mut values, mut width): (Vec<f32>, Option<usize>) = (Vec::new(), None);
        for batch in self.batches.iter().filter(|batch| batch.rows > 0) {
            let (start, count, wide) = self.span(batch, leaf).map_err(|problem| self.error(problem))?;
            if *width.get_or_insert(wide) != wide || wide == 0 {
                return Err(self.error(uneven(name)));
            }
            budget.take((count as u64).saturating_mul(4)).map_err(|problem| self.error(problem))?;
            let buffer = batch.buffers.get(leaf.buffer).and_then(|(from, to)| self.bytes.get(*from..*to));
            decode(buffer.unwrap_or_default(), number, start, count, &mut values).ok_or_else(|| {
                self.error(format!("column `{name}` is damaged or cut off; copy the file again"))
            })?;
        }
        Ok(Some((values, width.unwrap_or(0))))
    }

    fn is_whole(&self, name: &str) -> bool {
        let leaf = self.leaves.iter().find(|leaf| leaf.name == name);
        leaf.is_some_and(|leaf| !matches!(leaf.number, Ok(Number::Float(_)) | Err(_)))
    }
}

impl ArrowFile {
    /// The first of a column's numbers in a batch, how many there are, and how many a row has.
    fn span(&self, batch: &Batch, leaf: &Leaf) -> Result<(usize, usize, usize), String> {
        let lengths: Option<Vec<usize>> =
            leaf.nodes.iter().map(|node| batch.nodes.get(*node).copied()).collect();
        let damaged = || format!("column `{}` is damaged; download or copy the file again", leaf.name);
        let lengths = lengths.ok_or_else(damaged)?;
        let (inner, outer) = lengths.split_last().ok_or_else(damaged)?;
        if outer.iter().any(|rows| *rows != batch.rows) {
            return Err(damaged());
        }
        let (start, width) = match leaf.row {
            Row::One => (0, 1),
            Row::Fixed(width) => (0, width),
            Row::Listed(offsets) => {
                let buffer = batch.buffers.get(offsets).and_then(|(from, to)| self.bytes.get(*from..*to));
                listed(buffer.unwrap_or_default(), batch.rows).ok_or_else(|| uneven(&leaf.name))?
            }
        };
        let count = batch.rows.checked_mul(width).ok_or_else(damaged)?;
        let end = start.checked_add(count).ok_or_else(damaged)?;
        let fits = if matches!(leaf.row, Row::Listed(_)) { end <= *inner } else { count == *inner };
        if fits { Ok((start, count, width)) } else { Err(damaged()) }
    }
}

fn uneven(name: &str) -> String {
    format!("column `{name}`: not all of its rows hold equally many numbers: leave those rows out")
}

/// The first of the numbers in lists of one length, and this length, as their offsets say.
fn listed(offsets: &[u8], rows: usize) -> Option<(usize, usize)> {
    let at = |row: usize| -> Option<usize> { size(int(offsets, row.checked_mul(4)?).ok()?.into()).ok() };
    let (start, width) = (at(0)?, at(1)?.checked_sub(at(0)?)?);
    let even = (1..=rows).all(|row| row.checked_mul(width).and_then(|n| n.checked_add(start)) == at(row));
    even.then_some((start, width))
}

/// The description at the end, and the batches that it lists.
fn parse(bytes: &[u8]) -> Result<(Vec<Leaf>, Vec<Batch>), Refused> {
    let not_arrow = || Refused::Said("this is not an Arrow file, or it is cut off: copy it again".into());
    let body = bytes.strip_suffix(MAGIC).filter(|_| bytes.starts_with(MAGIC)).ok_or_else(not_arrow)?;
    let length = body.len().checked_sub(4).ok_or(Outside)?;
    let footer = length.checked_sub(size(int(body, length)?.into())?).ok_or(Outside)?;
    let footer = Fields::root(body.get(footer..length).ok_or(Outside)?)?;
    let schema = footer.table(1)?.ok_or(Outside)?;
    if schema.short(0)? != 0 {
        return Err(Refused::Said("its numbers are big-endian: write it on another machine".into()));
    }
    let leaves = leaves(schema)?;
    let blocks = footer.vector(3, BLOCK)?;
    let (mut batches, mut left) = (Vec::new(), bytes.len());
    for index in 0..blocks.len {
        let offset = size(blocks.long(index, BLOCK, 0)?)?;
        let length = size(blocks.long(index, BLOCK, 16)?)?;
        // Each stands once in the file.
        let (found, end) = batch(bytes, offset, length)?;
        let message =
            end.checked_sub(offset).and_then(|message| message.checked_add(length)).ok_or(Outside)?;
        left = left.checked_sub(message).ok_or(Outside)?;
        batches.push(found);
    }
    Ok((leaves, batches))
}

/// One batch, whose message stands at an offset and is followed by so many bytes; with where the message ends.
fn batch(bytes: &[u8], offset: usize, length: usize) -> Result<(Batch, usize), Refused> {
    let before = if int(bytes, offset)? == CONTINUED { 4 } else { 0 };
    let begin = offset.checked_add(before + 4).ok_or(Outside)?;
    let end = begin.checked_add(size(int(bytes, begin - 4)?.into())?).ok_or(Outside)?;
    let message = Fields::root(bytes.get(begin..end).ok_or(Outside)?)?;
    let header = message.table(2)?.ok_or(Outside)?;
    if message.byte(1)? != RECORD_BATCH || size(message.long(3)?)? != length {
        return Err(Refused::Damaged);
    }
    if header.table(3)?.is_some() {
        return Err(Refused::Said(
            "its batches are compressed: write it with pyarrow's defaults, as Minari does".into(),
        ));
    }
    let rows = size(header.long(0)?)?;
    let nodes = header.vector(1, PAIR)?;
    let mut found = Batch { rows, ..Batch::default() };
    for index in 0..nodes.len {
        if nodes.long(index, PAIR, 8)? != 0 {
            return Err(Refused::Said("some of its values are missing: leave those rows out".into()));
        }
        found.nodes.push(size(nodes.long(index, PAIR, 0)?)?);
    }
    let buffers = header.vector(2, PAIR)?;
    let mut left = length;
    for index in 0..buffers.len {
        let (from, len) = (size(buffers.long(index, PAIR, 0)?)?, size(buffers.long(index, PAIR, 8)?)?);
        // No two of them share bytes, and all lie in the batch and in the file.
        left = left.checked_sub(len).ok_or(Outside)?;
        let until = from.checked_add(len).filter(|until| *until <= length).ok_or(Outside)?;
        let place = |at: usize| end.checked_add(at).filter(|at| *at <= bytes.len()).ok_or(Outside);
        found.buffers.push((place(from)?, place(until)?));
    }
    Ok((found, end))
}

/// Adds `count` numbers from the `start`th on; `None` where the buffer has not so many.
fn decode(buffer: &[u8], number: Number, start: usize, count: usize, into: &mut Vec<f32>) -> Option<()> {
    if number == Number::Flag {
        let bit = |at: usize| buffer.get(at / 8).map(|byte| f32::from((byte >> (at % 8)) & 1));
        bit((start + count).checked_sub(1)?)?;
        into.extend((start..start + count).filter_map(bit));
        return Some(());
    }
    let (Number::Float(bytes) | Number::Signed(bytes) | Number::Unsigned(bytes)) = number else {
        return None;
    };
    let bytes = usize::from(bytes);
    let values = buffer.get(start.checked_mul(bytes)?..start.checked_add(count)?.checked_mul(bytes)?)?;
    let whole = |value: &[u8]| {
        // As many bytes as a long has, of which those above are of the sign.
        let fill = if matches!(number, Number::Signed(_)) && value.last().is_some_and(|high| *high > 127) {
            255
        } else {
            0
        };
        let mut long = [fill; 8];
        long.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        long
    };
    match number {
        Number::Float(4) => {
            into.extend(values.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)));
        }
        Number::Float(_) => {
            into.extend(values.as_chunks::<8>().0.iter().map(|value| f64::from_le_bytes(*value) as f32));
        }
        Number::Signed(_) => {
            into.extend(values.chunks_exact(bytes).map(|v| i64::from_le_bytes(whole(v)) as f32))
        }
        _ => into.extend(values.chunks_exact(bytes).map(|v| u64::from_le_bytes(whole(v)) as f32)),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind_are_decoded() {
        let mut found = Vec::new();
        for (number, bytes) in [
            (Number::Float(4), 1.5_f32.to_le_bytes().to_vec()),
            (Number::Float(8), (-2.25_f64).to_le_bytes().to_vec()),
            (Number::Signed(2), (-3_i16).to_le_bytes().to_vec()),
            (Number::Unsigned(1), vec![200]),
            (Number::Signed(8), (-70_000_i64).to_le_bytes().to_vec()),
        ] {
            decode(&bytes, number, 0, 1, &mut found).unwrap();
            assert!(
                decode(&bytes, number, 1, 1, &mut found).is_none()
                    && decode(&bytes, number, 0, 2, &mut found).is_none()
            );
        }
        decode(&[0b0000_0110], Number::Flag, 1, 3, &mut found).unwrap();
        assert_eq!(found, [1.5, -2.25, -3.0, 200.0, -70_000.0, 1.0, 1.0, 0.0]);
        assert!(decode(&[1], Number::Flag, 7, 2, &mut found).is_none());
    }

    #[test]
    fn lists_of_one_length_have_offsets_in_steps() {
        let offsets = |all: &[i32]| all.iter().flat_map(|at| at.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(listed(&offsets(&[2, 5, 8]), 2), Some((2, 3)));
        for bad in [&[0, 3, 5][..], &[0, 3], &[-1, 2, 5], &[3, 0, 3], &[]] {
            assert_eq!(listed(&offsets(bad), 2), None, "{bad:?}");
        }
    }
}
