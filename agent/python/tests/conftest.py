"""What the tests share: where the checkpoints lie, and what is left out without a simulator."""

import importlib.util
from pathlib import Path

import pytest

CHECKPOINTS = Path(__file__).parents[3] / "experiments" / "checkpoints"


def checkpoint(name: str) -> Path:
    """Folder of a checkpoint that comes with the project."""
    return CHECKPOINTS / name


def needs(*packages: str) -> pytest.MarkDecorator:
    """Leaves a test out, and says so, where a package is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    reason = f"LEFT OUT: {', '.join(missing)} not installed (pip install -r tests/requirements.txt)"
    return pytest.mark.skipif(bool(missing), reason=reason)
