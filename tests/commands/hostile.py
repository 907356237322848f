#!/usr/bin/env python3
"""Checkpoints and data files that somebody made to do harm, made with h5py: hostile.py APD.

A link to a pipe must not make a command wait, a link out of the folder is not followed, whatever stands in a file
reaches the terminal without control characters. Each command ends within ten seconds, with the status that is named
here and one line that names the file.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

ESCAPE = "\x1b]0;owned\x07\x1b[2J\u009b31m"


class Trial:
    def __init__(self, apd, work):
        self.apd, self.work, self.run = apd, work, work / "run"

    def call(self, *arguments):
        try:
            return subprocess.run([self.apd, *map(str, arguments)], env=dict(os.environ), capture_output=True,
                                  timeout=10)
        except subprocess.TimeoutExpired:
            sys.exit(f"FAILED: {arguments} waits")

    def must(self, *arguments):
        done = self.call(*arguments)
        if done.returncode != 0:
            sys.exit(f"FAILED: {arguments}: {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done

    def refused(self, what, status, *commands):
        for command in commands:
            done = self.call(command, self.run)
            text = done.stderr.decode(errors="replace")
            lines = [line for line in text.splitlines() if line.startswith("apd")]
            if done.returncode != status or len(lines) != 1 or str(self.work) not in lines[0]:
                sys.exit(f"FAILED: {what}: apd {command} ended with {done.returncode}, not {status}: {text}")
            demand_clean(what, done)


def demand_clean(what, done):
    for byte in done.stdout + done.stderr:
        if byte < 0x20 and byte not in (0x0A, 0x0D):
            sys.exit(f"FAILED: {what}: byte {byte:#x} reaches the terminal: {done.stdout + done.stderr}")
    if "\u009b" in (done.stdout + done.stderr).decode(errors="replace"):
        sys.exit(f"FAILED: {what}: a C1 control character reaches the terminal")


def make_data(path, superclass):
    """Six classes in three superclasses, each class a brightness."""
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for split, count in (("train", 20), ("test", 5)):
            labels = np.repeat(np.arange(6, dtype="i4"), count)
            images = random.integers(0, 40, (len(labels), 1, 8, 8)) + 30 * labels[:, None, None, None]
            file[f"{split}/images"] = images.astype("u1")
            file[f"{split}/labels"] = labels
            file[f"{split}/coarse_labels"] = (labels // 2).astype("i4")
        file["coarse_names"] = np.array([superclass.encode(), b"two", b"\xff\xfe three"], dtype="S40")


def replace_link(path, name, link):
    with h5py.File(path, "r+") as file:
        if file.get(name, getlink=True) is not None:
            del file[name]
        file[name] = link


def main():
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(os.path.abspath(sys.argv[1]), pathlib.Path(folder))
        work, run, base, outside = trial.work, trial.run, trial.work / "base", trial.work / "outside.h5"
        make_data(work / "data.h5", ESCAPE)
        (work / "run.yaml").write_text(f"""name: run
output: {run}
shards: 1
data: {{file: {work}/data.h5}}
stream: {{kind: superclass}}
network: {{preset: mlp, widths: [8]}}
training: {{epochs: 1, batch: 10}}
""")

        # names with control characters
        demand_clean("train", trial.must("train", work / "run.yaml"))
        shown = trial.must("inspect", run)
        demand_clean("inspect", shown)
        if b"?]0;owned??[2J?31m" not in shown.stdout or b"?? three" not in shown.stdout:
            sys.exit(f"FAILED: inspect does not show the names: {shown.stdout}")
        demand_clean("evaluate", trial.must("evaluate", run))
        demand_clean("compare", trial.must("compare", run))
        shutil.copytree(run, base)
        demand_clean("forget", trial.must("forget", run, "--task", "1", "--keep-history"))
        demand_clean("verify", trial.must("verify", run))

        # links
        segment = next((base / "segments").glob("*-tasks.h5")).name
        shutil.copy(base / "segments" / segment, outside)
        bad = [(name, h5py.ExternalLink("pipe", "/" + name))
               for name in ("tasks", "shared", "training", "groups", "layout", "digests", "run_yaml",
                            "tasks/000000", "forgotten/000000", "shared/dense1")]
        bad += [("tasks", h5py.ExternalLink(f"segments/{segment}", "/tasks")),
                ("tasks/000000", h5py.ExternalLink("segments/pipe", "/tasks/000000")),
                ("tasks/000000", h5py.ExternalLink("../outside.h5", "/tasks/000000")),
                ("tasks/000000", h5py.ExternalLink(str(outside), "/tasks/000000")),
                ("tasks/000000", h5py.ExternalLink(f"segments/{segment}", "/tasks/000001")),
                ("tasks/000000", h5py.ExternalLink("/dev/zero", "/tasks/000000")),
                ("tasks/000000", h5py.SoftLink("/tasks/000000")),
                ("tasks", h5py.SoftLink("/shared")),
                ("layout", h5py.SoftLink("/layout"))]
        for name, link in bad:
            shutil.rmtree(run)
            shutil.copytree(base, run)
            (run / "checkpoint.previous.h5").unlink(missing_ok=True)
            os.mkfifo(run / "pipe")
            os.mkfifo(run / "segments" / "pipe")
            replace_link(run / "checkpoint.h5", name, link)
            trial.refused(f"{name} -> {link}", 65, "verify", "inspect", "evaluate")

        # what nobody asks for is not followed either
        shutil.rmtree(run)
        shutil.copytree(base, run)
        os.mkfifo(run / "pipe")
        replace_link(run / "checkpoint.h5", "forgotten", h5py.ExternalLink("pipe", "/forgotten"))
        trial.must("verify", run)

        # what is no file
        for name in ("checkpoint.h5", f"segments/{segment}"):
            for kind, make, status in (("pipe", os.mkfifo, 65), ("folder", os.mkdir, 74)):
                shutil.rmtree(run)
                shutil.copytree(base, run)
                (run / "checkpoint.previous.h5").unlink(missing_ok=True)
                (run / name).unlink()
                make(run / name)
                trial.refused(f"{name} is a {kind}", status, "verify", "inspect")

        # a data file with a link to a pipe
        shutil.rmtree(run)
        os.mkfifo(work / "pipe")
        for name in ("train", "train/labels", "coarse_names"):
            make_data(work / "data.h5", ESCAPE)
            replace_link(work / "data.h5", name, h5py.ExternalLink("pipe", "/" + name))
            done = trial.call("train", work / "run.yaml", "--fresh", "--force")
            if done.returncode not in (0, 65):
                sys.exit(f"FAILED: data with a link to a pipe: {done.returncode}: {done.stderr}")
    print("passed")


if __name__ == "__main__":
    main()
