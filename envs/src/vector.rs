//! Many environments stepped side by side on a few threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::{EnvError, EnvSpec, Environment, Start, Transition};

/// One environment with what it was asked and what it answered.
struct Slot {
    env: Box<dyn Environment>,
    start: Start,
    action: Vec<f64>,
    /// Whether the command of this call is for this environment.
    active: bool,
    outcome: Result<Option<Transition>, EnvError>,
    /// Why the environment is no longer used: it panicked, so that its state means nothing.
    broken: Option<String>,
}

#[derive(Clone, Copy)]
enum Command {
    Reset,
    Step,
}

struct Job {
    command: Command,
    slots: Vec<Slot>,
}

struct Worker {
    jobs: Option<Sender<Job>>,
    done: Receiver<Vec<Slot>>,
    thread: Option<JoinHandle<()>>,
}

/// Environments with equal spaces, each with its own seed, stepped in one call.
///
/// Environments never share state, so results do not depend on the number of threads. An error or panic
/// in one environment is that environment's outcome; the others go on. An environment that panicked
/// answers [`EnvError::Worker`] from then on.
///
/// With one thread everything runs on the caller's, and no thread is started. For environments that step
/// in well under a microsecond, such as the mazes, one thread is also the fastest.
pub struct VectorEnv {
    /// Contiguous chunks: the first is the caller's, each further one belongs to a worker.
    chunks: Vec<Vec<Slot>>,
    chunk_len: usize,
    len: usize,
    workers: Vec<Worker>,
    spec: EnvSpec,
}

/// Most environments that a vector is made of by name.
const MOST: usize = 1 << 20;

impl VectorEnv {
    /// Vector of these environments on `threads` threads (the caller's among them).
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] without environments or threads, or when spaces differ;
    /// [`EnvError::Worker`] when the system starts no thread.
    pub fn new(envs: Vec<Box<dyn Environment>>, threads: usize) -> Result<Self, EnvError> {
        let Some(spec) = envs.first().map(|env| env.spec().clone()) else {
            return Err(EnvError::Mismatch("a vector needs at least one environment".to_owned()));
        };
        if threads == 0 {
            return Err(EnvError::Mismatch("a vector needs at least one thread".to_owned()));
        }
        if let Some(other) = envs
            .iter()
            .map(|env| env.spec())
            .find(|other| other.observation != spec.observation || other.action != spec.action)
        {
            return Err(EnvError::Mismatch(format!(
                "`{}` and `{}` have different spaces and cannot share a vector",
                spec.id, other.id
            )));
        }
        let len = envs.len();
        let chunk_len = len.div_ceil(threads);
        let actions = spec.action.len();
        let mut chunks: Vec<Vec<Slot>> = Vec::new();
        for env in envs {
            let slot = Slot {
                env,
                start: Start::default(),
                action: vec![0.0; actions],
                active: true,
                outcome: Ok(None),
                broken: None,
            };
            match chunks.last_mut() {
                Some(chunk) if chunk.len() < chunk_len => chunk.push(slot),
                _ => chunks.push(vec![slot]),
            }
        }
        let workers = (1..chunks.len()).map(start_worker).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { chunks, chunk_len, len, workers, spec })
    }

    /// `count` environments of a registered name.
    ///
    /// # Errors
    /// As [`VectorEnv::new`] and [`crate::make`].
    pub fn make(id: &str, count: usize, threads: usize) -> Result<Self, EnvError> {
        if count > MOST {
            return Err(EnvError::Mismatch(format!(
                "{count} environments in one vector: make at most {MOST}"
            )));
        }
        let envs = (0..count).map(|_| crate::make(id)).collect::<Result<Vec<_>, _>>()?;
        Self::new(envs, threads)
    }

    /// Number of environments.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: an empty vector cannot be made.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Specification of the first environment; the spaces are those of all.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// One environment, `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<&dyn Environment> {
        let slot = self.chunks.get(index / self.chunk_len)?.get(index % self.chunk_len)?;
        Some(slot.env.as_ref())
    }

    /// One environment to change, for example its goal.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut dyn Environment> {
        let slot = self.chunks.get_mut(index / self.chunk_len)?.get_mut(index % self.chunk_len)?;
        Some(&mut *slot.env)
    }

    /// Starts an episode in each environment from its own start.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] unless there is one start per environment. What single environments
    /// answered stands in the returned list.
    pub fn reset(&mut self, starts: &[Start]) -> Result<Vec<Result<(), EnvError>>, EnvError> {
        self.check_len("starts", starts.len(), self.len)?;
        for (slot, start) in self.slots_mut().zip(starts) {
            slot.start.clone_from(start);
            slot.active = true;
        }
        self.run(Command::Reset)?;
        Ok(self.slots_mut().map(|slot| take(slot).map(|_| ())).collect())
    }

    /// Steps each environment; `actions` is row-major (environments x action length).
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when `actions` has another length. What single environments answered
    /// stands in the returned list.
    pub fn step(&mut self, actions: &[f64]) -> Result<Vec<Result<Transition, EnvError>>, EnvError> {
        let outcomes = self.step_where(actions, |_| true)?;
        let id = self.spec.id.clone();
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.and_then(|t| t.ok_or_else(|| EnvError::Worker(id.clone()))))
            .collect())
    }

    /// Steps the environments for which `active(index)` holds and answers `Ok(None)` for the others, as
    /// for episodes that ended at different times.
    ///
    /// # Errors
    /// As [`VectorEnv::step`].
    pub fn step_where(
        &mut self,
        actions: &[f64],
        active: impl Fn(usize) -> bool,
    ) -> Result<Vec<Result<Option<Transition>, EnvError>>, EnvError> {
        let width = self.spec.action.len();
        self.check_len("action entries", actions.len(), self.len * width)?;
        for (index, slot) in self.slots_mut().enumerate() {
            slot.action.copy_from_slice(&actions[index * width..(index + 1) * width]);
            slot.active = active(index);
        }
        self.run(Command::Step)?;
        Ok(self.slots_mut().map(take).collect())
    }

    /// Writes all observations, row-major (environments x observation length), into `out`.
    pub fn observations_into(&self, out: &mut Vec<f64>) {
        out.clear();
        for slot in self.chunks.iter().flatten() {
            out.extend_from_slice(slot.env.observation());
        }
    }

    fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.chunks.iter_mut().flatten()
    }

    fn check_len(&self, what: &str, got: usize, want: usize) -> Result<(), EnvError> {
        if got == want {
            return Ok(());
        }
        let (id, len) = (&self.spec.id, self.len);
        Err(EnvError::Mismatch(format!("{len} environments of `{id}` take {want} {what}, {got} were given")))
    }

    /// Hands chunks to the workers, does the first one here, and takes the chunks back.
    fn run(&mut self, command: Command) -> Result<(), EnvError> {
        let mut handed = 0;
        let mut lost = None;
        for (k, worker) in self.workers.iter().enumerate() {
            let slots = std::mem::take(&mut self.chunks[k + 1]);
            match worker.jobs.as_ref().map(|jobs| jobs.send(Job { command, slots })) {
                Some(Ok(())) => handed = k + 1,
                Some(Err(refused)) => {
                    self.chunks[k + 1] = refused.0.slots;
                    lost = Some(k);
                    break;
                }
                None => {
                    lost = Some(k);
                    break;
                }
            }
        }
        run_slots(command, &mut self.chunks[0]);
        for k in 0..handed {
            match self.workers[k].done.recv() {
                Ok(slots) => self.chunks[k + 1] = slots,
                Err(_) => lost = Some(k),
            }
        }
        match lost {
            None => Ok(()),
            Some(k) => Err(EnvError::Worker(format!("thread {k} is gone; make a new vector"))),
        }
    }
}

impl Drop for VectorEnv {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.jobs = None;
            if let Some(thread) = worker.thread.take() {
                // A worker catches its environments' panics; one that still ended has nothing to say.
                drop(thread.join());
            }
        }
    }
}

fn start_worker(index: usize) -> Result<Worker, EnvError> {
    let (jobs, inbox) = bounded::<Job>(1);
    let (outbox, done) = bounded(1);
    let thread = std::thread::Builder::new()
        .name(format!("env-{index}"))
        .spawn(move || {
            for Job { command, mut slots } in inbox {
                run_slots(command, &mut slots);
                if outbox.send(slots).is_err() {
                    break;
                }
            }
        })
        .map_err(|source| EnvError::Worker(format!("thread {index} did not start: {source}")))?;
    Ok(Worker { jobs: Some(jobs), done, thread: Some(thread) })
}

fn run_slots(command: Command, slots: &mut [Slot]) {
    for slot in slots {
        if !slot.active {
            slot.outcome = Ok(None);
            continue;
        }
        if slot.broken.is_none() {
            let (env, action, start) = (&mut slot.env, &slot.action, &slot.start);
            // Unwind safety: an environment that panicked is never stepped again.
            let answer = catch_unwind(AssertUnwindSafe(|| match command {
                Command::Reset => env.reset(start).map(|()| None),
                Command::Step => env.step(action).map(Some),
            }));
            match answer {
                Ok(outcome) => {
                    slot.outcome = outcome;
                    continue;
                }
                Err(panic) => slot.broken = Some(panic_message(panic.as_ref())),
            }
        }
        let reason = slot.broken.as_deref().unwrap_or("unknown");
        slot.outcome = Err(EnvError::Worker(format!("`{}` panicked: {reason}", slot.env.spec().id)));
    }
}

fn take(slot: &mut Slot) -> Result<Option<Transition>, EnvError> {
    std::mem::replace(&mut slot.outcome, Ok(None))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
