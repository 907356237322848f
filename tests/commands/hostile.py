#!/usr/bin/env python3
"""Checkpoints and data files that somebody made to do harm, made with h5py: hostile.py APD.

A link to a pipe must not make a command wait, a link is not followed, whatever stands in a file reaches the terminal
without control characters. Digests are made right, so that they do not hide the rest (repair.py). Each command ends within ten seconds, with the status that is named
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

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import repair  # noqa: E402

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

    def begin(self, base):
        """The run as it was, without its former commit, and pipes."""
        shutil.rmtree(self.run)
        shutil.copytree(base, self.run)
        (self.run / "checkpoint.previous.h5").unlink(missing_ok=True)
        os.mkfifo(self.run / "pipe")
        os.mkfifo(self.run / "segments" / "pipe")


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

        # links in checkpoint.h5 to items are for other readers: none is followed
        with h5py.File(base / "checkpoint.h5") as file:
            part = pathlib.Path(file.get("tasks/000000", getlink=True).filename)
        shutil.copy(base / part, outside)
        for name in ("tasks", "shared", "training", "groups", "forgotten", "tasks/000000", "shared/dense1"):
            trial.begin(base)
            replace_link(run / "checkpoint.h5", name, h5py.ExternalLink("pipe", "/" + name))
            repair.repair_front(run / "checkpoint.h5")
            for command in ("verify", "inspect", "evaluate"):
                trial.must(command, run)

        # what the program itself reads lies in the file that says so
        bad = [(name, h5py.ExternalLink("pipe", "/" + name))
               for name in ("layout", "records", "accuracy", "clusters", "index", "parts", "run_yaml", "about",
                            "records/name")]
        bad += [("layout", h5py.SoftLink("/layout")), ("records", h5py.SoftLink("/layout")),
                ("index", h5py.ExternalLink("checkpoint.previous.h5", "/index"))]
        for name, link in bad:
            trial.begin(base)
            replace_link(run / "checkpoint.h5", name, link)
            repair.repair_front(run / "checkpoint.h5")
            trial.refused(f"{name} -> {link}", 65, "verify", "inspect", "evaluate")
        bad = [("tasks", h5py.ExternalLink("pipe", "/tasks")), ("tasks", h5py.SoftLink("/shared")),
               ("tasks/000000", h5py.SoftLink("/tasks/000000")), ("tasks/000000", h5py.SoftLink("/tasks/000001"))]
        bad += [("tasks/000000", h5py.ExternalLink(file, "/tasks/000000"))
                for file in ("pipe", "../outside.h5", str(outside), "/dev/zero")]
        bad += [("tasks/000000/mask", h5py.ExternalLink("pipe", "/tasks/000000/mask"))]
        for name, link in bad:
            trial.begin(base)
            replace_link(run / part, name, link)
            repair.repair_part(run / "checkpoint.h5", run / part)
            trial.refused(f"{part.name}: {name} -> {link}", 65, "verify", "evaluate")

        # what is no file
        for name in ("checkpoint.h5", part):
            for kind, make, status in (("pipe", os.mkfifo, 65), ("folder", os.mkdir, 74)):
                trial.begin(base)
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
