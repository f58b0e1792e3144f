#!/usr/bin/env python3
"""Records single steps and statistics of OGBench's scene in the real package, for `envs/tests/manipulation`.

    python3 envs/parity/record_scene.py WORK_FOLDER

makes a virtual environment in WORK_FOLDER (PyPI wheels, nothing else) and writes `scene.gz` beside this file, in about five
minutes. The same seeds give the same file on the same kind of processor.

The file is gzip over JSON, in the form of `manipulation.gz` (see `record_manipulation.py`). `steps` are taken while the package's own
oracles move things, every few steps and wherever a button was just pressed. Besides what cubes have, each has `buttons` before the
step before it, `pressed`, where the buttons' joints were when that one began, `locks`, the buttons when the action follows, and
`next_locks` after it; `drawer` and `window` are where the handles are then. `tops` are those of the buttons. `statistics` are
per episode: means and standard deviations of the five entries of actions, rows from target to target, share of targets reached
when an oracle was through, shares of targets that were the cube, a button, the drawer, the window, means of both buttons' states,
of the drawer's and the window's place, and the share of rows with the cube in the drawer. Episodes that the authors' generator throws away
are made anew here as well; `thrown_away` counts them.
"""
import gzip
import json
import sys
from pathlib import Path

import package
from record_manipulation import PACKAGES, keep_states, machine

HERE = Path(__file__).resolve().parent
STEPS, EVERY, RANDOM = 1500, 18, 0.1
EPISODES, LENGTH = 30, 1001
TARGETS = ("cube", "button", "drawer", "window")


def made():
    import gymnasium
    import ogbench.manipspace  # noqa: F401
    from ogbench.manipspace.oracles.plan.button_plan import ButtonPlanOracle
    from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle
    from ogbench.manipspace.oracles.plan.drawer_plan import DrawerPlanOracle
    from ogbench.manipspace.oracles.plan.window_plan import WindowPlanOracle

    options = dict(terminate_at_goal=False, mode="data_collection", max_episode_steps=LENGTH)
    env = gymnasium.make("scene-v0", disable_env_checker=True, **options)
    oracles = (CubePlanOracle, ButtonPlanOracle, DrawerPlanOracle, WindowPlanOracle)
    return env, {target: oracle(env=env) for target, oracle in zip(TARGETS, oracles)}


def steps(seed):
    import numpy as np

    np.random.seed(seed)
    env, agents = made()
    inside = env.unwrapped
    # The time limit's wrapper ends nothing here.
    observation, info = env.reset(seed=seed)
    kept, undo = keep_states(inside)
    agent = agents[info["privileged/target_task"]]
    agent.reset(observation, info)
    tops = [inside._data.site_xpos[site].tolist() for site in inside._button_site_ids]
    records, last = [], None
    for step in range(STEPS):
        action = np.clip(agent.select_action(observation, info), -1, 1)
        if np.random.rand() < RANDOM:
            action = np.random.uniform(-1, 1, 5)
        before = None if kept[0] is None else kept[0].tolist()
        buttons = inside._prev_button_states.tolist()
        locks = inside._cur_button_states.tolist()
        joints = [float(info[f"privileged/button_{i}_pos"][0]) for i in range(2)]
        observation, _, _, _, info = inside.step(action)
        if before and (step % EVERY == 0 or buttons != locks or locks != info["button_states"].tolist()):
            data = inside._data
            arrays = dict(control=data.ctrl, positions=data.qpos, velocities=data.qvel, observation=observation)
            arrays |= dict(
                drawer=info["privileged/drawer_handle_pos"],
                window=info["privileged/window_handle_pos"],
                next_locks=info["button_states"],
            )
            arrays = {name: array.tolist() for name, array in arrays.items()}
            records.append(
                dict(state=before, action=action.tolist(), buttons=buttons, pressed=last, locks=locks, **arrays)
            )
        last = joints
        if agent.done:
            observation, info = inside.set_new_target()
            agent = agents[info["privileged/target_task"]]
            agent.reset(observation, info)
    undo()
    return records, tops


def episode(env, agents, seed):
    """Its numbers; None for one that the authors' generator throws away."""
    import numpy as np

    inside = env.unwrapped
    observation, info = env.reset(seed=seed)
    agent = agents[info["privileged/target_task"]]
    agent.reset(observation, info)
    actions, lengths, done, kinds, seen, since, in_drawer = [], [], [], [], [], 0, []
    for _ in range(LENGTH):
        action = np.clip(agent.select_action(observation, info), -1, 1)
        cube = inside._data.joint("object_joint_0").qpos[:3].copy()
        inside_drawer = inside._is_in_drawer(cube)
        row = [*inside._cur_button_states, *(inside._data.joint(f"{what}_slide").qpos[0] for what in TARGETS[2:])]
        if cube[1] >= 0.29 or (cube[1] <= -0.3 and not 0.06 <= cube[2] <= 0.08):
            return None
        seen.append(row)
        in_drawer.append(bool(inside_drawer))
        observation, _, _, _, info = env.step(action)
        actions.append(action)
        since += 1
        if agent.done:
            lengths.append(since)
            done.append(bool(inside._success))
            kinds.append(TARGETS.index(inside._target_task))
            since = 0
            observation, info = inside.set_new_target()
            agent = agents[info["privileged/target_task"]]
            agent.reset(observation, info)
    actions, kinds = np.array(actions), np.array(kinds)
    shares = [np.mean(kinds == kind) for kind in range(len(TARGETS))]
    means = [np.mean(lengths), np.mean(done), *shares, *np.mean(seen, axis=0), np.mean(in_drawer)]
    return [*actions.mean(0), *actions.std(0), *means]


def statistics(seed):
    import numpy as np

    np.random.seed(seed)
    env, agents = made()
    episodes, thrown_away = [], 0
    while len(episodes) < EPISODES:
        own = episode(env, agents, seed + len(episodes) + thrown_away)
        if own is None:
            thrown_away += 1
        else:
            episodes.append(own)
    episodes = np.array(episodes)
    error = episodes.std(0, ddof=1) / np.sqrt(len(episodes))
    return dict(episodes=EPISODES, thrown_away=thrown_away, mean=episodes.mean(0).tolist(), error=error.tolist())


def record():
    content = machine()
    recorded, content["tops"] = steps(7)
    content |= dict(steps=recorded, statistics=statistics(400))
    path = HERE / "scene.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode(), 9, mtime=0))
    presses = sum(step["locks"] != step["next_locks"] for step in recorded)
    print(len(recorded), "steps,", presses, "presses,", content["statistics"])
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    elif len(sys.argv) == 2:
        package.run(Path(sys.argv[1]) / "ogbench-parity", PACKAGES, __file__, "--record")
    else:
        sys.exit(__doc__)
