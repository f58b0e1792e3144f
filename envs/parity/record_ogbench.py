#!/usr/bin/env python3
"""Records single steps of OGBench's point mazes in the real package, for `envs/tests/ogbench_parity.rs`.

    python3 envs/parity/record_ogbench.py WORK_FOLDER

makes a virtual environment in WORK_FOLDER (PyPI wheels, nothing else) and writes `ogbench.gz` beside this file. The same
seeds give the same file.

The file is gzip over: u32 length of the header, the header (JSON: walls, tasks and jumps of each maze), then for each maze, in the order of the header, its
steps: position before (2 f64), action (2 f64), position that `step` returned (2 f64), velocity it left (2 f64), and one
byte: the number of the exit that the ball was put to, 255 where it did not jump. All little-endian.

Starts are drawn against walls and corners, and near the entrances of the teleport maze; actions are held for a while, so
that the ball is pressed into walls, and some are larger than 1, which the package does not clip. The solver runs with
tolerance 0: at its default tolerance MuJoCo stops early on rare steps.
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import package

HERE = Path(__file__).resolve().parent
PACKAGES = ["ogbench==1.2.2", "mujoco==3.17.0"]
MAZES = ["medium", "large", "giant", "teleport"]
TRAJECTORIES, STEPS = 120, 9
NO_JUMP = 255


def start(rng, env, trajectory):
    """A place in a free cell, often within reach of a wall: the ball's centre is at most 1.3 from the cell's."""
    teleports = env._teleport_info
    if teleports is not None and trajectory % 3 == 0:
        entrances = teleports["teleport_in_xys"]
        centre = entrances[rng.integers(len(entrances))]
        angle = rng.uniform(0, 2 * 3.141592653589793)
        import numpy as np

        return np.array(centre) + 1.9 * np.array([np.cos(angle), np.sin(angle)])
    free = [(i, j) for i, row in enumerate(env.maze_map) for j, wall in enumerate(row) if not wall]
    x, y = env.ij_to_xy(free[rng.integers(len(free))])
    near = [-1.32, -1.25, 0.0, 1.25, 1.32, 2.0]
    return [x + near[rng.integers(6)] + rng.uniform(-0.1, 0.1), y + near[rng.integers(6)] + rng.uniform(-0.1, 0.1)]


def record():
    import gymnasium
    import mujoco
    import numpy as np
    import ogbench  # noqa: F401  (registers the environments)

    rng = np.random.default_rng(20261126)
    np.random.seed(20261126)
    mazes, body = [], []
    for maze in MAZES:
        env = gymnasium.make(f"pointmaze-{maze}-v0", terminate_at_goal=False).unwrapped
        env.model.opt.tolerance = 0
        env.reset(options={"task_id": 1})
        exits = env._teleport_info["teleport_out_xys"] if env._teleport_info else []
        steps = 0
        for trajectory in range(TRAJECTORIES):
            env.set_xy(np.array(start(rng, env, trajectory)))
            for step in range(STEPS):
                if step % 5 == 0:
                    action = rng.integers(-36, 37, 2) / 32.0
                before = env.get_xy()
                after = env.step(action)[0]
                jump = NO_JUMP
                if not np.array_equal(after, env.get_xy()):
                    jump = [tuple(exit) for exit in exits].index(tuple(env.get_xy()))
                numbers = [*before, *action, *after, *env.data.qvel]
                body.append(struct.pack("<8dB", *numbers, jump))
                steps += 1
        teleports = env._teleport_info or {"teleport_in_ijs": [], "teleport_out_ijs": []}
        mazes.append({
            "maze": maze,
            "steps": steps,
            "walls": "\\".join("".join("#" if wall else "O" for wall in row) for row in env.maze_map),
            "tasks": [[task["init_ij"], task["goal_ij"]] for task in env.task_infos],
            "entrances": teleports["teleport_in_ijs"],
            "exits": teleports["teleport_out_ijs"],
        })
    header = json.dumps({"packages": PACKAGES, "mujoco": mujoco.__version__, "mazes": mazes}).encode()
    raw = struct.pack("<I", len(header)) + header + b"".join(body)
    path = HERE / "ogbench.gz"
    path.write_bytes(gzip.compress(raw, 9, mtime=0))
    print(f"{path.name}: MuJoCo {mujoco.__version__}, {sum(m['steps'] for m in mazes)} steps, {path.stat().st_size} bytes")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    elif len(sys.argv) == 2:
        package.run(Path(sys.argv[1]) / "ogbench-parity", PACKAGES, __file__, "--record")
    else:
        sys.exit(__doc__)
