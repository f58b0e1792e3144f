//! The server under clients that mean well, and others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forethought_agent::Agent;
use forethought_experiments::serve::{LONGEST_LINE, ServeOptions, Server};
use serde_json::{Value, json};

fn checkpoint() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints/maze2d-umaze-v1")
}

fn options() -> ServeOptions {
    ServeOptions {
        checkpoint: checkpoint(),
        address: "127.0.0.1:0".parse().unwrap(),
        token: None,
        clients: 3,
        patience: Duration::from_secs(20),
    }
}

/// A server that ends with the test.
struct Running {
    address: SocketAddr,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new(options: ServeOptions) -> Self {
        let server = Server::bind(options).unwrap();
        let (address, end) = (server.address().unwrap(), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&end);
        let thread = thread::spawn(move || {
            server.run(|| ended.load(Ordering::Relaxed));
        });
        Self { address, end, thread: Some(thread) }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { to: stream.try_clone().unwrap(), from: BufReader::new(stream) }
    }

    /// A client that has said hello.
    fn welcome(&self) -> Client {
        let mut client = self.client();
        assert_eq!(client.ask(&json!({ "hello": { "version": 1 } }))["ready"]["observation"], 4);
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Client {
    to: TcpStream,
    from: BufReader<TcpStream>,
}

impl Client {
    fn say(&mut self, bytes: &[u8]) {
        // The server may have closed the connection in the middle of it.
        let _ = self.to.write_all(bytes);
    }

    /// The next answer; null where the connection is closed.
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) | Err(_) => Value::Null,
            Ok(_) => serde_json::from_str(&line).unwrap(),
        }
    }

    fn ask(&mut self, ask: &Value) -> Value {
        self.say(format!("{ask}\n").as_bytes());
        self.answer()
    }

    fn refused(&mut self, ask: &Value, kind: &str, says: &str) {
        let answer = self.ask(ask);
        assert_eq!(answer["error"]["kind"], kind, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(says), "{answer}");
    }
}

#[test]
fn a_client_is_driven_as_an_agent_drives() {
    let server = Running::new(options());
    let mut client = server.welcome();
    let mut agent = Agent::builder(checkpoint()).threads(1).build().unwrap();
    agent.reset_to(7, Some(&[1.0, 1.0])).unwrap();
    assert!(client.ask(&json!({ "reset": { "seed": 7, "goal": [1.0, 1.0] } }))["began"].is_object());
    let mut observation = [3.1, 2.9, 0.0, 0.0];
    for _ in 0..30 {
        let action =
            client.ask(&json!({ "act": { "observation": observation } }))["command"]["action"].clone();
        let action: Vec<f64> = serde_json::from_value(action).unwrap();
        assert_eq!(action, agent.act(&observation).unwrap());
        observation = [observation[0] - 0.01, observation[1] - 0.01, -1.0, -1.0];
    }
    let plan =
        client.ask(&json!({ "plan": { "observation": observation, "deadline_ms": 0.0 } }))["planned"].clone();
    assert_eq!(
        (plan["cut"].as_bool(), plan["frames"].as_u64().is_some_and(|frames| frames > 0)),
        (Some(true), true)
    );
    let whole = client.ask(&json!({ "plan": { "observation": observation } }))["planned"].clone();
    let frames = whole["frames"].as_u64().unwrap() as usize;
    assert!(!whole["cut"].as_bool().unwrap() && whole["actions"].as_array().unwrap().len() == 2 * frames);
    // Asked again and again before anything is done, a plan goes on beginning where the robot is.
    for deadline in [None, Some(5.0), None, Some(5.0), None, Some(0.0), Some(0.0), Some(0.0)] {
        let asked = json!({ "plan": { "observation": observation, "deadline_ms": deadline } });
        let planned = client.ask(&asked)["planned"]["observations"].clone();
        let first: Vec<f64> = (0..2).map(|i| planned[i].as_f64().unwrap()).collect();
        // The fastest there is moves 5 cm in a step.
        let away = (first[0] - observation[0]).hypot(first[1] - observation[1]);
        assert!(away < 0.15, "{first:?} from {observation:?}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_and_the_client_stays() {
    let server = Running::new(options());
    let mut client = server.welcome();
    client.refused(&json!({ "act": { "observation": [1, 1, 0, 0] } }), "order", "reset first");
    client.refused(&json!({ "reset": { "goal": [1.0] } }), "refused", "goal");
    client.refused(&json!({ "reset": {} }), "refused", "goal");
    assert!(client.ask(&json!({ "reset": { "goal": [1.0, 1.0] } }))["began"].is_object());
    client.refused(&json!({ "act": { "observation": [1, 1, 0] } }), "refused", "observation");
    client.refused(
        &json!({ "plan": { "observation": [1, 1, 0, 0], "deadline_ms": -1 } }),
        "refused",
        "deadline_ms",
    );
    client.refused(&json!({ "hello": { "version": 1 } }), "order", "hello");
    assert!(
        client.ask(&json!({ "act": { "observation": [1, 1, 0, 0] } }))["command"].is_object(),
        "all is well"
    );
}

#[test]
fn whoever_does_not_speak_the_protocol_is_let_go_of() {
    let server = Running::new(options());
    for (line, kind) in [
        ("GET / HTTP/1.1", "malformed"),
        ("{\"act\":{\"observation\":[1,2,3,4]}}", "unwelcome"),
        ("{\"hello\":{\"version\":2}}", "unwelcome"),
        ("{\"hello\":{\"version\":1,\"run\":\"rm\"}}", "malformed"),
        ("{\"hello\":{\"version\":1e999}}", "malformed"),
        ("", "malformed"),
    ] {
        let mut client = server.client();
        client.say(format!("{line}\n").as_bytes());
        assert_eq!(client.answer()["error"]["kind"], kind, "{line}");
        assert_eq!(client.answer(), Value::Null, "closed");
    }
    let mut long = server.welcome();
    long.say(&vec![b'['; LONGEST_LINE + 2]);
    assert!(matches!(long.answer(), Value::Null | Value::Object(_)));
    server.welcome();
}

#[test]
fn a_token_is_needed_where_there_is_one_and_anywhere_but_on_loopback() {
    let open = ServeOptions { address: "0.0.0.0:0".parse().unwrap(), ..options() };
    let refused = |options: &ServeOptions| Server::bind(options.clone()).err().unwrap().to_string();
    assert!(refused(&open).contains("--token-file"));
    let short = ServeOptions { token: Some("secret".into()), ..options() };
    assert!(refused(&short).contains("16"));
    let token = "a-token-that-nobody-guesses";
    let server = Running::new(ServeOptions { token: Some(token.into()), ..open });
    let hello = |token: Option<&str>| json!({ "hello": { "version": 1, "token": token } });
    for wrong in [None, Some(""), Some("a-token-that-nobody-guesseS"), Some("a")] {
        server.client().refused(&hello(wrong), "unwelcome", "another token");
    }
    assert!(server.client().ask(&hello(Some(token)))["ready"].is_object());
}

#[test]
fn slow_and_silent_clients_hold_up_nobody_and_there_are_no_more_than_may_be() {
    let server = Running::new(ServeOptions { patience: Duration::from_millis(600), ..options() });
    let mut silent = server.client();
    let mut trickling = server.client();
    trickling.say(b"{\"hello\"");
    let mut third = server.welcome();
    assert!(third.ask(&json!({ "reset": { "goal": [1.0, 1.0] } }))["began"].is_object());
    assert_eq!(server.client().answer()["error"]["kind"], "busy", "a fourth of three");
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(150));
        trickling.say(b" ");
        let began = Instant::now();
        assert!(third.ask(&json!({ "act": { "observation": [1, 1, 0, 0] } }))["command"].is_object());
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    assert_eq!(silent.answer()["error"]["kind"], "silent");
    assert_eq!(trickling.answer()["error"]["kind"], "silent");
    server.welcome();
}

/// Resident memory of this process, kilobytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_bad_frames_leave_the_server_as_it_was() {
    let server = Running::new(ServeOptions { clients: 8, ..options() });
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let good = "{\"hello\":{\"version\":1}}\n{\"reset\":{\"seed\":1,\"goal\":[1,1]}}\n";
    let mut batch = |frames: usize| {
        for _ in 0..frames {
            let mut client = server.client();
            let mut bytes = match random() % 3 {
                0 => (0..random() % 200).map(|_| random() as u8).collect(),
                _ => good.as_bytes().to_vec(),
            };
            if !bytes.is_empty() {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
                bytes.truncate(random() % bytes.len() + 1);
            }
            client.say(&bytes);
            // Some wait for what comes, most are gone before.
            if random() % 16 == 0 {
                client.say(b"\n");
                client.answer();
            }
        }
    };
    batch(2_000);
    let before = resident();
    batch(8_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} kB");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut client = server.client();
        if client.ask(&json!({ "hello": { "version": 1 } }))["ready"].is_object() {
            break;
        }
        assert!(Instant::now() < deadline, "nobody is served any more");
        thread::sleep(Duration::from_millis(50));
    }
}
