//! The stack machine of pickles: instructions of protocols 2 to 5, without those that would run anything.

use std::collections::HashMap;

use super::pickle::{Id, Storage, Tensor, Value};

/// Bytes of a name at most, and axes of a tensor: a few bytes of a file can ask for a copy of either.
const MOST_NAME: usize = 256;
const MOST_AXES: usize = 16;

/// A pickle while it is read.
#[derive(Default)]
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    pub fn over(bytes: &'a [u8]) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// All values, and which of them the pickle is.
    ///
    /// # Errors
    /// As [`super::pickle::Pickle::parse`].
    pub fn run(mut self) -> Result<(Vec<Value>, Id), String> {
        match self.follow() {
            Ok(root) => Ok((self.values, root)),
            Err(problem) => Err(format!("{problem} at byte {} of its pickle", self.at)),
        }
    }

    /// Follows the instructions to the last.
    fn follow(&mut self) -> Result<Id, String> {
        loop {
            let opcode = self.take(1)?[0];
            match opcode {
                b'.' => return self.pop(),
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_mark()?),
                b'2' => self.stack.push(self.top()?),
                b'N' | 0x88 | 0x89 => self.push(Value::Other),
                b'K' | b'M' | b'J' => {
                    let value = self.number(match opcode {
                        b'K' => 1,
                        b'M' => 2,
                        _ => 4,
                    })?;
                    let value = if opcode == b'J' { i64::from(value as u32 as i32) } else { value as i64 };
                    self.push(Value::Int(value));
                }
                0x8a => {
                    let len = self.number(1)?;
                    let bytes = self.take(len)?;
                    // Nothing that tensors are made of takes more than eight bytes, or is below zero.
                    let value = match bytes.len() {
                        0..8 => {
                            Value::Int(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
                        }
                        _ => Value::Other,
                    };
                    self.push(value);
                }
                b'G' => self.skip(8)?,
                0x8b | b'B' | b'T' => self.skip_counted(4)?,
                b'C' | b'U' => self.skip_counted(1)?,
                0x8e | 0x96 => self.skip_counted(8)?,
                b'X' => self.text(4)?,
                0x8c => self.text(1)?,
                0x8d => self.text(8)?,
                b']' | b')' => self.push(Value::Sequence(Vec::new())),
                b'}' => self.push(Value::Map(Vec::new())),
                0x8f => self.push(Value::Other),
                b't' | b'l' => {
                    let items = self.pop_mark()?;
                    self.push(Value::Sequence(items));
                }
                0x85..=0x87 => {
                    let from = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                    let items = self.stack.split_off(from.ok_or_else(empty)?);
                    self.push(Value::Sequence(items));
                }
                b'd' => {
                    let items = self.pop_mark()?;
                    self.push(Value::Map(pairs(&items)));
                }
                0x91 => {
                    self.pop_mark()?;
                    self.push(Value::Other);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_mark()?;
                    self.append(&items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.append(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.append(&items)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Global(format!("{module} {name}")));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let name = match (self.get(module), self.get(name)) {
                        (Value::Text(module), Value::Text(name))
                            if module.len().max(name.len()) <= MOST_NAME =>
                        {
                            format!("{module} {name}")
                        }
                        _ => String::new(),
                    };
                    self.push(Value::Global(name));
                }
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    let made = self.call(function, arguments)?;
                    self.stack.push(made);
                }
                0x81 | 0x92 => {
                    // A class, its arguments, and with the second instruction those that have names.
                    for _ in 0..if opcode == 0x81 { 2 } else { 3 } {
                        self.pop()?;
                    }
                    self.push(Value::Other);
                }
                // What an object's attributes are is nobody's business here.
                b'b' => drop(self.pop()?),
                b'q' => self.keep(1)?,
                b'r' => self.keep(4)?,
                0x94 => {
                    let top = self.top()?;
                    self.memo.insert(self.memo.len() as u32, top);
                }
                b'h' => self.recall(1)?,
                b'j' => self.recall(4)?,
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Value::Storage(Box::new(storage)));
                }
                other => return Err(format!("instruction 0x{other:02x} is not one that PyTorch writes")),
            }
        }
    }

    /// The result of a function that is known to build data.
    fn call(&mut self, function: Id, arguments: Id) -> Result<Id, String> {
        let name = if let Value::Global(name) = self.get(function) { name.as_str() } else { "" };
        let items = if let Value::Sequence(items) = self.get(arguments) { items.as_slice() } else { &[] };
        let made = match (name, items) {
            ("torch._utils _rebuild_parameter", [data, ..]) => return Ok(*data),
            ("torch._utils _rebuild_tensor_v2", [storage, offset, shape, stride, ..]) => {
                let Value::Storage(storage) = self.get(*storage) else {
                    return Err("a tensor has no storage".into());
                };
                Value::Tensor(Box::new(Tensor {
                    storage: (**storage).clone(),
                    offset: self.count(*offset)?,
                    shape: self.counts(*shape)?,
                    stride: self.counts(*stride)?,
                }))
            }
            ("collections OrderedDict", []) => Value::Map(Vec::new()),
            _ => Value::Other,
        };
        self.push(made);
        self.pop()
    }

    /// What a persistent id stands for: `('storage', class, key, device, numbers)`.
    fn storage(&self, id: Id) -> Result<Storage, String> {
        if let Value::Sequence(items) = self.get(id)
            && let [_, kind, key, ..] = items.as_slice()
            && let (Value::Global(kind), Value::Text(key)) = (self.get(*kind), self.get(*key))
        {
            // Each use of it copies them.
            if kind.len() > MOST_NAME || key.len() > MOST_NAME {
                return Err("a storage has a name that PyTorch never gives".into());
            }
            return Ok(Storage { kind: kind.clone(), key: key.clone() });
        }
        Err("a storage is described as PyTorch does not describe it".into())
    }

    fn count(&self, id: Id) -> Result<usize, String> {
        match self.get(id) {
            Value::Int(value) => usize::try_from(*value).map_err(|_| format!("a tensor's size is {value}")),
            _ => Err("a tensor's size is no number".into()),
        }
    }

    fn counts(&self, id: Id) -> Result<Vec<usize>, String> {
        match self.get(id) {
            Value::Sequence(items) if items.len() <= MOST_AXES => {
                items.iter().map(|item| self.count(*item)).collect()
            }
            Value::Sequence(items) => Err(format!("a tensor has {} axes", items.len())),
            _ => Err("a tensor's shape is no tuple".into()),
        }
    }

    /// Adds items to the list or map on top of the stack; what is done to anything else changes nothing here.
    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let top = self.top()?;
        match self.values.get_mut(top as usize) {
            Some(Value::Sequence(list)) => list.extend_from_slice(items),
            Some(Value::Map(map)) => map.extend(pairs(items)),
            _ => {}
        }
        Ok(())
    }

    fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Other)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.stack.pop().ok_or_else(empty)
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(empty)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let from = self.marks.pop().filter(|from| *from <= self.stack.len()).ok_or_else(empty)?;
        Ok(self.stack.split_off(from))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let bytes =
            self.bytes.get(self.at..).and_then(|rest| rest.get(..count)).ok_or("it ends too early")?;
        self.at += count;
        Ok(bytes)
    }

    /// A little-endian number without a sign.
    fn number(&mut self, width: usize) -> Result<usize, String> {
        let value = self.take(width)?.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(value).map_err(|error| error.to_string())
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        self.take(count)?;
        self.push(Value::Other);
        Ok(())
    }

    fn skip_counted(&mut self, width: usize) -> Result<(), String> {
        let count = self.number(width)?;
        self.skip(count)
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let count = self.number(width)?;
        let text = String::from_utf8_lossy(self.take(count)?).into_owned();
        self.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or("it ends too early")?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn keep(&mut self, width: usize) -> Result<(), String> {
        let (name, top) = (self.number(width)? as u32, self.top()?);
        self.memo.insert(name, top);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let name = self.number(width)? as u32;
        let id = self.memo.get(&name).copied().ok_or("it asks for what it did not keep")?;
        self.stack.push(id);
        Ok(())
    }
}

fn empty() -> String {
    "it takes more from its stack than is there".into()
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)).collect()
}
