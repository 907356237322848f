#!/usr/bin/env bash
# docs/run-descriptions.md is what the program prints: APD=path tests/io/description/reference.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
: "${APD:?path of the program}"

if ! "$APD" train --help-keys --markdown | diff docs/run-descriptions.md -; then
    echo "docs/run-descriptions.md differs from the program; write it anew:" >&2
    echo "apd train --help-keys --markdown >docs/run-descriptions.md" >&2
    exit 1
fi
