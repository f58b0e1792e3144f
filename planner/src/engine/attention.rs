//! Attention over a few tens of tokens, forward and backward.

use super::kernels;

/// Sizes of one sequence's attention.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub tokens: usize,
    pub width: usize,
    pub heads: usize,
}

impl Shape {
    fn per_head(self) -> usize {
        self.width / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.per_head() as f32).sqrt()
    }
}

/// `out[t] = sum_s softmax(q_t . k_s) v_s` per head, for one sequence. `qkv` is `[T, 3W]`, `hidden` is `[T, T]`
/// with a large negative number where `t` may not see `s`, `weights` is `[H, T, T]`, `out` is `[T, W]`.
pub(super) fn forward(shape: Shape, qkv: &[f32], hidden: &[f32], weights: &mut [f32], out: &mut [f32]) {
    let (t, w, c) = (shape.tokens, shape.width, shape.per_head());
    out.fill(0.0);
    for head in 0..shape.heads {
        let at = head * c;
        for query in 0..t {
            let row = &mut weights[(head * t + query) * t..][..t];
            kernels::scores_row(&qkv[query * 3 * w + at..][..c], &qkv[w + at..], 3 * w, shape.scale(), row);
            kernels::add(row, &hidden[query * t..(query + 1) * t]);
            kernels::softmax_row(row);
            kernels::weighted_sum(row, &qkv[2 * w + at..], 3 * w, &mut out[query * w + at..][..c]);
        }
    }
}

/// Gradient at `qkv` given the gradient at `out`. `row` is scratch of `T`.
pub(super) fn backward(
    shape: Shape,
    qkv: &[f32],
    weights: &[f32],
    d_out: &[f32],
    d_qkv: &mut [f32],
    row: &mut [f32],
) {
    let (t, w, c) = (shape.tokens, shape.width, shape.per_head());
    d_qkv.fill(0.0);
    for head in 0..shape.heads {
        let at = head * c;
        for query in 0..t {
            let p = &weights[(head * t + query) * t..][..t];
            let d = &d_out[query * w + at..][..c];
            // dP_s = dO . v_s, then dS through the softmax, scale included.
            kernels::scores_row(d, &qkv[2 * w + at..], 3 * w, 1.0, row);
            kernels::softmax_row_backward(p, shape.scale(), row);
            kernels::scatter_add(p, d, 3 * w, &mut d_qkv[2 * w + at..]);
            kernels::scatter_add(row, &qkv[query * 3 * w + at..][..c], 3 * w, &mut d_qkv[w + at..]);
            kernels::weighted_sum(row, &qkv[w + at..], 3 * w, &mut d_qkv[query * 3 * w + at..][..c]);
        }
    }
}
