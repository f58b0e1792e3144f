//! Names as `rmw_zenoh_cpp` has them, so that programs of ROS 2 find each other here: keys of topics, tokens that say who is
//! there, and what is attached to a message.
//!
//! Read from `docs/design.md`, `liveliness_utils.cpp` and `attachment_helpers.cpp` of ros2/rmw_zenoh, and held in tests against
//! what others made of them.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

/// Name of the type in keys.
pub const TYPE_NAME: &str = "std_msgs::msg::dds_::Float64MultiArray_";
/// Hash of the type (REP 2016): of its fields' names and types, so that two versions of a type never meet.
pub const TYPE_HASH: &str = "RIHS01_1025ddc6b9552d191f89ef1a8d2f60f3d373e28b283d8891ddcc974e8c55397f";
/// Quality of service: reliable, volatile, the newest alone. Fields left out are `rmw_zenoh_cpp`'s defaults.
const QUALITY: &str = "::,1:,:,:,,";
/// Longest name.
const LONGEST_NAME: usize = 255;

/// Why a name is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// No topic.
    #[error(
        "`{0}` is no topic: write an absolute one, such as /robot/state, of words of letters, digits and underscores that \
         do not begin with a digit"
    )]
    Topic(String),
    /// No node.
    #[error(
        "`{0}` is no node: write one word of letters, digits and underscores that does not begin with a digit"
    )]
    Node(String),
}

/// Whether this is a word of ROS 2's names.
fn word(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(letters) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A topic's absolute name, such as `/robot/state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// Refuses what ROS 2 refuses, and with it what keys give a meaning of its own (`*`, `$`, `#`, `?`).
    ///
    /// # Errors
    /// [`NameError::Topic`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        let words = name.strip_prefix('/').filter(|words| words.split('/').all(word));
        match words.filter(|_| name.len() <= LONGEST_NAME) {
            Some(_) => Ok(Self(name.to_owned())),
            None => Err(NameError::Topic(name.to_owned())),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The key that its messages are published under.
    pub fn key(&self, domain: u32) -> String {
        format!("{domain}/{}/{TYPE_NAME}/{TYPE_HASH}", self.0.trim_start_matches('/'))
    }
}

/// What a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Publishes a topic.
    Publisher,
    /// Is subscribed to one.
    Subscription,
}

/// A node of the graph: this program, to others.
#[derive(Clone, Debug)]
pub struct Node {
    domain: u32,
    session: String,
    name: String,
}

impl Node {
    /// `session`: the id of the zenoh session.
    ///
    /// # Errors
    /// [`NameError::Node`].
    pub fn new(domain: u32, session: impl Into<String>, name: &str) -> Result<Self, NameError> {
        if !word(name) || name.len() > LONGEST_NAME {
            return Err(NameError::Node(name.to_owned()));
        }
        Ok(Self { domain, session: session.into(), name: name.to_owned() })
    }

    /// The token that says that it is there. Node 0 of its session, without an enclave, in the root namespace.
    pub fn token(&self) -> String {
        let Self { domain, session, name } = self;
        format!("@ros2_lv/{domain}/{session}/0/0/NN/%/%/{name}")
    }

    /// The token of one of its endpoints; `id` is another for each.
    pub fn endpoint(&self, id: u32, kind: Endpoint, topic: &Topic) -> String {
        let Self { domain, session, name } = self;
        let kind = match kind {
            Endpoint::Publisher => "MP",
            Endpoint::Subscription => "MS",
        };
        let topic = topic.name().replace('/', "%");
        format!(
            "@ros2_lv/{domain}/{session}/0/{id}/{kind}/%/%/{name}/{topic}/{TYPE_NAME}/{TYPE_HASH}/{QUALITY}"
        )
    }
}

/// Identity of an endpoint: a hash of its token.
pub fn gid(token: &str) -> [u8; 16] {
    xxh3_128(token.as_bytes()).to_le_bytes()
}

/// What goes with each message: a count from 1, nanoseconds since 1970, and the publisher's identity behind its length. As
/// zenoh's own serializer writes them.
pub fn attachment(sequence: i64, nanoseconds: i64, gid: [u8; 16]) -> [u8; 33] {
    let mut bytes = [0; 33];
    bytes[..8].copy_from_slice(&sequence.to_le_bytes());
    bytes[8..16].copy_from_slice(&nanoseconds.to_le_bytes());
    bytes[16] = 16;
    bytes[17..].copy_from_slice(&gid);
    bytes
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn names_are_ros_2_s_and_nothing_else_is_one() {
        let state = Topic::new("/robot_1/state").unwrap();
        assert_eq!(state.key(3), format!("3/robot_1/state/{TYPE_NAME}/{TYPE_HASH}"));
        let bad =
            ["", "/", "state", "/robot/", "//state", "/robot/*", "/a$*", "/1a", "/a b", "/@ros2_lv", "/ü"];
        for bad in bad.iter().map(|bad| (*bad).to_owned()).chain([format!("/{}", "a".repeat(255))]) {
            assert_eq!(Topic::new(&bad), Err(NameError::Topic(bad.clone())));
        }
        assert!(Node::new(0, "1", "forethought").is_ok());
        assert!(Node::new(0, "1", "a/b").is_err() && Node::new(0, "1", "").is_err());
    }

    /// Fields of a type, in the words of REP 2016: name, kind of the type, what it is made of.
    type Fields<'a> = &'a [(&'a str, u32, &'a str)];

    fn described(name: &str, fields: Fields<'_>) -> String {
        let field = |&(name, id, nested): &(&str, u32, &str)| {
            format!(
                r#"{{"name": "{name}", "type": {{"type_id": {id}, "capacity": 0, "string_capacity": 0, "nested_type_name": "{nested}"}}}}"#
            )
        };
        let fields: Vec<String> = fields.iter().map(field).collect();
        format!(r#"{{"type_name": "{name}", "fields": [{}]}}"#, fields.join(", "))
    }

    fn hash(own: &str, referenced: &[String]) -> String {
        let text = format!(
            r#"{{"type_description": {own}, "referenced_type_descriptions": [{}]}}"#,
            referenced.join(", ")
        );
        let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("RIHS01_{hash}")
    }

    #[test]
    fn the_type_s_hash_is_that_of_its_description() {
        // Kinds: 7 uint32, 11 float64, 17 string, 1 another type; 144 more for a sequence without bounds.
        let string = described("std_msgs/msg/String", &[("data", 17, "")]);
        // As in the design document of rmw_zenoh_cpp: the computation is the right one.
        let known = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18";
        assert_eq!(hash(&string, &[]), known);
        let (layout, dimension) = ("std_msgs/msg/MultiArrayLayout", "std_msgs/msg/MultiArrayDimension");
        let array =
            described("std_msgs/msg/Float64MultiArray", &[("layout", 1, layout), ("data", 11 + 144, "")]);
        let layout = described(layout, &[("dim", 1 + 144, dimension), ("data_offset", 7, "")]);
        let dimension = described(dimension, &[("label", 17, ""), ("size", 7, ""), ("stride", 7, "")]);
        assert_eq!(hash(&array, &[dimension, layout]), TYPE_HASH);
    }
}
