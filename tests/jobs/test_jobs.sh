#!/usr/bin/env bash
# jobs/*.sbatch without Slurm: small commands stand for mpirun, scontrol and apd and note their arguments; APD names the
# real program, which tells the run's folder. tests/jobs/slurm.sh runs the scripts in a real cluster.
set -euo pipefail
program=${APD:?APD names the program under test}
jobs=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/jobs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset "${!APD@}" "${!SLURM@}" # the caller's have no meaning here
mkdir bin

fail() {
    echo "FAILED: $*" >&2
    [ ! -s out ] || sed 's/^/    /' out >&2
    exit 1
}

# pretend NAME BODY: a command that stands for the real one; apd --print-folder is the real program's
pretend() {
    # shellcheck disable=SC2016 # the pretended command expands it
    local first='case " $* " in *" --print-folder "*) exec '"$program"' "$@" ;; esac'
    [ "$1" = apd ] || first=:
    printf '#!/bin/bash\n%s\n%s\n' "$first" "$2" >"bin/$1"
    chmod +x "bin/$1"
}

# shellcheck disable=SC2016 # the pretended command expands it
pretend mpirun 'while [ "${1#-}" != "$1" ]; do shift 2; done; "$@" & trap "kill -USR1 $!" USR1; trap "kill -USR2 $!" USR2
wait $!; status=$?; while kill -0 $! 2>/dev/null; do wait $!; status=$?; done; exit $status'
# shellcheck disable=SC2016
pretend scontrol 'echo "$*" >>asked; [ "$1" != show ] || echo "   Command='"$jobs"'/array.sbatch a b
   Command='"$jobs"'/array.sbatch a b"'
pretend squeue 'echo 2026-11-25T20:00:00'
described='data: {file: images.h5}
stream: {kind: split, classes_per_task: 2}
network: {preset: mlp}'
printf 'name: "mine" # a name\n%s\n' "$described" >mine.yaml
printf 'output: elsewhere/run # a folder\nname: mine\n%s\n' "$described" >placed.yaml
printf '%s\n' "$described" >nameless.yaml

# job STATUS SCRIPT ARGUMENT...: the script as job 7 of the made-up system ends with this status
job() {
    local expected=$1 script=$2 status=0
    shift 2
    : >asked
    env PATH="$work/bin:$PATH" SLURM_JOB_ID=7 SLURM_SUBMIT_DIR="$work" SLURM_NTASKS=4 SLURM_JOB_NUM_NODES=2 \
        "${environment[@]}" bash "$jobs/$script" "$@" >out 2>&1 || status=$?
    [ "$status" = "$expected" ] || fail "exit status $status, not $expected: $script $*"
}

# says TEXT, asked LINE: what the last job printed, and what it asked scontrol for ("": nothing)
says() { grep -qF -- "$1" out || fail "it does not say '$1'"; }
asked() { [ "$(cat asked)" = "$1" ] || fail "scontrol was asked '$(cat asked)', not '$1'"; }

environment=(A=b)
echo "- done, requeued, failed"
pretend apd 'echo "apd $*"'
job 0 train.sbatch mine.yaml --set seed=3
says "apd train mine.yaml --set seed=3"
says "4 tasks on 2 nodes (), start 1, run folder runs/mine"
says "the run is done"
asked ""
# shellcheck disable=SC2016
pretend apd 'echo "until $SLURM_JOB_END_TIME"'
TZ=UTC job 0 train.sbatch mine.yaml
says "until 1795636800"
pretend squeue 'echo N/A'
job 0 train.sbatch mine.yaml
grep -qx "until " out || fail "an end that Slurm does not know"
pretend apd 'mkdir -p runs/mine; echo "$$" >runs/mine/new; mv runs/mine/new runs/mine/checkpoint.h5; exit 75'
environment=(SLURM_RESTART_COUNT=2)
job 75 train.sbatch mine.yaml
says "start 3"
says "goes back into the queue"
asked "requeue 7"
environment=(SLURM_ARRAY_JOB_ID=5 SLURM_ARRAY_TASK_ID=2)
job 75 train.sbatch mine.yaml
asked "requeue 5_2"
environment=(A=b)
for status in 2 65 69 70 74 137 138; do
    pretend apd "exit $status"
    job $status train.sbatch mine.yaml
    says "failed with exit status $status; it is not requeued"
    asked ""
done

echo "- a fault that may pass"
rm -rf runs
pretend apd 'exit 75'
job 75 train.sbatch mine.yaml # before the run's folder is there
says "ended before a commit by a fault that may pass (exit status 75)"
asked "requeue 7"
job 75 train.sbatch mine.yaml # again, and no commit since
says "it is not requeued"
asked ""
job 75 train.sbatch mine.yaml # started anew by hand
asked "requeue 7"
pretend apd 'echo "$$" >runs/mine/new; mv runs/mine/new runs/mine/checkpoint.h5; exit 75'
for _ in 1 2 3; do # as long as commits advance
    job 75 train.sbatch mine.yaml
    says "committed and stopped (exit status 75)"
    asked "requeue 7"
done
pretend apd 'exit 75'
job 75 train.sbatch mine.yaml
asked "requeue 7"
job 75 train.sbatch mine.yaml
says "it is not requeued"
asked ""
rm -rf runs

echo "- a rank dies"
pretend apd 'mkdir -p runs/mine; echo line >>runs/mine/metrics.jsonl; exit 137'
job 75 train.sbatch mine.yaml
says "a rank or a node died (exit status 137)"
asked "requeue 7"
job 137 train.sbatch mine.yaml # again, and no commit since
says "it is not requeued"
asked ""
# shellcheck disable=SC2016
pretend apd 'echo line >>runs/mine/metrics.jsonl; echo "$$" >runs/mine/new; mv runs/mine/new runs/mine/checkpoint.h5; exit $status'
for code in 137 70 205; do
    environment=(status="$code")
    job 75 train.sbatch mine.yaml
    says "died after a commit (exit status $code)"
done
for code in 2 65 69 74; do
    environment=(status="$code")
    job $code train.sbatch mine.yaml
    says "it is not requeued"
done
environment=(A=b)

echo "- mpirun hangs when its ranks are gone"
cp bin/mpirun usual
# shellcheck disable=SC2016
pretend mpirun '"$@"; sleep 2 & wait $!; exec sleep 100'
environment=(APD_PATIENCE=3 status=0)
job 75 train.sbatch mine.yaml
says "mpirun hangs, 3 seconds after its last rank"
says "died after a commit (exit status 137)"
asked "requeue 7"
mv usual bin/mpirun
environment=(A=b)

echo "- stopped by its user"
# folder FOLDER ARGUMENT...: the file "stopped" in this folder, and no other, keeps the run out of the queue
folder() {
    local folder=$1
    shift
    pretend apd "mkdir -p '$folder' && touch '$folder/stopped' && exit 75"
    rm -rf runs elsewhere
    job 0 train.sbatch "$@"
    says "$folder/stopped is there"
    asked ""
    pretend apd "exit 75"
    job 75 train.sbatch "$@" # a file of an earlier start says nothing
    asked "requeue 7"
}
folder runs/mine mine.yaml
folder elsewhere/run placed.yaml
folder "runs/a b" mine.yaml --set "name=a b"
folder elsewhere/c placed.yaml --set name=a --set=output=elsewhere/c
folder runs/nameless nameless.yaml
folder runs/other nameless.yaml --set name=other --time-limit 5
pretend apd 'touch started; exit 0'
rm -f started
job 2 train.sbatch mine.yaml --set shards=none # the program's own refusal, before mpirun
says "apd train: --set shards"
says "the run cannot start (exit status 2)"
[ ! -e started ] || fail "it was started all the same"
asked ""

echo "- signals"
# shellcheck disable=SC2016
pretend apd 'trap "exit 75" USR1; touch started; for i in $(seq 100); do sleep 0.1; done; exit 3'
# signal SIGNAL STATUS: sent to the script once apd runs
signal() {
    local pid status=0
    rm -f started
    : >asked
    env PATH="$work/bin:$PATH" SLURM_JOB_ID=7 SLURM_SUBMIT_DIR="$work" bash "$jobs/train.sbatch" mine.yaml >out 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        [ ! -e started ] || break
        sleep 0.1
    done
    kill -s "$1" $pid
    wait $pid || status=$?
    [ "$status" = "$2" ] || fail "exit status $status, not $2, after SIG$1"
}
signal USR1 75
says "SIGUSR1 came"
says "committed and stopped"
asked "requeue 7"
# shellcheck disable=SC2016
pretend apd 'trap "echo committed; touch committed" USR2; touch started
for i in $(seq 100); do [ ! -e committed ] || exit 0; sleep 0.1; done; exit 3'
signal USR2 0
says "SIGUSR2 came"
says "the run is done"
pretend apd 'touch started; exec sleep 10'
signal USR1 75 # ranks that are still starting
says "before the ranks had started"
asked "requeue 7"
for status in 143 75 1 0; do # after a scancel nothing is requeued
    pretend apd "touch started; sleep 1; exit $status"
    signal TERM 143
    says "ended by Slurm"
    asked ""
done

echo "- one number of seconds before the limit"
[ "$(sed -n 's/^#SBATCH --signal=//p' "$jobs/train.sbatch" "$jobs/array.sbatch" | sort -u)" = B:USR1@300 ] ||
    fail "train.sbatch and array.sbatch ask for other signals"

echo "- usage"
job 2 train.sbatch
says "usage: sbatch"
environment=(APD=nowhere/apd)
job 2 train.sbatch mine.yaml
says "no program nowhere/apd"
environment=(SLURM_JOB_ID=)
job 2 train.sbatch mine.yaml
says "no Slurm job"
environment=(SLURM_JOB_ID=)
job 2 scaling.sbatch mine.yaml
says "no Slurm job"
environment=(A=b)
job 2 array.sbatch mine.yaml
says "no element of an array"

echo "- arrays"
pretend apd 'printf "<%s>" "$@"; echo'
array() {
    environment=(SLURM_ARRAY_JOB_ID=5 SLURM_ARRAY_TASK_ID="$1")
    shift
    job "$@"
}
array 1 0 array.sbatch placed.yaml mine.yaml
says "<train><mine.yaml>"
array 2 2 array.sbatch placed.yaml mine.yaml
says "index 2, but there are 2"
printf 'placed.yaml\nmine.yaml --set "stream.order=[1, 0]" --set seed=3\n' >list
array 2 0 array.sbatch --list list
says "<train><mine.yaml><--set><stream.order=[1, 0]><--set><seed=3>"
array 3 2 array.sbatch --list list
says "list has no line 3"
array 1 2 array.sbatch --list nowhere
says "cannot be read"
environment=(SLURM_ARRAY_JOB_ID=5 SLURM_ARRAY_TASK_ID=0 APD_JOBS=nowhere)
job 2 array.sbatch mine.yaml
says "nowhere/train.sbatch is not there"

echo "- scaling"
environment=(A=b)
# The study that the script writes, and what it makes of the study's end.
# shellcheck disable=SC2016
pretend apd 'echo "$*" >>studies_asked; cat "$2" >study_written; echo "a table" >"$(dirname "$2")/scaling.md"; exit ${ends:-0}'
job 0 scaling.sbatch mine.yaml --set training.epochs=2
grep -qx "study runs/scaling-7/scaling.yaml --set training.epochs=2" studies_asked || fail "$(cat studies_asked)"
diff study_written - <<'TEXT' || fail "another study"
# Written by jobs/scaling.sbatch.
base: "mine.yaml"
output: "runs/scaling-7"
keep: results
launcher: "mpirun -n {ranks}"
matrix: {repeat: [1, 2, 3, 4, 5]}
shards: 4
zip: {ranks: [1, 2, 4]}
TEXT
says "a table"
says "done; the tables are in runs/scaling-7/scaling.md"
environment=(APD_RANKS="2 3" APD_FOLDER=study SLURM_NTASKS=6 APD_WEAK=100 APD_REPEATS=2 "APD_LAUNCH=srun --mpi=pmix" ends=75)
job 75 scaling.sbatch mine.yaml
diff study_written - <<'TEXT' || fail "another study"
# Written by jobs/scaling.sbatch.
base: "mine.yaml"
output: "study"
keep: results
launcher: "srun --mpi=pmix -n {ranks}"
matrix: {repeat: [1, 2]}
zip: {ranks: [2, 3], shards: [2, 3], training.batch: [200, 300]}
TEXT
says "submit it again with APD_FOLDER=study"
environment=(ends=1)
job 1 scaling.sbatch mine.yaml
says "apd study ended with exit status 1"
echo "passed"
