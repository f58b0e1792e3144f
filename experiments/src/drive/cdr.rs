//! Plain CDR (OMG's Common Data Representation, XCDR version 1), as far as the messages here need it.
//!
//! Four bytes say how the rest is written: two for the representation, of which 0 is big-endian and 1 little-endian, and two
//! for options that mean nothing here. Numbers stand at multiples of their size, counted from after those four bytes.

use super::message::MessageError;

/// Bytes in front of a message.
const HEADER: usize = 4;
/// Representations: plain CDR in either byte order.
const BIG_ENDIAN: u16 = 0;
const LITTLE_ENDIAN: u16 = 1;

/// Reads a message, byte by byte, and never beyond its end.
#[derive(Debug)]
pub(super) struct CdrReader<'a> {
    body: &'a [u8],
    at: usize,
    little_endian: bool,
}

impl<'a> CdrReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let cut = MessageError::Truncated { what: "the encapsulation header", at: bytes.len() };
        let (&[high, low, _, _], body) = bytes.split_first_chunk::<HEADER>().ok_or(cut)?;
        let little_endian = match u16::from_be_bytes([high, low]) {
            BIG_ENDIAN => false,
            LITTLE_ENDIAN => true,
            id => return Err(MessageError::Representation { id }),
        };
        Ok(Self { body, at: 0, little_endian })
    }

    /// The next `N` bytes, after the padding in front of them.
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], MessageError> {
        let begin = self.at.next_multiple_of(N);
        let rest = self.body.get(begin..).unwrap_or_default();
        let &bytes = rest.first_chunk::<N>().ok_or_else(|| self.cut(what))?;
        self.at = begin + N;
        Ok(bytes)
    }

    fn cut(&self, what: &'static str) -> MessageError {
        MessageError::Truncated { what, at: self.body.len() + HEADER }
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, MessageError> {
        let bytes = self.take(what)?;
        Ok(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    pub fn f64(&mut self, what: &'static str) -> Result<f64, MessageError> {
        let bytes = self.take(what)?;
        Ok(if self.little_endian { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    /// How many entries follow, of `smallest` bytes at least each: no more than there are bytes for, so that nobody takes
    /// memory by saying a number.
    pub fn length(
        &mut self,
        what: &'static str,
        smallest: usize,
        most: usize,
    ) -> Result<usize, MessageError> {
        let count = self.u32(what)?;
        let most = most.min((self.body.len() - self.at) / smallest);
        let fits = usize::try_from(count).ok().filter(|&count| count <= most);
        fits.ok_or(MessageError::TooMany { what, count: u64::from(count), most })
    }

    /// Text with its NUL, of `longest` bytes at most.
    pub fn string(&mut self, what: &'static str, longest: usize) -> Result<String, MessageError> {
        let length = self.length(what, 1, longest)?;
        let bytes = self.body.get(self.at..self.at + length).ok_or_else(|| self.cut(what))?;
        self.at += length;
        let (&nul, text) = bytes.split_last().ok_or(MessageError::Label)?;
        match std::str::from_utf8(text) {
            Ok(text) if nul == 0 => Ok(text.to_owned()),
            _ => Err(MessageError::Label),
        }
    }

    /// Refuses what is left over.
    pub fn end(self) -> Result<(), MessageError> {
        match self.body.len() - self.at {
            0 => Ok(()),
            bytes => Err(MessageError::Trailing { bytes }),
        }
    }
}

/// Writes a message, little-endian.
#[derive(Debug)]
pub(super) struct CdrWriter {
    bytes: Vec<u8>,
}

impl CdrWriter {
    /// `room`: bytes to expect.
    pub fn new(room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room + 32);
        bytes.extend_from_slice(&[0, 1, 0, 0]);
        Self { bytes }
    }

    fn put<const N: usize>(&mut self, number: [u8; N]) {
        let begin = (self.bytes.len() - HEADER).next_multiple_of(N) + HEADER;
        self.bytes.resize(begin, 0);
        self.bytes.extend_from_slice(&number);
    }

    pub fn u32(&mut self, number: u32) {
        self.put(number.to_le_bytes());
    }

    pub fn f64(&mut self, number: f64) {
        self.put(number.to_le_bytes());
    }

    /// A count: what is written here has thousands of entries at most.
    pub fn length(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub fn string(&mut self, text: &str) {
        self.length(text.len() + 1);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
