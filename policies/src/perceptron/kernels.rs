//! Functions over rows `[rows, width]`, compiled for AVX2 and FMA where the processor has them.
//!
//! The only unsafe code is the call of functions compiled for instructions that were detected first.
#![allow(unsafe_code)]

use std::f32::consts::{LOG2_E, SQRT_2};

/// Added to a variance before its root is taken: Flax's default, which OGBench has.
const NORM_EPSILON: f32 = 1e-6;
/// `sqrt(2 / pi)`, of GELU's approximation.
const GELU_SCALE: f32 = std::f32::consts::FRAC_2_SQRT_PI / SQRT_2;
/// The cubic term of the same.
const GELU_CUBE: f32 = 0.044_715;

/// Defines a function that runs as compiled for AVX2 and FMA where the processor has them.
macro_rules! wide {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $kind),*) {
            #[inline(always)]
            fn plain($($arg: $kind),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn detected($($arg: $kind),*) {
                    plain($($arg),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: both features were detected.
                    return unsafe { detected($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}

wide! {
    /// `out <- out + bias`, row by row.
    add_bias(out: &mut [f32], bias: &[f32]) {
        for row in out.chunks_exact_mut(bias.len().max(1)) {
            for (out, bias) in row.iter_mut().zip(bias) {
                *out += bias;
            }
        }
    }
}

wide! {
    /// GELU: `out = gelu(u + bias)`, and its derivative over `u`. With `y = sqrt(2 / pi) (x + 0.044715 x^3)`,
    /// `gelu(x) = x (1 + tanh y) / 2 = x s` for `s = 1 / (1 + e^(-2 y))`.
    gelu(u: &mut [f32], bias: &[f32], out: &mut [f32]) {
        let width = bias.len().max(1);
        for (u, out) in u.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
            for ((u, out), bias) in u.iter_mut().zip(out).zip(bias) {
                let x = *u + bias;
                let square = x * x;
                let y = 2.0 * GELU_SCALE * x * square.mul_add(GELU_CUBE, 1.0);
                let s = 1.0 / (1.0 + exp(-y));
                *out = x * s;
                let slope_y = 2.0 * GELU_SCALE * square.mul_add(3.0 * GELU_CUBE, 1.0);
                *u = (x * s * (1.0 - s)).mul_add(slope_y, s);
            }
        }
    }
}

wide! {
    /// Rectifier: `out = max(u + bias, 0)`, and its derivative over `u`.
    relu(u: &mut [f32], bias: &[f32], out: &mut [f32]) {
        let width = bias.len().max(1);
        for (u, out) in u.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
            for ((u, out), bias) in u.iter_mut().zip(out).zip(bias) {
                let x = *u + bias;
                let on = if x > 0.0 { 1.0 } else { 0.0 };
                *out = x * on;
                *u = on;
            }
        }
    }
}

wide! {
    /// Layer normalisation of each row of `x`, in place: `normed = (x - mean) / deviation`, `x <- normed scale + shift`.
    normalise(x: &mut [f32], scale: &[f32], shift: &[f32], normed: &mut [f32], inverse: &mut [f32]) {
        let (width, n) = (scale.len().max(1), scale.len() as f32);
        let rows = x.chunks_exact_mut(width).zip(normed.chunks_exact_mut(width)).zip(inverse);
        for ((x, normed), inverse) in rows {
            let mean = sum(x) / n;
            for (h, x) in normed.iter_mut().zip(x.iter()) {
                *h = x - mean;
            }
            *inverse = 1.0 / (dot(normed, normed) / n + NORM_EPSILON).sqrt();
            for (((x, h), scale), shift) in x.iter_mut().zip(normed.iter_mut()).zip(scale).zip(shift) {
                *h *= *inverse;
                *x = h.mul_add(*scale, *shift);
            }
        }
    }
}

wide! {
    /// Backward of [`normalise`], in place: gradients for its output become gradients for its input, those for scale and
    /// shift are added up over the rows. With `g = d scale`: `d <- (g - mean(g) - normed mean(g normed)) / deviation`.
    normalise_backward(
        delta: &mut [f32],
        scale: &[f32],
        normed: &[f32],
        inverse: &[f32],
        scale_gradient: &mut [f32],
        shift_gradient: &mut [f32],
    ) {
        let (width, n) = (scale.len().max(1), scale.len() as f32);
        for ((delta, normed), inverse) in delta.chunks_exact_mut(width).zip(normed.chunks_exact(width)).zip(inverse) {
            for ((sum, d), h) in scale_gradient.iter_mut().zip(delta.iter()).zip(normed) {
                *sum = d.mul_add(*h, *sum);
            }
            for (((sum, d), scale), _) in shift_gradient.iter_mut().zip(delta.iter_mut()).zip(scale).zip(normed) {
                *sum += *d;
                *d *= scale;
            }
            let (mean, slope) = (sum(delta) / n, dot(delta, normed) / n);
            for (d, h) in delta.iter_mut().zip(normed) {
                *d = inverse * h.mul_add(-slope, *d - mean);
            }
        }
    }
}

wide! {
    /// Gradients behind an activation become gradients before it, `slope <- slope delta`; their sum over the rows is added
    /// to the bias's.
    through_activation(delta: &[f32], slope: &mut [f32], bias_gradient: &mut [f32]) {
        let width = bias_gradient.len().max(1);
        for (delta, slope) in delta.chunks_exact(width).zip(slope.chunks_exact_mut(width)) {
            for ((d, s), sum) in delta.iter().zip(slope).zip(bias_gradient.iter_mut()) {
                *s *= d;
                *sum += *s;
            }
        }
    }
}

wide! {
    /// Adds up the rows of `x`.
    add_rows(x: &[f32], sums: &mut [f32]) {
        for row in x.chunks_exact(sums.len().max(1)) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }
}

/// The numbers of one step of Adam.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamStep {
    pub rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    /// `1 / (1 - beta1^t)` and `1 / (1 - beta2^t)`.
    pub correction1: f32,
    pub correction2: f32,
}

wide! {
    /// One step of Adam (Kingma & Ba 2015, Algorithm 1) for some of the parameters.
    adam(at: AdamStep, parameters: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let (new1, new2) = (1.0 - at.beta1, 1.0 - at.beta2);
        for (((x, g), m), v) in parameters.iter_mut().zip(gradient).zip(first).zip(second) {
            *m = at.beta1.mul_add(*m, new1 * g);
            *v = at.beta2.mul_add(*v, new2 * g * g);
            *x -= at.rate * at.correction1 * *m / ((at.correction2 * *v).sqrt() + at.epsilon);
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
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane = x.mul_add(*y, *lane);
        }
    }
    lanes.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// `e^x` to a few units in the last place, for `x` held between -87 and 88. `x = n ln 2 + r` with `n` whole (Cody & Waite),
/// `e^r` by its series up to the sixth power, for `|r| <= ln(2) / 2`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// `ln 2` in two parts, the first of few bits, so that a whole number of it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Added and taken away it rounds to a whole number, which then stands in the low bits of the sum.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let mut series = 1.0 / 720.0;
    for factor in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = r.mul_add(series, factor);
    }
    // In the place of an exponent the whole number is a power of two.
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_standard_library_to_a_few_units() {
        for step in -8600..8700 {
            let x = step as f32 / 100.0;
            let want = f64::from(x).exp();
            // Six terms leave r^7 / 5040 <= 1.2e-7, and rounding about as much.
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 4e-7, "{x}: {} {want}", exp(x));
        }
        assert!(exp(-1e9) < 1e-37 && exp(1e9) > 1e38);
    }

    #[test]
    fn activations_and_their_slopes_are_those_of_the_formulas() {
        let x: Vec<f32> = (-60..60).map(|step| step as f32 / 10.0).collect();
        let gelu_of = |x: f64| {
            let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + y.tanh())
        };
        let (mut slope, mut out) = (x.clone(), vec![0.0; x.len()]);
        gelu(&mut slope, &vec![0.25; x.len()], &mut out);
        for ((x, slope), out) in x.iter().zip(slope).zip(out) {
            let x = f64::from(*x) + 0.25;
            let difference = (gelu_of(x + 1e-6) - gelu_of(x - 1e-6)) / 2e-6;
            // Single precision, of numbers up to 6.
            assert!((f64::from(out) - gelu_of(x)).abs() < 3e-6, "{x}");
            assert!((f64::from(slope) - difference).abs() < 3e-6, "{x}");
        }
        let (mut slope, mut out) = (vec![-1.0, 2.0], vec![0.0; 2]);
        relu(&mut slope, &[0.5, 0.5], &mut out);
        assert_eq!((slope, out), (vec![0.0, 1.0], vec![0.0, 2.5]));
    }
}
