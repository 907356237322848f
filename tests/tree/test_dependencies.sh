#!/usr/bin/env bash
# Each missing library ends CMake's configuration with one message that names it and says where to get it.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# configure ARGUMENT...: from nothing; what CMake prints is left in $work/output, on one line
configure() {
    local status=0
    rm -rf "$work/build"
    cmake -S "$source" -B "$work/build" -DAPD_TESTS=ON "$@" >"$work/raw" 2>&1 || status=$?
    tr -s ' \n' ' ' <"$work/raw" >"$work/output"
    return "$status"
}

# refused WHAT ARGUMENT...: configured so, CMake stops, and the message names WHAT
refused() {
    local what=$1
    shift
    if configure "$@"; then
        echo "FAILED: configured without $what"
        failed=1
    elif ! grep -qF "apd needs $what" "$work/output" || ! grep -qF "jobs/setup.sh" "$work/output" ||
        [ "$(grep -c 'CMake Error' "$work/raw")" != 1 ]; then
        echo "FAILED: without $what CMake says:"
        sed 's/^/    /' "$work/raw"
        failed=1
    fi
}

# without MODULE: a folder of all pkg-config files but this one
without() {
    local folder file
    rm -rf "$work/modules"
    mkdir "$work/modules"
    for folder in $(pkg-config --variable pc_path pkg-config | tr : ' '); do
        for file in "$folder"/*.pc; do
            [ ! -e "$file" ] || [ "$(basename "$file")" = "$1.pc" ] || ln -sf "$file" "$work/modules/"
        done
    done
}

configure || { echo "FAILED: with everything there"; cat "$work/raw"; exit 1; }

refused "MPI" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON
refused "HDF5" -DCMAKE_DISABLE_FIND_PACKAGE_HDF5=ON
refused "pkg-config" -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
refused "Random123" -DCMAKE_IGNORE_PATH="/usr/include;/usr/local/include"
while read -r module name; do
    without "$module"
    export PKG_CONFIG_LIBDIR=$work/modules
    refused "$name"
    unset PKG_CONFIG_LIBDIR
done <<'TEXT'
yaml-0.1 libyaml
libpng libpng
libjpeg libjpeg
libxxhash xxHash
liblzma liblzma
zlib zlib
cmocka cmocka
TEXT

# BLAS is also looked for without pkg-config
without openblas
export PKG_CONFIG_LIBDIR=$work/modules
configure || { echo "FAILED: with a BLAS that has no pkg-config file"; failed=1; }
refused "OpenBLAS, or another BLAS with LAPACK" -DCMAKE_DISABLE_FIND_PACKAGE_LAPACK=ON
refused "BLAS and LAPACK by pkg-config's names 'nowhere'" -DAPD_BLAS=nowhere
unset PKG_CONFIG_LIBDIR

# What a packager gets without asking: no flag of ours but those on which results depend, and no tests
configure -DAPD_TESTS=OFF -DCMAKE_C_FLAGS_RELEASE=-O2
if grep -qE -- '-march|-Werror|-O3' "$work/build/compile_commands.json" ||
    ! grep -q -- '-O2.*-ffp-contract=off' "$work/build/compile_commands.json"; then
    echo "FAILED: the flags of a plain build"
    failed=1
fi

# ScaLAPACK is also looked for without pkg-config
without scalapack-openmpi
export PKG_CONFIG_LIBDIR=$work/modules
configure || { echo "FAILED: with a ScaLAPACK that has no pkg-config file"; failed=1; }
refused "ScaLAPACK" -DSCALAPACK_LIBRARY=OFF
unset PKG_CONFIG_LIBDIR

[ "$failed" = 0 ] && echo "dependencies: all cases passed"
exit "$failed"
