"""Runs a recorder inside a virtual environment that holds what it records."""
import subprocess
import venv
from pathlib import Path


def run(folder, packages, script, *arguments):
    """Calls `script` with a Python in `folder`, made where it is missing, that has `packages` (from PyPI)."""
    python = Path(folder) / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    subprocess.run([python, script, *arguments], check=True)
