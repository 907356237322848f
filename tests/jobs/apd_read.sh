#!/usr/bin/env bash
# jobs/apd_read.py against what apd writes: apd_read.sh
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
"$APD_PYTHON" -c "import h5py, numpy" 2>/dev/null || { echo "skipped: h5py and numpy are not installed"; exit 77; }
export PYTHONPATH=$repository/jobs PYTHONDONTWRITEBYTECODE=1
make_data
describe run
sed -i 's/^method:.*/method: {lambda1: 1e-3, polish_epochs: 1}/' run.yaml
declare -A kinds=([float32]="method.lambda1=1e-3" [coded]="method.storage=coded" [few]="method.storage=coded method.name=apd-fixed method.sigma_tasks=2 method.sigma_bits=7"
    [stl]="method.name=stl" [wsn]="method.name=wsn"
    [finetune]="method.name=finetune" [clusters]="method.consolidate_every=2 method.clusters_added=1 method.beta=10")
for kind in "${!kinds[@]}"; do
    read -ra keys <<<"${kinds[$kind]}"
    "$APD" train run.yaml --set name="$kind" --set output="$work/$kind" "${keys[@]/#/--set=}" >/dev/null 2>said.txt ||
        fail "$kind: $(cat said.txt)"
    "$APD" export "$kind" --all --npz "$kind.npz" >/dev/null
done
"$APD" pack coded --output packed.h5 >/dev/null
"$APD" forget stl --task 1 >/dev/null
"$APD_PYTHON" - <<'PY'
import csv, glob, json, os
import numpy as np
import apd_read
entries = 0
for kind in ("float32", "coded", "few", "stl", "wsn", "finetune", "clusters"):
    run = apd_read.Run(kind)
    for path in sorted(glob.glob(f"{kind}.npz/task-*.npz")):
        right, task = np.load(path), int(path[-10:-4])
        if (kind, task) == ("stl", 1):
            continue
        theta = run.theta(task)
        assert set(right) - set(theta) <= {"mean", "deviation", "classes", "pixels"} and set(theta) <= set(right), set(theta)
        for name, values in theta.items():
            assert values.dtype == np.float32 and values.shape == right[name].shape, (kind, task, name)
            assert values.tobytes() == right[name].tobytes(), (kind, task, name)
            entries += values.size
assert entries > 20000, entries
assert all(np.array_equal(a, b) for a, b in zip(apd_read.Run("packed.h5").theta("classes 6-8").values(), apd_read.Run("coded").theta(2).values()))
for run, task, text in (("stl", 1, "has been forgotten"), ("coded", 9, "there is no task 9")):
    try:
        apd_read.Run(run).theta(task)
    except KeyError as error:
        assert text in str(error), error
    else:
        raise SystemExit("no KeyError: " + text)
for path, kind in (("nowhere", FileNotFoundError), ("glyphs.h5", ValueError)):
    try:
        apd_read.Run(path)
    except kind as error:
        assert path in str(error), error
    else:
        raise SystemExit("opened " + path)
try:
    import pandas
except ImportError:
    print("without pandas")
    raise SystemExit
for kind in ("float32", "stl"):
    run = apd_read.Run(kind)
    tasks, rows = run.tasks(), list(csv.DictReader(open(f"{kind}/tasks.csv", newline="")))
    assert len(tasks) == len(rows) == 4
    for place, row in enumerate(rows):
        mine = tasks.loc[place]
        if mine.forgotten:
            assert kind == "stl" and mine.task == 1 and len(mine.classes) == 0
            continue
        assert mine.task == int(row["task"]) and mine["name"] == row["name"] and len(mine.classes) == int(row["classes"]), mine
        assert abs(mine.accuracy - float(row["accuracy"])) < 1e-6 and mine.epochs == int(row["epochs"])
    table = run.accuracies().to_numpy()
    right = [[float(x or "nan") for x in line[1:]] for line in list(csv.reader(open(f"{kind}/accuracy.csv")))[1:]]
    if kind == "float32":
        assert np.allclose(table, right, atol=1e-6, equal_nan=True), (table, right)
    lines = [json.loads(line) for line in open(f"{kind}/metrics.jsonl")]
    everything, of_tasks = run.metrics(), run.metrics("task")
    assert len(everything) == len(lines) and len(of_tasks) == sum(line["event"] == "task" for line in lines)
    assert of_tasks.time.dt.year.min() >= 2020 and of_tasks.capacity.dtype.kind in "if"
PY
# what is missing is named
mkdir without
for package in h5py numpy pandas; do
    rm -f without/*
    echo "raise ImportError('no $package', name='$package')" >"without/$package.py"
    if PYTHONPATH=without:$PYTHONPATH "$APD_PYTHON" -c "import apd_read; apd_read.Run('coded').theta(2); apd_read.Run('coded').tasks()" 2>said.txt; then
        fail "works without $package"
    fi
    tail -1 said.txt | grep -q "^ImportError: apd_read needs .*$package.*python3-$package" || fail "$package: $(cat said.txt)"
done
echo "passed"
