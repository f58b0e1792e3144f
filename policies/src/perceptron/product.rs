//! Matrix products, by the `gemm` crate, each on the calling thread.
//!
//! The unsafe code hands it pointers; [`product`] checks all lengths first, in arithmetic that cannot wrap.
#![allow(unsafe_code)]

use gemm::Parallelism;

/// A matrix in a slice: entry `(r, c)` is `values[r * row + c * column]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major with `width` numbers a row.
    pub fn rows(values: &'a [f32], width: usize) -> Self {
        Self { values, row: width, column: 1 }
    }

    /// The transpose of a row-major matrix with `width` numbers a row.
    pub fn transposed(values: &'a [f32], width: usize) -> Self {
        Self { values, row: 1, column: width }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        let last = || {
            let down = rows.checked_sub(1)?.checked_mul(self.row)?;
            down.checked_add(columns.checked_sub(1)?.checked_mul(self.column)?)
        };
        last().is_some_and(|last| last < self.values.len())
    }
}

/// `out = left right` for `[rows, inner]` by `[inner, columns]`, `out` row-major. What does not fit is refused: nothing
/// is computed then, and the answer is false.
pub(super) fn product(
    left: Matrix<'_>,
    right: Matrix<'_>,
    [rows, inner, columns]: [usize; 3],
    out: &mut [f32],
) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let target = Matrix::rows(out, columns).holds(rows, columns);
    if !(target && left.holds(rows, inner) && right.holds(inner, columns)) {
        return false;
    }
    // No slice is longer than `isize::MAX` bytes, so strides within one fit.
    let stride = |stride: usize| stride as isize;
    // SAFETY: every index below `rows`, `inner` and `columns` lies within its slice, as checked above, and `out` is
    // borrowed alone.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            stride(columns),
            false,
            left.values.as_ptr(),
            stride(left.column),
            stride(left.row),
            right.values.as_ptr(),
            stride(right.column),
            stride(right.row),
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every layout that the engine asks for, with sides of 1 among the sizes: the crate has ways of its own for these.
    #[test]
    fn products_are_sums_of_products() {
        const SIZES: [usize; 6] = [1, 2, 3, 17, 64, 150];
        for (rows, inner, columns) in
            SIZES.iter().flat_map(|r| SIZES.iter().flat_map(move |i| SIZES.iter().map(move |c| (*r, *i, *c))))
        {
            let number = |i: usize| ((i * 31 + 7) % 23) as f32 / 11.5 - 1.0;
            let a: Vec<f32> = (0..rows * inner).map(number).collect();
            let b: Vec<f32> = (0..inner * columns).map(|i| number(i + 5)).collect();
            for (left, right) in [
                (Matrix::rows(&a, inner), Matrix::rows(&b, columns)),
                (Matrix::rows(&a, inner), Matrix::transposed(&b, inner)),
                (Matrix::transposed(&a, rows), Matrix::rows(&b, columns)),
            ] {
                let mut out = vec![f32::NAN; rows * columns];
                assert!(product(left, right, [rows, inner, columns], &mut out));
                for (at, out) in out.iter().enumerate() {
                    let (r, c) = (at / columns, at % columns);
                    let term = |k: usize| {
                        let (a, b) = (a[r * left.row + k * left.column], b[k * right.row + c * right.column]);
                        f64::from(a) * f64::from(b)
                    };
                    let want: f64 = (0..inner).map(term).sum();
                    // Single precision, of up to 150 terms of at most 1.
                    assert!((f64::from(*out) - want).abs() < 1e-4, "[{rows}, {inner}, {columns}] {left:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_not_computed() {
        let (a, b, mut out) = ([1.0; 6], [1.0; 6], [0.0; 4]);
        let (left, right) = (Matrix::rows(&a, 3), Matrix::rows(&b, 2));
        assert!(product(left, right, [2, 3, 2], &mut out));
        assert_eq!(out, [3.0; 4]);
        assert!(!product(left, right, [3, 3, 2], &mut [0.0; 6]));
        assert!(!product(left, right, [2, 4, 2], &mut [0.0; 4]));
        assert!(!product(left, right, [2, 3, 2], &mut [0.0; 3]));
        assert!(!product(left, right, [2, usize::MAX, 2], &mut [0.0; 4]));
    }
}
