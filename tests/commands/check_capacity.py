#!/usr/bin/env python3
"""Count a checkpoint's capacity with positions under an ideal code, and hold manifest.json against it: check_capacity.py RUN."""
import json
import math
import os
import sys

import h5py

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../io/checkpoint"))
from sparse_code import entries, position_bits


def pattern_bytes(nonzeros, weights):
    """log2 of the number of patterns, as it is for many weights: -log2 p for each number that is not zero, or is."""
    p = nonzeros / weights
    bits = 0.0
    if nonzeros:
        bits -= nonzeros * math.log2(p)
    if nonzeros < weights:
        bits -= (weights - nonzeros) * math.log2(1 - p)
    return bits / 8


def main(run):
    path = os.path.join(run, "checkpoint.h5")
    with open(os.path.join(run, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    size = os.path.getsize(path)
    for name in os.listdir(os.path.join(run, "segments")):
        if name in used(path):
            size += os.path.getsize(os.path.join(run, "segments", name))
    stored = coded = 0
    with h5py.File(path, "r") as file:
        extents = zip(file["layout/name"].asstr()[:], file["layout/rows"][:], file["layout/cols"][:])
        shapes = {name: (int(rows), int(cols)) for name, rows, cols in extents if name in file["shared"]}
        classes = max(group["head/bias"].shape[0] for group in file["tasks"].values())
        last = list(shapes.values())[-1]
        dense = sum(rows * cols + rows for rows, cols in shapes.values()) + classes * (last[0] + 1)
        for group in file["tasks"].values():
            if "tau" not in group:
                continue
            mask, row, end, tau = group["mask"][:].astype("f4"), 0, 0, group["tau"][:]
            for rows, cols in shapes.values():
                at, _, _, end = entries(tau, end, rows, cols, mask[row : row + rows])
                row += rows
                stored += position_bits(at, rows, cols)
                coded += pattern_bytes(len(at), rows * cols)
        clusters = 0
        for name, blocks in file.get("groups", {}).items():
            for group in blocks.values():
                rows, cols = shapes[name]
                at, _, _, _ = entries(group["sigma_g"][:], 0, rows, cols, None)
                stored += position_bits(at, rows, cols)
                coded += pattern_bytes(len(at), rows * cols)
                clusters += 1
    stored = (stored + 7) // 8
    expected = (size - stored + coded) / (4 * dense)
    print(f"{run}: {clusters} clusters, {stored} bytes of positions, coded {coded:.1f}; capacity {expected:.6f}")
    if manifest["checkpoint_bytes"] != size:
        sys.exit(f"check_capacity: {run}: checkpoint_bytes {manifest['checkpoint_bytes']}, not {size}")
    for key, value in (("capacity_bytes", size / (4 * dense)), ("capacity_coded", expected)):
        if not math.isclose(manifest[key], value, rel_tol=1e-7):
            sys.exit(f"check_capacity: {run}: {key} {manifest[key]}, not {value}")


def used(path):
    """The names of the parts that checkpoint.h5 links to."""
    names = set()
    with h5py.File(path, "r") as file:
        def follow(group):
            for name in group:
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    names.add(os.path.basename(link.filename))
                elif group.get(name, getclass=True) is h5py.Group:
                    follow(group[name])
        follow(file)
    return names


main(*sys.argv[1:])
