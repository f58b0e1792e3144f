//! Recordings of a loop: append-only text, whole lines, readable after a kill.
//!
//! ```text
//! forethought-recording 1 {"environment": ..., what the loop was made of}
//! episode EPOCH SEED TOLERANCE ENTRY=VALUE...      what the task is for, where it is for a place
//! plan EPOCH TICK ROWS SERIAL      what was planned from the observation of a tick; SERIAL is `failed` where nothing came of it,
//!                                  and a line `idle EPOCH TICK` says that no plan was due
//! tick EPOCH TICK NANOSECONDS SEEN RUNG | OBSERVATION... | COMMAND...
//! lost LINES                       lines that are missing, where the writer did not keep up
//! ```
//!
//! Numbers have as many digits as give the same bits back. A line without an end is not there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Clock;
use super::ladder::Rung;
use super::link::{Link, Note};
use super::tape::{EpisodeLine, Made, PlanLine, Tape, TickLine};
use crate::{AgentError, RealTimeConfig};

const MAGIC: &str = "forethought-recording";
const VERSION: u64 = 1;
/// Longest line that is read: far above any observation, far below what memory holds.
const LONGEST_LINE: u64 = 1 << 24;

/// What a loop was made of: enough to make it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingHeader {
    /// Environment id.
    pub environment: String,
    /// Checkpoint folder, as it was named.
    pub checkpoint: PathBuf,
    /// SHA-256 of its weights.
    pub weights: String,
    /// Version of the program.
    pub version: String,
    /// Plan, control and task settings ([`crate::AgentSettings`]).
    pub settings: Value,
    /// Settings of the loop.
    pub realtime: RealTimeConfig,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    file: BufWriter<File>,
    path: PathBuf,
    tape: Arc<Tape>,
    lost: u64,
}

impl Recorder {
    /// Begins a file for what comes over a tape.
    ///
    /// # Errors
    /// [`AgentError::Recording`] for a file that is there already, or that cannot be written.
    pub fn create(path: &Path, header: &RecordingHeader, tape: Arc<Tape>) -> Result<Self, AgentError> {
        let failed = |source| recording(path, source);
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        let header = serde_json::to_string(header).map_err(|error| recording(path, error.into()))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{MAGIC} {VERSION} {header}").and_then(|()| file.flush()).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), tape, lost: 0 })
    }

    /// Writes down what has come over the tape, up to whole lines.
    ///
    /// # Errors
    /// [`AgentError::Recording`]: lines are lost then; the loop is not concerned.
    pub fn write(&mut self) -> Result<(), AgentError> {
        // One buffer for both kinds: each closure borrows it in turn.
        let file = std::cell::RefCell::new(&mut self.file);
        let written = self.tape.drain(
            |line| episode(&mut **file.borrow_mut(), &line),
            |line| plan(&mut **file.borrow_mut(), line),
            |line| tick(&mut **file.borrow_mut(), line),
        );
        let lost = self.tape.lost();
        let told = written.and_then(|()| {
            if std::mem::replace(&mut self.lost, lost) < lost {
                writeln!(self.file, "lost {lost}")
            } else {
                Ok(())
            }
        });
        told.and_then(|()| self.file.flush()).map_err(|source| recording(&self.path, source))
    }
}

/// How long what the loop did stays in memory.
const BETWEEN_WRITES: Duration = Duration::from_millis(50);

impl Recorder {
    /// Writes on a thread of its own until the loop is gone. A disk that is full ends the recording, and is told of in the
    /// loop's report; the loop goes on.
    pub(crate) fn run(mut self, link: Arc<Link>, clock: Arc<dyn Clock>) -> io::Result<()> {
        let named = thread::Builder::new().name("forethought-recorder".to_owned());
        let work = move || {
            loop {
                let last = link.is_closed();
                if let Err(error) = self.write() {
                    let note = Note { at: clock.now(), what: format!("the recording ends here: {error}") };
                    link.notes.force_push(note);
                    return;
                }
                if last {
                    return;
                }
                thread::sleep(BETWEEN_WRITES);
            }
        };
        named.spawn(work).map(drop)
    }
}

fn recording(path: &Path, source: io::Error) -> AgentError {
    AgentError::Recording { path: path.to_owned(), problem: source.to_string() }
}

fn numbers(to: &mut dyn Write, values: &[f64]) -> io::Result<()> {
    values.iter().try_for_each(|value| write!(to, " {value}"))
}

fn episode(to: &mut dyn Write, EpisodeLine { epoch, seed, tolerance, goal }: &EpisodeLine) -> io::Result<()> {
    write!(to, "episode {epoch} {seed} {tolerance}")?;
    goal.iter().try_for_each(|(entry, value)| write!(to, " {entry}={value}"))?;
    writeln!(to)
}

fn plan(to: &mut dyn Write, PlanLine { epoch, tick, made }: PlanLine) -> io::Result<()> {
    match made {
        Made::Nothing => writeln!(to, "idle {epoch} {tick}"),
        Made::Failure { rows } => writeln!(to, "plan {epoch} {tick} {rows} failed"),
        Made::Plan { rows, serial } => writeln!(to, "plan {epoch} {tick} {rows} {serial}"),
    }
}

fn tick(to: &mut dyn Write, line: &TickLine) -> io::Result<()> {
    let TickLine { epoch, tick, now, seen, rung, observation, command } = line;
    write!(to, "tick {epoch} {tick} {} {seen} {} |", now.as_nanos(), rung.name())?;
    numbers(to, observation)?;
    write!(to, " |")?;
    numbers(to, command)?;
    writeln!(to)
}

/// An episode of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEpisode {
    /// How it begins.
    pub begin: EpisodeLine,
    /// Ticks in order.
    pub ticks: Vec<TickLine>,
    /// What the planner's side made, in order.
    pub plans: Vec<PlanLine>,
}

/// A recording that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// What the loop was made of.
    pub header: RecordingHeader,
    /// Episodes in order.
    pub episodes: Vec<RecordedEpisode>,
    /// Lines that are missing.
    pub lost: u64,
    /// Whether it ends in the middle of a line.
    pub cut: bool,
    /// The file.
    pub path: PathBuf,
}

impl Recording {
    /// Reads a file. One whose writer was killed ends with its last whole line.
    ///
    /// # Errors
    /// [`AgentError::Recording`] naming the line and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        let mut file = BufReader::new(File::open(path).map_err(|source| recording(path, source))?);
        let wrong = |line: usize, problem: &str| AgentError::Recording {
            path: path.to_owned(),
            problem: format!("line {line}: {problem}"),
        };
        let mut read = Self { path: path.to_owned(), ..Self::default() };
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let mut limited = io::Read::take(&mut file, LONGEST_LINE);
            limited.read_until(b'\n', &mut bytes).map_err(|source| recording(path, source))?;
            if bytes.pop() != Some(b'\n') {
                if number == 1 {
                    return Err(wrong(1, "this is no recording of a loop"));
                }
                read.cut = !bytes.is_empty();
                break;
            }
            let line = std::str::from_utf8(&bytes).map_err(|_| wrong(number, "it is no text"))?;
            let took = if number == 1 { read.begin(line) } else { read.line(line) };
            took.ok_or_else(|| wrong(number, "it is no line of a recording that this version reads"))?;
        }
        // What was reset before its first tick was no episode.
        read.episodes.retain(|episode| !episode.ticks.is_empty());
        let gap =
            |pair: &[TickLine]| (pair[0].tick + 1 != pair[1].tick).then_some((pair[0].epoch, pair[1].tick));
        let gaps = read.episodes.iter().filter_map(|episode| episode.ticks.windows(2).find_map(gap));
        match gaps.into_iter().next().filter(|_| read.lost == 0) {
            Some((epoch, tick)) => Err(AgentError::Recording {
                path: path.to_owned(),
                problem: format!(
                    "tick {tick} of episode {epoch} does not follow the one before it: the file was changed"
                ),
            }),
            None => Ok(read),
        }
    }

    fn begin(&mut self, line: &str) -> Option<()> {
        let (version, header) = line.strip_prefix(MAGIC)?.trim_start().split_once(' ')?;
        (version.parse() == Ok(VERSION)).then_some(())?;
        self.header = serde_json::from_str(header).ok()?;
        Some(())
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut parts = line.split('|').map(|part| part.split_ascii_whitespace());
        let mut words = parts.next()?;
        let kind = words.next()?;
        if kind == "lost" {
            self.lost = words.next()?.parse().ok()?;
            return Some(());
        }
        let epoch: u64 = words.next()?.parse().ok()?;
        if kind == "episode" {
            let seed = words.next()?.parse().ok()?;
            let tolerance = words.next()?.parse().ok()?;
            let pair = |word: &str| {
                let (entry, value) = word.split_once('=')?;
                Some((entry.parse().ok()?, value.parse().ok()?))
            };
            let goal = words.map(pair).collect::<Option<_>>()?;
            let begin = EpisodeLine { epoch, seed, tolerance, goal };
            self.episodes.push(RecordedEpisode { begin, ticks: Vec::new(), plans: Vec::new() });
            return Some(());
        }
        let tick = words.next()?.parse().ok()?;
        let episode = self.episodes.iter_mut().rev().find(|episode| episode.begin.epoch == epoch)?;
        match kind {
            "idle" => episode.plans.push(PlanLine { epoch, tick, made: Made::Nothing }),
            "plan" => {
                let rows = words.next()?.parse().ok()?;
                let made = match words.next()? {
                    "failed" => Made::Failure { rows },
                    serial => Made::Plan { rows, serial: serial.parse().ok()? },
                };
                episode.plans.push(PlanLine { epoch, tick, made });
            }
            "tick" => {
                let now = Duration::from_nanos(words.next()?.parse().ok()?);
                let seen = words.next()?.parse().ok()?;
                let name = words.next()?;
                let rung = Rung::ALL.into_iter().find(|rung| rung.name() == name)?;
                let mut values = || parts.next()?.map(|word| word.parse().ok()).collect::<Option<Vec<f64>>>();
                let (observation, command) = (values()?, values()?);
                episode.ticks.push(TickLine { epoch, tick, now, seen, rung, observation, command });
            }
            _ => return None,
        }
        Some(())
    }
}
