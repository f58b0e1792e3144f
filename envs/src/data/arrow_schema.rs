//! The columns of an Arrow file, and where the numbers of each stand among the buffers of its batches.
//!
//! Source: Apache Arrow's `Schema.fbs`, and "Arrow Columnar Format", "Serialization and Interprocess Communication": a node
//! for each field, depth first, and as many buffers as its type has.

use super::flatbuffer::{Fields, Outside};
use super::parts::Part;

/// Fields within fields that are followed, and fields in all: more are no data set.
const DEEPEST: usize = 8;
const MOST_FIELDS: usize = 4096;

/// What a field may be, by the numbers of the union `Type`.
mod kind {
    pub(super) const NULL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const BINARY: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    pub(super) const BOOL: u8 = 6;
    pub(super) const LIST: u8 = 12;
    pub(super) const STRUCT: u8 = 13;
    pub(super) const FIXED_LIST: u8 = 16;
    pub(super) const LARGE_BINARY: u8 = 19;
    pub(super) const LARGE_TEXT: u8 = 20;
    /// Decimals, dates, times, durations and bytes of one length: validity and values.
    pub(super) const PLAIN: [u8; 7] = [7, 8, 9, 10, 11, 15, 18];
}

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Float(u8),
    Signed(u8),
    Unsigned(u8),
    Flag,
}

/// How many numbers a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    One,
    Fixed(usize),
    /// As many as the offsets in this buffer say.
    Listed(usize),
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    /// Names of the fields around it and its own, joined by slashes.
    pub name: String,
    /// Its numbers, or what it holds instead.
    pub number: Result<Number, String>,
    pub row: Row,
    /// Nodes from the outermost field to that of the numbers.
    pub nodes: Vec<usize>,
    /// The buffer of its numbers.
    pub buffer: usize,
}

impl Leaf {
    /// As a part of an observation. How long lists are is not known before a batch.
    pub fn part(&self, key: &str, listed: Option<usize>) -> Part {
        match (&self.number, self.row) {
            (Err(what), _) => Part::other(key.into(), what.clone()),
            (Ok(_), Row::One) => Part::vector(key.into(), 1),
            (Ok(_), Row::Fixed(width)) if width > 0 => Part::vector(key.into(), width),
            (Ok(_), Row::Listed(_)) if listed.is_some_and(|width| width > 0) => {
                Part::vector(key.into(), listed.unwrap_or(1))
            }
            _ => Part::other(key.into(), "empty lists".into()),
        }
    }
}

/// The columns of a schema, in order, up to the first whose buffers are of another kind than is known here.
pub(super) fn leaves(schema: Fields<'_>) -> Result<Vec<Leaf>, Outside> {
    let mut walk = Walk { leaves: Vec::new(), nodes: 0, buffers: 0 };
    let fields = schema.vector(1, 4)?;
    for index in 0..fields.len {
        if !walk.field(fields.table(index)?, "", &[], DEEPEST)? {
            break;
        }
    }
    Ok(walk.leaves)
}

struct Walk {
    leaves: Vec<Leaf>,
    nodes: usize,
    buffers: usize,
}

impl Walk {
    /// Adds the columns within a field; false where what follows cannot be found.
    fn field(
        &mut self,
        field: Fields<'_>,
        before: &str,
        around: &[usize],
        depth: usize,
    ) -> Result<bool, Outside> {
        let name = format!("{before}{}", field.text(0)?);
        let children = field.vector(5, 4)?;
        let (kind, nodes) = (field.byte(2)?, [around, &[self.nodes]].concat());
        let Some(depth) = depth.checked_sub(1).filter(|_| self.nodes < MOST_FIELDS) else { return Ok(false) };
        self.nodes += 1;
        let first = self.buffers;
        if field.table(4)?.is_some() {
            self.buffers += 2;
            return Ok(self.other(name, "words of a dictionary", nodes));
        }
        match kind {
            kind::INT | kind::FLOAT | kind::BOOL => {
                self.buffers += 2;
                let number = number(field)?;
                self.leaves.push(Leaf { name, number, row: Row::One, nodes, buffer: first + 1 });
                Ok(true)
            }
            kind::STRUCT => {
                self.buffers += 1;
                for index in 0..children.len {
                    if !self.field(children.table(index)?, &format!("{name}/"), &nodes, depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            kind::FIXED_LIST | kind::LIST if children.len == 1 => {
                let fixed = kind == kind::FIXED_LIST;
                self.buffers += if fixed { 1 } else { 2 };
                let width = field.table(3)?.map_or(Ok(0), |list| list.int(0))?;
                let row = match fixed {
                    true => Row::Fixed(usize::try_from(width).map_err(|_| Outside)?),
                    false => Row::Listed(first + 1),
                };
                self.list(children.table(0)?, name, row, &nodes, depth)
            }
            kind::NULL => Ok(self.other(name, "nothing", nodes)),
            kind::BINARY | kind::TEXT | kind::LARGE_BINARY | kind::LARGE_TEXT => {
                self.buffers += 3;
                Ok(self.other(name, "text or bytes", nodes))
            }
            plain if kind::PLAIN.contains(&plain) => {
                self.buffers += 2;
                Ok(self.other(name, "no plain numbers", nodes))
            }
            _ => Ok(false),
        }
    }

    /// Adds a list of what stands in a field: of numbers, or of something else.
    fn list(
        &mut self,
        inner: Fields<'_>,
        name: String,
        row: Row,
        nodes: &[usize],
        depth: usize,
    ) -> Result<bool, Outside> {
        let before = self.leaves.len();
        if !self.field(inner, "", nodes, depth)? {
            return Ok(false);
        }
        let inside: Vec<Leaf> = self.leaves.drain(before..).collect();
        let leaf = match inside.as_slice() {
            [leaf] if leaf.row == Row::One && leaf.nodes.len() == nodes.len() + 1 => {
                Leaf { name, row, ..leaf.clone() }
            }
            _ => Leaf {
                name,
                number: Err("lists of other things than numbers".into()),
                row: Row::One,
                nodes: nodes.to_vec(),
                buffer: 0,
            },
        };
        self.leaves.push(leaf);
        Ok(true)
    }

    fn other(&mut self, name: String, what: &str, nodes: Vec<usize>) -> bool {
        self.leaves.push(Leaf { name, number: Err(what.into()), row: Row::One, nodes, buffer: 0 });
        true
    }
}

/// The kind of number that a field holds.
fn number(field: Fields<'_>) -> Result<Result<Number, String>, Outside> {
    let kind = field.byte(2)?;
    if kind == kind::BOOL {
        return Ok(Ok(Number::Flag));
    }
    let described = field.table(3)?.ok_or(Outside)?;
    if kind == kind::FLOAT {
        return Ok(match described.short(0)? {
            1 => Ok(Number::Float(4)),
            2 => Ok(Number::Float(8)),
            _ => Err("numbers of half precision".into()),
        });
    }
    let (bits, signed) = (described.int(0)?, described.byte(1)? != 0);
    Ok(match u8::try_from(bits / 8) {
        Ok(bytes @ (1 | 2 | 4 | 8)) if signed => Ok(Number::Signed(bytes)),
        Ok(bytes @ (1 | 2 | 4 | 8)) => Ok(Number::Unsigned(bytes)),
        _ => Err(format!("whole numbers of {bits} bits")),
    })
}
