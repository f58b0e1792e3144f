//! Pieces of work on as many threads as the machine has, with results in the order of the pieces.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than this wait for memory, not for the processor.
const MOST_THREADS: usize = 8;

/// What `work` gives for each of `pieces`, in their order, whatever the number of threads. Work that panics does so here.
pub(super) fn at_once<T: Send>(pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(pieces);
    if threads < 2 {
        return (0..pieces).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return done;
            }
            done.push((piece, work(piece)));
        }
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut all = worker();
        for worker in workers {
            match worker.join() {
                Ok(mut done) => all.append(&mut done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(piece, _)| *piece);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Fills `into` piece by piece, of so many numbers each, whatever the number of threads; `work` is given the place of the
/// first of them. The error is that of the first piece that has one.
pub(super) fn fill_at_once<E: Send>(
    into: &mut [f32],
    piece: usize,
    work: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let piece = piece.max(1);
    let pieces: Vec<Mutex<&mut [f32]>> = into.chunks_mut(piece).map(Mutex::new).collect();
    let done = at_once(pieces.len(), |at| {
        // Each is taken by one thread alone.
        let Some(Ok(mut values)) = pieces.get(at).map(Mutex::lock) else { return Ok(()) };
        work(at * piece, &mut values)
    });
    done.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{at_once, fill_at_once};

    #[test]
    fn every_number_is_filled_and_the_first_error_is_told() {
        let mut values = vec![0.0; 1001];
        let count = |first: usize, into: &mut [f32]| -> Result<(), usize> {
            into.iter_mut().enumerate().for_each(|(at, value)| *value = (first + at) as f32);
            Ok(())
        };
        fill_at_once(&mut values, 10, count).unwrap();
        assert!(values.iter().enumerate().all(|(at, value)| *value == at as f32));
        let odd = |first: usize, _: &mut [f32]| if first % 20 == 10 { Err(first) } else { Ok(()) };
        assert_eq!(fill_at_once(&mut values, 10, odd), Err(10));
        assert_eq!(fill_at_once(&mut [], 0, odd), Ok(()));
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces() {
        for pieces in [0, 1, 2, 1000] {
            assert_eq!(
                at_once(pieces, |piece| 2 * piece),
                (0..pieces).map(|piece| 2 * piece).collect::<Vec<_>>()
            );
        }
    }
}
