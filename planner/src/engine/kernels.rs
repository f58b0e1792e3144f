//! The inner loops of the engine: matrix products through the `gemm` crate, and row-wise functions compiled
//! for AVX2 and FMA where the processor has them.
//!
//! This file holds the crate's only unsafe code: raw pointers handed to `gemm`, whose lengths are checked
//! here, and calls of functions compiled for instructions that were detected first.
#![allow(unsafe_code)]

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// `out = a b (+ out)`: `a` is `[rows, inner]`, `b` is `[inner, columns]`, all row-major. Where the lengths
/// do not fit, the product is cut to the rows that exist.
pub(super) fn multiply(
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    inner: usize,
    columns: usize,
    accumulate: bool,
) {
    let rows = (a.len() / inner.max(1)).min(out.len() / columns.max(1));
    if rows == 0 || b.len() < inner * columns {
        return;
    }
    // SAFETY: rows * inner <= a.len(), inner * columns <= b.len(), rows * columns <= out.len(); `out` is
    // borrowed mutably, so it overlaps neither.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
            accumulate,
            a.as_ptr(),
            1,
            inner as isize,
            b.as_ptr(),
            1,
            columns as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Defines a function that runs as compiled for AVX2 and FMA where the processor has them.
macro_rules! vectorized {
    ($(#[$doc:meta])* $name:ident / $wide:ident ($($arg:ident: $kind:ty),*) $body:block) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $kind),*) {
            #[inline(always)]
            fn body($($arg: $kind),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn $wide($($arg: $kind),*) {
                    body($($arg),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: both features were detected.
                    return unsafe { $wide($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}

vectorized! {
    /// Layer norm of one row without affine part: `xhat = (x - mean) / std`; returns nothing, writes the
    /// reciprocal deviation behind `inverse`.
    normalize_row / normalize_row_wide (x: &[f32], epsilon: f32, xhat: &mut [f32], inverse: &mut f32) {
        let n = x.len() as f32;
        let mean = sum(x) / n;
        for (h, x) in xhat.iter_mut().zip(x) {
            *h = x - mean;
        }
        let variance = dot(xhat, xhat) / n;
        *inverse = 1.0 / (variance + epsilon).sqrt();
        for h in xhat.iter_mut() {
            *h *= *inverse;
        }
    }
}

vectorized! {
    /// `out = x * scale + shift`, entry by entry.
    affine / affine_wide (x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
        for (((o, x), a), b) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            *o = x * a + b;
        }
    }
}

vectorized! {
    /// `x += gate * (y + bias)`, entry by entry.
    gated_add / gated_add_wide (x: &mut [f32], gate: &[f32], y: &[f32], bias: &[f32]) {
        for (((x, g), y), b) in x.iter_mut().zip(gate).zip(y).zip(bias) {
            *x += g * (y + b);
        }
    }
}

vectorized! {
    /// `out = x * y`, entry by entry.
    product_of / product_of_wide (x: &[f32], y: &[f32], out: &mut [f32]) {
        for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
            *o = x * y;
        }
    }
}

vectorized! {
    /// `x += y`, entry by entry.
    add / add_wide (x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

vectorized! {
    /// Backward of [`normalize_row`] and the affine part behind it: `g = dh * scale` is the gradient at
    /// `xhat`; `dx += inverse * (g - mean(g) - xhat * mean(g * xhat))`. Overwrites `dh` with `g`.
    normalize_row_backward / normalize_row_backward_wide
    (dh: &mut [f32], scale: &[f32], xhat: &[f32], inverse: f32, dx: &mut [f32]) {
        let n = dh.len() as f32;
        for (g, a) in dh.iter_mut().zip(scale) {
            *g *= a;
        }
        let (mean, slope) = (sum(dh) / n, dot(dh, xhat) / n);
        for ((dx, g), h) in dx.iter_mut().zip(dh.iter()).zip(xhat) {
            *dx += inverse * (g - mean - h * slope);
        }
    }
}

vectorized! {
    /// `u <- gelu(u + bias)` in place, and its derivative into `slope`. `gelu(u) = u Phi(u)`.
    gelu_row / gelu_row_wide (u: &mut [f32], bias: &[f32], slope: &mut [f32]) {
        for ((u, b), s) in u.iter_mut().zip(bias).zip(slope.iter_mut()) {
            let x = *u + b;
            let density = exp(-0.5 * x * x);
            let phi = 0.5 * (1.0 + erf_with(x * FRAC_1_SQRT_2, density));
            *u = x * phi;
            *s = phi + x * density * 0.398_942_3;
        }
    }
}

vectorized! {
    /// Softmax of one row, in place.
    softmax_row / softmax_row_wide (x: &mut [f32]) {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for x in x.iter_mut() {
            *x = exp(*x - largest);
        }
        let inverse = 1.0 / sum(x);
        for x in x.iter_mut() {
            *x *= inverse;
        }
    }
}

vectorized! {
    /// Scores of one query with all keys: `scores[s] = scale * q . k_s`, key `s` at `s * stride`.
    scores_row / scores_row_wide (q: &[f32], keys: &[f32], stride: usize, scale: f32, scores: &mut [f32]) {
        for (score, key) in scores.iter_mut().zip(keys.chunks(stride)) {
            *score = scale * dot(q, &key[..q.len()]);
        }
    }
}

vectorized! {
    /// `out += sum_s weights[s] * values_s`, value `s` at `s * stride`.
    weighted_sum / weighted_sum_wide (weights: &[f32], values: &[f32], stride: usize, out: &mut [f32]) {
        for (w, value) in weights.iter().zip(values.chunks(stride)) {
            for (o, v) in out.iter_mut().zip(value) {
                *o += w * v;
            }
        }
    }
}

vectorized! {
    /// `target_s += weights[s] * x` for all `s`, target `s` at `s * stride`.
    scatter_add / scatter_add_wide (weights: &[f32], x: &[f32], stride: usize, targets: &mut [f32]) {
        for (w, target) in weights.iter().zip(targets.chunks_mut(stride)) {
            for (t, x) in target.iter_mut().zip(x) {
                *t += w * x;
            }
        }
    }
}

vectorized! {
    /// Backward of softmax: `ds = p * (dp - p . dp) * scale`, written over `dp`.
    softmax_row_backward / softmax_row_backward_wide (p: &[f32], scale: f32, dp: &mut [f32]) {
        let mean = dot(p, dp);
        for (d, p) in dp.iter_mut().zip(p) {
            *d = scale * p * (*d - mean);
        }
    }
}

/// Sum in eight lanes, so that it vectorises and its order is fixed.
#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [0.0f32; 8];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Dot product in eight lanes.
#[inline(always)]
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    let mut lanes = [0.0f32; 8];
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// `e^x` to 2 units in the last place for `x <= 88`; 0 below -87. Cody-Waite reduction, degree-6 polynomial.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Exactly zero far below: a hidden token must get no weight at all, not 1e-38 of it.
    let keep = if x < -87.0 { 0.0 } else { 1.0 };
    let x = x.clamp(-87.0, 88.0);
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, and vectorises.
    let n = (x * LOG2_E + 12_582_912.0) - 12_582_912.0;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.666_666_5e-1 + r * (4.166_579_6e-2 + r * (8.333_452e-3 + r * 1.388_195e-3)))));
    keep * p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// `erf(z)` to 1.5e-7 (Abramowitz and Stegun 7.1.26), given `e^(-z^2)`.
#[inline(always)]
fn erf_with(z: f32, exp_of_minus_square: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * z.abs());
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_7 + t * (-1.453_152_1 + t * 1.061_405_4))));
    (1.0 - poly * exp_of_minus_square).copysign(z)
}
