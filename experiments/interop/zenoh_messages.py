"""Messages, names and attachments made by other people's programs, which the zenoh feature is held against.

    python3 -m venv env
    env/bin/pip install rosbags==0.11.9 pycdr2==1.0.0 eclipse-zenoh==1.10.2 zenoh-ros2-sdk==0.1.8 xxhash==4.1.0
    env/bin/python experiments/interop/zenoh_messages.py experiments/interop/zenoh.json

With `--check` nothing is written, and a file that differs is an error.

rosbags (by Ternaris) and pycdr2 (of Eclipse Cyclone DDS) encode the messages, each on its own, and must agree.
eclipse-zenoh's serializer writes the attachments, zenoh-ros2-sdk (of ROBOTIS) the keys and tokens, xxhash (of
the algorithm's own library) the identities, rosbags the hash of the type. Nothing here is written from the Rust code.
"""

import json
import math
import struct
import sys
from dataclasses import dataclass

import numpy as np
import xxhash
from pycdr2 import Endianness, IdlStruct
from pycdr2.types import float64, sequence, uint32
from rosbags.typesys import Stores, get_typestore
from zenoh.ext import Int64, z_serialize
from zenoh_ros2_sdk.entity import EndpointEntity, EntityKind, NodeEntity
from zenoh_ros2_sdk.keyexpr import endpoint_liveliness_keyexpr, node_liveliness_keyexpr, topic_keyexpr
from zenoh_ros2_sdk.qos import QosProfile

NAME = "std_msgs/msg/Float64MultiArray"
DDS_NAME = "std_msgs::msg::dds_::Float64MultiArray_"


@dataclass
class MultiArrayDimension(IdlStruct):
    label: str
    size: uint32
    stride: uint32


@dataclass
class MultiArrayLayout(IdlStruct):
    dim: sequence[MultiArrayDimension]
    data_offset: uint32


@dataclass
class Float64MultiArray(IdlStruct):
    layout: MultiArrayLayout
    data: sequence[float64]


CASES = [
    ("empty", [], 0, []),
    ("one number", [], 0, [0.5]),
    ("an observation", [], 0, [3.1, 0.9, 0.0, -1.25]),
    ("a layout", [("row", 2, 6), ("column", 3, 3)], 0, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ("labels of every length", [("", 1, 1), ("a", 1, 1), ("ab", 1, 1), ("abc", 1, 1), ("abcd", 1, 1)], 0, [7.0]),
    ("a label beyond ASCII", [("gélenk", 1, 1)], 0, [-0.0]),
    ("an offset", [], 2, [9.0, 9.0, 1.0, 2.0]),
    ("a dimension and nothing in it", [("none", 0, 0)], 0, []),
    ("no numbers", [], 0, [math.nan, math.inf, -math.inf]),
    ("small and large", [], 0, [5e-324, 1.7976931348623157e308, -1e-300]),
    ("many", [], 0, [i / 7 for i in range(64)]),
]


def messages():
    store = get_typestore(Stores.ROS2_JAZZY)
    dimension, layout, array = (
        store.types[f"std_msgs/msg/{name}"]
        for name in ("MultiArrayDimension", "MultiArrayLayout", "Float64MultiArray")
    )
    for name, dims, offset, data in CASES:
        message = array(layout([dimension(*dim) for dim in dims], offset), np.array(data, dtype=np.float64))
        idl = Float64MultiArray(MultiArrayLayout([MultiArrayDimension(*dim) for dim in dims], offset), data)
        encoded = {}
        for key, little in (("little", True), ("big", False)):
            ros = bytes(store.serialize_cdr(message, NAME, little_endian=little))
            dds = idl.serialize(endianness=Endianness.Little if little else Endianness.Big)
            assert ros == dds, f"{name}: rosbags and pycdr2 disagree"
            encoded[key] = ros.hex()
        yield {
            "name": name,
            "dimensions": [{"label": label, "size": size, "stride": stride} for label, size, stride in dims],
            "data_offset": offset,
            # As bits: JSON has no NaN.
            "data_bits": [struct.pack(">d", number).hex() for number in data],
            **encoded,
        }


def names(type_hash):
    quality = QosProfile(history_depth=1).encode()
    for domain, session, node, topic in (
        (0, "aac3178e146ba6f1fc6e6a4085e77f21", "forethought", "/forethought/command"),
        (42, "1", "arm_2", "/robot_1/joint/state"),
    ):
        entity = NodeEntity(domain, session, 0, node)
        tokens = {}
        for kind, number in ((EntityKind.PUBLISHER, 1), (EntityKind.SUBSCRIPTION, 2)):
            endpoint = EndpointEntity(entity, number, kind, topic, DDS_NAME, type_hash, quality)
            token = endpoint_liveliness_keyexpr(endpoint)
            tokens[kind.name.lower()] = {"id": number, "token": token, "gid": gid(token).hex()}
        yield {
            "domain": domain,
            "session": session,
            "node": node,
            "topic": topic,
            "key": topic_keyexpr(domain, topic, DDS_NAME, type_hash),
            "node_token": node_liveliness_keyexpr(entity),
            **tokens,
        }


def gid(token):
    # rmw_zenoh_cpp copies the lower eight bytes, then the upper ones, as its processor holds them: little-endian.
    return xxhash.xxh3_128(token.encode()).intdigest().to_bytes(16, "little")


def attachments():
    for sequence, nanoseconds in ((1, 1_700_000_000_123_456_789), (2**40, 0), (-1, -1)):
        identity = bytes(range(3, 19))
        made = z_serialize((Int64(sequence), Int64(nanoseconds), identity)).to_bytes()
        yield {
            "sequence": sequence,
            "nanoseconds": nanoseconds,
            "gid": identity.hex(),
            "bytes": made.hex(),
        }


def main():
    check = "--check" in sys.argv
    (path,) = [argument for argument in sys.argv[1:] if argument != "--check"]
    type_hash = get_typestore(Stores.ROS2_JAZZY).hash_rihs01(NAME)
    made = {
        "type_hash": type_hash,
        "messages": list(messages()),
        "names": list(names(type_hash)),
        "attachments": list(attachments()),
    }
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if not check:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    with open(path, encoding="utf-8") as file:
        if file.read() != text:
            sys.exit(f"{path} is not what the encoders make today")
    print(f"{path}: {len(CASES)} messages in both byte orders, names and attachments as made anew")


main()
