#!/usr/bin/env python3
"""Whether a task's parameters are gone: erased.py OLD_CHECKPOINT FOLDER TASK. Takes byte strings from the task's
data sets in the old checkpoint (those that no other task has too) and looks for them in every file of the
folder. Exit status 1 with the data set's name when one is found, or when there was nothing to look for."""
import pathlib
import sys

import h5py

PIECE = 16  # bytes: four floats that stand side by side


def pieces(data):
    raw = data.tobytes()
    return {raw[i : i + PIECE] for i in range(0, len(raw) - PIECE + 1, 4)}


old, folder, wanted = sys.argv[1:]
with h5py.File(old, "r") as file:
    groups = {name: file["tasks"][name] for name in file["tasks"]}

    def matches(group):
        name = group.attrs["name"]
        name = name.decode() if isinstance(name, bytes) else str(name)
        return wanted in (str(int(group.attrs["id"])), name)

    target = [name for name in groups if matches(groups[name])]
    assert len(target) == 1, target
    secrets, others = {}, set()
    for name, group in groups.items():
        found = {}
        group.visititems(lambda n, d: found.update({n: pieces(d[()])}) if isinstance(d, h5py.Dataset)
                         and d.dtype.kind == "f" else None)
        if name == target[0]:
            secrets = found
        else:
            for value in found.values():
                others |= value
    for shared in ("shared", "groups"):
        if shared in file:
            file[shared].visititems(lambda n, d: others.update(pieces(d[()])) if isinstance(d, h5py.Dataset) else None)

looked = 0
for path in pathlib.Path(folder).rglob("*"):
    if not path.is_file():
        continue
    content = path.read_bytes()
    for name, values in secrets.items():
        for value in sorted(values - others)[:200]:
            if len(set(value)) < 6:
                continue  # zeros and the like stand everywhere
            looked += 1
            if value in content:
                sys.exit(f"{path}: bytes of {name} are still there")
if looked < 50:
    sys.exit(f"only {looked} byte strings to look for")
