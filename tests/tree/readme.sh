#!/usr/bin/env bash
# README.md and jobs/apd.1 against the program that APD names:
#   tests/tree/readme.sh names      they name the commands, options, files and packages that there are, and no others
#   tests/tree/readme.sh commands   every command, description and Python snippet of README.md runs, in a copy of the
#                              tree, in the order in which they stand there
# The second unpacks real data only where APD_DATA names its folder.
# shellcheck disable=SC2016 # backquotes are Markdown's here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${APD:?APD names the program under test}"
export LC_ALL=C OMPI_MCA_rmaps_base_oversubscribe=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# same WHAT: the two lists $work/a and $work/b are equal
same() {
    diff "$work/a" "$work/b" >"$work/difference" || fail "$1 (< the one, > the other): $(cat "$work/difference")"
    [ -s "$work/a" ] || fail "$1: nothing was found"
}

# section TITLE: a section of README.md
section() {
    awk -v title="## $1" '/^## / { inside = $0 == title } inside' README.md
}

# --- names ----------------------------------------------------------------------------------------------------

# Lists have a line "COMMAND" for each command, and a line "COMMAND --OPTION" for each of its options.
program_names() {
    local command
    for command in $("$APD" --help | sed -n 's/^  apd \([a-z]*\) .*/\1/p'); do
        echo "$command"
        "$APD" "$command" --help | sed -n "s/^  \(--[a-z-]*\).*/$command \1/p"
    done | sort -u
}

# usage lines, of README.md or of the manual without its macros, as such a list
usage_names() {
    awk '/(^| )apd [a-z]+/ {
             match($0, /apd [a-z]+/); command = substr($0, RSTART + 4, RLENGTH - 4); print command
             while (match($0, /--[a-z-]+/)) {
                 print command " " substr($0, RSTART, RLENGTH)
                 $0 = substr($0, RSTART + RLENGTH)
             }
         }' | sort -u
}

manual_section() {
    awk -v title=".SH $1" '/^\.SH/ { inside = $0 == title } inside' jobs/apd.1 | sed 's/\\f[A-Z]//g; s/\\-/-/g'
}

# what the manual explains: an option stands right below .TP
explained_names() {
    manual_section COMMANDS | awk '
        /^\.SS "apd / { gsub(/"/, ""); command = $3; print command }
        above == ".TP" && $2 ~ /^--/ { print command " " $2 }
        { above = $0 }' | sort -u
}

check_names() {
    program_names >"$work/a"
    section Commands | sed -n '/^```text/,/^```$/p' | usage_names >"$work/b"
    same "apd --help and README.md's Commands"
    manual_section SYNOPSIS | usage_names >"$work/b"
    same "apd --help and the manual's synopsis"
    explained_names >"$work/b"
    same "apd --help and the manual's commands"
    "$APD" --help | sed -n 's/^  apd \([a-z]*\) .*/\1/p' | sort >"$work/commands"
    grep -oE '`apd [a-z]+' README.md | cut -d' ' -f2 | sort -u | comm -23 - "$work/commands" >"$work/unknown"
    [ ! -s "$work/unknown" ] || fail "README.md speaks of apd $(cat "$work/unknown")"
}

check_files() {
    section 'Run descriptions' | sed -n 's/^| `\([^`]*\.yaml\)`.*/\1/p' | sort >"$work/a"
    (cd jobs && printf '%s\n' *.yaml) | sort >"$work/b"
    same "README.md's run descriptions and those in jobs/"
    local row name folder
    while read -r row; do
        folder=
        for name in $(grep -oE '`[^` ]+`' <<<"${row%|*|}" | tr -d '`'); do
            case $name in */*) folder=${name%/*} ;; *) name=$folder/$name ;; esac
            [ -f "$name" ] || fail "README.md's reading list names $name"
        done
    done < <(section 'Reading the code' | grep '^| `')
}

# continued lines joined
joined() {
    sed -e :a -e '/\\$/N; s/ *\\\n */ /; ta' "$@"
}

# installed COMMAND: what README.md has it install
installed() {
    section Installing | joined | sed -n "s/^$1//p" | tr -s ' ' '\n' | sed '/^$/d' | sort
}

check_packages() {
    installed 'apt-get install' >"$work/a"
    sed -n '/^packages=(/,/)$/p' jobs/setup.sh | tr -s '()= ' '\n' | sed '/^$/d; /^packages$/d' | sort >"$work/b"
    same "README.md's and jobs/setup.sh's Debian packages"
    local tool
    for tool in 'dnf install' 'spack install'; do
        installed "$tool" >"$work/a"
        sed -n "s/^  $tool//p" jobs/setup.sh | tr -s ' ' '\n' | sed '/^$/d' | sort >"$work/b"
        same "README.md's and jobs/setup.sh's packages for $tool"
    done
}

# --- commands -------------------------------------------------------------------------------------------------

# What does not run as it stands: commands that begin so, and what is run instead (":" and a reason: nothing).
substitutions() {
    cat <<'TEXT'
jobs/quickstart.sh => sed -i 's/epochs: .*/epochs: 2/; s/polish_epochs: 2/polish_epochs: 1/' jobs/*start.yaml; jobs/quickstart.sh
tests/run.sh => : this is one of its tests
apt-get install => : installs
dnf install => : installs
spack install => : installs
apd import cifar100 => real cifar-100 apd import cifar100 "${APD_DATA-}/cifar-100" --output data/cifar100.h5
apd import mnist => real mnist apd import mnist "${APD_DATA-}/mnist" --output data/mnist.h5
apd import omniglot => real omniglot omniglot
apd import images => photos; apd import images photos --output data/photos.h5
mpirun -n 2 apd train jobs/cifar100-superclass.yaml --set method => real cifar-100 mpirun -n 2 apd train jobs/cifar100-superclass.yaml --set name=clusters --set method.consolidate_every=1 --set stream.tasks=2 --set training.epochs=1 --set method.polish_epochs=0
mpirun -n 2 apd train jobs/cifar100-superclass.yaml => real cifar-100 mpirun -n 2 apd train jobs/cifar100-superclass.yaml --set stream.tasks=2 --set training.epochs=1 --set method.polish_epochs=0
mpirun -n 2 apd train jobs/cifar100-superclass-stl.yaml => real cifar-100 mpirun -n 2 apd train jobs/cifar100-superclass-stl.yaml --set stream.tasks=2 --set training.epochs=1 --set method.polish_epochs=0
mpirun -n 2 apd train jobs/mnist-permutation.yaml => real mnist mpirun -n 2 apd train jobs/mnist-permutation.yaml --set stream.tasks=2 --set training.epochs=1 --set method.polish_epochs=0
mpirun -n 2 --bind-to core apd train jobs/mnist-permutation-2500.yaml => real mnist mpirun -n 2 apd train jobs/mnist-permutation-2500.yaml --set stream.tasks=2
sbatch => : needs a cluster
srun => : needs a cluster
TEXT
}

# The shell functions that the substitutions use: real FOLDER COMMAND... runs it where there is such data;
# photos are images of two classes.
helpers() {
    cat <<'TEXT'
set -euo pipefail
real() {
    local folder=${APD_DATA-}/$1
    shift
    if [ -z "${APD_DATA-}" ] || [ ! -d "$folder" ]; then echo "(not run: no $folder)"; else "$@"; fi
}
omniglot() {
    mkdir omniglot
    cat "$APD_DATA"/omniglot/images_background.tar.xz | tar -xJ -C omniglot
    cat "$APD_DATA"/omniglot/images_evaluation.tar.xz | tar -xJ -C omniglot
    apd import omniglot omniglot --output data/omniglot.h5
}
photos() {
    local class number
    for class in cat dog; do
        mkdir -p photos/$class
        for number in 1 2 3 4 5 6; do
            apd generate --seed $number$number --classes 2 --train 1 --test 1 --size 16 --output one.h5 >/dev/null
            apd contact one.h5 photos/$class/$number.png --rows 1 --columns 1
        done
    done
}
TEXT
}

# The blocks of README.md as files $work/blocks/NUMBER.LANGUAGE
extract_blocks() {
    mkdir "$work/blocks"
    awk -v folder="$work/blocks" '
        /^```$/ { file = ""; next }
        /^```/ { file = sprintf("%s/%02d.%s", folder, ++count, substr($0, 4)); next }
        file != "" { print > file }' README.md
}

# one command of README.md, or what stands for it
substituted() {
    local line=$1 from to
    while IFS= read -r from; do
        to=${from#* => }
        from=${from%% => *}
        if [ "${line#"$from"}" != "$line" ]; then
            echo "$from" >>"$work/used"
            echo "$to"
            return
        fi
    done < <(substitutions)
    echo "$line"
}

# README.md as one script
write_script() {
    local block line
    helpers
    for block in "$work"/blocks/*; do
        case $block in
            *.sh)
                while IFS= read -r line; do
                    printf 'echo %q\n' "+ $line"
                    substituted "$line"
                done < <(joined "$block")
                ;;
            *.python) echo "echo '+ python'; /usr/bin/python3 $block" ;;
            *.yaml) echo "cp $block $(sed -n '1s/^# //p' "$block")" ;;
        esac
    done
}

# README.md's way to read a checkpoint is right: the weights that it makes, in a network of numpy's, classify the
# task's test images as often as the run says.
check_weights() {
    local snippet
    snippet=$(grep -l checkpoint.h5 "$work"/blocks/*.python)
    cat "$snippet" - >"$work/forward.py" <<'TEXT'
import csv

with h5py.File("runs/mine/checkpoint.h5") as file, h5py.File("data/mine.h5") as data:
    task, first = file["tasks/000002"], 0
    chosen = np.isin(data["test/labels"][:], task.attrs["classes"])
    mean, deviation = task["normalisation"][:]
    x = (data["test/images"][:][chosen] / 255 - mean[:, None, None]) / deviation[:, None, None]
    x = x.reshape(len(x), -1)
    for weight in weights.values():
        x = np.maximum(x @ weight.T + task["bias"][first : first + len(weight)], 0)
        first += len(weight)
    guess = task.attrs["classes"][(x @ task["head/weight"][:].T + task["head/bias"][:]).argmax(axis=1)]
    accuracy = (guess == data["test/labels"][:][chosen]).mean()
recorded = float(list(csv.DictReader(open("runs/mine/tasks.csv")))[2]["accuracy"])
assert abs(accuracy - recorded) < 1e-6, (accuracy, recorded)
assert recorded > 0.8, recorded
TEXT
    /usr/bin/python3 "$work/forward.py" || fail "the weights of README.md's snippet are not the task's"
}

check_commands() {
    /usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null || { echo "skipped: Python without h5py"; exit 77; }
    extract_blocks
    write_script >"$work/script"
    substitutions | sed 's/ => .*//' | sort >"$work/a"
    sort -u "$work/used" >"$work/b"
    same "the substitutions and those that README.md needs"
    mkdir "$work/tree"
    cp -r CMakeLists.txt CMakePresets.json README.md src mpi io jobs tests "$work/tree"
    printf '#!/bin/sh\necho "jobs/setup.sh is not run in a test" >&2\nexit 1\n' >"$work/tree/jobs/setup.sh"
    cd "$work/tree"
    bash "$work/script" </dev/null >"$work/output" 2>&1 || fail "$(tail -n 30 "$work/output")"
    local text
    for text in 'average accuracy' 'every digest is right' 'all as recorded' 'resuming from commit'; do
        grep -qF "$text" "$work/output" || fail "no \"$text\" in: $(cat "$work/output")"
    done
    grep -E '^\+|not run' "$work/output"
    # forgetting, which comes last, has removed the commit before
    (cd runs/mine && printf '%s\n' * checkpoint.previous.h5) | sort -u >"$work/a"
    section 'What a run leaves' | sed -n 's/^| `\([^`]*\)`.*/\1/p' | sort >"$work/b"
    same "a run's folder and README.md's table of it"
    check_weights
}

case "${1-}" in
    names)
        check_names
        check_files
        check_packages
        ;;
    commands) check_commands ;;
    *) echo "usage: tests/tree/readme.sh names | commands" >&2; exit 2 ;;
esac
echo "passed: $1"
