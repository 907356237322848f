#!/usr/bin/env python3
"""Make runs' folders by hand, have their scaling tabulated, and compute every figure by itself: check_scaling.py MAKE_TABLES.

With Extra-P installed (pip install extrap), its own reader reads scaling.jsonl. Ends with status 1 at the first mismatch.
"""
import csv
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile

PHASES = ("gather", "forward", "backward", "reduce", "update", "share")
COMPUTING = ("gather", "forward", "backward", "update")


def demand(holds, what):
    if not holds:
        sys.exit("check_scaling: " + str(what))


def near(actual, expected, what):
    demand(actual != "" and math.isclose(float(actual), expected, rel_tol=1e-7), f"{what}: {actual}, not {expected}")


class Run:
    """A finished run of `tasks` tasks on so many ranks, with drawn times of every rank."""

    def __init__(self, name, ranks, tasks=2, batch=64, shards=8, epochs=3, seed=0, hosts=None, digest="ab", starts=None):
        self.name, self.ranks, self.tasks, self.batch, self.shards = name, ranks, tasks, batch, shards
        self.epochs, self.seed, self.digest = epochs, seed, digest
        self.hosts = hosts or ",".join(["h1"] * ranks)
        self.starts = starts or [ranks]
        draw = random.Random(name)
        self.rows = []
        for _ in range(tasks):
            times = [{phase: draw.uniform(1, 20) / ranks for phase in PHASES} for _ in range(ranks)]
            computes = [sum(rank[phase] for phase in COMPUTING) for rank in times]
            row = {f"{phase}_ms": statistics.fmean(rank[phase] for rank in times) for phase in PHASES}
            row |= {f"{phase}_max_ms": max(rank[phase] for rank in times) for phase in PHASES}
            row |= {"compute_ms": statistics.fmean(computes), "compute_max_ms": max(computes),
                    "step_ms": max(sum(rank.values()) for rank in times), "timed_steps": draw.randrange(10, 90),
                    "seconds": round(draw.uniform(1, 9), 3), "evaluation_seconds": draw.uniform(0.1, 0.5),
                    "evaluated_tasks": draw.randrange(1, 4), "commit_seconds": draw.uniform(0.1, 0.5),
                    "consolidation_seconds": None}
            self.rows.append(row)
        if tasks > 3:
            self.rows[2]["consolidation_seconds"] = 1.5
            self.rows[3]["commit_seconds"] = None
        self.memory, self.bytes, self.capacity = draw.randrange(10**7, 10**9), draw.randrange(10**5, 10**8), draw.uniform(1, 9)
        self.accuracy = [round(draw.uniform(0.3, 0.9), 6) for _ in range(tasks)]

    def write(self, folder):
        place = os.path.join(folder, self.name)
        os.makedirs(place)

        def put(name, text):
            with open(os.path.join(place, name), "w", encoding="utf-8") as file:
                file.write(text)
        put("run.yaml", f"seed: {self.seed}\nshards: {self.shards}\ndata: {{file: /some.h5}}\n"
                        f"stream: {{kind: split, classes_per_task: 2, tasks: {self.tasks}}}\n"
                        f"method: {{polish_epochs: 0}}\ntraining: {{batch: {self.batch}, epochs: {self.epochs}}}\n")
        put("manifest.json", json.dumps({
            "ranks": self.ranks, "hosts": self.hosts, "data_digest": "ab", "results_digest": self.digest,
            "tasks_done": self.tasks, "tasks": self.tasks, "capacity": self.capacity, "capacity_with_heads": 1,
            "capacity_bytes": 1, "capacity_coded": 1, "checkpoint_bytes": self.bytes,
            "peak_bytes_a_rank": self.memory}, indent=2))
        put("accuracy.csv", "after_task" + "".join(f",task_{t}" for t in range(self.tasks)) + "\n" + "".join(
            f"{t}" + "".join(f",{self.accuracy[j]:.6f}" if j <= t else "," for j in range(self.tasks)) + "\n"
            for t in range(self.tasks)))
        put("tasks.csv", "place,task,name,classes,accuracy_learned,accuracy,tau_nonzeros,bytes,epochs,seconds\n" + "".join(
            f'{t},{t},"t",2,{self.accuracy[t]},{self.accuracy[t]},1,1,3,{self.rows[t]["seconds"]}\n'
            for t in range(self.tasks)))
        lines = [{"event": "start", "ranks": ranks} for ranks in self.starts]
        lines.append({"event": "task", "place": 0, "name": "\"step_ms\": 7", "step_ms": 1e9})  # repeated after a kill
        lines += [{"event": "task", "place": t, "name": "\"step_ms\": 7", **row} for t, row in enumerate(self.rows)]
        put("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def window(self):
        return self.rows[-max(math.ceil(self.tasks / 10), min(5, self.tasks)):]

    def median(self, key):
        return statistics.median(row[key] for row in self.window() if row[key] is not None)

    def figures(self):
        return {
            "step_s": 1e-3 * self.median("step_ms"),
            **{f"{phase}_s": 1e-3 * self.median(f"{phase}_ms") for phase in PHASES},
            **{f"{phase}_max_s": 1e-3 * self.median(f"{phase}_max_ms") for phase in PHASES},
            "compute_s": 1e-3 * self.median("compute_ms"), "compute_max_s": 1e-3 * self.median("compute_max_ms"),
            "task_s": self.median("seconds"), "commit_s": self.median("commit_seconds"),
            "evaluation_s": statistics.median(row["evaluation_seconds"] / row["evaluated_tasks"] for row in self.window()),
            "loop_s": sum(row["seconds"] for row in self.rows), "memory_bytes": self.memory,
            "checkpoint_bytes": self.bytes, "capacity": self.capacity, "accuracy": statistics.fmean(self.accuracy),
        }


def make(tool, folder, runs, keys=(), values=lambda run: ()):
    for run in runs:
        run.write(folder)
    out = os.path.join(folder, "out")
    os.makedirs(out)
    arguments = []
    for run in runs:
        arguments += [os.path.join(folder, run.name), *values(run)]
    done = subprocess.run([tool, out, str(len(keys)), *keys, *arguments], capture_output=True, text=True, check=False)
    return out, done


def read(out):
    with open(os.path.join(out, "scaling.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def text_of(out, name):
    with open(os.path.join(out, name), encoding="utf-8") as file:
        return file.read()


def check_point(row, runs):
    """Medians over the repeats, and what follows from one point."""
    for name in runs[0].figures():
        near(row[name], statistics.median(run.figures()[name] for run in runs), name)
    steps = [run.figures()["step_s"] for run in runs]
    near(row["step_min_s"], min(steps), "least")
    near(row["step_max_s"], max(steps), "most")
    balance = statistics.median(run.figures()["compute_s"] / run.figures()["compute_max_s"] for run in runs)
    communication = statistics.median(run.figures()["compute_max_s"] / run.figures()["step_s"] for run in runs)
    near(row["load_balance"], balance, "load balance")
    near(row["communication"], communication, "communication")
    near(row["parallel_efficiency"], balance * communication, "parallel efficiency")
    demand(int(row["repeats"]) == len(runs) and int(row["ranks"]) == runs[0].ranks, row)
    demand(int(row["steps"]) == sum(line["timed_steps"] for run in runs for line in run.window()), row["steps"])


def check_ranks(rows, points):
    """points: lists of repeats by rising ranks."""
    demand(len(rows) == len(points), rows)
    rates = [points[0][0].batch / points[0][0].batch * point[0].batch / float(row["step_s"])
             for row, point in zip(rows, points)]
    first = points[0][0]
    for i, (row, point) in enumerate(zip(rows, points)):
        check_point(row, point)
        more = point[0].ranks / first.ranks
        near(row["speed_up"], rates[i] / rates[0], "speed-up")
        near(row["efficiency"], rates[i] / rates[0] / more, "efficiency")
        near(row["computation"], (float(rows[0]["compute_s"]) / first.batch * first.ranks) /
             (float(row["compute_s"]) / point[0].batch * point[0].ranks), "computation")
        demand(row["baseline"] == str(first.ranks) and row["growth"] == "" and row["source"] == "measured", row)
        if i == 0:
            demand(row["doubling"] == "", row)
        else:
            doublings = math.log2(point[0].ranks / points[i - 1][0].ranks)
            near(row["doubling"], (rates[i] / rates[i - 1]) ** (1 / doublings), "doubling")


def check_extrap(out, experiments, name="scaling.jsonl"):
    """Extra-P's own reader, where it is installed."""
    lines = [json.loads(line) for line in text_of(out, name).splitlines()]
    demand({line["callpath"].split("->")[0] for line in lines} == experiments, lines[0])
    try:
        from extrap.fileio.file_reader.jsonlines_file_reader import read_jsonlines_file
    except ImportError:
        print("skipped: Extra-P is not installed (pip install extrap)")
        return
    experiment = read_jsonlines_file(os.path.join(out, name))
    read_back = {(path.name, metric.name, measurement.coordinate.as_tuple()): measurement
                 for (path, metric), measurements in experiment.measurements.items() for measurement in measurements}
    names = [parameter.name for parameter in experiment.parameters]
    groups = {}
    for line in lines:
        where = (line["callpath"], line["metric"], tuple(float(line["params"][name]) for name in names))
        groups.setdefault(where, []).append(line["value"])
    demand(set(groups) == set(read_back), "Extra-P reads other measurements")
    for where, values in groups.items():
        near(read_back[where].median, statistics.median(values), where)
    print("Extra-P read", len(lines), "lines")


def case_strong(tool, folder):
    """Three repeats of 1, 2, 4, 8 and 6 ranks; a run that was continued on other ranks is left out."""
    runs = [Run(f"r{repeat}p{ranks}", ranks, hosts="h1,h1,h2,h1,h3,h22"[:3 * ranks - 1] if ranks <= 4 else None)
            for repeat in range(3) for ranks in (1, 2, 8, 4, 6)]
    runs.append(Run("continued", 2, starts=[1, 2]))
    out, done = make(tool, folder, runs, ("ranks", "repeat"), lambda run: (str(run.ranks), run.name))
    demand(done.returncode == 0 and "the same results, to the bit, on 1 to 8 ranks" in done.stderr, done)
    rows = read(out)
    points = [[run for run in runs if run.ranks == ranks and run.name != "continued"] for ranks in (1, 2, 4, 6, 8)]
    demand(all(row["kind"] == "strong" and row["series"] == "apd" for row in rows), rows)
    check_ranks(rows, points)
    demand([row["nodes"] for row in rows] == ["1", "1", "2", "1", "1"], [row["nodes"] for row in rows])
    check_extrap(out, {"apd"})
    with open(os.path.join(out, "results.csv"), encoding="utf-8", newline="") as file:
        demand(len(list(csv.DictReader(file))) == len(runs), "results.csv")
    with open(os.path.join(out, "summary.csv"), encoding="utf-8", newline="") as file:
        demand([row["runs"] for row in csv.DictReader(file)] == ["1"], "a repeat counts as a seed")
    good = 0
    while good < len(rows) and float(rows[good]["efficiency"]) >= 0.75:
        good += 1
    shown = [line for line in text_of(out, "scaling.md").splitlines() if "**" in line and line.startswith("| ")]
    demand(len(shown) == 1 and f"**{100 * float(rows[good - 1]['efficiency']):.1f}**" in shown[0], shown)
    tex = text_of(out, "scaling.tex")
    demand(tex.count("\\toprule") == 1 and "efficiency" in tex and "\\textbf{" in tex, tex)


def case_weak(tool, folder):
    """The batch and the shards grow with the ranks; another batch a rank is no point."""
    runs = [Run(f"r{repeat}p{ranks}", ranks, batch=16 * ranks, shards=ranks, epochs=ranks)
            for ranks in (2, 1, 4) for repeat in range(2)]
    runs.append(Run("other", 8, batch=16, shards=8))
    out, done = make(tool, folder, runs, ("training.batch", "seed"), lambda run: (str(run.batch), "0"))
    demand(done.returncode == 0 and "the same results" not in done.stderr, done)
    rows = read(out)
    demand(all(row["kind"] == "weak" and row["series"] == "seed=0" for row in rows), rows)
    check_ranks(rows, [[run for run in runs if run.ranks == ranks] for ranks in (1, 2, 4)])
    check_extrap(out, {"seed=0 weak"})


def case_tasks(tool, folder):
    """Tasks by ranks: strong series by tasks and tasks' series by ranks share their points in scaling.jsonl."""
    counts = (4, 10, 20, 73, 100)
    runs = [Run(f"t{tasks}p{ranks}", ranks, tasks=tasks) for tasks in counts for ranks in (1, 2)]
    out, done = make(tool, folder, runs, ("stream.tasks", "ranks"), lambda run: (str(run.tasks), str(run.ranks)))
    demand(done.returncode == 0, done)
    rows = read(out)
    demand(len(rows) == 2 * 10 and len([row for row in rows if row["kind"] == "tasks"]) == 10, rows)
    for ranks in (1, 2):
        series = [row for row in rows if row["kind"] == "tasks" and row["series"] == f"ranks={ranks}"]
        demand([int(row["tasks"]) for row in series] == list(counts), series)
        for row in series:
            run = next(run for run in runs if run.tasks == int(row["tasks"]) and run.ranks == ranks)
            check_point(row, [run])
            near(row["growth"], float(row["step_s"]) / float(series[0]["step_s"]), "growth")
            near(row["consolidation_s"], 1.5, "the last consolidation")
            demand(row["speed_up"] == row["efficiency"] == row["doubling"] == "" and row["baseline"] == "4", row)
    for name in "scaling.jsonl", "tasks.jsonl":
        check_extrap(out, {"apd"}, name)
    lines = [json.loads(line) for line in text_of(out, "tasks.jsonl").splitlines()]
    demand({(line["params"]["ranks"], line["params"]["tasks"]) for line in lines if line["callpath"] == "apd->step"} ==
           {(ranks, tasks) for ranks in (1, 2) for tasks in counts}, "tasks.jsonl")
    demand(len(lines) == len({json.dumps([line["params"], line["callpath"], line["metric"]]) for line in lines}), "doubled")


def case_other_results(tool, folder):
    """Equal descriptions with other results on other ranks: the tables are written, and the status says so."""
    runs = [Run("one", 1), Run("two", 2, digest="ac")]
    out, done = make(tool, folder, runs, ("ranks",), lambda run: (str(run.ranks),))
    demand(done.returncode == 1 and "results of apd differ between ranks" in done.stderr, done)
    demand("THE RESULTS DIFFER" in text_of(out, "scaling.md") and len(read(out)) == 2, "not written")


def case_nothing_scales(tool, folder):
    """Runs that differ in other keys, or lack metrics.jsonl, make no file."""
    runs = [Run("a", 1), Run("b", 2, seed=1)]
    out, done = make(tool, folder, runs)
    demand(done.returncode == 0 and not os.path.exists(os.path.join(out, "scaling.csv")), done)


def main(tool):
    cases = [case for name, case in sorted(globals().items()) if name.startswith("case_")]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            case(tool, folder)
        print("passed:", case.__name__)


main(*sys.argv[1:])
