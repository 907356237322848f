# shellcheck shell=bash
# A throw-away Slurm cluster whose nodes h1 to hN are virtual hosts (tests/jobs/hosts.sh); sourced after that.
#
#   slurm_needed            skips (77) where Slurm is not installed
#   slurm_start FOLDER N    start munged, slurmctld and N slurmd, and wait until all nodes are idle
#   node_start N            start node hN (again)
#   node_kill N             pull its plug
#   slurm_state JOB         RUNNING, PENDING, COMPLETED, ... (job or array element)
#   slurm_logs              what the daemons said, for a test that failed
#
# Key, configuration, state and logs lie in FOLDER; nothing of the system's is used or changed. No cgroups and no
# accounting daemon: processes are found through /proc, finished jobs are lines of FOLDER/jobs.txt.

slurm_needed() {
    local tool
    for tool in munged slurmctld slurmd sbatch; do
        command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed (jobs/setup.sh --tests)"; exit 77; }
    done
}

write_configuration() {
    local folder=$1 cpus
    cpus=$(nproc)
    [ "$cpus" -ge 2 ] || cpus=2
    cat >"$folder/slurm.conf" <<TEXT
ClusterName=apdtest
SlurmctldHost=head
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2,sched_min_interval=100000,batch_sched_delay=0
ReturnToService=2
SlurmdParameters=config_overrides
JobRequeue=1
KillWait=5
SlurmdTimeout=10
SlurmctldTimeout=60
UnkillableStepTimeout=30
NodeName=h[1-$2] CPUs=$cpus Sockets=1 CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=5 State=UP OverSubscribe=NO
TEXT
    # read beside slurm.conf even when no plugin of it is used
    echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"
    # Slurm's PMIx plugin keeps its sockets where each node has a folder of its own
    echo "PMIxCliTmpDirBase=/dev/shm" >"$folder/mpi.conf"
}

slurm_start() {
    slurm_folder=$1
    slurm_nodes=$2
    local n
    # munged wants folders that nobody else may write
    umask 022
    mkdir -p "$slurm_folder"/{munge,state,log}
    chmod 755 "$slurm_folder"
    chmod 711 "$slurm_folder/munge"
    dd if=/dev/urandom of="$slurm_folder/munge/key" bs=1 count=128 status=none
    chmod 600 "$slurm_folder/munge/key"
    hosts_begin "$slurm_folder" "$slurm_nodes"
    write_configuration "$slurm_folder" "$slurm_nodes"
    export SLURM_CONF=$slurm_folder/slurm.conf MUNGE_SOCKET=$slurm_folder/munge/socket
    munged -F -M --key-file="$slurm_folder/munge/key" --socket="$MUNGE_SOCKET" --pid-file="$slurm_folder/munge/pid" \
        --log-file="$slurm_folder/log/munged.log" --seed-file="$slurm_folder/munge/seed" \
        </dev/null >"$slurm_folder/log/munged.out" 2>&1 &
    until_true 10 munge -S "$MUNGE_SOCKET" -n || return 1
    slurmctld -D -i </dev/null >"$slurm_folder/log/slurmctld.out" 2>&1 &
    for n in $(seq "$slurm_nodes"); do
        node_start "$n" || return 1
    done
    until_true 30 all_idle
}

all_idle() {
    [ "$(sinfo -h -N -o %T | grep -c '^idle$')" = "$slurm_nodes" ]
}

# The daemon is a child of the host's first process only through this script, so it dies with the host.
node_start() {
    mkdir -p "$slurm_folder/spool.h$1"
    host_start "$1" || return 1
    host_run "$1" slurmd -D -N "h$1" </dev/null >"$slurm_folder/log/slurmd.h$1.out" 2>&1 &
}

node_kill() {
    host_kill "$1"
}

slurm_state() {
    scontrol -o show job "$1" 2>/dev/null | sed -n '1s/.* JobState=\([A-Z_]*\) .*/\1/p'
}

slurm_logs() {
    local file
    squeue -a -o '%i %T %r %N' || true
    sinfo -N -l || true
    for file in "$slurm_folder"/log/*; do
        [ ! -s "$file" ] || { echo "== $file"; tail -n 25 "$file"; }
    done
}
