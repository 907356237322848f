#!/usr/bin/env python3
"""Copy a data file with one thing wrong: damage.py FROM TO label | pixel | shape."""
import shutil
import sys

import h5py

source, target, kind = sys.argv[1:]
shutil.copy(source, target)
with h5py.File(target, "r+") as file:
    if kind == "label":
        file["train/labels"][3] = -7
    elif kind == "pixel":
        for index in range(file["train/images"].shape[0]):
            file["train/images"][index, 0, 5, 5] ^= 1
    elif kind == "shape":
        del file["test/labels"]
    else:
        sys.exit("unknown damage: " + kind)
