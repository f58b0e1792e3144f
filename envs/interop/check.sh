#!/bin/sh
# Our D4RL files against Python's h5py, both ways. Needs a Python with h5py and numpy (named by PYTHON,
# default python3) and the example `write_d4rl`:
#
#   cargo build --release -p forethought-envs --example write_d4rl
#   python3 -m venv venv && venv/bin/pip install h5py numpy
#   PYTHON=venv/bin/python envs/interop/check.sh target/release/examples/write_d4rl
#
# Every step that fails ends the script with its status; the last line is printed only after all passed.
set -eu
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
    echo "usage: [PYTHON=python3] $0 PATH_TO_WRITE_D4RL" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$1" write "$work/ours.hdf5" "$work/ours.json"
"$python" "$here/h5py_check.py" read "$work/ours.hdf5" "$work/ours.json"
"$python" "$here/h5py_check.py" write "$work/theirs.hdf5" "$work/theirs.json"
"$1" read "$work/theirs.hdf5" "$work/found.json"
"$python" "$here/h5py_check.py" match "$work/found.json" "$work/theirs.json"
echo "h5py and forethought read each other's files"
