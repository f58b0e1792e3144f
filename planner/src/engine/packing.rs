//! Only visible tokens are computed: a hidden goal, or chunks past a sequence's end, are seen by nobody and
//! weigh nowhere. In training, where ends are random, that is half of all tokens.

use crate::layout::{is_visible, remaining_chunks};

/// The visible tokens of some sequences of `T` tokens, one after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Packing {
    /// First packed row of each sequence, and the number of rows behind the last.
    pub starts: Vec<usize>,
    /// Token and distance to the end, in chunks, of each packed row.
    pub places: Vec<(usize, usize)>,
    /// Token of each packed row.
    pub tokens: Vec<usize>,
    /// Unpacked row, `sequence * T + token`, of each packed row.
    pub source: Vec<usize>,
}

impl Packing {
    /// Packs sequences of `tokens` tokens with these visible chunks and goals.
    pub fn pack(&mut self, tokens: usize, chunks: &[usize], goal: &[bool]) {
        self.starts.clear();
        self.places.clear();
        self.tokens.clear();
        self.source.clear();
        for (sequence, (&chunks, &goal)) in chunks.iter().zip(goal).enumerate() {
            self.starts.push(self.places.len());
            for token in (0..tokens).filter(|&token| is_visible(token, chunks, goal)) {
                self.places.push((token, remaining_chunks(token, chunks)));
                self.tokens.push(token);
                self.source.push(sequence * tokens + token);
            }
        }
        self.starts.push(self.places.len());
    }

    /// Packed rows of each sequence, and where in an unpacked array it begins, counted in tokens.
    pub fn sequences(&self, tokens: usize) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> + '_ {
        self.starts.windows(2).enumerate().map(move |(i, pair)| (pair[0]..pair[1], i * tokens))
    }

    /// Number of packed rows.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Packed rows of an array with `width` numbers per unpacked row.
    pub fn gather<'a, T>(&'a self, values: &'a [T], width: usize) -> impl Iterator<Item = &'a [T]> {
        self.source.iter().map(move |&row| &values[row * width..(row + 1) * width])
    }
}
