#!/usr/bin/env bash
# Everything that must hold of the C interface: formatting, lints, its tests (the header is what cbindgen makes), what
# the library exports, the examples as C and as C++, linked both ways, and every call under valgrind.
#
# Needs a Rust toolchain, a C and a C++ compiler, and valgrind; takes those by apt where it may. Shares the folder of
# compiled crates with the project, and leaves the tree as it was.
set -euo pipefail
target=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}")
export CARGO_TARGET_DIR=$target CARGO_TERM_COLOR=never
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checkpoints=../../experiments/checkpoints

have() {
    command -v "$1" >/dev/null 2>&1
}

# Installs Debian packages where that is possible at all.
debian() {
    have apt-get && [ "$(id -u)" = 0 ] || return 1
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes "$@" >/dev/null
}

step() {
    printf -- '-- %s (%d s)\n' "$1" "$SECONDS"
}

step "formatting, lints, documentation"
cargo fmt -- --check
cargo clippy --locked --release --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --release --no-deps --quiet

step "library"
cargo build --locked --release
shared=$target/release/libforethought_c.so static=$target/release/libforethought_c.a

step "tests, the header among them"
cargo test --locked --release

step "exported symbols are those of the header"
nm -D --defined-only "$shared" | awk '{ print $NF }' | sort >"$work/exported"
grep -o 'forethought_[a-z_]*(' include/forethought.h | tr -d '(' | sort -u >"$work/declared"
diff "$work/declared" "$work/exported"

step "the examples, as C and as C++, with the shared library and the static one"
have cc || debian build-essential
have c++ || debian g++
strict=(-Wall -Wextra -Werror -pedantic -O2 -Iinclude)
link=(-L"$target/release" -lforethought_c -Wl,-rpath,"$target/release")
# What Rust's standard library needs of the system: `cargo rustc --release -- --print native-static-libs` lists it.
system=(-lgcc_s -lutil -lrt -lpthread -lm -ldl)
for example in drive loop; do
    cc -std=c11 "${strict[@]}" "examples/$example.c" -o "$work/$example" "${link[@]}"
    c++ -std=c++11 "${strict[@]}" -x c++ "examples/$example.c" -o "$work/$example-c++" "${link[@]}"
    cc -std=c11 "${strict[@]}" "examples/$example.c" -o "$work/$example-static" "$static" "${system[@]}"
done
for program in drive drive-c++ drive-static; do
    "$work/$program" "$checkpoints/maze2d-umaze-v1"
done
for program in loop loop-c++ loop-static; do
    # On a machine that does other things a plan may be late now and then; one that is never followed is a fault.
    "$work/$program" "$checkpoints/maze2d-umaze-v1" | tee "$work/said" | head -n -1
    grep -q '^plan ' "$work/said" && grep -q '^{"target_hz":100.0,.*}$' "$work/said"
done
# A checkpoint that is not there ends in a message and in exit status 1.
status=0
"$work/drive" no-such-checkpoint 2>"$work/said" || status=$?
if [ "$status" != 1 ] || ! grep -q '^load: .*no-such-checkpoint' "$work/said"; then
    cat "$work/said" >&2
    exit 1
fi

step "every call once, with a goal and without"
cc -std=c11 "${strict[@]}" tests/border.c -o "$work/border" "${link[@]}"
for name in maze2d-umaze-v1 toy-car-v0; do
    "$work/border" "$checkpoints/$name"
done

step "the same under valgrind"
have valgrind || debian valgrind || true
if have valgrind; then
    # What is "possibly lost" are tables of the tensor library that live as long as the process, held by pointers into
    # their middle. An agent or a plan that is not freed would be "definitely lost".
    valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$work/border" "$checkpoints/maze2d-umaze-v1"
    # Its planner is too slow there for a plan in time; the loop goes on without one, and ends while one is being made.
    valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$work/loop" "$checkpoints/maze2d-umaze-v1" >/dev/null
else
    echo "LEFT OUT: valgrind is not installed and could not be had"
fi
step "the C interface holds"
