#!/bin/sh
# Fetches the models of the gymnasium package that environments here are made of, and puts them where `forethought` finds them:
#
#   envs/interop/gymnasium.sh
#
# They are taken out of the wheel of the pinned release and checked against their own hashes. They go into the folder that
# FORETHOUGHT_GYMNASIUM names, else into forethought/gymnasium under XDG_DATA_HOME or ~/.local/share. Needs a Python with pip,
# named by PYTHON (default python3). Nothing is installed, and none of the wheel's code runs.
set -eu
version=1.4.0
python=${PYTHON:-python3}
folder=${FORETHOUGHT_GYMNASIUM:-${XDG_DATA_HOME:-$HOME/.local/share}/forethought/gymnasium}
[ $# -eq 0 ] || { echo "usage: [PYTHON=python3] $0" >&2; exit 2; }
if [ -e "$folder" ] && [ ! -d "$folder" ]; then
    echo "$folder is no folder: name one in FORETHOUGHT_GYMNASIUM, or unset it" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip --version >/dev/null || { echo "$python has no pip: name another Python in PYTHON" >&2; exit 1; }
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "gymnasium==$version"
"$python" - "$work" <<'END'
import glob, hashlib, pathlib, sys, zipfile
MODELS = {"half_cheetah.xml": "11797a5d69e8ac955e89ca6fdd3a0087f1c990094fda401ac51420de1b6c5494"}
work = pathlib.Path(sys.argv[1])
(wheel,) = glob.glob(str(work / "*.whl"))
with zipfile.ZipFile(wheel) as wheel:
    for name, sha in MODELS.items():
        content = wheel.read(f"gymnasium/envs/mujoco/assets/{name}")
        if hashlib.sha256(content).hexdigest() != sha:
            sys.exit(f"{name} in the wheel is not the one that was tried: its SHA-256 differs")
        (work / name).write_bytes(content)
    # The package's own terms: MIT.
    for name in wheel.namelist():
        if name.endswith("licenses/LICENSE"):
            (work / "LICENSE.gymnasium").write_bytes(wheel.read(name))
END
mkdir -p "$folder"
for file in half_cheetah.xml LICENSE.gymnasium; do
    [ -f "$work/$file" ] || continue
    # Under another name first, so that it is there whole or not at all.
    cp "$work/$file" "$folder/.$file.new"
    mv "$folder/.$file.new" "$folder/$file"
done
echo "$folder/half_cheetah.xml"
