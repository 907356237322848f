#!/usr/bin/env bash
# jobs/*.sbatch in a real Slurm cluster of virtual nodes on this machine: tests/jobs/slurm.sh CASE, with APD naming the
# program. As root, where Slurm is installed (jobs/setup.sh --tests); skipped (77) elsewhere. Nothing is left behind:
# tests/jobs/hosts.sh says why.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/jobs/hosts.sh
source "$here/hosts.sh"
# shellcheck source=tests/jobs/slurm_cluster.sh
source "$here/slurm_cluster.sh"
slurm_needed
isolate "$@"
# shellcheck source=tests/lib.sh
source "$here/../lib.sh"
chmod 711 "$work" # munge wants its socket within everyone's reach
trap 'finish $?' EXIT
finish() {
    [ "$1" = 0 ] || { tail -n 60 ./*.log ./slurm-*.out || true; slurm_logs; }
    rm -rf "$work"
}
export APD

cluster() {
    make_data
    slurm_start "$work/cluster" "$1" || fail "the cluster does not start"
}

# small TASKS EPOCHS: run.yaml has so many
small() {
    sed -i "s/tasks: 4/tasks: $1/; s/epochs: 4/epochs: $2/; s/interval: 2/interval: 10/" run.yaml
}

# submit LOG SBATCH-ARGUMENT...: sets job
submit() {
    local log=$1
    shift
    job=$(sbatch --parsable --output="$log" "$@")
}

# steps FOLDER PLACE: how many lines of steps the log has for the task at this place
steps() {
    grep -c "\"event\": \"step\".*\"place\": $2," "$1/metrics.jsonl" 2>/dev/null || true
}
in_task() { [ "$(steps "$1" "$2")" -ge "$3" ]; }

is() { [ "$(slurm_state "$1")" = "$2" ]; }

# A requeued job waits two minutes, lest it starts where it just failed; in a test two seconds, so that the nodes do
# not take the new start's credential for the old one's.
start_again() {
    until_true 120 is "$1" PENDING || fail "job $1 is $(slurm_state "$1"), not requeued"
    sleep 2
    scontrol update JobId="$1" StartTime=now TimeLimit=60
}

ended() {
    case $(slurm_state "$1") in PENDING | CONFIGURING | RUNNING | COMPLETING | REQUEUED) return 1 ;; esac
}

# done_after SECONDS JOB
done_after() {
    until_true "$1" ended "$2" || fail "job $2 is still $(slurm_state "$2")"
    is "$2" COMPLETED || fail "job $2 is $(slurm_state "$2"), not completed"
}

# says LOG TEXT
says() { grep -qF -- "$2" "$1" || fail "$1 does not say '$2'"; }

# resumes LOG: from whichever commit was the last
resumes() { grep -qE "resuming from commit [1-9]" "$1" || fail "$1 does not say that it resumes"; }

# interrupted EPOCHS PLACE STOP SBATCH-OPTION...: a run across two nodes, stopped by the command STOP in its task at
# this place (from 0), requeued, and finished with the bits of a run that nobody disturbed
interrupted() {
    local epochs=$1 place=$2 stop=$3
    shift 3
    cluster 2
    describe run
    small 3 "$epochs"
    submit run.log --nodes=2 --ntasks=2 "$@" "$repository/jobs/train.sbatch" run.yaml
    until_true 120 in_task run "$place" 5 || fail "task $place is not reached"
    $stop "$job"
    start_again "$job"
    says run.log "SIGUSR1 came"
    grep -qE "^commit [0-9]+ in task" run.log || fail "no commit in the middle of a task"
    says run.log "committed and stopped (exit status 75)"
    done_after 1200 "$job"
    says run.log "2 tasks on 2 nodes (h[1-2]), start 2"
    says run.log "the run is done"
    grep -qE '^resuming from commit .* is in epoch' run.log || fail "it did not resume in the middle of a task"
    mpirun -n 1 "$APD" train run.yaml --set output="$work/undisturbed" >undisturbed.log 2>&1
    same_run undisturbed run
    cat run.log
}

case_requeue() { interrupted 250 1 "scancel --signal=USR1 --batch" --time=10; }

# By Slurm's own clock, which it looks at every half minute: the signal comes 30 to 60 seconds after the start. So the
# program starts late, rather than that the run has to last for minutes on any machine.
case_time_limit() {
    printf '#!/bin/sh\nsleep 20\nexec "%s" "$@"\n' "$APD" >late
    chmod +x late
    APD=$work/late interrupted 10000 0 true --time=2 --signal=B:USR1@60
}

# A list of four runs; the third is stopped and goes back to the queue alone. The ranks are started by srun.
case_array() {
    cluster 2
    describe run
    small 2 60
    local i
    for i in 1 2 3 4; do
        echo "run.yaml --set seed=$i --set 'output=$work/run $i' --set training.epochs=$((i == 3 ? 2000 : 40))"
    done >list
    APD_LAUNCH="srun --mpi=pmix" submit "array-%a.log" --array=1-4 --nodes=1 --ntasks=2 --time=5 \
        "$repository/jobs/array.sbatch" --list list
    until_true 120 in_task "run 3" 1 5 || fail "element 3 does not reach its second task"
    scancel --signal=USR1 --batch "${job}_3"
    start_again "${job}_3"
    for i in 1 2 3 4; do
        done_after 120 "${job}_$i"
        says "array-$i.log" "the run is done"
    done
    [ "$(cat array-*.log | grep -c 'goes back into the queue')" = 1 ] || fail "not one element was requeued"
    says array-3.log "job ${job}_3: committed and stopped (exit status 75)"
    mpirun -n 1 "$APD" train run.yaml --set seed=3 --set training.epochs=2000 --set output="$work/undisturbed" \
        >undisturbed.log 2>&1
    same_run undisturbed "run 3"
    cat array-3.log
}

# A study as an array of fewer elements than runs: one is stopped and requeues itself, and the gathering job tells the end.
case_study() {
    cluster 2
    describe base
    sed -i 's/epochs: 4,/epochs: 100,/' base.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0, 1, 2], stream.order: [A, "seed 3"]}\n' >s.yaml
    "$APD" study s.yaml --slurm scripts --ranks-a-run 2 --at-once 2 >commands
    cat commands
    grep -q -- '--array=1-6%2' commands || fail "the array"
    submit "array-%a.log" --array=1-3%2 --nodes=1 --ntasks=2 --time=5 scripts/array.sbatch
    local array=$job i
    submit gather.log --dependency=afterany:"$array" --ntasks=1 scripts/gather.sbatch
    local gather=$job
    until_true 120 grep -q '^begins' array-1.log || fail "element 1 begins nothing"
    scancel --signal=USR1 --batch "${array}_1"
    start_again "${array}_1"
    for i in 1 2 3; do
        done_after 240 "${array}_$i"
    done
    says array-1.log "committed and stopped; this element goes back into the queue"
    done_after 120 "$gather"
    says gather.log "s: 6 of 6 runs done, 0 failed, 0 to be continued"
    mpirun -n 1 "$APD" train studies/s/seed=0,order=A-*/run.yaml --set output="$work/undisturbed" >undisturbed.log 2>&1
    same_run undisturbed studies/s/seed=0,order=A-*
    [ -s studies/s/results.csv ] || fail "no results.csv"
    cat array-1.log gather.log
}

# The same where requeueing is off: the element is submitted anew and goes on in its log, and the tables are written after it.
case_study_submitted_anew() {
    cluster 2
    describe base
    sed -i 's/epochs: 4,/epochs: 500,/' base.yaml
    printf 'base: base.yaml\nmatrix: {seed: [0, 1]}\n' >s.yaml
    SBATCH_NO_REQUEUE=1 SBATCH_TIMELIMIT=7 "$APD" study s.yaml --slurm scripts --ranks-a-run 2 --at-once 2 --submit >commands
    cat commands
    local array gather next
    read -r array gather < <(sed -n 's/^Submitted batch job //p' commands | paste -sd' ')
    until_true 120 grep -qs '^begins' "slurm-${array}_2.out" || fail "element 2 begins nothing"
    # the last element has the number of the whole array
    scancel --signal=USR1 --batch "${array}_2"
    until_true 120 ended "${array}_2" || fail "element 2 does not stop"
    says "slurm-${array}_2.out" "it could not be requeued: job"
    next=$(sed -n 's/.* job \([0-9]*\) was submitted to go on .*/\1/p' "slurm-${array}_2.out")
    scontrol -o show job "$next" | grep -qF "TimeLimit=00:07:00" || fail "the new job has another time limit"
    for job in "${array}_1" "${next}_2" "$gather"; do
        done_after 240 "$job"
    done
    says "slurm-${array}_2.out" "2 tasks on h"
    [ "$(grep -c 'start 1, study' "slurm-${array}_2.out")" = 2 ] || fail "the new job does not append to the log"
    says "slurm-$gather.out" "gathered once more after jobs $next"
    gather=$(sed -n 's/^Submitted batch job //p' "slurm-$gather.out")
    done_after 120 "$gather"
    says "slurm-$gather.out" "s: 2 of 2 runs done, 0 failed, 0 to be continued"
    [ ! -e studies/s/resubmitted ] || fail "the list of new jobs stays"
    [ "$(wc -l <studies/s/results.csv)" = 3 ] || fail "$(cat studies/s/results.csv)"
    cat "slurm-${array}_2.out" "slurm-$gather.out"
}

# The plug of a node is pulled; Slurm takes the job to the nodes that are left, where it goes on from its last commit.
case_node_down() {
    cluster 3
    describe run
    small 3 250
    submit run.log --nodes=2 --ntasks=2 --time=10 "$repository/jobs/train.sbatch" run.yaml
    until_true 120 in_task run 1 5 || fail "the second task is not reached"
    scancel --signal=USR2 --batch "$job"
    until_true 60 grep -qE "^commit [0-9]+ in task" run.log || fail "no commit on SIGUSR2"
    node_kill 2
    start_again "$job"
    done_after 240 "$job"
    says run.log "2 tasks on 2 nodes (h[1-2]), start 1"
    says run.log "2 tasks on 2 nodes (h[1,3]), start 2"
    grep -qE '^resuming from commit .* is in epoch' run.log || fail "it did not resume in the middle of a task"
    mpirun -n 1 "$APD" train run.yaml --set output="$work/undisturbed" >undisturbed.log 2>&1
    same_run undisturbed run
    cat run.log
}

# One rank is killed; MPI ends the others, and the job puts itself back into the queue.
case_rank_killed() {
    cluster 1
    describe run
    small 3 1000
    submit run.log --nodes=1 --ntasks=2 --time=10 "$repository/jobs/train.sbatch" run.yaml
    until_true 120 in_task run 1 5 || fail "the second task is not reached"
    kill -9 "$(grep -lx apd /proc/[0-9]*/comm | sed 's/[^0-9]//g' | tail -n 1)"
    start_again "$job"
    done_after 240 "$job"
    says run.log "a rank or a node died after a commit"
    resumes run.log
    says run.log "the run is done"
    mpirun -n 1 "$APD" train run.yaml --set output="$work/undisturbed" >undisturbed.log 2>&1
    same_run undisturbed run
    cat run.log
}

# A file named stop in the run's folder ends it, and the job is not requeued.
case_stop() {
    cluster 1
    describe run
    small 3 250
    submit run.log --nodes=1 --ntasks=2 --time=10 "$repository/jobs/train.sbatch" run.yaml
    until_true 120 in_task run 0 5 || fail "it does not start"
    touch run/stop
    done_after 60 "$job"
    says run.log "it is not requeued"
    "$APD" verify run >/dev/null
    cat run.log
}

case_scaling() {
    cluster 2
    describe run
    small 2 40
    submit scaling.log --nodes=2 --ntasks=4 --time=5 --export=ALL,APD_REPEATS=2 "$repository/jobs/scaling.sbatch" run.yaml
    done_after 180 "$job"
    says scaling.log "apd: the same results, to the bit, on 1 to 4 ranks"
    [ "$(cut -d, -f5,6 "runs/scaling-$job/scaling.csv" | tr '\n' ' ')" = "ranks,nodes 1,1 2,1 4,2 " ] ||
        fail "another table: $(cat "runs/scaling-$job/scaling.csv")"
    cat scaling.log
}

# How ranks come to know one another, and what is said when they do not.
case_srun() {
    cluster 2
    describe run
    small 1 4
    srun --mpi=pmix --nodes=2 --ntasks=2 "$APD" train run.yaml >pmix.log 2>&1 || fail "srun --mpi=pmix"
    says pmix.log "on 2 ranks"
    ! srun --mpi=none --nodes=2 --ntasks=2 "$APD" inspect run >none.log 2>&1 || fail "copies ran"
    [ "$(grep -c "^warning: srun started 2 copies without PMIx; .*use 'srun --mpi=pmix'" none.log)" = 1 ] ||
        fail "no help, or twice"
    salloc --quiet --nodes=1 --ntasks=1 mpirun -n 2 "$APD" inspect run >salloc.log 2>&1 || fail "more ranks than tasks"
}

# Every line of sbatch and srun in README.md and docs runs, in this cluster's size.
case_guide() {
    cluster 2
    describe mine
    tiny() { sed "s/^name: mine/name: $1/; s/^output.*//; s/tasks: 4/tasks: 1/; s/epochs: 4/epochs: 2/" mine.yaml; }
    tiny mine >tiny.yaml
    tiny other >other.yaml
    mv tiny.yaml mine.yaml
    for _ in $(seq 100); do echo "mine.yaml --set name=listed --set training.epochs=2"; done >runs.txt
    ln -s "$repository/jobs" jobs
    mkdir bin
    ln -s "$APD" bin/apd
    PATH=$work/bin:$PATH
    export APD_REPEATS=1 # of scaling.sbatch
    cat "$repository"/README.md "$repository"/docs/*.md | grep -E '^(sbatch|srun) ' | sort -u >lines
    [ "$(grep -c '^sbatch' lines)" -ge 4 ] || fail "the pages have no lines of sbatch"
    local line number=0
    sed -i -E 's/--nodes=[0-9]+/--nodes=2/; s/--ntasks=[0-9]+/--ntasks=2/; s/--ntasks-per-node=[0-9]+/--ntasks-per-node=1/
               s/--time=[0-9:]+/--time=5/; s/--array=1-[0-9]+/--array=100/' lines
    while IFS= read -r line; do
        number=$((number + 1))
        case $line in
            sbatch*) eval "sbatch --wait --output=$number.log ${line#sbatch}" >"$number.out" </dev/null || fail "$line: $(cat $number.*)" ;;
            *) eval "$line" >"$number.log" 2>&1 </dev/null || fail "$line: $(cat $number.log)" ;;
        esac
        echo "$line: done"
    done <lines
}

"case_${1:?a case}"
echo "passed: $1"
