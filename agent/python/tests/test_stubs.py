"""The types that are stated, against the modules as they are and against a type checker."""

import subprocess
import sys
from pathlib import Path


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
"""


@needs("mypy")
def test_the_native_module_is_what_its_stubs_say():
    command = [sys.executable, "-m", "mypy.stubtest", "forethought", "--ignore-missing-stub"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@needs("mypy")
def test_a_type_checker_sees_the_types_and_the_mistake(tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = told.stdout.splitlines()
    assert sum(": error:" in line for line in lines) == 1 and ":11: error:" in told.stdout, told.stdout
    assert "float64" in told.stdout and 'Revealed type is "int"' in told.stdout.replace("builtins.", "")


