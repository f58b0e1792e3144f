//! Pickles, read without running anything.
//!
//! A pickle is a program for a stack machine, and Python's runs whatever functions it names. This one knows the few that
//! build PyTorch's tensors; the result of any other is [`Value::Other`], which nobody looks at. Values lie in one list and
//! name each other by their place in it: nothing is copied, nothing nests, and memory grows with the bytes of the pickle.

use super::machine::Machine;

/// Place of a value.
pub(super) type Id = u32;

/// What a pickle holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Anything that no weights are made of.
    Other,
    Int(i64),
    Text(String),
    /// Module and name of a class or function.
    Global(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Map(Vec<(Id, Id)>),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
}

/// Numbers in a file of their own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    /// PyTorch's name of their type, for example `torch.FloatStorage`.
    pub kind: String,
    /// The file's name.
    pub key: String,
}

/// A view of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub stride: Vec<usize>,
}

/// All values, and which one the pickle is.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads a pickle of protocol 2 or later.
    ///
    /// # Errors
    /// What is wrong with it, and at which byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (values, root) = Machine::over(bytes).run()?;
        Ok(Self { values, root })
    }

    /// The value that the pickle is.
    pub fn root(&self) -> &Value {
        self.get(self.root)
    }

    /// A value.
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Other)
    }

    /// Entry of a map by its name.
    pub fn entry<'a>(&'a self, map: &'a Value, name: &str) -> Option<&'a Value> {
        self.entries(map).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The entries of a map that have names.
    pub fn entries<'a>(&'a self, map: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let pairs = if let Value::Map(pairs) = map { pairs.as_slice() } else { &[] };
        pairs.iter().filter_map(|(key, value)| match self.get(*key) {
            Value::Text(name) => Some((name.as_str(), self.get(*value))),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_run_and_what_is_unknown_is_nothing() {
        // os.system("x") in a list, by protocol 2.
        let pickle = Pickle::parse(b"\x80\x02]cos\nsystem\nX\x01\0\0\0x\x85Ra.").unwrap();
        let Value::Sequence(items) = pickle.root() else { panic!("{pickle:?}") };
        assert_eq!(items.iter().map(|item| pickle.get(*item)).collect::<Vec<_>>(), [&Value::Other]);
    }

    /// A value within a value within a value, and a list that holds itself: nothing here goes down into them.
    #[test]
    fn depth_costs_nothing() {
        let mut bytes = b"\x80\x02]q\0h\0a".to_vec();
        bytes.extend([0x85; 1_000_000]);
        bytes.push(b'.');
        assert!(matches!(Pickle::parse(&bytes).unwrap().root(), Value::Sequence(items) if items.len() == 1));
    }

    /// A text, a tuple's sizes or a name that are copied again and again by instructions of a few bytes.
    #[test]
    fn what_is_large_is_not_copied_by_small_instructions() {
        let long = |letters: usize| {
            let mut text = b"X".to_vec();
            text.extend((letters as u32).to_le_bytes());
            text.extend(vec![b'a'; letters]);
            text
        };
        let mut storage = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
        storage.extend(long(1000));
        storage.extend(b"tQ.");
        let message = Pickle::parse(&storage).unwrap_err();
        assert!(message.contains("a name that PyTorch never gives"), "{message}");
        let mut name = b"\x80\x04".to_vec();
        name.extend(long(1000));
        name.extend(long(3));
        name.extend(b"\x93.");
        assert_eq!(*Pickle::parse(&name).unwrap().root(), Value::Global(String::new()));
        let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000tQ";
        let mut tensor = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
        tensor.extend(storage);
        tensor.extend(b"K\0(");
        tensor.extend(b"K\x01".repeat(17));
        tensor.extend(b"t)tR.");
        let message = Pickle::parse(&tensor).unwrap_err();
        assert!(message.contains("17 axes"), "{message}");
    }

    #[test]
    fn pickles_that_end_early_or_take_what_is_not_there_are_refused_by_the_byte() {
        for bytes in
            [&b""[..], b"\x80", b"\x80\x02R.", b"X\xff\xff\xff\x7fabc.", b"h\x07.", b"t.", b"\xfe.", b"}s."]
        {
            let message = Pickle::parse(bytes).unwrap_err();
            assert!(message.contains("at byte"), "{message}");
        }
    }
}
