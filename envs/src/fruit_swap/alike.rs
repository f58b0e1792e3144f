//! How alike rests before different moves are, for tests.

/// Arrangement, next move, and what else is seen.
pub(super) type Rest<const N: usize> = (usize, usize, [f64; N]);

/// Share of rests whose nearest other rest of the same arrangement is before the same move; `scale` is about the standard
/// deviation of each entry.
pub(super) fn told_by_the_nearest<const N: usize>(all: &[Rest<N>], scale: [f64; N]) -> f64 {
    let off = |a: &Rest<N>, b: &Rest<N>| -> f64 {
        (0..N).map(|entry| ((a.2[entry] - b.2[entry]) / scale[entry]).powi(2)).sum()
    };
    let right = |(i, one): (usize, &Rest<N>)| {
        let others = all.iter().enumerate().filter(|(j, other)| *j != i && other.0 == one.0);
        let nearest = others.min_by(|a, b| off(a.1, one).total_cmp(&off(b.1, one)));
        nearest.is_some_and(|(_, nearest)| nearest.1 == one.1)
    };
    all.iter().enumerate().filter(|one| right(*one)).count() as f64 / all.len() as f64
}

/// Largest difference between the distribution functions of two samples.
pub(super) fn kolmogorov_smirnov(a: &mut [f64], b: &mut [f64]) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below = |all: &[f64], x: f64| all.partition_point(|value| *value <= x) as f64 / all.len() as f64;
    a.iter().chain(b.iter()).map(|x| (below(a, *x) - below(b, *x)).abs()).fold(0.0, f64::max)
}
