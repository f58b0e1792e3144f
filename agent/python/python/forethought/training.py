"""Training on numpy arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from .arguments import flags, numbers, plain, whole

Settings: TypeAlias = Mapping[str, Any] | str | os.PathLike[str]
"""Settings in a dict, or the path of a TOML file."""


class Exchange(Protocol):
    """What connects processes that train together: :class:`forethought.distributed.TorchExchange`, or one's own."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def size(self) -> int:
        """Processes in all."""

    def gather(self, own: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bytes of all processes in the order of their numbers, given this one's. All are called equally often."""


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    checkpoint: Path
    """Folder of the latest checkpoint; :meth:`Agent.load` takes the run's folder as well."""
    steps: int
    """Optimiser steps done."""
    report: list[str]
    """What the data hold, what of it was used, and what looks wrong, line by line."""


def train(
    observations: ArrayLike,
    actions: ArrayLike,
    *,
    out: str | os.PathLike[str],
    terminals: ArrayLike | None = None,
    timeouts: ArrayLike | None = None,
    rewards: ArrayLike | None = None,
    description: Settings | None = None,
    environment: str | None = None,
    config: Settings | None = None,
    steps: SupportsIndex | None = None,
    seed: SupportsIndex | None = None,
    threads: SupportsIndex | None = None,
    progress: Callable[[int, int, float], object] | None = None,
    exchange: Exchange | None = None,
) -> Trained:
    """Trains a planner on logged trajectories, or goes on with the run in ``out``: the same call again resumes.

    One row a step, one trajectory after the other:

    - ``observations`` ``[rows, o]``: what was seen before the action. ``actions`` ``[rows, a]``: what was done.
    - ``terminals``, ``timeouts`` ``[rows]``: the task ended with this row; the recording was cut after it. At least one of
      them is needed where there is more than one trajectory.
    - ``rewards`` ``[rows]``: of the row's action.

    ``description`` says what the numbers are, with the keys of a data description: ``step_seconds``, ``action_low``,
    ``action_high``, ``features`` (a list of ``{"name", "width", "kind"}``, ``kind`` one of ``position``, ``velocity``,
    ``angle``, ``quaternion``, ``other``) and ``task`` (``{"kind": "goal", "entries": [0, 1], "radius": 0.1}``). Without a task,
    plans go to no goals. ``environment`` names a registered environment instead, which says all of that itself.

    ``config``: tables ``model``, ``train``, ``plan``, ``control`` and ``data`` as in the program's configuration files
    (``forethought settings`` lists them). ``steps`` and ``seed`` come before those in ``config``. ``threads``: all cores unless
    given; the result does not depend on their number. ``progress(step, steps, loss)`` is called every ``train.log_every``
    steps; what it raises ends the run.

    ``exchange``: this process is one of several that train together on the same arguments and one folder that all can read. They end in
    the bytes that one process would have left, whatever their number, which has to divide ``train.shards``. Where one is lost, all end
    with an error; started again, they go on from the last checkpoint (``train.checkpoint_every``).

    The interpreter is released. Ctrl-C saves a checkpoint and raises KeyboardInterrupt.

    Raises TypeError and ValueError for arrays and settings that cannot be trained with, :class:`CheckpointError` for a folder
    that holds something else or another run, :class:`TrainingError` where the loss is not finite or another process is lost, OSError.
    """
    seen = numbers("observations", observations, 2, np.float32)
    done = numbers("actions", actions, 2, np.float32)
    rows = len(seen)
    if len(done) != rows:
        raise ValueError(f"actions have {len(done)} rows, observations {rows}: give one of each a step")
    paid = None if rewards is None else numbers("rewards", rewards, 1, np.float32)
    if paid is not None and len(paid) != rows:
        raise ValueError(f"rewards have {len(paid)} entries, observations {rows} rows: give one a row")
    checkpoint, trained, report = _native.train(
        seen,
        done,
        paid,
        None if terminals is None else flags("terminals", terminals, rows),
        None if timeouts is None else flags("timeouts", timeouts, rows),
        Path(out),
        environment,
        _settings(config),
        _settings(description),
        None if steps is None else whole("steps", steps, 1),
        None if seed is None else whole("seed", seed),
        None if threads is None else whole("threads", threads, 1, 1024),
        progress,
        None if exchange is None else (exchange, exchange.rank, exchange.size),
    )
    return Trained(Path(checkpoint), trained, report)


def _settings(given: Settings | None) -> tuple[bool, str] | None:
    """Whether it is a path, and the path or the settings as JSON."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return False, json.dumps(dict(given), default=plain)
    return True, os.fspath(given)
