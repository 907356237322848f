#!/usr/bin/env python3
"""Compute by itself what apd compare says: check_compare.py TABLE.txt TABLE.csv ID...

Reads each run's accuracy.csv (beside the checkpoint that the table names) and what inspect said of it
(RUN.inspect), and holds averages, learning accuracy, BWT, means over seeds, OPD, AOPD and MOPD against both
forms of the table. The ids are an order that must occur. Ends with status 1 and a line at the first mismatch.
"""
import csv
import re
import statistics
import sys

TOLERANCE = 1.1e-6  # accuracy.csv has six digits


def demand(holds, what):
    if not holds:
        sys.exit("check_compare: " + what)


def read_run(name):
    folder = name.removesuffix("/checkpoint.h5")
    with open(folder + "/accuracy.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    order = [int(heading.removeprefix("task_")) for heading in rows[0][1:]]
    matrix = [[float(cell) if cell else None for cell in row[1:]] for row in rows[1:]]
    last = matrix[-1]
    places = range(len(order))
    with open(folder + ".inspect", encoding="utf-8") as file:
        capacity = re.search(r"^capacity ([\d.]+) %.*biases ([\d.]+) %; checkpoint bytes ([\d.]+) %", file.read(),
                             re.M).groups()
    return {
        "order": tuple(order),
        "final": {order[p]: last[p] for p in places},
        "average_accuracy": statistics.fmean(last),
        "learning_accuracy": statistics.fmean(matrix[p][p] for p in places),
        "backward_transfer": statistics.fmean(last[p] - matrix[p][p] for p in places[:-1]),
        "capacity": [float(share) for share in capacity],
    }


def near(actual, expected, what, tolerance=TOLERANCE):
    demand(abs(float(actual) - expected) <= tolerance, f"{what}: {actual}, not {expected}")


def check_runs(rows, runs):
    measures = {(row["run"], row["measure"]): row["value"] for row in rows if row["scope"] == "run"}
    for name, run in runs.items():
        for measure in ("average_accuracy", "learning_accuracy", "backward_transfer"):
            near(measures[name, measure], run[measure], f"{name} {measure}")
        for measure, share in zip(("weights", "with_heads", "bytes"), run["capacity"]):
            near(100 * float(measures[name, "capacity_" + measure]), share, f"{name} capacity {measure}", 0.051)
    finals = [row for row in rows if row["scope"] == "run_task"]
    demand(len(finals) == sum(len(run["final"]) for run in runs.values()), "rows of run_task")
    for row in finals:
        near(row["value"], runs[row["run"]]["final"][int(row["task"])], "final accuracy")


def check_orders(rows, runs, wanted):
    labels = {runs[row["run"]]["order"]: row["order"] for row in rows if row["scope"] == "run"}
    demand(wanted in labels, f"no order {wanted}")
    demand(len(set(labels.values())) == len(labels), "two orders share a label")
    tasks = sorted(wanted)
    means = {(order, task): statistics.fmean(run["final"][task] for run in runs.values() if run["order"] == order)
             for order in labels for task in tasks}
    stated = {(row["order"], int(row["task"])): row["value"] for row in rows if row["scope"] == "order_task"}
    demand(len(stated) == len(means), "rows of order_task")
    for (order, task), mean in means.items():
        near(stated[labels[order], task], mean, f"order {order} task {task}")
    opd = {task: max(means[order, task] for order in labels) - min(means[order, task] for order in labels)
           for task in tasks}
    for row in rows:
        if row["scope"] == "task":
            near(row["value"], opd[int(row["task"])], f"OPD of {row['task']}", 2 * TOLERANCE)
    return list(opd.values()), len(labels)


def main(table, sheet, *ids):
    with open(sheet, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    runs = {row["run"]: read_run(row["run"]) for row in rows if row["scope"] == "run"}
    check_runs(rows, runs)
    opd, orders = check_orders(rows, runs, tuple(int(task) for task in ids))
    whole = {row["measure"]: row["value"] for row in rows if row["scope"] == "all"}
    near(whole["aopd"], statistics.fmean(opd), "AOPD", 2 * TOLERANCE)
    near(whole["mopd"], max(opd), "MOPD", 2 * TOLERANCE)
    near(whole["orders"], orders, "orders", 0)
    demand(max(opd) > 0, "the orders do not differ: nothing was tested")
    with open(table, encoding="utf-8") as file:
        text = file.read()
    aopd, mopd = re.search(r"^AOPD ([\d.]+) %   MOPD ([\d.]+) %", text, re.M).groups()
    near(aopd, 100 * statistics.fmean(opd), "AOPD of the table", 0.0052)
    near(mopd, 100 * max(opd), "MOPD of the table", 0.0052)
    demand(f"{orders} orders" in text, "the table does not state the number of orders")
    for name, run in runs.items():
        line = re.search(rf"^{re.escape(name)} .*$", text, re.M).group()
        near(line.split()[3], 100 * run["average_accuracy"], f"{name}'s average in the table", 0.0052)
        near(line.split()[5], 100 * run["backward_transfer"], f"{name}'s BWT in the table", 0.0052)


main(*sys.argv[1:])
