#!/usr/bin/env python3
"""Whether a task's parameters are gone: erased.py OLD_CHECKPOINT FOLDER TASK.

Takes byte strings from every numeric data set of the task in the old checkpoint: floats, and tau's code. Those that no
other task and no shared parameter has are looked for in every file of the folder. Exit status 1 with the file's and the data set's name when one is found, or when there was too little to look for.
"""
import pathlib
import sys

import h5py

PIECE = 16  # bytes: floats that stand side by side, or some rows' code
AT_MOST = 200  # byte strings of a data set


def pieces(data):
    """All windows of a data set's bytes that have enough variety to stand nowhere by chance."""
    raw, least = data.tobytes(), 6 if data.dtype.kind == "f" else 9
    places = range(0, len(raw) - PIECE + 1, data.dtype.itemsize)
    return {raw[i : i + PIECE] for i in places if len(set(raw[i : i + PIECE])) >= least}


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
    looked = sum(len(values) for values in secrets.values())
    if looked < 50:
        sys.exit(f"only {looked} byte strings to look for")
    if "tau" in secrets and not secrets["tau"]:
        sys.exit("nothing of tau to look for")
    found = find(secrets, folder)
    if found is not None:
        sys.exit(f"{found[0]}: bytes of {found[1]} are still there")
    if find(secrets, pathlib.Path(old).parent) is None:
        sys.exit("the search does not even find the bytes in the old run")


if __name__ == "__main__":
    main()
