#!/usr/bin/env bash
# Studies: tests/study/study.sh CASE, with APD naming the program. ctest runs each case as a test.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# prepare [EPOCHS]: data, base.yaml, and s.yaml with four runs
prepare() {
    make_data
    describe base
    sed -i "s/epochs: 4,/epochs: ${1-4},/" base.yaml
    cat >s.yaml <<'YAML'
name: s
base: base.yaml
matrix:
  seed: [0, 1]
  stream.order: [A, "seed 3"]
YAML
}

# study COMMAND...: run apd study s.yaml by the command; its output goes to log.txt, its exit status to $status
study() {
    status=0
    "$@" >log.txt 2>&1 || status=$?
}

expect() {
    [ "$status" = "$1" ] || fail "exit status $status, not $1: $(cat log.txt)"
}

# alone: train the runs of studies/s one by one by apd train, in alone/RUN
alone() {
    local run
    for run in studies/s/*/; do
        run=$(basename "$run")
        "$APD" train "studies/s/$run/run.yaml" --set "output=$work/alone/$run" >"alone.txt" 2>&1 || fail "$(cat alone.txt)"
    done
}

# same_as_alone: every run of studies/s has the bits of the one in alone/
same_as_alone() {
    local run
    for run in alone/*/; do
        same_run "$run" "studies/s/$(basename "$run")"
    done
}

case_expansion() {
    "$APD_PYTHON" "$repository/tests/study/expand.py" "$APD" --count 60
}

case_groups() {
    prepare
    study ranks 2 study s.yaml --ranks-a-run 2
    expect 0
    [ "$(find studies/s -name checkpoint.h5 | wc -l)" = 4 ] || fail "not four runs: $(ls studies/s)"
    alone
    same_as_alone
    local count size
    for count in 1 2 4; do
        for size in 1 2; do
            [ "$size" -le "$count" ] || continue
            rm -r studies
            study ranks "$count" study s.yaml --ranks-a-run "$size"
            expect 0
            same_as_alone
            grep -q "$((count / size)) runs\\? at a time on $size rank" log.txt || fail "$(cat log.txt)"
        done
    done
    [ "$(find studies -name train.log -size +0 | wc -l)" = 4 ] || fail "no logs"
    study ranks 1 study s.yaml
    expect 0
    ! grep -q begins log.txt || fail "a finished run began again: $(cat log.txt)"
    "$APD" status studies/s >out.txt
    [ "$(grep -c '^done  *4/4 ' out.txt)" = 4 ] || fail "$(cat out.txt)"
}

# A study may grow; what finished runs rest on may not change.
case_growth() {
    prepare
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 0
    sed -i 's/seed: \[0, 1\]/seed: [0, 1, 2]/' s.yaml
    echo '  method.recentre: [count, none]' >>s.yaml
    study ranks 4 study s.yaml --ranks-a-run 2
    expect 0
    [ "$(grep -c "^begins" log.txt)" = 8 ] || fail "not eight new runs: $(cat log.txt)"
    grep -q '^  "shards": 4' studies/s/study.json || fail "$(cat studies/s/study.json)"
    sed -i 's/0, 1, 2\]/0, 1]/' s.yaml
    refused 2 's.yaml: seed is 0 now and was 2 in studies/s/seed=2,' "$APD" study s.yaml
    sed -i 's/0, 1\]/0, 1, 2]/' s.yaml
    sed -i 's/lr: 3e-3/lr: 4e-3/' base.yaml
    refused 2 's.yaml: training.lr is 0.004 now and was 0.003 in studies/s/' "$APD" study s.yaml
    sed -i 's/lr: 4e-3/lr: 3e-3/' base.yaml
    echo 'shards: 2' >>s.yaml
    refused 2 's.yaml: shards is 2 now and was 4 when the study started in studies/s' "$APD" study s.yaml
}

case_refusals() {
    prepare
    refused 2 '--vary sed=0,1: sed is not a key (did you mean seed?)' "$APD" study base.yaml --vary sed=0,1
    refused 2 'seed: a comma is followed by a space; write seed=VALUE,VALUE without spaces' "$APD" study base.yaml --vary 'seed=0, 1'
    refused 2 'seed: a comma is followed by nothing' "$APD" study base.yaml --vary seed=0,
    refused 2 '--vary seed=0,x: seed is "x"; a whole number' "$APD" study base.yaml --vary seed=0,x
    refused 2 'base.yaml: runs 1 (seed=0) and 2 (seed=0) are the same' "$APD" study base.yaml --vary seed=0,0
    refused 2 'name cannot vary' "$APD" study base.yaml --vary name=a,b
    printf 'base: base.yaml\nmatrx: {seed: [0]}\n' >bad.yaml
    refused 2 'bad.yaml:2: matrx is not a key of a study' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix:\n  method.lambda3: [0]\n' >bad.yaml
    refused 2 'bad.yaml:3: method.lambda3 is not a key (did you mean method.lambda' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0, -1]}\n' >bad.yaml
    refused 2 'bad.yaml:2: seed is "-1"' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix: {method: [0]}\n' >bad.yaml
    refused 2 'bad.yaml:2: method is a section' "$APD" study bad.yaml
    printf 'base: base.yaml\nzip:\n  seed: [0, 1]\n  stream.order: [A]\n' >bad.yaml
    refused 2 'bad.yaml:4: zip: stream.order has 1 values and seed has 2; lists of one length are needed' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0]}\nzip: {seed: [1]}\n' >bad.yaml
    refused 2 'bad.yaml:3: seed varies twice' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0]}\nexclude: [{stream.order: A}]\n' >bad.yaml
    refused 2 'bad.yaml:3: exclude: stream.order varies neither in matrix nor in zip' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0]}\nexclude: [{seed: 0}]\n' >bad.yaml
    refused 2 'bad.yaml: there is no run left' "$APD" study bad.yaml
    printf 'matrix: {seed: [0]}\n' >bad.yaml
    refused 2 'bad.yaml: base is missing' "$APD" study bad.yaml
    printf 'base: none.yaml\nmatrix: {seed: [0]}\n' >bad.yaml
    refused 2 'bad.yaml:1: base: there is no file none.yaml' "$APD" study bad.yaml
    printf 'base: base.yaml\nkeep: some\nmatrix: {seed: [0]}\n' >bad.yaml
    refused 2 'bad.yaml:2: keep is none of all, last and results' "$APD" study bad.yaml
    printf 'base:\n  data: {file: glyphs.h5}\n  seeed: 1\nmatrix: {seed: [0]}\n' >bad.yaml
    refused 2 'bad.yaml:3: seeed is not a key (did you mean seed?)' "$APD" study bad.yaml
    printf 'base: base.yaml\nmatrix:\n  training.batch:\n    - 14\n    - 2\n' >bad.yaml
    refused 2 'bad.yaml:5: training.batch' "$APD" study bad.yaml
    grep -q '(run batch=2)' err.txt || fail "$(cat err.txt)"
    refused 2 '--ranks-a-run 2: 3 ranks cannot be cut into groups of 2' ranks 3 study s.yaml --ranks-a-run 2
    refused 2 's.yaml: 6 ranks a run, but the study has 4 shards' ranks 6 study s.yaml
    refused 2 'with a launcher (mpirun -n 2) apd study itself is one process' ranks 2 study s.yaml --launcher 'mpirun -n 2'
    refused 74 'none: there is no such folder' "$APD" status none
    mkdir odd
    printf '{"state": "stopped", "host": "h", "message": "\033[2Jgone"}' >odd/status.json
    "$APD" status odd >out.txt
    grep -qF 'stopped  ' out.txt || fail "$(cat -v out.txt)"
    grep -qF '?[2Jgone' out.txt || fail "$(cat -v out.txt)"
    [ ! -e studies ] || fail "a refused study made a folder"
}

# Killed again and again in the middle of runs, a study ends with the results of an undisturbed one.
case_kills() {
    prepare 150
    [ -z "${APD_SANITIZED-}" ] || sed -i 's/epochs: 150/epochs: 30/' base.yaml
    sed -i '$a checkpoint: {minutes: 0.005}' base.yaml
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 0
    mv studies peace
    local try kills=0
    for try in 1 2 3 4 5 6; do
        mpirun -n 2 "$APD" study s.yaml --ranks-a-run 1 --retry >log.txt 2>&1 &
        job=$!
        wait_for begins log.txt
        sleep "0.$((try * 3 % 10))"
        ! pkill -KILL -P "$job" -x apd || kills=$((kills + 1))
        wait "$job" || true
    done
    [ "$kills" -ge 3 ] || fail "only $kills kills"
    study ranks 2 study s.yaml --ranks-a-run 2 --retry
    expect 0
    local run
    for run in peace/s/*/; do
        same_run "$run" "studies/s/$(basename "$run")"
    done
}

# Signals and time limits as in apd train.
case_signals() {
    prepare 3000
    mpirun -n 2 "$APD" study s.yaml --ranks-a-run 1 >log.txt 2>&1 &
    job=$!
    for _ in $(seq 600); do
        [ "$("$APD" status studies/s 2>/dev/null | grep -c '^running .*task 1, epoch ')" != 2 ] || break
        sleep 0.05
    done
    "$APD" status studies/s >out.txt || true
    [ "$(grep -c '^running .*task [0-9], epoch [0-9]* on' out.txt)" = 2 ] || fail "$(cat out.txt) $(cat log.txt)"
    [ "$(grep -c '^waiting ' out.txt)" = 2 ] || fail "$(cat out.txt)"
    "$APD" status studies/s --json | "$APD_PYTHON" -c 'import json, sys; assert len(json.load(sys.stdin)) == 4'
    kill -USR1 "$job"
    ended 75
    "$APD" status studies/s >out.txt
    [ "$(grep -c '^stopped .*SIGUSR1' out.txt)" = 2 ] || fail "$(cat out.txt)"
    status=0
    ranks 2 study s.yaml --ranks-a-run 2 --time-limit 0:12 >log.txt 2>&1 || status=$?
    expect 75
    "$APD" status studies/s | grep -q '^stopped .*time limit' || fail "$("$APD" status studies/s)"
    rm log.txt # what it says of the study before is no sign that this one has begun
    mpirun -n 2 "$APD" study s.yaml --ranks-a-run 1 >log.txt 2>&1 &
    job=$!
    wait_for begins log.txt
    sleep 0.5
    touch studies/s/stop
    ended 75
    "$APD" status studies/s | grep -q '^stopped .*the file stop' || fail "$("$APD" status studies/s)"
}

# A run that fails by a status goes alone.
case_failure() {
    prepare
    cat >s.yaml <<'YAML'
name: s
base: base.yaml
matrix:
  data.file: [broken.h5, glyphs.h5]
  seed: [0, 1]
YAML
    refused 2 's.yaml: runs 1 (file=broken.h5,seed=0) and 3 (file=glyphs.h5,seed=0) are the same' "$APD" study s.yaml
    sed -i 's/data.file: .*/stream.tasks: [40, 4]/' s.yaml
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 1
    [ "$(grep -c '^  tasks=40,seed=.-.*: stream.tasks' log.txt)" = 2 ] || fail "$(cat log.txt)"
    grep -q '^s: 2 of 4 runs done, 2 failed, 0 to be continued' log.txt || fail "$(cat log.txt)"
    [ "$("$APD" status studies/s | grep -c '^failed .*stream.tasks')" = 2 ] || fail "$("$APD" status studies/s)"
    study ranks 2 study s.yaml
    expect 1
    ! grep -q begins log.txt || fail "$(cat log.txt)"
    study ranks 2 study s.yaml --retry
    expect 1
    [ "$(grep -c "^begins" log.txt)" = 2 ] || fail "$(cat log.txt)"
    rm -r studies
    study ranks 1 study s.yaml --fail-fast
    expect 75
    [ "$(grep -c "^begins" log.txt)" = 1 ] || fail "$(cat log.txt)"
    sed -i 's/epochs: 4,/epochs: 3000,/' base.yaml
    rm -r studies
    study ranks 2 study s.yaml --ranks-a-run 1 --fail-fast
    expect 75
}

# A run that twice brings the job down is set apart; the others go on.
case_apart() {
    prepare
    [ -z "${APD_SANITIZED-}" ] || exit 77
    sed -i 's/seed: \[0, 1\]/seed: [0, 1]/; /stream.order/d' s.yaml
    local try
    for try in 1 2; do
        status=0
        APD_FAULT=kill=evaluation:1 ranks 1 study s.yaml >log.txt 2>&1 || status=$?
        [ "$status" != 0 ] || fail "try $try: $(cat log.txt)"
    done
    "$APD" status studies/s >out.txt
    grep -q '^set apart .* seed=0' out.txt || fail "$(cat out.txt)"
    study ranks 1 study s.yaml
    expect 1
    grep -q '^  seed=0-.*: brought the job down twice' log.txt || fail "$(cat log.txt)"
    study ranks 1 study s.yaml --retry
    expect 0
}

case_keep() {
    prepare
    study ranks 2 study s.yaml --ranks-a-run 1
    mv studies all
    echo 'keep: last' >>s.yaml
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 0
    local run
    for run in all/s/*/; do
        same_run "$run" "studies/s/$(basename "$run")"
    done
    [ -z "$(find studies -name checkpoint.previous.h5)" ] || fail "$(find studies)"
    "$APD" verify studies/s/seed=0,order=A-* | grep -q 'every digest is right' || fail "verify"
    [ "$(du -s studies | cut -f1)" -lt "$(du -s all | cut -f1)" ] || fail "nothing was deleted"
    rm -r studies
    sed -i 's/keep: last/keep: results/' s.yaml
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 0
    [ -z "$(find studies -name '*.h5')" ] || fail "$(find studies)"
    for run in all/s/*/; do
        diff "$run/accuracy.csv" "studies/s/$(basename "$run")/accuracy.csv" || fail "$run"
    done
    study ranks 2 study s.yaml
    expect 0
    ! grep -q begins log.txt || fail "$(cat log.txt)"
}

# Processes of their own: what kills one leaves the others alone.
case_launcher() {
    prepare
    study ranks 2 study s.yaml --ranks-a-run 2
    mv studies all
    study "$APD" study s.yaml --launcher 'mpirun -n 2' --at-once 2
    expect 0
    local run
    for run in all/s/*/; do
        same_run "$run" "studies/s/$(basename "$run")"
    done
    rm -r studies
    echo 'keep: results' >>s.yaml
    study "$APD" study s.yaml --launcher 'mpirun -n 2' --at-once 2
    expect 0
    [ -z "$(find studies -name '*.h5')" ] || fail "$(find studies)"
    rm -r studies
    [ -z "${APD_SANITIZED-}" ] || return 0
    for _ in 1 2; do
        study env APD_FAULT=kill=evaluation:1 "$APD" study s.yaml --launcher 'mpirun -n 1'
    done
    expect 1
    [ "$("$APD" status studies/s | grep -c '^set apart')" = 4 ] || fail "$("$APD" status studies/s)"
}

# Runs of other sizes one at a time, in turns, with equal results; repeats; runs of other shards; what is refused.
case_ranks() {
    prepare
    cat >r.yaml <<'YAML'
base: base.yaml
shards: 4
matrix:
  repeat: [1, 2]
  ranks: [1, 3]
YAML
    "$APD" study r.yaml --dry-run --seconds 0.1 >out.txt || fail "$(cat out.txt)"
    grep -q '4 runs with 4 shards: .* one run at a time, on up to 3 ranks' out.txt || fail "$(cat out.txt)"
    study ranks 4 study r.yaml
    expect 0
    grep -q 'apd: the same results, to the bit, on 1 to 3 ranks' log.txt || fail "$(cat log.txt)"
    [ "$(sed -n 's/^begins *repeat=\(.\),ranks=\(.\)-.*/\1\2/p' log.txt | tr '\n' ' ')" = "11 13 21 23 " ] || fail "$(cat log.txt)"
    local run count
    for run in studies/r/repeat=*; do
        count=${run#*ranks=}
        grep -q "^  \"ranks\": ${count%%-*}," "$run/manifest.json" || fail "$run: $(cat "$run/manifest.json")"
    done
    [ "$(cut -d, -f2-5,8-10 studies/r/scaling.csv | tail -n 2 | tr '\n' ' ')" = \
        "strong,measured,1,1,14,4,2 strong,measured,1,3,14,4,2 " ] || fail "$(cat studies/r/scaling.csv)"
    study ranks 2 study r.yaml # all is done: three ranks are not missed, but the study is refused
    expect 2
    grep -q 'a run is to have 3 ranks, and there are fewer' log.txt || fail "$(cat log.txt)"
    # grown by an axis: the runs keep their folders; smaller: refused
    sed -i 's/ranks: .*/ranks: [1, 2, 3]/; s/^matrix:/matrix:\n  seed: [5]/' r.yaml
    study "$APD" study r.yaml --launcher 'mpirun -n {ranks}'
    expect 0
    [ "$(grep -c '^begins' log.txt)" = 2 ] || fail "$(cat log.txt)"
    [ "$(grep -c '^begins .*seed=5,repeat=.,ranks=2' log.txt)" = 2 ] || fail "$(cat log.txt)"
    refused 2 'no run of the study names the ranks or the repeat of studies/r/' "$APD" study r.yaml --vary ranks=1,3 --gather
    "$APD" study r.yaml --slurm scripts >out.txt || fail "$(cat out.txt)"
    grep -q '^#SBATCH --ntasks=3$' scripts/array.sbatch || fail "$(cat scripts/array.sbatch)"
    refused 2 'has to have {ranks} if runs name their ranks' "$APD" study r.yaml --launcher 'mpirun -n 2'
    refused 2 '--ranks-a-run 1: the runs of r.yaml name their ranks' ranks 4 study r.yaml --ranks-a-run 1
    refused 2 'ranks: 0 is no whole number from 1 to 65536' "$APD" study r.yaml --vary ranks=0,1
    refused 2 '5 ranks a run, but the study has 4 shards' "$APD" study r.yaml --vary ranks=5 --dry-run
    refused 2 '3 ranks, but 2 shards: use at most as many ranks (run ' "$APD" study r.yaml --vary ranks=3 --vary shards=2 \
        --dry-run --seconds 0
    # other results are noticed, and the tables are there all the same
    rm studies/r/scaling.md
    sed -i 's/"results_digest": "./&0/' studies/r/*repeat=2,ranks=3*/manifest.json
    refused 1 'the results of seed=5 differ between ranks or repeats' "$APD" study r.yaml --gather
    grep -q 'THE RESULTS DIFFER' studies/r/scaling.md || fail "$(cat studies/r/scaling.md)"
    # weak scaling: shards and batch with the ranks
    cat >w.yaml <<'YAML'
base: base.yaml
zip:
  ranks: [1, 2]
  shards: [1, 2]
  training.batch: [7, 14]
YAML
    study ranks 2 study w.yaml
    expect 0
    [ "$(cut -d, -f2,5,7,8 studies/w/scaling.csv | tail -n 2 | tr '\n' ' ')" = "weak,1,1,7 weak,2,2,14 " ] ||
        fail "$(cat studies/w/scaling.csv)"
}

case_slurm() {
    prepare
    "$APD" study s.yaml --slurm scripts --ranks-a-run 2 --at-once 3 --set data.validation=0.1 >out.txt || fail "slurm"
    grep -qF "jid=\$(sbatch --parsable --array=1-4%3 scripts/array.sbatch) &&" out.txt || fail "$(cat out.txt)"
    grep -qF "sbatch --dependency=afterany:\${jid%%;*} scripts/gather.sbatch" out.txt || fail "$(cat out.txt)"
    grep -qx '#SBATCH --ntasks=2' scripts/array.sbatch || fail "an element has other ranks than a run"
    bash -n scripts/array.sbatch
    bash -n scripts/gather.sbatch
    grep -qF -- "set -- s.yaml --set data.validation=0.1 --ranks-a-run 2" scripts/array.sbatch || fail "$(cat scripts/array.sbatch)"
    grep -q '^#SBATCH --signal=B:USR1@' scripts/array.sbatch || fail "no signal"
    grep -q '^  "shards": 4' studies/s/study.json || fail "shards are not fixed"
    ! bash scripts/array.sbatch 2>err.txt || fail "it ran outside of Slurm"
    grep -q 'this is no Slurm job' err.txt || fail "$(cat err.txt)"
    # on no cluster: an element and the gathering job as Slurm would start them
    SLURM_JOB_ID=7 SLURM_ARRAY_JOB_ID=6 SLURM_ARRAY_TASK_ID=1 SLURM_JOB_END_TIME=$(($(date +%s) + 3600)) \
        APD_LAUNCH='mpirun -n 2' bash scripts/array.sbatch >log.txt 2>&1 || fail "$(cat log.txt)"
    SLURM_JOB_ID=8 bash scripts/gather.sbatch >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q '^s: 4 of 4 runs done' log.txt || fail "$(cat log.txt)"
}

# On a terminal of 60 columns and 8 lines: a table below the log, redrawn in place, that fits; in a log: lines alone.
case_screen() {
    command -v script >/dev/null || { echo "skipped: script is not installed"; exit 77; }
    prepare 300
    local escape=$'\x1b'
    script -qec "stty cols 60 rows 8; mpirun -n 2 '$APD' study s.yaml --ranks-a-run 1" raw.txt </dev/null >/dev/null ||
        fail "$(cat -v raw.txt)"
    sed '1d; s/\r//g' raw.txt >drawn.txt
    # before each table the screen is wiped from the cursor on, and behind it the cursor goes back to its first line
    grep -q "$escape\\[Jstate  *tasks" drawn.txt || fail "no table: $(cat -v raw.txt)"
    grep -q "^$escape\\[[2-5]A" drawn.txt || fail "it is not redrawn in place: $(cat -v raw.txt)"
    awk '/state  *tasks/ { table = 1 } table && /^running|^and/ { rows++ } / runs: / { table = 0; if (rows > 5) bad = 1; rows = 0 }
         table { line = $0; gsub(/\033\[[0-9]*[A-Z]/, "", line); if (length(line) > 59) bad = 1 } END { exit bad }' drawn.txt ||
        fail "a table is larger than the terminal: $(cat -v raw.txt)"
    [ "$(grep -c "$escape\\[Jdone  *[1-4] of 4  seed=" drawn.txt)" = 4 ] || fail "lines that wipe no table: $(cat -v raw.txt)"
    study ranks 2 study s.yaml --ranks-a-run 1
    expect 0
    ! grep -q "$escape" log.txt || fail "a log with a terminal's commands"
}

case_forecast() {
    prepare
    study ranks 2 study s.yaml --ranks-a-run 1 --dry-run --seconds 0.2
    expect 0
    [ "$(grep -c '^waiting  *[0-9]* ' log.txt)" = 4 ] || fail "$(cat log.txt)"
    grep -q 'hours are left on 1 rank a run, .* with 2 at a time' log.txt || fail "$(cat log.txt)"
    [ ! -e studies ] || fail "--dry-run made a folder"
}

# The ready studies expand, and their bases can be found.
case_ready() {
    local file
    for file in "$repository"/jobs/studies/*.yaml; do
        "$APD" study "$file" --dry-run --seconds 0 >out.txt 2>&1 || fail "$file: $(cat out.txt)"
        [ "$(grep -c '^waiting' out.txt)" -ge 2 ] || fail "$file: $(cat out.txt)"
        grep -qE '^#   costs  about [0-9]+ (hours|minutes)' "$file" || fail "$file does not say what it costs"
        grep -qF "$(basename "$file")" "$repository/docs/studies.md" || fail "docs/studies.md does not name $file"
    done
}

# The scaling studies as they are shipped, but for fewer and smaller points of smaller data.
case_scaling_ready() {
    make_data
    mkdir -p jobs/studies
    cp "$repository"/jobs/*.yaml jobs
    local kind
    for kind in strong weak tasks; do
        sed -E 's/^  (ranks|shards|training.batch|training.epochs|stream.tasks|method.consolidate_every): \[([0-9]+, [0-9]+),.*/  \1: [\2]/
                s/repeat: \[1,.*/repeat: [1]/' "$repository/jobs/studies/$kind-scaling.yaml" >"jobs/studies/$kind-scaling.yaml"
    done
    local small=(--set data.file=glyphs.h5)
    study ranks 2 study jobs/studies/strong-scaling.yaml --vary ranks=1,2 --vary shards=2 "${small[@]}" \
        --set stream.classes_per_task=3 --set training.batch=14 --set training.epochs=1 --set method.polish_epochs=0
    expect 0
    grep -q 'the same results, to the bit, on 1 to 2 ranks' log.txt || fail "$(cat log.txt)"
    study ranks 2 study jobs/studies/weak-scaling.yaml "${small[@]}"
    expect 0
    study ranks 2 study jobs/studies/tasks-scaling.yaml "${small[@]}" --set data.validation=0.2
    expect 0
    [ "$(cut -d, -f2,5,9 studies/tasks-scaling/scaling.csv | tail -n 2 | tr '\n' ' ')" = "tasks,2,10 tasks,2,25 " ] ||
        fail "$(cat studies/tasks-scaling/scaling.csv)"
    [ "$(wc -l <studies/weak-scaling/scaling.csv)" = 3 ] || fail "$(cat studies/weak-scaling/scaling.csv)"
    grep -q 's/consolidation' studies/tasks-scaling/scaling.md || fail "$(cat studies/tasks-scaling/scaling.md)"
}

"case_$1"
