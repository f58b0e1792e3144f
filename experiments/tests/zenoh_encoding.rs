//! Messages, names and attachments against those that other people's programs made (`experiments/interop/zenoh.json`).
#![cfg(feature = "zenoh")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use forethought_experiments::drive::keys::{self, Endpoint, Node, TYPE_HASH, Topic};
use forethought_experiments::drive::message::Float64MultiArray;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Made {
    type_hash: String,
    messages: Vec<Value>,
    names: Vec<Value>,
    attachments: Vec<Value>,
}

fn made() -> Made {
    let text = include_str!("../interop/zenoh.json");
    serde_json::from_str(text).unwrap()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_else(|| panic!("{key} of {of}"))
}

fn number(of: &Value, key: &str) -> u32 {
    of[key].as_u64().unwrap().try_into().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn messages_of_two_encoders_are_read_in_both_byte_orders_and_written_as_they_write_them() {
    let messages = made().messages;
    assert!(messages.len() > 10);
    for message in messages {
        let name = text(&message, "name");
        for order in ["little", "big"] {
            let encoded = bytes(text(&message, order));
            let read = Float64MultiArray::decode(&encoded).unwrap_or_else(|error| panic!("{name}: {error}"));
            let bits: Vec<String> =
                read.data.iter().map(|number| format!("{:016x}", number.to_bits())).collect();
            assert_eq!(serde_json::to_value(bits).unwrap(), message["data_bits"], "{name}");
            assert_eq!(read.data_offset, number(&message, "data_offset"), "{name}");
            let dimensions = message["dimensions"].as_array().unwrap();
            assert_eq!(read.dimensions.len(), dimensions.len(), "{name}");
            for (read, made) in read.dimensions.iter().zip(dimensions) {
                assert_eq!(read.label, text(made, "label"), "{name}");
                assert_eq!((read.size, read.stride), (number(made, "size"), number(made, "stride")));
            }
            assert_eq!(read.encode(), bytes(text(&message, "little")), "{name}, written anew");
        }
    }
}

#[test]
fn keys_tokens_and_identities_are_those_that_others_make() {
    let made = made();
    assert_eq!(made.type_hash, TYPE_HASH);
    assert!(!made.names.is_empty());
    for names in made.names {
        let topic = Topic::new(text(&names, "topic")).unwrap();
        let domain = number(&names, "domain");
        assert_eq!(topic.key(domain), text(&names, "key"));
        let node = Node::new(domain, text(&names, "session"), text(&names, "node")).unwrap();
        assert_eq!(node.token(), text(&names, "node_token"));
        for (kind, key) in [(Endpoint::Publisher, "publisher"), (Endpoint::Subscription, "subscription")] {
            let made = &names[key];
            let token = node.endpoint(number(made, "id"), kind, &topic);
            assert_eq!(token, text(made, "token"));
            assert_eq!(keys::gid(&token).as_slice(), bytes(text(made, "gid")));
        }
    }
}

#[test]
fn attachments_are_as_zenoh_s_serializer_writes_them() {
    for made in made().attachments {
        let integer = |key: &str| made[key].as_i64().unwrap();
        let gid = bytes(text(&made, "gid")).try_into().unwrap();
        let written = keys::attachment(integer("sequence"), integer("nanoseconds"), gid);
        assert_eq!(written.as_slice(), bytes(text(&made, "bytes")));
    }
}
