#!/usr/bin/env bash
# What the program writes of itself for other programs: APD=path tests/commands/tools.sh schema | bash | zsh | fish | manual | json
# Exit status 77: the other program is not installed. SCHEMA_PYTHON may name a Python with jsonschema and PyYAML.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

case_schema() {
    local python=${SCHEMA_PYTHON-} candidate
    for candidate in "$APD_PYTHON" /usr/bin/python3; do
        [ -n "$python" ] || ! "$candidate" -c 'import jsonschema, yaml' 2>/dev/null || python=$candidate
    done
    [ -n "$python" ] || { echo "skipped: no Python with jsonschema and yaml"; exit 77; }
    "$APD" generate --classes 4 --train 2 --test 1 --output glyphs.h5 >/dev/null
    cat >run.yaml <<'TEXT'
data: {file: glyphs.h5}
stream: {classes_per_task: 2, order: seed 7}
network: {layers: [conv: {units: 2, kernel: [3, 5]}, relu, lrn: {radius: 1}, max_pool: {kernel: 2}]}
method: {lambda2: .inf, polish_epochs: 1}
training: {epochs: 2, batch: 2}
TEXT
    "$APD" train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    "$python" "$repository/tests/commands/check_schema.py" "$APD" "$repository" run.yaml runs/run/run.yaml
    refused 2 '"stream" has no schema; run or study is needed' "$APD" schema stream
}

completion() {
    command -v "$1" >/dev/null || { echo "skipped: no $1"; exit 77; }
    "$APD" completion "$1" >"apd.$1"
    "$APD_PYTHON" "$repository/tests/commands/check_completion.py" "$1" "$APD"
    refused 2 'there is no completion for "tcsh"' "$APD" completion tcsh
}

case_bash() {
    completion bash
    ! command -v shellcheck >/dev/null || shellcheck apd.bash
}

case_zsh() { completion zsh; }

case_fish() { completion fish; }

# Every page has the command's options, and those who read pages have nothing to say but that a date is missing, which
# would make two builds differ.
case_manual() {
    local command option complaints
    for command in $("$APD" --help | sed -n 's/^  apd \([a-z]*\) .*/\1/p'); do
        "$APD" manual "$command" >"apd-$command.1"
        for option in $("$APD" "$command" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p') help; do
            grep -qE "^\.BI? .*\\\\-\\\\-${option//-/\\\\-}( |$)" "apd-$command.1" || fail "apd-$command.1 without --$option"
        done
    done
    [ "$(printf '%s\n' apd-*.1 | wc -l)" -gt 15 ] || fail "few pages: $(ls)"
    refused 2 '"trian" is not a command' "$APD" manual trian
    if command -v groff >/dev/null; then
        complaints=$(LC_ALL=C groff -ww -man -Tascii -z apd-*.1 2>&1)
        [ -z "$complaints" ] || fail "$complaints"
    fi
    command -v mandoc >/dev/null || { echo "skipped: no mandoc"; exit 77; }
    complaints=$(mandoc -Tlint -W warning apd-*.1 "$repository/jobs/apd.1" | grep -v 'missing date' || true)
    [ -z "$complaints" ] || fail "$complaints"
}

# Two runs of one stream, in two orders
case_json() {
    local run
    "$APD" generate --classes 6 --train 8 --test 5 --size 16 --output glyphs.h5 >/dev/null
    for run in a b; do
        cat >$run.yaml <<TEXT
seed: 18446744073709551615
output: $run
shards: 2
data: {file: glyphs.h5}
stream: {classes_per_task: 2, order: $([ $run = a ] && echo '[2, 0, 1]' || echo '[0, 1, 2]')}
network: {preset: mlp, widths: [12]}
method: {lambda1: 1e-2}
training: {epochs: 4, batch: 8, lr: 0.01}
TEXT
        "$APD" train $run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    done
    "$APD" pack a --output packed.h5 >/dev/null
    "$APD_PYTHON" "$repository/tests/commands/check_json.py" "$APD"
    [ "$("$APD" inspect a --json | grep -c 18446744073709551615)" = 1 ] || fail "the largest seed"
}

"case_${1:?a case}"
echo "passed: $1"
