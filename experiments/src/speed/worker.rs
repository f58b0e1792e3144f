//! The PyTorch process: one JSON object a line, both ways.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::results::TorchRecord;
use crate::failure::Failure;

/// How to come by a Python that serves.
const REMEDY: &str = "make one with `python3 -m venv torch-venv && torch-venv/bin/pip install torch numpy`, then \
                      give --python torch-venv/bin/python";
/// The same network in PyTorch.
const SCRIPT: &str = include_str!("pytorch.py");
/// Bytes of the process's error output that are shown.
const SHOWN: usize = 2000;

/// The running process. Ends with its owner.
pub struct Worker {
    child: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

impl Worker {
    /// Starts Python on the script that comes with the program.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be started, naming the remedy.
    pub fn start(python: &Path) -> Result<Self, Failure> {
        Self::start_with(python, SCRIPT)
    }

    fn start_with(python: &Path, script: &str) -> Result<Self, Failure> {
        let refused =
            |why: String| Failure::refused(format!("--python {}: {why}; {REMEDY}", python.display()));
        let spawned = Command::new(python)
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| refused(format!("cannot be started ({error})")))?;
        let (requests, replies, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(replies), Some(mut errors)) = (replies, errors) else {
            return Err(refused("has no output".into()));
        };
        // Read all along: a full pipe would stop the process.
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = errors.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(Self { child, requests, replies: BufReader::new(replies), errors: Some(errors) })
    }

    /// Hands over the checkpoint, and learns what answers.
    ///
    /// # Errors
    /// [`Failure`] for a Python without torch, naming the remedy, and for a checkpoint that it cannot read.
    pub fn load(
        &mut self,
        python: &Path,
        checkpoint: &Path,
        device: &str,
        threads: usize,
        modes: &[&str],
    ) -> Result<TorchRecord, Failure> {
        let request =
            json!({ "do": "load", "path": checkpoint, "device": device, "threads": threads, "modes": modes });
        let reply = self.ask(&request).map_err(|failure| {
            Failure::refused(format!("--python {}: {failure}; {REMEDY}", python.display()))
        })?;
        serde_json::from_value(reply).map_err(|error| strange(&error.to_string()))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`Failure`] with what the process said, or with the end of its error output when it is gone.
    pub fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        if let Some(pipe) = &mut self.requests {
            // A process that is gone may have left word of why: that is read below.
            let _ = writeln!(pipe, "{request}").and_then(|()| pipe.flush());
        }
        let mut line = String::new();
        let read = self.replies.read_line(&mut line).map_err(|error| strange(&error.to_string()))?;
        if read == 0 {
            return Err(self.gone());
        }
        let reply: Value = serde_json::from_str(&line).map_err(|error| strange(&error.to_string()))?;
        match reply.get("error").and_then(Value::as_str) {
            Some(error) => Err(Failure::broken(format!("the PyTorch process: {error}"))),
            None => Ok(reply),
        }
    }

    /// As [`Worker::ask`], for one number of the answer.
    ///
    /// # Errors
    /// Those of [`Worker::ask`], and when there is no such number.
    pub fn ask_number(&mut self, request: &Value, name: &str) -> Result<f64, Failure> {
        let reply = self.ask(request)?;
        reply
            .get(name)
            .and_then(Value::as_f64)
            .ok_or_else(|| strange(&format!("no number `{name}` in {reply}")))
    }

    fn gone(&mut self) -> Failure {
        self.requests = None;
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let from = said.char_indices().rev().take(SHOWN).last().map_or(0, |(at, _)| at);
        Failure::broken(format!("the PyTorch process ended ({status}): {}", said[from..].trim()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        // It may have ended by itself; either way it is not left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn strange(what: &str) -> Failure {
    Failure::broken(format!("the PyTorch process gave an answer that makes no sense: {what}"))
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A worker in shell that answers line by line.
    fn fake(body: &str) -> Worker {
        Worker::start_with(Path::new("/bin/sh"), body).unwrap()
    }

    #[test]
    fn requests_are_answered_line_by_line() {
        let mut worker = fake(
            "while read -r line; do case $line in *time*) echo '{\"ms\": 12.5}';; *) echo '{}';; esac; done",
        );
        assert_eq!(worker.ask(&json!({ "do": "row" })).unwrap(), json!({}));
        assert_eq!(worker.ask_number(&json!({ "do": "time" }), "ms").unwrap(), 12.5);
        let failure = worker.ask_number(&json!({ "do": "row" }), "ms").unwrap_err().to_string();
        assert!(failure.contains("`ms`"), "{failure}");
    }

    #[test]
    fn what_the_process_says_is_passed_on() {
        let mut worker = fake("read -r line; echo '{\"error\": \"no such case\"}'; read -r line; echo junk");
        let said = worker.ask(&json!({})).unwrap_err().to_string();
        assert!(said.contains("no such case"), "{said}");
        let junk = worker.ask(&json!({})).unwrap_err().to_string();
        assert!(junk.contains("makes no sense"), "{junk}");
    }

    #[test]
    fn a_process_that_ends_leaves_its_last_words() {
        let mut worker = fake("echo 'out of memory' >&2; exit 3");
        let failure = worker.ask(&json!({})).unwrap_err().to_string();
        assert!(failure.contains("out of memory") && failure.contains('3'), "{failure}");
    }

    #[test]
    fn a_python_without_torch_or_without_existence_names_the_remedy() {
        let mut worker = fake("echo '{\"error\": \"this Python lacks a package (torch)\"}'; exit 1");
        let failure = worker.load(Path::new("py"), Path::new("x"), "cpu", 1, &[]).unwrap_err();
        assert_eq!(failure.code(), 2);
        let message = failure.to_string();
        assert!(
            message.contains("lacks a package") && message.contains("pip install torch numpy"),
            "{message}"
        );
        let missing = PathBuf::from("no/such/python");
        let failure = Worker::start(&missing).err().unwrap();
        assert_eq!(failure.code(), 2);
        assert!(
            failure.to_string().contains("no/such/python") && failure.to_string().contains("pip install")
        );
    }
}
