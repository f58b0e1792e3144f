"""Evaluations and training runs as Ray tasks, on a local cluster of which a worker is killed in the middle."""

import os
import stat
from pathlib import Path

import pytest

from conftest import needs

from forethought.cluster import ProgramError, evaluate, main, train_seeds

# The program as `cargo build` leaves it; check.sh says where.
PROGRAM = os.environ.get("FORETHOUGHT_PROGRAM", "")
EVAL = ["maze2d-umaze", "--episodes", "6", "--planners", "diffusion-forcing,waypoint,random", "--record", "0"]

pytestmark = [
    needs("ray"),
    pytest.mark.skipif(not PROGRAM, reason="LEFT OUT: FORETHOUGHT_PROGRAM names no program to run (check.sh sets it)"),
]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    import ray

    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


def wrapped(folder: Path, script: str) -> str:
    """A program that does something before the real one."""
    path = folder / "wrapped"
    path.write_text(f'#!/bin/sh\n{script}\nexec "{PROGRAM}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_evaluation_survives_a_killed_worker_with_the_same_bytes(tmp_path):
    whole = evaluate(EVAL, parts=1, out=tmp_path / "whole", program=PROGRAM)
    # The first time that the second part is run, its worker dies.
    killer = f'case "$*" in *"--shard 2/3"*) [ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; kill -9 $PPID; sleep 60; }} ;; esac'
    told = []
    parted = evaluate(
        EVAL, parts=3, out=tmp_path / "parted", program=wrapped(tmp_path, killer), progress=lambda *done: told.append(done)
    )
    assert (tmp_path / "killed").exists()
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (parted / "episodes.csv").read_bytes() == (whole / "episodes.csv").read_bytes()
    assert len((whole / "episodes.csv").read_text().splitlines()) > 3 * 6

    # What is there is not run again, and what is lost is.
    os.remove(parted / "episodes.csv")
    again = evaluate(EVAL, parts=3, out=tmp_path / "parted", program=wrapped(tmp_path, 'case "$1" in eval) exit 1 ;; esac'))
    assert (again / "episodes.csv").read_bytes() == (whole / "episodes.csv").read_bytes()


def test_what_the_program_refuses_is_said_once_in_its_words(tmp_path):
    with pytest.raises(ProgramError, match="no-such-maze"):
        evaluate(["no-such-maze"], parts=2, out=tmp_path / "out", program=PROGRAM)
    with pytest.raises(ProgramError, match="not on the PATH"):
        evaluate(EVAL, parts=2, out=tmp_path / "lost", program=str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="parts is 0"):
        evaluate(EVAL, parts=0, out=tmp_path / "out", program=PROGRAM)
    assert not list(tmp_path.rglob("*.csv"))
    # Parts of other arguments are not taken for what is asked.
    with pytest.raises(ValueError, match="other arguments"):
        evaluate([*EVAL, "--seed", "1"], parts=2, out=tmp_path / "lost", program=PROGRAM)


def test_seeds_are_trained_side_by_side_and_end_in_the_same_bytes(tmp_path, capsys):
    import subprocess

    data = tmp_path / "data.hdf5"
    made = ["collect", "maze2d-umaze", "--set", "data.rows=3000", "--out", str(data)]
    subprocess.run([PROGRAM, *made], check=True, capture_output=True)
    tiny = ["model.network.width=16", "model.network.layers=1", "model.network.heads=2", "model.levels=50", "train.steps=6"]
    tiny += ["train.batch=4", "train.warmup=2", "train.checkpoint_every=3", "model.chunks=4"]
    given = ["maze2d-umaze", "--data", str(data)] + [word for setting in tiny for word in ("--set", setting)]
    one, two = train_seeds(given, seeds=[1, 2], out=tmp_path / "seeds", program=PROGRAM)
    assert bytes_of(one) != bytes_of(two)
    words = ["train", "--seeds", "1", "--out", str(tmp_path / "again"), "--program", PROGRAM, "--", *given]
    assert main(words) == 0
    assert bytes_of(tmp_path / "again" / "seed-1") == bytes_of(one)
    assert "1 of 1 done" in capsys.readouterr().err
    assert main(["train", "--seeds", "1", "--out", str(tmp_path / "bad"), "--program", PROGRAM, "--", "nowhere"]) == 2
