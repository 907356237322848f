"""Runs of apd in h5py, NumPy and pandas, without apd. One file: copy it, or put its folder into PYTHONPATH.

    import apd_read
    run = apd_read.Run("runs/mine")     # a run's folder, or a file of apd pack
    run.tasks()                         # a DataFrame, a row a task
    run.accuracies()                    # a DataFrame: accuracy on each task (columns) after each (rows)
    run.theta(3)                        # a task's weights, to the bit: {"conv1_weights": (R, C), "conv1_bias": (R), ...}
    run.metrics("task")                 # a DataFrame of the lines of metrics.jsonl with this event; without: of all

Arrays have the names and shapes of `apd export --npz`. The formats are those of docs/file-formats.md. Each call opens the
newest commit anew, so a Run can be kept while training goes on."""
import json
import pathlib

try:
    import h5py
    import numpy as np
except ImportError as missing:
    raise ImportError(f"apd_read needs h5py and NumPy, and {missing.name} is not installed: pip install h5py numpy, "
                      "or apt-get install python3-h5py python3-numpy", name=missing.name) from missing


def _pandas():
    try:
        import pandas
    except ImportError as missing:
        raise ImportError("apd_read needs pandas for tables, which is not installed: pip install pandas, or "
                          "apt-get install python3-pandas; theta needs none", name="pandas") from missing
    return pandas


def _entries(code, at, rows, cols, mask):
    """Row, column and value of each entry of a block whose code begins at byte `at`, and where it ends; mask (rows) or None."""
    found = [np.zeros(0, "i8")], [np.zeros(0, "i8")], [np.zeros(0, "f4")]
    for r in range(rows):
        n, shift, place = 0, 0, 0
        while code[at] > 127:
            n, shift, at = n + (int(code[at]) - 128 << shift), shift + 7, at + 1
        n, at = n + (int(code[at]) << shift), at + 1
        if n == 0:
            continue
        width, exponent = int(code[at]) % 128, code[at + 1].astype("i1")
        low = int(cols // n).bit_length() - 1
        bits = np.unpackbits(code[at + 2:at + 2 + (n * (low + 35) + (cols >> low) + 7) // 8])

        def take(count, size):
            nonlocal place
            place += count * size
            return bits[place - count * size:place].reshape(count, size) @ (1 << np.arange(size)[::-1])

        columns = np.arange(n)
        if n < cols:
            high = np.flatnonzero(take(n + (cols - 1 >> low), 1)) - columns
            columns = high << low | take(n, low)
        former = take(n, 1) == 1 if code[at] > 127 else np.zeros(n, bool)
        values = np.zeros(n, "f4")
        values[former] = (mask[r] if mask is not None else 0) * take(former.sum(), 16).astype("u2").view("f2").astype("f4")
        rest = take(n - former.sum(), width)
        values[~former] = (rest.astype("u4").view("f4") if width == 32
                           else np.ldexp((rest - (rest >> width - 1 << width)).astype("f4"), exponent))
        at += 2 + (place + 7) // 8
        for parts, part in zip(found, (np.full(n, r), columns, values)):
            parts.append(part)
    return *map(np.concatenate, found), at


def _sigma(stored, rows, cols):
    """float32, from numbers of 32 or 16 bits, or from code."""
    return stored.astype("f4") if stored.dtype != "u1" else _entries(stored, 0, rows, cols, None)[2].reshape(rows, cols)


class Run:
    def __init__(self, path):
        path = pathlib.Path(path)
        self.folder = path if path.is_dir() else path.parent
        self.checkpoint = path / "checkpoint.h5" if path.is_dir() else path
        with self._open():
            pass

    def _open(self):
        if not self.checkpoint.is_file():
            raise FileNotFoundError(f"{self.checkpoint}: there is no such file; a run's folder or a checkpoint is needed")
        file = h5py.File(self.checkpoint, "r")
        with open(self.checkpoint, "rb") as raw:
            head = raw.read(32).split(b"\n")[0].decode(errors="replace")
        if head != "apd-checkpoint 5":
            file.close()
            raise ValueError(f"{self.checkpoint}: begins with {head!r}; a checkpoint of apd, format 5, is needed")
        return file

    def tasks(self):
        """A row a task, by its place in the stream; classes is a list of their numbers in the data file."""
        with self._open() as file:
            records = file["records"]
            ends = np.cumsum(records["class_count"][:])
            lists = np.split(records["classes"][:], ends[:-1]) if len(ends) else []
            now = self._accuracies(file)[-1] if len(ends) else []
            storage = np.array(["decomposed", "single", "shared", "subnetwork"])
            return _pandas().DataFrame({
                "task": records["id"][:], "name": records["name"].asstr()[:], "classes": [list(c) for c in lists],
                "accuracy_learned": records["accuracy"][:], "accuracy": now, "storage": storage[records["single"][:]],
                "forgotten": records["class_count"][:] == 0, "epochs": records["epochs"][:],
                "seconds": records["seconds"][:]}).rename_axis("place")

    @staticmethod
    def _accuracies(file):
        """(T, T): after the task of a row, on that of a column, 0 to 1; NaN where not yet learned, or forgotten."""
        ends, task, value = (file["accuracy"][name][:] for name in ("ends", "task", "value"))
        now, table, first = np.full(len(ends), np.nan), [], 0
        for end in ends:
            now[task[first:end]] = value[first:end]
            table.append(now.copy())
            first = end
        return np.array(table)

    def accuracies(self):
        with self._open() as file:
            ids = file["records/id"][:]
            return _pandas().DataFrame(self._accuracies(file), index=_pandas().Index(ids, name="after"),
                                       columns=_pandas().Index(ids, name="task"))

    def _place(self, file, task):
        records = file["records"]
        names = records["name"].asstr()[:]
        for place, number in enumerate(records["id"][:]):
            if str(task) in (str(number), names[place]):
                if records["class_count"][place] == 0:
                    raise KeyError(f"{self.checkpoint}: task {task} has been forgotten")
                return place
        raise KeyError(f"{self.checkpoint}: there is no task {task}")

    def theta(self, task):
        """The float32 weights and biases of a task, by its number or name."""
        with self._open() as file:
            place = self._place(file, task)
            group, storage = file[f"tasks/{place:06d}"], file["records/single"][place]
            arrays, row, at = {}, 0, 0
            biases = group["bias"][:].astype("f4")
            mask = group["mask"][:].astype("f4") if storage == 0 else None
            stored = group[("tau", "weight", None, "bits")[storage]][:] if storage != 2 else None
            for b, name in enumerate(file["layout/name"].asstr()[:-1]):
                rows, cols = (int(file["layout"][extent][b]) for extent in ("rows", "cols"))
                if storage == 1:
                    weights, at = stored[at:at + rows * cols].reshape(rows, cols), at + rows * cols
                else:
                    weights = _sigma(file[f"shared/{name}/sigma"][:], rows, cols)
                if storage == 0:
                    own = mask[row:row + rows]
                    weights = own[:, None] * weights
                    cluster = file["records/groups"][place, b] if "groups" in file["records"] else -1
                    if cluster >= 0:
                        r, c, values, _ = _entries(file[f"groups/{name}/{cluster:03d}/sigma_g"][:], 0, rows, cols, None)
                        weights[r, c] += values
                    r, c, values, at = _entries(stored, at, rows, cols, own)
                    weights[r, c] = values
                if storage == 3:
                    end = at + rows * ((cols + 7) // 8)
                    used = np.unpackbits(stored[at:end].reshape(rows, -1), axis=1, count=cols)
                    weights, at = np.where(used, weights, np.float32(0)), end
                arrays[f"{name}_weights"], arrays[f"{name}_bias"] = weights, biases[row:row + rows]
                row += rows
            head = file["layout/name"].asstr()[-1]
            arrays[f"{head}_weights"] = group["head/weight"][:].astype("f4")
            arrays[f"{head}_bias"] = group["head/bias"][:].astype("f4")
            return arrays

    def metrics(self, event=None):
        """The lines of metrics.jsonl (a run's folder), all or those of an event: step, task, commit, ...; their time as a timestamp."""
        with open(self.folder / "metrics.jsonl", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.endswith("\n")]
        table = _pandas().DataFrame([row for row in rows if event in (None, row["event"])])
        if "time" in table:
            table["time"] = _pandas().to_datetime(table["time"])
        return table
