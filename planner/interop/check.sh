#!/bin/sh
# Checkpoints in Python: the test vectors of all that come with the project, a recorded plan, and one of the authors' files
# all the way in and out again, held against what this program computes.
#
#   planner/interop/check.sh PROGRAM      (PYTHON names a Python with NumPy; where it has PyTorch, that computes)
set -eu
program=$1
python=${PYTHON:-python3}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for vector in "$here"/../../experiments/checkpoints/*/test_vector.json; do
    "$python" "$here/forethought_model.py" "$(dirname "$vector")"
done
for name in maze2d-umaze-v1 pointmaze-teleport-stitch-v0; do
    "$program" export "$here/../../experiments/checkpoints/$name" --out "$work/$name"
    "$python" "$work/$name/forethought_model.py" "$work/$name"
done
"$program" import "$here/../tests/fixtures/original/tiny.ckpt" --environment maze2d-umaze --heads 2 --chunks 3 \
    --out "$work/theirs"
"$program" export "$work/theirs" --out "$work/theirs-out"
"$python" "$work/theirs-out/forethought_model.py" "$work/theirs-out"
if "$python" -c "import torch" 2>/dev/null; then
    # The size that they train, with random weights.
    "$python" "$here/original.py" medium "$work/medium.ckpt" "$work/medium.json"
    "$program" import "$work/medium.ckpt" --environment maze2d-medium --out "$work/medium"
    "$program" export "$work/medium" --out "$work/medium-out"
    "$python" "$work/medium-out/forethought_model.py" "$work/medium-out"
fi
echo "checkpoints in Python: all within their tolerances"
