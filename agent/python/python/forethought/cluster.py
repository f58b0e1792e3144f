"""Evaluations and training runs of the ``forethought`` program as Ray tasks.

Ray carries the parts to its machines, runs what was lost again and brings the files back; what is in them is what one machine
would have written::

    from forethought.cluster import evaluate, train_seeds

    evaluate(["--suite", "maze2d"], parts=32, out="runs/maze2d")
    evaluate(["maze2d-large", "--vary", "plan.sampler.steps=3,6,12"], parts=16, out="runs/steps")
    train_seeds(["maze2d-umaze", "--data", "/shared/maze2d-umaze-v1.hdf5"], seeds=range(5), out="runs/seeds")

or ``python -m forethought.cluster eval --parts 32 --out runs/maze2d -- --suite maze2d``. Needs ``pip install forethought[ray]``, and the
program on every machine: on the PATH, or where ``program`` says. Without ``ray.init`` a cluster that is there is used, else this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PROGRAM = "forethought"
"""The program, as it is called where nothing else is said."""

RETRIES = 3
"""How often a task is run again whose worker was lost: a machine that is taken away is not the run's fault, one that fails three
times over is worth a look."""

Files = dict[str, bytes]
"""Files of a folder by their paths in it."""


class ProgramError(RuntimeError):
    """The program refused or failed, in its own words. Not run again: it would say the same."""


def evaluate(
    arguments: Sequence[str],
    *,
    parts: int,
    out: str | os.PathLike[str],
    program: str = PROGRAM,
    cpus: float = 1.0,
    retries: int = RETRIES,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """``forethought eval ARGUMENTS`` in ``parts`` tasks, merged into the folder ``out``, which is returned.

    ``arguments`` are those of ``eval`` but ``--out`` and ``--shard``. Parts are kept in ``OUT-shards`` as they come in, and those that are
    there are not run again: the same call resumes. ``episodes.csv`` is, to the byte, that of one run. ``cpus`` are reserved for each task.
    ``progress(done, parts)`` is called as parts come in.

    Raises :class:`ProgramError` in the program's words, ValueError for what cannot be a number of parts, and Ray's own errors where
    workers are lost more than ``retries`` times.
    """
    if parts < 1:
        raise ValueError(f"parts is {parts}: give at least 1")
    folder = Path(out)
    shards = folder.with_name(folder.name + "-shards")

    def place(part: int) -> Path:
        return shards / f"{part + 1}-of-{parts}"

    _same(shards / "arguments.json", ["eval", *arguments])
    due = [part for part in range(parts) if not (place(part) / "protocol.json").exists()]
    commands = [[program, "eval", *arguments, "--shard", f"{part + 1}/{parts}", "--out", "{}/run"] for part in due]
    results = [f"run-shards/{part + 1}-of-{parts}" for part in due]
    _run(commands, results, [place(part) for part in due], cpus, retries, progress, parts)
    said = subprocess.run(
        [program, "merge", str(shards), "--out", str(folder), "--force"], capture_output=True, text=True, check=False
    )
    if said.returncode != 0:
        raise ProgramError(said.stderr.strip())
    return folder


def train_seeds(
    arguments: Sequence[str],
    *,
    seeds: Iterable[int],
    out: str | os.PathLike[str],
    program: str = PROGRAM,
    cpus: float = 1.0,
    retries: int = RETRIES,
    progress: Callable[[int, int], object] | None = None,
) -> list[Path]:
    """``forethought train ARGUMENTS`` once for each seed; the folders of the exported checkpoints, ``OUT/seed-SEED``.

    ``arguments`` are those of ``train`` but ``--out``, ``--seed`` and ``--export``; paths in them have to hold on every machine. A
    checkpoint that is there is kept. A task that is run again begins anew, and ends in the same bytes. Raises as :func:`evaluate`.
    """
    wanted = list(seeds)
    places = [Path(out) / f"seed-{seed}" for seed in wanted]
    _same(Path(out) / "arguments.json", ["train", *arguments])
    due = [(seed, place) for seed, place in zip(wanted, places) if not (place / "manifest.json").exists()]
    commands = [
        [program, "train", *arguments, "--seed", str(seed), "--out", "{}/run", "--export", "{}/checkpoint"] for seed, _ in due
    ]
    _run(commands, ["checkpoint"] * len(due), [place for _, place in due], cpus, retries, progress, len(wanted))
    return places


def _same(kept: Path, arguments: list[str]) -> None:
    """Refuses a folder whose parts are of other arguments: they would be taken for these."""
    if kept.exists() and json.loads(kept.read_text(encoding="utf-8")) != arguments:
        raise ValueError(f"{kept.parent} holds parts of other arguments ({kept.name}): choose another out, or remove it")
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(arguments), encoding="utf-8")


def _run(
    commands: list[list[str]],
    results: list[str],
    places: list[Path],
    cpus: float,
    retries: int,
    progress: Callable[[int, int], object] | None,
    total: int,
) -> None:
    """Runs the commands as tasks, and puts the folder that each leaves where it belongs as soon as it is there."""
    if not commands:
        return
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    task: Any = ray.remote(_task).options(num_cpus=cpus, max_retries=retries, retry_exceptions=False)
    running = {task.remote(command, result): place for command, result, place in zip(commands, results, places)}
    done = total - len(running)
    while running:
        [reference], _ = ray.wait(list(running), num_returns=1)
        place = running.pop(reference)
        files, said = ray.get(reference)
        if files is None:
            for other in running:
                ray.cancel(other, force=True)
            raise ProgramError(said)
        _put(place, files)
        done += 1
        if progress is not None:
            progress(done, total)


def _task(command: list[str], result: str) -> tuple[Files | None, str]:
    """Runs a command in a folder of its own; the files of the folder that it leaves, or what it said."""
    if shutil.which(command[0]) is None:
        return None, f"{command[0]} is not on the PATH of {os.uname().nodename}: install it there, or say where it is with program"
    with tempfile.TemporaryDirectory(prefix="forethought-") as work:
        said = subprocess.run(
            [part.replace("{}", work, 1) if part.startswith("{}") else part for part in command],
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode != 0:
            return None, said.stderr.strip() or f"{command[0]} ended with {said.returncode}"
        root = Path(work) / result
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}, ""


def _put(place: Path, files: Files) -> None:
    """Writes a folder that is there whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".part-") as work:
        new = Path(work) / "new"
        for name, content in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if place.exists():
            shutil.rmtree(place)
        new.rename(place)


def main(words: Sequence[str] | None = None) -> int:
    """What ``python -m forethought.cluster`` does; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m forethought.cluster", description="The forethought program on Ray.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("eval", "an evaluation in parts"), ("train", "a training run for each of several seeds")):
        command = commands.add_parser(name, help=what)
        if name == "eval":
            command.add_argument("--parts", type=int, required=True, help="tasks")
        else:
            command.add_argument("--seeds", type=int, nargs="+", required=True, help="seeds")
        command.add_argument("--out", required=True, help="folder for results")
        command.add_argument("--program", default=PROGRAM, help="the program on every machine (default: %(default)s)")
        command.add_argument("--cpus", type=float, default=1.0, help="cores of a task (default: %(default)s)")
        command.add_argument("arguments", nargs=argparse.REMAINDER, help="-- and what forethought itself is to be told")
    typed = parser.parse_args(words)
    arguments = typed.arguments[1:] if typed.arguments[:1] == ["--"] else typed.arguments

    def told(done: int, total: int) -> None:
        print(f"{done} of {total} done", file=sys.stderr, flush=True)

    shared: dict[str, Any] = {"out": typed.out, "program": typed.program, "cpus": typed.cpus, "progress": told}
    try:
        if typed.command == "eval":
            print(evaluate(arguments, parts=typed.parts, **shared))
        else:
            print(*train_seeds(arguments, seeds=typed.seeds, **shared), sep="\n")
    except (ProgramError, ValueError) as error:
        print(f"forethought: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
