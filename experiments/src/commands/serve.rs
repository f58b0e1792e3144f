//! `forethought serve`: an agent for other programs.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::cli::ServeArgs;
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Deferred;
use crate::serve::{ServeOptions, Server, VERSION};
use crate::{resolve, shipped};

/// Longest token, bytes.
const LONGEST_TOKEN: u64 = 4096;

/// Carries out the command.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let path = Path::new(&args.agent);
    let checkpoint = match path.is_dir() {
        true => path.to_owned(),
        false => shipped::checkpoint_or_refusal(&resolve::environment_id(&args.agent)?)?,
    };
    let address: SocketAddr = args.bind.parse().map_err(|_| {
        Failure::refused(format!("--bind {}: write an address and a port, such as 127.0.0.1:7411", args.bind))
    })?;
    let token = args.token_file.as_deref().map(token).transpose()?;
    let patience = Duration::from_secs(args.patience);
    let options = ServeOptions { checkpoint, address, token, clients: args.clients, patience };
    let server = Server::bind(options)?;
    let heard = Deferred::begin();
    let address = server.address().map_err(|error| Failure::broken(error.to_string()))?;
    if args.json {
        console::json(&json!({ "address": address.to_string(), "version": VERSION }))?;
    } else {
        console::line(format_args!(
            "serving {} on {address}, version {VERSION} of the protocol; Ctrl-C ends it",
            args.agent
        ))?;
    }
    let served = server.run(|| heard.requested());
    if args.json {
        return console::json(&json!(*served));
    }
    let count = |of: &std::sync::atomic::AtomicU64| of.load(std::sync::atomic::Ordering::Relaxed);
    console::line(format_args!(
        "{} clients came, {} requests were answered, {} refused",
        count(&served.clients),
        count(&served.answered),
        count(&served.refused)
    ))
}

/// The first line of a file: what is typed would stand in the list of processes.
fn token(path: &Path) -> Result<String, Failure> {
    let refused = |problem: String| Failure::refused(format!("--token-file {}: {problem}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| refused(error.to_string()))?;
    file.take(LONGEST_TOKEN).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
