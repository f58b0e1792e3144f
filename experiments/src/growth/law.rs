//! The power law that points follow.

/// Exponent of `y = c x^p` by least squares over the logarithms of `points` (`[x, y]`), those of positive numbers; `None` for
/// fewer than two different sizes.
pub fn exponent(points: &[[f64; 2]]) -> Option<f64> {
    let sound: Vec<[f64; 2]> = points
        .iter()
        .filter(|[x, y]| *x > 0.0 && *y > 0.0 && x.is_finite() && y.is_finite())
        .map(|[x, y]| [x.ln(), y.ln()])
        .collect();
    let mean = |i: usize| sound.iter().map(|point| point[i]).sum::<f64>() / sound.len() as f64;
    let (x, y) = (mean(0), mean(1));
    let (across, along) = sound.iter().fold((0.0, 0.0), |(across, along), point| {
        (across + (point[0] - x) * (point[1] - y), along + (point[0] - x).powi(2))
    });
    (along > 0.0).then(|| across / along)
}

/// Exponent over the larger half of the sizes, which is what growth comes to.
pub fn late_exponent(points: &[[f64; 2]]) -> Option<f64> {
    exponent(&points[points.len() / 2 - usize::from(points.len() == 2)..])
}

/// The size at which memory would be `limit`: a straight line through the last two points; `None` where it does not grow by at
/// least a twentieth between them.
pub fn wall(points: &[[f64; 2]], limit: f64) -> Option<f64> {
    let &[.., [x0, y0], [x1, y1]] = points else { return None };
    (y1 > 1.05 * y0 && x1 > x0).then(|| x1 + (limit - y1) * (x1 - x0) / (y1 - y0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_found_and_what_is_constant_has_none() {
        let squares: Vec<[f64; 2]> = (1..6).map(|x| [f64::from(x), 3.0 * f64::from(x).powi(2)]).collect();
        assert!((exponent(&squares).unwrap() - 2.0).abs() < 1e-12);
        assert!(exponent(&[[1.0, 2.0], [8.0, 2.0]]).unwrap().abs() < 1e-12);
        assert!(exponent(&[[2.0, 1.0], [2.0, 3.0]]).is_none() && exponent(&[]).is_none());
        assert!(exponent(&[[1.0, f64::NAN], [2.0, 0.0], [4.0, 1.0]]).is_none());
    }

    #[test]
    fn growth_is_that_of_the_larger_sizes() {
        let flat_then_steep = [[1.0, 5.0], [2.0, 5.0], [4.0, 5.0], [8.0, 40.0], [16.0, 320.0]];
        assert!((late_exponent(&flat_then_steep).unwrap() - 3.0).abs() < 1e-12);
        assert!((late_exponent(&[[1.0, 1.0], [2.0, 2.0]]).unwrap() - 1.0).abs() < 1e-12);
        assert!(late_exponent(&[[1.0, 1.0]]).is_none() && late_exponent(&[]).is_none());
    }

    #[test]
    fn memory_ends_where_its_last_slope_leads() {
        assert_eq!(wall(&[[1.0, 100.0], [2.0, 200.0]], 1000.0), Some(10.0));
        assert_eq!(wall(&[[1.0, 100.0], [2.0, 101.0]], 1000.0), None);
        assert_eq!(wall(&[[1.0, 100.0]], 1000.0), None);
    }
}
