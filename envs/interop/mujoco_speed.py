"""The loop of `mujoco_speed.c` in Python: mujoco_speed.py MODEL.xml STEPS."""
import sys
import time

import mujoco

model = mujoco.MjModel.from_xml_path(sys.argv[1])
data = mujoco.MjData(model)
data.ctrl[:] = [0.02, -0.15, 0.1, 0.8]
steps = int(sys.argv[2])
begin = time.perf_counter()
for _ in range(steps):
    mujoco.mj_step(model, data)
print(f"{steps / (time.perf_counter() - begin):.1f} {float(sum(data.qpos))!r}")
