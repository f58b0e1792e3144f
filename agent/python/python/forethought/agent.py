"""A checkpoint that acts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from . import _native
from .arguments import changes, whole
from .episode import Episode, Observation, seen, wanted
from .plan import Plan, plan_of


class Agent:
    """Plans when a plan is due and follows it in between.

    ::

        agent = forethought.Agent.load("experiments/checkpoints/PointMaze_UMaze-v3")
        obs, info = env.reset(seed=1)
        agent.reset(1, obs)
        obs, reward, terminated, truncated, info = env.step(agent.act(obs))

    Planning releases the interpreter: other Python threads run meanwhile. An agent may be used from several threads, which
    wait for each other.
    """

    def __init__(self, native: _native.Agent) -> None:
        """Made by :meth:`load`."""
        self._native = native
        self._episode = Episode(native.reset)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        threads: SupportsIndex | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Agent:
        """The agent of a checkpoint's folder, or of a training run's.

        ``threads``: all cores unless given; actions do not depend on their number. ``settings``: changes of the settings that
        the checkpoint carries, by dotted names, such as ``{"plan.guidance.scale": 100.0}``.

        Raises :class:`CheckpointError` for a checkpoint that cannot be used, ValueError for settings that it cannot act with,
        OSError for files that cannot be read.
        """
        count = None if threads is None else whole("threads", threads, 1, 1024)
        return cls(_native.Agent.load(os.fspath(path), count, changes("settings", settings)))

    def reset(self, seed: SupportsIndex, goal: Observation | _native.Task | None = None) -> None:
        """Begins an episode. The same seed, goal and observations give the same actions.

        ``goal``: ``[g]``, the wanted values of the observation entries :attr:`goal_entries`; or a dict of observations, whose
        ``desired_goal`` it is and stays in step with; or the :class:`Task` of one of this package's environments
        (``env.unwrapped.task``), which is the only way to tasks that are not a place. May be left out where the checkpoint
        is for no goals.

        Raises ValueError for a goal of another length or with numbers that are not finite.
        """
        self._episode.begin(seed, goal)

    def act(self, obs: Observation) -> NDArray[np.float64]:
        """The action ``[a]`` for an observation ``[o]``, or for a dict that holds one as ``observation``; environment units.

        Plans first where that is due, which takes milliseconds; otherwise it takes microseconds. In an episode that was
        begun with a dict, another ``desired_goal`` begins a new plan.

        Raises ValueError for an observation of another length or with numbers that are not finite,
        RuntimeError before :meth:`reset`, and :class:`OutOfDataError` for an observation far outside the data where the
        setting ``plan.out_of_data`` is ``"refuse"``.
        """
        self._episode.follow(obs)
        return self._native.act(seen(obs))

    def plan(
        self,
        obs: Observation,
        goal: Observation | _native.Task | None = None,
        *,
        deadline_ms: float | None = None,
        seed: SupportsIndex = 0,
        outcomes: bool = True,
    ) -> Plan:
        """A plan from an observation, apart from any episode: the same arguments give the same plan.

        ``goal`` as in :meth:`reset`; that of a dict of observations is used without being named. ``outcomes``: whether the
        sampled outcomes and the plans that were not chosen are told, where the checkpoint chooses by outcomes.
        ``deadline_ms``: planning ends by then, with the best plan of then (``cut``, ``clean``); a first row is computed in any
        case. The same plan is not promised twice with it.

        Raises what :meth:`act` raises.
        """
        if goal is None and isinstance(obs, Mapping):
            goal = obs
        place, task = wanted(goal)
        number = whole("seed", seed)
        return plan_of(self._native.plan(seen(obs), place, task, number, deadline_ms, bool(outcomes)))

    @property
    def environment(self) -> str:
        """Id of the environment of the checkpoint's data."""
        return str(self._native.spec["id"])

    @property
    def observation_size(self) -> int:
        """Entries of an observation."""
        return len(self._native.spec["observation_low"])

    @property
    def action_low(self) -> NDArray[np.float64]:
        """Smallest action ``[a]``."""
        return np.asarray(self._native.spec["action_low"])

    @property
    def action_high(self) -> NDArray[np.float64]:
        """Largest action ``[a]``."""
        return np.asarray(self._native.spec["action_high"])

    @property
    def goal_entries(self) -> list[int]:
        """Observation entries that goals speak of, in their order; empty where the checkpoint is for no goals."""
        return list(self._native.spec["goal_entries"])

    @property
    def goal_radius(self) -> float:
        """Distance at and below which a goal counts as reached, observation units."""
        return float(self._native.spec["goal_radius"])

    def __repr__(self) -> str:
        return f"Agent({self.environment!r})"
