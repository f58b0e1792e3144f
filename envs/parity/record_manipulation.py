#!/usr/bin/env python3
"""Records single steps and statistics of OGBench's cubes in the real package, for `envs/tests/manipulation`.

    python3 envs/parity/record_manipulation.py WORK_FOLDER

makes a virtual environment in WORK_FOLDER (PyPI wheels, nothing else) and writes `manipulation.gz` beside this file, in about
five minutes. The same seeds give the same file on the same kind of processor.

The file is gzip over JSON. `steps` are taken while the package's own oracle moves cubes, with some random actions in
between: `state` is MuJoCo's before the last of the 25 time steps of the step before (`mjSTATE_INTEGRATION`), which together with that
one time step gives what the package knows when it acts; then the `action` follows, the `control` that it leads to, and positions,
velocities and the observation after it. `statistics` are of data made as the package makes its `play` data, taken per episode, with the
standard error of their mean: means and standard deviations of the five entries of actions, rows from goal to goal, and how
often the cube lay within 4 cm of where it was wanted when the oracle was through.
"""
import gzip
import json
import math
import platform
import sys
from pathlib import Path

import package

HERE = Path(__file__).resolve().parent
PACKAGES = ["ogbench==1.2.2", "mujoco==3.17.0"]
KINDS = {"single": (0.0, 0.0), "double": (0.0, 0.25), "triple": (0.05, 0.35)}
STEPS, EVERY, RANDOM = 560, 14, 0.1
EPISODES, LENGTH = 30, 1001


def made(kind):
    import gymnasium
    import ogbench.manipspace  # noqa: F401

    options = dict(terminate_at_goal=False, mode="data_collection", max_episode_steps=LENGTH)
    return gymnasium.make(f"cube-{kind}-v0", disable_env_checker=True, **options)


def keep_states(env):
    """The state before the last time step of each step, as a list of one."""
    import mujoco
    import numpy as np

    whole = mujoco.mjtState.mjSTATE_INTEGRATION
    kept, step = [None], mujoco.mj_step

    def split(model, data, nstep=1):
        step(model, data, nstep=nstep - 1)
        state = np.zeros(mujoco.mj_stateSize(model, whole))
        mujoco.mj_getState(model, data, state, whole)
        kept[0] = state
        step(model, data, nstep=1)

    mujoco.mj_step = split
    return kept, lambda: setattr(mujoco, "mj_step", step)


def steps(kind, seed):
    import numpy as np
    from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle

    np.random.seed(seed)
    env = made(kind)
    inside, (low, high) = env.unwrapped, KINDS[kind]
    observation, info = env.reset(seed=seed)
    kept, undo = keep_states(env)
    agent = CubePlanOracle(env=env)
    agent.reset(observation, info)
    records = []
    for step in range(STEPS):
        action = np.clip(agent.select_action(observation, info), -1, 1)
        if np.random.rand() < RANDOM:
            action = np.random.uniform(-1, 1, 5)
        before = None if kept[0] is None else kept[0].tolist()
        observation, _, _, _, info = env.step(action)
        if before and step % EVERY == 0:
            data = inside._data
            arrays = dict(control=data.ctrl, positions=data.qpos, velocities=data.qvel, observation=observation)
            arrays = {name: array.tolist() for name, array in arrays.items()}
            records.append(dict(state=before, action=action.tolist(), **arrays))
        if agent.done:
            agent.reset(*inside.set_new_target(p_stack=np.random.uniform(low, high)))
    undo()
    return records


def statistics(kind, seed):
    import numpy as np
    from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle

    np.random.seed(seed)
    env = made(kind)
    inside, (low, high) = env.unwrapped, KINDS[kind]
    agent = CubePlanOracle(env=env)
    episodes = []
    for episode in range(EPISODES):
        actions, lengths, done = [], [], []
        observation, info = env.reset(seed=seed + episode)
        stacking = np.random.uniform(low, high)
        agent.reset(observation, info)
        since = 0
        for _ in range(LENGTH):
            action = np.clip(agent.select_action(observation, info), -1, 1)
            observation, _, _, _, info = env.step(action)
            actions.append(action)
            since += 1
            if agent.done:
                lengths.append(since)
                done.append(bool(inside._success))
                since = 0
                observation, info = inside.set_new_target(p_stack=stacking)
                agent.reset(observation, info)
        actions = np.array(actions)
        own = [*actions.mean(0), *actions.std(0), np.mean(lengths), np.mean(done)]
        episodes.append(own)
    episodes = np.array(episodes)
    error = episodes.std(0, ddof=1) / np.sqrt(len(episodes))
    return dict(episodes=EPISODES, mean=episodes.mean(0).tolist(), error=error.tolist())


def machine():
    """What tells whether another machine rounds alike."""
    import mujoco

    points = [0.1 + 0.37 * k for k in range(40)]
    rounding = [getattr(math, name)(x) for name in ("sin", "cos", "exp") for x in points]
    rounding += [math.atan2(x, 1.3) for x in points]
    return dict(machine=platform.machine(), mujoco=mujoco.__version__, rounding=rounding)


def record():
    content = machine()
    content["kinds"] = {
        kind: dict(steps=steps(kind, 3 + number), statistics=statistics(kind, 100 * (number + 1)))
        for number, kind in enumerate(KINDS)
    }
    path = HERE / "manipulation.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode(), 9, mtime=0))
    for kind, of in content["kinds"].items():
        print(kind, len(of["steps"]), "steps,", of["statistics"])
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    elif len(sys.argv) == 2:
        package.run(Path(sys.argv[1]) / "ogbench-parity", PACKAGES, __file__, "--record")
    else:
        sys.exit(__doc__)
