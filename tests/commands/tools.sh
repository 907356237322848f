#!/usr/bin/env bash
# What the program writes of itself for other programs: APD=path tests/commands/tools.sh schema | bash | zsh | fish | manual | json |
#   manifest | tensorboard | events | results
# Exit status 77: the other program is not installed. SCHEMA_PYTHON may name a Python with jsonschema and PyYAML,
# TENSORBOARD_PYTHON one with tensorboard, NEXUS_PYTHON one with h5py, silx and nexusformat.
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

# said KEY: the key's value in run/manifest.json, as Python shows it
said() {
    "$APD_PYTHON" -c 'import json, sys; print(json.load(open("run/manifest.json")).get(sys.argv[1]))' "$1"
}

# says KEY VALUE
says() {
    [ "$(said "$1")" = "$2" ] || fail "manifest.json: $1 is $(said "$1"), not $2"
}

# manifest.json is there while the first task trains, counts starts, and keeps what it says of them when apd forget writes it
case_manifest() {
    local start revision
    "$APD" generate --classes 4 --train 40 --test 5 --size 16 --output glyphs.h5 >/dev/null
    cat >run.yaml <<'TEXT'
output: run
shards: 2
data: {file: glyphs.h5}
stream: {classes_per_task: 2}
network: {preset: mlp, widths: [12]}
training: {epochs: 90000, batch: 8}
log: {interval: 1}
TEXT
    for start in 1 2; do
        rm -f log.txt run/stopped
        SLURM_ARRAY_JOB_ID=990 SLURM_ARRAY_TASK_ID=$start SLURM_JOB_ID=991 in_background 2 --set name="a 'b'"
        wait_for "\"starts\": $start," run/manifest.json
        wait_for '"event": "step"' run/metrics.jsonl
        says tasks_done 0
        says ranks 2
        says capacity None
        says results_digest None
        says slurm_job "990_$start"
        eval "set -- $(said command)"
        [ "$#: $*" = "5: $APD train run.yaml --set name=a 'b'" ] || fail "command: $(said command)"
        "$APD" status run | grep -q running || fail "status: $("$APD" status run)"
        touch run/stop
        ended 75
    done
    revision=$(said revision)
    if [ -e "$repository/.git" ]; then
        git -C "$repository" rev-parse --verify --quiet "${revision%-dirty}^{commit}" >/dev/null || fail "revision $revision"
    else
        says revision unknown
    fi
    says system "$(uname -srm)"
    says directory "$PWD"
    [ "$(said started)" != "$(said first_started)" ] || fail "the starts are not told apart"
    [ "$(grep -c '"slurm_job": "990_' run/metrics.jsonl)" = 2 ] || fail "the starts in metrics.jsonl"
    "$APD" train run.yaml --fresh --force --set training.epochs=7 >log.txt 2>&1 || fail "$(cat log.txt)"
    says starts 1
    says tasks_done 2
    says slurm_job None
    "$APD" forget run --task 1 >log.txt 2>&1 || fail "$(cat log.txt)"
    says starts 1
    says command "$APD train run.yaml --fresh --force --set training.epochs=7"
    says commit 3
}

# A run that is killed twice and resumed, shows as an undisturbed one does
case_tensorboard() {
    local python=${TENSORBOARD_PYTHON-} place
    [ -n "$python" ] || { echo "skipped: TENSORBOARD_PYTHON names no Python with tensorboard"; exit 77; }
    "$APD" generate --classes 6 --train 40 --test 5 --size 16 --output glyphs.h5 >/dev/null
    cat >run.yaml <<'TEXT'
output: run
shards: 2
data: {file: glyphs.h5}
stream: {classes_per_task: 2}
network: {preset: mlp, widths: [48]}
method: {lambda1: 1e-3}
training: {epochs: 600, batch: 4}
log: {interval: 20, tensorboard: true}
checkpoint: {minutes: 0.003}
TEXT
    "$APD" train run.yaml --set output=undisturbed >log.txt 2>&1 || fail "$(cat log.txt)"
    for place in 0 1; do
        in_background 2
        wait_for "\"event\": \"commit\".*\"place\": $place," run/metrics.jsonl
        kill -9 "$(pgrep -P "$job" -x apd | head -n 1)"
        wait "$job" || true
    done
    "$APD" train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    [ "$(grep -c '"event": "start"' run/metrics.jsonl)" = 3 ] || fail "the run was not killed twice: $(cat log.txt)"
    [ "$(find run/tensorboard/steps -name 'events*' | wc -l)" = 3 ] || fail "files: $(find run/tensorboard)"
    "$python" "$repository/tests/commands/check_tensorboard.py" run undisturbed
    "$APD" train run.yaml --fresh --force --set training.epochs=7 >log.txt 2>&1 || fail "$(cat log.txt)"
    [ "$(find run/tensorboard/steps -name 'events*' | wc -l)" = 1 ] || fail "old files: $(find run/tensorboard)"
}

# What apd pack adds for viewers, of a run of which a task is forgotten, too
case_results() {
    local python=${NEXUS_PYTHON-$APD_PYTHON}
    "$python" -c 'import h5py, numpy' 2>/dev/null || { echo "skipped: no Python with h5py"; exit 77; }
    "$APD" generate --classes 8 --train 10 --test 5 --size 16 --output glyphs.h5 >/dev/null
    cat >run.yaml <<'TEXT'
output: run
seed: 3
data: {file: glyphs.h5}
stream: {classes_per_task: 2, order: [2, 0, 3, 1]}
network: {preset: mlp, widths: [12]}
method: {lambda1: 1e-2, consolidate_every: 2, lambda2: 1e-2}
training: {epochs: 5, batch: 8, lr: 0.01}
TEXT
    "$APD" pack run --output none.h5 2>/dev/null && fail "packed a run that is not there"
    "$APD" train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    for round in whole forgotten; do
        "$APD" pack run --output packed.h5 >out.txt || fail "pack"
        "$APD" pack run --output alone.h5 --results-only >out.txt || fail "pack --results-only"
        grep -q '^alone.h5: 6 groups of' out.txt || fail "$(cat out.txt)"
        "$python" "$repository/tests/commands/check_results.py" run packed.h5 alone.h5
        [ "$round" = forgotten ] || "$APD" forget run --task 3 >out.txt 2>&1 || fail "$(cat out.txt)"
    done
    "$APD" pack packed.h5 --output again.h5 >out.txt || fail "pack of a packed file"
    cmp packed.h5 again.h5 || fail "packing again gives another file"
    refused 65 "alone.h5: holds results alone" "$APD" verify alone.h5
    refused 65 "alone.h5: holds results alone" "$APD" inspect alone.h5
    "$python" - packed.h5 <<'PYTHON'
import sys, h5py
with h5py.File(sys.argv[1]) as file:
    at = file["results/accuracy/accuracy"].id.get_offset()
with open(sys.argv[1], "r+b") as file:
    file.seek(at + 1)
    byte = file.read(1)[0] ^ 1
    file.seek(at + 1)
    file.write(bytes([byte]))
PYTHON
    refused 65 "packed.h5: /results/accuracy: damaged" "$APD" verify packed.h5
}

# The bytes of event files, of a run that is stopped once
case_events() {
    "$APD" generate --classes 6 --train 10 --test 5 --size 16 --output glyphs.h5 >/dev/null
    cat >run.yaml <<'TEXT'
output: run
data: {file: glyphs.h5}
stream: {classes_per_task: 2}
network: {preset: mlp, widths: [12]}
training: {epochs: 20, batch: 5}
log: {interval: 7, tensorboard: true}
TEXT
    "$APD" train run.yaml --set stream.tasks=2 >log.txt 2>&1 || fail "$(cat log.txt)"
    "$APD_PYTHON" "$repository/tests/commands/check_events.py" run 1
    "$APD" train run.yaml --set stream.tasks=3 >log.txt 2>&1 || fail "$(cat log.txt)"
    "$APD_PYTHON" "$repository/tests/commands/check_events.py" run 2
    "$APD" forget run --task 1 >log.txt 2>&1 || fail "$(cat log.txt)"
    ! grep -rq 'classes 2-3' run/tensorboard || fail "event files name a task"
}

"case_${1:?a case}"
echo "passed: $1"
