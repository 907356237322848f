"""jobs/packages/spack's package.py, with a pretended Spack: check_spack.py PACKAGE CMAKELISTS APD JOBS

The directives are written down; cmake_args and the stand-alone test are called, the latter with the real program."""
import os, re, runpy, subprocess, sys, tempfile, types

package, cmakelists, apd, jobs = sys.argv[1:]
directives = {name: [] for name in ("version", "variant", "depends_on", "conflicts", "license", "generator")}


class Library(str):
    """A spec's libs, or a path with folders as attributes."""

    def __getattr__(self, name):
        return Library({"bin": self, "apd": apd if self == "prefix" else self, "jobs": jobs}.get(name, self))


class Base:
    prefix = Library("prefix")
    run_tests = False
    define = staticmethod(lambda name, value: f"-D{name}={value}")
    define_from_variant = staticmethod(lambda name, variant: f"-D{name}={variant}")


def which(path):
    def run(*arguments, **_):
        return subprocess.run([path, *arguments], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    return run


def recorder(name):
    return lambda *positional, **named: directives[name].append((positional, named))


spack = types.ModuleType("spack.package")
spack.which, spack.join_path = which, lambda *parts: os.path.join(*parts)
for name in directives:
    setattr(spack, name, recorder(name))
cmake = types.ModuleType("cmake")
cmake.CMakePackage = Base
sys.modules["spack"] = types.ModuleType("spack")
sys.modules["spack.package"] = spack
at = ""
for part in "spack_repo.builtin.build_systems".split("."):
    at = f"{at}.{part}".strip(".")
    sys.modules[at] = types.ModuleType(at)
sys.modules["spack_repo.builtin.build_systems.cmake"] = cmake

Apd = runpy.run_path(package)["Apd"]
text = open(cmakelists).read()

version = re.search(r"project\(apd VERSION ([0-9.]+)", text).group(1)
assert any(positional[0] == version for positional, _ in directives["version"]), f"no version {version}"
least = re.search(r"cmake_minimum_required\(VERSION ([0-9.]+)\)", text).group(1)
needs = {re.split("[@ +~]", positional[0])[0]: positional[0] for positional, _ in directives["depends_on"]}
assert needs["cmake"] == f"cmake@{least}:", needs["cmake"]

# the names that CMake gives for Spack, where libraries are missing
named = set(re.findall(r'apd_need\("[^"]*" "([^"$ ]+)', text)) | set(re.findall(r'apd_package\([^)]*"([^" ]*)[^"]*"\)', text))
virtual = {"openmpi": "mpi", "netlib-scalapack": "scalapack", "pkgconf": "pkgconfig", "libjpeg-turbo": "jpeg",
           "zlib": "zlib-api", "openblas": "blas"}
missing = {virtual.get(name, name) for name in named} - set(needs)
assert len(named) > 10 and not missing, (named, missing)

libs = {name: types.SimpleNamespace(name=name, libs=Library(f"/lib/{name}"), mpicc="/bin/mpicc")
        for name in ("mpi", "scalapack", "blas", "lapack")}
for blas in "openblas", "netlib-lapack":
    it = Apd()
    libs["blas"].name = blas
    it.spec = libs
    arguments = it.cmake_args()
    for argument in arguments:
        name = re.match("-D([A-Za-z_]+)=", argument).group(1)
        assert name in text or name in ("BLAS_LIBRARIES", "LAPACK_LIBRARIES"), f"CMakeLists.txt has no {name}"
    assert ("-DBLAS_LIBRARIES=/lib/blas" in arguments) == (blas != "openblas"), arguments

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    Apd().test_train()
    os.chdir("/")
print(f"- spack: {len(needs)} dependencies, a test that runs")
