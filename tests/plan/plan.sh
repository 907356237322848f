#!/usr/bin/env bash
# apd plan against what a run then needed, and apd bench's figures: tests/plan/plan.sh CASE, with APD naming the program.
# Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
mkdir tmp
export TMPDIR=$work/tmp

# ranks P COMMAND...: on P ranks; Open MPI's own files are not looked for where bench's are
ranks() {
    local count=$1
    shift
    TMPDIR=/tmp mpirun -x TMPDIR="$work/tmp" -n "$count" "$APD" "$@"
}

# within SHARE A B WHAT: A and B differ by at most this share of B
within() {
    awk -v share="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(a > b * (1 - share) && a < b * (1 + share)) }' ||
        fail "$4: $2 was planned, $3 it is"
}

# describe WIDTH: a run of three permutations with two layers of this width
describe() {
    "$APD" generate --classes 10 --train 40 --test 10 --size 28 --output glyphs.h5 >/dev/null
    cat >run.yaml <<YAML
data: {file: glyphs.h5}
stream: {kind: permutation, tasks: 3}
network: {preset: mlp, widths: [$1, $1]}
method: {lambda1: 1e-3, polish_epochs: 0}
training: {epochs: 1, batch: 150}
log: {interval: 1}
YAML
}

# the number before UNIT in the line of the plan that begins with NAME
planned() {
    sed -n "s/^$1 *\([0-9.]*\) *$2.*/\1/p" plan.txt
}

# Memory within 15 %, disk within 25 %, steps to the step of what training then took, whichever the solver.
case_figures() {
    local solver density
    describe 1024 # whose parameters weigh more than the program does
    for solver in "method.name=apd" "method.name=apd-joint method.lambda2=100" "method.name=stl" "method.name=multitask" \
        "method.name=apd-fixed" \
        "training.keep_best=1 data.validation=0.25"; do
        local set=()
        for key in $solver; do
            set+=(--set "$key")
        done
        rm -rf runs
        ranks 2 train run.yaml "${set[@]}" >out.txt 2>&1 || fail "$(cat out.txt)"
        density=$(awk -F, 'NR > 1 { sum += $7 } END { print sum / (NR - 1) / (784 * 1024 + 1024 * 1024) }' runs/run/tasks.csv)
        mv runs trained
        ranks 2 plan run.yaml "${set[@]}" --density "$density" --seconds 0.2 >plan.txt || fail "plan"
        [ ! -e runs ] || fail "plan made a folder"
        [ "$(planned steps 'in all')" = "$(grep -c '"event": "step"' trained/run/metrics.jsonl)" ] ||
            fail "steps: $(cat plan.txt)"
        within 0.25 "$(planned disk MB)" \
            "$(find trained/run -name '*.h5' -printf '%s\n' | awk '{ sum += $1 } END { print sum / 1e6 }')" "disk, $solver"
        [ -n "${APD_SANITIZED-}" ] || within 0.15 "$(planned memory MB)" \
            "$(sed -n 's/.*"peak_bytes_a_rank": \([0-9]*\).*/\1/p' trained/run/manifest.json | awk '{ print $1 / 1e6 }')" \
            "memory, $solver"
        grep -q 'hours' plan.txt || fail "no hours"
        rm -rf trained
    done
}

# Plans for more ranks than plan runs on: less memory each, and what Slurm is asked for.
case_other_launches() {
    describe 512
    ranks 1 plan run.yaml --seconds 0.2 >plan.txt || fail "plan"
    local one many
    one=$(planned memory MB)
    ranks 1 plan run.yaml --seconds 0.2 --nodes 2 --ranks-a-node 8 >plan.txt || fail "plan for two nodes"
    many=$(planned memory MB)
    [ "$many" -lt "$one" ] || fail "$many MB a rank on 16 ranks, $one on one"
    grep -q '16 shards on 16 ranks (2 nodes)' plan.txt || fail "$(cat plan.txt)"
    grep -qF 'sbatch --nodes=2 --ntasks=16 --ntasks-per-node=8 --cpus-per-task=1 --mem-per-cpu=' plan.txt ||
        fail "$(cat plan.txt)"
    grep -q 'messages between nodes take no time' plan.txt || fail "an assumption is not said"
    ranks 2 plan run.yaml --seconds 0.2 --set stream.tasks=1 --longest 0.5 >plan.txt || fail "one task"
    ranks 2 plan run.yaml --seconds 0.2 --set method.consolidate_every=1 --set stream.tasks=2 >plan.txt ||
        fail "with consolidation"
}

case_refusals() {
    describe 64
    refused 2 "an argument is missing" "$APD" plan
    refused 74 "missing.yaml" "$APD" plan missing.yaml
    refused 2 "--nodes" "$APD" plan run.yaml --nodes 0
    refused 2 "--density" "$APD" plan run.yaml --density 1.5
    refused 2 "--density" "$APD" plan run.yaml --density nan
    refused 2 "65536" "$APD" plan run.yaml --nodes 65536 --ranks-a-node 2
    refused 2 "training.batch" "$APD" plan run.yaml --ranks-a-node 151
    refused 2 "8 ranks planned for a run with 4 shards" "$APD" plan run.yaml --set shards=4 --ranks-a-node 8
    refused 2 "start plan on at most one rank a shard" ranks 2 plan run.yaml --set shards=1 --ranks-a-node 1
    refused 74 "nowhere" "$APD" plan run.yaml --seconds 0.2 --script nowhere/job.sh
    [ ! -e runs ] || fail "plan made a folder"
}

# The script is one that Slurm and the shell understand; played with a stand-in for Slurm it trains to the end, and
# requeues itself on exit status 75.
case_script() {
    describe 64
    ranks 1 plan run.yaml --set "name=it's" --seconds 0.2 --script job.sh >plan.txt || fail "plan"
    bash -n job.sh || fail "no shell script"
    if command -v shellcheck >/dev/null; then shellcheck job.sh || fail "shellcheck"; fi
    for option in nodes=1 ntasks=1 ntasks-per-node=1 time=00:10:00 signal=B:USR1@300 requeue; do
        grep -q "^#SBATCH --$option" job.sh || fail "no --$option in $(cat job.sh)"
    done
    mkdir bin
    printf '#!/bin/sh\necho "$@" >>%s/requeued\n' "$work" >bin/scontrol
    # shellcheck disable=SC2016 # the stand-in's own variables
    printf '#!/bin/sh\nshift\necho "$@" >%s/arguments\nexec sh -c "$PLAYED"\n' "$work" >bin/mpirun
    chmod +x bin/*
    local status=0
    PLAYED='exit 0' SLURM_JOB_ID=5 SLURM_JOB_NODELIST=n PATH=$work/bin:$PATH bash job.sh >out.txt || fail "$(cat out.txt)"
    [ "$(cat arguments)" = "train run.yaml --set name=it's" ] || fail "$(cat arguments)"
    [ ! -e requeued ] || fail "requeued after success"
    PLAYED='exit 65' SLURM_JOB_ID=5 SLURM_JOB_NODELIST=n PATH=$work/bin:$PATH bash job.sh >out.txt || status=$?
    [ "$status$(ls requeued 2>/dev/null)" = 65 ] || fail "exit status $status, not 65, or requeued"
    PLAYED='trap "exit 75" USR1; touch started; while :; do sleep 0.1; done' SLURM_JOB_ID=5 SLURM_JOB_NODELIST=n \
        PATH=$work/bin:$PATH bash job.sh >out.txt &
    local job=$!
    for _ in $(seq 100); do
        [ -e started ] && break
        sleep 0.1
    done
    kill -USR1 $job
    status=0
    wait $job || status=$?
    [ "$status" = 75 ] || fail "the signal: exit status $status, not 75: $(cat out.txt)"
    [ "$(cat requeued)" = "requeue 5" ] || fail "not requeued: $(cat out.txt)"
}

# check_json FILE RANKS: figures are there, finite, and add up
check_json() {
    "$APD_PYTHON" - "$1" "$2" <<'PYTHON'
import json, math, sys

found = json.load(open(sys.argv[1]))
ranks = int(sys.argv[2])
assert found["ranks"] == ranks, found["ranks"]
machine = found["machine"]
assert machine["sgemm_gflops_a_rank"] > 0.05 and machine["memory_gbytes_a_second_a_rank"] > 0.01, machine
assert (machine["message_us"] is None) == (ranks == 1), machine
for preset in found["presets"]:
    layers = preset["kernels"]["layers"]
    assert [layer["name"] for layer in layers] == ["dense1", "dense2", "head"], layers
    shapes = {"dense1": (784, 256), "dense2": (256, 256)}
    for layer in layers[:2]:
        rows, cols = shapes[layer["name"]]
        gflop = 2e-9 * rows * cols * preset["kernels"]["images"]
        assert abs(layer["forward"]["gflop"] - gflop) < 1e-6 * gflop, layer
        assert layer["backward"]["gflops"] > 0, layer
    # the stages' times make up a pass, however busy the machine is
    stages = sum(layer["forward"]["ms"] + layer["backward"]["ms"] for layer in layers)
    assert 0.05 < stages / preset["kernels"]["pass_ms"] < 20, (stages, preset["kernels"]["pass_ms"])
    for key in "gather", "update":
        assert preset["kernels"][key]["gbytes_a_second"] > 0, key
    assert (preset["kernels"]["reduction"]["gbytes_a_second"] is None) == (ranks == 1)
    for row in preset["steps"]:
        assert row["measured"] and row["steps"] >= 6, row
        assert abs(sum(row["phases_ms"].values()) - row["step_ms"]) < 1e-6 * row["step_ms"] + 1e-6, row
        assert all(math.isfinite(value) and value >= 0 for value in row["phases_ms"].values()), row
        assert 0.2 < row["step_ms"] / row["median_ms"] < 5, row
        if "commit" in row:
            first, second = row["first_commit"], row["commit"]
            assert first["seconds"] > 0 and second["seconds"] > 0, row
            sigma = 4 * preset["decomposed_weights"]
            assert first["bytes"] > sigma and second["bytes"] > sigma, row
            if row["earlier_tasks"] > 10: # the second writes sigma and a task, not all tasks
                assert second["bytes"] < 0.6 * first["bytes"], row
    model = preset["model"]
    assert abs(model["compute_ms"] + model["memory_ms"] + model["messages_ms"] - model["step_ms"]) < 1e-5, model
    for row in preset["prediction"]["ranks"]:
        assert ("strong" in row) == (row["ranks"] <= preset["batch"]), row
        assert row["weak"]["step_ms"] > 0, row
    one = preset["prediction"]["ranks"][0]
    assert one["ranks"] == 1 and one["strong"]["efficiency"] == 1 and one["strong"]["messages_ms"] == 0, one
print(len(found["presets"]), "presets")
PYTHON
}

nothing_left() {
    [ -z "$(find tmp -name 'apd-*')" ] || fail "files are left: $(find tmp)"
}

case_bench() {
    local solver
    ranks 2 bench --preset mlp,mlp --tasks 0,3,300 --seconds 0.1 --repeat 2 --commits --consolidation --json two.json \
        >out.txt || fail "bench: $(cat out.txt)"
    check_json two.json 2 | grep -qx '2 presets' || fail "two.json"
    "$APD_PYTHON" -c 'import json
for row in json.load(open("two.json"))["presets"][0]["steps"][1:]:
    assert row["consolidation_seconds"] > 0 and row["commit"]["plain_write_seconds"] > 0, row'
    grep -q 'PREDICTED, not measured' out.txt || fail "a prediction is not marked"
    ! grep -qiE '(^|[^a-z])(nan|inf)([^a-z]|$)' out.txt || fail "no numbers: $(cat out.txt)"
    ranks 1 bench --preset mlp --tasks 0 --seconds 0.1 --repeat 2 --json one.json >out.txt || fail "one rank"
    check_json one.json 1 >/dev/null || fail "one.json"
    for solver in "method.name=apd-joint method.lambda2=100" "method.name=stl" "method.name=l2t" "method.name=ewc" "method.name=packnet" "method.name=wsn" "method.name=apd-fixed"; do
        local set=()
        for key in $solver; do
            set+=(--set "$key")
        done
        ranks 2 bench --preset mlp --tasks 0,2 --seconds 0.1 --repeat 2 "${set[@]}" --json other.json >out.txt ||
            fail "$solver: $(cat out.txt)"
        check_json other.json 2 >/dev/null || fail "$solver"
    done
    APD_RANKS_A_NODE=1 ranks 2 bench --preset mlp --tasks 0 --seconds 0.1 --repeat 2 --weak >out.txt || fail "two nodes"
    local text
    for text in '2 ranks on 2 nodes' 'GB/s (measured)' 'batch 200, 2 shards'; do
        grep -qF "$text" out.txt || fail "no \"$text\": $(cat out.txt)"
    done
    ranks 3 bench --preset mlp --tasks 0 --seconds 0.1 --repeat 2 --scaling --set shards=4 --json scaling.json \
        --tables tables >out.txt || fail "scaling: $(cat out.txt)"
    "$APD_PYTHON" -c 'import json
rows = json.load(open("scaling.json"))["presets"][0]["scaling"]
assert [(r["ranks"], r["weak"], r["batch"]) for r in rows] == [
    (1, False, 100), (2, False, 100), (2, True, 200), (3, False, 100), (3, True, 300)], rows
for row in rows:
    assert row["shards"] == 4 and row["steps"] >= 4 and row["median_ms"] > 0 and row["efficiency"] > 0, row
    assert 0.1 < sum(row["phases_ms"].values()) / row["median_ms"] < 10, row
    assert row["least_ms"] <= row["median_ms"] <= row["most_ms"] and row["rounds"] == 2, row
    assert 0 < row["load_balance"] <= 1.001 and 0 < row["communication"] <= 1.001, row
    assert all(row["phases_ms"][p] <= row["phases_max_ms"][p] * 1.001 for p in row["phases_ms"]), row
assert all(row["efficiency_of_slower"] >= row["efficiency"] for row in rows), rows
assert len({row["digest"] for row in rows if not row["weak"]}) == 1, rows
assert rows[0]["digest"] not in {row["digest"] for row in rows if row["weak"]}, rows
assert rows[0]["efficiency"] == 1, rows[0]' || fail "scaling.json"
    "$APD_PYTHON" -c 'import csv, json
preset = json.load(open("scaling.json"))["presets"][0]
assert preset["digest"] == preset["scaling"][0]["digest"], preset["digest"]
layers = {layer["name"]: layer for layer in preset["kernels"]["layers"]}
images = preset["kernels"]["images"]
assert layers["dense1"]["forward"]["gflop_done"] == layers["dense1"]["forward"]["gflop"], layers
assert abs(layers["dense1"]["forward"]["mbytes"] - 4e-6 * (784 * 256 + images * (784 + 256))) < 1e-5, layers
assert abs(layers["dense2"]["backward"]["mbytes"] - 4e-6 * (2 * 256 * 256 + images * 3 * 256)) < 1e-5, layers
rows = list(csv.DictReader(open("tables/scaling.csv")))
assert [(r["kind"], r["source"], r["ranks"], r["repeats"]) for r in rows][:6] == [
    ("strong", "measured", p, "2") for p in "123"] + [("weak", "measured", p, "2") for p in "123"], rows
predicted = [r for r in rows if r["source"] == "predicted"]
assert predicted and all("one shard a rank" in r["assumptions"] and r["load_balance"] == "" for r in predicted), predicted
assert all(r["assumptions"] == "" for r in rows if r["source"] == "measured")
assert 4 <= len(list(csv.DictReader(open("tables/roofline.csv")))) <= 6 # times too short to be measured are left out
lines = [json.loads(line) for line in open("tables/scaling.jsonl")]
assert {line["callpath"].split("->")[0] for line in lines} == {"mlp", "mlp weak"}, lines[0]' || fail "--tables"
    grep -q 'PREDICTED, not measured' tables/scaling.md || fail "$(cat tables/scaling.md)"
    grep -q 'of a perfect speed-up' out.txt || fail "no table: $(cat out.txt)"
    nothing_left
}

case_bench_refusals() {
    refused 2 "--preset" "$APD" bench --preset alexnet
    refused 2 "--preset" "$APD" bench --preset ""
    refused 2 "ascending" "$APD" bench --tasks 10,0
    refused 2 "--tasks" "$APD" bench --tasks many
    refused 2 "--seconds" "$APD" bench --seconds 0
    refused 2 "training.bach" "$APD" bench --preset mlp --set training.bach=3
    refused 74 "nowhere" "$APD" bench --preset mlp --json nowhere/bench.json
    nothing_left
}

"case_${1:?a case}"
echo "passed: $1"
