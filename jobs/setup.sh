#!/usr/bin/env bash
# Install what apd needs: jobs/setup.sh [--tests]
#
# Debian and Ubuntu: the missing packages, through apt-get, as root or by sudo. Elsewhere it installs nothing and prints
# what to install, for Spack, dnf and a cluster's modules.
# Exit status: 0 everything is there, 1 apt-get failed, 2 it has to be done by hand (as printed) or wrong usage.
set -euo pipefail

packages=(build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev
          libscalapack-openmpi-dev libopenblas-dev libyaml-dev librandom123-dev libpng-dev libjpeg-dev libxxhash-dev
          liblzma-dev zlib1g-dev hdf5-tools gnuplot-nox)
test_packages=(libcmocka-dev clang-format python3-h5py python3-numpy python3-pandas shellcheck xz-utils slurm-wlm munge iproute2
               strace mandoc zsh fish python3-jsonschema python3-yaml)

usage() {
    cat <<'TEXT'
usage: jobs/setup.sh [--tests]
  --tests   also what the tests need (cmocka, clang-format, h5py, numpy, pandas, shellcheck, xz, Slurm with munge, iproute2,
            strace, mandoc, zsh, fish, jsonschema, PyYAML)
TEXT
}

# The packages of the list that dpkg does not know as installed, one a line.
missing_packages() {
    local package state
    for package in "${packages[@]}"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || echo "$package"
    done
}

explain_by_hand() {
    cat <<'TEXT'
setup: this system has no apt-get, so nothing was installed. apd needs:
  a C compiler, CMake 3.20 or newer, Ninja, pkg-config, Open MPI, HDF5, ScaLAPACK, OpenBLAS,
  libyaml, Random123, libpng, libjpeg, xxHash, xz (liblzma), zlib; gnuplot for the figures of reports; for the tests also cmocka, and, where they are to be
  had, Python 3 with h5py, numpy and pandas, clang-format 14, shellcheck, xz, strace and Slurm (tests that lack them are skipped).

With Spack (not as root):
  spack install cmake ninja pkgconf openmpi hdf5~mpi netlib-scalapack openblas threads=none libyaml random123 libpng libjpeg-turbo xxhash xz zlib cmocka
  spack load cmake ninja pkgconf openmpi hdf5 netlib-scalapack openblas libyaml random123 libpng libjpeg-turbo xxhash xz zlib cmocka

With dnf (Fedora; RHEL and its kin with EPEL and CRB enabled), as root:
  dnf install gcc make cmake ninja-build pkgconf-pkg-config openmpi-devel hdf5-devel hdf5 scalapack-openmpi-devel openblas-devel libyaml-devel Random123-devel libpng-devel libjpeg-turbo-devel xxhash-devel xz-devel zlib-devel libcmocka-devel
  module load mpi/openmpi-x86_64

On a cluster, load its modules (names differ, see 'module avail'), for example:
  module load gcc cmake ninja openmpi hdf5 openblas scalapack
  and take what it lacks (mostly libyaml, Random123, xxHash, cmocka) from Spack as above.

Then: cmake --preset release && cmake --build --preset release
TEXT
}

# run COMMAND...: as root, directly or by sudo
run() {
    echo "setup: running:" "${as_root[@]}" "$@"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@"
}

install_packages() {
    echo "setup: apd needs these packages, which are missing: $*"
    if [ "$(id -u)" = 0 ]; then
        as_root=()
    elif command -v sudo >/dev/null; then
        as_root=(sudo)
        echo "setup: installing packages takes root's rights; sudo may ask for your password."
    else
        echo "setup: that takes root and there is no sudo. Ask an administrator to run:"
        echo "  apt-get install $*"
        echo "or take the libraries from Spack or modules: see docs/installing.md."
        exit 2
    fi
    # stale lists are no reason to stop: the packages may be there all the same
    run apt-get -q update || echo "setup: the package lists could not be refreshed; trying with the old ones."
    run apt-get -q -y --no-install-recommends install "$@" || {
        echo "setup: apt-get could not install them (see above). Without a network, install: $*" >&2
        exit 1
    }
}

for argument in "$@"; do
    case $argument in
        --tests) packages+=("${test_packages[@]}") ;;
        --help) usage; exit 0 ;;
        *) echo "setup: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    explain_by_hand
    exit 2
fi
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: all ${#packages[@]} packages are there, nothing to do."
else
    install_packages "${missing[@]}"
    echo "setup: done."
fi
