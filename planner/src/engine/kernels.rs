//! Row-wise functions of the engine, compiled for AVX2 and FMA where the processor has them.
//!
//! The only unsafe code is the call of functions compiled for instructions that were detected first.
#![allow(unsafe_code)]

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// Added to a variance before its root is taken; Burn's default.
const NORM_EPSILON: f32 = 1e-5;

/// Defines a function that runs as compiled for AVX2 and FMA where the processor has them.
macro_rules! vectorized {
    ($(#[$doc:meta])* $name:ident / $wide:ident ($($arg:ident: $kind:ty),*) $body:block) => {
        $(#[$doc])*
        pub fn $name($($arg: $kind),*) {
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
    /// Layer norm of one row and the affine part behind it: `xhat = (x - mean) / deviation`,
    /// `out = xhat * scale + shift`, and `1 / deviation` into `inverse`.
    normalize_row / normalize_row_wide
    (x: &[f32], scale: &[f32], shift: &[f32], xhat: &mut [f32], inverse: &mut f32, out: &mut [f32]) {
        let n = x.len() as f32;
        let mean = sum(x) / n;
        for (h, x) in xhat.iter_mut().zip(x) {
            *h = x - mean;
        }
        let variance = dot(xhat, xhat) / n;
        *inverse = 1.0 / (variance + NORM_EPSILON).sqrt();
        for (((o, h), a), b) in out.iter_mut().zip(xhat.iter_mut()).zip(scale).zip(shift) {
            *h *= *inverse;
            *o = h.mul_add(*a, *b);
        }
    }
}

vectorized! {
    /// `out = x * scale + shift`, entry by entry.
    affine / affine_wide (x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
        for (((o, x), a), b) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            *o = x.mul_add(*a, *b);
        }
    }
}

vectorized! {
    /// `x += gate * y`, entry by entry.
    gated_add / gated_add_wide (x: &mut [f32], gate: &[f32], y: &[f32]) {
        for ((x, g), y) in x.iter_mut().zip(gate).zip(y) {
            *x = g.mul_add(*y, *x);
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
    /// `x *= y`, entry by entry.
    multiply / multiply_wide (x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    }
}

vectorized! {
    /// Backward of [`normalize_row`] for `x`: `g = dh * scale` is the gradient at `xhat`;
    /// `dx += inverse * (g - mean(g) - xhat * mean(g * xhat))`. Overwrites `dh` with `g`.
    normalize_row_backward / normalize_row_backward_wide
    (dh: &mut [f32], scale: &[f32], xhat: &[f32], inverse: f32, dx: &mut [f32]) {
        let n = dh.len() as f32;
        for (g, a) in dh.iter_mut().zip(scale) {
            *g *= a;
        }
        let (mean, slope) = (sum(dh) / n, dot(dh, xhat) / n);
        for ((dx, g), h) in dx.iter_mut().zip(dh.iter()).zip(xhat) {
            *dx = inverse.mul_add(h.mul_add(-slope, g - mean), *dx);
        }
    }
}

vectorized! {
    /// `u <- gelu(u)` in place. `gelu(u) = u Phi(u)`.
    gelu_row / gelu_row_wide (u: &mut [f32]) {
        for u in u.iter_mut() {
            *u *= normal_distribution(*u, exp(-0.5 * *u * *u));
        }
    }
}

vectorized! {
    /// `u <- gelu(u)` in place, and its derivative into `slope`.
    gelu_row_and_slope / gelu_row_and_slope_wide (u: &mut [f32], slope: &mut [f32]) {
        for (u, s) in u.iter_mut().zip(slope.iter_mut()) {
            let x = *u;
            let density = exp(-0.5 * x * x);
            let phi = normal_distribution(x, density);
            *u = x * phi;
            *s = (x * density).mul_add(0.398_942_3, phi);
        }
    }
}

vectorized! {
    /// `u <- silu(u)` in place, and its derivative into `slope`. `silu(u) = u / (1 + e^-u)`.
    silu_row / silu_row_wide (u: &mut [f32], slope: &mut [f32]) {
        for (u, s) in u.iter_mut().zip(slope.iter_mut()) {
            let x = *u;
            let sigmoid = 1.0 / (1.0 + exp(-x));
            *u = x * sigmoid;
            *s = sigmoid * x.mul_add(1.0 - sigmoid, 1.0);
        }
    }
}

vectorized! {
    /// `x <- softmax(scale * x + hidden)` for one row.
    softmax_row / softmax_row_wide (x: &mut [f32], scale: f32, hidden: &[f32]) {
        for (x, h) in x.iter_mut().zip(hidden) {
            *x = scale.mul_add(*x, *h);
        }
        let largest = largest(x);
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
    /// Backward of [`softmax_row`]: `ds = p * (dp - p . dp) * scale`, written over `dp`.
    softmax_row_backward / softmax_row_backward_wide (p: &[f32], scale: f32, dp: &mut [f32]) {
        let mean = dot(p, dp);
        for (d, p) in dp.iter_mut().zip(p) {
            *d = scale * p * (*d - mean);
        }
    }
}

/// Largest entry, in eight lanes.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
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
            lanes[i] = x[i].mul_add(y[i], lanes[i]);
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
    let shifted = x.mul_add(LOG2_E, 12_582_912.0);
    let n = shifted - 12_582_912.0;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let p = r.mul_add(1.388_195e-3, 8.333_452e-3);
    let p = p
        .mul_add(r, 4.166_579_6e-2)
        .mul_add(r, 1.666_666_5e-1)
        .mul_add(r, 0.5)
        .mul_add(r, 1.0)
        .mul_add(r, 1.0);
    // The integer stands in the low bits of `shifted`; moved into the exponent it is 2^n.
    keep * p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// `Phi(x)`, the standard normal distribution function, given `e^(-x^2 / 2)`: `erf(x / sqrt 2)` to 1.5e-7
/// (Abramowitz and Stegun 7.1.26).
#[inline(always)]
fn normal_distribution(x: f32, density: f32) -> f32 {
    let t = 1.0 / (0.327_591_1 * FRAC_1_SQRT_2).mul_add(x.abs(), 1.0);
    let poly = t.mul_add(1.061_405_4, -1.453_152_1).mul_add(t, 1.421_413_7).mul_add(t, -0.284_496_72);
    let poly = t * poly.mul_add(t, 0.254_829_6);
    0.5 + 0.5 * (1.0 - poly * density).copysign(x)
}
