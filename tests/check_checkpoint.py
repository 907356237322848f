#!/usr/bin/env python3
"""Read a checkpoint with h5py and numpy alone: check_checkpoint.py FILE

Rebuilds every task's theta from what the file says of itself and prints, a line a task,
    PLACE NON-ZEROS CHECKSUM
where NON-ZEROS counts tau's entries (of a task of its own network: all its weights) and CHECKSUM is
sum over k of (2k+1) * bits(theta_k) modulo 2^64 over all decomposed weights, biases, head weights and head
biases in this order. Ends with status 1 and a line when the parts of the file do not fit each other.
"""
import sys

import h5py
import numpy as np


def demand(holds, what):
    if not holds:
        sys.exit("check_checkpoint: " + what)


def checksum(parts):
    bits = np.concatenate([np.ascontiguousarray(part, dtype="<f4").ravel() for part in parts]).view("<u4")
    odd = np.arange(bits.size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return int((odd * bits.astype(np.uint64)).sum(dtype=np.uint64))


def sparse_weights(group, blocks, sigma):
    mask, offsets = group["mask"][()], group["tau/row_offsets"][()]
    columns, theta = group["tau/columns"][()], group["tau/theta"][()]
    demand(offsets[0] == 0 and offsets[-1] == len(theta) == len(columns), "row_offsets do not span the entries")
    demand((np.diff(offsets) >= 0).all(), "row_offsets fall")
    demand(((mask > 0) & (mask < 1)).all(), "a mask is not in (0, 1)")
    weights, row = [], 0
    for name, rows, cols in blocks:
        block = mask[row:row + rows, None] * sigma[name]
        for r in range(rows):
            run = slice(offsets[row + r], offsets[row + r + 1])
            demand((np.diff(columns[run]) > 0).all(), "columns do not rise")
            block[r, columns[run]] = theta[run]
        weights.append(block)
        row += rows
    return weights, len(theta)


def main(path):
    with h5py.File(path, "r") as file:
        demand(file.attrs["format"] == b"apd-checkpoint", "not a checkpoint")
        layout = [column[()] for column in (file["layout/name"], file["layout/rows"], file["layout/cols"],
                                            file["layout/decomposed"])]
        blocks = [(name.decode(), rows, cols) for name, rows, cols, kept in zip(*layout) if kept]
        sigma = {name: file["shared"][name]["sigma"][()] for name, _, _ in blocks}
        for name, rows, cols in blocks:
            demand(sigma[name].shape == (rows, cols), "sigma of " + name + " does not have the layout's shape")
        tasks, forgotten = set(file["tasks"]), set(file["forgotten"])
        places = ["%06d" % place for place in range(file.attrs["task_count"])]
        demand(sorted(tasks | forgotten) == places and not tasks & forgotten, "places are missing or double")
        demand(file["accuracy"].shape == (len(places), len(places)), "accuracy is not (T, T)")
        for place in sorted(tasks):
            group = file["tasks"][place]
            if group.attrs["single"]:
                weights = [group["weight"][()]]
                nonzeros = weights[0].size
            else:
                weights, nonzeros = sparse_weights(group, blocks, sigma)
            demand(len(group["head/bias"]) == len(group.attrs["classes"]), "head and classes differ")
            parts = weights + [group["bias"][()], group["head/weight"][()], group["head/bias"][()]]
            print(int(place), nonzeros, checksum(parts))


if __name__ == "__main__":
    demand(len(sys.argv) == 2, "usage: check_checkpoint.py FILE")
    main(sys.argv[1])
