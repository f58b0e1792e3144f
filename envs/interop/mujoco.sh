#!/bin/sh
# Fetches MuJoCo's library from Python's package index and puts it where `forethought` finds it:
#
#   envs/interop/mujoco.sh [VERSION]
#
# VERSION is 3.17.0 unless given; 3.5.0 and later are used. The library is taken out of the wheel that pip chooses for this
# machine and checks against the index's hash; for the pinned version on Linux (x86-64) the library's own hash is checked too.
# It goes into the folder that FORETHOUGHT_MUJOCO names, else into forethought/mujoco under XDG_DATA_HOME or ~/.local/share.
# Needs a Python with pip, named by PYTHON (default python3). Nothing else is installed, and none of the wheel's code runs.
set -eu
pinned=3.17.0
pinned_sha=23496b023ee80fb61ab71167e94bc649f9941710fde96b18bb8204fb332523ad
version=${1:-$pinned}
python=${PYTHON:-python3}
case $version in
[0-9]*.[0-9]*.[0-9]*) ;;
*) echo "usage: [PYTHON=python3] $0 [VERSION], such as $0 $pinned" >&2; exit 2 ;;
esac
# From 4.0 on the library is in a package of its own.
package=mujoco
[ "${version%%.*}" -lt 4 ] || package=mujoco-core
folder=${FORETHOUGHT_MUJOCO:-${XDG_DATA_HOME:-$HOME/.local/share}/forethought/mujoco}
if [ -e "$folder" ] && [ ! -d "$folder" ]; then
    echo "$folder is no folder: name one in FORETHOUGHT_MUJOCO, or unset it" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip --version >/dev/null || { echo "$python has no pip: name another Python in PYTHON" >&2; exit 1; }
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "$package==$version"
"$python" -m zipfile -e "$work"/*.whl "$work/wheel"
mkdir -p "$folder"
found=
for library in "$work"/wheel/mujoco/libmujoco.so.* "$work"/wheel/mujoco/libmujoco.*dylib "$work"/wheel/mujoco/mujoco.dll; do
    [ -f "$library" ] || continue
    name=$(basename "$library")
    if [ "$name" = "libmujoco.so.$pinned" ] && [ "$(uname -m)" = x86_64 ]; then
        "$python" - "$library" "$pinned_sha" <<'END'
import hashlib, sys
if hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != sys.argv[2]:
    sys.exit("the library in the wheel is not the one that was tried: its SHA-256 differs")
END
    fi
    # Under another name first, so that it is there whole or not at all.
    cp "$library" "$folder/.$name.new"
    mv "$folder/.$name.new" "$folder/$name"
    # The wheel's own terms: Apache-2.0.
    cp "$work"/wheel/*.dist-info/licenses/LICENSE "$folder/LICENSE.mujoco" 2>/dev/null ||
        cp "$work"/wheel/*.dist-info/LICENSE "$folder/LICENSE.mujoco" 2>/dev/null || true
    found=$folder/$name
done
[ -n "$found" ] || { echo "the wheel of $package $version holds no library" >&2; exit 1; }
echo "$found"
