"""Records what MuJoCo computes through Python's bindings, for the library at run time to be held against bit for bit.

    python3 mujoco_parity.py FOLDER          # one Python environment for each release in FOLDER; writes mujoco_states.json here
    python3 mujoco_parity.py --this OUT.json # the release that this Python has, into a file of its own

Controls come from a small generator that both sides have; some lie beyond the actuators' ranges. The first numbers of each
record are SHA-256 of the whole state, of all readings of sensors and of a site's Jacobians (both blocks of rows), all as
little-endian doubles.
"""
import base64
import hashlib
import json
import math
import platform
import struct
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
RELEASES = ["3.5.0", "3.6.0", "3.9.0", "3.12.0", "3.17.0", "4.0.0"]
STEPS, EVERY, WHOLE = 1200, 40, 400
HOLD = 25


def controls(count):
    """One row after the other of numbers in [-1.5, 1.5)."""
    word = 7
    while True:
        row = []
        for _ in range(count):
            word = (word * 6364136223846793005 + 1442695040888963407) % 2**64
            row.append(1.5 * ((word >> 40) / 2**23 - 1.0))
        yield row


def rounding():
    """Bits of a few functions that MuJoCo takes from the system, which do not round alike everywhere."""
    points = [0.1 + 0.37 * k for k in range(40)]
    functions = [math.sin, math.cos, math.exp, math.atan2, math.pow]
    values = [f(x, 1.3) if f in (math.atan2, math.pow) else f(x) for f in functions for x in points]
    return sha(values)


def packed(values):
    return struct.pack(f"<{len(values)}d", *values)


def sha(values):
    return hashlib.sha256(packed(values)).hexdigest()


def readings(mujoco, model, data):
    """All sensors as of now. `data.sensordata` has the same but for sensors with a delay, which it has as of the step's start."""
    import numpy as np

    values = []
    for sensor, (first, size) in enumerate(zip(model.sensor_adr, model.sensor_dim)):
        out = np.zeros((size, 1))
        read = mujoco.mj_readSensor(model, data, sensor, data.time, out, 0).ravel()
        if model.sensor(sensor).name != "x":
            assert (read == data.sensordata[first : first + size]).all()
        values.extend(read)
    return values


def record():
    import mujoco
    import numpy as np

    model = mujoco.MjModel.from_xml_path(str(HERE / "mujoco_scene.xml"))
    data = mujoco.MjData(model)
    whole = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.zeros(mujoco.mj_stateSize(model, whole))
    place, rotation = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "grasp")
    rows = controls(model.nu)
    records, states, touching = [], {}, 0
    for step in range(1, STEPS + 1):
        if (step - 1) % HOLD == 0:
            data.ctrl[:] = next(rows)
        mujoco.mj_step(model, data)
        touching += data.ncon > 0
        if step % EVERY == 0:
            mujoco.mj_getState(model, data, state, whole)
            mujoco.mj_jacSite(model, data, place, rotation, site)
            jacobians = [*place.ravel(), *rotation.ravel()]
            records.append([sha(state), sha(readings(mujoco, model, data)), sha(jacobians)])
            if step % WHOLE == 0:
                states[step] = base64.b64encode(packed(state)).decode()
    return {
        "state": len(state),
        "sizes": [model.nq, model.nv, model.na, model.nu, model.nsensordata],
        "contacts": touching,
        "records": records,
        "states": states,
    }


def fixture(releases):
    return {
        "machine": platform.machine(),
        "rounding": rounding(),
        "steps": STEPS,
        "every": EVERY,
        "hold": HOLD,
        "releases": releases,
    }


def main(folder):
    releases = {}
    for release in RELEASES:
        work = Path(folder) / release
        python = work / "bin" / "python"
        if not python.exists():
            venv.create(work, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", f"mujoco=={release}"], check=True)
        subprocess.run([python, __file__, "--this", work / "states.json"], check=True)
        releases.update(json.loads((work / "states.json").read_text())["releases"])
    write(HERE / "mujoco_states.json", fixture(releases))


def write(path, content):
    Path(path).write_text(json.dumps(content, indent=0) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--this":
        import mujoco

        write(sys.argv[2], fixture({mujoco.__version__: record()}))
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        sys.exit(__doc__)
