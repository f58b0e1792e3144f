"""Several processes train together: the same bytes as one, and the same again after one was killed."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import forethought

from conftest import needs
from test_train import CONFIG, DESCRIPTION, logs

STEPS = 12
SETTINGS = {
    "model": CONFIG["model"],
    "train": CONFIG["train"] | {"batch": 16, "shards": 4, "checkpoint_every": 4, "log_every": 3},
}


class Ring:
    """Processes of one machine that hand bytes to the first, which hands all of them back."""

    def __init__(self, rank: int, size: int, port: int) -> None:
        self.rank, self.size = rank, size
        if rank == 0:
            with socket.create_server(("127.0.0.1", port)) as server:
                others = [server.accept()[0] for _ in range(size - 1)]
            self.others = sorted((struct.unpack("<I", self.take(other, 4))[0], other) for other in others)
        else:
            self.first = self.reach(port)
            self.first.sendall(struct.pack("<I", rank))

    @staticmethod
    def reach(port: int) -> socket.socket:
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise TimeoutError("the first process does not answer")

    @staticmethod
    def take(other: socket.socket, count: int) -> bytes:
        taken = bytearray()
        while len(taken) < count:
            more = other.recv(min(count - len(taken), 1 << 20))
            if not more:
                raise ConnectionError("a process is gone")
            taken += more
        return bytes(taken)

    def gather(self, own: np.ndarray) -> np.ndarray:
        count = own.size
        if self.rank > 0:
            self.first.sendall(own.tobytes())
            return np.frombuffer(self.take(self.first, count * self.size), np.uint8)
        everything = own.tobytes() + b"".join(self.take(other, count) for _, other in self.others)
        for _, other in self.others:
            other.sendall(everything)
        return np.frombuffer(everything, np.uint8)


def process(out: str, exchange: object, wait: float = 0.0) -> None:
    """What each process does."""
    forethought.train(
        **logs(20, 40),
        out=out,
        description=DESCRIPTION,
        config=SETTINGS,
        steps=STEPS,
        threads=1,
        exchange=exchange,
        progress=lambda *_: time.sleep(wait),
    )


def ring(out: Path, size: int, wait: float = 0.0) -> list[subprocess.Popen[str]]:
    """Starts processes that are connected by sockets."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, __file__, str(out), str(size), str(port), str(wait)]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    return [
        subprocess.Popen([*words, str(rank)], stderr=subprocess.PIPE, text=True, env=environment) for rank in range(size)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    said = [one.communicate(timeout=120)[1] for one in processes]
    return [(one.returncode, text) for one, text in zip(processes, said)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Files of a run, but for the ones that the time of day names."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if not name.startswith("events.")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("alone") / "run"
    process(str(folder), None)
    return bytes_of(folder)


@pytest.mark.parametrize("size", [2, 4])
def test_processes_end_in_the_bytes_of_one(alone, tmp_path, size):
    assert all(code == 0 for code, _ in ended(ring(tmp_path / "run", size)))
    assert bytes_of(tmp_path / "run") == alone


def test_a_killed_process_ends_the_others_and_the_next_start_goes_on(alone, tmp_path):
    processes = ring(tmp_path / "run", 2, wait=0.3)
    checkpoint = tmp_path / "run" / "checkpoints"
    deadline = time.monotonic() + 60
    while not (checkpoint.is_dir() and any(checkpoint.iterdir())):
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    [(code, said), _] = ended(processes)
    assert code != 0 and ("a process is gone" in said or "Broken pipe" in said), said
    assert all(code == 0 for code, _ in ended(ring(tmp_path / "run", 4)))
    assert bytes_of(tmp_path / "run") == alone


def test_what_an_exchange_raises_or_gets_wrong_is_said(tmp_path):
    class Wrong:
        rank, size = 0, 2

        def gather(self, own: np.ndarray) -> np.ndarray:
            return own

    class Raises(Wrong):
        def gather(self, own: np.ndarray) -> np.ndarray:
            raise KeyError("mine")

    with pytest.raises(forethought.TrainingError, match="those of every process"):
        process(str(tmp_path / "a"), Wrong())
    with pytest.raises(KeyError, match="mine"):
        process(str(tmp_path / "b"), Raises())
    three = Wrong()
    three.size = 3
    with pytest.raises(ValueError, match="multiple of 3"):
        process(str(tmp_path / "c"), three)


@needs("torch")
def test_torch_connects_processes(alone, tmp_path):
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", __file__, str(tmp_path / "run")]
    subprocess.run(words, check=True, timeout=300, env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)})
    assert bytes_of(tmp_path / "run") == alone


if __name__ == "__main__":
    if len(sys.argv) > 2:
        folder, size, port, wait, rank = sys.argv[1:]
        process(folder, Ring(int(rank), int(size), int(port)), float(wait))
    else:
        from forethought.distributed import TorchExchange

        process(sys.argv[1], TorchExchange())
