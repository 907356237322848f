# shellcheck shell=bash
# A small run for tests that start the program in other places; sourced, with APD and `repository` set.
: "${repository:?}"

# Open MPI between virtual hosts as root, many ranks on few cores
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

make_data() {
    "$APD" generate --classes 12 --train 24 --test 9 --size 16 --output glyphs.h5 >/dev/null
}

# describe NAME TASKS EPOCHS: NAME.yaml, a run in the folder NAME
describe() {
    cat >"$1.yaml" <<YAML
name: $1
output: $PWD/$1
seed: 5
shards: 4
data: {file: glyphs.h5, validation: 0.2, flip: true, shift: 1}
stream: {kind: split, tasks: $2, classes_per_task: 3}
network:
  layers:
    - conv: {units: 6, kernel: 3}
    - relu
    - max_pool: {kernel: 3, stride: 2}
    - dense: {units: 20}
    - relu
    - dropout: {rate: 0.2}
method: {lambda1: 1e-3, polish_epochs: 1, recentre_every: 2}
training: {epochs: $3, batch: 16, lr: 1e-3, keep_best: 2}
log: {interval: 5}
YAML
}

# fingerprint FOLDER: everything that a stop, a restart or another place must not change
fingerprint() {
    /usr/bin/python3 "$repository/tests/contents.py" "$1/checkpoint.h5"
    cat "$1/accuracy.csv"
    cut -d, -f1-9 "$1/tasks.csv"
}

same_bits() {
    diff <(fingerprint "$1") <(fingerprint "$2") || fail "$2 has other bits than $1"
}
