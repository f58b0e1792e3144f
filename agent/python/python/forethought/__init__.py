"""Forethought: planning and deciding by Diffusion Forcing.

``Agent.load(path)`` gives a checkpoint that acts, ``RealTimeAgent.load(path)`` one that never makes a loop wait, ``train(...)`` makes
one of numpy arrays, and where Gymnasium is installed, importing this package registers the environments that come with it: ``gymnasium.make("forethought/maze2d-umaze-v1")``.
"""

from importlib.metadata import version as _version
from importlib.util import find_spec as _find_spec

from ._native import CheckpointError, OutOfDataError, Task, TrainingError
from .agent import Agent
from .episode import Observation
from .plan import Outcome, Outlook, Plan
from .real_time import RealTimeAgent
from .training import Exchange, Trained, train

__version__ = _version("forethought")

__all__ = [
    "Agent",
    "CheckpointError",
    "Exchange",
    "Observation",
    "OutOfDataError",
    "Outcome",
    "Outlook",
    "Plan",
    "RealTimeAgent",
    "Task",
    "Trained",
    "TrainingError",
    "train",
]

if _find_spec("gymnasium") is not None:
    from .registration import register_envs as _register_envs

    _register_envs()
