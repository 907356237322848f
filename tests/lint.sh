#!/usr/bin/env bash
# What is looked at rather than run: tests/lint.sh format | includes | headers | scripts | manual
# Run by ctest (label lint). Exit status: 0 good, 1 not, 77 the tool for it is missing (ctest: skipped).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

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

# refuse PATTERN REASON FILE...: no include line of these files may match
refuse() {
    local pattern=$1 reason=$2 found
    shift 2
    [ $# -gt 0 ] || return 0
    found=$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+$pattern" -- "$@" /dev/null) || return 0
    echo "$found"
    echo "  ^ $reason"
    return 1
}

# Arrows point down: a room includes itself and the rooms below it. MPI is spoken in mpi/, HDF5 in io/.
check_includes() {
    shopt -s nullglob
    local failed=0
    refuse '[<"](app|io|mpi|method|network)/' "src/base is the lowest room" src/base/*.[ch] || failed=1
    refuse '[<"](app|io|mpi|method)/' "src/network knows only base" src/network/*.[ch] || failed=1
    refuse '[<"](app|io|mpi)/' "src/method knows only network and base" src/method/*.[ch] || failed=1
    refuse '[<"](app|io)/' "mpi/ knows nothing of files" mpi/*.[ch] || failed=1
    refuse '[<"]app/' "only src/app knows the commands" io/*.[ch] || failed=1
    refuse '[<"]mpi\.h' "only mpi/ includes mpi.h" src/*/*.[ch] io/*.[ch] || failed=1
    refuse '[<"]hdf5' "only io/ includes hdf5.h" src/*/*.[ch] mpi/*.[ch] || failed=1
    refuse '[<"]\.\./' "includes start at the room's folder" {src/*,mpi,io,tests}/*.[ch] || failed=1
    # and nothing lies about outside the rooms
    if git ls-files 2>/dev/null | grep -vE '^((src|mpi|io|jobs|tests|\.ci)/|(CMakeLists\.txt|CMakePresets\.json|README\.md|\.clang-format|\.gitignore)$)'; then
        echo "  ^ no file of this project"
        failed=1
    fi
    return "$failed"
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
    shellcheck -x jobs/*.sh jobs/*.sbatch tests/*.sh tests/fuzz/*.sh .ci/run
}

check_manual() {
    need groff
    local complaints
    complaints=$(LC_ALL=C groff -ww -man -Tascii -z jobs/apd.1 2>&1)
    [ -z "$complaints" ] || { echo "$complaints"; return 1; }
}

case "${1-}" in
    format | includes | headers | scripts | manual) "check_$1" ;;
    *) echo "usage: tests/lint.sh format | includes | headers | scripts | manual" >&2; exit 2 ;;
esac
