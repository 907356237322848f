#!/usr/bin/env bash
# One run on two hosts, and the same bits as on one: tests/jobs/two_hosts.sh, with APD naming the program. The hosts are
# virtual (tests/jobs/hosts.sh): each with a network, a host name and a /dev/shm of its own, so that Open MPI starts its
# daemon on the other by a remote shell and talks TCP between them. Skipped (77) where that takes rights one has not.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/jobs/hosts.sh
source "$here/hosts.sh"
isolate "$@"
# shellcheck source=tests/lib.sh
source "$here/../lib.sh"
hosts_begin "$work" 2
host_start 1
host_start 2

# What Open MPI calls for ssh: SHELL [OPTION...] HOST COMMAND
{
    echo '#!/bin/bash'
    declare -f host_run
    printf 'hosts_folder=%q\n' "$work"
    # shellcheck disable=SC2016 # the shell's own
    echo 'while [ "${1#-}" != "$1" ]; do shift; done; host=${1#h}; shift; host_run "$host" /bin/bash -c "$*"'
} >shell
chmod +x shell

# two_hosts RANKS COMMAND...: half of the ranks on each host; mpirun itself runs on the machine that joins them
two_hosts() {
    local count=$1
    shift
    mpirun --mca plm rsh --mca plm_rsh_agent "$work/shell" --host "h1:$((count / 2)),h2:$((count / 2))" -n "$count" \
        "$APD" "$@"
}

make_data
describe run
compare() {
    local name=$1 count
    shift
    mpirun -n 1 "$APD" train run.yaml --set "output=$work/$name" "$@" >one.log 2>&1 || fail "$(cat one.log)"
    for count in 2 4; do
        two_hosts $count train run.yaml --set "output=$work/$name$count" "$@" >two.log 2>&1 || fail "$(cat two.log)"
        grep -qE '"hosts": "(h1,)+(h2,?)+"' "$name$count/manifest.json" || fail "$(cat "$name$count/manifest.json")"
        same_run "$name" "$name$count"
    done
}
compare exact
compare joint --set method.name=apd-joint --set method.lambda2=100 --set method.consolidate_every=2 --set method.beta=0.05
two_hosts 2 evaluate exact >two.log 2>&1 || fail "$(cat two.log)"
grep -q 'all as recorded' two.log || fail "$(cat two.log)"
echo "passed: h1 and h2 give the bits of one host, on 2 and 4 ranks"
