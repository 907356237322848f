#!/usr/bin/env bash
# A portable build and the Debian package of it: tests/tree/portable.sh [BUILD]; BUILD is kept, and built further, if it is given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=${1:-$work/build}
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_orte_execute_quiet=1
[ "$(uname -m)" = x86_64 ] || { echo "not on x86-64: skipped"; exit 77; }

fail() {
    echo "FAILED: $*" >&2
    [ ! -s "$work/out" ] || tail -n 20 "$work/out" >&2
    exit 1
}

# line of kernels that a short run on this program records
kernels() {
    rm -rf "$work/run"
    "$@" train "$source/jobs/quickstart.yaml" --set "data.file=$work/glyphs.h5" --set "output=$work/run" --set shards=2 --set stream.tasks=1 \
        --set training.epochs=2 --set method.polish_epochs=1 >"$work/out" 2>&1 || fail "$*"
    grep -o '"kernels": *"[^"]*"' "$work/run/manifest.json"
}

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DAPD_PORTABLE=ON -DAPD_WARNINGS_AS_ERRORS=ON >"$work/out" 2>&1 || fail "cmake"
cmake --build "$build" >"$work/out" 2>&1 || fail "the build"
apd=$build/apd
"$apd" generate --classes 10 --train 10 --test 4 --output "$work/glyphs.h5" >"$work/out"

best=x86-64
for level in x86-64 x86-64-v3 x86-64-v4; do
    status=0
    APD_LEVEL=$level "$apd" --version >"$work/out" 2>&1 || status=$?
    if [ $status = 0 ]; then
        best=$level
        APD_LEVEL=$level kernels "$apd" >"$work/$level"
        echo "- $level: $(cat "$work/$level")"
        [ $level = x86-64 ] || ! cmp -s "$work/$level" "$work/x86-64" || fail "$level has the kernels of x86-64"
    else
        [ $status = 2 ] || fail "$level: exit status $status"
        grep -q 'this processor cannot run' "$work/out" || fail "$level is refused without a word of why"
    fi
done
[ "$(kernels "$apd")" = "$(cat "$work/$best")" ] || fail "without APD_LEVEL it is not $best that runs"
status=0
APD_LEVEL=x87 "$apd" --version >"$work/out" 2>&1 || status=$?
[ $status = 2 ] || fail "a wrong level: exit status $status"
grep -q 'APD_LEVEL is "x87", which is no level' "$work/out" || fail "a wrong level is refused without a word of why"
if [ "$best" != x86-64 ]; then
    ! mpirun -n 1 -x APD_LEVEL=x86-64 "$apd" inspect "$work/run" : -n 1 -x "APD_LEVEL=$best" "$apd" inspect "$work/run" \
        >"$work/out" 2>&1 || fail "ranks of unlike levels were not refused"
    grep -q 'different builds\|different kinds of processors' "$work/out" || fail "no word of unlike builds"
fi

command -v dpkg-deb >/dev/null || exit 0
(cd "$build" && cpack -B "$work/packages") >"$work/out" 2>&1 || fail "cpack"
package=$(echo "$work"/packages/apd_*.deb)
dpkg-deb --field "$package" Depends | grep -q libhdf5 || fail "the package depends on $(dpkg-deb --field "$package" Depends)"
dpkg-deb -x "$package" "$work/installed"
[ "$(kernels "$work/installed/usr/bin/apd")" = "$(cat "$work/$best")" ] || fail "the installed program does not run $best"
[ -e "$work/installed/usr/share/man/man1/apd-train.1.gz" ] || [ -e "$work/installed/usr/share/man/man1/apd-train.1" ] || fail "no manual"
echo "- $(basename "$package"), $(stat -c %s "$package") bytes, runs"
