"""What the project's README says of Python, run as it stands there."""

import re
from pathlib import Path

import numpy as np

from conftest import needs

README = Path(__file__).parents[3] / "README.md"


def blocks() -> list[str]:
    section = README.read_text(encoding="utf-8").split("### From Python", 1)[1].split("\n### ", 1)[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


@needs("gymnasium", "gymnasium_robotics", "mujoco")
def test_ten_lines_drive_somebody_else_s_environment(monkeypatch, capsys):
    monkeypatch.chdir(README.parent)
    program = blocks()[0]
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    exec(program, {})
    assert capsys.readouterr().out == "arrived\n"


def test_arrays_become_an_agent(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    rows = 40 * 200
    given = {
        "observations": np.cumsum(draws.normal(size=(rows, 6)), axis=0) * 0.01,
        "actions": draws.uniform(-1, 1, size=(rows, 3)),
        "timeouts": np.arange(1, rows + 1) % 200 == 0,
    }
    # As it stands there, but for its length.
    program, steps = re.subn(r"steps=\d+", "steps=1", blocks()[1])
    assert steps == 1
    exec("import forethought\n" + program, given)
    assert given["agent"].goal_entries == [0, 1, 2]
