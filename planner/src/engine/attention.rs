//! Attention over a few tens of tokens, forward and backward, as products of the engine's micro-kernel.
//!
//! A lane computes the queries of its own rows, and in the backward pass the keys and values of its own rows;
//! what it needs of other lanes' rows it reads from the slices they have handed over.

use std::ops::Range;

use super::kernels;
use super::product::{Left, PANEL, Right, Start, multiply};

/// Sizes of a piece's attention.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Network width, `W`.
    pub width: usize,
    /// Heads, `H`.
    pub heads: usize,
    /// Rows of the piece, `M`.
    pub rows: usize,
    /// Rows of each lane but the last.
    pub lane_rows: usize,
    /// Tokens of the longest sequence, rounded up to whole panels, `P`.
    pub padded: usize,
}

impl Shape {
    fn per_head(self) -> usize {
        self.width / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.per_head() as f32).sqrt()
    }
}

/// Each sequence that has some of `rows`: its rows, and those of them that are in `rows`.
fn parts<'a>(
    starts: &'a [usize],
    rows: &'a Range<usize>,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + 'a {
    let sequences = starts.windows(2).map(|pair| pair[0]..pair[1]);
    let shared = sequences.map(|all| (all.clone(), rows.start.max(all.start)..rows.end.min(all.end)));
    shared.filter(|(_, part)| !part.is_empty())
}

/// One sequence's keys and values from all lanes: one of the two transposed, `[W, P]`, the other as it is,
/// `[T, W]`.
#[derive(Default)]
pub(super) struct Gathered {
    transposed: Vec<f32>,
    plain: Vec<f32>,
}

impl Gathered {
    fn gather(
        &mut self,
        shape: Shape,
        qkv: &[Vec<f32>],
        rows: Range<usize>,
        transposed: usize,
        plain: usize,
    ) {
        let (t, w, padded) = (rows.len(), shape.width, shape.padded);
        self.transposed.resize(w * padded, 0.0);
        self.plain.resize(t * w, 0.0);
        for (token, row) in rows.enumerate() {
            let qkv = &qkv[row / shape.lane_rows][row % shape.lane_rows * 3 * w..][..3 * w];
            let column = self.transposed[token..].iter_mut().step_by(padded);
            column.zip(&qkv[transposed * w..]).for_each(|(out, value)| *out = *value);
            self.plain[token * w..(token + 1) * w].copy_from_slice(&qkv[plain * w..(plain + 1) * w]);
        }
        for row in self.transposed.chunks_exact_mut(padded) {
            row[t..t.next_multiple_of(PANEL)].fill(0.0);
        }
    }
}

/// Places of query, key and value in a row of `3 W`.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

/// `mixed[q] = sum_s softmax(q . k_s) v_s` per head, for the queries in `rows`. `qkv` holds each lane's
/// `[rows, 3 W]`; `hidden` is `[M, P]`, a large negative number where a query may not see a key;
/// `probabilities` is `[H, rows, P]`, `mixed` is `[rows, W]`.
#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    shape: Shape,
    starts: &[usize],
    rows: Range<usize>,
    qkv: &[Vec<f32>],
    hidden: &[f32],
    gathered: &mut Gathered,
    probabilities: &mut [f32],
    mixed: &mut [f32],
) {
    let (w, c, padded) = (shape.width, shape.per_head(), shape.padded);
    let own = &qkv[rows.start / shape.lane_rows];
    for (all, part) in parts(starts, &rows) {
        let (t, first, count) = (all.len(), part.start - rows.start, part.len());
        let columns = t.next_multiple_of(PANEL);
        gathered.gather(shape, qkv, all, KEY, VALUE);
        for head in 0..shape.heads {
            let at = head * c;
            let scores = &mut probabilities[(head * rows.len() + first) * padded..][..count * padded];
            let queries = Left::rows(&own[first * 3 * w + QUERY * w + at..], 3 * w);
            let keys = Right::Rows(&gathered.transposed[at * padded..], padded);
            multiply(queries, keys, Start::Zero, [count, c, columns], scores, padded);
            for (row, scores) in part.clone().zip(scores.chunks_exact_mut(padded)) {
                let hidden = &hidden[row * padded..][..columns];
                kernels::softmax_row(&mut scores[..columns], shape.scale(), hidden);
            }
            let values = Right::Rows(&gathered.plain[at..], w);
            let out = &mut mixed[first * w + at..];
            multiply(Left::rows(scores, padded), values, Start::Zero, [count, t, c], out, w);
        }
    }
}

/// Gradients at the scores, `[H, rows, P]`, and at the queries in `rows`, given the gradients at
/// `mixed`. Writes the query part of `d_qkv` `[rows, 3 W]`.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward_queries(
    shape: Shape,
    starts: &[usize],
    rows: Range<usize>,
    qkv: &[Vec<f32>],
    probabilities: &[f32],
    d_mixed: &[f32],
    gathered: &mut Gathered,
    d_scores: &mut [f32],
    d_qkv: &mut [f32],
) {
    let (w, c, padded) = (shape.width, shape.per_head(), shape.padded);
    for (all, part) in parts(starts, &rows) {
        let (t, first, count) = (all.len(), part.start - rows.start, part.len());
        let columns = t.next_multiple_of(PANEL);
        gathered.gather(shape, qkv, all, VALUE, KEY);
        for head in 0..shape.heads {
            let at = head * c;
            let block = (head * rows.len() + first) * padded..(head * rows.len() + first + count) * padded;
            let scores = &mut d_scores[block.clone()];
            let d_out = Left::rows(&d_mixed[first * w + at..], w);
            let values = Right::Rows(&gathered.transposed[at * padded..], padded);
            multiply(d_out, values, Start::Zero, [count, c, columns], scores, padded);
            let both = scores.chunks_exact_mut(padded).zip(probabilities[block].chunks_exact(padded));
            both.for_each(|(d, p)| {
                kernels::softmax_row_backward(&p[..columns], shape.scale(), &mut d[..columns]);
            });
            let keys = Right::Rows(&gathered.plain[at..], w);
            let out = &mut d_qkv[first * 3 * w + QUERY * w + at..];
            multiply(Left::rows(scores, padded), keys, Start::Zero, [count, t, c], out, 3 * w);
        }
    }
}

/// Gradients at the keys and values in `rows`: writes those parts of `d_qkv` `[rows, 3 W]`. All other arrays
/// are per lane.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward_keys(
    shape: Shape,
    starts: &[usize],
    rows: Range<usize>,
    qkv: &[Vec<f32>],
    probabilities: &[Vec<f32>],
    d_mixed: &[Vec<f32>],
    d_scores: &[Vec<f32>],
    d_qkv: &mut [f32],
) {
    let (w, c, padded) = (shape.width, shape.per_head(), shape.padded);
    for (all, part) in parts(starts, &rows) {
        let (first, count) = (part.start - rows.start, part.len());
        let (begin, end) = (all.start, all.end);
        for head in 0..shape.heads {
            let at = head * c;
            let mut start = Start::Zero;
            for lane in begin / shape.lane_rows..end.div_ceil(shape.lane_rows) {
                // The queries of this sequence that this lane has.
                let lane_first = lane * shape.lane_rows;
                let lane_rows = shape.lane_rows.min(shape.rows - lane_first);
                let from = begin.max(lane_first) - lane_first;
                let queries = end.min(lane_first + lane_rows) - lane_first - from;
                let block = (head * lane_rows + from) * padded + part.start - begin;
                let sides = [
                    (KEY, &d_scores[lane], Right::Rows(&qkv[lane][from * 3 * w + QUERY * w + at..], 3 * w)),
                    (VALUE, &probabilities[lane], Right::Rows(&d_mixed[lane][from * w + at..], w)),
                ];
                for (place, weights, right) in sides {
                    let left = Left::transposed(&weights[block..], padded);
                    let out = &mut d_qkv[first * 3 * w + place * w + at..];
                    multiply(left, right, start, [count, queries, c], out, 3 * w);
                }
                start = Start::Output;
            }
        }
    }
}
