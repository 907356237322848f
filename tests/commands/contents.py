#!/usr/bin/env python3
"""Print a line for everything in a checkpoint that must not depend on who computed it, where and how fast:
every data set's and attribute's name and SHA-256. Left out: the seconds that a task took, the digests that
cover them, the description's text, which names the output folder, and which commit wrote what."""
import hashlib
import sys

import h5py
import numpy

LEFT_OUT = {"seconds", "digest", "run_yaml", "commit", "alone", "index", "parts",
            "results", "NX_class", "default"}  # what pack adds


def line(name, value):
    raw = numpy.asarray(value)
    text = raw.tobytes() if raw.dtype.kind != "O" else repr(raw.tolist()).encode()
    print(name, raw.dtype, raw.shape, hashlib.sha256(text).hexdigest())


def visit(name, item):
    """All below `item`, through the links to the run's parts."""
    for key in sorted(item.attrs):
        if key not in LEFT_OUT:
            line(f"{name}@{key}", item.attrs[key])
    if isinstance(item, h5py.Dataset):
        line(name, item[()])
        return
    for key in sorted(item):
        if key not in LEFT_OUT:
            visit(f"{name}/{key}".lstrip("/"), item[key])


with h5py.File(sys.argv[1], "r") as file:
    visit("", file)
