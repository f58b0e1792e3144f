#!/usr/bin/env bash
# Builds the wheel as the README says, installs it into a folder of its own with what its tests drive, and runs them: the
# interface, its refusals, Gymnasium's own checks, training, and other people's simulators driven to their goals.
#
# Needs a Rust toolchain and Python 3.10 or newer with pip. What the main workspace has compiled under $CARGO_TARGET_DIR (the
# project's target folder unless set) is used again: after a build of that, this one takes a minute or two, else ten.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$project/target}
case "$CARGO_TARGET_DIR" in /*) ;; *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;; esac
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Nothing is written into the tree.
export PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$here" && cargo fmt -- --check)
(cd "$here" && cargo clippy --locked --release -- -D warnings)

# Debian's python3 comes without what gives a virtual environment a pip of its own; the one outside serves as well.
python3 -m venv --without-pip "$work/venv"
install() {
    python3 -m pip --python "$work/venv/bin/python" install --quiet "$@"
}
began=$SECONDS
install "$here"
echo "the wheel: $((SECONDS - began)) s"
install --requirement "$here/tests/requirements.txt"
# Without its dependencies: those are a learner's, and gigabytes.
install --no-deps ogbench==1.2.2

# The program that Ray's tasks run.
[ -x "$CARGO_TARGET_DIR/release/forethought" ] || (cd "$project" && cargo build --locked --release --workspace)
export FORETHOUGHT_PROGRAM=$CARGO_TARGET_DIR/release/forethought

# From elsewhere, so that what is installed is tested and not the folder; writes its caches where it may.
cd "$work"
"$work/venv/bin/python" -m pytest -p no:cacheprovider --rootdir "$here" "$here/tests" "$@"
