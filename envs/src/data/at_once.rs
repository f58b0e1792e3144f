//! Pieces of work on as many threads as the machine has, with results in the order of the pieces.

use std::num::NonZero;
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

#[cfg(test)]
mod tests {
    use super::at_once;

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
