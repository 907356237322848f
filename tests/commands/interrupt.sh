#!/usr/bin/env bash
# Runs that are stopped, changed and damaged: tests/commands/interrupt.sh CASE, with APD naming the program. ctest runs
# each case as a test. Kills are in tests/commands/kills.py.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# prepare EPOCHS [METHOD KEY]: data, run.yaml with tasks of so many epochs (a fifth of many under the sanitizers, which
# take longer), and an undisturbed run's fingerprint
prepare() {
    epochs=$1
    [ -z "${APD_SANITIZED-}" ] || [ "$epochs" -lt 20 ] || epochs=$((epochs / 5))
    make_data
    describe run
    sed -i "s/epochs: 4,/epochs: $epochs,/; s/polish_epochs: 1/polish_epochs: 1, consolidate_every: 2, beta: 0.05${2:+, $2}/" run.yaml
    ranks 2 train run.yaml --set "output=$work/peace" >peace.txt 2>&1 || fail "$(cat peace.txt)"
    fingerprint peace >undisturbed
}

# same_end: the folder run has the undisturbed run's bits
same_end() {
    fingerprint run | diff - undisturbed >difference || fail "another end: $(head -20 difference)"
}

# A signal to mpirun reaches every rank; the run resumes on another number of ranks.
case_signals() {
    prepare 300
    : >log.txt
    in_background 3
    wait_for '"task": *1, "epoch": *[2-9]' run/metrics.jsonl
    kill -USR2 "$job"
    wait_for '"reason": *"SIGUSR2"' run/metrics.jsonl
    kill -0 "$job" || fail "SIGUSR2 ended the job"
    kill -USR1 "$job"
    ended 75
    grep -q '^apd train: stopped (SIGUSR1) after commit .* the same command resumes the run' log.txt || fail "$(cat log.txt)"
    "$APD" inspect run >out.txt 2>&1 || fail "$(cat out.txt)"
    grep -q 'is in training: epoch' out.txt || fail "inspect: $(cat out.txt)"
    "$APD" verify run | grep -q 'every digest is right' || fail "verify"
    ranks 2 evaluate run >out.txt 2>&1 || fail "evaluate: $(cat out.txt)"
    : >log.txt
    in_background 1
    wait_for 'resuming from commit .* is in epoch' log.txt
    sleep 0.5
    kill -TERM "$(pgrep -P "$job" -x apd)"
    ended 75
    ranks 4 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    same_end
}

# With this high a rate an early epoch is the best, so its snapshot is the task's end: the snapshot and its accuracy must
# survive the stop.
case_kept_copy() {
    local epochs=200
    [ -z "${APD_SANITIZED-}" ] || epochs=60
    make_data
    describe run
    sed -i "s/epochs: 4,/epochs: $epochs,/; s/keep_best: 2/keep_best: $epochs/; s/lr: 3e-3/lr: 0.3/; s/tasks: 4/tasks: 2/" run.yaml
    ranks 2 train run.yaml --set "output=$work/peace" >peace.txt 2>&1 || fail "$(cat peace.txt)"
    fingerprint peace >undisturbed
    : >log.txt
    in_background 3
    wait_for '"task": *[0-9]*, "epoch": *[2-9][0-9]' run/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'resuming from commit .* is in epoch' log.txt || fail "not in the middle of a task: $(cat log.txt)"
    same_end
}

# The file stop ends a run and is renamed to stopped, which the next start removes.
case_stop_file() {
    prepare 300
    : >log.txt
    in_background 2
    wait_for '"event": *"step"' run/metrics.jsonl
    touch run/stop
    ended 75
    grep -q 'stopped (the file stop)' log.txt || fail "$(cat log.txt)"
    if [ ! -e run/stopped ] || [ -e run/stop ]; then fail "$(ls run)"; fi
    ranks 3 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    [ ! -e run/stopped ] || fail "stopped is still there"
    same_end
}

# A run commits and stops before its time limit; started again and again it gets to its end.
case_time_limit() {
    local began=$SECONDS starts=0 status=75 limit
    prepare 300
    limit=$(((SECONDS - began) / 2)) # less than the run takes; at least half of a limit is worked
    [ "$limit" -ge 2 ] || limit=2
    while [ "$status" = 75 ]; do
        status=0
        timeout 200 mpirun -n 2 "$APD" train run.yaml --time-limit "0:$limit" >log.txt 2>&1 ||
            status=$?
        starts=$((starts + 1))
        [ "$starts" -lt 60 ] || fail "sixty starts"
        [ "$status" != 75 ] || grep -q 'stopped (the time limit in' log.txt || fail "$(cat log.txt)"
    done
    [ "$status" = 0 ] || fail "exit status $status: $(cat log.txt)"
    [ "$starts" -gt 1 ] || fail "the limit was never near"
    same_end
    SLURM_JOB_END_TIME=$(($(date +%s) + 4)) ranks 2 train run.yaml --set "output=$work/slurm" >log.txt 2>&1 &&
        fail "Slurm's end time is ignored"
    grep -q "the Slurm job's" log.txt || fail "$(cat log.txt)"
    for text in 0 -5 1:2:3:4 x 1- 1-2:x; do
        refused 2 "--time-limit $text" ranks 1 train run.yaml "--time-limit=$text"
    done
}

# stopped_at POINT P Q TEXT: a run on P ranks that gets SIGUSR1 at this point stops there with a commit, which inspect
# describes so; resumed on Q ranks it has the undisturbed run's bits
stopped_at() {
    local status=0
    rm -rf run
    APD_FAULT="stop=$1" ranks "$2" train run.yaml >log.txt 2>&1 || status=$?
    [ "$status" = 75 ] || fail "$1 on $2 ranks: exit status $status: $(cat log.txt)"
    grep -q '^apd train: stopped (SIGUSR1) after commit' log.txt || fail "$1: $(cat log.txt)"
    "$APD" inspect run >out.txt 2>&1 || fail "$1: $(cat out.txt)"
    grep -q "$4" out.txt || fail "$1: inspect does not say '$4': $(cat out.txt)"
    "$APD" verify run | grep -q 'every digest is right' || fail "$1: verify"
    ranks "$3" evaluate run >out.txt 2>&1 || fail "$1: $(cat out.txt)"
    grep -q 'all as recorded' out.txt || fail "$1: $(cat out.txt)"
    ranks "$3" train run.yaml >log.txt 2>&1 || fail "$1: $(cat log.txt)"
    same_end
}

# A stop between a task's last step and its commit: before its evaluation, between the evaluations of old tasks (which
# move, as lambda2 is finite), before and in a consolidation, and between the evaluations after it.
case_task_end() {
    prepare 6 'lambda2: 10, clusters_added: 1, merge: plain'
    stopped_at evaluation:1 1 2 'is trained but not evaluated'
    stopped_at evaluation:2 2 1 'is trained but not evaluated'
    stopped_at evaluated:1 2 2 '1 of 4 tasks done'
    stopped_at evaluated:2 1 1 'is trained but not evaluated'
    stopped_at evaluated:3 2 3 'is trained but not evaluated' # before the consolidation
    stopped_at consolidation:1 2 2 'is consolidated but not evaluated'
    stopped_at consolidation:1 1 2 'is consolidated but not evaluated'
    stopped_at evaluated:4 2 1 'is consolidated but not evaluated'
    stopped_at evaluated:14 3 2 'is consolidated but not evaluated' # at the last task's end
    [ -z "${APD_SANITIZED-}" ] || return 0 # which takes minutes
    # every start is stopped in its first or second evaluation
    local starts=0 status=75
    rm -rf run
    while [ "$status" = 75 ]; do
        status=0
        APD_FAULT="stop=evaluated:$((1 + starts % 2))" ranks $((1 + starts % 2)) train run.yaml >log.txt 2>&1 || status=$?
        [ $((starts += 1)) -lt 40 ] || fail "forty starts"
    done
    [ "$status" = 0 ] || fail "exit status $status: $(cat log.txt)"
    [ "$starts" -gt 8 ] || fail "only $starts starts"
    same_end
}

# Forgetting in a run that stopped before the evaluations at a task's end, and resuming it.
case_forget_at_task_end() {
    local status=0 task
    prepare 6 'lambda2: 10, clusters_added: 1, merge: plain'
    for task in 0 2; do # an old one, and the one that ends
        rm -rf run
        status=0
        APD_FAULT=stop=evaluated:7 ranks 2 train run.yaml >log.txt 2>&1 || status=$?
        [ "$status" = 75 ] || fail "exit status $status: $(cat log.txt)"
        task=$("$APD" inspect run | awk -v place="$task" '$1 == place && NF > 4 { print $2; exit }')
        ranks 1 forget run --task "$task" >out.txt 2>&1 || fail "$(cat out.txt)"
        ! grep -q DIFFERS out.txt || fail "$(cat out.txt)"
        "$APD" inspect run | grep -q 'is trained but not evaluated' || fail "$("$APD" inspect run)"
        ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
        ranks 1 evaluate run | grep -q 'over 3 tasks; all as recorded' || fail "evaluate"
    done
}

# checkpoint.minutes commits on the way and changes no bit.
case_interval() {
    prepare 200
    ranks 2 train run.yaml --set checkpoint.minutes=0.0002 >log.txt 2>&1 || fail "$(cat log.txt)"
    [ "$(grep -c '"reason": *"checkpoint.minutes"' run/metrics.jsonl)" -gt 2 ] || fail "no commits on the way"
    same_end
    [ "$(find run/segments -name '*.h5' | wc -l)" -le 8 ] || fail "parts pile up: $(ls run/segments)"
}

# Every method in turn: killed after a commit in the middle of a later task and resumed on another number of ranks, stopped at
# a task's end, and a task forgotten, after which the others are as recorded.
methods() {
    local method count storage
    for method in "$@"; do
        storage=float32
        [ "$method" != apd-fixed ] || storage=coded
        prepare 20 "name: $method, lambda2: 100, l2t_strength: 1, sigma_tasks: 3, sigma_bits: 6, storage: $storage"
        for count in 11 12 10 13 9 14 8 15 16 17 18; do # until the last commit before the kill is one in the middle of a task
            rm -rf run
            APD_FAULT=kill=checkpoint.tidied:$count \
                ranks 2 train run.yaml --set checkpoint.minutes=0.000001 >log.txt 2>&1 && fail "$method: nothing was killed"
            "$APD" inspect run >out.txt 2>&1 || fail "$method: $(cat out.txt)"
            ! grep -q 'is in training' out.txt || break
        done
        grep -q 'is in training' out.txt || fail "$method: not killed in a task: $(cat out.txt)"
        ranks 1 train run.yaml >log.txt 2>&1 || fail "$method: $(cat log.txt)"
        same_run peace run
        stopped_at evaluation:2 2 1 'is trained but not evaluated'
        if [ "$method" != ewc ]; then # whose sums cannot lose a task
            ranks 2 forget run --task 1 >out.txt 2>&1 || fail "$method: $(cat out.txt)"
            [ "$(grep -c ' equal$' out.txt)" = 3 ] || fail "$method: not three tasks stayed equal: $(cat out.txt)"
            ranks 1 evaluate run | grep -q 'over 3 tasks; all as recorded' || fail "$method: evaluate"
        fi
        "$APD" verify run | grep -q 'every digest is right' || fail "$method: verify"
        "$APD" pack run --output packed.h5 >out.txt || fail "$method: pack"
        "$APD" evaluate packed.h5 | grep -q 'all as recorded' || fail "$method: evaluate the packed commit"
        ranks 1 plan run.yaml --seconds 0.1 >out.txt 2>&1 || fail "$method: $(cat out.txt)"
        grep -q "^method     $method, which reads" out.txt || fail "$method: $(cat out.txt)"
        rm -rf run peace packed.h5 glyphs.h5
    done
}
case_methods_decomposed() { methods apd-fixed apd-joint; }
case_methods_shared() { methods finetune l2t stl; }
case_methods_subnetwork() { methods packnet wsn; }
case_methods_multitask() { methods multitask; }
case_methods_ewc() {
    methods ewc
    # killed while the second task's Fisher information is taken
    prepare 4 "name: ewc, ewc_strength: 100"
    rm -rf run
    APD_FAULT=kill=fisher:3 ranks 2 train run.yaml >log.txt 2>&1 && fail "nothing was killed"
    "$APD" inspect run >out.txt 2>&1 || fail "$(cat out.txt)"
    grep -q '1 of 4 tasks' out.txt || fail "$(cat out.txt)"
    ranks 1 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    same_run peace run
}

# committed: the places of the tasks that were committed at their end, in order
committed() {
    grep '"event": *"task"' run/metrics.jsonl | grep '"commit_seconds"' | sed 's/.*"place": *\([0-9]*\).*/\1/' | tr '\n' ' '
}

# With checkpoint.tasks a commit, due or asked for, holds all tasks that ended since the last one.
case_several_tasks() {
    prepare 200
    ranks 2 train run.yaml --set checkpoint.tasks=3 >log.txt 2>&1 || fail "$(cat log.txt)"
    same_end
    [ "$(committed)" = "2 3 " ] || fail "commits after the tasks at $(committed)"
    rm -rf run
    : >log.txt
    in_background 3 --set checkpoint.tasks=3
    wait_for '"place": *1, "task": *[0-9]*, "epoch": *[2-9]' run/metrics.jsonl
    kill -USR2 "$job"
    wait_for '"reason": *"SIGUSR2"' run/metrics.jsonl
    pkill -KILL -P "$job" -x apd || fail "nothing to kill"
    wait "$job" && fail "killed, and ended well"
    [ "$(committed)" = "" ] || fail "commits after the tasks at $(committed)"
    "$APD" verify run | grep -q 'every digest is right' || fail "verify"
    : >log.txt
    in_background 2 --set checkpoint.tasks=7
    wait_for '"event": *"consolidated"' run/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    ranks 1 train run.yaml --set checkpoint.tasks=2 >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'resuming from commit 2' log.txt || fail "not from the second commit: $(cat log.txt)"
    same_run peace run
}

# What may change in a description between two starts, and what not.
case_changed_description() {
    prepare 100
    ranks 2 train run.yaml --set stream.tasks=2 --set stream.order=A --set 'output=run' >log.txt 2>&1 ||
        fail "$(cat log.txt)"
    refused 2 "stream.tasks is 1 now and was 2; a stream can only grow" ranks 2 train run.yaml --set stream.order=A \
        --set stream.tasks=1
    refused 2 "stream.order is B now and was A" ranks 2 train run.yaml --set stream.order=B
    refused 2 "method.lambda1 is" ranks 2 train run.yaml --set stream.order=A --set method.lambda1=2e-3
    ranks 3 train run.yaml --set stream.order=A --set log.interval=7 >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'stream.tasks is 4 now and was 2: the stream continues past its former end' log.txt || fail "$(cat log.txt)"
    ranks 2 train run.yaml --set stream.order=A --set "output=$work/whole" >whole.txt 2>&1 || fail "$(cat whole.txt)"
    diff <(fingerprint run | grep -v '"step"') <(fingerprint whole | grep -v '"step"') || fail "not the whole stream's bits"
    rm -rf run log.txt
    : >log.txt
    in_background 2
    wait_for '"task": *[0-9], "epoch": *[3-9]' run/metrics.jsonl
    touch run/stop
    ended 75
    ranks 2 train run.yaml --set training.epochs=12 >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'training.epochs is 12 now and was '"$epochs"', for tasks that have not begun; the task in training keeps its number' log.txt || fail "$(cat log.txt)"
    cut -d, -f9 run/tasks.csv | tr '\n' ' ' | grep -qx "epochs $epochs 12 12 12 " || fail "epochs: $(cat run/tasks.csv)"
}

# If the newest commit is damaged, the one before is used, with a warning; if both are, the run is refused and nothing
# deleted.
case_damaged_commit() {
    prepare 100
    : >log.txt
    in_background 2
    wait_for '"event": *"task"' run/metrics.jsonl
    sleep 0.3
    touch run/stop
    ended 75
    cp -r run whole
    printf 'x' | dd of=run/checkpoint.h5 bs=1 seek=700 conv=notrunc status=none
    head -c 2000 whole/checkpoint.h5 >run/checkpoint.h5
    refused 65 "run/checkpoint.h5" "$APD" verify run
    ranks 2 inspect run >out.txt 2>&1 || fail "inspect: $(cat out.txt)"
    grep -q 'the newest commit is damaged (.*the one before is used' out.txt || fail "$(cat out.txt)"
    ranks 3 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'the newest commit is damaged' log.txt || fail "$(cat log.txt)"
    [ -e run/checkpoint.damaged.h5 ] || fail "the damaged commit is gone"
    diff <(fingerprint run | sort -u) <(sort -u undisturbed) >difference || fail "another end: $(head -20 difference)"
    rm -rf run && cp -r whole run
    local segment
    segment=$(find run/segments -name '*-0.h5' | sort | tail -1) # the newest commit's
    head -c 3000 "$segment" >shorter && mv shorter "$segment"
    head -c 1500 whole/checkpoint.previous.h5 >run/checkpoint.previous.h5
    refused 65 "$segment" ranks 2 train run.yaml
    refused 65 "$segment" ranks 2 evaluate run
    cp "whole/segments/$(basename "$segment")" "$segment"
    cp whole/checkpoint.previous.h5 run/
    rm -f run/checkpoint.h5
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'checkpoint.h5 is missing; the commit before is used' log.txt || fail "$(cat log.txt)"
    diff <(fingerprint run | sort -u) <(sort -u undisturbed) >difference || fail "another end: $(head -20 difference)"
}

# Packing and verifying a run that trains; the packed file serves as a run.
case_pack() {
    prepare 300
    : >log.txt
    in_background 2 --set checkpoint.minutes=0.003
    wait_for '"event": *"commit"' run/metrics.jsonl
    local rounds=0
    while kill -0 "$job" 2>/dev/null && [ "$rounds" -lt 15 ]; do
        "$APD" pack run --output packed.h5 >out.txt 2>&1 || fail "pack: $(cat out.txt)"
        "$APD" verify packed.h5 >out.txt 2>&1 || fail "verify of the packed file: $(cat out.txt)"
        "$APD" verify run >out.txt 2>&1 || fail "verify of the running run: $(cat out.txt)"
        rounds=$((rounds + 1))
    done
    [ "$rounds" -gt 2 ] || fail "the run ended at once"
    ended 0
    "$APD" pack run --output packed.h5 >out.txt || fail "pack"
    ranks 2 evaluate packed.h5 --set "data.file=$work/glyphs.h5" | grep -q 'all as recorded' || fail "evaluate packed.h5"
    diff <("$APD_PYTHON" "$repository/tests/commands/contents.py" run/checkpoint.h5) \
        <("$APD_PYTHON" "$repository/tests/commands/contents.py" packed.h5) || fail "the packed file differs"
    mkdir moved && cp packed.h5 moved/checkpoint.h5
    ranks 3 train run.yaml --set "output=$work/moved" >log.txt 2>&1 || fail "$(cat log.txt)"
    refused 2 "--output FILE is needed" "$APD" pack run
    refused 74 "nowhere/packed.h5" "$APD" pack run --output nowhere/packed.h5
    refused 74 "no-such-run" "$APD" pack no-such-run --output packed.h5
}

# Forgetting while a task trains: that task starts again, and the other finished ones stay equal.
case_forget_half_way() {
    prepare 300
    : >log.txt
    in_background 2
    wait_for '"event": *"consolidated"' run/metrics.jsonl
    sleep 0.3
    touch run/stop
    ended 75
    cp -r run whole
    local name
    name=$("$APD" inspect run | awk '/^ +0 / { print $2 }')
    ranks 3 forget run --task "$name" >out.txt 2>&1 || fail "$(cat out.txt)"
    ! grep -q DIFFERS out.txt || fail "$(cat out.txt)"
    "$APD_PYTHON" "$repository/tests/commands/erased.py" whole/checkpoint.h5 run "$name" || fail "bytes remain"
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    ranks 2 evaluate run | grep -q 'over 3 tasks; all as recorded' || fail "evaluate"
}

"case_${1:?a case}"
echo "passed: $1"
