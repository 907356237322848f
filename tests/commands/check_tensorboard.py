#!/usr/bin/env python3
"""TensorBoard's own reader on the event files of two runs: check_tensorboard.py RUN UNDISTURBED

Every tag has the steps and values of metrics.jsonl, each step once and in order, and those that do not depend on time are
the same in both runs.
"""
import json
import os
import re
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/tools.md")
FIELDS = {"loss/train": "loss", "accuracy/train": "training_accuracy", "rate/learning": "learning_rate",
          "accuracy/new_task": "accuracy", "accuracy/average": "average_accuracy", "accuracy/worst": "worst_accuracy",
          "transfer/backward": "backward_transfer", "capacity/weights": "capacity", "tau/nonzeros": "tau_nonzeros"}


def read(run, part):
    events = EventAccumulator(os.path.join(run, "tensorboard", part), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def logged(run):
    """The last line of each step and of each task, by step of the stream and by number of tasks."""
    steps, tasks = {}, {}
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            if entry["event"] == "step":
                steps[entry["place"], entry["step"]] = entry
            elif entry["event"] == "task":
                tasks[entry["place"] + 1] = entry
    ends = [max(step for place, step in steps if place == p) for p in range(max(place for place, _ in steps))]
    return {sum(ends[:place]) + step: entry for (place, step), entry in steps.items()}, tasks


def fail(text):
    sys.exit(f"FAILED: {text}")


found = [{part: read(run, part) for part in ("steps", "tasks")} for run in sys.argv[1:3]]
with open(PAGE, encoding="utf-8") as page:
    section = page.read().split("## TensorBoard")[1].split("\n## ")[0]
known = set(re.findall(r"`([a-z]+/[a-z_]+)`", section))
seen = set(found[0]["steps"]) | set(found[0]["tasks"])
if not seen <= known or known - seen - {"time/consolidation_seconds"}:
    fail(f"tags: {seen ^ known}")
for run, tags in zip(sys.argv[1:3], found):
    for part, lines in zip(("steps", "tasks"), logged(run)):
        for tag, series in tags[part].items():
            steps = [step for step, _ in series]
            if steps != sorted(set(steps)):
                fail(f"{run}: {tag}: steps appear twice or out of order: {steps}")
            if tag in FIELDS:
                if set(steps) != set(lines):
                    fail(f"{run}: {tag}: steps {set(steps) ^ set(lines)} are in one alone")
                for step, value in series:
                    if abs(value - lines[step][FIELDS[tag]]) > 1e-6 * max(1.0, abs(value)):
                        fail(f"{run}: {tag}: {value} at {step}, not {lines[step][FIELDS[tag]]}")
for part in found[0]:
    for tag in set(found[0][part]) & set(FIELDS):
        if found[0][part][tag] != found[1][part][tag]:
            fail(f"{tag} differs from the undisturbed run's")
if len(found[0]["steps"]["loss/train"]) < 50 or len(found[0]["tasks"]["accuracy/average"]) != 3:
    fail("too few")
print("passed:", len(seen), "tags,", len(found[0]["steps"]["loss/train"]), "steps")
