"""Names under which Gymnasium finds the environments."""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

from . import _native

NAMESPACE = "forethought"


def register_envs() -> None:
    """Registers every environment as ``forethought/ID``; again is no fault. Importing ``forethought`` does it.

    The protocol's time limit is the environment's own, so that none is registered here.
    """
    for name, _ in _native.catalogue():
        if f"{NAMESPACE}/{name}" not in registry:
            register(
                id=f"{NAMESPACE}/{name}",
                entry_point="forethought.envs:Env",
                vector_entry_point="forethought.envs:VectorEnv",
                kwargs={"name": name},
            )
