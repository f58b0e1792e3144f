"""Holds `.npz` files written by forethought against numpy and OGBench's own loader, and the other way round.

    ogbench_check.py fixture FOLDER        make ogbench_small.npz and ogbench_small.json, committed beside this script
    ogbench_check.py numpy   FILE.npz      check the layout of a file of ours, as numpy reads it
    ogbench_check.py read    FILE.npz      the same, and that OGBench loads it

Needs numpy, and all but `numpy` needs ogbench. Ends with status 1 on the first difference.
"""

import json
import sys
from pathlib import Path

import numpy as np


def fail(message):
    sys.exit(f"ogbench_check: {message}")


def fixture(folder):
    """Two short episodes in the teleport maze, as the package's recipe records them; in the first the ball jumps."""
    import gymnasium
    import ogbench  # noqa: F401  (registers the environments)

    np.random.seed(5)
    env = gymnasium.make("pointmaze-teleport-v0", terminate_at_goal=False).unwrapped
    data = {key: [] for key in ["observations", "actions", "terminals", "qpos", "qvel"]}
    entrance = np.array(env._teleport_info["teleport_in_xys"][1])
    for start, action in [(entrance - [0.0, 2.15], [0.125, 1.0]), (np.array([24.0, 8.0]), [-1.0, -0.5])]:
        env.reset(options={"task_id": 1})
        env.set_xy(start)
        seen = env.get_xy()
        for row in range(7):
            after, _, _, _, info = env.step(np.array(action))
            data["observations"].append(seen)
            data["actions"].append(action)
            data["terminals"].append(row == 6)
            data["qpos"].append(info["prev_qpos"])
            data["qvel"].append(info["prev_qvel"])
            seen = after
    arrays = {key: np.array(rows, dtype=bool if key == "terminals" else np.float32) for key, rows in data.items()}
    if np.array_equal(arrays["observations"], arrays["qpos"]):
        fail("the ball did not jump")
    np.savez_compressed(Path(folder) / "ogbench_small.npz", **arrays)
    text = json.dumps({key: array.reshape(-1).tolist() for key, array in arrays.items()})
    (Path(folder) / "ogbench_small.json").write_text(text + "\n")


def layout(path):
    with np.load(path) as file:
        arrays = {key: file[key] for key in file}
    rows = len(arrays["terminals"])
    for key, dtype in [("observations", "float32"), ("actions", "float32"), ("qpos", "float32"), ("qvel", "float32")]:
        if str(arrays[key].dtype) != dtype or arrays[key].shape != (rows, 2):
            fail(f"{key}: {arrays[key].dtype} {arrays[key].shape}")
        if not np.all(np.isfinite(arrays[key])):
            fail(f"{key} holds numbers that are not finite")
    if arrays["terminals"].dtype != np.bool_ or arrays["terminals"].shape != (rows,) or not arrays["terminals"][-1]:
        fail(f"terminals: {arrays['terminals'].dtype} {arrays['terminals'].shape}")
    return arrays


def read(path):
    from ogbench import load_dataset

    arrays = layout(path)
    rows = len(arrays["terminals"])
    late = np.any(arrays["observations"] != arrays["qpos"], axis=1)
    loaded = load_dataset(path, add_info=True)
    episodes = int(arrays["terminals"].sum())
    if len(loaded["observations"]) != rows - episodes:
        fail(f"OGBench finds {len(loaded['observations'])} steps in {rows} rows of {episodes} episodes")
    moved = np.abs(loaded["next_observations"] - loaded["observations"]).max(axis=1)
    print(f"{path}: {rows} rows, {episodes} episodes, {late.sum()} late observations, "
          f"{(moved > 1).sum()} jumps; numpy and OGBench read it")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fixture", folder]:
            fixture(folder)
        case ["numpy", path]:
            print(f"{path}: {len(layout(path)['terminals'])} rows; numpy reads them")
        case ["read", path]:
            read(path)
        case _:
            sys.exit(__doc__)
