#!/usr/bin/env python3
"""Read a checkpoint with h5py and numpy alone: check_checkpoint.py FILE

Rebuilds every task's theta from what the file says of itself and prints, a line a task,
    PLACE NON-ZEROS CHECKSUM
where NON-ZEROS counts tau's entries (of a task of its own network: all its weights; of one whose body is sigma or a part of it: none) and CHECKSUM is
sum over k of (2k+1) * bits(theta_k) modulo 2^64 over all decomposed weights, biases, head weights and head
biases in this order; then a line
    shared NON-ZEROS
with the entries of all clusters' sigma_g. Ends with status 1 and a line when the parts of the file do not fit
each other.
"""
import sys

import h5py
import numpy as np

from sparse_code import entries, sigma_of


def demand(holds, what):
    if not holds:
        sys.exit("check_checkpoint: " + what)


def checksum(parts):
    bits = np.concatenate([np.ascontiguousarray(part, dtype="<f4").ravel() for part in parts]).view("<u4")
    odd = np.arange(bits.size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return int((odd * bits.astype(np.uint64)).sum(dtype=np.uint64))


def read_shared(file, name, rows, cols):
    """A block's clusters, each as (rows, columns, values) of its entries, and the assignment."""
    if not file.attrs["consolidations"]:
        demand("groups" not in file, "there are clusters, but the tasks were never consolidated")
        return [], np.full(file.attrs["task_count"], -1)
    number = [block.decode() for block in file["layout/name"][()]].index(name)
    assignment, clusters = file["records/groups"][:, number], []
    layer = file["groups"][name] if file["clusters/count"][number] else {}
    names = ["%03d" % cluster for cluster in range(file["clusters/count"][number])]
    demand(sorted(layer) == names, "clusters are missing or too many")
    demand(((assignment >= -1) & (assignment < len(names))).all(), "a task's cluster is not there")
    for cluster in names:
        coded = layer[cluster]["sigma_g"][()]
        *found, end = entries(coded, 0, rows, cols, None)
        demand(end == len(coded), "the code is longer than its rows")
        clusters.append(found)
    return clusters, assignment


def sparse_weights(group, place, blocks, sigma, shared):
    mask, tau = group["mask"][()].astype("f4"), group["tau"][()]
    demand(((mask > 0) & (mask < 1)).all(), "a mask is not in (0, 1)")
    weights, row, end, count = [], 0, 0, 0
    for name, rows, cols in blocks:
        block = mask[row:row + rows, None] * sigma[name]
        clusters, assignment = shared[name]
        if assignment[place] >= 0:
            at_rows, at_columns, values = clusters[assignment[place]]
            block[at_rows, at_columns] += values
        at_rows, at_columns, values, end = entries(tau, end, rows, cols, mask[row:row + rows])
        block[at_rows, at_columns] = values
        count += len(values)
        demand(block.dtype == np.float32, "theta is not float32")
        weights.append(block)
        row += rows
    demand(end == len(tau), "the code is longer than its rows")
    return weights, count


def subnetwork_weights(group, blocks, sigma):
    bits, first, weights = group["bits"][()], 0, []
    for name, rows, cols in blocks:
        stride = (cols + 7) // 8
        used = np.unpackbits(bits[first:first + rows * stride].reshape(rows, stride), axis=1)
        demand(not used[:, cols:].any(), "a row has more bits than columns")
        weights.append(np.where(used[:, :cols], sigma[name], np.float32(0)))
        first += rows * stride
    demand(bits.dtype == np.uint8 and first == len(bits), "the bits do not fit the blocks")
    return weights


def main(path):
    with h5py.File(path, "r") as file:
        demand(file.userblock_size == 512, "no user block")
        names, rows, cols = (file["layout"][column][()] for column in ("name", "rows", "cols"))
        blocks = [(name.decode(), *shape) for name, *shape in zip(names, rows, cols)][:-1] # the head is the last
        sigma = {name: sigma_of(file["shared"][name]["sigma"][()], int(rows), int(cols)) for name, rows, cols in blocks}
        for name, rows, cols in blocks:
            demand(sigma[name].shape == (rows, cols), "sigma of " + name + " does not have the layout's shape")
        shared = {name: read_shared(file, name, rows, cols) for name, rows, cols in blocks}
        records, tasks = file["records"], set(file["tasks"]) if "tasks" in file else set()
        forgotten = {"%06d" % place for place, count in enumerate(records["class_count"]) if count == 0}
        places = ["%06d" % place for place in range(file.attrs["task_count"])]
        demand(sorted(tasks | forgotten) == places and not tasks & forgotten, "places are missing or double")
        for place in sorted(tasks):
            group = file["tasks"][place]
            demand(group.attrs["id"] == records["id"][int(place)], "a task's id is another in the records")
            storage = records["single"][int(place)]
            if storage == 1:
                weights = [group["weight"][()]]
                nonzeros = weights[0].size
            elif storage == 2:
                demand("mask" not in group and "weight" not in group, "a task with sigma for a body has weights")
                weights, nonzeros = [sigma[name] for name, _, _ in blocks], 0
            elif storage == 3:
                weights, nonzeros = subnetwork_weights(group, blocks, sigma), 0
            else:
                weights, nonzeros = sparse_weights(group, int(place), blocks, sigma, shared)
            demand(len(group["head/bias"]) == records["class_count"][int(place)], "head and classes differ")
            parts = weights + [group["bias"][()], group["head/weight"][()], group["head/bias"][()]]
            print(int(place), nonzeros, checksum(parts))
        for place in places:
            alone = place in forgotten or records["single"][int(place)]
            clustered = any(assignment[int(place)] >= 0 for _, assignment in shared.values())
            demand(not (alone and clustered), "a task that is forgotten or single is in a cluster")
        print("shared", sum(len(values) for clusters, _ in shared.values() for _, _, values in clusters))


if __name__ == "__main__":
    demand(len(sys.argv) == 2, "usage: check_checkpoint.py FILE")
    main(sys.argv[1])
