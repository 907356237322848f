#!/usr/bin/env bash
# apd built with other compilers and libraries:
#   tests/portable/builds.sh list               the builds, and what each needs
#   tests/portable/builds.sh reference FOLDER   what a build is compared with: data and two runs of the program that APD names
#   tests/portable/builds.sh BUILD [FOLDER]     configure (into FOLDER, which is kept), build with warnings as errors, run a
#                                               subset of the tests, and compare with the reference in APD_REFERENCE, or with
#                                               one made by the program that APD names
# Nothing is installed: a build whose compiler or library is not there is skipped (exit status 77).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source=$PWD

# name | what must be there: commands, or pkg-config's names as pc:NAME | its packages in Debian | what CMake is told |
# what the manifest of a run says, as a pattern
table='
gcc           | gcc                         | gcc                                          | -DCMAKE_C_COMPILER=gcc | "compiler": "[0-9]
clang         | clang                       | clang                                        | -DCMAKE_C_COMPILER=clang | "compiler": "[A-Za-z ]*Clang
mpich         | mpicc.mpich mpiexec.mpich   | mpich libmpich-dev libscalapack-mpich-dev    | -DMPI_C_COMPILER=mpicc.mpich -DMPIEXEC_EXECUTABLE=/usr/bin/mpiexec.mpich | "mpi": "MPICH
parallel-hdf5 | h5pcc                       | libhdf5-openmpi-dev                          | -DHDF5_C_COMPILER_EXECUTABLE=/usr/bin/h5pcc | "hdf5": "[^"]*parallel
reference-blas | pc:blas-netlib pc:lapack-netlib | libblas-dev liblapack-dev               | @netlib | "blas": "not OpenBLAS
flexiblas     | pc:flexiblas                | none in Debian 13                            | -DAPD_BLAS=flexiblas | "blas": "not OpenBLAS
other-mpi     | env:APD_OTHER_MPI           | none: a folder with bin/mpicc, bin/mpirun and lib/libscalapack.a | @other | "mpi": "
'

fail() {
    echo "FAILED: $*" >&2
    [ ! -s "${work-/nowhere}/out" ] || tail -n 40 "$work/out" >&2
    exit 1
}

# row NAME: its fields, in the variables needs, packages, arguments and shows
row() {
    local name
    while IFS='|' read -r name needs packages arguments shows; do
        read -r name <<<"$name"
        read -r packages <<<"$packages"
        read -r -a arguments <<<"$arguments"
        shows=${shows# }
        [ "$name" != "$1" ] || return 0
    done <<<"$table"
    echo "tests/portable/builds.sh: no build '$1'; 'list' lists them" >&2
    exit 2
}

is_there() {
    case $1 in
        pc:*) pkg-config --exists "${1#pc:}" ;;
        env:*) local name=${1#env:} && [ -n "${!name-}" ] ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# trained PROGRAM NAME OPTION...: a run of three small tasks in the folder $reference or $work, whichever is current
trained() {
    local program=$1 name=$2
    shift 2
    rm -rf "$name"
    "${launch[@]}" "$program" train "$source/jobs/quickstart.yaml" --set data.file=glyphs.h5 --set "output=$name" \
        --set stream.tasks=3 --set training.epochs=3 --set method.polish_epochs=1 "$@" >out 2>&1 || fail "$program: $name"
}

# Two runs: one without the BLAS, whose digest every build has to meet, and one that consolidates, whose bits depend on it.
train_both() {
    trained "$1" plain
    trained "$1" consolidated --set method.consolidate_every=2 --set method.clusters_added=1 --set method.beta=0.05
}

make_reference() {
    : "${APD:?APD names the program to compare with}"
    mkdir -p "$1"
    cd "$1"
    "$APD" generate --classes 15 --train 20 --test 10 --size 16 --output glyphs.h5 >out
    train_both "$APD"
    cd "$source"
}

fact() {
    grep -o "\"$1\": *\"[^\"]*\"" "$2/manifest.json" | sed 's/[^:]*: *"//; s/"$//'
}

launch=()
case ${1-} in
    list)
        while IFS='|' read -r name needs packages _; do
            [ -z "$name" ] || echo "$name:" "${packages}"
        done <<<"$table"
        exit 0
        ;;
    reference) make_reference "${2:?a folder}"; exit 0 ;;
    '') echo "usage: tests/portable/builds.sh list | reference FOLDER | BUILD [FOLDER]" >&2; exit 2 ;;
esac

row "$1"
name=$1
for one in $needs; do
    is_there "$one" || { echo "skipped: $name: no $one (Debian's packages: $packages)"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=${2:-$work/build}
reference=${APD_REFERENCE-$work/reference}
[ -n "${APD_REFERENCE-}" ] || make_reference "$reference"
case ${arguments[0]} in
    @other)
        library=$(find "$APD_OTHER_MPI" -name 'libscalapack.*' -print -quit)
        arguments=("-DMPI_C_COMPILER=$APD_OTHER_MPI/bin/mpicc" "-DMPIEXEC_EXECUTABLE=$APD_OTHER_MPI/bin/mpirun"
                   "-DSCALAPACK_LIBRARY=$library")
        export LD_LIBRARY_PATH=$APD_OTHER_MPI/lib
        ;;
    @netlib)
        # Debian's alternatives choose the BLAS when a program starts, whatever it was linked to
        library=$(pkg-config --variable=libdir blas-netlib)
        arguments=("-DAPD_BLAS=blas-netlib;lapack-netlib")
        export LD_LIBRARY_PATH=$library/blas:$library/lapack
        ;;
esac

# as the preset tests, whose bits are compared
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DAPD_NATIVE=ON -DAPD_WARNINGS_AS_ERRORS=ON -DAPD_TESTS=ON \
    -DAPD_FAULTS=ON "${arguments[@]}" >"$work/out" 2>&1 || fail "$name: cmake"
units=(random network layers product solver_exact metrics partition runlog durable description dataset picture part prefetcher
       library)
parallel=(team exchange gram checkpoint segments)
targets=("${units[@]}" "${parallel[@]}")
cmake --build "$build" --parallel 2 --target apd "${targets[@]/#/test_}" >"$work/out" 2>&1 || fail "$name: the build"

# mpirun of this MPI, for the tests of the whole program
mkdir "$work/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(sed -n 's/^MPIEXEC_EXECUTABLE:[A-Z]*=//p' "$build/CMakeCache.txt")" >"$work/bin/mpirun"
chmod +x "$work/bin/mpirun"
export PATH=$work/bin:$PATH
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe \
    PRTE_MCA_hwloc_default_binding_policy=none OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

programs='program_(same_bits_exact|same_bits_consolidation|about)|interrupt_(time_limit|interval)|predict_images|report_study'
# MPICH's mpiexec does not pass SIGUSR2 on, and its ranks outlive a killed mpiexec for more than a second
mpirun --version 2>&1 | grep -q HYDRA || programs+='|program_resume|interrupt_signals'
tests="^($(IFS='|'; echo "${units[*]}")|($(IFS='|'; echo "${parallel[*]}"))_2_ranks|exchange_4_ranks|$programs)\$"
(cd "$build" && ctest --output-on-failure -R "$tests") >"$work/out" 2>&1 || fail "$name: the tests"
count=$(sed -n 's/.*tests passed, 0 tests failed out of //p' "$work/out")
[ "${count:-0}" -ge 25 ] || fail "$name: only ${count:-no} tests"

program=$build/apd
cd "$work"
cp "$reference/glyphs.h5" .
launch=(mpirun -n 2)
train_both "$program"
manifest=$work/plain/manifest.json
grep -qE "$shows" "$manifest" || fail "$name: the manifest does not say '$shows': $(cat "$manifest")"
for run in plain consolidated; do
    cp -r "$reference/$run" read
    "$program" verify read >out 2>&1 || fail "$name: verify of the reference's $run"
    mpirun -n 2 "$program" evaluate read --set data.file=glyphs.h5 >out 2>&1 || fail "$name: evaluate of the reference's $run"
    grep -q 'all as recorded' out || fail "$name: the reference's $run has other accuracies"
    rm -r read
done
: >out
same=consolidated
[ "$(fact results_digest plain)" = "$(fact results_digest "$reference/plain")" ] || fail "$name: other bits than the reference"
if [ "$(fact results_digest consolidated)" != "$(fact results_digest "$reference/consolidated")" ]; then
    [ "$(fact blas plain)" != "$(fact blas "$reference/plain")" ] || fail "$name: other bits after consolidation, by the same BLAS"
    same="without consolidation"
fi
echo "$name: compiler $(fact compiler plain); $(fact mpi plain | cut -d, -f1 | sed 's/ Version:.u0009/ /'); $(fact hdf5 plain);" \
    "BLAS $(fact blas plain | cut -d' ' -f1-2); $count tests; same digest: $same"
