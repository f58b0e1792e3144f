#!/bin/sh
# What `data convert` writes, read back by the libraries whose layouts these are: minari, and LeRobot's by the `datasets`
# library and pandas as lerobot's own source reads them (lerobot itself brings PyTorch). Needs a Python (named by PYTHON, default
# python3) with h5py, "minari[hdf5]" and pillow, datasets, pyarrow and pandas, and the program:
#
#   PYTHON=venv/bin/python envs/interop/writers.sh target/release/forethought
#
# Every step that fails ends the script with its status; the last line is printed only after all passed.
set -eu
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
    echo "usage: [PYTHON=python3] $0 PATH_TO_FORETHOUGHT" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" "$here/writers_check.py" make "$work"
for set in plain goals; do
    "$1" data convert "$work/$set.hdf5" "$work/sets/$set-v1" --to minari
done
"$1" data convert "$work/plain.hdf5" "$work/lerobot" --to lerobot
"$python" "$here/writers_check.py" minari "$work"
"$python" "$here/writers_check.py" lerobot "$work"
# And back, through this program's own readers.
"$1" data convert "$work/lerobot" "$work/back.hdf5"
"$python" "$here/writers_check.py" back "$work"
echo "minari and LeRobot's readers read what forethought writes"
