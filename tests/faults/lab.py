"""A tiny run to be mistreated, and what must still be true of it afterwards: shared by faults.py and powerloss.py."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

STATUSES = {0, 2, 65, 69, 70, 74, 75}  # those that jobs/apd.1 explains
# depend on time, on the folder, or on interruptions
LEFT_OUT = {"seconds", "digest", "run_yaml", "commit", "alone", "index", "parts", "results", "NX_class", "default"}
WINDOW = 16  # bytes of a task that must not be found after it was forgotten
QUICK = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self"}  # no daemon, no network

RUN = """
name: tiny
shards: 2
data: {{file: {data}}}
stream: {{kind: split, classes_per_task: 2, tasks: 3}}
network: {{preset: mlp, widths: [8]}}
method: {{lambda1: 1e-3, polish_epochs: 1}}
training: {{epochs: 2, batch: 6}}
"""


class Ended:
    """How a process ended; status None: it had to be killed after the time limit."""

    def __init__(self, status, output, error):
        self.status, self.output, self.error = status, output, error

    def last_line(self):
        lines = (self.error.strip() or self.output.strip()).splitlines()
        return lines[-1] if lines else ""


class Lab:
    def __init__(self, apd, name):
        self.apd = str(pathlib.Path(apd).resolve())
        memory = pathlib.Path("/dev/shm")
        self.holder = tempfile.TemporaryDirectory(prefix=name, dir=memory if os.access(memory, os.W_OK) else None)
        self.work = pathlib.Path(self.holder.name).resolve()
        self.data, self.description = self.work / "data.h5", self.work / "run.yaml"
        write_data(self.data)
        self.description.write_text(RUN.format(data=self.data))
        self.environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", LC_ALL="C",
                                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                                OMPI_MCA_mpi_yield_when_idle="1",
                                APD_FAULT="part=2000,links=2")  # tests' builds: small parts, so that all ranks write

    def start(self, arguments, ranks=1, extra=None, timeout=100, before=()):
        """apd with these arguments. `extra`: environment variables of the ranks alone, not of mpirun."""
        extra = {key: str(value) for key, value in (extra or {}).items()}
        command, environment = [*before, self.apd, *map(str, arguments)], dict(self.environment)
        if ranks == 1:
            environment.update(QUICK)
            environment.update(extra)
        else:
            given = [f"{key}={value}" for key, value in extra.items()]
            command = ["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), "env", *given,
                       *command]
        with tempfile.TemporaryDirectory(prefix="t", dir=self.work) as own:  # else jobs disturb one another
            environment["TMPDIR"] = own
            return self.wait(command, environment, timeout)

    def wait(self, command, environment, timeout):
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True) as job:
            try:
                output, error = job.communicate(timeout=timeout)
                return Ended(job.returncode, output, error)
            except subprocess.TimeoutExpired:
                os.killpg(job.pid, signal.SIGKILL)
                output, error = job.communicate()
                return Ended(None, output, error)

    def train(self, folder, *options, **how):
        return self.start(["train", self.description, "--set", f"output={folder}", *options], **how)

    def must(self, ended, status=0):
        if ended.status != status:
            raise SystemExit(f"the tiny run fails: exit status {ended.status}: {ended.error}{ended.output}")
        return ended


def write_data(path):
    """Six classes of 8 x 8 noise with a bright pixel that tells the class."""
    rng = numpy.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for split, count in ("train", 36), ("test", 18):
            labels = numpy.arange(count, dtype="int32") % 6
            images = rng.integers(0, 160, (count, 1, 8, 8), dtype="uint8")
            images[numpy.arange(count), 0, labels] = 200
            file[f"{split}/images"], file[f"{split}/labels"] = images, labels


def visit(name, item, found):
    for key in item.attrs:
        if key not in LEFT_OUT:
            found[f"{name}@{key}"] = numpy.asarray(item.attrs[key]).tobytes() if item.attrs[key] is not None else b""
    if isinstance(item, h5py.Dataset):
        found[name] = item[()].tobytes() if item.dtype.kind != "O" else repr(item[()]).encode()
        return
    for key in item:
        if key not in LEFT_OUT:
            visit(f"{name}/{key}", item[key], found)


def contents(checkpoint):
    """All data sets and attributes that do not depend on time or place. Raises KeyError or OSError when a file that the
    checkpoint links to is gone or cannot be read."""
    found = {}
    with h5py.File(checkpoint, "r") as file:
        visit("", file, found)
    return found


def commit_of(checkpoint):
    with h5py.File(checkpoint, "r") as file:
        return int(file.attrs["commit"])


def events(folder):
    """The lines of the run's log; a torn one is passed over."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / "metrics.jsonl").read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return [entry for entry in found if isinstance(entry, dict) and "event" in entry]


def windows(raw):
    return {raw[i : i + WINDOW] for i in range(0, len(raw) - WINDOW + 1, 4)}


def secrets(checkpoint, task):
    """Byte strings of the task's data sets that nothing else in the checkpoint has."""
    mine, others = set(), set()
    for name, raw in contents(checkpoint).items():
        if "@" not in name:
            (mine if name.startswith(f"/tasks/{task:06d}/") else others).update(windows(raw))
    found = {value for value in mine - others if len(set(value)) >= 8}  # zeros and the like stand everywhere
    if len(found) < 50:
        raise SystemExit(f"only {len(found)} byte strings of task {task} to look for")
    return sorted(found)


def remains(files, wanted):
    """The first of the files {name: bytes} that holds one of the byte strings; None: no file does."""
    wanted = set(wanted)
    for name, content in sorted(files.items()):
        # 4-byte steps at each offset: windows() of the content shifted by 0 to 3 bytes
        for shift in range(4):
            if not wanted.isdisjoint(windows(content[shift:])):
                return name
    return None


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def normalised(text, *folders):
    """Without paths, numbers and HDF5's own words, so that like messages fall together."""
    for folder in folders:
        text = re.sub(re.escape(str(folder)) + r"[^\s:,;]*", "FILE", text)
    return re.sub(r"\d+", "N", text.split(" (HDF5:")[0])
