#!/usr/bin/env bash
# The recipes of jobs/packages against the sources and the program that APD names: versions, names, and as much of each as can
# be run without Spack, EasyBuild and Apptainer. The module is tested with an installed tree: tests/tree/install.sh
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
packages=$repository/jobs/packages
version=$(sed -n 's/^project(apd VERSION \([0-9.]*\).*/\1/p' "$repository/CMakeLists.txt")

python3 "$repository/tests/portable/check_spack.py" "$packages/spack/packages/apd/package.py" "$repository/CMakeLists.txt" \
    "$APD" "$repository/jobs" || fail "the Spack package"

# Packages are installed by jobs/setup.sh alone, which the README's two commands call, and into images and roots of their own;
# what suits one's own machine is on in presets alone.
cd "$repository"
installing=$(grep -rlE '^ *(run |sudo |DEBIAN_FRONTEND=[a-z]* )*(apt-get|dnf|pip3?) .*install [^=]' jobs tests CMakeLists.txt | sort | tr '\n' ' ')
[ "$installing" = "jobs/packages/apd.def jobs/setup.sh tests/portable/aarch64.sh " ] || fail "packages are installed by $installing"
calling=$(grep -rlE '^ *(\[[^]]*\] \|\| )?jobs/setup\.sh' jobs tests | sort | tr '\n' ' ')
[ "$calling" = "jobs/packages/apd.def jobs/quickstart.sh tests/run.sh " ] || fail "jobs/setup.sh is called by $calling"
for option in NATIVE WARNINGS_AS_ERRORS PORTABLE TESTS; do
    grep -q "^option(APD_$option .* OFF)" CMakeLists.txt || fail "APD_$option is not off by default"
done
cd "$work"

# EasyBuild wants the file's name to be made of name, version and toolchain
easyconfig=$(echo "$packages"/apd-*.eb)
python3 - "$easyconfig" "$version" "$repository/jobs" >sanity.sh <<'PYTHON' || fail "the EasyBuild recipe"
import os, sys
path, version, jobs = sys.argv[1:]
given = {"SYSTEM": ("system", "system"), "SOURCE_TAR_GZ": "%(name)s-%(version)s.tar.gz"}
exec(compile(open(path).read(), path, "exec"), given)
assert given["version"] == version, given["version"]
chain = given["toolchain"]
assert os.path.basename(path) == f"apd-{version}-{chain['name']}-{chain['version']}.eb", path
for command in given["sanity_check_commands"]:
    print(command.replace("%(installdir)s/share/apd/jobs", jobs).replace("%(builddir)s", "."))
PYTHON
mkdir bin
ln -s "$APD" bin/apd
PATH=$work/bin:$PATH sh -e sanity.sh >out.txt 2>&1 || fail "EasyBuild's sanity check: $(cat out.txt)"
grep -q 'every digest is right' out.txt || fail "EasyBuild's sanity check verified nothing"
if command -v eb >/dev/null; then
    export EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES=1 EASYBUILD_PREFIX=$work/eb
    eb --dry-run --robot "$packages" "$easyconfig" >out.txt 2>&1 || fail "eb: $(tail -5 out.txt)"
    grep -qF "apd/$version" out.txt || fail "eb does not name the module: $(tail -5 out.txt)"
    ! grep -q 'missing' out.txt || fail "eb misses something: $(tail -5 out.txt)"
    echo "- easybuild: $(grep -c '^ \* ' out.txt) recipes"
fi

grep -q "^    Version $version$" "$packages/apd.def" || fail "apd.def has another version than $version"
mkdir sections
"$repository/tests/portable/apptainer.sh" sections "$work/sections"
[ "$(find sections -name '*.sh' | wc -l)" = 5 ] || fail "sections of apd.def: $(ls sections)"
for section in sections/*.sh; do
    bash -n "$section" || fail "$section"
    ! command -v shellcheck >/dev/null || shellcheck -s dash "$section" || fail "$section"
done
# %test as it stands, with this program
sed "s|/usr/share/apd/jobs|$repository/jobs|" sections/final-test.sh >test.sh
PATH=$work/bin:$PATH sh test.sh >out.txt 2>&1 || fail "the test of apd.def: $(cat out.txt)"
grep -q 'every digest is right' out.txt || fail "the test of apd.def verified nothing"
echo "- apptainer: its scripts are read, its test runs"
