"""The code of sparse rows (io/checkpoint/code.h), read with NumPy alone; the function of docs/file-formats.md, with checks."""
import numpy as np


def demand(holds, what):
    if not holds:
        raise SystemExit("code: " + what)


def entries(code, at, rows, cols, mask):
    """Row, column and value of each entry, and where the rows' code ends, which begins at byte `at`. `mask` (rows), or None."""
    found = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0, "f4")]
    for r in range(rows):
        count, shift = 0, 0
        while code[at] > 127:
            count, shift, at = count | (int(code[at]) & 127) << shift, shift + 7, at + 1
        count, at = count | int(code[at]) << shift, at + 1
        if count == 0:
            continue
        demand(count <= cols, "more entries than columns")
        width, exponent, former = int(code[at]) & 127, int(code[at + 1 : at + 2].view("i1")[0]), code[at] > 127
        demand(1 <= width <= 24 or width == 32, "no such form")
        low = int(cols // count).bit_length() - 1
        high = count + ((cols - 1) >> low)
        bits = np.unpackbits(code[at + 2 : at + 2 + (high + count * (low + 33) + 7) // 8])
        place = 0

        def take(number, size):
            nonlocal place
            first, place = place, place + number * size
            demand(place <= len(bits), "the bits end too early")
            return bits[first:place].reshape(number, size) @ (1 << np.arange(size)[::-1])

        columns = np.arange(count)
        if count < cols:
            ones = np.flatnonzero(take(high, 1))
            demand(len(ones) == count, "other columns than entries")
            columns = (ones - np.arange(count)) << low | take(count, low)
        demand((np.diff(columns) > 0).all() and columns[-1] < cols, "the columns of a row do not ascend")
        is_former = take(count, 1) == 1 if former else np.zeros(count, bool)
        values = np.zeros(count, "f4")
        if former:
            values[is_former] = mask[r] * take(is_former.sum(), 16).astype("u2").view("f2").astype("f4")
        rest = take((~is_former).sum(), width)
        if width == 32:
            values[~is_former] = rest.astype("u4").view("f4")
        else:
            values[~is_former] = np.ldexp((rest - (rest >> (width - 1) << width)).astype("f4"), exponent)
        at += 2 + (place + 7) // 8
        for list_, part in zip(found, (np.full(count, r), columns, values)):
            list_.append(part)
    return (*map(np.concatenate, found), at)


def sigma_of(stored, rows, cols):
    """sigma of a block as float32, from numbers of 32 or 16 bits, or from code."""
    if stored.dtype != np.uint8:
        return stored.astype("f4")
    _, _, values, end = entries(stored, 0, rows, cols, None)
    demand(len(values) == rows * cols and end == len(stored), "sigma has other numbers than rows and columns")
    return values.reshape(rows, cols)


def position_bits(at, rows, cols):
    """Bits of the code that say where the entries of a block are; `at`: the row of each of them."""
    bits = 0
    for n in np.bincount(at, minlength=rows):
        bits += 8 * max(1, -(-int(n).bit_length() // 7))
        if 0 < n < cols:
            low = (cols // int(n)).bit_length() - 1
            bits += int(n) + ((cols - 1) >> low) + int(n) * low
    return bits
