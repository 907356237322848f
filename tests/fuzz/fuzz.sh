#!/usr/bin/env bash
# The long run of a harness: tests/fuzz/fuzz.sh PROGRAM RUNS [SEED ...]
#
# PROGRAM is the plain program of a harness (build/tests/tests/fuzz/fuzz_NAME). It runs RUNS mutated inputs, from
# a seed of the day or APD_FUZZ_SEED; what it finds is left in the working directory. Where clang with libFuzzer
# is installed, the same harness is then built by the preset fuzz, with the sanitizers, and runs a twentieth as
# many inputs led by coverage; its corpus is kept in build/fuzz/corpus-NAME. Not so the harnesses that read HDF5:
# libFuzzer ends at the first fault inside HDF5, which the plain program tells from our own.
# Exit status: 0 nothing was found.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: tests/fuzz/fuzz.sh PROGRAM RUNS [SEED ...]" >&2; exit 2; }
program=$1
runs=$2
shift 2
name=${program##*/fuzz_}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seed=${APD_FUZZ_SEED:-$(date +%Y%m%d)}

echo "fuzz.sh: $name, $runs mutated inputs, seed $seed"
"$program" --runs "$runs" --seed "$seed" "$@"

case $name in dataset | checkpoint) exit 0 ;; esac
if ! echo 'int LLVMFuzzerTestOneInput(const char *a, unsigned long b) { return a == 0 && b > 0; }' |
    clang -x c -fsanitize=fuzzer - -o /dev/null 2>/dev/null; then
    echo "fuzz.sh: clang with libFuzzer is not installed; that part is left out."
    exit 0
fi
cd "$source"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "fuzz_$name" >/dev/null
corpus=build/fuzz/corpus-$name
mkdir -p "$corpus"
for file in "$@"; do
    [ -d "$file" ] || cp "$file" "$corpus/"
done
build/fuzz/tests/fuzz/"fuzz_$name" -runs="$((runs / 20))" -seed="$seed" -max_len=60000 -timeout=20 \
    -malloc_limit_mb=1024 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 "$corpus"
