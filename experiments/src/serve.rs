//! An agent for programs that speak neither Rust nor C nor Python: JSON lines over TCP.
//!
//! Lines of JSON, because every language has a parser for them and every engineer can type one; a command is a few hundred
//! bytes, which a loopback carries in microseconds. What is received is data: nothing of it is ever executed, and no path is
//! opened by its name. [The protocol](../SERVE.md).
//!
//! A client has an agent of its own and a thread that reads one request, answers it, and reads the next: a client that is slow
//! to read holds up nobody else, and one that sends faster than it is answered is held up by TCP.

mod lines;
mod protocol;
mod session;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use forethought_agent::{Agent, AgentError};
use forethought_envs::TaskKind;
use serde::Serialize;

use crate::failure::Failure;
use protocol::{Answer, Kind};
pub use protocol::{LONGEST_LINE, VERSION};

/// How often it is looked whether a client has come or the server is to end.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a client may take to read an answer.
const LONGEST_WRITE: Duration = Duration::from_secs(5);
/// Characters of a token at least: as many as nobody guesses.
const SHORTEST_TOKEN: usize = 16;

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Where to listen; port 0 is any that is free.
    pub address: SocketAddr,
    /// What clients must say. Needed anywhere but on loopback.
    pub token: Option<String>,
    /// Clients at a time.
    pub clients: usize,
    /// Without a whole request for so long a client is let go.
    pub patience: Duration,
}

/// What happened.
#[derive(Debug, Default, Serialize)]
pub struct Served {
    /// Clients that came.
    pub clients: AtomicU64,
    /// Requests that were answered.
    pub answered: AtomicU64,
    /// Requests and clients that were refused.
    pub refused: AtomicU64,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    options: Arc<ServeOptions>,
    /// The answer to a hello.
    ready: Arc<[u8]>,
    served: Arc<Served>,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Listens, and tries the checkpoint.
    ///
    /// # Errors
    /// [`Failure`] for an address that is not loopback without a token, a token that is too short, a checkpoint that cannot be
    /// used, and an address that cannot be had.
    pub fn bind(options: ServeOptions) -> Result<Self, Failure> {
        if options.clients == 0 {
            return Err(Failure::refused("--clients is 0: give at least 1"));
        }
        match &options.token {
            None if !options.address.ip().is_loopback() => {
                return Err(Failure::refused(format!(
                    "{} is not loopback, so that others can reach it: give a token with --token-file, or listen on 127.0.0.1",
                    options.address
                )));
            }
            Some(token) if token.chars().count() < SHORTEST_TOKEN => {
                return Err(Failure::refused(format!(
                    "the token has {} characters: give at least {SHORTEST_TOKEN}",
                    token.chars().count()
                )));
            }
            _ => {}
        }
        let agent = agent(&options.checkpoint)?;
        let (spec, task) = (agent.spec(), agent.task());
        let goal = if task.kind == TaskKind::Goal { task.entries.len() } else { 0 };
        let (observation, action) = (spec.observation.len(), spec.action.len());
        let ready =
            Answer::Ready { version: VERSION, environment: &spec.id, observation, action, goal }.line();
        let unheard = |error: io::Error| {
            Failure::refused(format!(
                "cannot listen on {}: {error}; choose another with --bind",
                options.address
            ))
        };
        let listener = TcpListener::bind(options.address).map_err(unheard)?;
        listener.set_nonblocking(true).map_err(unheard)?;
        let (served, stopping) = (Arc::default(), Arc::default());
        Ok(Self { listener, options: Arc::new(options), ready: ready.into(), served, stopping })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// That of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `ended` says so. Clients are told; nobody is waited for.
    pub fn run(&self, mut ended: impl FnMut() -> bool) -> Arc<Served> {
        let present = Arc::new(AtomicUsize::new(0));
        while !ended() {
            match self.listener.accept() {
                Ok((stream, _)) => self.welcome(stream, &present),
                Err(_) => thread::sleep(PAUSE),
            }
        }
        self.stopping.store(true, Ordering::Relaxed);
        // Long enough for idle clients to be told.
        let told = |_: &usize| present.load(Ordering::Relaxed) > 0;
        (0..50_usize).take_while(told).for_each(|_| thread::sleep(PAUSE));
        Arc::clone(&self.served)
    }

    fn welcome(&self, mut stream: TcpStream, present: &Arc<AtomicUsize>) {
        self.served.clients.fetch_add(1, Ordering::Relaxed);
        let ready = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true))
            .and_then(|()| stream.set_write_timeout(Some(LONGEST_WRITE)))
            .and_then(|()| stream.set_read_timeout(Some(lines::LOOK)));
        if ready.is_err() {
            return;
        }
        if present.load(Ordering::Relaxed) >= self.options.clients {
            self.served.refused.fetch_add(1, Ordering::Relaxed);
            let busy = format!(
                "{} clients are here, as many as may be at a time: try again later",
                self.options.clients
            );
            // Whoever does not read it is gone anyway.
            let _ = stream.write_all(&Answer::error(Kind::Busy, busy).line());
            return;
        }
        present.fetch_add(1, Ordering::Relaxed);
        let (options, served) = (Arc::clone(&self.options), Arc::clone(&self.served));
        let ready = Arc::clone(&self.ready);
        let (stopping, present_there) = (Arc::clone(&self.stopping), Arc::clone(present));
        let spawned = thread::Builder::new().name("forethought-client".to_owned()).spawn(move || {
            let _gone = Gone(present_there);
            session::attend(stream, &options, &ready, &served, &stopping);
        });
        if spawned.is_err() {
            present.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Counts a client off, also where its thread panics.
struct Gone(Arc<AtomicUsize>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The agent of a client: on one thread, because there may be several.
fn agent(checkpoint: &Path) -> Result<Agent, AgentError> {
    Agent::builder(checkpoint).threads(1).build()
}

/// Whether reading or writing failed because of time.
fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
