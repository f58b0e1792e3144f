#!/bin/sh
# Steps per second of MuJoCo through this crate, in C and in Python, one after the other, ROUNDS times (default 9); medians. All
# three load the same library and must end in the same number. Needs a C compiler and a Python that has `mujoco`:
#
#   cargo build --release --workspace --examples
#   python3 -m venv venv && venv/bin/pip install mujoco==3.17.0
#   PYTHON=venv/bin/python envs/interop/mujoco_speed.sh target/release/examples/mujoco_speed [STEPS] [ROUNDS]
set -eu
if [ $# -lt 1 ] || [ ! -x "$1" ]; then
    echo "usage: [PYTHON=python3] $0 PATH_TO_MUJOCO_SPEED [STEPS] [ROUNDS]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
steps=${2:-100000}
rounds=${3:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

folder=$("$python" -c 'import mujoco, os; print(os.path.dirname(mujoco.__file__))')
library=$(ls "$folder"/libmujoco.so.* | head -n 1)
cc -O2 -I "$folder/include" "$here/mujoco_speed.c" -o "$work/c" "$library" -Wl,-rpath,"$folder"
scene=$here/mujoco_scene.xml
for round in $(seq "$rounds"); do
    "$work/c" "$scene" "$steps" >>"$work/c.txt"
    FORETHOUGHT_MUJOCO=$library "$1" "$scene" "$steps" >>"$work/rust.txt"
    "$python" "$here/mujoco_speed.py" "$scene" "$steps" >>"$work/python.txt"
done
"$python" - "$work" <<'END'
import statistics, sys
rates, ends = {}, set()
for name in ("c", "rust", "python"):
    rows = [line.split() for line in open(f"{sys.argv[1]}/{name}.txt")]
    rates[name] = [float(row[0]) for row in rows]
    # The order of the sum is the same in all, so that its bits are.
    ends |= {float(row[1]) for row in rows}
if len(ends) != 1:
    sys.exit(f"the loops end in different states: {sorted(ends)}")
middle = {name: statistics.median(values) for name, values in rates.items()}
for name, values in rates.items():
    print(f"{name:7} {middle[name]:10.0f} steps/s, {middle[name] / middle['c']:.3f} of C's, {min(values):.0f} to {max(values):.0f}")
END
