#!/usr/bin/env python3
"""Whether a task's parameters are gone: erased.py OLD_CHECKPOINT FOLDER TASK.

Takes byte strings from every numeric data set of the task in the old checkpoint: floats, int32 columns, int64 row
offsets. Those that no other task and no shared parameter has are looked for in every file of the folder, as they stand
in a data set and as they stand in packed rows, where int64 numbers are not aligned to their own size. Exit status 1 with
the file's and the data set's name when one is found, or when there was too little to look for.
"""
import pathlib
import sys

import h5py

FLOATS = 16  # bytes: four floats that stand side by side
INTEGERS = 32  # eight columns or four offsets: small numbers stand side by side by chance more often
AT_MOST = 200  # byte strings of a data set


def pieces(data):
    """All windows of a data set's bytes that have enough variety to stand nowhere by chance."""
    raw, size = data.tobytes(), FLOATS if data.dtype.kind == "f" else INTEGERS
    step = data.dtype.itemsize
    found = set()
    for i in range(0, len(raw) - size + 1, step):
        piece = raw[i : i + size]
        items = {piece[k : k + step] for k in range(0, size, step)}
        if len(set(piece)) >= 6 if data.dtype.kind == "f" else len(items) >= size // step - 1:
            found.add(piece)
    return found


def windows_of(group):
    found = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.shape != ():
            found[name] = pieces(item[()])

    group.visititems(take)
    return found


def secrets_of(checkpoint, wanted):
    """Byte strings of the task `wanted` alone, by data set."""
    secrets, others, matches = {}, set(), 0
    with h5py.File(checkpoint, "r") as file:
        for name in file["tasks"]:
            group = file["tasks"][name]
            called = group.attrs["name"]
            called = called.decode() if isinstance(called, bytes) else str(called)
            if wanted in (str(int(group.attrs["id"])), called):
                matches += 1
                secrets = windows_of(group)
            else:
                others.update(*windows_of(group).values())
        for name in file.get("shared", ()):
            others.update(*windows_of(file["shared"][name]).values())
        for block in file.get("groups", {}).values():  # a group's visit does not follow links
            for cluster in block.values():
                others.update(*windows_of(cluster).values())
    assert matches == 1, f"{matches} tasks are called {wanted}"
    return {name: sorted(values - others)[:AT_MOST] for name, values in secrets.items()}


def find(secrets, folder):
    """The first file below the folder that holds one of the byte strings, and its data set; or None."""
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        for name, values in secrets.items():
            if any(value in content for value in values):
                return path, name
    return None


def main():
    old, folder, wanted = sys.argv[1:]
    secrets = secrets_of(old, wanted)
    looked = {kind: sum(len(v) for n, v in secrets.items() if n.endswith(kind)) for kind in ("", "columns", "offsets")}
    if looked[""] < 50:
        sys.exit(f"only {looked['']} byte strings to look for")
    if "tau/columns" in secrets and not (looked["columns"] and looked["offsets"]):
        sys.exit(f"no columns or no offsets to look for: {looked}")
    found = find(secrets, folder)
    if found is not None:
        sys.exit(f"{found[0]}: bytes of {found[1]} are still there")
    if find(secrets, pathlib.Path(old).parent) is None:
        sys.exit("the search does not even find the bytes in the old run")


if __name__ == "__main__":
    main()
