#!/usr/bin/env python3
"""Event files read byte by byte, without TensorBoard: check_events.py RUN STARTS

Records are framed as TFRecord has it (length, masked CRC-32C of it, data, masked CRC-32C of those); the first is the
version, later files begin with a SessionLog START, and tags and steps are those of metrics.jsonl.
"""
import glob
import json
import os
import struct
import sys


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data):
    value = crc(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    with open(path, "rb") as file:
        content = file.read()
    while content:
        length, check = struct.unpack("<QI", content[:12])
        data, end = content[12:12 + length], content[12 + length:16 + length]
        assert check == masked(content[:8]) and struct.unpack("<I", end)[0] == masked(data), path
        yield data
        content = content[16 + length:]


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """Pairs (number, value) of a message of Protocol Buffers."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = (8, at) if key & 7 == 1 else (4, at) if key & 7 == 5 else varint(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


assert crc(b"123456789") == 0xE3069283  # the standard's own example
run, starts = sys.argv[1], int(sys.argv[2])
with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
    lines = [json.loads(line) for line in file]
for part, event, tag in (("steps", "step", "loss/train"), ("tasks", "task", "accuracy/average")):
    paths = sorted(glob.glob(os.path.join(run, "tensorboard", part, "events.out.tfevents.*")))
    assert len(paths) == starts, paths
    values = []
    for number, path in enumerate(paths):
        messages = [dict(fields(record)) for record in records(path)]
        assert messages[0][3] == b"brain.Event:2", path
        assert (7 in messages[1]) == (number > 0) and (number == 0 or dict(fields(messages[1][7])) == {1: 1}), path
        for message in messages:
            for key, value in fields(message.get(5, b"")):
                named = dict(fields(value))
                if key == 1 and named[1].decode() == tag:
                    values.append(struct.unpack("<f", named[2])[0])
    key = "loss" if event == "step" else "average_accuracy"
    expected = [line[key] for line in lines if line["event"] == event]
    assert len(values) == len(expected) > 0, (len(values), len(expected))
    assert all(abs(a - b) <= 1e-6 * max(1, abs(b)) for a, b in zip(values, expected)), part
print("passed")
