"""Digests of a checkpoint's files, made right after h5py changed them (format: io/checkpoint/part_writer.h), so that a
reader gets past them to what was changed. Exits with 77, a skipped test, where libxxhash is not installed."""
import ctypes
import ctypes.util
import re
import struct
import sys

import h5py

HEADER = 512
PART_COLUMNS = (("commit", 0), ("part", 0), ("items", 0), ("bytes", 1), ("digest", 2))  # and number in number.h

found = ctypes.util.find_library("xxhash")
if found is None:
    print("skipped: libxxhash is not installed")
    sys.exit(77)
XXH3 = ctypes.CDLL(found).XXH3_64bits
XXH3.restype, XXH3.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)


def digest(content):
    return XXH3(content, len(content))


def join(sequence, element):
    return digest(struct.pack("<QQ", sequence, element))


def read_header(path):
    """commit, front, bytes, digest."""
    text = path.read_bytes()[:HEADER].rstrip(b"\0").decode()
    values = re.fullmatch(r"apd-checkpoint 5\ncommit (\d+)\nfront (\d+)\nbytes (\d+)\ndigest ([0-9a-f]{16})\n", text)
    return int(values[1]), int(values[2]), int(values[3]), int(values[4], 16)


def repair_front(path):
    """The user block says what the file is now."""
    commit, front = read_header(path)[:2]
    content = path.read_bytes()
    header = (f"apd-checkpoint 5\ncommit {commit}\nfront {front}\nbytes {len(content)}\n"
              f"digest {digest(content[HEADER:front]):016x}\n")
    path.write_bytes(header.encode().ljust(HEADER, b"\0") + content[HEADER:])


def repair_part(checkpoint, part):
    """The part's user block, and what the checkpoint says of that part, then the checkpoint's own digests."""
    repair_front(part)
    _, _, size, front_digest = read_header(part)
    commit, number = map(int, re.fullmatch(r"(\d+)-(\d+)\.h5", part.name).groups())
    with h5py.File(checkpoint, "r+") as file:
        group, sequence = file["parts"], 0
        for i, key in enumerate(zip(group["commit"][()], group["part"][()])):
            if key == (commit, number):
                group["bytes"][i], group["digest"][i] = size, front_digest
        for name, kind in PART_COLUMNS:
            sequence = join(sequence, digest(name.encode()))
            sequence = join(sequence, digest(struct.pack("<5q", kind, 0, 1, len(group[name]), 0)))
            sequence = join(sequence, digest(group[name][()].tobytes()))
        group.attrs.modify("digest", sequence)
    repair_front(checkpoint)
