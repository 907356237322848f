#!/usr/bin/env bash
# The program as its user meets it: tests/commands/program.sh CASE, with APD naming the program. Each case makes its own
# data and folder under a temporary one. Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# same_bits EXTRA...: the same run at 1, 2, 3 and 4 ranks (under the sanitizers at 1 and 3, for the time it takes)
same_bits() {
    local counts="1 2 3 4"
    [ -z "${APD_SANITIZED-}" ] || counts="1 3"
    make_data
    describe run
    for count in $counts; do
        ranks "$count" train run.yaml --set "output=$work/p$count" "$@" >"p$count.txt" 2>&1 ||
            fail "$count ranks: $(cat "p$count.txt")"
        fingerprint "p$count" >"p$count.fingerprint"
        [ "$(grep -c '"event"' "p$count/metrics.jsonl")" -gt 20 ] || fail "hardly any metrics"
        cmp p1.fingerprint "p$count.fingerprint" || fail "$count ranks gave other bits than one"
    done
    for count in 1 3; do
        ranks "$count" evaluate "p${counts##* }" | grep -q 'all as recorded' || fail "evaluate on $count ranks"
    done
    "$APD" verify p3 | grep -q 'every digest is right' || fail "verify"
    check_times p3
}

# check_times FOLDER: the times of every task that was trained: means are no larger than maxima, and phases add up
check_times() {
    "$APD_PYTHON" - "$1/metrics.jsonl" <<'PYTHON' || fail "times of $1"
import json, sys
phases, little = ("gather", "forward", "backward", "reduce", "update", "share"), 1e-5
tasks = [e for e in map(json.loads, open(sys.argv[1])) if e["event"] == "task"]
assert tasks and all(e["timed_steps"] > 0 for e in tasks), tasks
for e in tasks:
    mean, most = ([e[p + end] for p in phases] for end in ("_ms", "_max_ms"))
    assert all(0 <= a <= b + little for a, b in zip(mean, most)), e
    assert sum(mean) <= e["step_ms"] + little <= sum(most) + 7 * little, e
    assert abs(e["compute_ms"] - (sum(mean) - e["reduce_ms"] - e["share_ms"])) < little, e
    assert e["compute_ms"] <= e["compute_max_ms"] + little and e["compute_max_ms"] <= e["step_ms"] + little, e
    assert 0 < e["evaluation_seconds"] < e["seconds"] and e["peak_bytes_a_rank"] > 1e6, e
    assert e["timed_steps"] * e["step_ms"] < 1e3 * e["seconds"], e
PYTHON
}

case_same_bits_exact() { same_bits; }
# Fewer bytes; packed and unpacked by NumPy; tasks forgotten and re-centred meanwhile.
coded=(--set method.storage=coded --set method.tau_bits=5)
case_same_bits_coded() {
    same_bits "${coded[@]}" --set 'stream.forget=[1, 3]'
    ranks 2 train run.yaml --set "output=$work/whole" --set 'stream.forget=[1, 3]' >out.txt 2>&1 || fail "$(cat out.txt)"
    "$APD" pack p3 --output coded.h5 >/dev/null
    "$APD" pack whole --output whole.h5 >/dev/null
    [ $((10 * $(stat -c %s coded.h5))) -lt $((8 * $(stat -c %s whole.h5))) ] || fail "not four fifths of the bytes"
    "$APD_PYTHON" "$repository/tests/io/checkpoint/check_checkpoint.py" coded.h5 >out.txt || fail "$(cat out.txt)"
    same_bits "${consolidating[@]}" "${coded[@]}" --set method.lambda2=100 --fresh --force
}
# Every task of a sigma that stays has as many entries as fit, but for the width of a bucket.
case_same_bits_budget() {
    same_bits --set method.name=apd-fixed --set method.budget=0.03 --set method.lambda1=1e-4 --set method.recentre=none
    "$APD_PYTHON" - <<'PYTHON'
import csv, math
weights = 6 * 15 + 5 * 54 + 20 * 180  # of the two convolutions and the dense layer
most = max(n for n in range(1, weights) if n * (32 + 2 + math.log2(weights / n)) <= 0.03 * 32 * weights)
entries = [int(row["tau_nonzeros"]) for row in csv.DictReader(open("p1/tasks.csv"))]
assert len(entries) == 4 and all(0.97 * most <= n <= most for n in entries), (entries, most)
PYTHON
}
case_same_bits_finite_lambda2() { same_bits --set method.lambda2=100; }
case_same_bits_joint() { same_bits --set method.name=apd-joint --set method.lambda2=100; }
case_same_bits_stl() { same_bits --set method.name=stl; }
case_same_bits_fixed() { same_bits --set method.name=apd-fixed; }
# Sigma moves in three of the four tasks; the accuracies of finished ones stay to the bit.
case_same_bits_sigma_tasks() {
    same_bits --set method.name=apd-fixed --set method.sigma_tasks=3 --set method.lambda1=1e-2 --set method.storage=coded \
        --set method.sigma_bits=8 --set stream.order=A --set 'stream.forget=[1, 4]'
    "$APD_PYTHON" - <<'PYTHON'
import csv
rows = list(csv.DictReader(open("p1/tasks.csv")))
weights = 6 * 15 + 5 * 54 + 20 * 180  # of the two convolutions and the dense layer
first, forgotten, last_of_sigma, later = (int(row["tau_nonzeros"]) for row in rows)
assert first > 0.9 * weights and forgotten == 0 and max(last_of_sigma, later) < 0.5 * weights, rows
assert all(rows[t]["accuracy"] == rows[t]["accuracy_learned"] for t in (0, 2, 3)), rows
PYTHON
    "$APD" pack p3 --output packed.h5 >/dev/null
    "$APD_PYTHON" "$repository/tests/io/checkpoint/check_checkpoint.py" packed.h5 >out.txt || fail "$(cat out.txt)"
    "$APD_PYTHON" - <<'PYTHON'
import h5py
with h5py.File("packed.h5") as file:
    for group in file["shared"].values():  # a byte a weight, and at most four a row
        rows, cols = next((int(r), int(c)) for name, r, c in zip(file["layout/name"].asstr()[:], file["layout/rows"], file["layout/cols"])
                          if f"/shared/{name}" == group.name)
        sigma = group["sigma"]
        assert sigma.dtype == "u1" and sigma.size <= rows * (cols + 4), (group.name, sigma.dtype, sigma.size)
PYTHON
}
case_same_bits_finetune() { same_bits --set method.name=finetune; }
case_same_bits_l2t() { same_bits --set method.name=l2t --set method.l2t_strength=10; }
case_same_bits_packnet() { same_bits --set method.name=packnet --set method.packnet_prune=0.6; }
case_same_bits_wsn() { same_bits --set method.name=wsn --set 'stream.forget=[1, 3]'; }
case_same_bits_ewc() {
    local decayed=(--set method.ewc=online --set method.ewc_decay=0.5 --set method.ewc_images=30)
    same_bits --set method.name=ewc --set method.ewc_strength=100
    ranks 2 train run.yaml --set "output=$work/online" --set method.name=ewc "${decayed[@]}" >out.txt 2>&1 || fail "$(cat out.txt)"
    ranks 1 evaluate online | grep -q 'all as recorded' || fail "evaluate"
    ! cmp -s p1/accuracy.csv online/accuracy.csv || fail "method.ewc changes nothing"
    refused 2 "no task of method ewc can be forgotten: the tasks' Fisher informations" ranks 2 forget p3 --task 1
    refused 2 "stream.forget cannot be used with method.name ewc" ranks 1 train run.yaml --set method.name=ewc \
        --set 'stream.forget=[1, 3]'
}
# The first task is finetune's; with every later one all finished tasks train on and are evaluated again.
case_same_bits_multitask() {
    same_bits --set method.name=multitask
    ranks 2 train run.yaml --set "output=$work/finetune" --set method.name=finetune >out.txt 2>&1 || fail "$(cat out.txt)"
    [ "$(sed -n 2p finetune/accuracy.csv)" = "$(sed -n 2p p1/accuracy.csv)" ] || fail "the first task is not finetune's"
    [ "$(grep -o '"evaluated_tasks": *[0-9]*' p3/metrics.jsonl | tr -dc '0-9\n' | tr '\n' ' ')" = "1 2 3 4 " ] ||
        fail "not all tasks were evaluated again: $(cat p3/metrics.jsonl)"
    [ "$(grep -c '"event": *"step"' p1/metrics.jsonl)" -gt $((2 * $(grep -c '"event": *"step"' finetune/metrics.jsonl))) ] ||
        fail "not more steps than finetune's"
    ranks 2 train run.yaml --set "output=$work/forgotten" --set method.name=multitask --set 'stream.forget=[1, 3]' \
        >out.txt 2>&1 || fail "$(cat out.txt)"
    ranks 1 evaluate forgotten | grep -q 'over 3 tasks; all as recorded' || fail "evaluate after forgetting"
}

# Consolidation twice, a task forgotten between, with the Gram matrix replicated and distributed.
consolidating=(--set method.consolidate_every=2 --set method.clusters_added=1 --set method.beta=0.05
    --set 'stream.forget=[1, 3]')
case_same_bits_consolidation() {
    same_bits "${consolidating[@]}"
    cp p1.fingerprint replicated
    grep -c '"event": *"consolidation"' p1/metrics.jsonl | grep -qx 6 || fail "not two consolidations of three layers"
    grep '"event": *"consolidation"' p3/metrics.jsonl | grep -q '"merged_weights": *[1-9]' || fail "nothing was merged"
    same_bits "${consolidating[@]}" --set method.gram=distributed --fresh --force
    cmp replicated p1.fingerprint || fail "the distributed Gram matrix gave other bits"
    same_bits "${consolidating[@]}" --set method.merge=plain --set method.cluster_start=spectral --fresh --force
}

# Tasks that a consolidation leaves as they are (beta 0: all of them) keep the accuracies measured before it.
case_consolidation_of_nothing() {
    make_data
    describe run
    ranks 2 train run.yaml >out.txt 2>&1 || fail "$(cat out.txt)"
    ranks 2 train run.yaml --set name=nothing --set "output=$work/nothing" --set method.consolidate_every=2 \
        --set method.beta=0 --set method.recentre=none >out.txt 2>&1 || fail "$(cat out.txt)"
    ranks 2 train run.yaml --set "output=$work/without" --set method.recentre=none >out.txt 2>&1 || fail "$(cat out.txt)"
    cmp without/accuracy.csv nothing/accuracy.csv || fail "accuracies changed"
    ranks 2 evaluate nothing | grep -q 'all as recorded' || fail "evaluate"
}

# First, middle and named task, on one rank and three; nothing of it is left in any file, the others stay equal.
case_forget() {
    make_data
    describe run
    ranks 2 train run.yaml --set method.consolidate_every=2 --set method.clusters_added=1 --set method.beta=0.05 \
        --set stream.tasks=4 >out.txt 2>&1 || fail "$(cat out.txt)"
    cp -r run whole
    refused 2 "no such task" ranks 2 forget run --task 9
    refused 2 "named twice" ranks 2 forget run --task 1 --task 1
    refused 2 "--task TASK is needed" ranks 1 forget run
    for count in 1 3; do
        for task in 0 2 "classes 3-5"; do
            rm -rf run && cp -r whole run
            ranks "$count" forget run --task "$task" >out.txt 2>err.txt || fail "$(cat err.txt out.txt)"
            [ "$(grep -c ' equal$' out.txt)" = 3 ] || fail "not three tasks stayed equal: $(cat out.txt)"
            ! grep -q DIFFERS out.txt || fail "$(cat out.txt)"
            "$APD_PYTHON" "$repository/tests/commands/erased.py" whole/checkpoint.h5 run "$task" || fail "bytes remain"
            "$APD" verify run >/dev/null || fail "verify"
            ranks 2 evaluate run | grep -q 'over 3 tasks; all as recorded' || fail "evaluate"
            grep -q '"event": *"forget"' run/metrics.jsonl || fail "no audit line"
            name=$(tr -d '"' <whole/tasks.csv | awk -F, -v task="$task" '$2 == task || $3 == task { print $3 }')
            grep -qa "$name" whole/checkpoint.h5 whole/metrics.jsonl || fail "no name: $name"
            ! grep -rqaF "$name" run || fail "the name remains: $(grep -raFl "$name" run)"
            "$APD_PYTHON" -c 'import json; [json.loads(line) for line in open("run/metrics.jsonl")]' || fail "no JSON"
            [ "$(wc -c <run/metrics.jsonl)" -gt "$(wc -c <whole/metrics.jsonl)" ] || fail "lines were lost"
        done
    done
    refused 2 "has no name any more" ranks 2 forget run --task "classes 3-5"
    refused 2 "forgotten already" ranks 2 forget run --task 1
    ranks 2 forget run --task 0 --task 2 --task 3 --recentre >out.txt 2>err.txt || fail "$(cat err.txt)"
    ranks 2 inspect run | grep -c '(forgotten)' | grep -qx 4 || fail "not all four are forgotten"
    rm -rf run && cp -r whole run
    ranks 2 forget run --task 1 --keep-history >out.txt || fail "--keep-history"
    grep -q 'NOT erased' out.txt || fail "erasure is claimed: $(cat out.txt)"
    "$APD" verify run/checkpoint-000004.h5 >/dev/null || fail "the kept commit"
    ranks 2 forget run --task 2 >out.txt || fail "forgetting after --keep-history"
    [ ! -e run/checkpoint-000004.h5 ] || fail "a kept commit that holds the task is still there"
    "$APD_PYTHON" "$repository/tests/commands/erased.py" whole/checkpoint.h5 run 2 || fail "bytes remain"
}

# Folders whose names are patterns of a shell: kept commits in them go, those of their siblings stay.
case_forget_in_folders_named_like_patterns() {
    make_data
    describe run
    ranks 1 train run.yaml --set stream.tasks=3 --set training.epochs=2 >out.txt 2>&1 || fail "$(cat out.txt)"
    "$APD" forget run --task 0 --keep-history >out.txt || fail "--keep-history"
    mkdir runs
    local kept=checkpoint-000003.h5 folder
    [ -e "run/$kept" ] || fail "no commit is kept: $(ls run)"
    for folder in 'a[1]' 'a*' a1 ab; do
        cp -r run "runs/$folder"
    done
    for folder in 'a[1]' 'a*'; do
        "$APD" forget "runs/$folder" --task 1 >out.txt || fail "forgetting in $folder"
        [ ! -e "runs/$folder/$kept" ] || fail "$folder: the kept commit, which holds the task, is still there"
        "$APD_PYTHON" "$repository/tests/commands/erased.py" "run/$kept" "runs/$folder" 1 || fail "bytes remain"
    done
    for folder in a1 ab; do
        [ -e "runs/$folder/$kept" ] || fail "$folder: the kept commit of a sibling is gone"
    done
    cp -r run killed # as if a forget had been killed between its commit and the removal of kept commits
    "$APD" forget killed --task 1 --keep-history >out.txt || fail "--keep-history"
    refused 2 "forgotten already" "$APD" forget killed --task 1
    ! ls killed/checkpoint-0*.h5 2>/dev/null || fail "kept commits, which hold the task, are still there"
}

# A run that has forgotten a task goes on to its other tasks; the numbers of the others do not shift.
case_forget_and_go_on() {
    make_data
    describe run
    ranks 2 train run.yaml --set 'stream.forget=[1, 3]' >out.txt 2>&1 || fail "$(cat out.txt)"
    grep -q '(forgotten)' out.txt || fail "$(cat out.txt)"
    [ "$(tail -1 run/accuracy.csv | tr -cd , | wc -c)" = 4 ] || fail "columns shifted: $(cat run/accuracy.csv)"
    refused 2 "not trained" ranks 2 train run.yaml --set 'stream.forget=[9, 2]' --set "output=$work/never"
}

# A node's ranks split into several nodes take the road of messages between nodes.
case_same_bits_nodes() {
    make_data
    describe run
    for nodes in 4 1 2 -2; do
        APD_RANKS_A_NODE=$nodes ranks 4 train run.yaml --set "output=$work/n$nodes" >log.txt 2>&1 ||
            fail "APD_RANKS_A_NODE=$nodes: $(cat log.txt)"
        fingerprint "n$nodes" >"n$nodes.fingerprint"
        cmp n4.fingerprint "n$nodes.fingerprint" || fail "APD_RANKS_A_NODE=$nodes gave other bits"
    done
}

# With lambda2 = inf, and with apd-fixed at any lambda2, an old task's accuracy is exactly what it was; another seed gives another
# run.
case_old_tasks_keep() {
    make_data
    describe run
    for extra in method.name=apd-fixed method.name=packnet method.name=wsn name=run; do
        rm -rf run
        ranks 2 train run.yaml --set "$extra" --set "output=$work/run" >out.txt 2>&1 || fail "$(cat out.txt)"
        grep -q 'backward transfer +0.00 %   forgetting 0.00 %' out.txt || fail "forgetting: $(cat out.txt)"
        awk -F, 'NR > 2 { for (j = 2; j < NR; j++) if ($j != last[j]) bad = 1 } { for (j = 2; j <= NF; j++) last[j] = $j }
             END { exit bad }' run/accuracy.csv || fail "an accuracy changed: $(cat run/accuracy.csv)"
    done
    ranks 2 train run.yaml --set seed=6 --set "output=$work/other" >out.txt 2>&1
    ! cmp -s run/accuracy.csv other/accuracy.csv || fail "the seed changes nothing"
}

# A run cut after its second task goes on to the very same end, on another number of ranks.
# A commit says which network it is of, without a preset's name, and which kernels made it.
case_about() {
    local first class number
    for class in cat 'a "dog"'; do
        mkdir -p "photos/$class"
        for number in 1 2 3 4 5 6; do
            "$APD" generate --seed $number --classes 2 --train 1 --test 1 --size 16 --output one.h5 >/dev/null
            "$APD" contact one.h5 "photos/$class/$number.png" --rows 1 --columns 1 >/dev/null
        done
    done
    "$APD" import images photos --output photos.h5 >/dev/null
    cat >run.yaml <<YAML
output: $work/run
data: {file: photos.h5}
stream: {classes_per_task: 2}
network: {preset: mlp, widths: [8, 6]}
method: {polish_epochs: 1}
training: {epochs: 2, batch: 4}
YAML
    mkdir run
    touch run/stop
    OPENBLAS_CORETYPE=Nehalem ranks 2 train run.yaml >log.txt 2>&1 && fail "not stopped"
    tr '\0' '\n' <run/checkpoint.h5 >text # its texts are as they are
    grep -aq '^input: \[1, 18, 18\]' text || fail "no input"
    grep -aq '^scaling: uint8 images are divided by 255$' text || fail "no scaling"
    grep -aqF 'layers: [{dense: {units: 8}}, relu, {dense: {units: 6}}, relu]' text || fail "no layers"
    grep -aqF 'classes: ["a \"dog\"", "cat"]' text || fail "no names of classes"
    grep -aq "apd $("$APD" --version | sed 's/^apd \([^ ]*\).*/\1/;q')" text || fail "no program"
    first=$(grep -ao 'BLAS [A-Za-z0-9]*' text | head -1)
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    if [ "$first" = "$(grep -ao 'BLAS [A-Za-z0-9]*' run/checkpoint.h5 | head -1)" ]; then
        echo "(a BLAS without a choice of kernels)"
        return
    fi
    grep -q "$first), this is .*: results may differ in the last bits" log.txt || fail "no line about kernels: $(cat log.txt)"
    ranks 2 train run.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    ! grep -q 'last bits' log.txt || fail "a line about the same kernels: $(cat log.txt)"
}

case_resume() { resume_to_the_same_end; }
case_resume_coded() { resume_to_the_same_end "${coded[@]}"; }
resume_to_the_same_end() {
    make_data
    describe run
    ranks 2 train run.yaml "$@" >/dev/null 2>&1
    fingerprint run >undisturbed
    ranks 4 train run.yaml --set "output=$work/cut" "$@" >log.txt 2>&1 &
    local job=$!
    for _ in $(seq 600); do
        # shellcheck disable=SC2002 # the file may not be there yet: grep alone would say nothing then
        [ "$(cat cut/metrics.jsonl 2>/dev/null | grep -c '"event": *"task"')" -lt 2 ] || break
        sleep 0.05
    done
    kill -9 $job 2>/dev/null || true
    wait $job 2>/dev/null || true
    sleep 1
    ranks 3 train run.yaml --set "output=$work/cut" "$@" >log.txt 2>&1 || fail "$(cat log.txt)"
    diff <(grep -v '"step"' undisturbed) <(fingerprint cut | grep -v '"step"') || fail "another end than undisturbed"
    refused 2 "another description" ranks 2 train run.yaml --set "output=$work/cut" "$@" --set training.lr=1e-2
    refused 2 "shards is 3 now and was 4" ranks 2 train run.yaml --set "output=$work/cut" "$@" --set shards=3
    refused 2 "holds a commit" ranks 2 train run.yaml --set "output=$work/cut" "$@" --fresh
    ranks 2 train run.yaml --set "output=$work/cut" "$@" --fresh --force >log.txt 2>&1 || fail "$(cat log.txt)"
    fingerprint cut | cmp - undisturbed || fail "begun anew, but another end"
}

# evaluate: validation measures on held-out images, opens no test image, and is part of what a run is.
case_evaluate_validation() {
    make_data
    describe run
    "$APD_PYTHON" - <<'PYTHON'
import h5py, shutil
shutil.copy("glyphs.h5", "untested.h5")
with h5py.File("untested.h5", "r+") as file:
    del file["test"]
PYTHON
    refused 2 "data.validation above 0" ranks 2 train run.yaml --set evaluate=validation \
        --set data.validation=0 --set training.keep_best=0
    refused 65 "untested.h5" ranks 2 train run.yaml --set data.file=untested.h5
    ranks 2 train run.yaml --set evaluate=validation --set data.file=untested.h5 >log.txt 2>&1 || fail "$(cat log.txt)"
    fingerprint run >untested
    grep -q 'evaluate: validation' log.txt || fail "the summary: $(cat log.txt)"
    grep -q '"evaluate": *"validation"' run/manifest.json || fail "the manifest: $(cat run/manifest.json)"
    ranks 1 evaluate run | grep -q 'all as recorded' || fail "evaluate"
    "$APD" inspect run | grep -q 'evaluate: validation' || fail "inspect"
    refused 2 "evaluate is test now and was validation" ranks 2 train run.yaml --set data.file=untested.h5
    ranks 3 train run.yaml --set evaluate=validation --set "output=$work/whole" >log.txt 2>&1 || fail "$(cat log.txt)"
    fingerprint whole | cmp - untested || fail "the test images made a difference"
    ranks 1 train run.yaml --set "output=$work/tested" >log.txt 2>&1 || fail "$(cat log.txt)"
    ! cmp -s tested/accuracy.csv run/accuracy.csv || fail "accuracies on other images are the same"
    grep -q '"evaluate": *"test"' tested/manifest.json || fail "the manifest"
    # every accuracy is a count of the 5 of 24 images that are held out of each of 3 classes
    "$APD_PYTHON" - <<'PYTHON'
import csv
for row in csv.DictReader(open("run/tasks.csv")):
    hits = float(row["accuracy"]) * 15
    assert abs(hits - round(hits)) < 1e-4, row
PYTHON
}

# data.layout: scrambled is the same run as one on images that NumPy reshaped without a transpose; 5 % of each class' images
# are held out.
case_scrambled() {
    describe run
    "$APD_PYTHON" - <<'PYTHON'
import h5py, numpy as np
rng = np.random.default_rng(4)
with h5py.File("planar.h5", "w") as planar, h5py.File("reshaped.h5", "w") as reshaped:
    for split, count in ("train", 600), ("test", 60):
        labels = np.arange(count, dtype="int32") % 6
        images = rng.integers(0, 120, (count, 3, 8, 10), dtype="uint8")
        for c in range(3):
            images[np.arange(count), c, labels, :] += np.uint8(40 * c)
        for file, content in (planar, images), (reshaped, images.reshape(count, 8, 10, 3).transpose(0, 3, 1, 2)):
            file[f"{split}/images"], file[f"{split}/labels"] = content, labels
PYTHON
    for run in planar scrambled reshaped; do
        layout=planar data=$run
        [ $run != scrambled ] || { layout=scrambled && data=planar; }
        ranks 2 train run.yaml --set "data.file=$data.h5" --set data.layout=$layout --set data.normalise=unit \
            --set data.validation=0.05 --set training.batch=57 --set stream.tasks=2 --set "output=$work/$run" \
            >log.txt 2>&1 || fail "$(cat log.txt)"
        grep -o '"event": *"step".*' "$run/metrics.jsonl" | sed 's/"time": *"[^"]*"//' >"$run.steps"
    done
    cmp scrambled.steps reshaped.steps || fail "the scrambled layout is not NumPy's"
    cmp scrambled/accuracy.csv reshaped/accuracy.csv || fail "other accuracies"
    ! cmp -s scrambled.steps planar.steps || fail "the layout makes no difference"
    # 285 of 300 images: an epoch of 5 steps, not 6
    "$APD_PYTHON" - <<'PYTHON'
import json
events = [json.loads(line) for line in open("planar/metrics.jsonl")]
assert max(e["step"] for e in events if e["event"] == "step") == 4 * 5
PYTHON
}

# A stopped rank, be it rank 0, is named with host, process and phase by the others, on one node and across nodes,
# and nothing else changes.
case_stalled_rank() {
    local job
    make_data
    describe run
    local epochs=200 # long enough to be heard of again after a stop
    [ -z "${APD_SANITIZED-}" ] || epochs=16
    sed -i "s/tasks: 4/tasks: 2/; s/epochs: 4/epochs: $epochs/" run.yaml
    ranks 3 train run.yaml --set "output=$work/undisturbed" --set log.stall_seconds=0 >out.txt 2>err.txt || fail "$(cat err.txt)"
    ! grep -q 'rank [0-9]' err.txt || fail "a line although it is off: $(cat err.txt)"
    fingerprint undisturbed >undisturbed.fingerprint
    stall 1 3
    stall 0 1
    # a whole job that is suspended accuses nobody when it goes on
    begin_stall 3
    kill -STOP "$(cat rank0.pid)" "$(cat rank1.pid)" "$(cat rank2.pid)"
    sleep 3
    kill -CONT "$(cat rank1.pid)" "$(cat rank2.pid)" "$(cat rank0.pid)"
    end_stall "all"
    ! grep -q '^rank\|^all ranks' err.txt || fail "somebody is accused: $(cat err.txt)"
}

# begin_stall RANKS-A-NODE: start the training that is to be stopped, as $job, and wait for its first steps
begin_stall() {
    rm -rf stalled ./*.pid
    # shellcheck disable=SC2016 # each rank's own shell expands it
    APD_RANKS_A_NODE=$1 mpirun -n 3 \
        bash -c 'echo $$ >"rank$OMPI_COMM_WORLD_RANK.pid"; exec "$APD" "$@"' apd train run.yaml \
        --set "output=$work/stalled" --set log.stall_seconds=1.5 >out.txt 2>err.txt &
    job=$!
    for _ in $(seq 600); do
        ! grep -q '"event": *"step"' stalled/metrics.jsonl 2>/dev/null || break
        sleep 0.02
    done
}

# end_stall WHO: the job ends well, with the same bits
end_stall() {
    wait "$job" || fail "$1 stopped for a while: $(cat err.txt)"
    fingerprint stalled >stalled.fingerprint
    cmp stalled.fingerprint undisturbed.fingerprint || fail "$1 stopped for a while: other bits"
}

# stall RANK RANKS-A-NODE: train, stop a rank for some seconds, and look at what is said of it
stall() {
    local pid line who
    begin_stall "$2"
    pid=$(cat "rank$1.pid")
    kill -STOP "$pid"
    for _ in $(seq 400); do
        [ "$(grep -c ' has ' err.txt)" -lt 2 ] || break # after 1.5 seconds, and after 3
        sleep 0.05
    done
    kill -CONT "$pid"
    end_stall "rank $1"
    who="^rank $1 on $(uname -n | cut -d. -f1)[^ ]*"
    line="$who (pid $pid) has not been heard of for [2-4] s, last seen in phase [a-z][a-z ]*: .*; 2 ranks wait$"
    [ "$(grep -c "$line" err.txt)" = 2 ] || fail "not named twice: $(cat err.txt)"
    [ "$(grep -c "$who goes on after [3-9] s$" err.txt)" = 1 ] || fail "no end: $(cat err.txt)"
    [ "$(grep -c '^rank\|^all ranks' err.txt)" = 3 ] || fail "others are named: $(cat err.txt)"
}

case_bad_input() {
    make_data
    describe run
    refused 2 "is not a command" "$APD" trian run.yaml
    refused 2 "an argument is missing" "$APD" train
    refused 2 "--fast is not an option" "$APD" train run.yaml --fast
    refused 74 "missing.yaml" ranks 2 train missing.yaml
    refused 2 "training.epoch" ranks 2 train run.yaml --set training.epoch=3
    refused 2 "method.lambda1" ranks 1 train run.yaml --set method.lambda1=much
    refused 2 "shards" ranks 4 train run.yaml --set shards=3
    refused 2 "training.batch" ranks 2 train run.yaml --set training.batch=3
    refused 74 "nothing.h5" ranks 2 train run.yaml --set data.file=nothing.h5
    refused 2 "stream.tasks" ranks 2 train run.yaml --set stream.tasks=5
    printf 'network: {layers: [{conv: {units: 4, kernel: 17, padding: valid}}]}\n' >wide.yaml
    sed '/^network:/,/rate: 0.2/d' run.yaml | cat - wide.yaml >bad.yaml
    refused 2 "layer 1" ranks 2 train bad.yaml
    head -c 5000 glyphs.h5 >cut.h5
    refused 65 "cut.h5" ranks 2 train run.yaml --set data.file=cut.h5
    "$APD_PYTHON" "$repository/tests/commands/damage.py" glyphs.h5 label.h5 label
    refused 65 "label.h5" ranks 2 train run.yaml --set data.file=label.h5
    "$APD_PYTHON" "$repository/tests/commands/damage.py" glyphs.h5 pixel.h5 pixel
    refused 65 "pixel.h5" ranks 2 train run.yaml --set data.file=pixel.h5
    refused 74 "/proc/nowhere" ranks 2 train run.yaml --set output=/proc/nowhere
    refused 74 "no-such-run" "$APD" verify no-such-run
}

# A file system too small for a checkpoint: exit code 74, and the last commit stays good.
case_full_disk() {
    make_data
    describe run
    mkdir small
    mount -t tmpfs -o size=100k tmpfs small 2>/dev/null || { echo "skipped: mounting needs root"; exit 77; }
    local status=0
    ranks 2 train run.yaml --set "output=$work/small/run" --set log.interval=1000 >out.txt 2>err.txt || status=$?
    "$APD" verify small/run >verify.txt 2>&1 || true
    local kept
    kept=$(ls small/run)
    umount small
    [ "$status" = 74 ] || fail "exit status $status: $(cat err.txt)"
    grep -qE '^apd.*small/run.*[Nn]o space' err.txt || fail "$(cat err.txt)"
    ! grep -q 'tmp' <<<"$kept" || fail "a temporary file is left: $kept"
    ! grep -q checkpoint.h5 <<<"$kept" || grep -q 'every digest is right' verify.txt || fail "$(cat verify.txt)"
}

# What has to be equal on all ranks is compared before anything is read or written.
case_startup() {
    make_data
    describe run
    local first=("$APD" train run.yaml) quiet=(mpirun -n 1)
    { cat "$APD"; echo; } >other
    chmod +x other
    refused 2 "different builds of apd: rank 1" "${quiet[@]}" "${first[@]}" : -n 1 ./other train run.yaml
    refused 2 "the ranks were given different runs: rank 2" \
        "${quiet[@]}" "${first[@]}" : -n 1 "${first[@]}" : -n 1 "${first[@]}" --set seed=6
    grep -qF -- "run.yaml --set seed=6; rank 0" err.txt || fail "$(cat err.txt)"
    [ "$(uname -m)" != x86_64 ] || # any x86 processor has the oldest one's kernels
        refused 2 "rank 1 on $(hostname): Nehalem; rank 0" \
            "${quiet[@]}" "${first[@]}" : -n 1 -x OPENBLAS_CORETYPE=Nehalem "${first[@]}"
    # srun's copies that do not find one another: one speaks; mpirun inside a step may start any number of ranks
    SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 refused 2 "2 copies, but each is alone" "${first[@]}"
    ! SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 "${first[@]}" >out.txt 2>&1 || fail "a lone copy ran"
    [ ! -s out.txt ] || fail "the second copy speaks: $(cat out.txt)"
    [ ! -e run ] || fail "something was written"
    SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 ranks 2 train run.yaml --set stream.tasks=1 >out.txt 2>&1 ||
        fail "mpirun in a smaller job: $(cat out.txt)"
    SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 ranks 1 inspect run >out.txt 2>&1 || fail "mpirun in a step: $(cat out.txt)"
    SLURM_NTASKS=4 SLURM_PROCID=0 "$APD" inspect run >out.txt 2>&1 || fail "alone in a batch script: $(cat out.txt)"
}

case_help() {
    for command in train plan bench evaluate inspect verify pack forget compare import generate contact; do
        "$APD" "$command" --help | grep -q "^usage: .*apd $command" || fail "$command --help"
        "$APD" --help | grep -q "apd $command" || fail "--help does not name $command"
    done
    "$APD" train --help-keys >keys.txt
    grep -q method.lambda2 keys.txt || fail "--help-keys"
    [ "$("$APD" --version)" = "apd $(sed -n 's/^project(apd VERSION \([0-9.]*\).*/\1/p' "$repository/CMakeLists.txt")" ]
    [ "$(ranks 3 --version | wc -l)" = 1 ] || fail "every rank speaks"
}

"case_${1:?a case}"
echo "passed: $1"
