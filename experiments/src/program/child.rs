//! A child process that is asked and answers, within a time: whatever it does, nobody waits longer for it, and it leaves no
//! process behind.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Problem;
use super::protocol::{LONGEST_ANSWER, quoted};

/// How long a wait lasts before it is looked at what else there is.
const LOOK: Duration = Duration::from_millis(50);
/// How long a program that has closed its output is given to end.
const ENDING: Duration = Duration::from_secs(1);
/// How long one that was told goodbye is.
const GRACE: Duration = Duration::from_secs(5);
/// How long what it says on standard error is waited for once it has ended.
const ECHO: Duration = Duration::from_millis(500);
/// Lines of standard error that are kept, and bytes of each.
const WORDS: usize = 8;
const LONGEST_WORDS: usize = 300;

/// What came from standard output; its end closes the channel.
enum Heard {
    Line(Vec<u8>),
    TooLong,
}

/// The process, and the threads that write to it and read from it. These end with its pipes, and nobody waits for them.
pub(super) struct Child {
    process: process::Child,
    /// Its standard input, until it is told goodbye.
    to: Option<Sender<Vec<u8>>>,
    from: Receiver<Heard>,
    words: Arc<Mutex<VecDeque<String>>>,
    /// Closed at the end of standard error.
    silent: Receiver<()>,
    patience: Duration,
    /// Whether it has been waited for.
    ended: bool,
    /// Whether what it started has been ended.
    swept: bool,
}

impl Child {
    pub(super) fn start(words: &[String], patience: Duration) -> Result<Self, Problem> {
        let file = words.first().cloned().unwrap_or_default();
        let mut command = Command::new(&file);
        command.args(words.iter().skip(1));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Python holds back what it prints into a pipe, and would never be heard.
        command.env("PYTHONUNBUFFERED", "1");
        // A group of its own, so that what it starts itself ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let not_started = |source| Problem::NotStarted { file: file.clone(), source };
        let mut process = command.spawn().map_err(not_started)?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (to, lines) = channel();
        // One answer at most waits to be taken: a program that writes without end is held up by its pipe.
        let (heard, from) = sync_channel(1);
        let (noise, silent) = channel();
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let child = Self {
            process,
            to: Some(to),
            from,
            words: kept.clone(),
            silent,
            patience,
            ended: false,
            swept: false,
        };
        if let (Some(stdin), Some(stdout), Some(stderr)) = pipes {
            let spawn =
                |work: Box<dyn FnOnce() + Send>| thread::Builder::new().name("program".into()).spawn(work);
            spawn(Box::new(move || write(stdin, &lines))).map_err(not_started)?;
            spawn(Box::new(move || listen(stdout, &heard))).map_err(not_started)?;
            spawn(Box::new(move || overhear(stderr, &kept, noise))).map_err(not_started)?;
        }
        Ok(child)
    }

    /// Says a line and gives back the answer. `stop` is asked all the while.
    pub(super) fn ask(
        &mut self,
        what: &'static str,
        line: Vec<u8>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, Problem> {
        if let Ok(heard) = self.from.try_recv() {
            return Err(unasked(heard));
        }
        // Of one that answers at once a wait would never look.
        if stop() {
            return Err(Problem::Stopped);
        }
        // Where nobody reads any more, no answer will say so.
        let _ = self.to.as_ref().map(|to| to.send(line));
        let until = Instant::now() + self.patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.from.recv_timeout(left.min(LOOK)) {
                Ok(Heard::Line(line)) => return Ok(line),
                Ok(Heard::TooLong) => return Err(Problem::TooLong),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone(what)),
                Err(RecvTimeoutError::Timeout) if stop() => return Err(Problem::Stopped),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(Problem::Late { what, patience: self.patience });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Says the last line and waits for the end, but not for long; what is heard until then was not asked for.
    pub(super) fn finish(&mut self, line: Vec<u8>) -> Result<(), Problem> {
        if let Some(to) = self.to.take() {
            let _ = to.send(line);
        }
        match self.from.recv_timeout(GRACE.min(self.patience)) {
            Ok(heard) => Err(unasked(heard)),
            Err(_) => {
                self.status(GRACE);
                self.end();
                Ok(())
            }
        }
    }

    /// Its last lines on standard error, in one.
    pub(super) fn last_words(&mut self) -> String {
        if self.ended {
            let _ = self.silent.recv_timeout(ECHO);
        }
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }

    /// Why nothing comes any more.
    fn gone(&mut self, what: &'static str) -> Problem {
        match self.status(ENDING) {
            Some(status) => Problem::Ended { what, status },
            None => Problem::Closed { what },
        }
    }

    /// How it ended, where it does so before long.
    fn status(&mut self, within: Duration) -> Option<process::ExitStatus> {
        let until = Instant::now() + within.min(self.patience);
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => {
                    self.ended = true;
                    return Some(status);
                }
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }

    /// Ends it where it has not ended, and what it started in any case.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.swept, true) {
            self.sweep();
        }
        if !std::mem::replace(&mut self.ended, true) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    /// Ends its group: a program that has ended may have left others in it.
    fn sweep(&self) {
        // The library ends one process and no group; the program of the same name does, on every Unix (POSIX, `kill`).
        #[cfg(unix)]
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &format!("-{}", self.process.id())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

fn unasked(heard: Heard) -> Problem {
    match heard {
        Heard::Line(line) => Problem::Unasked { line: quoted(&line) },
        Heard::TooLong => Problem::TooLong,
    }
}

/// Writes lines until there are no more or nobody reads them, and closes standard input.
fn write(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    for line in lines {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// Passes on whole lines.
fn listen(stdout: ChildStdout, heard: &SyncSender<Heard>) {
    let mut from = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = from.by_ref().take(LONGEST_ANSWER as u64 + 1).read_until(b'\n', &mut line);
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        let told = match (read, whole) {
            (Ok(_), true) => heard.send(Heard::Line(line)),
            (Ok(count), false) if count > LONGEST_ANSWER => {
                let _ = heard.send(Heard::TooLong);
                return;
            }
            // Half a line at the end is no answer.
            _ => return,
        };
        if told.is_err() {
            return;
        }
    }
}

/// Keeps the last lines of standard error, each as far as it is shown. `_noise` closes with the thread.
fn overhear(stderr: ChildStderr, kept: &Mutex<VecDeque<String>>, _noise: Sender<()>) {
    let mut from = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match from.by_ref().take(LONGEST_WORDS as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if text.is_empty() {
            continue;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == WORDS {
            kept.pop_front();
        }
        kept.push_back(text);
    }
}
