"""The types that are stated, against the modules as they are and against a type checker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


from conftest import needs

PROGRAM = """
import forethought
import numpy as np

agent = forethought.Agent.load("folder", threads=1, settings={"plan.guidance.scale": 1.0})
agent.reset(1, np.zeros(2))
action = agent.act({"observation": np.zeros(4)})
plan = agent.plan([0.0, 0.0], deadline_ms=None)
reveal_type(action.dtype)
reveal_type(plan.outcomes[0].first_frame)
agent.reset("one")
with forethought.RealTimeAgent.load("folder", period_s=0.02, realtime={"brake_s": 0.2}) as loop:
    reveal_type(loop.tick(np.zeros(4)))
    reveal_type(loop.stop())
    rung: str = loop.rung
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """Runs a module in a folder of its own. Both tests share one cache: numpy's types take ten seconds to read."""
    home = tmp_path_factory.mktemp("types")
    environment = {**os.environ, "MYPY_CACHE_DIR": str(home / "cache")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=home, env=environment)

    return run


@needs("mypy")
def test_the_native_module_is_what_its_stubs_say(run):
    told = run("mypy.stubtest", "forethought", "--ignore-missing-stub")
    assert told.returncode == 0, told.stdout + told.stderr


@needs("mypy")
def test_a_type_checker_sees_the_types_and_the_mistake(run, tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)
    told = run("mypy", "--strict", str(tmp_path / "program.py"))
    lines = told.stdout.splitlines()
    assert sum(": error:" in line for line in lines) == 1 and ":11: error:" in told.stdout, told.stdout
    revealed = told.stdout.replace("builtins.", "")
    assert "float64" in revealed and 'Revealed type is "int"' in revealed
    assert "| None" in revealed and 'Revealed type is "dict[str, Any]"' in revealed, revealed


