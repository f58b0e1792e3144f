//! Matrix products with weights packed ahead of time.
//!
//! One micro-kernel serves every product of the engine: six rows by sixteen columns of the result in
//! registers, the left side read by broadcast at any strides, the right side by rows of sixteen contiguous
//! numbers. Weights are packed once into such panels, so nothing is packed per call.
//!
//! Every entry is one sum in the order of the inner index, whatever the number of rows: a sequence gives the
//! same bits alone and in any batch. That is why this is no library's product: the `gemm` crate, little slower, rounds
//! otherwise for other numbers of rows where the right side is transposed (`planner/SPEED.md`).
//!
//! The unsafe code hands raw pointers to the micro-kernel; [`product`] checks all lengths first, in arithmetic that
//! cannot wrap, whatever it is given.
#![allow(unsafe_code)]

use crate::PlannerError;
use crate::error::check_len;

/// Columns of a panel.
pub const PANEL: usize = 16;
/// Rows of a tile.
const TILE: usize = 6;
/// Inner indices taken at a time, so that a panel's part stays in the first-level cache.
const BLOCK: usize = 256;

/// A right-hand side `[inner, columns]` in panels of sixteen columns, padded with zeros.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    inner: usize,
    columns: usize,
    panels: Vec<f32>,
}

impl Packed {
    /// Row-major `[inner, columns]` values.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where there are more or fewer of them.
    pub fn of(values: &[f32], inner: usize, columns: usize) -> Result<Self, PlannerError> {
        // No vector is as long as a number that had to be cut off.
        check_len("matrix to be packed", inner.saturating_mul(columns), values.len())?;
        // Without columns there is nothing to pack, and any number of rows of it.
        let mut packed = if values.is_empty() { Self::default() } else { Self::new(inner, columns) };
        packed.fill(values);
        Ok(packed)
    }

    /// Room for an `[inner, columns]` matrix, all zero. The sizes are those of something that is in memory.
    pub(super) fn new(inner: usize, columns: usize) -> Self {
        Self { inner, columns, panels: vec![0.0; columns.div_ceil(PANEL) * PANEL * inner] }
    }

    /// Makes room for an `[inner, columns]` matrix, in the memory it has where that is enough.
    pub(super) fn reshape(&mut self, inner: usize, columns: usize) {
        // What pads the last panel must be zero; everything else is overwritten.
        self.panels.clear();
        self.panels.resize(columns.div_ceil(PANEL) * PANEL * inner, 0.0);
        (self.inner, self.columns) = (inner, columns);
    }

    /// Takes over row-major `[inner, columns]` values; what does not fit is left out.
    pub(super) fn fill(&mut self, values: &[f32]) {
        for (k, row) in values.chunks_exact(self.columns.max(1)).take(self.inner).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                let at = (panel * self.inner + k) * PANEL;
                self.panels[at..at + part.len()].copy_from_slice(part);
            }
        }
    }

    /// Takes over the transpose of row-major `[columns, inner]` values; what does not fit is left out.
    pub(super) fn fill_transposed(&mut self, values: &[f32]) {
        for (column, row) in values.chunks_exact(self.inner.max(1)).take(self.columns).enumerate() {
            let panel = &mut self.panels[column / PANEL * self.inner * PANEL..][column % PANEL..];
            for (out, value) in panel.iter_mut().step_by(PANEL).zip(row) {
                *out = *value;
            }
        }
    }
}

/// A left-hand side: entry `(r, k)` is `values[r * row + k * inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// Numbers, from the first entry on.
    pub values: &'a [f32],
    /// Distance of neighbouring rows.
    pub row: usize,
    /// Distance of neighbouring inner indices.
    pub inner: usize,
}

impl<'a> Left<'a> {
    /// Row-major with `stride` numbers per row.
    pub fn rows(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: stride, inner: 1 }
    }

    /// The transpose of a row-major matrix with `stride` numbers per row.
    pub fn transposed(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: 1, inner: stride }
    }
}

/// A right-hand side.
#[derive(Clone, Copy, Debug)]
pub enum Right<'a> {
    /// Packed ahead.
    Packed(&'a Packed),
    /// Row-major: numbers, and numbers per row.
    Rows(&'a [f32], usize),
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing.
    Zero,
    /// A vector `[columns]`, in every row.
    Bias(&'a [f32]),
    /// What stands in the output.
    Output,
}

/// [`product`] of operands whose lengths the engine itself saw to.
pub(super) fn multiply(
    left: Left<'_>,
    right: Right<'_>,
    start: Start<'_>,
    shape: [usize; 3],
    out: &mut [f32],
    stride: usize,
) {
    let fits = product(left, right, start, shape, out, stride);
    debug_assert!(fits, "the operands of a product do not fit");
}

/// Whether all operands of [`product`] hold what it would read and write.
fn fits(
    left: Left<'_>,
    right: Right<'_>,
    start: Start<'_>,
    [rows, inner, columns]: [usize; 3],
    out: &[f32],
    stride: usize,
) -> Option<bool> {
    // One past the last number of `rows` rows of `columns`, `stride` apart.
    let end = |rows: usize, stride: usize, columns: usize| {
        rows.checked_sub(1)?.checked_mul(stride)?.checked_add(columns)
    };
    let right_fits = match right {
        Right::Packed(packed) => packed.inner == inner && packed.columns == columns,
        Right::Rows(values, stride) => values.len() >= end(inner, stride, columns)?,
    };
    let last_left = end(rows, left.row, inner.checked_sub(1)?.checked_mul(left.inner)?)?;
    let bias_fits = !matches!(start, Start::Bias(bias) if bias.len() < columns);
    Some(right_fits && bias_fits && left.values.len() > last_left && out.len() >= end(rows, stride, columns)?)
}

/// `out = start + left right` for `[rows, inner]` by `[inner, columns]`; `out` has `stride` numbers per row.
/// Whether the lengths fit: where they do not, nothing is computed. An empty product is none and fits always.
pub fn product(
    left: Left<'_>,
    right: Right<'_>,
    start: Start<'_>,
    [rows, inner, columns]: [usize; 3],
    out: &mut [f32],
    stride: usize,
) -> bool {
    if rows == 0 || columns == 0 || inner == 0 {
        return true;
    }
    if fits(left, right, start, [rows, inner, columns], out, stride) != Some(true) {
        return false;
    }
    let mut narrow = [0.0f32; BLOCK * PANEL];
    for from in (0..inner).step_by(BLOCK) {
        let depth = BLOCK.min(inner - from);
        for column in (0..columns).step_by(PANEL) {
            let width = PANEL.min(columns - column);
            let (panel, panel_stride) = match right {
                Right::Packed(packed) => (&packed.panels[(column * inner) + from * PANEL..], PANEL),
                Right::Rows(values, stride) if width == PANEL => (&values[from * stride + column..], stride),
                Right::Rows(values, stride) => {
                    for (k, row) in narrow.chunks_exact_mut(PANEL).take(depth).enumerate() {
                        row[..width].copy_from_slice(&values[(from + k) * stride + column..][..width]);
                    }
                    (&narrow[..], PANEL)
                }
            };
            for row in (0..rows).step_by(TILE) {
                let count = TILE.min(rows - row);
                let a = &left.values[row * left.row + from * left.inner..];
                let at = row * stride + column;
                if width == PANEL {
                    let init = match start {
                        _ if from > 0 => Init::Output,
                        Start::Zero => Init::Zero,
                        Start::Bias(bias) => Init::Bias(bias[column..].as_ptr()),
                        Start::Output => Init::Output,
                    };
                    let out = out[at..].as_mut_ptr();
                    // SAFETY: lengths were checked above: `count` rows from `row` on exist on the left and in the
                    // output, `depth` inner indices from `from` on exist on both sides, and `PANEL` columns from
                    // `column` on exist on the right, in the output and in the bias.
                    unsafe {
                        tile(count, a.as_ptr(), left, panel.as_ptr(), panel_stride, depth, init, out, stride);
                    }
                    continue;
                }
                // A panel that is not full is computed beside the output.
                let mut beside = [0.0f32; TILE * PANEL];
                for (r, beside) in beside.chunks_exact_mut(PANEL).take(count).enumerate() {
                    match start {
                        Start::Bias(bias) if from == 0 => {
                            beside[..width].copy_from_slice(&bias[column..][..width])
                        }
                        Start::Zero if from == 0 => {}
                        _ => beside[..width].copy_from_slice(&out[at + r * stride..][..width]),
                    }
                }
                let (init, beside_out) = (Init::Output, beside.as_mut_ptr());
                // SAFETY: as above; the output is `beside`, of `TILE` rows of `PANEL`; the right side is a packed
                // panel or `narrow`, both padded to `PANEL` columns.
                unsafe {
                    tile(
                        count,
                        a.as_ptr(),
                        left,
                        panel.as_ptr(),
                        panel_stride,
                        depth,
                        init,
                        beside_out,
                        PANEL,
                    );
                }
                for (r, beside) in beside.chunks_exact(PANEL).take(count).enumerate() {
                    out[at + r * stride..][..width].copy_from_slice(&beside[..width]);
                }
            }
        }
    }
    true
}

/// What a tile starts from.
#[derive(Clone, Copy)]
enum Init {
    Zero,
    Bias(*const f32),
    Output,
}

/// One tile of `rows` (1 to 6) by sixteen.
///
/// # Safety
/// `a` must be valid for `rows` by `depth` entries at the strides of `left`, `b` for `depth` rows of sixteen
/// numbers `b_stride` apart, `out` for `rows` rows of sixteen numbers `stride` apart, a bias for sixteen.
#[allow(clippy::too_many_arguments)]
unsafe fn tile(
    rows: usize,
    a: *const f32,
    left: Left<'_>,
    b: *const f32,
    b_stride: usize,
    depth: usize,
    init: Init,
    out: *mut f32,
    stride: usize,
) {
    let (row, inner) = (left.row, left.inner);
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: both features were detected; pointers as promised by the caller.
        unsafe {
            match rows {
                6 => avx2::tile::<6>(a, row, inner, b, b_stride, depth, init, out, stride),
                5 => avx2::tile::<5>(a, row, inner, b, b_stride, depth, init, out, stride),
                4 => avx2::tile::<4>(a, row, inner, b, b_stride, depth, init, out, stride),
                3 => avx2::tile::<3>(a, row, inner, b, b_stride, depth, init, out, stride),
                2 => avx2::tile::<2>(a, row, inner, b, b_stride, depth, init, out, stride),
                _ => avx2::tile::<1>(a, row, inner, b, b_stride, depth, init, out, stride),
            }
        }
        return;
    }
    for r in 0..rows {
        // SAFETY: pointers as promised by the caller.
        unsafe {
            let mut sums = match init {
                Init::Zero => [0.0; PANEL],
                Init::Bias(bias) => *bias.cast::<[f32; PANEL]>(),
                Init::Output => *out.add(r * stride).cast::<[f32; PANEL]>(),
            };
            for k in 0..depth {
                let x = *a.add(r * row + k * inner);
                let b = &*b.add(k * b_stride).cast::<[f32; PANEL]>();
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum += x * b;
                }
            }
            *out.add(r * stride).cast::<[f32; PANEL]>() = sums;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::Init;

    /// `ROWS` by sixteen: twelve accumulators, two of the right side and one of the left make fifteen of the
    /// sixteen registers.
    ///
    /// # Safety
    /// As [`super::tile`].
    #[allow(clippy::too_many_arguments)]
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn tile<const ROWS: usize>(
        a: *const f32,
        row: usize,
        inner: usize,
        b: *const f32,
        b_stride: usize,
        depth: usize,
        init: Init,
        out: *mut f32,
        stride: usize,
    ) {
        // SAFETY: pointers as promised by the caller.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
            for (r, sums) in sums.iter_mut().enumerate() {
                let from = match init {
                    Init::Zero => continue,
                    Init::Bias(bias) => bias,
                    Init::Output => out.add(r * stride).cast_const(),
                };
                *sums = [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))];
            }
            for k in 0..depth {
                let b = b.add(k * b_stride);
                let (low, high) = (_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm256_broadcast_ss(&*a.add(r * row + k * inner));
                    sums[0] = _mm256_fmadd_ps(x, low, sums[0]);
                    sums[1] = _mm256_fmadd_ps(x, high, sums[1]);
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                _mm256_storeu_ps(out.add(r * stride), sums[0]);
                _mm256_storeu_ps(out.add(r * stride + 8), sums[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 31 + seed * 17) % 23) as f32 / 11.0 - 1.0).collect()
    }

    /// Sizes about those of small arrays, and those whose products wrap round.
    fn hostile() -> impl Strategy<Value = usize> {
        prop_oneof![
            8 => 0usize..20,
            1 => 20usize..4000,
            1 => prop::sample::select(vec![1 << 31, 1 << 32, 1 << 62, 1 << 63, (1 << 63) + 1, usize::MAX - 1, usize::MAX]),
        ]
    }

    proptest! {
        #[test]
        fn products_agree_with_nalgebra(
            rows in 1usize..20,
            inner in prop_oneof![1usize..40, 250usize..270],
            columns in 1usize..40,
            transposed: bool,
            packed: bool,
            start in 0usize..3,
        ) {
            let (a, b) = (values(rows * inner, 1), values(inner * columns, 2));
            let (bias, before) = (values(columns, 3), values(rows * columns, 4));
            let left_matrix = if transposed {
                nalgebra::DMatrix::from_column_slice(rows, inner, &a)
            } else {
                nalgebra::DMatrix::from_row_slice(rows, inner, &a)
            };
            let mut want = left_matrix * nalgebra::DMatrix::from_row_slice(inner, columns, &b);
            let left = if transposed { Left::transposed(&a, rows) } else { Left::rows(&a, inner) };
            let start = [Start::Zero, Start::Bias(&bias), Start::Output][start];
            for r in 0..rows {
                for c in 0..columns {
                    want[(r, c)] += match start {
                        Start::Zero => 0.0,
                        Start::Bias(bias) => bias[c],
                        Start::Output => before[r * columns + c],
                    };
                }
            }
            let mut store = Packed::new(inner, columns);
            store.fill(&b);
            let right = if packed { Right::Packed(&store) } else { Right::Rows(&b, columns) };
            let mut out = before.clone();
            product(left, right, start, [rows, inner, columns], &mut out, columns);
            for r in 0..rows {
                for c in 0..columns {
                    prop_assert!((out[r * columns + c] - want[(r, c)]).abs() < 2e-4);
                }
            }
            // One row alone gives the same bits.
            let row = rows / 2;
            let mut alone = before[row * columns..(row + 1) * columns].to_vec();
            let one = Left { values: &left.values[row * left.row..], ..left };
            product(one, right, start, [1, inner, columns], &mut alone, columns);
            prop_assert_eq!(&alone[..], &out[row * columns..(row + 1) * columns]);
        }

        /// Sizes whose products wrap round, strides that leave the arrays, lengths just short: never a fault, and where
        /// it says that they fit, every number that it reads is there.
        #[test]
        fn hostile_sizes_are_refused(
            shape in proptest::array::uniform3(hostile()),
            strides in proptest::array::uniform4(hostile()),
            lengths in proptest::array::uniform4(0usize..80),
            packed: bool,
            start in 0usize..3,
        ) {
            let [a, b, bias, mut out] = lengths.map(|n| values(n, 1));
            let store = Packed::of(&b, lengths[1], 1).unwrap();
            let right = if packed { Right::Packed(&store) } else { Right::Rows(&b, strides[2]) };
            let start = [Start::Zero, Start::Bias(&bias), Start::Output][start];
            let left = Left { values: &a, row: strides[0], inner: strides[1] };
            let [rows, inner, columns] = shape.map(|n| n as u128);
            let fitted = product(left, right, start, shape, &mut out, strides[3]);
            if fitted && shape.iter().all(|&n| n > 0) {
                let [row, step, right_row, out_row] = strides.map(|n| n as u128);
                prop_assert!((rows - 1) * row + (inner - 1) * step < a.len() as u128);
                prop_assert!((rows - 1) * out_row + columns <= out.len() as u128);
                let right_end = if packed { inner * columns } else { (inner - 1) * right_row + columns };
                prop_assert!(right_end <= b.len() as u128);
            }
        }

        #[test]
        fn packing_takes_what_is_there_and_no_other_size(
            len in 0usize..80,
            inner in hostile(),
            columns in hostile(),
        ) {
            let packed = Packed::of(&values(len, 3), inner, columns);
            prop_assert_eq!(packed.is_ok(), (inner as u128) * (columns as u128) == len as u128);
        }

        #[test]
        fn packing_the_transpose_is_packing_the_transposed(inner in 1usize..40, columns in 1usize..40) {
            let b = values(inner * columns, 5);
            let transposed: Vec<f32> = (0..inner * columns).map(|i| b[(i % inner) * columns + i / inner]).collect();
            let (mut one, mut other) = (Packed::new(inner, columns), Packed::new(inner, columns));
            one.fill(&b);
            other.fill_transposed(&transposed);
            prop_assert_eq!(one.panels, other.panels);
        }
    }
}
