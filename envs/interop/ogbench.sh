#!/bin/sh
# Our `.npz` files, to train on and to validate with, against numpy, and against OGBench's own loader where that is there.
# Needs a Python with numpy (named by PYTHON, default python3), better one with ogbench, and the example `write_ogbench`:
#
#   cargo build --release --workspace --examples
#   python3 -m venv venv && venv/bin/pip install ogbench==1.2.2
#   PYTHON=venv/bin/python envs/interop/ogbench.sh target/release/examples/write_ogbench
#
# Every step that fails ends the script with its status; the last line is printed only after all passed.
set -eu
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
    echo "usage: [PYTHON=python3] $0 PATH_TO_WRITE_OGBENCH" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if "$python" -c "import ogbench" 2>/dev/null; then
    check=read by="numpy and OGBench"
else
    check=numpy by="numpy"
    echo "LEFT OUT: OGBench's loader, as $python has no ogbench"
fi
"$1" pointmaze-teleport-stitch-v0 20 1 "$work/ours.npz"
for file in ours ours-val; do
    "$python" "$here/ogbench_check.py" "$check" "$work/$file.npz"
done
echo "$by read forethought's .npz files"
