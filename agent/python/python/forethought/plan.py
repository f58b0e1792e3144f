"""Plans, and what doing them is expected to lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Outcome:
    """One sampled outcome of some of a plan's frames."""

    first_frame: int
    """The frame that it begins with."""
    observations: NDArray[np.float64]
    """``[frames, o]``, environment units."""
    rewards: NDArray[np.float64]
    """``[frames]``; empty where the checkpoint plans no rewards."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """What doing a plan is expected to lead to, from outcomes that were drawn afresh."""

    chance: float | None
    """Probability that all goes as planned; None for tasks without an end."""
    mean: float
    """Mean value: the task's score or, where the task has an end, minus the steps until it is done."""
    spread: float
    """Standard deviation of the value."""
    promise: float | None
    """The value if all goes as planned; None where plans are followed to their end, whatever comes."""
    near: NDArray[np.float64]
    """``[frames]`` of the first chunk: the share of its outcomes that are where the plan says. Empty where the task is for no
    place."""
    samples: int
    """Outcomes drawn."""
    outcomes: list[Outcome]
    """The outcomes themselves; empty unless they were asked for."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One planned trajectory. Frame ``i`` is step ``i + 1`` after the observation that it was planned from."""

    observations: NDArray[np.float64]
    """``[frames, o]``, environment units."""
    actions: NDArray[np.float64]
    """``[frames, a]``, environment units; action ``i`` leads to observation ``i``."""
    value: float
    """What the planner expects of it; comparable between plans of one agent for one task."""
    arrival: int | None
    """First frame in which the task is done, if any."""
    unsupported: int
    """Frames at positions where the data have never been."""
    out_of_data: int | None
    """Entry of the observation planned from that lies far outside the data, if any: such a plan is a guess."""
    candidates: int
    """Plans that it was chosen from."""
    evaluations: int
    """Evaluations of the network, one after the other."""
    clean: int
    """Frames, counted from the first, that were sampled to their end; those after them are estimates."""
    cut: bool
    """Whether the deadline ended planning: it is the best of then."""
    outlook: Outlook | None
    """Where the checkpoint chooses plans by their outcomes: what is expected of this one."""
    rejected: list[Plan]
    """Where it does, and outcomes were asked for: the plans that this one was preferred to."""

    @property
    def chance(self) -> float | None:
        """Probability that all goes as planned, where it was sampled."""
        return None if self.outlook is None else self.outlook.chance

    @property
    def outcomes(self) -> list[Outcome]:
        """The sampled outcomes; empty where none were drawn or asked for."""
        return [] if self.outlook is None else self.outlook.outcomes

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.observations)


def plan_of(fields: dict[str, Any]) -> Plan:
    """The plan of a native answer."""
    outlook = fields.pop("outlook")
    if outlook is not None:
        outlook = Outlook(**{**outlook, "outcomes": [Outcome(*outcome) for outcome in outlook["outcomes"]]})
    rejected = [plan_of(each) for each in fields.pop("rejected")]
    return Plan(**fields, outlook=outlook, rejected=rejected)
