#!/usr/bin/env bash
# Several data files as one stream, and runs that get more tasks: tests/commands/extend.sh CASE, with APD naming the program.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Two data files, a description of a run on the first one, and three tasks of the second one.
prepare() {
    make_data
    "$APD" generate --classes 9 --train 20 --test 7 --size 16 --seed 5 --output more.h5 >/dev/null
    describe run
    sed -i "s/tasks: 4/tasks: 3/; s/polish_epochs: 1/polish_epochs: 1, consolidate_every: 2, beta: 0.05/" run.yaml
    cat >tasks.yaml <<YAML
data: {file: more.h5}
stream: {kind: subsets, tasks: 3, classes_per_task: 4, class_seed: 2, order: [2, 0, 1]}
YAML
    # as they come out, numbered behind the 12 classes of glyphs.h5
    added=(--set "data.added=[more.h5]")
}

# lists FOLDER: the classes of the added tasks, from run.yaml
lists() {
    sed -n '/^stream:/,/^network:/s/^    added: \(.*]\)  #.*/\1/p' "$1/run.yaml"
}

# thetas FOLDER PREFIX COUNT: every number of the first tasks' networks
thetas() {
    for task in $(seq 0 $(($3 - 1))); do
        "$APD" export "$1" --task "$task" --npz "$2$task.npz" >/dev/null || fail "export"
    done
}

# A list of data files is what one file with all of their images is, and the first one's normalisation.
case_files() {
    prepare
    "$APD_PYTHON" - <<'PYTHON'
import h5py, numpy as np
a, b = h5py.File("glyphs.h5", "a"), h5py.File("more.h5")
a["class_names"] = [f"glyph {c}" for c in range(12)]
with h5py.File("both.h5", "w") as both:
    for split in "train", "test":
        both[split + "/images"] = np.concatenate([a[split + "/images"], b[split + "/images"]])
        both[split + "/labels"] = np.concatenate([a[split + "/labels"], b[split + "/labels"][:] + 12]).astype("int32")
    both["class_names"] = [f"glyph {c}" for c in range(12)] + [f"class {c}" for c in range(12, 21)]
    for name in "channel_mean", "channel_std":
        both.attrs[name] = a.attrs[name]
PYTHON
    sed -i 's/kind: split, tasks: 3, classes_per_task: 3/kind: list, classes: [[1, 12, 20], [0, 2], [13, 14, 15, 11]]/; s/ order: "seed 3"/ order: "seed 4"/' run.yaml
    ranks 2 train run.yaml --set data.file=both.h5 --set "output=$work/one" >log.txt 2>&1 || fail "$(cat log.txt)"
    for count in 1 3; do
        ranks $count train run.yaml --set "data.file=[glyphs.h5, more.h5]" --set "output=$work/two$count" >log.txt 2>&1 ||
            fail "$(cat log.txt)"
        diff <(fingerprint one | grep -v data_digest) <(fingerprint two$count | grep -v data_digest) || fail "on $count ranks"
    done
    grep -q 'glyphs.h5 and 1 more' log.txt || fail "$(cat log.txt)"
    "$APD" predict two1 both.h5:/test/images --task 1 --csv >out.txt || fail "predict"
    ranks 2 evaluate two3 | grep -q 'all as recorded' || fail "evaluate"
    refused 65 "not the data that" ranks 2 train run.yaml --set "data.file=[more.h5, glyphs.h5]" --set "output=$work/two1"
}

# What is added later has the bits of what was there from the start, for every number of ranks; no earlier task changes.
case_bits() {
    prepare
    sed -i 's/consolidate_every: 2, beta: 0.05/consolidate_every: 0/' run.yaml
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    thetas run before 3
    cp -r run third
    ranks 3 extend third tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    ranks 2 extend run tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q '^stream.added has 3 tasks now and had 0' log.txt || fail "$(cat log.txt)"
    same_run run third
    ranks 1 train run.yaml "${added[@]}" --set "stream.added=$(lists run)" --set "output=$work/once" >log.txt 2>&1 ||
        fail "$(cat log.txt)"
    same_run run once
    thetas run after 3
    for task in 0 1 2; do
        "$APD_PYTHON" - $task <<'PYTHON' || fail "task $task has changed"
import sys, numpy as np
a, b = (np.load(f"{when}{sys.argv[1]}.npz") for when in ("before", "after"))
assert sorted(a.files) == sorted(b.files) and all(a[k].tobytes() == b[k].tobytes() for k in a.files if a[k].dtype.kind == "f")
PYTHON
    done
    ranks 2 evaluate run | grep -q 'all as recorded' || fail "evaluate"
    "$APD" verify run | grep -q 'every digest is right' || fail "verify"
    # the same again is nothing, by either command
    ranks 2 extend run tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'has the tasks of tasks.yaml already' log.txt || fail "$(cat log.txt)"
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    grep -q 'the run was extended: its last 3 of 3 added tasks' log.txt || fail "$(cat log.txt)"
    same_run run once
    # a third file, a second time: epochs of its own
    "$APD" generate --classes 4 --train 20 --test 7 --size 16 --seed 9 --output third.h5 >/dev/null
    printf 'data: {file: third.h5}\nstream: {kind: list, classes: [[3, 1]]}\ntraining: {epochs: 2}\n' >last.yaml
    ranks 2 extend run last.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    "$APD" inspect run >out.txt
    grep -q ' 6 .*classes 24,22' out.txt || fail "$(cat out.txt)"
    grep -q '"task": *6, "epoch": *1' run/metrics.jsonl || fail "no second epoch"
    ! grep -q '"task": *6, "epoch": *2' run/metrics.jsonl || fail "a third epoch"
    # what leaves a run: names of the new classes, numbers of the new tasks
    "$APD" predict run third.h5:/test/images --task 6 --json | head -1 | grep -q '"class"' || fail "predict"
    "$APD" export run --task 4 --onnx task.onnx >/dev/null || fail "export"
    "$APD" pack run --output packed.h5 >/dev/null || fail "pack"
    refused 2 "a copy of a commit" ranks 2 extend packed.h5 last.yaml
    ranks 2 forget run --task 4 >out.txt 2>&1 || fail "$(cat out.txt)"
    ! grep -q DIFFERS out.txt || fail "$(cat out.txt)"
    refused 2 "forgotten" "$APD" predict run third.h5:/test/images --task 4
    printf 'data: {file: glyphs.h5}\nstream: {kind: list, classes: [[9, 11], [10, 0]]}\n' >again.yaml
    ranks 2 extend run again.yaml >log.txt 2>&1 || fail "$(cat log.txt)" # a file that the run has; after a forgotten task
    grep -q 'added: \["[^"]*more.h5", "[^"]*third.h5"\]' run/run.yaml || fail "$(cat run/run.yaml)"
    "$APD" inspect run | grep -q ' 8 .*classes 10,0' || fail "$(cat run/tasks.csv)"
}

# Extensions of runs that consolidate, cut short by signals and kills, end as without.
case_stops() {
    prepare
    sed -i 's/epochs: 4/epochs: 60/' run.yaml
    ranks 2 train run.yaml --set training.epochs=4 >log.txt 2>&1 || fail "$(cat log.txt)"
    printf 'training: {epochs: 60}\n' >>tasks.yaml
    cp -r run peace
    ranks 2 extend peace tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    : >log.txt
    mpirun -n 3 "$APD" extend run tasks.yaml >>log.txt 2>&1 &
    job=$!
    wait_for '"place": *3, "task": *3, "epoch": *[2-9]' run/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    grep -q 'in task 4 of 6' log.txt || fail "$(cat log.txt)"
    printf 'data: {file: more.h5}\nstream: {classes_per_task: 3}\n' >other.yaml
    refused 2 "3 of 6 tasks are finished" ranks 2 extend run other.yaml
    # by the first description: the tasks and the epochs are those of the commit
    status=0
    APD_FAULT=kill=evaluated:2 ranks 2 train run.yaml --set training.epochs=4 >log.txt 2>&1 || status=$?
    [ $status != 0 ] || fail "not killed: $(cat log.txt)"
    grep -q 'the run was extended' log.txt || fail "$(cat log.txt)"
    status=0
    APD_FAULT=kill=checkpoint.renamed:1 ranks 1 extend run tasks.yaml >log.txt 2>&1 || status=$?
    [ $status != 0 ] || fail "not killed: $(cat log.txt)"
    status=0
    APD_FAULT=kill=consolidation:1 ranks 3 train run.yaml >log.txt 2>&1 || status=$?
    [ $status != 0 ] || fail "not killed: $(cat log.txt)"
    ranks 4 extend run tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    same_run peace run
    # killed before the first commit, the run is what it was
    cp -r peace before
    printf 'data: {file: more.h5}\nstream: {classes_per_task: 3}\n' >other.yaml
    status=0
    APD_FAULT=kill=evaluation:1 ranks 2 extend before other.yaml >log.txt 2>&1 || status=$?
    [ $status != 0 ] || fail "not killed: $(cat log.txt)"
    ranks 2 evaluate before | grep -q 'over 6 tasks; all as recorded' || fail "evaluate"
    ranks 2 train run.yaml --set "output=$work/before" >log.txt 2>&1 || fail "$(cat log.txt)"
    same_run peace before
}

# Names of superclasses stay, beside tasks that have none.
case_names() {
    prepare
    "$APD_PYTHON" - <<'PYTHON'
import h5py
with h5py.File("more.h5", "a") as file:
    for split in "train", "test":
        file[split + "/coarse_labels"] = (file[split + "/labels"][:] % 2).astype("int32")
    file["coarse_names"] = ["odd \"ones\"", "even"]
    del file.attrs["digest"]
PYTHON
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    printf 'data: {file: glyphs.h5}\nstream: {kind: list, classes: [[9, 10]]}\n' >one.yaml
    printf 'data: {file: more.h5}\nstream: {kind: superclass}\n' >two.yaml
    printf 'data: {file: more.h5}\nstream: {kind: list, classes: [[8, 7]]}\n' >three.yaml
    for tasks in one two three; do
        ranks 2 extend run $tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    done
    grep -qF 'added_names: ["classes 9-10", "odd \"ones\"", "even", "classes 20,19"]' run/run.yaml || fail "$(cat run/run.yaml)"
    "$APD" inspect run >out.txt
    grep -q '5 .* even ' out.txt || fail "$(cat out.txt)"
}

case_refused() {
    prepare
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    sha256sum run/checkpoint.h5 run/run.yaml run/status.json >before.txt
    extend=("$APD" extend run)
    "$APD" generate --classes 4 --train 9 --test 3 --size 18 --output large.h5 >/dev/null
    "$APD_PYTHON" - <<'PYTHON'
import h5py, numpy as np
with h5py.File("colour.h5", "w") as file:
    for split in "train", "test":
        file[split + "/images"] = np.zeros((8, 3, 16, 16), "uint8")
        file[split + "/labels"] = np.arange(8, dtype="int32") % 4
with h5py.File("float.h5", "w") as file:
    for split in "train", "test":
        file[split + "/images"] = np.zeros((8, 1, 16, 16), "float32")
        file[split + "/labels"] = np.arange(8, dtype="int32") % 4
PYTHON
    tasks() { printf 'data: {file: %s}\nstream: {%s}\n%s\n' "$1" "$2" "${3-}" >bad.yaml; }
    tasks large.h5 "classes_per_task: 2"
    refused 65 "large.h5: its images are 1 x 18 x 18 uint8, those of $work/glyphs.h5 are 1 x 16 x 16 uint8" "${extend[@]}" bad.yaml
    tasks colour.h5 "classes_per_task: 2"
    refused 65 "colour.h5: its images are 3 x 16 x 16" "${extend[@]}" bad.yaml
    tasks float.h5 "classes_per_task: 2"
    refused 65 "float.h5: its images are 1 x 16 x 16 float32" "${extend[@]}" bad.yaml
    tasks nothing.h5 "classes_per_task: 2"
    refused 74 "nothing.h5" "${extend[@]}" bad.yaml
    refused 74 "missing.yaml" "${extend[@]}" missing.yaml
    tasks more.h5 "classes_per_task: 4"
    refused 2 "does not divide the 9 classes of $work/more.h5" "${extend[@]}" bad.yaml
    tasks more.h5 "kind: list, classes: [[9]]"
    refused 2 "stream.classes[0] has class 9" "${extend[@]}" bad.yaml
    tasks more.h5 "kind: rotation, tasks: 3"
    refused 2 "stream.kind is rotation" "${extend[@]}" bad.yaml
    tasks more.h5 "classes_per_task: 3" "method: {lambda1: 0.1}"
    refused 2 "bad.yaml: method.lambda1 is the run's" "${extend[@]}" bad.yaml
    tasks more.h5 "classes_per_task: 3" "training: {epochs: 1}"
    refused 2 "method.polish_epochs is 1; less than training.epochs (1) is needed" "${extend[@]}" bad.yaml
    refused 74 "nobody" "$APD" extend nobody tasks.yaml
    sha256sum -c --quiet before.txt || fail "a refused extension changed the run"
    # a data file that is another one, or gone
    cp glyphs.h5 kept.h5
    "$APD" generate --classes 12 --train 24 --test 9 --size 16 --seed 77 --output glyphs.h5 >/dev/null
    refused 65 "glyphs.h5: not the data that" "${extend[@]}" tasks.yaml
    rm glyphs.h5
    refused 74 "glyphs.h5" "${extend[@]}" tasks.yaml
    sha256sum -c --quiet before.txt || fail "a refused extension changed the run"
    ranks 2 extend run tasks.yaml --set data.file=kept.h5 >log.txt 2>&1 || fail "$(cat log.txt)"
    mv kept.h5 glyphs.h5
    # the added file, too
    cp more.h5 kept.h5
    "$APD" generate --classes 9 --train 20 --test 7 --size 16 --seed 6 --output more.h5 >/dev/null
    refused 65 "not the data that" "$APD" evaluate run --set data.file=glyphs.h5
    refused 65 "not the data that" "$APD" train run.yaml
    mv kept.h5 more.h5
    ranks 2 evaluate run --set data.file=glyphs.h5 | grep -q 'all as recorded' || fail "evaluate"
    # by description
    refused 65 "it holds the same data as" "$APD" train run.yaml --set "data.file=[glyphs.h5, glyphs.h5]" --set output=new
    refused 2 "stream.added is" "$APD" train run.yaml "${added[@]}" --set "stream.added=[[1]]"
    refused 2 "data.added is for the tasks of stream.added" "$APD" train run.yaml "${added[@]}" --set output=new
    refused 2 "stream.added_names has 2 names; 1 are needed" "$APD" train run.yaml "${added[@]}" --set "stream.added=[[1]]" \
        --set "stream.added_names=[a, b]" --set output=new
    refused 2 "stream.added[0] has class 21, but" "$APD" train run.yaml "${added[@]}" --set "stream.added=[[21]]" --set output=new
    refused 2 "tasks were added behind these" "$APD" train run.yaml --set stream.tasks=4
    # a run in training
    : >log.txt
    in_background 2 --set training.epochs=150 --set "output=$work/long"
    wait_for '"place": *1' long/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    refused 2 "1 of 3 tasks are finished" "$APD" extend long tasks.yaml
}

# MNIST and Fashion-MNIST as one stream of 20 classes: as a list, and one after the other.
case_real() {
    [ -d "${APD_DATA-}/fashion-mnist" ] || exit 77
    "$APD" import mnist "$APD_DATA/mnist" --output mnist.h5 >/dev/null
    "$APD" import mnist "$APD_DATA/fashion-mnist" --output fashion.h5 >/dev/null
    cat >run.yaml <<YAML
output: $work/run
shards: 2
data: {file: mnist.h5}
stream: {kind: split, classes_per_task: 5}
network: {preset: mlp, widths: [40]}
method: {lambda1: 1e-3, polish_epochs: 0}
training: {epochs: 1, batch: 100, lr: 2e-3}
YAML
    printf 'data: {file: fashion.h5}\nstream: {classes_per_task: 5}\n' >tasks.yaml
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    cp run/accuracy.csv before.csv
    ranks 2 extend run tasks.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    ranks 1 train run.yaml --set "data.file=[mnist.h5, fashion.h5]" --set "output=$work/list" >log.txt 2>&1 || fail "$(cat log.txt)"
    cmp run/accuracy.csv list/accuracy.csv || fail "one after the other is not what the list gives"
    "$APD_PYTHON" - <<'PYTHON'
import csv
rows = [[float(x) for x in row if x] for row in list(csv.reader(open("run/accuracy.csv")))[1:]]
before = [[float(x) for x in row if x] for row in list(csv.reader(open("before.csv")))[1:]]
assert rows[:2] == before and len(rows) == 4
assert rows[3][1:3] == rows[1][1:3], "an earlier task changed"
assert min(rows[3][1:]) > (70 if max(rows[3][1:]) > 1 else 0.70), rows[3]
PYTHON
    "$APD" predict run fashion.h5:/test/images --task 3 --csv >out.txt || fail "predict"
    grep -q '"class 19"' out.txt || fail "$(head -3 out.txt)"
}

"case_${1:?a case}"
echo "passed: $1"
