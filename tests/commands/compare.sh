#!/usr/bin/env bash
# Orders and seeds side by side: tests/commands/compare.sh CASE, with APD naming the program. Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# refused_silently CODE TEXT COMMAND...: refused, and nothing on stdout
refused_silently() {
    refused "$@"
    [ ! -s out.txt ] || fail "a table nevertheless: $(cat out.txt)"
}

# A small run of four tasks that forgets: old tasks may drift.
describe_drift() {
    "$APD" generate --classes 12 --train 24 --test 20 --size 16 --output glyphs.h5 >/dev/null
    cat >run.yaml <<YAML
shards: 1
data: {file: glyphs.h5}
stream: {kind: split, tasks: 4, classes_per_task: 3}
network: {preset: mlp, widths: [24]}
method: {name: apd-joint, lambda1: 2e-3, lambda2: 1e-3}
training: {epochs: 4, batch: 18, lr: 1e-2}
YAML
}

# train FOLDER KEY=VALUE...
train() {
    local output=$1 settings=()
    shift
    for setting in "$@"; do settings+=(--set "$setting"); done
    mpirun -n 1 "$APD" train run.yaml --set "output=$work/$output" \
        "${settings[@]}" >train.txt 2>&1 || fail "$output: $(cat train.txt)"
}

# One order in two seeds, another in two, a third (by its seed) in one: all figures against another program's
# that reads accuracy.csv, and capacities against those of inspect.
case_figures() {
    describe_drift
    train a0 seed=1
    train a1 seed=2
    train b0 seed=1 'stream.order=[2, 0, 3, 1]'
    train b1 seed=2 'stream.order=[2, 0, 3, 1]'
    train c0 seed=7 'stream.order=seed 3'
    for run in a0 a1 b0 b1 c0; do "$APD" inspect "$run" >"$run.inspect"; done
    "$APD" compare b1 a0 c0 a1 b0/checkpoint.h5 --csv table.csv >table.txt || fail "compare"
    "$APD_PYTHON" "$repository/tests/commands/check_compare.py" table.txt table.csv 2 0 3 1
    "$APD" compare a0 >one.txt
    grep -q 'AOPD and MOPD need runs in at least two orders; these have one order, 1 seed each' one.txt ||
        fail "one run: $(cat one.txt)"
    "$APD" compare a0 b1 | grep -q 'over 4 tasks, 2 orders, 1 seed each' || fail "two runs"
    refused_silently 74 "nowhere" "$APD" compare a0 no-such-run/nowhere
    ! "$APD" compare a0 b1 --csv no-such-folder/table.csv >/dev/null 2>err.txt || fail "a CSV in no folder"
    grep -q no-such-folder err.txt || fail "$(cat err.txt)"
}

# One network a task: no sigma, no masks. A task's network does not depend on its place, so that only another
# seed makes a difference.
case_single() {
    describe_drift
    train s0 method.name=stl
    train s1 method.name=stl seed=1 'stream.order=[3, 2, 1, 0]'
    for run in s0 s1; do "$APD" inspect "$run" >"$run.inspect"; done
    "$APD" compare s0 s1 --csv table.csv >table.txt
    "$APD_PYTHON" "$repository/tests/commands/check_compare.py" table.txt table.csv 3 2 1 0
    grep -q '^run,A,"s0",0,,,capacity_weights,4$' table.csv || fail "$(cat table.csv)"
}

case_refusals() {
    describe_drift
    train run seed=1
    train lr seed=2 training.lr=0.02
    train layers seed=2 'network.widths=[24, 8]'
    train split seed=2 stream.tasks=3
    refused_silently 2 "lr: training.lr is 0.02, and in run it is 0.01" "$APD" compare run lr
    refused_silently 2 "network.widths is [24, 8], and in run it is [24]" "$APD" compare run layers
    refused_silently 2 "stream.tasks is 3, and in run it is 4" "$APD" compare run split
    "$APD" generate --classes 12 --train 24 --test 20 --size 16 --seed 2 --output glyphs.h5 >/dev/null
    train data seed=2
    refused_silently 2 "data: data.file is" "$APD" compare run data
    refused_silently 2 "same order with the same seed 1" "$APD" compare run data/../run
    refused_silently 2 "an argument is missing" "$APD" compare
    head -c 3000 run/checkpoint.h5 >cut.h5
    refused_silently 65 "cut.h5" "$APD" compare run cut.h5
}

# Runs that differ in methods, orders and seeds as a study's tables; the same without the checkpoints, and at any P.
case_tables() {
    describe_drift
    sed -i 's/shards: 1/shards: 2/; s/widths: .24./widths: [24, 16]/' run.yaml
    train a0 method.name=apd method.consolidate_every=2 method.beta=0.05
    train a1 method.name=apd method.consolidate_every=2 method.beta=0.05 'stream.order=[2, 0, 3, 1]'
    train s0 method.name=stl
    train f0 method.name=finetune
    for run in a0 a1 s0 f0; do "$APD_PYTHON" "$repository/tests/commands/check_capacity.py" "$run"; done
    "$APD" compare a0 a1 s0 f0 --tables tables || fail "tables"
    for file in results.csv tasks.csv summary.csv paired.csv tables.md tables.tex; do
        [ -s "tables/$file" ] || fail "no $file"
    done
    grep -q '^"a1","apd","\[2, 0, 3, 1\]",0,' tables/results.csv || fail "$(cat tables/results.csv)"
    grep -q '^1,"apd",.*,4,4,2,2,1,1,' tables/summary.csv || fail "$(cat tables/summary.csv)"
    rm -r a0/segments a0/checkpoint* s0/segments s0/checkpoint*
    "$APD" compare a0 a1 s0 f0 --tables without
    diff -r tables without || fail "the tables need a checkpoint"
    "$APD" compare a0 a1 | grep -q 'over 4 tasks, 2 orders, 1 seed each' || fail "no comparison without a checkpoint"
    mpirun -n 2 "$APD" train run.yaml --set "output=$work/p2" --set method.name=apd --set method.consolidate_every=2 \
        --set method.beta=0.05 >train.txt 2>&1 || fail "$(cat train.txt)"
    for key in capacity capacity_with_heads capacity_bytes capacity_coded; do
        [ "$(grep "\"$key\"" a0/manifest.json)" = "$(grep "\"$key\"" p2/manifest.json)" ] || fail "$key at 2 ranks"
    done
    refused_silently 2 "no-run has no run.yaml" "$APD" compare a0 no-run --tables tables
    head -c 60 a1/accuracy.csv >cut.csv && mv cut.csv a1/accuracy.csv
    refused_silently 65 "a1/accuracy.csv: line" "$APD" compare a0 a1 --tables damaged
    refused_silently 65 "a1/accuracy.csv: line" "$APD" compare a0 a1
}

# Going on with a run whose description has changed says in what.
case_resume_names_the_key() {
    describe_drift
    train run seed=1
    refused_silently 2 "another description: training.lr is 0.02 now and was 0.01" \
        "$APD" train run.yaml --set "output=$work/run" --set seed=1 --set training.lr=0.02
    refused_silently 2 "another description: seed is 3 now and was 1" \
        "$APD" train run.yaml --set "output=$work/run" --set seed=3
}

"case_${1:?a case}"
echo "passed: $1"
