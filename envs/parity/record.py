#!/usr/bin/env python3
"""Records trajectories of the point-mass mazes in real MuJoCo, for `envs/tests/parity.rs`.

    python3 envs/parity/record.py WORK_FOLDER

makes one virtual environment per MuJoCo release in WORK_FOLDER (PyPI wheels, nothing else) and writes
`mujoco2.gz`, `mujoco30.gz` and `mujoco3.gz` beside this file. The same seeds give the same files.

A file is gzip over: u32 length of the header, the header (JSON), then per trajectory the states
((steps + 1) x 4 f64: x, y, vx, vy), the actions (steps x 2 f64) and the number of wall contacts of each
step (steps x u8). All little-endian. The velocity is clipped to +-5 before each step, as both suites do;
the recorded state is the one before clipping.

The model files are written here from the two suites' published numbers. The solver runs with tolerance 0:
at its default tolerance MuJoCo stops early on rare steps, which are then off by 1e-6.
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import package

HERE = Path(__file__).resolve().parent
RELEASES = {"mujoco2": ("2.3.7", 10800), "mujoco30": ("3.3.0", 3600), "mujoco3": ("3.17.0", 10800)}
STEPS = 60

D4RL = {
    "umaze": r"#####\#GOO#\###O#\#OOO#\#####",
    "medium": r"########\#OO##OO#\#OO#OOO#\##OOO###\#OO#OOO#\#O#OO#O#\#OOO#OG#\########",
    "large": r"############\#OOOO#OOOOO#\#O##O#O#O#O#\#OOOOOO#OOO#\#O####O###O#\#OO#O#OOOOO#"
             r"\##O#O#O#O###\#OO#OOO#OGO#\############",
}
# gymnasium-robotics has the same walls and no fixed goal.
LAYOUTS = [("d4rl", text) for text in D4RL.values()]
LAYOUTS += [("centred", text.replace("G", "O")) for text in D4RL.values()]

MODEL = """
<mujoco>
  <compiler inertiafromgeom="true" angle="radian"/>
  <option timestep="0.01" gravity="0 0 0" iterations="100" tolerance="0" integrator="Euler"/>
  <default>
    <joint damping="1" limited="false"/>
    <geom friction=".5 .1 .1" density="1000" margin="0.002" condim="1" contype="2" conaffinity="1"/>
  </default>
  <worldbody>
    <geom name="ground" size="40 40 0.25" pos="0 0 -0.1" type="plane" contype="1" conaffinity="0"/>
    <body name="particle" pos="{origin} {origin} 0">
      <geom name="ball" type="sphere" size="0.1" contype="1"/>
      <joint name="ball_x" type="slide" pos="0 0 0" axis="1 0 0"/>
      <joint name="ball_y" type="slide" pos="0 0 0" axis="0 1 0"/>
    </body>
    {walls}
  </worldbody>
  <actuator>
    <motor joint="ball_x" ctrlrange="-1.0 1.0" ctrllimited="true" gear="100"/>
    <motor joint="ball_y" ctrlrange="-1.0 1.0" ctrllimited="true" gear="100"/>
  </actuator>
</mujoco>
"""


def square(frame, rows, row, col):
    """World centre of a grid square."""
    if frame == "d4rl":
        return row + 1.0, col + 1.0
    (height, width) = rows
    return (col + 0.5) - width / 2, height / 2 - (row + 0.5)


def model_xml(frame, text):
    rows = text.split("\\")
    shape = (len(rows), len(rows[0]))
    (z, half) = (0.0, 0.2) if frame == "d4rl" else (0.25, 0.25)
    walls = []
    for i, row in enumerate(rows):
        for j, mark in enumerate(row):
            if mark == "#":
                x, y = square(frame, shape, i, j)
                walls.append(
                    f'<geom type="box" contype="1" pos="{x} {y} {z}" size="0.5 0.5 {half}"/>'
                )
    return MODEL.format(origin=1.2 if frame == "d4rl" else 0.0, walls="\n    ".join(walls))


def record(profile):
    import mujoco
    import numpy as np

    release, total = RELEASES[profile]
    assert mujoco.__version__ == release, mujoco.__version__
    rng = np.random.default_rng(20240117)
    trajectories, body = [], []
    for frame, text in LAYOUTS:
        model = mujoco.MjModel.from_xml_string(model_xml(frame, text))
        data = mujoco.MjData(model)
        ball = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "ball")
        ground = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "ground")
        origin = 1.2 if frame == "d4rl" else 0.0
        rows = text.split("\\")
        shape = (len(rows), len(rows[0]))
        free = [(i, j) for i, row in enumerate(rows) for j, mark in enumerate(row) if mark != "#"]
        for _ in range(total // STEPS // len(LAYOUTS)):
            mujoco.mj_resetData(model, data)
            centre = np.array(square(frame, shape, *free[rng.integers(len(free))]))
            data.qpos[:] = centre - origin + rng.uniform(-0.4, 0.4, 2)
            data.qvel[:] = rng.uniform(-5.5, 5.5, 2)
            states, actions, contacts = [np.concatenate([data.qpos, data.qvel])], [], []
            for step in range(STEPS):
                # Held for a while, so that the ball is also pressed against walls and into corners; on a
                # coarse grid, so that the file compresses; beyond 1, so that clipping is covered.
                if step == 0 or rng.random() < 0.03:
                    action = rng.integers(-48, 49, 2) / 32.0
                np.clip(data.qvel, -5.0, 5.0, out=data.qvel)
                data.ctrl[:] = np.clip(action, -1.0, 1.0)
                mujoco.mj_step(model, data)
                touching = sum(
                    1
                    for contact in (data.contact[k] for k in range(data.ncon))
                    if ball in (contact.geom1, contact.geom2)
                    and ground not in (contact.geom1, contact.geom2)
                    and contact.efc_address >= 0
                )
                states.append(np.concatenate([data.qpos, data.qvel]))
                actions.append(action)
                contacts.append(touching)
            trajectories.append({"frame": frame, "layout": text, "steps": STEPS})
            body.append(np.array(states, "<f8").tobytes())
            body.append(np.array(actions, "<f8").tobytes())
            body.append(bytes(contacts))
    header = json.dumps({"mujoco": release, "profile": profile, "trajectories": trajectories}).encode()
    path = HERE / f"{profile}.gz"
    raw = struct.pack("<I", len(header)) + header + b"".join(body)
    path.write_bytes(gzip.compress(raw, 9, mtime=0))
    print(f"{path.name}: MuJoCo {release}, {len(trajectories) * STEPS} steps, {path.stat().st_size} bytes")


def main(work):
    for profile, (release, _) in RELEASES.items():
        packages = [f"mujoco=={release}", "numpy"]
        package.run(Path(work) / f"mujoco-{release}", packages, __file__, "--profile", profile)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--profile":
        record(sys.argv[2])
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        sys.exit(__doc__)
