//! Samples of several sides, taken in turn.

use std::time::Duration;

use crate::failure::Failure;
use crate::statistics::Quantiles;

/// Quiet before each sample: PyTorch's OpenMP threads spin for 200 ms before they sleep, and would have a core
/// while we are timed.
const PAUSE: Duration = Duration::from_millis(300);
/// Untimed work before each sample: after the quiet, processors that had gone to sleep must be back at work, which
/// takes a shared machine many milliseconds.
const WARM_UP_MS: f64 = 100.0;
/// Most repeats within one sample.
const MOST_REPEATS: f64 = 10_000.0;

/// One side: does its work so many times (after one untimed warm-up) and says how many milliseconds that took.
pub type Side<'a> = Box<dyn FnMut(usize) -> Result<f64, Failure> + 'a>;

/// Waits until threads of the side before have gone to sleep.
pub fn quiet() {
    std::thread::sleep(PAUSE);
}

/// Milliseconds of one repeat of each side, over `rounds` samples of at least `shortest_ms` each, taken in turn.
/// `tick` is told of every round.
///
/// # Errors
/// The first failure of any side.
pub fn in_turn(
    sides: &mut [Side<'_>],
    rounds: usize,
    shortest_ms: f64,
    tick: &dyn Fn(),
) -> Result<Vec<Quantiles>, Failure> {
    let mut repeats = Vec::new();
    for side in sides.iter_mut() {
        let once = side(1)?;
        repeats.push((lasting(once, WARM_UP_MS.min(5.0 * shortest_ms)), lasting(once, shortest_ms)));
    }
    let mut samples = vec![Vec::new(); sides.len()];
    for _ in 0..rounds {
        for ((side, &(warm_up, repeats)), samples) in sides.iter_mut().zip(&repeats).zip(&mut samples) {
            quiet();
            side(warm_up)?;
            samples.push(side(repeats)? / repeats as f64);
        }
        tick();
    }
    Ok(samples.iter().map(|samples| Quantiles::of(samples)).collect())
}

/// Repeats of what takes `once` milliseconds, so that they last so many.
pub fn lasting(once: f64, ms: f64) -> usize {
    (ms / once.max(1e-6)).ceil().clamp(1.0, MOST_REPEATS) as usize
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn sides_take_turns_and_short_work_is_repeated() {
        let calls = RefCell::new(Vec::new());
        let side = |name: char, cost: f64| -> Side<'_> {
            let calls = &calls;
            Box::new(move |repeats| {
                calls.borrow_mut().push((name, repeats));
                Ok(cost * repeats as f64)
            })
        };
        let found = in_turn(&mut [side('a', 3.0), side('b', 50.0)], 2, 20.0, &|| {}).unwrap();
        assert_eq!((found[0].median, found[1].median), (3.0, 50.0));
        assert_eq!(
            *calls.borrow(),
            [
                [('a', 1), ('b', 1)].as_slice(),
                &[('a', 34), ('a', 7), ('b', 2), ('b', 1)],
                &[('a', 34), ('a', 7), ('b', 2), ('b', 1)],
            ]
            .concat()
        );
    }

    #[test]
    fn a_failure_ends_the_measurement() {
        let mut sides: [Side<'_>; 1] = [Box::new(|_| Err(Failure::broken("no")))];
        assert_eq!(in_turn(&mut sides, 1, 1.0, &|| {}).unwrap_err().to_string(), "no");
    }
}
