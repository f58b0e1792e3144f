#!/bin/sh
# Fetches the robots and things of OGBench's manipulation from Python's package index and puts them where `forethought` finds
# them:
#
#   envs/interop/ogbench_assets.sh
#
# They are those of ogbench 1.2.2, whose wheel is checked against its own SHA-256. They go into the folder that FORETHOUGHT_OGBENCH
# names, else into forethought/ogbench under XDG_DATA_HOME or ~/.local/share. Needs a Python with pip, named by PYTHON (default
# python3). Nothing else is installed, and none of the wheel's code runs.
set -eu
version=1.2.2
wheel_sha=e0f809be281f2e222283283a300a5cf04fbd6947a6a7b84846fb9da2c30a088d
python=${PYTHON:-python3}
[ $# -eq 0 ] || { echo "usage: [PYTHON=python3] $0" >&2; exit 2; }
folder=${FORETHOUGHT_OGBENCH:-${XDG_DATA_HOME:-$HOME/.local/share}/forethought/ogbench}
if [ -e "$folder" ] && [ ! -d "$folder" ]; then
    echo "$folder is no folder: name one in FORETHOUGHT_OGBENCH, or unset it" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip --version >/dev/null || { echo "$python has no pip: name another Python in PYTHON" >&2; exit 1; }
echo "ogbench==$version --hash=sha256:$wheel_sha" >"$work/wanted.txt"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$work" -r "$work/wanted.txt"
"$python" -m zipfile -e "$work"/*.whl "$work/wheel"
from=$work/wheel/ogbench/manipspace/descriptions
mkdir -p "$folder"
# Files under another name first, so that each is there whole or not at all.
put() {
    mkdir -p "$(dirname "$folder/$1")"
    cp "$from/$1" "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
}
# The terms of each come with it: BSD for the robots, MIT for the package.
for file in universal_robots_ur5e/LICENSE universal_robots_ur5e/ur5e.xml robotiq_2f85/LICENSE robotiq_2f85/2f85.xml \
    floor_wall.xml cube_outer.xml cube_inner.xml buttons.xml drawer.xml window.xml; do
    put "$file"
done
for mesh in "$from"/robotiq_2f85/assets/*.stl "$from"/universal_robots_ur5e/assets/*.obj "$from"/metaworld/*/*; do
    put "${mesh#"$from"/}"
done
cp "$work"/wheel/*.dist-info/licenses/LICENSE "$folder/LICENSE.ogbench" 2>/dev/null ||
    cp "$work"/wheel/*.dist-info/LICENSE "$folder/LICENSE.ogbench" 2>/dev/null || true
echo "$folder"
