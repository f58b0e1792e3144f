"""The native half of the package. Not meant to be used by itself, but for Task and the exceptions."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Step: TypeAlias = tuple[float, bool, bool, bool, bool]
_Begin: TypeAlias = tuple[int, int | None, Sequence[float] | None, Sequence[float] | None]

class CheckpointError(ValueError): ...
class OutOfDataError(ValueError): ...
class TrainingError(RuntimeError): ...

@final
class Task:
    @property
    def goal(self) -> NDArray[np.float64] | None: ...
    @property
    def radius(self) -> float: ...

@final
class Agent:
    @staticmethod
    def load(path: str, threads: int | None, settings: str | None) -> Agent: ...
    def reset(self, seed: int, goal: NDArray[np.float64] | None, task: Task | None) -> None: ...
    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def plan(
        self,
        observation: NDArray[np.float64],
        goal: NDArray[np.float64] | None,
        task: Task | None,
        seed: int,
        deadline_ms: float | None,
        outcomes: bool,
    ) -> dict[str, Any]: ...
    @property
    def spec(self) -> dict[str, Any]: ...

@final
class World:
    def __new__(cls, id: str) -> World: ...
    def reset(
        self, seed: int, task: int | None, position: Sequence[float] | None, goal: Sequence[float] | None
    ) -> NDArray[np.float64]: ...
    def step(self, action: NDArray[np.float64]) -> tuple[NDArray[np.float64], _Step]: ...
    @property
    def spec(self) -> dict[str, Any]: ...
    @property
    def task(self) -> Task: ...

@final
class VectorWorld:
    def __new__(cls, id: str, count: int, threads: int) -> VectorWorld: ...
    def reset(self, starts: Sequence[_Begin | None]) -> NDArray[np.float64]: ...
    def step(
        self, actions: NDArray[np.float64], active: NDArray[np.bool_]
    ) -> tuple[
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        NDArray[np.bool_],
        NDArray[np.bool_],
    ]: ...
    def goals(self) -> NDArray[np.float64] | None: ...
    def tasks(self) -> list[Task]: ...

def catalogue() -> list[tuple[str, str]]: ...
def train(
    observations: NDArray[np.float32],
    actions: NDArray[np.float32],
    rewards: NDArray[np.float32] | None,
    terminals: NDArray[np.bool_] | None,
    timeouts: NDArray[np.bool_] | None,
    out: str | PathLike[str],
    environment: str | None,
    config: tuple[bool, str] | None,
    description: tuple[bool, str] | None,
    steps: int | None,
    seed: int | None,
    threads: int | None,
    progress: Callable[[int, int, float], object] | None,
) -> tuple[PathLike[str], int, list[str]]: ...
