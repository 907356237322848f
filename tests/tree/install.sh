#!/usr/bin/env bash
# What cmake --install leaves can be used from there: tests/tree/install.sh BUILD
set -euo pipefail
build=$(cd "${1:?the build folder}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    [ ! -s out ] || sed 's/^/    /' out >&2
    exit 1
}

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >out 2>&1 || fail "cmake --install"
jobs=$prefix/share/apd/jobs
version=$(basename "$(echo "$prefix"/share/modulefiles/apd/*.lua)" .lua)
export PATH=$prefix/bin:$PATH
[ "$(command -v apd)" = "$prefix/bin/apd" ] || fail "no apd in bin"

echo "- a run of an installed description"
mkdir data
apd generate --classes 10 --train 10 --test 4 --output data/glyphs.h5 >out
short=(--set stream.tasks=2 --set training.epochs=2 --set method.polish_epochs=1)
apd train "$jobs/quickstart.yaml" "${short[@]}" >out 2>&1 || fail "apd train"
grep -q '^average accuracy' out || fail "no result"
apd verify runs/quickstart >out || fail "apd verify"

echo "- a job script, with a pretended mpirun"
mkdir bin
# shellcheck disable=SC2016 # the pretended command expands it
printf '#!/bin/sh\nexec "$@"\n' >bin/mpirun
chmod +x bin/mpirun
env PATH="$work/bin:$PATH" SLURM_JOB_ID=7 SLURM_SUBMIT_DIR="$work" bash "$jobs/train.sbatch" "$jobs/quickstart.yaml" \
    "${short[@]}" --set name=job >out 2>&1 || fail "train.sbatch"
grep -q 'the run is done' out || fail "train.sbatch does not end a run"
for script in train array scaling; do
    [ -x "$jobs/$script.sbatch" ] || fail "$script.sbatch is not there"
done

echo "- manual, documents, completion"
if command -v man >/dev/null; then
    [ "$(man -M "$prefix/share/man" -w apd)" = "$prefix/share/man/man1/apd.1" ] || fail "man does not find the manual"
fi
[ -f "$prefix/share/man/man1/apd.1" ] || fail "no manual"
for name in README.md LICENSE CITATION.cff CHANGELOG.md docs/installing.md docs/pictures/report.png; do
    [ -f "$prefix/share/doc/apd/$name" ] || fail "no $name"
done
for command in train schema; do
    [ -s "$prefix/share/man/man1/apd-$command.1" ] || fail "no page of apd $command"
done
for file in bash-completion/completions/apd zsh/site-functions/_apd fish/vendor_completions.d/apd.fish apd/schema/run.schema.json; do
    [ -s "$prefix/share/$file" ] || fail "no $file"
done
lmod=/usr/share/lmod/lmod/init/bash
if [ -e "$lmod" ]; then
    echo "- the module, by Lmod"
    # Lmod's functions are not made for set -eu
    # shellcheck source=/dev/null
    (set +eu; PATH=/usr/bin:/bin; source "$lmod"; module use "$prefix/share/modulefiles"; module load apd
     apd --version && pkg-config --modversion apd && man -w apd && ls "$APD_JOBS/train.sbatch" && module unload apd && ! command -v apd) \
        >out 2>&1 || fail "module load apd"
    grep -q "^apd $version" out || fail "the module's apd has another version than $version"
fi
# shellcheck source=/dev/null
source "$prefix/share/bash-completion/completions/apd"
COMP_WORDS=(apd tr) COMP_CWORD=1
_apd
[ "${COMPREPLY[*]}" = train ] || fail "completion offers '${COMPREPLY[*]}' for a command"
echo "passed"
