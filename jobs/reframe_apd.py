# apd bench under ReFrame (https://reframe-hpc.readthedocs.io): a step's time on each number of ranks, and the same results on all.
#
#   reframe -c jobs/reframe_apd.py --list
#   reframe -C SITE.py -c jobs/reframe_apd.py -r --performance-report
#
# SITE.py is the site's configuration; its launcher starts the ranks (mpirun, srun). Environment variables:
#   APD                the program; default apd in PATH
#   APD_RANKS          numbers of ranks, for example "1 8 64"; default "1 2"
#   APD_PRESETS        networks of apd bench; default "mlp lenet"
#   APD_SECONDS        of steps for each; default 2
# References belong to the site: reframe -S apd_bench.reference=... or a class of yours that inherits.
import json
import os

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import parameter, performance_function, run_after, sanity_function, variable

RANKS = [int(count) for count in os.environ.get("APD_RANKS", "1 2").split()]
PRESETS = os.environ.get("APD_PRESETS", "mlp lenet").split()


def read(folder):
    """The figures of the one preset."""
    with open(os.path.join(folder, "bench.json"), encoding="utf-8") as file:
        bench = json.load(file)
    return bench, bench["presets"][0]


@rfm.simple_test
class apd_bench(rfm.RunOnlyRegressionTest):
    """A step with no earlier task. All numbers of ranks have the shards of the largest, and so the same bits."""
    ranks = parameter(RANKS)
    preset = parameter(PRESETS)
    seconds = variable(float, value=float(os.environ.get("APD_SECONDS", "2")))
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = os.environ.get("APD", "apd")
    env_vars = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    keep_files = ["bench.json"]

    @run_after("init")
    def prepare(self):
        self.num_tasks = self.ranks
        self.executable_opts = ["bench", "--preset", self.preset, "--tasks", "0", "--seconds", str(self.seconds),
                                "--set", f"shards={max(RANKS)}", "--json", "bench.json"]

    @sanity_function
    def has_run_on_all_ranks(self):
        bench, preset = read(self.stagedir)
        return sn.assert_eq(bench["ranks"], self.ranks) and sn.assert_eq(len(preset["digest"]), 16)

    @performance_function("ms")
    def step(self):
        return read(self.stagedir)[1]["steps"][0]["step_ms"]

    @performance_function("images/s")
    def images(self):
        preset = read(self.stagedir)[1]
        return 1e3 * preset["batch"] / preset["steps"][0]["step_ms"]

    @performance_function("GFLOP/s")
    def sgemm_a_rank(self):
        return read(self.stagedir)[0]["machine"]["sgemm_gflops_a_rank"]

    @performance_function("GB/s")
    def memory_a_rank(self):
        return read(self.stagedir)[0]["machine"]["memory_gbytes_a_second_a_rank"]


@rfm.simple_test
class apd_same_results(rfm.RunOnlyRegressionTest):
    """After the others: the digests of theta are equal on every number of ranks."""
    preset = parameter(PRESETS)
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "true"

    @run_after("init")
    def after_all(self):
        self.variants = apd_bench.get_variant_nums(preset=lambda preset: preset == self.preset)
        for number in self.variants:
            self.depends_on(apd_bench.variant_name(number))

    @sanity_function
    def digests_are_equal(self):
        folders = [self.getdep(apd_bench.variant_name(number), part="*").stagedir for number in self.variants]
        digests = {bench["ranks"]: preset["digest"] for bench, preset in map(read, folders)}
        words = ", ".join(f"{digest} on {ranks}" for ranks, digest in digests.items())
        return sn.assert_eq(len(set(digests.values())), 1, msg=f"other results on other ranks: {words}")
