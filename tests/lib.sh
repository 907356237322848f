# shellcheck shell=bash
# lib: what the tests of the whole program share; sourced by them. APD names the program; each test works in a
# temporary folder of its own.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${APD:?APD names the program under test}"
: "${APD_PYTHON:=/usr/bin/python3}"
# for Open MPI, by hand; ctest sets them too
export APD_PYTHON OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_orte_execute_quiet=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# ranks P COMMAND...: on P ranks
ranks() {
    local count=$1
    shift
    mpirun -n "$count" "$APD" "$@"
}

# in_background P ARGUMENT...: start apd train run.yaml on P ranks, with its output in log.txt; $job is mpirun's process.
# LAUNCH has more options of mpirun
in_background() {
    local count=$1
    shift
    # not through a function: $! must be mpirun
    # shellcheck disable=SC2086 # several options
    mpirun ${LAUNCH-} -n "$count" "$APD" train run.yaml "$@" >>log.txt 2>&1 &
    job=$!
}

# wait_for TEXT FILE: wait until the text is in the file, at most a minute
wait_for() {
    for _ in $(seq 1200); do
        ! grep -qs -- "$1" "$2" || return 0
        sleep 0.05
    done
    fail "no $1 in $2 after a minute: $(cat log.txt)"
}

# ended STATUS [JOB]: the job in the background ends with this exit status
ended() {
    local status=0
    wait "${2-$job}" || status=$?
    [ "$status" = "$1" ] || fail "exit status $status, not $1: $(cat log.txt)"
}

# refused CODE TEXT COMMAND...: the command ends with this exit code and one line on stderr that holds the text
refused() {
    local code=$1 text=$2 status=0
    shift 2
    "$@" >out.txt 2>err.txt || status=$?
    [ "$status" = "$code" ] || fail "exit status $status, not $code: $* ($(cat err.txt))"
    grep -qF -- "$text" err.txt || fail "no \"$text\" in: $(cat err.txt)"
    [ "$(grep -c '^apd' err.txt)" = 1 ] || fail "not one line: $(cat err.txt)"
}

make_data() {
    "$APD" generate --classes 12 --train 24 --test 9 --size 16 --output glyphs.h5 >/dev/null
}

# describe NAME: a small run of four tasks with every kind of layer
describe() {
    cat >"$1.yaml" <<YAML
name: $1
output: $work/$1
seed: 5
shards: 4
data: {file: glyphs.h5, validation: 0.2, flip: true, shift: 1}
stream: {kind: split, tasks: 4, classes_per_task: 3, order: "seed 3"}
network:
  layers:
    - conv: {units: 6, kernel: [3, 5]}
    - relu
    - lrn
    - max_pool: {kernel: 3, stride: 2, padding: same}
    - conv: {units: 5, kernel: 3, padding: valid}
    - relu
    - dense: {units: 20}
    - relu
    - dropout: {rate: 0.2}
method: {lambda1: 1e-3, polish_epochs: 1, recentre_every: 2}
training: {epochs: 4, batch: 14, lr: 3e-3, weight_decay: 1e-4, keep_best: 2}
log: {interval: 2, evaluate_batch: 7}
YAML
}

# fingerprint FOLDER: everything that must not depend on the number of ranks
fingerprint() {
    "$APD_PYTHON" "$repository/tests/commands/contents.py" "$1/checkpoint.h5"
    cat "$1/accuracy.csv"
    grep results_digest "$1/manifest.json"
    grep -o '"event": *"step".*' "$1/metrics.jsonl" | sed 's/"time": *"[^"]*"//'
    cut -d, -f1-9 "$1/tasks.csv" | sed 's/,[^,]*$//'
}

# same_run FOLDER FOLDER: the same, but for the log of steps, in which a run that was stopped may repeat some
same_run() {
    diff <(fingerprint "$1" | grep -v '"step"') <(fingerprint "$2" | grep -v '"step"') ||
        fail "$2 has another end than $1"
}
