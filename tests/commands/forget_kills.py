#!/usr/bin/env python3
"""Kill `apd forget` at each point of its way, run it again, and search the folder for the task's bytes.

    forget_kills.py APD --random N [--seed S]

A run of four tasks with two kept commits (--keep-history) forgets task 2, and is killed: at every passing of every
named point (io/system/fault.h), and at N random moments. Then `apd forget` is run again, to its end. Whatever the first
one left, no file of the folder may hold a byte string of the task's parameters, the commit must verify, and the other
tasks must have their bytes. Needs a program built with APD_FAULTS.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import erased  # noqa: E402

POINTS = ("forgetting", "file.created", "file.written", "file.synced", "checkpoint.verified", "checkpoint.former",
          "checkpoint.renamed", "checkpoint.tidied")
TASK = "2"
DESCRIPTION = """name: run
output: {work}/run
seed: 5
shards: 2
data: {{file: {work}/glyphs.h5}}
stream: {{kind: split, tasks: 4, classes_per_task: 3}}
network: {{preset: mlp, widths: [24, 16]}}
method: {{lambda1: 1e-3, polish_epochs: 1}}
training: {{epochs: 3, batch: 14}}
"""


class Wrong(Exception):
    pass


class Trial:
    def __init__(self, apd, work):
        self.apd, self.work = apd, work
        self.run, self.base = work / "run", work / "base"

    def call(self, *arguments, **more):
        return subprocess.run([self.apd, *arguments], env=dict(os.environ, **more), capture_output=True, text=True,
                              timeout=300)

    def must(self, *arguments):
        done = self.call(*arguments)
        if done.returncode != 0:
            raise Wrong(f"{' '.join(arguments)}: {done.returncode}: {done.stderr}")
        return done

    def prepare(self):
        (self.work / "run.yaml").write_text(DESCRIPTION.format(work=self.work))
        self.must("generate", "--classes", "12", "--train", "24", "--test", "9", "--size", "16", "--output",
                  str(self.work / "glyphs.h5"))
        self.must("train", str(self.work / "run.yaml"))
        shutil.copytree(self.run, self.work / "whole")
        self.must("forget", str(self.run), "--task", "0", "--keep-history")
        self.must("forget", str(self.run), "--task", "1", "--keep-history")
        shutil.move(self.run, self.base)
        self.secrets = erased.secrets_of(self.work / "whole" / "checkpoint.h5", TASK)
        self.others = erased.secrets_of(self.work / "whole" / "checkpoint.h5", "3")
        if erased.find(self.secrets, self.base) is None:
            raise Wrong("the search does not find the task before it is forgotten")

    def begin(self):
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.copytree(self.base, self.run)

    def finish(self, what):
        """Run forget again, to its end, and look at what is left."""
        again = self.call("forget", str(self.run), "--task", TASK)
        if again.returncode not in (0, 2) or (again.returncode == 2 and "forgotten already" not in again.stderr):
            raise Wrong(f"{what}: forget ended with {again.returncode}: {again.stderr}")
        found = erased.find(self.secrets, self.run)
        if found is not None:
            raise Wrong(f"{what}: {found[0].relative_to(self.run)} still holds bytes of {found[1]}")
        if erased.find(self.others, self.run) is None:
            raise Wrong(f"{what}: task 3 is gone, too")
        self.must("verify", str(self.run))


def kill_at_points(trial):
    kills = 0
    for point in POINTS:
        passing = 0
        while True:
            passing += 1
            trial.begin()
            done = trial.call("forget", str(trial.run), "--task", TASK, APD_FAULT=f"kill={point}:{passing}")
            if done.returncode == 0:
                break
            if done.returncode != -signal.SIGKILL:
                raise Wrong(f"{point}:{passing}: ended with {done.returncode}: {done.stderr}")
            kills += 1
            trial.finish(f"killed at {point}:{passing}")
        if passing == 1:
            raise Wrong(f"{point} is never passed: is the program built with APD_FAULTS?")
    return kills


def kill_at_random(trial, count, seed):
    choice, kills = random.Random(seed), 0
    trial.begin()
    begin = time.monotonic()
    trial.must("forget", str(trial.run), "--task", TASK)
    usual = time.monotonic() - begin
    for _ in range(count):
        trial.begin()
        process = subprocess.Popen([trial.apd, "forget", str(trial.run), "--task", TASK], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        after = choice.uniform(0.3, 1.0) * usual
        time.sleep(after)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        trial.finish(f"killed after {after:.3f} s")
    return kills


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apd")
    parser.add_argument("--random", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(os.path.abspath(options.apd), pathlib.Path(folder))
        try:
            trial.prepare()
            named = kill_at_points(trial)
            at_random = kill_at_random(trial, options.random, options.seed)
        except Wrong as wrong:
            sys.exit(f"FAILED: {wrong}")
    print(f"{named} kills at named points, {at_random} at random moments: forgotten without a byte left each time")


if __name__ == "__main__":
    main()
