#!/usr/bin/env bash
# Two jobs on one run: tests/commands/locks.sh CASE, with APD naming the program, and NO_LOCKS the library made of
# no_locks.c. Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# prepare EPOCHS: data, run.yaml with tasks of so many epochs, and an undisturbed run's fingerprint
prepare() {
    epochs=$1
    [ -z "${APD_SANITIZED-}" ] || epochs=$((epochs / 5))
    make_data
    describe run
    sed -i "s/epochs: 4,/epochs: $epochs,/" run.yaml
    ranks 2 train run.yaml --set "output=$work/peace" >peace.txt 2>&1 || fail "$(cat peace.txt)"
    : >log.txt
}

# The processes of the lock's holder, rank 0 first.
holders() {
    sed -n 's/^process \([0-9]*\) .*/\1/p' "${1-run/run.lock}"
}

# The job in the background stands still, and goes on, so that it is not over while others try.
hold() {
    stopped=$(pgrep -P "$job" -x apd)
    # shellcheck disable=SC2086 # several processes
    kill -STOP $stopped
}
go_on() {
    # shellcheck disable=SC2086
    kill -CONT $stopped
}

# A second job is refused with the holder's name and changes nothing; readers need no lock.
case_second_job() {
    prepare 300
    in_background 2
    wait_for '"event": *"task"' run/metrics.jsonl
    local who name
    hold
    who="another job writes this run: process $(holders | head -1) on $(hostname) (since 2"
    [ "$(holders | sort)" = "$(pgrep -P "$job" -x apd | sort)" ] || fail "not the ranks: $(cat run/run.lock)"
    refused 69 "$who" ranks 2 train run.yaml
    refused 69 "$who" ranks 1 train run.yaml --fresh --force
    name=$("$APD" inspect run | awk '/^ +0 / { print $2 }')
    refused 69 "$who" ranks 1 forget run --task "$name"
    refused 69 "$who" "$APD" pack run --output run/packed.h5
    "$APD" verify run >out.txt 2>&1 || fail "verify: $(cat out.txt)"
    "$APD" pack run --output packed.h5 >out.txt 2>&1 || fail "pack: $(cat out.txt)"
    ranks 2 evaluate run >out.txt 2>&1 || fail "evaluate: $(cat out.txt)"
    go_on
    ended 0
    diff <(fingerprint peace) <(fingerprint run) || fail "the first job has another end"
    "$APD" pack run --output run/packed.h5 >out.txt 2>&1 || fail "pack: $(cat out.txt)"
    [ ! -e run.lock ] || fail "pack made a lock beside $(ls)"
    ranks 2 forget run --task "$name" >out.txt 2>&1 || fail "forget: $(cat out.txt)"
    refused 74 "none" ranks 1 forget none --task 0
    [ ! -e none ] || fail "forget made a folder"
}

# Of two jobs that start at once one trains.
case_same_moment() {
    prepare 1000 # longer than the second one waits for the first
    local first one=0 two=0
    in_background 2
    first=$job
    in_background 2
    wait "$first" || one=$?
    wait "$job" || two=$?
    case $one$two in
        069 | 690) ;;
        *) fail "exit status $one and $two: $(cat log.txt)" ;;
    esac
    grep -qE 'another job (writes this run: process [0-9]+|is about to write)' log.txt || fail "$(cat log.txt)"
    diff <(fingerprint peace) <(fingerprint run) || fail "another end"
}

# A rank that lives on when its mpirun and rank 0 are dead keeps the run. The kernel hangs up on stopped processes whose
# parent's session is another one, as init's is: so this shell adopts the rank (PR_SET_CHILD_SUBREAPER, kept by exec).
case_orphan() {
    if [ -z "${ADOPTS-}" ]; then
        cd / && rm -rf "$work"
        ADOPTS=1 exec "$APD_PYTHON" -c 'import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])' \
            "$repository/tests/commands/locks.sh" orphan
    fi
    prepare 100
    in_background 2
    wait_for '"event": *"task"' run/metrics.jsonl
    local first orphan
    first=$(holders | head -1)
    orphan=$(holders | tail -1)
    kill -STOP "$orphan"
    kill -KILL "$job" "$first"
    wait "$job" && fail "killed, and ended well"
    refused 69 "that process has ended, but another one of its job lives on" ranks 2 train run.yaml
    kill -KILL "$orphan"
    ranks 3 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    same_run peace run
}

# After --break-lock the former holder publishes nothing more.
case_break_lock() {
    prepare 300
    in_background 2 --set checkpoint.minutes=0.0005 # several commits a task, however fast the machine
    wait_for '"event": *"commit"' run/metrics.jsonl
    local former=$job
    hold
    ranks 1 train run.yaml --break-lock >new.txt 2>&1 || fail "$(cat new.txt)"
    grep -q '^warning: --break-lock, although: .*another job writes this run' new.txt || fail "$(cat new.txt)"
    local before
    before=$(cksum run/checkpoint.h5 run/segments/*)
    go_on
    ended 69 "$former"
    grep -q 'another job has taken this run over (--break-lock); nothing is published here' log.txt || fail "$(cat log.txt)"
    [ "$(cksum run/checkpoint.h5 run/segments/*)" = "$before" ] || fail "the former holder changed the run"
    "$APD" verify run >out.txt 2>&1 || fail "verify: $(cat out.txt)"
    same_run peace run
}

# without FCNTL LINK COMMAND...: the command with a file system that answers so
without() {
    LD_PRELOAD=$NO_LOCKS NO_LOCKS_FCNTL=$1 NO_LOCKS_LINK=$2 "${@:3}"
}

# no_locks FCNTL LINK: numbered files in place of locks
no_locks() {
    local answers=(-x "LD_PRELOAD=$NO_LOCKS" -x "NO_LOCKS_FCNTL=$1" -x "NO_LOCKS_LINK=$2") first
    rm -rf run
    LAUNCH="${answers[*]}" in_background 2
    wait_for '"event": *"task"' run/metrics.jsonl
    [ ! -s run/run.lock ] || fail "the kernel's lock was used: $(cat run/run.lock)"
    hold
    first=$(holders run/run.lock.1 | head -1)
    refused 69 "another job writes this run: process $first on" without "$1" "$2" "$APD" train run.yaml
    refused 69 "another job writes this run: process $first on" "$APD" train run.yaml # a node that has locks
    # shellcheck disable=SC2046 # several processes
    kill -KILL "$job" $(holders run/run.lock.1)
    wait "$job" && fail "killed, and ended well"
    without "$1" "$2" "$APD" train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q '^apd lock left' run/run.lock.2 || fail "$(ls run)"
    same_run peace run
    echo "half a te" >run/run.lock.3
    refused 69 "run.lock.3: does not say who writes this run" without "$1" "$2" "$APD" train run.yaml
    without "$1" "$2" "$APD" train run.yaml --break-lock >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q '^apd lock left' run/run.lock.4 || fail "$(ls run)"
    without "$1" "$2" "$APD" train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    [ -z "$(find run -name '*tmp*')" ] || fail "$(ls run)"
}

case_no_locks() {
    if [ -n "${APD_SANITIZED-}" ]; then
        exit 77 # the sanitizers must be loaded first
    fi
    prepare 60
    no_locks ENOLCK ""
    no_locks EOPNOTSUPP EPERM
    no_locks ENOLCK EOPNOTSUPP
    refused 75 "run.lock: cannot lock: Input/output error" without EIO "" "$APD" train run.yaml
}

"case_${1:?a case}"
echo "passed: $1"
