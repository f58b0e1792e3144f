//! Where it listens and connects: TCP alone, on loopback unless told otherwise, and nobody is looked for.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::json;
use thiserror::Error;
use zenoh::Config;

use super::message::LONGEST_MESSAGE;

/// Where it listens where nothing is said: on loopback, at zenoh's own port, where nodes of ROS 2 look for their router.
pub const LISTEN: &str = "tcp/127.0.0.1:7447";

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no endpoint: write tcp/ADDRESS:PORT, such as tcp/127.0.0.1:7447 or tcp/[::1]:7447")]
pub struct EndpointError(String);

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    loopback: bool,
}

impl Address {
    /// `tcp/ADDRESS:PORT`, and nothing behind it: zenoh would take settings from there.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let place = text.strip_prefix("tcp/").ok_or_else(wrong)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        // Nobody is told which port 0 would be.
        port.and_then(|port| port.parse::<u16>().ok()).filter(|&port| port > 0).ok_or_else(wrong)?;
        let loopback = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inner) => {
                inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()).ok_or_else(wrong)?.is_loopback()
            }
            None => match host.parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => address.is_loopback(),
                Ok(IpAddr::V6(_)) => return Err(wrong()),
                Err(_) if is_name(host) => host == "localhost",
                Err(_) => return Err(wrong()),
            },
        };
        Ok(Self { text: text.to_owned(), loopback })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether this can be the name of a computer.
fn is_name(host: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !host.is_empty() && host.len() <= 253 && host.bytes().all(letters)
}

/// Where it listens and whom it connects to.
#[derive(Clone, Debug)]
pub struct Network {
    listen: Vec<Address>,
    connect: Vec<Address>,
}

impl Network {
    /// Listens on [`LISTEN`] where neither is given.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(listen: &[String], connect: &[String]) -> Result<Self, EndpointError> {
        let addresses =
            |of: &[String]| of.iter().map(|text| Address::new(text)).collect::<Result<Vec<_>, _>>();
        let (mut listen, connect) = (addresses(listen)?, addresses(connect)?);
        if listen.is_empty() && connect.is_empty() {
            listen.push(Address::new(LISTEN)?);
        }
        Ok(Self { listen, connect })
    }

    /// Whoever only connects is a client: a router then passes everything on to it, and it ends with an error where nobody
    /// answers. Whoever listens is a peer, and goes on trying.
    fn mode(&self) -> &'static str {
        if self.listen.is_empty() { "client" } else { "peer" }
    }

    /// Endpoints that others than this machine can reach, or be.
    pub fn exposed(&self) -> Vec<&str> {
        let all = self.listen.iter().chain(&self.connect);
        all.filter(|address| !address.loopback).map(Address::text).collect()
    }

    /// In words.
    pub fn shown(&self) -> String {
        let list = |of: &[Address]| of.iter().map(Address::text).collect::<Vec<_>>().join(", ");
        match (self.listen.is_empty(), self.connect.is_empty()) {
            (false, true) => format!("listening on {}", list(&self.listen)),
            (true, _) => format!("connected to {}", list(&self.connect)),
            (false, false) => {
                format!("listening on {}, connecting to {}", list(&self.listen), list(&self.connect))
            }
        }
    }

    /// zenoh's settings. No file and no variable of the environment is read.
    ///
    /// # Errors
    /// zenoh's.
    pub(super) fn config(&self) -> zenoh::Result<Config> {
        let list = |of: &[Address]| json!(of.iter().map(Address::text).collect::<Vec<_>>()).to_string();
        let mut config = Config::default();
        config.insert_json5("mode", &json!(self.mode()).to_string())?;
        config.insert_json5("listen/endpoints", &list(&self.listen))?;
        config.insert_json5("connect/endpoints", &list(&self.connect))?;
        config.insert_json5("scouting/multicast/enabled", "false")?;
        config.insert_json5("scouting/gossip/enabled", "false")?;
        // A gibibyte by default, which anybody who connects could make it keep.
        config.insert_json5("transport/link/rx/max_message_size", &(2 * LONGEST_MESSAGE).to_string())?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_tcp_with_an_address_and_a_port() {
        for (text, loopback) in [
            ("tcp/127.0.0.1:7447", true),
            ("tcp/127.3.2.1:1", true),
            ("tcp/[::1]:7447", true),
            ("tcp/localhost:7447", true),
            ("tcp/0.0.0.0:7447", false),
            ("tcp/[::]:7447", false),
            ("tcp/192.168.0.7:7447", false),
            ("tcp/robot-1.local:7447", false),
            ("tcp/localhost.evil.org:7447", false),
        ] {
            assert_eq!(Address::new(text).map(|address| address.loopback), Ok(loopback), "{text}");
        }
        for text in [
            "",
            "tcp/",
            "127.0.0.1:7447",
            "udp/127.0.0.1:7447",
            "tcp/127.0.0.1",
            "tcp/127.0.0.1:0",
            "tcp/127.0.0.1:+7",
            "tcp/127.0.0.1:99999",
            "tcp/::1:7447",
            "tcp/[::1:7447",
            "tcp/[127.0.0.1]:7447",
            "tcp/127.0.0.1:7447#iface=eth0",
            "tcp/127.0.0.1:7447?rel=0",
            "tcp/0.0.0.0:1,tcp/127.0.0.1:2",
            "tcp/:7447",
        ] {
            assert_eq!(Address::new(text), Err(EndpointError(text.to_owned())));
        }
    }

    #[test]
    fn it_listens_on_loopback_unless_told_otherwise_and_looks_for_nobody() {
        let network = |listen: &[&str], connect: &[&str]| {
            let owned = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            Network::new(&owned(listen), &owned(connect)).unwrap()
        };
        let own = network(&[], &[]);
        assert!(own.exposed().is_empty() && own.shown().contains(LISTEN));
        let config = own.config().unwrap();
        let said = |key: &str| config.get_json(key).unwrap();
        assert_eq!(said("listen/endpoints"), format!("[\"{LISTEN}\"]"));
        assert_eq!((said("mode"), said("connect/endpoints")), ("\"peer\"".into(), "[]".into()));
        assert_eq!(said("scouting/multicast/enabled"), "false");
        assert_eq!(said("scouting/gossip/enabled"), "false");
        assert_eq!(said("transport/link/rx/max_message_size"), "2097152");
        let client = network(&[], &["tcp/10.0.0.1:7447"]);
        assert_eq!(client.config().unwrap().get_json("mode").unwrap(), "\"client\"");
        assert_eq!(client.exposed(), ["tcp/10.0.0.1:7447"]);
        assert_eq!(network(&["tcp/127.0.0.1:1"], &["tcp/10.0.0.1:2"]).mode(), "peer");
    }
}
