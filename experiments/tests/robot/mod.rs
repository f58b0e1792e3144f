//! A robot on the other side of the wire: a session of its own, and a simulated maze behind it.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use forethought_envs::{Environment, Start, make};
use forethought_experiments::drive::keys::Topic;
use forethought_experiments::drive::message::Float64MultiArray;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::{Config, Session, Wait};

/// Longest that anything here takes on a machine that is busy with other things.
pub const LONGEST: Duration = Duration::from_secs(60);
pub const DOMAIN: u32 = 7;

/// A port that was free just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn topic(name: &str) -> Topic {
    Topic::new(&format!("/forethought/{name}")).unwrap()
}

/// A command as it came: its numbers, and what was attached.
pub struct Command {
    pub numbers: Vec<f64>,
    pub attachment: Vec<u8>,
}

pub struct Robot {
    pub session: Session,
    pub world: Box<dyn Environment>,
    pub commands: Receiver<Command>,
    observations: Publisher<'static>,
    goals: Publisher<'static>,
    _subscriber: Subscriber<()>,
}

impl Robot {
    /// Connects to who listens there, as soon as somebody does.
    pub fn connect(port: u16) -> Self {
        let mut config = Config::default();
        for (key, value) in [
            ("mode", "\"client\"".to_owned()),
            ("connect/endpoints", format!("[\"tcp/127.0.0.1:{port}\"]")),
            ("scouting/multicast/enabled", "false".to_owned()),
            ("scouting/gossip/enabled", "false".to_owned()),
        ] {
            config.insert_json5(key, &value).unwrap();
        }
        let began = Instant::now();
        let session = loop {
            match zenoh::open(config.clone()).wait() {
                Ok(session) => break session,
                Err(error) => assert!(began.elapsed() < LONGEST, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (to, commands) = channel();
        let heard = move |sample: zenoh::sample::Sample| {
            let numbers = Float64MultiArray::decode(&sample.payload().to_bytes()).unwrap().data;
            let attachment = sample.attachment().unwrap().to_bytes().into_owned();
            // Nobody reads the last ones where a test is over.
            let _ = to.send(Command { numbers, attachment });
        };
        let key = |name: &str| topic(name).key(DOMAIN);
        let subscriber = session.declare_subscriber(key("command")).callback(heard).wait().unwrap();
        let observations = session.declare_publisher(key("observation")).wait().unwrap();
        let goals = session.declare_publisher(key("goal")).wait().unwrap();
        let mut world = make("maze2d-umaze-v1").unwrap();
        // At the other end of the maze.
        world.reset(&Start { position: Some(vec![3.0, 1.0]), ..Start::seed(7) }).unwrap();
        Self { session, world, commands, observations, goals, _subscriber: subscriber }
    }

    pub fn observe(&self) {
        self.say(&Float64MultiArray::flat(self.world.observation()).encode());
    }

    /// Any bytes in place of an observation.
    pub fn say(&self, bytes: &[u8]) {
        self.observations.put(bytes).wait().unwrap();
    }

    pub fn aim(&self, goal: &[f64]) {
        self.goals.put(Float64MultiArray::flat(goal).encode()).wait().unwrap();
    }

    /// Carries a command out, and says what came of it.
    pub fn obey(&mut self, command: &Command) {
        assert!(self.allows(command), "{:?}", command.numbers);
        self.world.step(&command.numbers).unwrap();
        self.observe();
    }

    pub fn allows(&self, command: &Command) -> bool {
        let action = &self.world.spec().action;
        let inside = |(entry, number): (usize, &f64)| {
            number.is_finite() && (action.low()[entry]..=action.high()[entry]).contains(number)
        };
        command.numbers.len() == action.len() && command.numbers.iter().enumerate().all(inside)
    }

    /// The next command, with the observation repeated until it comes: what is said before the other side is subscribed is lost.
    pub fn next(&self) -> Command {
        let began = Instant::now();
        loop {
            if let Ok(command) = self.commands.recv_timeout(Duration::from_millis(20)) {
                return command;
            }
            assert!(began.elapsed() < LONGEST, "no command comes");
            self.observe();
        }
    }

    /// All commands that come until none comes any more.
    pub fn rest(&self) -> Vec<Command> {
        std::iter::from_fn(|| self.commands.recv_timeout(Duration::from_secs(1)).ok()).collect()
    }
}
