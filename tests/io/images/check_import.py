#!/usr/bin/env python3
"""Holds imported data files against facts that do not come from the importer.

    check_import.py KIND FILE.h5 [SOURCE]     KIND: cifar100 | mnist | fashion | omniglot

SOURCE, for omniglot, is the unpacked folder: some drawings are then shrunk again here and compared.
Needs h5py and numpy. Exit status 0: all facts hold.
"""
import glob
import hashlib
import os
import struct
import sys
import zlib

import h5py
import numpy as np

IDX_MD5 = {
    "mnist": ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624",
              "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
}


def want(condition, fact):
    print(("ok      " if condition else "WRONG   ") + fact)
    if not condition:
        sys.exit(1)


def md5(*parts):
    digest = hashlib.md5()
    for part in parts:
        digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def check_common(data):
    for split in ("train", "test"):
        images, labels = data[split]["images"], data[split]["labels"]
        want(images.dtype == np.uint8 and labels.dtype == np.int32, f"{split}: types uint8 and int32")
        want(len(images) == len(labels) == len(data[split]["image_digests"]), f"{split}: one label and digest an image")
    pixels = data["train/images"][:].astype(np.uint64)
    count = pixels.size / pixels.shape[1]
    mean = pixels.sum(axis=(0, 2, 3)) / count / 255
    deviation = np.sqrt((pixels ** 2).sum(axis=(0, 2, 3)) / count / 255 ** 2 - mean ** 2)
    want(np.allclose(data.attrs["channel_mean"], mean, atol=1e-6), f"channel means {mean}")
    want(np.allclose(data.attrs["channel_std"], deviation, atol=1e-6), f"channel deviations {deviation}")
    return mean, deviation


def check_cifar100(data, _source):
    mean, deviation = check_common(data)
    want(np.allclose(mean, (0.507075, 0.486549, 0.440918), atol=1e-6), "the published means")
    want(np.allclose(deviation, (0.267334, 0.256438, 0.276150), atol=1e-6), "the published deviations")
    for split, a_class, digest in (("train", 500, "6172c7755cfe09b2fe270c85cebc1b15"),
                                   ("test", 100, "4499cfba6c016c1be1438163640a0898")):
        group = data[split]
        want((np.bincount(group["labels"]) == a_class).all(), f"{split}: {a_class} images in each of 100 classes")
        want((np.bincount(group["coarse_labels"]) == 5 * a_class).all(), f"{split}: {5 * a_class} a superclass")
        records = np.concatenate([group["coarse_labels"][:].astype(np.uint8)[:, None],
                                  group["labels"][:].astype(np.uint8)[:, None],
                                  group["images"][:].reshape(len(group["labels"]), -1)], axis=1)
        want(md5(records) == digest, f"{split}: written back, it is the official {split}.bin (md5 {digest})")


def idx(array):
    header = np.array([0x800 + array.ndim, *array.shape], dtype=">u4").view(np.uint8)
    return md5(header, array.astype(np.uint8))


def check_idx(data, kind, mean_known, deviation_known):
    mean, deviation = check_common(data)
    want(abs(mean[0] - mean_known) < 5e-5 and abs(deviation[0] - deviation_known) < 5e-5, "the published moments")
    want(len(data["train/labels"]) == 60000 and len(data["test/labels"]) == 10000, "60,000 and 10,000 images")
    parts = [data[split][name] for split in ("train", "test") for name in ("images", "labels")]
    for part, digest in zip(parts, IDX_MD5.get(kind, ())):
        array = part[:, 0] if part.ndim == 4 else part[:]
        want(idx(array) == digest, f"{part.name}: written back, it is the official file (md5 {digest})")


def check_mnist(data, _source):
    check_idx(data, "mnist", 0.1307, 0.3081)


def check_fashion(data, _source):
    check_idx(data, "fashion", 0.2860, 0.3530)
    want((np.bincount(data["train/labels"]) == 6000).all(), "6,000 images in each class")


def shrink(ink):
    """105x105 to 28x28 by area, by way of the common multiple 420."""
    return np.kron(ink, np.ones((4, 4))).reshape(28, 15, 28, 15).mean(axis=(1, 3)) * 255


def read_bits(path):
    """A 1-bit grey PNG file as an array of 0 and 1 (PNG specification, sections 5 and 9)."""
    with open(path, "rb") as file:
        rest, packed = file.read()[8:], b""
    while rest:
        length, kind = struct.unpack(">I4s", rest[:8])
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", rest[8:21])
            assert (depth, colour, interlace) == (1, 0, 0)
        elif kind == b"IDAT":
            packed += rest[8:8 + length]
        rest = rest[12 + length:]
    stride = (width + 7) // 8
    lines = zlib.decompress(packed)
    rows, above = [], bytearray(stride)
    for y in range(height):
        kind, row = lines[y * (stride + 1)], bytearray(lines[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b, c = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row[x] = (row[x] + (0, a, b, (a + b) // 2, paeth)[kind]) % 256
        rows.append(np.unpackbits(np.frombuffer(row, np.uint8))[:width])
        above = row
    return np.array(rows)


def compare_drawings(data, source):
    names = data["class_names"][:]
    for label in range(0, 1623, 97):
        tree = "images_background" if label < 964 else "images_evaluation"
        files = sorted(glob.glob(os.path.join(source, tree, names[label].decode(), "*.png")))
        for drawer in (0, 14, 15, 19):
            split, place = ("train", label * 15 + drawer) if drawer < 15 else ("test", label * 5 + drawer - 15)
            expected = shrink(1.0 - read_bits(files[drawer]))
            difference = np.abs(data[split]["images"][place, 0] - expected).max()
            want(difference <= 0.5 + 1e-4, f"{files[drawer]}: the same drawing (largest difference {difference:.3f})")


def check_omniglot(data, source):
    check_common(data)
    for split, each in (("train", 15), ("test", 5)):
        counts = np.bincount(data[split]["labels"])
        want(len(counts) == 1623 and (counts == each).all(), f"{split}: {each} images in each of 1,623 classes")
        want(len(np.unique(data[split]["coarse_labels"])) == 50, f"{split}: 50 alphabets")
    want(data["train/images"].shape[1:] == (1, 28, 28), "28 x 28")
    if source:
        compare_drawings(data, source)


def main():
    checks = {"cifar100": check_cifar100, "mnist": check_mnist, "fashion": check_fashion, "omniglot": check_omniglot}
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in checks:
        sys.exit(__doc__)
    with h5py.File(sys.argv[2], "r") as data:
        checks[sys.argv[1]](data, sys.argv[3] if len(sys.argv) == 4 else None)


if __name__ == "__main__":
    main()
