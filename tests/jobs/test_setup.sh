#!/usr/bin/env bash
# jobs/setup.sh on made-up machines: a folder of pretended commands stands for the system, and apt-get notes
# what it is asked for. Nothing is installed.
set -euo pipefail
setup=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/jobs/setup.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# pretend NAME BODY: a command of the made-up machine
pretend() {
    printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# machine USER-ID MISSING-PACKAGE...: a machine with apt-get and without these packages
machine() {
    local user=$1 tool
    shift
    rm -rf "${work:?}/bin"
    mkdir -p "$work/bin"
    for tool in bash env cat dirname; do
        ln -s "$(command -v "$tool")" "$work/bin/$tool"
    done
    : >"$work/asked"
    pretend id "echo $user"
    pretend apt-get "echo \"\$DEBIAN_FRONTEND \$*\" >>'$work/asked'"
    pretend dpkg-query "case ' $* ' in *\" \${@: -1} \"*) exit 1 ;; *) printf installed ;; esac"
}

# check NAME STATUS TEXT [ARGUMENT...]: run setup.sh there; its exit status and a part of what it prints
check() {
    local name=$1 status=$2 text=$3 got=0
    shift 3
    PATH="$work/bin" bash "$setup" "$@" >"$work/output" 2>&1 </dev/null || got=$?
    if [ "$got" != "$status" ] || ! grep -qF -- "$text" "$work/output"; then
        echo "FAILED $name: exit status $got, not $status, or no '$text' in:"
        sed 's/^/    /' "$work/output"
        failed=1
    fi
}

# asked NAME LINE...: apt-get was asked for exactly this
asked() {
    local name=$1
    shift
    if [ "$(cat "$work/asked")" != "$(printf '%s\n' "$@")" ]; then
        echo "FAILED $name: apt-get was asked for:"
        sed 's/^/    /' "$work/asked"
        failed=1
    fi
}

update='noninteractive -q update'
install='noninteractive -q -y --no-install-recommends install'

machine 0
check all_there_says_so 0 "setup: all 18 packages are there, nothing to do."
asked all_there_asks_nothing ""
[ "$(wc -l <"$work/output")" = 1 ] || { echo "FAILED all_there_is_one_line"; failed=1; }

machine 0 libyaml-dev libcmocka-dev
check root_installs 0 "setup: done."
asked root_installs_what_is_missing "$update" "$install libyaml-dev"

machine 0 libyaml-dev libcmocka-dev
check tests_installs_more 0 "missing: libyaml-dev libcmocka-dev" --tests
asked tests_installs_more "$update" "$install libyaml-dev libcmocka-dev"

machine 1000 zlib1g-dev
# shellcheck disable=SC2016 # $* is the pretended sudo's
pretend sudo 'echo sudo >>'"'$work/asked'"'; "$@"'
check user_with_sudo 0 "setup: running: sudo apt-get -q -y --no-install-recommends install zlib1g-dev"
asked user_with_sudo sudo "$update" sudo "$install zlib1g-dev"

machine 1000 zlib1g-dev
check user_without_sudo 2 "apt-get install zlib1g-dev"
asked user_without_sudo ""

machine 0 libpng-dev
pretend apt-get "echo \"\$*\" >>'$work/asked'; [ \"\$2\" != update ]"
check no_network_tries_the_old_lists 0 "trying with the old ones"
asked no_network_tries_the_old_lists "-q update" "${install#* } libpng-dev"

machine 0 libpng-dev
pretend apt-get "echo 'E: Unable to fetch' >&2; exit 100"
check apt_get_fails 1 "install: libpng-dev"

machine 0 libpng-dev
rm "$work/bin/apt-get"
check no_apt_get_prints_spack 2 "spack install"
check no_apt_get_prints_dnf 2 "dnf install"
check no_apt_get_prints_modules 2 "module load"

machine 0
check unknown_argument 2 "unknown argument '--test'" --test
check help_is_given 0 "usage: jobs/setup.sh" --help
asked arguments_ask_nothing ""

[ "$failed" = 0 ] && echo "setup: all cases passed"
exit "$failed"
