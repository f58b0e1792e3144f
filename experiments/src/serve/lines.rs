//! Lines from a client: no longer than the cap, whole, and within the server's patience.

use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use super::protocol::LONGEST_LINE;
use super::timed_out;

/// How long one read waits before it is looked at the clock and at whether the server is to end.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// What came instead of a line.
#[derive(Debug)]
pub(super) enum End {
    /// The client is gone, or its connection broke.
    Gone,
    /// It sent no whole line for too long.
    Silent,
    /// Its line is longer than any may be.
    TooLong,
    /// The server ends.
    Stopping,
}

/// Reads lines.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub fn new(from: R) -> Self {
        Self { from: BufReader::new(from), line: Vec::new() }
    }

    /// The next line, without its end. A client that sends a byte now and then is as silent as one that sends none.
    pub fn next(&mut self, patience: Duration, stopping: impl Fn() -> bool) -> Result<&[u8], End> {
        self.line.clear();
        // What a long line needed is not kept for the next.
        self.line.shrink_to(4096);
        let began = Instant::now();
        loop {
            if stopping() {
                return Err(End::Stopping);
            }
            if began.elapsed() > patience {
                return Err(End::Silent);
            }
            let there = match self.from.fill_buf() {
                Ok([]) => return Err(End::Gone),
                Ok(there) => there,
                Err(error) if timed_out(&error) || error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(End::Gone),
            };
            let end = there.iter().position(|byte| *byte == b'\n');
            let take = end.unwrap_or(there.len());
            if self.line.len() + take > LONGEST_LINE {
                return Err(End::TooLong);
            }
            self.line.extend_from_slice(&there[..take]);
            self.from.consume(take + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(&self.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(bytes: &[u8]) -> Vec<Result<Vec<u8>, String>> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        loop {
            match lines.next(Duration::from_secs(9), || false) {
                Ok(line) => all.push(Ok(line.to_vec())),
                Err(end) => {
                    all.push(Err(format!("{end:?}")));
                    return all;
                }
            }
        }
    }

    #[test]
    fn lines_are_whole_and_no_longer_than_the_cap() {
        let gone = || Err("Gone".to_owned());
        assert_eq!(next(b"a\n\nbc\nrest"), [Ok(b"a".to_vec()), Ok(vec![]), Ok(b"bc".to_vec()), gone()]);
        let longest = vec![b'x'; LONGEST_LINE];
        assert_eq!(next(&[longest.as_slice(), b"\n"].concat()), [Ok(longest.clone()), gone()]);
        assert_eq!(next(&[longest.as_slice(), b"x\n"].concat()), [Err("TooLong".to_owned())]);
    }

    #[test]
    fn a_byte_now_and_then_is_no_line() {
        struct Trickle;
        impl Read for Trickle {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                std::thread::sleep(Duration::from_millis(5));
                to[0] = b'x';
                Ok(1)
            }
        }
        let mut lines = Lines::new(Trickle);
        assert!(matches!(lines.next(Duration::from_millis(60), || false), Err(End::Silent)));
        assert!(matches!(lines.next(Duration::from_secs(9), || true), Err(End::Stopping)));
    }
}
