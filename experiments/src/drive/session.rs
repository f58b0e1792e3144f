//! The zenoh session: what is subscribed to and published, and the tokens that tell others of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use forethought_agent::{Clock, MonotonicClock};
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::CongestionControl;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use super::inbox::Inbox;
use super::keys::{self, Endpoint, Node, Topic};
use super::message::{Float64MultiArray, LONGEST_MESSAGE};
use super::network::Network;
use crate::failure::Failure;

/// What this program is called, and where it speaks and listens.
#[derive(Clone, Debug)]
pub struct Names {
    /// ROS 2's domain: programs of another one neither hear nor see this one.
    pub domain: u32,
    /// Node.
    pub node: String,
    /// Where observations come from.
    pub observation: Topic,
    /// Where goals come from, if the task has one.
    pub goal: Topic,
    /// Where commands go.
    pub command: Topic,
}

/// Publishes commands.
pub(super) struct Commands {
    /// One that a slow network has no room for is dropped: the next is newer.
    each: Publisher<'static>,
    /// The last command is waited for.
    last: Publisher<'static>,
    gid: [u8; 16],
    sequence: AtomicI64,
    failed: AtomicU64,
}

impl Commands {
    fn declare(session: &Session, key: &str, token: &str) -> zenoh::Result<Self> {
        let publisher = |congestion| {
            let declared = session.declare_publisher(key.to_owned()).congestion_control(congestion);
            // At once, and not together with what may come later.
            declared.express(true).wait()
        };
        Ok(Self {
            each: publisher(CongestionControl::Drop)?,
            last: publisher(CongestionControl::Block)?,
            gid: keys::gid(token),
            sequence: AtomicI64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    pub fn publish(&self, command: &[f64]) {
        self.put(&self.each, command);
    }

    /// The same, and it is not dropped.
    pub fn publish_last(&self, command: &[f64]) {
        self.put(&self.last, command);
    }

    fn put(&self, publisher: &Publisher<'static>, command: &[f64]) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let attached = keys::attachment(sequence, nanoseconds, self.gid);
        let message = Float64MultiArray::flat(command).encode();
        if publisher.put(message).attachment(attached.as_slice()).wait().is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Commands that were handed to zenoh, and those of them that it refused.
    pub fn counts(&self) -> (u64, u64) {
        let all = u64::try_from(self.sequence.load(Ordering::Relaxed)).unwrap_or(0);
        (all, self.failed.load(Ordering::Relaxed))
    }
}

/// An open session. It ends when it is dropped, and its tokens with it.
pub(super) struct Connection {
    session: Session,
    pub commands: Arc<Commands>,
    _subscribers: Vec<Subscriber<()>>,
    _tokens: Vec<LivelinessToken>,
}

impl Connection {
    /// Opens the session, and fills the inbox from then on. `goals`: whether goals are listened to.
    pub fn open(
        network: &Network,
        names: &Names,
        goals: bool,
        inbox: &Arc<Inbox>,
        clock: MonotonicClock,
    ) -> Result<Self, Failure> {
        let unopened = |error: zenoh::Error| {
            Failure::refused(format!(
                "zenoh: {}: {error}; choose another with --listen or --connect, and see that the other side is there",
                network.shown()
            ))
        };
        let session = network.config().and_then(|config| zenoh::open(config).wait()).map_err(unopened)?;
        let node = Node::new(names.domain, session.zid().to_string(), &names.node)
            .map_err(|error| Failure::refused(format!("--node: {error}")))?;
        Self::declare(session, &node, names, goals, inbox, clock)
            .map_err(|error| Failure::broken(format!("zenoh: {error}")))
    }

    fn declare(
        session: Session,
        node: &Node,
        names: &Names,
        goals: bool,
        inbox: &Arc<Inbox>,
        clock: MonotonicClock,
    ) -> zenoh::Result<Self> {
        let published = node.endpoint(1, Endpoint::Publisher, &names.command);
        let commands = Commands::declare(&session, &names.command.key(names.domain), &published)?;
        let mut tokens = vec![node.token(), published];
        let mut subscribers = Vec::new();
        let to = Arc::clone(inbox);
        let observe =
            move |sample: Sample| hear(&sample, &to, |inbox, bytes| inbox.observe(bytes, clock.now()));
        let key = names.observation.key(names.domain);
        subscribers.push(session.declare_subscriber(key).callback(observe).wait()?);
        tokens.push(node.endpoint(2, Endpoint::Subscription, &names.observation));
        if goals {
            let to = Arc::clone(inbox);
            let aim = move |sample: Sample| hear(&sample, &to, Inbox::aim);
            let key = names.goal.key(names.domain);
            subscribers.push(session.declare_subscriber(key).callback(aim).wait()?);
            tokens.push(node.endpoint(3, Endpoint::Subscription, &names.goal));
        }
        let declared = tokens.iter().map(|token| session.liveliness().declare_token(token.as_str()).wait());
        let tokens = declared.collect::<zenoh::Result<Vec<_>>>()?;
        Ok(Self { session, commands: Arc::new(commands), _subscribers: subscribers, _tokens: tokens })
    }

    /// Ends the session, after what was published is on its way.
    pub fn close(&self) {
        // What it could not say it can tell nobody any more.
        let _ = self.session.close().wait();
    }
}

fn hear(sample: &Sample, inbox: &Inbox, take: impl Fn(&Inbox, &[u8])) {
    if sample.kind() != SampleKind::Put {
        return;
    }
    if sample.payload().len() > LONGEST_MESSAGE {
        return inbox.too_long();
    }
    take(inbox, &sample.payload().to_bytes());
}
