//! A robot that is driven over zenoh, on loopback, with nobody looked for.
#![cfg(feature = "zenoh")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains and plans is for the other tests.
#[allow(dead_code)]
mod program;
mod robot;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forethought_experiments::drive::keys::{self, Endpoint, Node};
use forethought_experiments::drive::message::Float64MultiArray;
use forethought_experiments::drive::network::Network;
use forethought_experiments::drive::{DriveOptions, Driven, Driver, Names};
use program::{Home, text};
use robot::{DOMAIN, LONGEST, Robot, free_port, topic};
use zenoh::Wait;

const SAFE: [f64; 2] = [0.0, 0.0];

fn options(port: u16) -> DriveOptions {
    DriveOptions {
        checkpoint: Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints/maze2d-umaze-v1"),
        config: None,
        overrides: vec!["realtime.period_s=0.02".into()],
        network: Network::new(&[format!("tcp/127.0.0.1:{port}")], &[]).unwrap(),
        names: Names {
            domain: DOMAIN,
            node: "forethought".into(),
            observation: topic("observation"),
            goal: topic("goal"),
            command: topic("command"),
        },
        goal: None,
        seed: 1,
        stale: None,
        until_reached: false,
    }
}

/// A driver on a thread of its own.
struct Running {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Driven>,
}

impl Running {
    fn new(options: DriveOptions) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = thread::spawn(move || {
            let began = Instant::now();
            let driver = Driver::open(&options).unwrap();
            driver.run(|| ended.load(Ordering::Relaxed) || began.elapsed() > LONGEST * 2)
        });
        Self { end, thread }
    }

    fn stop(self) -> Driven {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn count(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

#[test]
fn a_robot_is_driven_to_its_goal_and_told_the_safe_command_at_the_end() {
    let port = free_port();
    let running = Running::new(DriveOptions { until_reached: true, ..options(port) });
    let mut robot = Robot::connect(port);
    let goal = robot.world.task().condition().unwrap().values.to_vec();
    let began = Instant::now();
    let first = loop {
        robot.observe();
        robot.aim(&goal);
        if let Ok(command) = robot.commands.recv_timeout(Duration::from_millis(20)) {
            break command;
        }
        assert!(began.elapsed() < LONGEST, "no command comes");
    };
    let mut all = vec![first];
    while !running.thread.is_finished() {
        robot.obey(&all[all.len() - 1]);
        if let Ok(next) = robot.commands.recv_timeout(Duration::from_millis(100)) {
            all.push(next);
        } else {
            robot.observe();
        }
        assert!(began.elapsed() < LONGEST, "the goal is not reached: {:?}", robot.world.observation());
    }
    let driven = running.stop();
    all.extend(robot.rest());
    assert!(robot.world.task().reached(robot.world.observation()));
    assert_eq!((driven.episodes, driven.reached, driven.unpublished), (1, 1, 0));
    assert!(all.iter().all(|command| robot.allows(command)));
    assert_eq!(all[all.len() - 1].numbers, SAFE);
    assert!(all.iter().any(|command| command.numbers != SAFE));
    // What is attached counts on without a gap, and names who sent it.
    let gid = &all[0].attachment[17..];
    for (number, command) in all.iter().enumerate() {
        let sequence = number as i64 + 1;
        let nanoseconds = i64::from_le_bytes(command.attachment[8..16].try_into().unwrap());
        let expected = keys::attachment(sequence, nanoseconds, gid.try_into().unwrap());
        assert_eq!(command.attachment, expected);
    }
    assert_eq!(driven.commands, all.len() as u64);
}

#[test]
fn a_panic_of_the_program_ends_in_the_safe_command_too() {
    let port = free_port();
    let options = DriveOptions { goal: Some(vec![1.0, 1.0]), ..options(port) };
    let (end, began) = (Arc::new(AtomicBool::new(false)), Instant::now());
    let ended = Arc::clone(&end);
    let thread = thread::spawn(move || {
        Driver::open(&options).unwrap().run(|| {
            assert!(!ended.load(Ordering::Relaxed), "on purpose");
            began.elapsed() > LONGEST
        })
    });
    let mut robot = Robot::connect(port);
    while robot.next().numbers == SAFE {}
    let command = robot.next();
    robot.obey(&command);
    end.store(true, Ordering::Relaxed);
    assert!(thread.join().is_err());
    let rest = robot.rest();
    assert_eq!(rest[rest.len() - 1].numbers, SAFE);
}

#[test]
fn what_is_no_observation_is_counted_and_never_planned_from() {
    let port = free_port();
    let running = Running::new(DriveOptions { goal: Some(vec![1.0, 1.0]), ..options(port) });
    let robot = Robot::connect(port);
    let good = Float64MultiArray::flat(robot.world.observation()).encode();
    let bad = [
        b"no message".to_vec(),
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        [good.as_slice(), &[0; 8]].concat(),
        Float64MultiArray::flat(&[1.0, 1.0, 0.0]).encode(),
        Float64MultiArray::flat(&[1.0, f64::NAN, 0.0, 0.0]).encode(),
        Float64MultiArray::flat(&[1.0, 1.0, 0.0, f64::INFINITY]).encode(),
    ];
    let say_bad = || bad.iter().for_each(|bad| robot.say(bad));
    // More than is read, and more than zenoh is told to put together.
    [3 << 19, 3 << 20].iter().for_each(|&length| robot.say(&vec![0; length]));
    for _ in 0..20 {
        say_bad();
        thread::sleep(Duration::from_millis(20));
    }
    assert!(robot.commands.try_recv().is_err(), "nothing is commanded before there is an observation");
    let first = robot.next();
    assert!(robot.allows(&first));
    // From here on nothing good comes: the plan in force is followed, and then there is the ladder.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        say_bad();
        thread::sleep(Duration::from_millis(20));
    }
    let driven = running.stop();
    let all = robot.rest();
    assert!(all.iter().all(|command| robot.allows(command)));
    assert_eq!(all[all.len() - 1].numbers, SAFE);
    let heard = driven.inbox.heard();
    assert!(count(&heard.garbled) >= 80 && count(&heard.wrong_length) >= 20, "{heard:?}");
    assert!(count(&heard.not_finite) >= 40 && count(&heard.observations) >= 1, "{heard:?}");
    let report = driven.report;
    let name = |name: &str| report.ladder.iter().any(|rung| rung.name == name);
    assert!(name("plan") && name("safe") && name("failed"), "{report}");
    let planner = |event: &str| report.events.iter().any(|happened| happened.name == event);
    assert!(!["planner-error", "planner-panic"].iter().any(|event| planner(event)), "{report}");
}

#[test]
fn others_see_who_is_there_as_long_as_it_is() {
    let port = free_port();
    let running = Running::new(options(port));
    let robot = Robot::connect(port);
    let seen = || -> Vec<String> {
        let all = format!("@ros2_lv/{DOMAIN}/**");
        let replies = robot.session.liveliness().get(all).wait().unwrap();
        let key = |reply: zenoh::query::Reply| reply.result().unwrap().key_expr().to_string();
        let mut seen: Vec<String> = replies.iter().map(key).collect();
        seen.sort();
        seen
    };
    let until = |wanted: usize| {
        let began = Instant::now();
        loop {
            let seen = seen();
            if seen.len() == wanted {
                return seen;
            }
            assert!(began.elapsed() < LONGEST, "{seen:?}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    let there = until(4);
    let session = there[0].split('/').nth(2).unwrap();
    let node = Node::new(DOMAIN, session, "forethought").unwrap();
    let mut expected = vec![
        node.token(),
        node.endpoint(1, Endpoint::Publisher, &topic("command")),
        node.endpoint(2, Endpoint::Subscription, &topic("observation")),
        node.endpoint(3, Endpoint::Subscription, &topic("goal")),
    ];
    expected.sort();
    assert_eq!(there, expected);
    let driven = running.stop();
    assert!(until(0).is_empty());
    assert_eq!((driven.episodes, driven.commands), (0, 0), "nobody was driven, and nobody is told to stop");
}

#[test]
fn a_new_goal_begins_an_episode_and_the_same_again_does_not() {
    let port = free_port();
    let running = Running::new(DriveOptions { goal: Some(vec![1.0, 1.0]), ..options(port) });
    let mut robot = Robot::connect(port);
    for goal in [[1.0, 1.0], [3.0, 1.0], [3.0, 1.0], [1.0, 2.0]] {
        for _ in 0..10 {
            let command = robot.next();
            robot.obey(&command);
        }
        robot.aim(&goal);
        // Of two goals in one period the newer one counts.
        thread::sleep(Duration::from_millis(100));
    }
    let driven = running.stop();
    assert_eq!((driven.episodes, count(&driven.inbox.heard().goals)), (3, 4));
    assert!(robot.rest().iter().all(|command| robot.allows(command)));
}

#[test]
fn an_endpoint_that_is_taken_or_silent_is_named() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let refused = Driver::open(&options(port)).err().unwrap().to_string();
    assert!(refused.contains(&format!("tcp/127.0.0.1:{port}")) && refused.contains("--listen"), "{refused}");
    let silent = Network::new(&[], &[format!("tcp/127.0.0.1:{}", free_port())]).unwrap();
    let refused = Driver::open(&DriveOptions { network: silent, ..options(port) }).err().unwrap().to_string();
    assert!(refused.contains("--connect"), "{refused}");
    for goal in [vec![1.0], vec![1.0, f64::NAN]] {
        let options = DriveOptions { goal: Some(goal), ..options(port) };
        assert!(Driver::open(&options).err().unwrap().to_string().contains("--goal"));
    }
}

#[test]
fn the_program_ends_in_the_safe_command_at_ctrl_c() {
    let (home, port) = (Home::new(), free_port());
    let domain = DOMAIN.to_string();
    let endpoint = format!("tcp/127.0.0.1:{port}");
    let arguments = ["zenoh", "maze2d-umaze", "--goal", "1,1", "--domain", &domain, "--listen", &endpoint];
    let more = ["--set", "realtime.period_s=0.02", "--json"];
    let mut command = home.command(arguments.iter().chain(&more));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut robot = Robot::connect(port);
    for _ in 0..20 {
        let command = robot.next();
        robot.obey(&command);
    }
    assert!(Process::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let rest = robot.rest();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("warning"), "on loopback there is nothing to warn of");
    assert_eq!(rest[rest.len() - 1].numbers, SAFE);
    let mut said = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    let begin = said.next().unwrap().unwrap();
    assert_eq!(begin["observation"]["key"], topic("observation").key(DOMAIN));
    assert_eq!((begin["goal"]["numbers"].as_u64(), begin["command"]["numbers"].as_u64()), (Some(2), Some(2)));
    let end = said.next().unwrap().unwrap();
    assert!(end["commands"].as_u64().unwrap() >= 20 && end["heard"]["observations"].as_u64().unwrap() >= 20);
    assert!(end["loop"]["ticks"].as_u64().unwrap() >= 20, "{end}");
}

#[test]
fn the_program_refuses_what_it_cannot_do_and_warns_of_what_others_can_reach() {
    let home = Home::new();
    for (arguments, says) in [
        (["--listen", "udp/127.0.0.1:1"], "tcp/ADDRESS:PORT"),
        (["--observation", "state"], "--observation"),
        (["--command", "/forethought/goal"], "the same topic"),
        (["--node", "a/b"], "--node"),
        (["--goal", "1"], "--goal"),
        (["--set", "realtime.periods=1"], "realtime"),
    ] {
        let output = home.run(["zenoh", "maze2d-umaze"].iter().chain(&arguments));
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(says), "{arguments:?}: {said}");
    }
    let endpoint = format!("tcp/0.0.0.0:{}", free_port());
    let output = home.run(["zenoh", "maze2d-umaze", "--seconds", "1", "--listen", &endpoint]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("warning") && said.contains("not authenticated"),
        "{said}"
    );
}
