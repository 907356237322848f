#!/usr/bin/env python3
"""Random studies, expanded by hand as GitHub Actions does, beside `apd study --dry-run`: the same runs in the same order.

    expand.py APD [--count N] [--seed S]
"""
import argparse
import itertools
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

VALUES = {"seed": [0, 1, 2, 3], "stream.order": ["A", "B", "C"], "method.lambda1": ["0.001", "0.002", "0.003"],
          "training.epochs": [3, 4, 5], "method.recentre": ["count", "median", "none"], "training.batch": [20, 21, 22]}
BASE = {"data": {"file": "d.h5"}, "stream": {"classes_per_task": 2}, "shards": 2}


def draw(rng):
    keys = rng.sample(list(VALUES), rng.randint(1, 4))
    split = rng.randint(0, len(keys))
    matrix = {key: rng.sample(VALUES[key], rng.randint(1, len(VALUES[key]))) for key in keys[:split]}
    width = rng.randint(1, 3)
    zipped = {key: rng.sample(VALUES[key], width) for key in keys[split:]}
    entry = lambda among: {key: rng.choice(VALUES[key]) for key in rng.sample(among, rng.randint(1, min(2, len(among))))}
    return {"matrix": matrix, "zip": zipped, "exclude": [entry(keys) for _ in range(rng.randint(0, 2))],
            "include": [entry(list(VALUES)) for _ in range(rng.randint(0, 3))]}


def expanded(study):
    axes = [[{key: value} for value in values] for key, values in study["matrix"].items()]
    zipped = study["zip"]
    if zipped:
        axes.append([dict(zip(zipped, row)) for row in zip(*zipped.values())])
    originals = [{key: value for part in choice for key, value in part.items()} for choice in itertools.product(*axes)]
    varied = set(study["matrix"]) | set(zipped)
    originals = [run for run in originals
                 if not any(all(run[key] == value for key, value in entry.items()) for entry in study["exclude"])]
    runs, added = [dict(run) for run in originals], []
    for entry in study["include"]:
        fits = [i for i, run in enumerate(originals)
                if all(run[key] == value for key, value in entry.items() if key in varied)]
        for i in fits:
            runs[i].update(entry)
        if not fits:
            added.append(dict(entry))
    return runs + added


def words(run, order):
    return ",".join(f"{key.split('.')[-1]}={run[key]}" for key in order if key in run) or "base"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apd")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    compared = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(chosen.count):
            study = draw(rng)
            text = {"name": "s", "base": BASE, **{key: value for key, value in study.items() if value}}
            path = pathlib.Path(folder, "s.yaml")
            path.write_text(json.dumps(text))
            right = expanded(study)
            got = subprocess.run([chosen.apd, "study", path, "--dry-run", "--seconds", "0"], cwd=folder,
                                 capture_output=True, text=True)
            order = list(dict.fromkeys([*study["matrix"], *study["zip"],
                                        *(key for name in ("exclude", "include") for entry in study[name] for key in entry)]))
            same = len({json.dumps({**{k: str(v) for k, v in run.items()}}, sort_keys=True) for run in right}) < len(right)
            if not right or same:
                refused += 1
                if got.returncode != 2 or got.stderr.count("\n") != 1:
                    sys.exit(f"not refused: {json.dumps(text)}\n{got.stdout}{got.stderr}")
                continue
            names = re.findall(r"^waiting .* (\S+)-[0-9a-f]{8}$", got.stdout, re.M)
            if got.returncode == 2 and "are the same" in got.stderr:
                defaults = {"seed": 0, "stream.order": "A", "method.recentre": "count", "method.lambda1": "0.001"}
                if any(entry.get(key) == value for entry in right for key, value in defaults.items()):
                    refused += 1 # equal to a run that leaves the key at its default
                    continue
            if got.returncode != 0 or names != [words(run, order) for run in right]:
                sys.exit(f"{json.dumps(text)}\n{names}\n{[words(run, order) for run in right]}\n{got.stderr}")
            compared += 1
    print(f"{compared} studies expanded alike, {refused} refused as they should be")
    sys.exit(compared < chosen.count // 3)


main()
