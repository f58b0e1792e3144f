#!/usr/bin/env python3
"""Statistics of point-maze data made with the real OGBench package, for `envs/tests/ogbench_data.rs`.

    python3 envs/parity/record_ogbench_statistics.py WORK_FOLDER

makes a virtual environment in WORK_FOLDER (PyPI wheels, nothing else) and writes `ogbench_statistics.json` beside this
file; takes some minutes. The package steps the environments and gives the next cell of a route; what surrounds that
(starts, goals, noise, when a goal changes) is the recipe that OGBench publishes for its data sets.

Each statistic is taken per episode; the file holds the mean over episodes and its standard error. Episodes are
independent, so that two data sets agree where their means differ by a few standard errors at most.
"""
import json
import sys
from collections import deque
from pathlib import Path

import package

HERE = Path(__file__).resolve().parent
PACKAGES = ["ogbench==1.2.2", "mujoco==3.17.0"]
# Maze, rows of a navigate episode, rows of a stitch episode, episodes of each.
MAZES = [("medium", 1001, 201, 60, 400), ("large", 1001, 201, 60, 400),
         ("giant", 2001, 201, 40, 400), ("teleport", 1001, 201, 240, 1200)]
NOISE = 0.5
TRAP = (1, 7)


def neighbours(grid, cell):
    for di, dj in [(-1, 0), (0, -1), (1, 0), (0, 1)]:
        i, j = cell[0] + di, cell[1] + dj
        if grid[i, j] == 0:
            yield i, j


def is_corridor(grid, cell):
    i, j = cell
    up, down, left, right = (grid[i - 1, j], grid[i + 1, j], grid[i, j - 1], grid[i, j + 1])
    return (up, down, left, right) in [(0, 0, 1, 1), (1, 1, 0, 0)]


def four_away(grid, start):
    steps, queue = {start: 0}, deque([start])
    while queue:
        cell = queue.popleft()
        for near in neighbours(grid, cell):
            if near not in steps:
                steps[near] = steps[cell] + 1
                queue.append(near)
    return [cell for cell, count in steps.items() if count == 4] or [start]


def episode(env, np, kind, rows, free, corners, subgoals):
    start = free[np.random.randint(len(free))]
    choices = corners if kind == "navigate" else four_away(env.maze_map, start)
    goal = choices[np.random.randint(len(choices))]
    env.reset(options={"task_info": {"init_ij": start, "goal_ij": goal}})
    successes = jumps = trapped = touching = 0
    squares, moved, means = 0.0, 0.0, np.zeros(2)
    for _ in range(rows):
        at = env.get_xy()
        key = (env.xy_to_ij(at), env.xy_to_ij(env.cur_goal_xy))
        if key not in subgoals:
            subgoals[key] = env.get_oracle_subgoal(at, env.cur_goal_xy)[0]
        aim = subgoals[key] - at
        action = aim / (np.linalg.norm(aim) + 1e-6) + np.random.normal(0, NOISE, 2)
        action = np.clip(action, -1, 1)
        after, _, _, _, info = env.step(action)
        trapped += key[0] == TRAP
        squares += float(action @ action)
        means += action
        moved += float(np.linalg.norm(after - at))
        touching += bool(np.any(env.data.qvel != 0))
        jumps += not np.array_equal(after, env.get_xy())
        if info["success"]:
            successes += 1
            if kind == "navigate":
                env.set_goal(corners[np.random.randint(len(corners))])
    return {
        "successes_per_1000": 1000 * successes / rows,
        "reached_any": float(successes > 0),
        "jumps": jumps,
        "trapped_share": trapped / rows,
        "action_square": squares / rows,
        "action_mean_x": means[0] / rows,
        "action_mean_y": means[1] / rows,
        "moved": moved / rows,
        "touching_share": touching / rows,
    }


def record():
    import gymnasium
    import mujoco
    import numpy as np
    import ogbench  # noqa: F401  (registers the environments)

    np.random.seed(20261127)
    table = {}
    for maze, navigate_rows, stitch_rows, navigate_count, stitch_count in MAZES:
        env = gymnasium.make(f"pointmaze-{maze}-v0", terminate_at_goal=False).unwrapped
        grid = env.maze_map
        free = [(i, j) for i, row in enumerate(grid) for j, wall in enumerate(row) if not wall]
        corners = [cell for cell in free if not is_corridor(grid, cell)]
        for kind, rows, count in [("navigate", navigate_rows, navigate_count), ("stitch", stitch_rows, stitch_count)]:
            subgoals = {}
            found = [episode(env, np, kind, rows, free, corners, subgoals) for _ in range(count)]
            columns = {}
            for name in found[0]:
                values = np.array([one[name] for one in found])
                error = values.std(ddof=1) / np.sqrt(count)
                columns[name] = [round(float(values.mean()), 6), round(float(error), 6)]
            table[f"pointmaze-{maze}-{kind}-v0"] = {"episodes": count, "rows": rows, "statistics": columns}
            print(maze, kind, columns, flush=True)
    path = HERE / "ogbench_statistics.json"
    content = {"packages": PACKAGES, "mujoco": mujoco.__version__, "data": table}
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    elif len(sys.argv) == 2:
        package.run(Path(sys.argv[1]) / "ogbench-parity", PACKAGES, __file__, "--record")
    else:
        sys.exit(__doc__)
