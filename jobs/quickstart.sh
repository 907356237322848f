#!/usr/bin/env bash
# From nothing to a trained run in a minute or two: set-up, build, data, training, a report.
#   jobs/quickstart.sh [--no-install]
# Downloads no data. Run again, it resumes the run. With --no-install, or with APD_NO_INSTALL set
# to anything but 0, it installs nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/release
data=data/glyphs.h5
run=runs/quickstart
log=build/quickstart.log

install=1
case ${APD_NO_INSTALL-} in '' | 0) ;; *) install= ;; esac
for argument in "$@"; do
    case $argument in
        --no-install) install= ;;
        --help) echo "usage: jobs/quickstart.sh [--no-install]"; exit 0 ;;
        *) echo "quickstart: unknown argument '$argument'; usage: jobs/quickstart.sh [--no-install]" >&2; exit 2 ;;
    esac
done

step() {
    printf '\n== %s\n' "$*"
}

# OpenBLAS's threads would compete with the ranks.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# Two ranks may share a core.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

configure() {
    cmake --preset release >"$log" 2>&1
}

mkdir -p build
step "1/5 Set-up"
# What a cluster's modules or Spack give is as good as packages: anything is installed only when the build cannot be
# configured, or there is no mpirun.
if command -v cmake >/dev/null && command -v ninja >/dev/null && command -v mpirun >/dev/null && configure; then
    echo "All that the build needs is there."
else
    [ -z "$install" ] || jobs/setup.sh
    rm -f "$build/CMakeCache.txt"
    configure || { cat "$log"; exit 2; }
fi

step "2/5 Build (into $build)"
cmake --build --preset release --target apd

step "3/5 Data"
if [ -e "$data" ]; then
    echo "$data is there already."
else
    mkdir -p data
    "$build/apd" generate --classes 50 --train 100 --test 30 --size 28 --seed 1 --output "$data"
fi

step "4/5 Training on 2 ranks (Ctrl-C stops it)"
mpirun -n 2 "$build/apd" train jobs/quickstart.yaml || {
    status=$?
    echo "quickstart: training stopped with exit status $status; 'man jobs/apd.1' says what that means." >&2
    exit "$status"
}

step "5/5 Report"
"$build/apd" report "$run"

cat <<TEXT

== Where everything is (in $PWD)
  $run/report/index.html  tables and figures of the run, for a browser
  $run/run.yaml           the description as resolved, every value with its origin
  $run/checkpoint.h5      what was learned; h5ls, h5dump and h5py read it
  $run/accuracy.csv       accuracy on every task after every task
  $run/...                tasks.csv, metrics.jsonl, manifest.json
  $data                     the data: 50 classes of drawn glyphs
  $build/apd                  the program; 'man jobs/apd.1' is its manual

== What to try next
  $build/apd inspect $run --layers
  $build/apd contact $data sheet.png
  $build/apd verify $run
  mpirun -n 2 $build/apd evaluate $run
  mpirun -n 2 $build/apd train jobs/quickstart.yaml --set output=runs/other --set seed=7
  export PATH=\$PWD/$build:\$PATH   (README.md and docs/ then say just apd)
TEXT
if [ "$(id -u)" = 0 ]; then
    echo "(as root, first: export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)"
fi
