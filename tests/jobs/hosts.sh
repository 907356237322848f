# shellcheck shell=bash
# Virtual hosts on this one machine, for tests; sourced. As root, without any daemon of the system's.
#
#   isolate "$@"            first thing in a script: run the script again in namespaces of its own (skips, 77, where
#                           that is not allowed)
#   hosts_begin FOLDER N    the network that h1 to hN will share with this script, and /etc/hosts
#   host_start N            start host hN, with a private /dev/shm and its own processes
#   host_run N COMMAND...   run a command on hN
#   host_kill N             pull hN's plug: its processes and its network are gone
#
# Everything that a script starts lives in its process namespace, every mount in its mount namespace, every address
# in its network namespace: when the script ends, or is killed, the kernel removes it all, and tests that run at
# the same time do not see one another.

# Open MPI as root, with many ranks on few cores
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

isolate() {
    [ -z "${APD_ISOLATED-}" ] || return 0
    local tool
    [ "$(id -u)" = 0 ] || { echo "skipped: virtual hosts need root"; exit 77; }
    for tool in unshare nsenter ip; do
        command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
    done
    unshare --mount --pid --fork --net --uts --ipc --mount-proc ip link add probe type veth 2>/dev/null ||
        { echo "skipped: this system allows no network namespaces"; exit 77; }
    # the shell must not be the namespace's first process: that one ignores signals that it has no trap for
    APD_ISOLATED=1 exec unshare --mount --pid --fork --kill-child --net --uts --ipc --mount-proc \
        bash -c '"$@"; exit $?' _ "$0" "$@"
}

hosts_begin() {
    hosts_folder=$1
    local n
    ip link set lo up
    ip link add br0 type bridge
    ip addr add 10.77.0.254/24 dev br0
    ip link set br0 up
    hostname head
    {
        echo "127.0.0.1 localhost"
        echo "10.77.0.254 head"
        for n in $(seq "$2"); do echo "10.77.0.$n h$n"; done
    } >"$hosts_folder/hosts"
    mount --bind "$hosts_folder/hosts" /etc/hosts
}

# Seen from this script a host is its first process, whose number is in hN.pid; that process does nothing but take up
# orphans, as any init.
host_start() {
    local host=h$1 folder=$hosts_folder outer
    rm -f "$folder/$host.ready"
    # shellcheck disable=SC2016 # expanded by the host's own shell
    unshare --net --mount --uts --ipc --pid --fork --mount-proc --kill-child bash -c '
        mount -t tmpfs -o size=2g,mode=1777 tmpfs /dev/shm && hostname "$1" && ip link set lo up &&
            touch "$2/$1.ready" && while true; do sleep 3600 & wait $!; done' \
        _ "$host" "$folder" </dev/null >"$folder/$host.log" 2>&1 &
    outer=$!
    until_true 10 test -e "$folder/$host.ready" || { cat "$folder/$host.log"; return 1; }
    tr -d " " <"/proc/$outer/task/$outer/children" >"$folder/$host.pid"
    ip link add eth0 netns "$(cat "$folder/$host.pid")" type veth peer name "p$1"
    ip link set "p$1" master br0 up
    host_run "$1" ip addr add "10.77.0.$1/24" dev eth0
    host_run "$1" ip link set eth0 up
}

host_run() {
    local pid
    pid=$(cat "$hosts_folder/h$1.pid")
    shift
    nsenter --target "$pid" --net --mount --uts --ipc --pid --wd="$PWD" "$@"
}

# The network goes first, so that nobody hears of it.
host_kill() {
    ip link del "p$1"
    kill -9 "$(cat "$hosts_folder/h$1.pid")"
}

# until_true SECONDS COMMAND...: wait until the command succeeds
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}
