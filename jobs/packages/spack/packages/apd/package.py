# Package of apd for Spack 1.0 and later.
#
#   spack repo add jobs/packages/spack
#   spack install apd                         from the repository that it is developed in (`git` below), or
#   spack dev-build apd@0.1.0                 in a checkout of the sources
#   spack test run apd
#
# Checked with a pretended Spack, which gives the directives and calls the methods (ctest: packages); Spack itself was not
# to be had there, so concretizing and installing are untried.

from spack_repo.builtin.build_systems.cmake import CMakePackage

from spack.package import *


class Apd(CMakePackage):
    """Continual learning on long task streams by Additive Parameter Decomposition, on any number of MPI ranks."""

    # where the sources are kept: put your own address here
    git = "file:///path/to/apd"

    license("Apache-2.0", checked_by="apd")

    version("main", branch="main")
    version("0.1.0", tag="v0.1.0")

    variant("portable", default=False, description="Programs for AVX2 and AVX-512 besides, chosen at run time")
    variant("gnuplot", default=True, description="Figures in the pages of apd report")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("random123", type="build")
    depends_on("cmocka", type="test")
    depends_on("gnuplot", type="run", when="+gnuplot")

    depends_on("mpi")
    depends_on("scalapack")
    depends_on("blas")
    depends_on("lapack")
    # a rank computes on one core, with threads of its own around it
    depends_on("openblas threads=none", when="^[virtuals=blas] openblas")
    depends_on("hdf5@1.10:")
    depends_on("libyaml")
    depends_on("libpng")
    depends_on("jpeg")
    depends_on("xxhash")
    depends_on("xz")
    depends_on("zlib-api")

    generator("ninja")

    conflicts("+portable", when="target=aarch64:", msg="the kernels chosen at run time are those of x86-64")

    def cmake_args(self):
        args = [
            # Spack's own flags choose the processor
            self.define("APD_NATIVE", False),
            self.define_from_variant("APD_PORTABLE", "portable"),
            self.define("APD_TESTS", self.run_tests),
            self.define("SCALAPACK_LIBRARY", self.spec["scalapack"].libs),
            self.define("MPI_C_COMPILER", self.spec["mpi"].mpicc),
        ]
        if self.spec["blas"].name not in ("openblas", "flexiblas"):
            args.append(self.define("BLAS_LIBRARIES", self.spec["blas"].libs))
            args.append(self.define("LAPACK_LIBRARIES", self.spec["lapack"].libs))
        return args

    def test_train(self):
        """a small run on one rank, and its checkpoint read through"""
        apd = which(self.prefix.bin.apd)
        apd("generate", "--classes", "10", "--train", "10", "--test", "4", "--output", "glyphs.h5")
        description = join_path(self.prefix.share.apd.jobs, "quickstart.yaml")
        apd("train", description, "--set", "data.file=glyphs.h5", "--set", "output=run", "--set", "stream.tasks=2",
            "--set", "training.epochs=2", "--set", "method.polish_epochs=1")
        out = apd("verify", "run", output=str.split, error=str.split)
        assert "every digest is right" in out
