"""A checkpoint that acts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from .arguments import numbers, whole
from .plan import Plan, plan_of

Observation: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
"""A flat array, or a dict as Gymnasium's goal environments give it: ``observation`` and ``desired_goal``."""


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
        self._seed = 0
        self._goals = 0
        self._goal: NDArray[np.float64] | None = None

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
        changes = None if settings is None else json.dumps(dict(settings), default=_plain)
        return cls(_native.Agent.load(os.fspath(path), count, changes))

    def reset(self, seed: SupportsIndex, goal: Observation | _native.Task | None = None) -> None:
        """Begins an episode. The same seed, goal and observations give the same actions.

        ``goal``: ``[g]``, the wanted values of the observation entries :attr:`goal_entries`; or a dict of observations, whose
        ``desired_goal`` it is and stays in step with; or the :class:`Task` of one of this package's environments
        (``env.unwrapped.task``), which is the only way to tasks that are not a place. May be left out where the checkpoint
        is for no goals.

        Raises ValueError for a goal of another length or with numbers that are not finite.
        """
        number, follows = whole("seed", seed), isinstance(goal, Mapping)
        place, task = _goal(goal)
        self._native.reset(number, place, task)
        self._seed, self._goals, self._goal = number, 0, place if follows else None

    def act(self, obs: Observation) -> NDArray[np.float64]:
        """The action ``[a]`` for an observation ``[o]``, or for a dict that holds one as ``observation``; environment units.

        Plans first where that is due, which takes milliseconds; otherwise it takes microseconds. In an episode that was
        begun with a dict, another ``desired_goal`` begins a new plan.

        Raises ValueError for an observation of another length or with numbers that are not finite,
        RuntimeError before :meth:`reset`, and :class:`OutOfDataError` for an observation far outside the data where the
        setting ``plan.out_of_data`` is ``"refuse"``.
        """
        if self._goal is not None and isinstance(obs, Mapping):
            wanted = numbers("obs['desired_goal']", _entry(obs, "desired_goal"), 1)
            if not np.array_equal(wanted, self._goal):
                # Noise of its own, as an episode of its own would have.
                number = (self._seed + self._goals + 1) % 2**64
                self._native.reset(number, wanted, None)
                self._goals, self._goal = self._goals + 1, wanted
        return self._native.act(_seen(obs))

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
        place, task = _goal(goal)
        number = whole("seed", seed)
        return plan_of(self._native.plan(_seen(obs), place, task, number, deadline_ms, bool(outcomes)))

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


def _seen(obs: Observation) -> NDArray[np.float64]:
    if isinstance(obs, Mapping):
        return numbers("obs['observation']", _entry(obs, "observation"), 1)
    return numbers("obs", obs, 1)


def _goal(goal: Observation | _native.Task | None) -> tuple[NDArray[np.float64] | None, _native.Task | None]:
    if goal is None or isinstance(goal, _native.Task):
        return None, goal
    if isinstance(goal, Mapping):
        return numbers("obs['desired_goal']", _entry(goal, "desired_goal"), 1), None
    return numbers("goal", goal, 1), None


def _entry(obs: Mapping[str, ArrayLike], key: str) -> ArrayLike:
    if key not in obs:
        raise ValueError(f"the dict has no {key!r}, only {sorted(obs)}: give the array itself")
    return obs[key]


def _plain(value: object) -> object:
    """What JSON does not know of numpy's."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} is no setting: give numbers, text, lists or dicts")
