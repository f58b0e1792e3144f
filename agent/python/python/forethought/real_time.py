"""A checkpoint that acts in real time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from . import _native
from .arguments import changes, whole
from .episode import Episode, Observation, seen


class RealTimeAgent:
    """Plans on a thread of its own, so that a control loop never waits.

    ::

        with forethought.RealTimeAgent.load("experiments/checkpoints/maze2d-umaze-v1", threads=1) as agent:
            agent.reset(1, goal)
            agent.start()
            due = time.monotonic()
            while not done():
                command = agent.tick(sense())
                if command is not None:
                    move(command)
                due += agent.period_s
                time.sleep(max(0.0, due - time.monotonic()))
        move(agent.safe_command)

    What is promised, the ladder of what is commanded without a plan, and all settings stand in the project's
    ``agent/REALTIME.md``. The planner's thread needs no interpreter. Python's other threads do, and can keep a tick waiting for
    ``sys.getswitchinterval()``, 5 ms unless it is set.

    Used as a context, it is closed at the end, also by an exception. An agent that nothing refers to any more is closed
    as well. A plan that is being made is not waited for: the thread ends with it.
    """

    def __init__(self, native: _native.RealTimeAgent) -> None:
        """Made by :meth:`load`."""
        self._native = native
        self._episode = Episode(native.reset)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        period_s: float | None = None,
        threads: SupportsIndex | None = None,
        settings: Mapping[str, Any] | None = None,
        realtime: Mapping[str, Any] | None = None,
    ) -> RealTimeAgent:
        """The agent of a checkpoint's folder, or of a training run's.

        ``period_s``: seconds from tick to tick, the environment's own step unless given. ``threads`` and ``settings`` as in
        :meth:`Agent.load`; leave a core to the loop. ``realtime``: settings of the loop, such as ``{"brake_s": 0.2,
        "seam.max_jump": 0.1}``.

        Raises :class:`CheckpointError` for a checkpoint that cannot be used, ValueError for settings that it cannot act with or
        that there are not, OSError for files that cannot be read, RuntimeError where there can be no thread.
        """
        if period_s is not None and realtime is not None and "period_s" in realtime:
            raise ValueError("period_s is given twice: leave it out of realtime")
        count = None if threads is None else whole("threads", threads, 1, 1024)
        period = None if period_s is None else float(period_s)
        of_plans, of_loop = changes("settings", settings), changes("realtime", realtime)
        return cls(_native.RealTimeAgent.load(os.fspath(path), period, count, of_plans, of_loop))

    def reset(self, seed: SupportsIndex, goal: Observation | _native.Task | None = None) -> None:
        """Begins an episode, of a running loop too: nothing is commanded before the first valid plan for it.

        Arguments and exceptions as :meth:`Agent.reset`; RuntimeError once closed.
        """
        self._episode.begin(seed, goal)

    def start(self) -> None:
        """Lets ticks command, from the first valid plan on; also again after :meth:`stop`.

        Raises RuntimeError before :meth:`reset` and once closed.
        """
        self._native.start()

    def tick(self, obs: Observation) -> NDArray[np.float64] | None:
        """The command ``[a]`` for the present observation, or None where the robot is left alone: before :meth:`start` and the
        first valid plan. Takes microseconds, whatever the planner does; call it once a period.

        Numbers that are not finite are a sensor that fails: they are counted, nothing is planned from them, and where the
        controller needs an observation the ladder has the command until they are over. In an episode that was begun with a
        dict, another ``desired_goal`` begins another episode. Once stopped or closed it is the safe command.

        Raises ValueError for an observation of another length and TypeError for one that is no numbers; no step is counted
        then.
        """
        # A goal that moves begins an episode; nothing does once the loop has ended.
        if self._native.rung != "stopped":
            self._episode.follow(obs)
        return self._native.tick(seen(obs))

    def stop(self) -> dict[str, Any]:
        """Ends commanding: later ticks give the safe command. The closing report: what happened, how often and when."""
        report: dict[str, Any] = json.loads(self._native.stop())
        return report

    def report(self) -> dict[str, Any]:
        """What happened so far, as :meth:`stop` tells it."""
        report: dict[str, Any] = json.loads(self._native.report())
        return report

    def close(self) -> None:
        """Stops, and lets the planner's thread go. Ticks give the safe command, and :meth:`stop` the last report."""
        self._native.close()

    @property
    def rung(self) -> str:
        """Where the loop stood last: ``"idle"``, ``"waiting"``, ``"plan"``, ``"previous"``, ``"brake"``, ``"safe"``, ``"failed"`` or
        ``"stopped"``."""
        return self._native.rung

    @property
    def step(self) -> int:
        """Commands given in this episode before the last tick."""
        return self._native.step

    @property
    def safe_command(self) -> NDArray[np.float64]:
        """The safe command ``[a]``: what a robot is to do when nobody commands it."""
        return self._native.safe_command

    @property
    def period_s(self) -> float:
        """Seconds from tick to tick."""
        return self._native.period_s

    @property
    def environment(self) -> str:
        """Id of the environment of the checkpoint's data."""
        return str(self._native.spec["id"])

    def __enter__(self) -> RealTimeAgent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RealTimeAgent({self.environment!r}, {self.rung})"
