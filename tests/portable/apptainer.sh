#!/usr/bin/env bash
# jobs/packages/apd.def as far as it can be run:
#   tests/portable/apptainer.sh sections FOLDER   its scripts as files FOLDER/STAGE-SECTION.sh
#   tests/portable/apptainer.sh                   with Apptainer: build and test the image. Without, as root, with debootstrap:
#                                                 the sections in bare roots of Debian 12, in a folder that is deleted
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
definition=jobs/packages/apd.def

sections() {
    awk -v folder="$1" '
        /^Stage:/ { stage = $2 }
        /^%/ { file = $1 ~ /^%(post|test|environment|runscript)$/ ? folder "/" stage "-" substr($1, 2) ".sh" : "" }
        file != "" && !/^%/ && !/^(Bootstrap|From|Stage):/ { print >file }' "$definition"
}

if [ "${1-}" = sections ]; then
    sections "$2"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
fail() {
    echo "FAILED: $*" >&2
    [ ! -s "$work/out" ] || tail -n 30 "$work/out" >&2
    exit 1
}

if command -v apptainer >/dev/null; then
    apptainer build "$work/apd.sif" "$definition" >"$work/out" 2>&1 || fail "apptainer build"
    apptainer test "$work/apd.sif" >"$work/out" 2>&1 || fail "apptainer test"
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "skipped: neither apptainer nor, as root, debootstrap"
    exit 77
fi

mkdir "$work/sections" "$work/build"
sections "$work/sections"
debootstrap --variant=minbase bookworm "$work/build" >"$work/out" 2>&1 || { echo "skipped: debootstrap has no Debian 12"; exit 77; }
cp -a "$work/build" "$work/final"

# inside STAGE SECTION: in a mount namespace of its own, so that nothing stays mounted
inside() {
    cp "$work/sections/$1-$2.sh" "$work/$1/section.sh"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && cp /etc/resolv.conf "$1/etc/" &&
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /bin/sh /section.sh' _ "$work/$1" >"$work/out" 2>&1 || fail "%$2 of the stage $1"
}

mkdir "$work/build/source"
git archive HEAD | tar -x -C "$work/build/source"
inside build post
cp "$work/build/packages/apd.deb" "$work/final/apd.deb"
inside final post
inside final test
grep -q 'every digest is right' "$work/out" || fail "%test verified nothing"
echo "- the sections of $(basename "$definition") run in Debian 12; $(du -sm "$work/final" | cut -f1) MB installed"
