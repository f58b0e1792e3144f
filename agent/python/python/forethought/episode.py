"""What is seen and what is wanted: flat arrays, or dicts as Gymnasium's goal environments give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from .arguments import numbers, whole

Observation: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
"""A flat array, or a dict as Gymnasium's goal environments give it: ``observation`` and ``desired_goal``."""

_Place: TypeAlias = NDArray[np.float64] | None


class Episode:
    """Begins episodes, and another one where the goal in a dict of observations moves."""

    def __init__(self, reset: Callable[[int, _Place, _native.Task | None], None]) -> None:
        self._reset = reset
        self._seed = 0
        self._goals = 0
        self._goal: _Place = None

    def begin(self, seed: SupportsIndex, goal: Observation | _native.Task | None) -> None:
        """Begins one as it was asked for."""
        number, follows = whole("seed", seed), isinstance(goal, Mapping)
        place, task = wanted(goal)
        self._reset(number, place, task)
        self._seed, self._goals, self._goal = number, 0, place if follows else None

    def follow(self, obs: Observation) -> None:
        """Stays in step with the goal of a dict, where the episode was begun with one."""
        if self._goal is None or not isinstance(obs, Mapping):
            return
        place = numbers("obs['desired_goal']", _entry(obs, "desired_goal"), 1)
        if not np.array_equal(place, self._goal):
            # Noise of its own, as an episode of its own would have.
            self._reset((self._seed + self._goals + 1) % 2**64, place, None)
            self._goals, self._goal = self._goals + 1, place


def seen(obs: Observation) -> NDArray[np.float64]:
    """The observation ``[o]``."""
    if isinstance(obs, Mapping):
        return numbers("obs['observation']", _entry(obs, "observation"), 1)
    return numbers("obs", obs, 1)


def wanted(goal: Observation | _native.Task | None) -> tuple[_Place, _native.Task | None]:
    """The goal ``[g]`` or the task."""
    if goal is None or isinstance(goal, _native.Task):
        return None, goal
    if isinstance(goal, Mapping):
        return numbers("obs['desired_goal']", _entry(goal, "desired_goal"), 1), None
    return numbers("goal", goal, 1), None


def _entry(obs: Mapping[str, ArrayLike], key: str) -> ArrayLike:
    if key not in obs:
        raise ValueError(f"the dict has no {key!r}, only {sorted(obs)}: give the array itself")
    return obs[key]
