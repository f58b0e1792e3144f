"""The environments that come with Forethought, as Gymnasium's. Needs ``pip install forethought[gymnasium]``.

Observations and actions are flat arrays of float64. Every ``info`` holds ``goal`` (where the task has one) and ``success``;
``info["chance"]`` says that something happened which the environment leaves to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from . import _native
from .arguments import numbers, whole

__all__ = ["Env", "VectorEnv"]

_Array = NDArray[np.float64]
_Options = dict[str, Any]

# Options of `reset`, besides `reset_mask` of vectors.
_OPTIONS = ("task_id", "position", "goal")


class Env(gymnasium.Env[_Array, _Array]):
    """An environment by its name, or a maze as text (``maze2d:#####\\#G.#\\#####``).

    ``reset(seed=...)`` begins the episode of that seed, the same as in Rust. Options: ``task_id``, a numbered task of the
    protocol, counted from 1; ``position``, where to begin; ``goal``. The protocol's time limit is built in and truncates.

    Raises ValueError for an unknown name, with the nearest one.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, name: str, render_mode: None = None) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode is {render_mode!r}: these environments draw nothing, leave it out")
        self.render_mode = None
        self._world = _native.World(name)
        self.observation_space, self.action_space = _spaces(self._world.spec)

    @property
    def task(self) -> _native.Task:
        """What the running episode is for: :meth:`forethought.Agent.reset` takes it."""
        return self._world.task

    def reset(self, *, seed: int | None = None, options: _Options | None = None) -> tuple[_Array, _Options]:
        super().reset(seed=seed)
        episode = seed if seed is not None else _draw(self.np_random)
        obs = self._world.reset(whole("seed", episode), *_start(options))
        return obs, _info(self._world.task, (0.0, False, False, False, False))

    def step(self, action: _Array) -> tuple[_Array, float, bool, bool, _Options]:
        obs, step = self._world.step(numbers("action", action, 1))
        reward, _, terminated, truncated, _ = step
        return obs, reward, terminated, truncated, _info(self._world.task, step)


class VectorEnv(gymnasium.vector.VectorEnv[_Array, _Array, NDArray[Any]]):
    """Many environments of one name, stepped in one call; ``gymnasium.make_vec`` makes them.

    Environment ``i`` does what an :class:`Env` does that is reset with ``seed + i``. One that has ended begins a new episode in
    the next step (``AutoresetMode.NEXT_STEP``). ``threads``: one is the fastest for environments that step in less than a
    microsecond, as these do.
    """

    def __init__(
        self, num_envs: SupportsIndex, name: str, threads: SupportsIndex = 1, render_mode: None = None
    ) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode is {render_mode!r}: these environments draw nothing, leave it out")
        self.num_envs = whole("num_envs", num_envs, 1, 2**20)
        self.render_mode = None
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}
        self._worlds = _native.VectorWorld(name, self.num_envs, whole("threads", threads, 1, 1024))
        self.single_observation_space, self.single_action_space = _spaces(_native.World(name).spec)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._draws: list[np.random.Generator] = []
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)

    @property
    def tasks(self) -> list[_native.Task]:
        """What the running episodes are for."""
        return self._worlds.tasks()

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: _Options | None = None,
    ) -> tuple[_Array, _Options]:
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        mask = np.ones(self.num_envs, dtype=np.bool_) if mask is None else np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ValueError(f"reset_mask must be {self.num_envs} booleans, one for each environment")
        seeds: Sequence[int | None]
        if seed is None or isinstance(seed, (int, np.integer)):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = seed
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments: give one each, or one number")
        if not self._draws:
            self._draws = [seeding.np_random(each)[0] for each in seeds]
        start = _start(options)
        starts: list[tuple[Any, ...] | None] = []
        for i, (each, begins) in enumerate(zip(seeds, mask, strict=True)):
            if not begins:
                starts.append(None)
                continue
            if each is not None:
                self._draws[i] = seeding.np_random(each)[0]
            starts.append((whole("seed", _draw(self._draws[i]) if each is None else each), *start))
        obs = self._worlds.reset(starts)
        self._ended[mask] = False
        none = np.zeros(self.num_envs, dtype=np.bool_)
        return obs, self._infos(mask, none, none.copy())

    def step(
        self, actions: _Array
    ) -> tuple[_Array, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], _Options]:
        if not self._draws:
            raise RuntimeError("no episode has begun: call reset before step")
        ended = self._ended
        table = numbers("actions", actions, 2)
        obs, rewards, success, terminated, truncated, chance = self._worlds.step(table, ~ended)
        if ended.any():
            begin = [(_draw(self._draws[i]), None, None, None) if ends else None for i, ends in enumerate(ended)]
            obs = self._worlds.reset(begin)
        self._ended = terminated | truncated
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        return obs, rewards, terminated, truncated, self._infos(everywhere, success, chance)

    def _infos(self, mask: NDArray[np.bool_], success: NDArray[np.bool_], chance: NDArray[np.bool_]) -> _Options:
        """The infos of all environments, with those under the mask marked as told."""
        infos: _Options = {"success": success, "chance": chance}
        goals = self._worlds.goals()
        if goals is not None:
            infos["goal"] = np.where(mask[:, None], goals, 0.0)
        return {**infos, **{f"_{key}": mask.copy() for key in infos}}


def _spaces(spec: dict[str, Any]) -> tuple[Any, Any]:
    box = gymnasium.spaces.Box
    return (
        box(spec["observation_low"], spec["observation_high"], dtype=np.float64),
        box(spec["action_low"], spec["action_high"], dtype=np.float64),
    )


def _draw(generator: np.random.Generator) -> int:
    """The seed of an episode that was given none."""
    return int(generator.integers(2**63))


def _start(options: _Options | None) -> tuple[int | None, list[float] | None, list[float] | None]:
    """Task, position and goal of an episode."""
    options = options or {}
    unknown = [key for key in options if key not in _OPTIONS]
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r} of reset: known are {', '.join(_OPTIONS)}")
    task, position, goal = (options.get(key) for key in _OPTIONS)
    return (
        None if task is None else whole("task_id", task, 1),
        None if position is None else numbers("position", position, 1).tolist(),
        None if goal is None else numbers("goal", goal, 1).tolist(),
    )


def _info(task: _native.Task, step: tuple[float, bool, bool, bool, bool]) -> _Options:
    info: _Options = {"success": step[1], "chance": step[4]}
    goal = task.goal
    return info if goal is None else {"goal": goal, **info}
