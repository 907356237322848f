#!/usr/bin/env python3
"""Make folders of runs by hand, as apd writes them, for tests of apd report: make_runs.py KIND FOLDER.

KIND: hostile  a run of eight tasks whose names try to break out of HTML, gnuplot, SVG, CSV and JSON; task 3 is forgotten
      study    two methods in two orders with two seeds each, all finished
      broken   the same, but a run damaged, one half way, and one not begun
      empty    a run that has finished no task
      long N   a run of N tasks
"""
import json
import os
import random
import sys

HOSTILE = ["<script>alert(1)</script>", "\"quoted\" 'name' & <b>", "a\\nb\\\"c\\", "`touch pwned` $(touch pwned)",
           "x_{2}^3 @{~a} %d $#1", "Grüße 漢字 🙂", "</title></svg></script><img src=x onerror=alert(1)>",
           "\x1b[31mred\x07 = {/Bold b} ; system('touch pwned')"]
GONE = "secret ward 7"  # of the task that is forgotten


def put(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def quote(text):
    return '"' + text.replace('"', '""') + '"'


def events(ids, names, done, capacity, consolidated=()):
    """The lines of metrics.jsonl, with what a kill leaves: a task that is told twice, and half a line."""
    lines = [{"event": "start", "commit": 0, "tasks_done": 0, "step": 0, "ranks": 2}]
    for t in range(done):
        line = {"event": "task", "place": t, "task": ids[t], "name": names[t], "accuracy": 0.5,
                "capacity": capacity(t), "seconds": 1.5, "commit_seconds": 0.1, "commit_bytes": 1000 * (t + 1),
                "checkpoint_bytes": 9000, "gather_ms": 0.1, "forward_ms": 2.0, "backward_ms": 3.0,
                "reduce_ms": 0.01, "update_ms": 1.0, "share_ms": 0.0}
        if t == 1:
            lines.append(dict(line, capacity=99.0))
            lines.append({"event": "start", "commit": 1, "tasks_done": 1, "step": 0, "ranks": 2})
        lines.append(line)
        if t + 1 in consolidated:
            for layer, shared in (("conv1", 867), ("dense2", 5151)):
                half = ids[: (t + 1) // 2]
                rest = ids[(t + 1) // 2 : t + 1]
                lines.append({"event": "consolidation", "after_tasks": t + 1, "layer": layer, "clusters": 2,
                              "members": "0: " + " ".join(map(str, half)) + "; 1: " + " ".join(map(str, rest)),
                              "effective_rank": 1.5 + t, "explained_variance": 0.7, "merged_weights": shared,
                              "shared_nonzeros": shared})
            lines.append({"event": "consolidated", "after_tasks": t + 1, "average_accuracy_before": 0.5,
                          "average_accuracy": 0.49, "recentred_weights": 3, "seconds": 0.01})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return text + '{"event": "task", "place": 0, "task": 0, "capacity": 1'


def make(folder, *, method="apd", order="A", seed=0, tasks=8, done=None, names=None, forgotten=(), digest="ab",
         drop=0.01, step=0.1, consolidated=(), state="done"):
    os.makedirs(folder)
    done = tasks if done is None else done
    draw = random.Random(f"{method} {order} {seed}")
    ids = list(range(tasks)) if order == "A" else list(reversed(range(tasks)))
    names = names if names is not None else [f"task number {i}" for i in ids]
    listed = "A" if order == "A" else "[" + ", ".join(map(str, ids)) + "]"
    put(folder, "run.yaml", f"seed: {seed}\ndata: {{file: /some/glyphs.h5}}\nmethod: {{name: {method}}}\n"
                            f"stream: {{kind: split, classes_per_task: 2, order: {listed}}}\n")
    put(folder, "status.json", json.dumps({"state": state, "starts": 1, "commit": done, "tasks_done": done,
                                           "tasks": tasks, "average_accuracy": 0.5, "capacity": 1.5, "seconds": 3,
                                           "host": "h", "ranks": 2, "message": "", "written": "2026"}, indent=2))
    if done == 0:
        return
    put(folder, "manifest.json", json.dumps(
        {"program": "apd test", "compiler": "c", "blas": "b", "hosts": "<h&1>", "ranks": 2, "shards": 4,
         "evaluate": "test", "seed": seed, "config_digest": "00000000000000cd", "data_digest": "00000000000000" + digest,
         "tasks_done": done, "tasks": tasks, "capacity": 1 + step * (done - 1), "capacity_with_heads": 1.2,
         "capacity_bytes": 1.5, "capacity_coded": 1.3, "checkpoint_bytes": 9000, "peak_bytes_a_rank": 123456789,
         "started": "2026-11-30T08:00:00Z", "written": "2026-11-30T09:00:00Z"}, indent=2))
    row, rows = [], []
    for t in range(done):
        row = [max(0.0, value - draw.uniform(0, drop)) for value in row] + [round(draw.uniform(0.5, 0.95), 6)]
        rows.append(list(row))
    text = "after_task" + "".join(f",task_{i}" for i in ids) + "\n"
    for t in range(done):
        text += str(ids[t]) + "".join("," if j > t or ids[j] in forgotten else f",{rows[t][j]:.6f}"
                                      for j in range(tasks)) + "\n"
    put(folder, "accuracy.csv", text)
    text = "place,task,name,classes,accuracy_learned,accuracy,tau_nonzeros,bytes,epochs,seconds\n"
    for t in range(done):
        gone = ids[t] in forgotten
        now = "," if gone else f"{rows[t][t]:.6f},{rows[-1][t]:.6f}"
        text += f"{t},{ids[t]},{quote(names[t])},{0 if gone else 2},{now},{100 + t},900,3,1.5\n"
    put(folder, "tasks.csv", text)
    put(folder, "metrics.jsonl", events(ids, names, done, lambda t: 1 + step * t, consolidated) + "\n")


def study(folder, broken):
    os.makedirs(folder)
    runs = []
    for method, step, drop in (("apd", 0.1, 0.0), ("finetune", 0.0, 0.1)):
        for order in "AB":
            for seed in (0, 1):
                name = f"{method}-{order}-{seed}"
                runs.append(name)
                done = 8
                if broken and len(runs) in (2, 3):
                    done = 5 if len(runs) == 2 else 0
                if broken and len(runs) == 8:
                    continue
                make(os.path.join(folder, name), method=method, order=order, seed=seed, step=step, drop=drop, done=done,
                     consolidated=(4, 8) if method == "apd" else (),
                     state="done" if done == 8 else "stopped")
    if broken:
        put(os.path.join(folder, runs[5]), "accuracy.csv", "after_task,task_0\nnonsense\n")
    put(folder, "study.json", json.dumps({"name": "s", "file": "s.yaml", "shards": 4, "runs": runs}, indent=2))


def main():
    kind, folder = sys.argv[1:3]
    if kind == "hostile":
        names = list(HOSTILE)
        names[3] = GONE
        names = names + [HOSTILE[3]]
        make(folder, tasks=9, names=names, forgotten=(3,), consolidated=(4, 8), digest="\u0061b")
    elif kind in ("study", "broken"):
        study(folder, kind == "broken")
    elif kind == "empty":
        make(folder, done=0, state="running")
    elif kind == "long":
        make(folder, tasks=int(sys.argv[3]), step=0.01, drop=0.0)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
