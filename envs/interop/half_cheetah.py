"""Records episodes of gymnasium's own HalfCheetah-v5, for the environment here to be held against bit for bit.

    pip install 'gymnasium[mujoco]==1.4.0' mujoco==3.17.0
    python3 half_cheetah.py OUT.json

Starts are those that the package draws for a few seeds; actions come from a small generator that both sides have, each held for
a few steps so that the runner gets somewhere. Of each hundred steps the recording has SHA-256 of all observations and rewards
(little-endian doubles), and the last of them as numbers. The hashes are over a step's 17 entries, then its reward.
"""
import hashlib
import json
import platform
import struct
import sys
import warnings

from mujoco_parity import rounding

SEEDS = [0, 1, 2]
EVERY = 100
HOLD = 3


def actions(seed):
    """One row after the other of six numbers in [-1, 1)."""
    word = seed + 7
    while True:
        row = []
        for _ in range(6):
            word = (word * 6364136223846793005 + 1442695040888963407) % 2**64
            row.append((word >> 40) / 2**23 - 1.0)
        yield row


def packed(values):
    return struct.pack(f"<{len(values)}d", *values)


def episode(env, seed):
    import numpy as np

    seen, _ = env.reset(seed=seed)
    inner = env.unwrapped
    start = [*inner.data.qpos, *inner.data.qvel]
    rows, digest, total = actions(seed), hashlib.sha256(), 0.0
    blocks, step, ended = [], 0, False
    first = hashlib.sha256(packed(seen)).hexdigest()
    while not ended:
        if step % HOLD == 0:
            action = next(rows)
        seen, reward, terminated, ended, info = env.step(np.array(action))
        assert not terminated
        step += 1
        digest.update(packed([*seen, reward]))
        total += reward
        if step % EVERY == 0:
            blocks.append({"sha": digest.hexdigest(), "seen": [*map(float, seen)], "reward": float(reward), "x": float(info["x_position"])})
            digest = hashlib.sha256()
    return {"seed": seed, "start": [*map(float, start)], "first": first, "blocks": blocks, "steps": step, "return": float(total)}


def main(path):
    import gymnasium
    import mujoco

    # The checker warns of actions that are not 32 bits wide.
    env = gymnasium.make("HalfCheetah-v5", disable_env_checker=True)
    model = open(env.unwrapped.fullpath, "rb").read()
    recorded = {
        "machine": platform.machine(),
        "rounding": rounding(),
        "gymnasium": gymnasium.__version__,
        "mujoco": mujoco.__version__,
        "model": hashlib.sha256(model).hexdigest(),
        "every": EVERY,
        "hold": HOLD,
        "step_seconds": float(env.unwrapped.dt),
        "episodes": [episode(env, seed) for seed in SEEDS],
    }
    with open(path, "w") as out:
        out.write(json.dumps(recorded, indent=0) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    main(sys.argv[1])
