#!/usr/bin/env bash
# What is looked at rather than run: tests/tree/lint.sh format | rooms | headers | scripts | manual
# Run by ctest (label lint). Exit status: 0 good, 1 not, 77 the tool for it is missing (ctest: skipped).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

need() {
    command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; exit 77; }
}

# Other versions of clang-format break lines differently, so only the one the tree was formatted with judges.
check_format() {
    need clang-format
    local version
    version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
    [ "$version" = 14 ] || { echo "skipped: this is clang-format $version, the tree is formatted by 14"; exit 77; }
    find src mpi io tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
}

check_rooms() {
    need "${APD_PYTHON:=python3}"
    "$APD_PYTHON" tests/tree/rooms.py
}

# Each header compiles alone, so that the order of includes never matters.
check_headers() {
    local header failed=0
    while read -r header; do
        "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -I src -I . \
            -include "$header" -x c /dev/null || failed=1
    done < <(find src mpi io -name '*.h' | sort)
    return "$failed"
}

check_scripts() {
    need shellcheck
    shellcheck -x jobs/*.sh jobs/*.sbatch tests/*.sh tests/*/*.sh tests/io/*/*.sh .ci/run
}

check_manual() {
    need groff
    local complaints
    complaints=$(LC_ALL=C groff -ww -man -Tascii -z jobs/apd.[13] 2>&1)
    [ -z "$complaints" ] || { echo "$complaints"; return 1; }
}

case "${1-}" in
    format | rooms | headers | scripts | manual) "check_$1" ;;
    *) echo "usage: tests/tree/lint.sh format | rooms | headers | scripts | manual" >&2; exit 2 ;;
esac
