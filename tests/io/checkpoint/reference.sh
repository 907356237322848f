#!/usr/bin/env bash
# The tables of docs/file-formats.md are what the program prints: APD=path tests/io/checkpoint/reference.sh [--write]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
: "${APD:?path of the program}"
page=docs/file-formats.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$APD" inspect --help-format >"$work/tables"
awk -v tables="$work/tables" '
    /^<!-- end of apd inspect --help-format -->/ { inside = 0 }
    !inside
    /^<!-- apd inspect --help-format/ { inside = 1; while ((getline line < tables) > 0) print line }' $page >"$work/page"
if [ "${1-}" = --write ]; then
    cp "$work/page" $page
elif ! grep -q '^<!-- apd inspect --help-format' $page || ! diff $page "$work/page"; then
    echo "$page differs from the program; write it anew: tests/io/checkpoint/reference.sh --write" >&2
    exit 1
fi
