#!/usr/bin/env bash
# apd for AArch64, cross-compiled and run under emulation: tests/portable/aarch64.sh [ROOT]
# As root, with debootstrap: a bare Debian 12 in ROOT (kept, and used again if it is there), or in a folder that is deleted. The
# cross compiler, qemu-user and the libraries' arm64 packages are installed into it, not into this system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=${1:-$work/root}

fail() {
    echo "FAILED: $*" >&2
    [ ! -s "$work/out" ] || tail -n 30 "$work/out" >&2
    exit 1
}

# inside COMMAND: a shell's command in the root, with this tree as /source; nothing stays mounted
inside() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind . "$1/source" &&
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig OPENBLAS_NUM_THREADS=1 \
        OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_pml=ob1 OMPI_MCA_btl=self /bin/sh -ec "$2"' _ "$root" "$1" >"$work/out" 2>&1
}

if [ ! -e "$root/source" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
        echo "skipped: debootstrap, as root, is needed"
        exit 77
    fi
    debootstrap --variant=minbase bookworm "$root" >"$work/out" 2>&1 || { echo "skipped: debootstrap has no Debian 12"; exit 77; }
    cp /etc/resolv.conf "$root/etc/"
    mkdir "$root/source"
    inside 'dpkg --add-architecture arm64
        apt-get update
        apt-get install -y --no-install-recommends gcc-aarch64-linux-gnu cmake ninja-build pkg-config qemu-user
        apt-get install -y --no-install-recommends libopenmpi-dev:arm64 libscalapack-openmpi-dev:arm64 libhdf5-dev:arm64 \
            libopenblas-dev:arm64 libyaml-dev:arm64 librandom123-dev libpng-dev:arm64 libjpeg-dev:arm64 libxxhash-dev:arm64 \
            liblzma-dev:arm64 zlib1g-dev:arm64 libcmocka-dev:arm64' || fail "the packages"
fi
cat >"$root/cross.cmake" <<'CMAKE'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
CMAKE
units=(random layers product winograd network solver_exact metrics decomposition proximal description part)
inside "cmake -S /source -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DAPD_TESTS=ON -DAPD_WARNINGS_AS_ERRORS=ON -DCMAKE_TOOLCHAIN_FILE=/cross.cmake
    cmake --build /build --parallel 2 --target apd ${units[*]/#/test_}" || fail "the build"
for unit in "${units[@]}"; do
    inside "cd /build/tests && qemu-aarch64 ./test_$unit" || fail "the test $unit"
done

# a run of its own, and one of the main build, with the accuracies recorded there
: "${APD:?APD names the program to compare with}"
rm -rf "$root/work"
mkdir "$root/work"
small='/source/jobs/quickstart.yaml --set data.file=/work/glyphs.h5 --set stream.tasks=2 --set training.epochs=2 --set method.polish_epochs=1'
"$APD" generate --classes 10 --train 20 --test 10 --size 16 --output "$root/work/glyphs.h5" >"$work/out"
# shellcheck disable=SC2086 # several words
"$APD" train ${small//\/source\//} --set data.file="$root/work/glyphs.h5" --set output="$root/work/other" >"$work/out" 2>&1 || fail "the main build's run"
inside "cd /work
    qemu-aarch64 /build/apd train $small --set output=/work/own
    qemu-aarch64 /build/apd verify /work/own
    qemu-aarch64 /build/apd verify /work/other
    qemu-aarch64 /build/apd evaluate /work/other --set data.file=/work/glyphs.h5" || fail "runs"
grep -q 'all as recorded' "$work/out" || fail "other accuracies than the main build"
grep -q '"kernels": *"neon"' "$root/work/own/manifest.json" || fail "its kernels are not NEON's"
# the other way round
"$APD" evaluate "$root/work/own" --set data.file="$root/work/glyphs.h5" >"$work/out" 2>&1 || fail "evaluate of its run"
grep -q 'all as recorded' "$work/out" || fail "the main build has other accuracies"
echo "aarch64: $(sed -n 's/.*"compiler": *\("[^"]*"\).*/gcc \1/p' "$root/work/own/manifest.json"), ${#units[@]} tests, runs read both ways"
