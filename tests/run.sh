#!/usr/bin/env bash
# All tests: tests/run.sh [--sanitize] [--long] [--no-install]
# Installs what is missing, builds with every warning an error, and runs ctest, whose closing lines come last.
# Tests on real data read the folder named by APD_DATA and are skipped without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'
usage: tests/run.sh [--sanitize] [--long] [--no-install]
  --sanitize   build with the address, leak and undefined-behaviour sanitizers (build/sanitize) instead of
               release code (build/tests)
  --long       also the tests labelled long
  --no-install install nothing (also with APD_NO_INSTALL=1)
TEXT
}

preset=tests
labels=(-LE '^long$')
install=1
case ${APD_NO_INSTALL-} in '' | 0) ;; *) install= ;; esac
for argument in "$@"; do
    case $argument in
        --sanitize) preset=sanitize ;;
        --long) labels=() ;;
        --no-install) install= ;;
        --help) usage; exit 0 ;;
        *) echo "tests/run.sh: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

# without apt-get or root's rights, modules or Spack may still give all that is needed
[ -z "$install" ] || jobs/setup.sh --tests ||
    echo "tests/run.sh: continuing with what is there; CMake names what it misses."
cmake --preset "$preset"
cmake --build --preset "$preset"
# one more than processors: many tests wait for starts, locks and signals
ctest --preset "$preset" --parallel "$(($(nproc) + 1))" "${labels[@]}"
