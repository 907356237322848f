#!/usr/bin/env python3
"""/results of packed files against the run's tables: check_results.py RUN PACKED RESULTS_ALONE

Every NXdata has its signal and axes, of the right shapes, and its numbers are those of accuracy.csv and manifest.json. Where
silx or nexusformat (NeXpy's) can be imported, they find the default picture.
"""
import csv
import json
import os
import sys

import h5py
import numpy as np

RUN, PACKED, ALONE = sys.argv[1:4]


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def fail(words):
    sys.exit(f"FAILED: {words}")


def check_data(group):
    """NXdata as the NeXus manual has it: as many axes as the signal has dimensions, each as long."""
    signal = group[text(group.attrs["signal"])]
    axes = [text(axis) for axis in group.attrs["axes"]]
    if text(group.attrs["NX_class"]) != "NXdata" or len(axes) != signal.ndim:
        fail(f"{group.name}: {dict(group.attrs)}")
    for axis, size in zip(axes, signal.shape):
        if group[axis].shape != (size,) or not np.all(np.diff(group[axis][:]) > 0):
            fail(f"{group.name}: {axis}")
    for other in group.attrs.get("auxiliary_signals", []):
        if group[text(other)].shape != signal.shape:
            fail(f"{group.name}: {other}")


def check(path):
    with open(os.path.join(RUN, "accuracy.csv"), encoding="utf-8") as file:
        rows = [row[1:] for row in list(csv.reader(file))[1:]]
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    with open(os.path.join(RUN, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with h5py.File(path) as file:
        entry = file[text(file.attrs["default"])]
        data = entry[text(entry.attrs["default"])]
        if text(file.attrs["NX_class"]) != "NXroot" or text(entry.attrs["NX_class"]) != "NXentry" or data.name != "/results/accuracy":
            fail(f"{path}: the way to the default picture")
        for name in ("accuracy", "average", "tasks", "capacity"):
            check_data(entry[name])
        if not np.allclose(entry["accuracy/accuracy"][:], table, atol=1e-6, equal_nan=True):
            fail(f"{path}: the accuracies")
        averages = np.array([np.nanmean(row) for row in table])
        if not np.allclose(entry["average/average_accuracy"][:], averages, atol=1e-6):
            fail(f"{path}: the averages")
        if not np.allclose(entry["tasks/accuracy"][:], table[-1], atol=1e-6, equal_nan=True):
            fail(f"{path}: the last accuracies")
        if not np.allclose(entry["tasks/accuracy_learned"][:], np.diag(table), atol=1e-6, equal_nan=True):
            fail(f"{path}: the accuracies when learned")
        capacity = entry["capacity/capacity"][:]
        if not np.isclose(capacity[-1], manifest["capacity"], rtol=1e-6) or not np.all(np.diff(capacity) >= 0):
            fail(f"{path}: the capacities {capacity}, {manifest['capacity']}")
        if not np.isclose(entry.attrs["average_accuracy"], averages[-1], atol=1e-6) or entry.attrs["capacity"] != capacity[-1]:
            fail(f"{path}: {dict(entry.attrs)}")
        return len(table)


def check_readers(path, tasks):
    try:
        import silx.io
        from silx.io.nxdata import get_default
        with silx.io.open(path) as file:
            data = get_default(file)
            if not data.is_valid or data.signal.shape != (tasks, tasks) or data.axes_names != ["after_task", "task"]:
                fail(f"{path}: silx finds {data.signal_name} {data.issues}")
        print("silx draws", path)
    except ImportError:
        print("(no silx)")
    try:
        from nexusformat.nexus import nxload
        if nxload(path).plottable_data.nxsignal.shape != (tasks, tasks):
            fail(f"{path}: nexusformat")
        print("nexusformat draws", path)
    except ImportError:
        print("(no nexusformat)")


for path in (PACKED, ALONE):
    check_readers(path, check(path))
with h5py.File(ALONE) as file:
    if list(file) != ["results"] or "seed: 3" not in text(file["results/run_yaml"][()]):
        fail(f"{ALONE} holds {list(file)}")
with h5py.File(PACKED) as file:
    if "tasks" not in file:
        fail(f"{PACKED} has no weights")
print("passed")
