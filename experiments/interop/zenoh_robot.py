"""A robot in Python that `forethought zenoh` drives: zenoh's own binding and rosbags' messages, nothing of this project.

    forethought zenoh maze2d-umaze --goal 1,1
    env/bin/python experiments/interop/zenoh_robot.py

With `--check PROGRAM` it starts the program itself, stops it by Ctrl-C, and ends with status 1 where anything is not as
zenoh_messages.py (which says what to install) has it.
"""

import argparse
import math
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import xxhash
import zenoh
from rosbags.typesys import Stores, get_typestore
from zenoh.ext import Int64, z_deserialize

STORE = get_typestore(Stores.ROS2_JAZZY)
NAME = "std_msgs/msg/Float64MultiArray"
TYPE = f"std_msgs::msg::dds_::Float64MultiArray_/{STORE.hash_rihs01(NAME)}"
Array, Layout = STORE.types[NAME], STORE.types["std_msgs/msg/MultiArrayLayout"]
PERIOD = 0.02
FASTEST = 5.0


def encode(numbers):
    message = Array(Layout([], 0), np.array(numbers, dtype=np.float64))
    return bytes(STORE.serialize_cdr(message, NAME))


def decode(payload):
    return [float(number) for number in STORE.deserialize_cdr(payload.to_bytes(), NAME).data]


def attached(sample):
    """Count, nanoseconds since 1970, and the publisher's identity."""
    data = sample.attachment.to_bytes()
    sequence, nanoseconds = (int(z_deserialize(Int64, zenoh.ZBytes(data[at : at + 8]))) for at in (0, 8))
    return sequence, nanoseconds, z_deserialize(bytes, zenoh.ZBytes(data[16:]))


def config(endpoint):
    made = zenoh.Config()
    made.insert_json5("mode", '"client"')
    made.insert_json5("connect/endpoints", f'["{endpoint}"]')
    made.insert_json5("scouting/multicast/enabled", "false")
    return made


def connect(endpoint):
    until = time.monotonic() + 60
    while True:
        try:
            return zenoh.open(config(endpoint))
        except zenoh.ZError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


class Robot:
    """A point mass without walls: where it is and how fast it goes; it is told forces."""

    def __init__(self, session):
        self.state = [3.0, 1.0, 0.0, 0.0]
        self.force = [0.0, 0.0]
        self.heard = []
        self.observations = session.declare_publisher(f"0/forethought/observation/{TYPE}")
        self.subscriber = session.declare_subscriber(f"0/forethought/command/{TYPE}", self.hear)

    def hear(self, sample):
        self.force = decode(sample.payload)
        self.heard.append((self.force, attached(sample)))

    def move(self):
        x, y, u, v = self.state
        u, v = (max(-FASTEST, min(FASTEST, w + 2.0 * f * PERIOD)) for w, f in zip((u, v), self.force))
        self.state = [x + u * PERIOD, y + v * PERIOD, u, v]
        self.observations.put(encode(self.state))
        time.sleep(PERIOD)


def check(heard, tokens):
    kinds = sorted(token.split("/")[5] for token in tokens)
    assert kinds == ["MP", "MS", "MS", "NN"], kinds
    (publisher,) = [token for token in tokens if token.split("/")[5] == "MP"]
    gid = xxhash.xxh3_128(publisher.encode()).intdigest().to_bytes(16, "little")
    now = time.time_ns()
    for number, (force, (sequence, nanoseconds, identity)) in enumerate(heard):
        assert len(force) == 2 and all(math.isfinite(f) and abs(f) <= 1 for f in force), force
        assert sequence == number + 1 and identity == gid, (number, sequence, identity)
        assert 0 <= now - nanoseconds < 600e9, nanoseconds
    assert heard[-1][0] == [0.0, 0.0], heard[-1]
    assert any(force != [0.0, 0.0] for force, _ in heard)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--endpoint", default="tcp/127.0.0.1:7447")
    options.add_argument("--check", metavar="PROGRAM")
    options = options.parse_args()
    if options.check is None:
        with connect(options.endpoint) as session:
            robot = Robot(session)
            while True:
                robot.move()
                print(f"\r{len(robot.heard)} commands, at {robot.state[0]:.2f}, {robot.state[1]:.2f} ", end="")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"tcp/127.0.0.1:{free.getsockname()[1]}"
    words = ["zenoh", "maze2d-umaze", "--goal", "1,1", "--listen", endpoint, "--set", f"realtime.period_s={PERIOD}"]
    program = subprocess.Popen([options.check, *words])
    try:
        with connect(endpoint) as session:
            robot = Robot(session)
            until = time.monotonic() + 60
            while len(robot.heard) < 100 and time.monotonic() < until:
                robot.move()
            tokens = [str(reply.ok.key_expr) for reply in session.liveliness().get("@ros2_lv/0/**")]
            program.send_signal(signal.SIGINT)
            assert program.wait(timeout=30) == 0
            time.sleep(0.5)
            check(robot.heard, tokens)
            print(f"zenoh: {len(robot.heard)} commands to a robot in Python, the last one safe")
    finally:
        program.kill()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
