//! `std_msgs/msg/Float64MultiArray` in ROS 2's encoding: what observations, commands and goals are.
//!
//! ```text
//! MultiArrayLayout layout { MultiArrayDimension[] dim { string label; uint32 size; uint32 stride }; uint32 data_offset }
//! float64[] data
//! ```
//! Whoever reaches the endpoint can send anything, so nothing is believed that the bytes themselves do not bear out.

use thiserror::Error;

use super::cdr::{CdrReader, CdrWriter};

/// Longest message that is read, bytes: a hundred thousand numbers, where observations have tens.
pub const LONGEST_MESSAGE: usize = 1 << 20;
/// Most dimensions that are read; nobody has more than a few.
const MOST_DIMENSIONS: usize = 32;
/// Longest label that is read, bytes, its NUL included.
const LONGEST_LABEL: usize = 256;
/// Bytes of a dimension at least: an empty label's length and NUL, padding, size and stride.
const SMALLEST_DIMENSION: usize = 16;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Longer than any that is read.
    #[error("{bytes} bytes are more than the {LONGEST_MESSAGE} that are read")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// The bytes end too early.
    #[error("the message ends at byte {at}, in the middle of {what}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// How many bytes there are.
        at: usize,
    },
    /// Bytes are left over.
    #[error("{bytes} bytes follow the end of the message")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Not plain CDR.
    #[error("representation {id:#06x} is not read here: send plain CDR (0x0000 or 0x0001)")]
    Representation {
        /// The two first bytes.
        id: u16,
    },
    /// More entries than are read, or than the bytes could hold.
    #[error("{what} is said to have {count} entries, of which {most} are possible here")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are said to be there.
        count: u64,
        /// How many may be.
        most: usize,
    },
    /// A string that is none.
    #[error("a label is not a string of UTF-8 that ends with a NUL")]
    Label,
    /// The layout leaves out more than there is.
    #[error("the layout leaves out the first {offset} of {count} numbers")]
    Offset {
        /// `layout.data_offset`.
        offset: u32,
        /// Numbers that there are.
        count: usize,
    },
}

/// One dimension of a layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// What it is called.
    pub label: String,
    /// Entries along it.
    pub size: u32,
    /// Entries from it inwards.
    pub stride: u32,
}

/// `std_msgs/msg/Float64MultiArray`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Float64MultiArray {
    /// `layout.dim`.
    pub dimensions: Vec<Dimension>,
    /// `layout.data_offset`.
    pub data_offset: u32,
    /// `data`.
    pub data: Vec<f64>,
}

impl Float64MultiArray {
    /// Numbers without a layout, as most publishers send them.
    pub fn flat(data: &[f64]) -> Self {
        Self { data: data.to_vec(), ..Self::default() }
    }

    /// As bytes: plain CDR, little-endian, encapsulation header included.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = CdrWriter::new(self.data.len() * 8);
        to.length(self.dimensions.len());
        for Dimension { label, size, stride } in &self.dimensions {
            to.string(label);
            to.u32(*size);
            to.u32(*stride);
        }
        to.u32(self.data_offset);
        to.length(self.data.len());
        self.data.iter().for_each(|&number| to.f64(number));
        to.finish()
    }

    /// From bytes, in either byte order. No more memory is taken than a few times the bytes that are there.
    ///
    /// # Errors
    /// [`MessageError`]: bytes that are not exactly one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > LONGEST_MESSAGE {
            return Err(MessageError::TooLong { bytes: bytes.len() });
        }
        let mut from = CdrReader::new(bytes)?;
        let count = from.length("layout.dim", SMALLEST_DIMENSION, MOST_DIMENSIONS)?;
        let mut dimensions = Vec::with_capacity(count);
        for _ in 0..count {
            let label = from.string("layout.dim.label", LONGEST_LABEL)?;
            let (size, stride) = (from.u32("layout.dim.size")?, from.u32("layout.dim.stride")?);
            dimensions.push(Dimension { label, size, stride });
        }
        let data_offset = from.u32("layout.data_offset")?;
        let count = from.length("data", 8, LONGEST_MESSAGE / 8)?;
        let mut data = Vec::with_capacity(count);
        for _ in 0..count {
            data.push(from.f64("data")?);
        }
        from.end()?;
        Ok(Self { dimensions, data_offset, data })
    }

    /// The numbers, without those that the layout says to leave out. Its dimensions are not asked: here numbers are a vector.
    ///
    /// # Errors
    /// [`MessageError::Offset`].
    pub fn numbers(&self) -> Result<&[f64], MessageError> {
        let offset = usize::try_from(self.data_offset).unwrap_or(usize::MAX);
        let beyond = MessageError::Offset { offset: self.data_offset, count: self.data.len() };
        self.data.get(offset..).ok_or(beyond)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> Vec<u8> {
        let dimensions = vec![Dimension { label: "row".into(), size: 3, stride: 3 }];
        Float64MultiArray { dimensions, data_offset: 0, data: vec![1.0, -2.5, 1e300] }.encode()
    }

    #[test]
    fn any_part_of_a_message_is_refused_and_so_is_more_than_one() {
        let whole = small();
        assert!(Float64MultiArray::decode(&whole).is_ok());
        for end in 0..whole.len() {
            let error = Float64MultiArray::decode(&whole[..end]).unwrap_err();
            let counted = matches!(error, MessageError::Truncated { .. } | MessageError::TooMany { .. });
            assert!(counted, "{end}: {error}");
        }
        let more = [whole.as_slice(), &[0]].concat();
        assert_eq!(Float64MultiArray::decode(&more), Err(MessageError::Trailing { bytes: 1 }));
        let long = vec![0; LONGEST_MESSAGE + 1];
        assert_eq!(Float64MultiArray::decode(&long), Err(MessageError::TooLong { bytes: long.len() }));
    }

    #[test]
    fn what_is_said_of_sizes_is_held_against_the_bytes() {
        let refused = |at: usize, bytes: [u8; 4]| {
            let mut message = Float64MultiArray::flat(&[1.0]).encode();
            message[at..at + 4].copy_from_slice(&bytes);
            Float64MultiArray::decode(&message).unwrap_err()
        };
        assert!(matches!(refused(4, [255; 4]), MessageError::TooMany { what: "layout.dim", .. }));
        assert!(matches!(
            refused(12, [255; 4]),
            MessageError::TooMany { what: "data", count: 4_294_967_295, most: 1 }
        ));
        assert!(matches!(refused(12, [2, 0, 0, 0]), MessageError::TooMany { what: "data", .. }));
        assert_eq!(refused(0, [0, 7, 0, 0]), MessageError::Representation { id: 7 });
        let mut label = small();
        let nul = label.iter().position(|&byte| byte == b'w').unwrap() + 1;
        label[nul] = b'x';
        assert_eq!(Float64MultiArray::decode(&label), Err(MessageError::Label));
    }

    #[test]
    fn numbers_that_the_layout_leaves_out_are_left_out() {
        let with = |data_offset| Float64MultiArray { data_offset, ..Float64MultiArray::flat(&[1.0, 2.0]) };
        assert_eq!(with(1).numbers(), Ok(&[2.0][..]));
        assert_eq!(with(2).numbers(), Ok(&[][..]));
        assert_eq!(with(3).numbers(), Err(MessageError::Offset { offset: 3, count: 2 }));
    }

    fn message() -> impl Strategy<Value = Float64MultiArray> {
        let dimension = ("[a-z ü]{0,20}", any::<u32>(), any::<u32>());
        let dimension = dimension.prop_map(|(label, size, stride)| Dimension { label, size, stride });
        let data = prop::collection::vec(prop::num::f64::ANY, 0..40);
        (prop::collection::vec(dimension, 0..4), any::<u32>(), data)
            .prop_map(|(dimensions, data_offset, data)| Float64MultiArray { dimensions, data_offset, data })
    }

    /// As bits, because a NaN is no number's equal.
    fn bits(message: &Float64MultiArray) -> Vec<u64> {
        message.data.iter().map(|number| number.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message in message()) {
            let read = Float64MultiArray::decode(&message.encode()).unwrap();
            prop_assert_eq!(&read.dimensions, &message.dimensions);
            prop_assert_eq!((read.data_offset, bits(&read)), (message.data_offset, bits(&message)));
        }

        #[test]
        fn mutated_bytes_are_read_as_a_message_or_refused(
            message in message(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
            shorter in any::<bool>(),
        ) {
            let mut bytes = message.encode();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if shorter {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(read) = Float64MultiArray::decode(&bytes) {
                // What was taken for a message is one: in words of its own it is as long.
                prop_assert_eq!(read.encode().len(), bytes.len());
            }
        }

        #[test]
        fn any_bytes_are_read_as_a_message_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(read) = Float64MultiArray::decode(&bytes) {
                prop_assert_eq!(read.encode().len(), bytes.len());
            }
        }
    }
}
