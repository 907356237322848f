#!/usr/bin/env python3
"""--json against the text of the same command: check_json.py APD, in a folder with runs a and b (two orders of one stream).

The standard output is one JSON document, its keys are those that docs/tools.md lists, and its numbers those of the text.
"""
import json
import math
import os
import re
import subprocess
import sys

APD = sys.argv[1]
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/tools.md")


def run(*arguments, ranks=1, status=0):
    command = [APD, *arguments] if ranks == 1 else ["mpirun", "-n", str(ranks), APD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != status:
        sys.exit(f"FAILED: {command}: {done.returncode}, not {status}: {done.stderr}")
    return done.stdout


def document(*arguments, **how):
    made = json.loads(run(*arguments, "--json", **how))
    check_keys(arguments[0], made)
    return made


def check_keys(command, made):
    """Every key at the top and in the lists there stands in the command's row of the page."""
    with open(PAGE, encoding="utf-8") as page:
        row = re.search(rf"^\| `{command}` \| (.*)", page.read(), re.M)[1]
    known = set(re.findall(r"`(\w+)`", row))
    objects = made if isinstance(made, list) else [made]
    for part in list(objects):
        for value in part.values():
            if isinstance(value, list):
                objects += [entry for entry in value if isinstance(entry, dict)]
    for part in objects:
        if set(part) - known:
            sys.exit(f"FAILED: {command}: docs/tools.md lacks {set(part) - known}")


def near(what, got, printed, digits):
    if not math.isclose(got, float(printed), abs_tol=0.500001 * 10.0**-digits):
        sys.exit(f"FAILED: {what}: {got} as JSON, {printed} as text")


def percent(what, share, printed):
    near(what, 100.0 * share, printed, 2)


def check_inspect():
    text, made = run("inspect", "a"), document("inspect", "a", "--layers")
    rows = re.findall(r"^ +(\d+) +(\d+)  (.{30}) +([\d.]+) +([\d.]+) +(\d+) +([\d.]+) +([\d.]+)$", text, re.M)
    if len(rows) != len(made["tasks"]) or not rows:
        sys.exit(f"FAILED: inspect: {len(rows)} rows and {len(made['tasks'])} tasks")
    for row, task in zip(rows, made["tasks"]):
        if [int(row[0]), int(row[1]), row[2].strip()] != [task["place"], task["task"], task["name"]]:
            sys.exit(f"FAILED: {row} and {task}")
        percent("learned", task["accuracy_learned"], row[3])
        percent("now", task["accuracy"], row[4])
        near("tau", task["tau_nonzeros"], row[5], 0)
        percent("density", task["tau_density"], row[6])
    found = re.search(r"average accuracy ([\d.]+) %   when learned ([\d.]+) %   worst task ([\d.]+) %", text)
    for key, printed in zip(("average_accuracy", "learning_accuracy", "worst_accuracy"), found.groups()):
        percent(key, made[key], printed)
    found = re.search(r"capacity ([\d.]+) % .* biases ([\d.]+) %; checkpoint bytes ([\d.]+) %;.* ([\d.]+) %\)", text)
    for key, printed in zip(("capacity", "capacity_with_heads", "capacity_bytes", "capacity_coded"), found.groups()):
        near(key, 100.0 * made[key], printed, 1)
    near("commit", made["commit"], re.search(r"commit (\d+)", text)[1], 0)
    if sum(layer["tau_nonzeros"] for layer in made["layers"]) != sum(task["tau_nonzeros"] for task in made["tasks"]):
        sys.exit("FAILED: inspect: the layers' tau are not the tasks'")
    two = document("inspect", "a", "--layers", ranks=2)
    for key in set(made) - {"ranks", "peak_bytes_a_rank"}:
        if two[key] != made[key]:
            sys.exit(f"FAILED: inspect on two ranks: {key}")


def check_evaluate():
    text, made = run("evaluate", "a"), document("evaluate", "a", ranks=2)
    rows = re.findall(r"^ +(\d+) +(\d+)  .{30} +([\d.]+) +([\d.]+)$", text, re.M)
    for row, task in zip(rows, made["tasks"], strict=True):
        percent("recorded", task["recorded"], row[2])
        percent("measured", task["measured"], row[3])
    percent("average", made["average_accuracy"], re.search(r"average accuracy ([\d.]+) %", text)[1])
    if made["different"] != 0 or any(task["differs"] for task in made["tasks"]):
        sys.exit("FAILED: evaluate: something differs")


def check_verify():
    made = document("verify", "a")
    if not made["intact"] or f"{made['groups']} groups" not in run("verify", "a"):
        sys.exit(f"FAILED: verify: {made}")
    with open("packed.h5", "r+b") as file:
        middle = os.path.getsize("packed.h5") // 2
        file.seek(middle)
        byte = file.read(1)[0] ^ 1
        file.seek(middle)
        file.write(bytes([byte]))
    made = document("verify", "packed.h5", status=65)
    if made["intact"] or not made["fault"]:
        sys.exit(f"FAILED: verify of a damaged file: {made}")


def check_compare():
    text, made = run("compare", "a", "b"), document("compare", "a", "b")
    rows = re.findall(r"^ +(\d+)  .{30} +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.M)
    orders = [order["order"] for order in made["orders"]]
    for row, task in zip(rows, made["tasks"], strict=True):
        percent("first order", task["accuracy"][orders[0]], row[1])
        percent("second order", task["accuracy"][orders[1]], row[2])
        percent("OPD", task["opd"], row[3])
    found = re.search(r"AOPD ([\d.]+) %   MOPD ([\d.]+) %", text)
    percent("AOPD", made["aopd"], found[1])
    percent("MOPD", made["mopd"], found[2])
    if [order["tasks"] for order in made["orders"]] != [[int(n) for n in line.split()] for line in
                                                        re.findall(r"^order \S+ +([\d ]+)$", text, re.M)]:
        sys.exit("FAILED: compare: the orders")
    if document("compare", "a")["aopd"] is not None:
        sys.exit("FAILED: compare: AOPD of one order")


def check_plan():
    arguments = ("plan", "a.yaml", "--seconds", "0.1", "--nodes", "2", "--ranks-a-node", "1")
    text, made = run(*arguments), document(*arguments, "--script", "job.sbatch", ranks=2)
    near("steps", made["steps"], re.search(r"^steps +(\d+)", text, re.M)[1], 0)
    near("disk", made["disk_bytes"]["kept"] / 1e6, re.search(r"^disk +([\d.]+) MB", text, re.M)[1], 1)
    if re.search(r"--nodes=2 --ntasks=2 --ntasks-per-node=1", made["slurm"]["command"]) is None:
        sys.exit(f"FAILED: plan: {made['slurm']}")
    if not os.path.exists("job.sbatch") or made["slurm"]["script"] != "job.sbatch":
        sys.exit("FAILED: plan: no script")
    parts = made["seconds"]
    if not math.isclose(parts["all"], sum(parts[part] for part in parts if part != "all"), rel_tol=1e-6):
        sys.exit(f"FAILED: plan: {parts}")


def check_status():
    text, made = run("status", "a"), document("status", "a")
    row = re.search(r"^done +(\d+)/(\d+) +([\d.]+)", text, re.M)
    near("tasks", made[0]["tasks_done"], row[1], 0)
    percent("average", made[0]["average_accuracy"], row[3])


for check in (check_inspect, check_evaluate, check_compare, check_plan, check_status, check_verify):
    check()
print("passed")
