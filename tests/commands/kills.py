#!/usr/bin/env python3
"""Kill, stop, starve and damage a run, and see that it ends with the bits of an undisturbed one.

    kills.py APD --kills N [--seed S] [--epochs E]

A small run (four tasks, two consolidations, a task forgotten on the way) is trained once in peace. Then it is
trained again and again: every start has another number of ranks and ends in some misfortune, until at least N
processes, mpiruns or whole jobs have been killed; each training is at last resumed to its end and compared with
the undisturbed one: every data set and attribute of the checkpoint, the tables and every logged step. After each
misfortune the run must hold at least the last commit that it had announced.

Misfortunes: SIGKILL of one rank, of mpirun, of all, at a random moment or just after the start; of rank 0 at a
named point of a commit, of a consolidation, of a task's forgetting, of the tables (io/system/fault.h); a full disk after
so many writes, or now and then; a rank stopped for a while; SIGUSR1; SIGTERM; and, after any of them, a flipped
byte, a cut file, a missing part or another in its place in what the newest commit alone refers to.
Prints a line an event and the sums; exit status 1 and a line at the first thing that is wrong.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent
PYTHON = os.environ.get("APD_PYTHON") or "/usr/bin/python3"
POINTS = {  # and how often a start passes them, at most
    "file.created": 12, "file.written": 12, "file.synced": 12, "checkpoint.verified": 5, "checkpoint.former": 5,
    "checkpoint.renamed": 5, "checkpoint.tidied": 5, "evaluation": 4, "consolidation": 6, "forgetting": 1, "results": 4}

RUN = """
name: kills
output: {folder}
seed: 5
shards: 4
data: {{file: {data}, validation: 0.2, flip: true, shift: 1}}
stream: {{kind: split, tasks: 4, classes_per_task: 3, order: "seed 3", forget: [1, 3]}}
network:
  layers: [{{conv: {{units: 6, kernel: [3, 5]}}}}, relu, {{max_pool: {{kernel: 3, stride: 2, padding: same}}}},
           {{dense: {{units: 20}}}}, relu, {{dropout: {{rate: 0.2}}}}]
method: {{lambda1: 1e-3, polish_epochs: 2, recentre_every: 2, consolidate_every: 2, clusters_added: 1, beta: 0.05}}
training: {{epochs: {epochs}, batch: 14, lr: 3e-3, keep_best: 3}}
log: {{interval: 3, evaluate_batch: 7}}
checkpoint: {{minutes: 0.006}}
"""


def wrong(text):
    sys.exit("kills: " + text)


class Run:
    """A run's folder, and the starts of the program on it."""

    def __init__(self, apd, description, folder):
        self.apd, self.description, self.folder = apd, description, folder
        self.starts = 0
        self.log_read = 0  # what the log told before the newest commit was spoilt counts no more

    def start(self, ranks, fault=""):
        self.starts += 1
        every = 1 + self.starts % 3  # tasks from commit to commit
        # ranks write the tasks of a commit side by side; commits begin with links of the one before
        fault = ",".join(filter(None, ("part=4000", "links=2", fault)))
        environment = dict(os.environ, APD_FAULT=fault, OMPI_MCA_mpi_yield_when_idle="1", OPENBLAS_NUM_THREADS="1",
                           OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.output = tempfile.TemporaryFile("w+")
        return subprocess.Popen(
            ["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), self.apd, "train",
             str(self.description), "--set", f"output={self.folder}", "--set", f"checkpoint.tasks={every}"],
            env=environment, stdout=self.output, stderr=subprocess.STDOUT)

    def said(self):
        self.output.seek(0)
        return self.output.read()

    def announced(self):
        """The number of the last commit that the log tells of."""
        with contextlib.suppress(FileNotFoundError):
            found = re.findall(r'"event": *"(?:commit|task)".*?"commit": *(\d+)',
                               (self.folder / "metrics.jsonl").read_text()[self.log_read:])
            return max(map(int, found), default=0)
        return 0

    def inspect(self):
        """What there is: "commit 7", or an error."""
        return subprocess.run([self.apd, "inspect", str(self.folder)], capture_output=True, text=True, check=False,
                              env=dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))

    def fingerprint(self):
        checkpoint = subprocess.run([PYTHON, str(TESTS / "contents.py"), str(self.folder / "checkpoint.h5")],
                                    capture_output=True, text=True, check=True).stdout
        steps = set()
        for line in (self.folder / "metrics.jsonl").read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # a killed process may leave half a line
                entry = json.loads(line)
                if entry["event"] == "step":
                    steps.add(str(sorted((key, value) for key, value in entry.items() if key != "time")))
        steps = sorted(steps)
        tables = (self.folder / "accuracy.csv").read_text()
        rows = [",".join(row.split(",")[:7]) for row in (self.folder / "tasks.csv").read_text().splitlines()]
        return "\n".join([checkpoint, tables, *rows, *steps])


def children(pid):
    """The processes below `pid` that are the program under test."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *children(child)]
    return found


def ranks_of(job):
    found = []
    for pid in children(job.pid):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "apd":
                found.append(pid)
    return found


def living_ranks(job):
    """Those that have not ended, as mpirun may leave them unread."""
    found = []
    for pid in children(job.pid):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for_end(run, job, pids, what, seconds=200):
    """All of the job gone, also ranks whose mpirun was killed."""
    give_up, alone_since = time.monotonic() + seconds, None
    while (status := job.poll()) is None:
        if time.monotonic() > give_up:
            wrong(f"{what}: the job hangs after {seconds} s: {run.said()}")
        # Open MPI 4.1 with PMIx 4.2: where a rank is killed in MPI_Init or MPI_Finalize, mpirun may wait for ever for
        # a lock that the rank held (openpmix issue 1233), when no rank is left.
        alone_since = None if living_ranks(job) else alone_since or time.monotonic()
        if alone_since is not None and time.monotonic() > alone_since + 20:
            print(f"  {what}: mpirun hangs without ranks, and is killed", flush=True)
            send(job.pid, signal.SIGKILL)
            status = job.wait()
            break
        time.sleep(0.01)
    end = time.monotonic() + 20
    while any(pathlib.Path(f"/proc/{pid}/comm").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    for pid in pids:
        send(pid, signal.SIGKILL)
    return status


class Misfortunes:
    def __init__(self, seed, length):
        self.random = random.Random(seed)
        self.length = length  # seconds of an undisturbed run
        self.kills = self.stops = self.full = self.damaged = self.refused = self.checks = 0

    def moment(self):
        """Most in the middle of the work, some just after the start."""
        return self.random.uniform(0.0, 0.6) if self.random.random() < 0.15 else self.random.uniform(0.5, self.length)

    def wait(self, job, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.wait(seconds)

    def strike(self, run):
        """One start and what befell it; the exit status, and what it was."""
        kind = self.random.choice(["rank", "rank", "mpirun", "all", "point", "point", "point", "point", "full", "stall",
                                   "signal"])
        ranks = self.random.randint(1, 4)
        fault, what = "", f"{kind} at {ranks} ranks"
        if kind == "point":
            name = self.random.choice(sorted(POINTS))
            fault = f"kill={name}:{self.random.randint(1, POINTS[name])}"
        elif kind == "full":
            fault = (f"write_after={self.random.randint(0, 400)}" if self.random.random() < 0.6 else
                     f"write={self.random.choice([0.001, 0.01, 0.1])},seed={self.random.randint(0, 10**6)}")
        job = run.start(ranks, fault)
        if kind in ("rank", "mpirun", "all", "stall", "signal"):
            self.wait(job, self.moment())
        pids = ranks_of(job)
        ended = job.poll() is not None
        if not ended and kind == "rank" and pids:
            send(self.random.choice(pids), signal.SIGKILL)
        elif not ended and kind == "mpirun":
            send(job.pid, signal.SIGKILL)
        elif not ended and kind == "all":
            for pid in [job.pid, *pids]:
                send(pid, signal.SIGKILL)
        elif not ended and kind == "stall" and pids:
            victim = self.random.choice(pids)
            send(victim, signal.SIGSTOP)
            time.sleep(self.random.uniform(0.1, 1.0))
            send(victim, signal.SIGCONT)
            self.wait(job, self.random.uniform(0.0, 1.0))
            send(job.pid, signal.SIGKILL)
            self.stops += 1
        elif not ended and kind == "signal":
            number = self.random.choice([signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2])
            if pids:  # before mpirun has started anything, the signal is its own
                send(job.pid, number)
            what += " " + signal.Signals(number).name
        status = wait_for_end(run, job, pids, f"{what} {fault}")
        self.judge(run, kind, status, fault)
        return status, f"{what} {fault}".strip()

    def judge(self, run, kind, status, fault):
        said = run.said()
        if status == 0:
            return
        if kind == "full":
            if status != 74 or "No space left on device" not in said:
                wrong(f"{fault}: exit status {status}, not 74 with a line about the disk: {said}")
            self.full += 1
        elif kind == "signal":
            # a process that the signal meets before its main has begun dies of it, as any does
            if status != 75 and not (status in (138, 140) and said.strip() == ""):
                wrong(f"a signal: exit status {status}: {said}")
        elif status in (137, -9):
            self.kills += 1
        else:
            wrong(f"{kind}: exit status {status}: {said}")

    def damage(self, run, before):
        """Spoil a file that only the newest commit refers to; the run must notice, and use the one before."""
        newest, former = run.folder / "checkpoint.h5", run.folder / "checkpoint.previous.h5"
        if not newest.exists() or not former.exists() or os.path.samefile(newest, former):
            return None
        try:
            own = set(parts_of(newest)) - set(parts_of(former))
        except subprocess.CalledProcessError:  # spoilt before, and no start has come to put it aside
            return None
        files = [newest, *(run.folder / name for name in sorted(own))]
        if not all(path.exists() for path in files):  # alike
            return None
        target = self.random.choice(files)
        content = bytearray(target.read_bytes())
        how = self.random.choice(["flip", "cut", "missing", "stale"])
        if how == "stale" and target == newest:
            how = "cut"
        if how == "flip":
            for _ in range(40):  # some bytes of an HDF5 file mean nothing
                content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
            target.write_bytes(content)
        elif how == "cut":
            target.write_bytes(content[:self.random.randrange(len(content))])
        elif how == "missing":
            target.unlink()
        else:
            others = [path for path in target.parent.glob("*.h5") if path != target]
            if not others:
                return None
            shutil.copyfile(self.random.choice(others), target)
        found = run.inspect()
        said = found.stdout + found.stderr
        if found.returncode != 0 or "the commit before is used" not in said and "the one before is used" not in said:
            if how == "flip" and found.returncode == 0 and f"commit {before}" in said:
                return "flipped bytes that mean nothing"
            wrong(f"{how} of {target.name}: not noticed, or nothing else found: {said}")
        self.damaged += 1
        return f"{how} of {target.name}"


def parts_of(checkpoint):
    """Their names; by a process of its own, as a spoilt file may crash HDF5."""
    script = ("import h5py, sys\n"
              "parts = h5py.File(sys.argv[1], 'r')['parts']\n"
              "for commit, part in zip(parts['commit'][()], parts['part'][()]):\n"
              "    print(f'segments/{commit:06d}-{part}.h5')\n")
    done = subprocess.run([PYTHON, "-c", script, str(checkpoint)], capture_output=True, text=True, check=True)
    return done.stdout.split()


def commit_of(run):
    """The number of the commit that the run holds; 0: none."""
    found = run.inspect()
    number = re.search(r"commit (\d+)", found.stdout)
    if found.returncode == 0 and number:
        return int(number.group(1))
    if (run.folder / "checkpoint.h5").exists():
        wrong(f"the run's commit cannot be read: {found.stdout}{found.stderr}")
    return 0


def ordeal(run, fates, count, say):
    """Misfortunes until `count` kills, or the run is done; then the rest in peace."""
    struck = 0
    while struck < count:
        before = fates.kills
        status, what = fates.strike(run)
        struck += fates.kills - before
        announced, there = run.announced(), commit_of(run)
        fates.checks += 1
        if there < announced:
            wrong(f"{what}: commit {announced} was announced, and {there} is there")
        spoilt = fates.damage(run, there) if there > 0 and fates.random.random() < 0.15 else None
        if spoilt:
            run.log_read = len((run.folder / "metrics.jsonl").read_text())
        say(f"  {what}: exit status {status}, commit {there}" + (f"; {spoilt}" if spoilt else ""))
        if status == 0 and not spoilt:
            break
    job = run.start(fates.random.randint(1, 4))
    status = wait_for_end(run, job, [], "the last start")
    if status != 0:
        wrong(f"the last start: exit status {status}: {run.said()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apd")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40)
    chosen = parser.parse_args()
    apd = str(pathlib.Path(chosen.apd).resolve())
    if pathlib.Path(apd).name != "apd":
        parser.error(f"{apd}: ranks are known by the program's name, which must be apd")
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        subprocess.run([apd, "generate", "--classes", "12", "--train", "24", "--test", "9", "--size", "16", "--output",
                        str(work / "glyphs.h5")], check=True, stdout=subprocess.DEVNULL)
        description = work / "run.yaml"
        description.write_text(RUN.format(folder=work / "run", data=work / "glyphs.h5", epochs=chosen.epochs))
        peace = Run(apd, description, work / "peace")
        began = time.monotonic()
        if wait_for_end(peace, peace.start(2), [], "the undisturbed run") != 0:
            wrong("the undisturbed run failed: " + peace.said())
        length = time.monotonic() - began
        expected = peace.fingerprint()
        print(f"undisturbed: {length:.1f} s, {peace.announced()} commits", flush=True)
        fates, trainings = Misfortunes(chosen.seed, length), 0
        while fates.kills < chosen.kills:
            trainings += 1
            run = Run(apd, description, work / f"run{trainings}")
            ordeal(run, fates, min(6, chosen.kills - fates.kills), lambda line: print(line, flush=True))
            if run.fingerprint() != expected:
                (work / "expected").write_text(expected)
                (work / "found").write_text(run.fingerprint())
                difference = subprocess.run(["diff", str(work / "expected"), str(work / "found")],
                                            capture_output=True, text=True, check=False).stdout
                wrong(f"training {trainings} ended with other bits: {difference[:2000]}")
            print(f"training {trainings}: the bits of the undisturbed run", flush=True)
            shutil.rmtree(run.folder)
        print(f"{fates.kills} kills, {fates.full} full disks, {fates.stops} stalls, {fates.damaged} damaged commits in "
              f"{trainings} trainings ({fates.checks} starts): no commit lost, nothing damaged used, "
              "all ended with the undisturbed run's bits")


if __name__ == "__main__":
    main()
