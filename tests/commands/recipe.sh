#!/usr/bin/env bash
# What a task is trained with: tests/commands/recipe.sh CASE, with APD naming the program. Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# The learning rate over a task against its formula; a task at chance is said; both the same on any number of ranks.
case_warmup() {
    make_data
    describe run
    for schedule in constant exponential cosine; do
        ranks 2 train run.yaml --set training.schedule=$schedule --set training.warmup=0.3 --set log.interval=1 \
            --set "output=$work/$schedule" >log.txt 2>&1 || fail "$(cat log.txt)"
        "$APD_PYTHON" - $schedule <<'PYTHON'
import json, math, sys
schedule, epochs, batch, images = sys.argv[1], 4, 14, 3 * 24 - 3 * 5
steps = -(-images // batch)
total, seen = epochs * steps, 0
for line in open(schedule + "/metrics.jsonl"):
    event = json.loads(line)
    if event["event"] != "step":
        continue
    n = event["step"]  # steps done: the rate is that of step n, counted from 1
    rate = {"constant": 1.0, "exponential": 0.95 ** ((n - 1) // steps),
            "cosine": (1 + math.cos(math.pi * (n - 1) / total)) / 2}[schedule]
    expected = 3e-3 * min(1.0, n / (0.3 * total)) * rate
    assert abs(event["learning_rate"] - expected) < 1e-12, (event, expected)
    seen += 1
assert seen == 4 * total, seen
PYTHON
    done
    "$APD" generate --classes 12 --train 100 --test 9 --size 16 --output more.h5 >/dev/null
    ranks 2 train run.yaml --set data.file=more.h5 --set training.epochs=12 --set "output=$work/learned" >log.txt 2>&1
    ! grep -q 'at chance' log.txt || fail "tasks that learned: $(cat log.txt)"
    for count in 1 3; do
        ranks $count train run.yaml --set training.lr=1e-12 --set "output=$work/dead$count" >log.txt 2>&1
        [ "$(grep -c '^warning: task . of 4 (classes .*) ends at chance' log.txt)" -ge 2 ] || fail "$(cat log.txt)"
        grep -o '"event": *"chance".*' "dead$count/metrics.jsonl" >"chance$count"
    done
    sed 's/"time": *"[^"]*"//' chance1 >one
    sed 's/"time": *"[^"]*"//' chance3 | cmp - one || fail "other warnings on three ranks"
    "$APD_PYTHON" - <<'PYTHON'
import json
for line in open("dead1/metrics.jsonl"):
    event = json.loads(line)
    if event["event"] == "chance":
        assert abs(event["chance"] - 1 / 3) < 1e-12 and event["training_accuracy"] < 0.5, event
PYTHON
}

# What teachers say, mixed with the labels, is what the loss compares with: against probabilities of apd predict. A student that
# does not move has the same loss all the time.
case_distillation() {
    make_data
    cat >run.yaml <<YAML
output: $work/run
shards: 4
data: {file: glyphs.h5}
stream: {kind: split, tasks: 2, classes_per_task: 3}
network: {preset: mlp, widths: [20]}
method: {lambda1: 1e-3, polish_epochs: 1}
training: {epochs: 3, batch: 14, lr: 3e-3}
log: {interval: 2, evaluate_batch: 7}
YAML
    for seed in 1 2; do
        ranks 2 train run.yaml --set method.name=stl --set seed=$seed --set "output=$work/teacher$seed" >log.txt 2>&1 ||
            fail "$(cat log.txt)"
    done
    taught=(--set "training.teachers=[$work/teacher1, $work/teacher2]" --set training.distillation=0.75
        --set training.temperature=3)
    ranks 2 train run.yaml "${taught[@]}" --set training.lr=1e-12 --set "output=$work/still" >log.txt 2>&1 ||
        fail "$(cat log.txt)"
    for run in teacher1 teacher2 still; do
        "$APD" predict $run glyphs.h5:/train/images --task 1 --json >$run.jsonl || fail "predict"
    done
    "$APD_PYTHON" - <<'PYTHON'
import json, h5py, numpy as np
def predicted(run):
    lines = [json.loads(line) for line in open(run + ".jsonl")]
    return np.array([line["probabilities"] for line in lines])
labels = h5py.File("glyphs.h5")["train/labels"][:]
mine = (labels >= 3) & (labels < 6)
softened = [predicted(t)[mine] ** (1 / 3) for t in ("teacher1", "teacher2")]
taught = np.mean([s / s.sum(1, keepdims=True) for s in softened], 0)
target = 0.75 * taught + 0.25 * np.eye(3)[labels[mine] - 3]
expected = -(target * np.log(predicted("still")[mine])).sum(1).mean()
epochs = {}
for event in map(json.loads, open("still/metrics.jsonl")):
    if event["event"] == "step" and event["place"] == 1:
        epochs.setdefault(event["epoch"], []).append((event["step"], event["loss"]))
for epoch, steps in epochs.items():
    images, before = [], epoch * 6
    for step, _ in steps:  # 72 images: five batches of 14 and one of 2
        images.append(sum(2 if s % 6 == 5 else 14 for s in range(before, step)))
        before = step
    loss = np.average([loss for _, loss in steps], weights=images)
    assert sum(images) == 72 and abs(loss - expected) < 2e-5 * expected, (epoch, loss, expected)
assert len(epochs) == 3
PYTHON
    for count in 1 2 4; do
        ranks $count train run.yaml "${taught[@]}" --set "output=$work/p$count" >log.txt 2>&1 || fail "$(cat log.txt)"
        fingerprint p$count >p$count.fingerprint
        cmp p1.fingerprint p$count.fingerprint || fail "$count ranks gave other bits than one"
    done
    ranks 2 train run.yaml "${taught[@]}" --set training.distillation=0 --set "output=$work/untaught" >log.txt 2>&1
    ranks 2 train run.yaml --set "output=$work/plain" >log.txt 2>&1
    cmp <(fingerprint plain | grep -v config_digest) <(fingerprint untaught | grep -v config_digest) ||
        fail "teachers that nobody heeds make a difference"
    fingerprint plain | cmp -s - p1.fingerprint && fail "teachers make no difference"
    refused 2 "teacher1/checkpoint.h5 has no task 2 (classes 6-8)" ranks 2 train run.yaml "${taught[@]}" --set stream.tasks=3
    refused 2 "teacher1 was trained with another data.normalise" ranks 2 train run.yaml "${taught[@]}" --set data.normalise=unit
    refused 2 "teacher1 was trained with another data.validation" ranks 2 train run.yaml "${taught[@]}" --set data.validation=0.2
    refused 74 "$work/nobody" ranks 2 train run.yaml --set "training.teachers=[$work/nobody]"
}

# Sigma that comes from another run: its numbers, by h5py; the same bits on any number of ranks, after a stop without the other
# run, and where bodies are shared the biases too.
case_init() {
    make_data
    describe run
    ranks 2 train run.yaml --set seed=11 --set "output=$work/from" --set method.recentre=none >log.txt 2>&1 || fail "$(cat log.txt)"
    other=(--set "stream.classes=[[9, 10], [11, 2, 5]]" --set stream.kind=list --set stream.tasks=0 --set stream.order=A
        --set stream.classes_per_task=0 --set init=from)
    for count in 1 2 4; do
        ranks $count train run.yaml "${other[@]}" --set "output=$work/p$count" >log.txt 2>&1 || fail "$(cat log.txt)"
        fingerprint p$count >p$count.fingerprint
        cmp p1.fingerprint p$count.fingerprint || fail "$count ranks gave other bits than one"
    done
    digest=$(sed -n 's/.*"results_digest": *"\(.*\)".*/\1/p' from/manifest.json)
    grep -q "^sigma starts as that of from, commit 4, digest $digest$" log.txt || fail "$(cat log.txt)"
    grep -q "\"init\": *\"from, commit 4, digest $digest\"" p2/manifest.json || fail "$(cat p2/manifest.json)"
    ranks 2 train run.yaml "${other[@]}" --set init=random --set "output=$work/random" >log.txt 2>&1 || fail "$(cat log.txt)"
    ! grep -q '"init"' random/manifest.json || fail "$(cat random/manifest.json)"
    fingerprint random | cmp -s - p1.fingerprint && fail "init makes no difference"
    still=(--set training.lr=1e-12 --set training.weight_decay=0 --set training.keep_best=0)
    for method in apd finetune packnet; do # packnet prunes nothing here
        chosen=(--set "method.name=$method" --set method.recentre=none --set method.packnet_prune=0)
        ranks 2 train run.yaml "${chosen[@]}" --set "output=$work/from-$method" >log.txt 2>&1 || fail "$(cat log.txt)"
        ranks 3 train run.yaml "${chosen[@]}" "${other[@]}" "${still[@]}" --set init=from-$method --set stream.tasks=1 \
            --set "output=$work/still-$method" >log.txt 2>&1 || fail "$(cat log.txt)"
        "$APD_PYTHON" - $method <<'PYTHON'
import sys, h5py, numpy as np
a, b = (h5py.File(f"{kind}-{sys.argv[1]}/checkpoint.h5") for kind in ("from", "still"))
for name in a["shared"]:
    sigma = a["shared"][name]["sigma"][:]
    assert sigma.std() > 1e-3, name
    assert np.allclose(sigma, b["shared"][name]["sigma"][:], rtol=0, atol=1e-7), name
biases = a["tasks"]["000003"]["bias"][:] if sys.argv[1] != "apd" else 0
assert np.allclose(b["tasks"]["000000"]["bias"][:], biases, rtol=0, atol=1e-7)
assert np.abs(biases).max() > 1e-4 or sys.argv[1] == "apd"
PYTHON
    done
    # stopped in the first task; from then on the other run is not needed
    long=("${other[@]}" --set "training.epochs=$([ -z "${APD_SANITIZED-}" ] && echo 100 || echo 25)" --set method.storage=coded)
    ranks 2 train run.yaml "${long[@]}" --set "output=$work/peace" >log.txt 2>&1 || fail "$(cat log.txt)"
    : >log.txt
    in_background 3 "${long[@]}"
    wait_for '"event": *"step"' run/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    grep -q 'in task 1 of 2' log.txt || fail "$(cat log.txt)"
    refused 2 "init is \"random\" now and was \"from\"" ranks 2 train run.yaml "${long[@]}" --set init=random
    mv from gone
    ranks 1 train run.yaml "${long[@]}" >log.txt 2>&1 || fail "$(cat log.txt)"
    same_run peace run
    cmp <(grep '"init"' peace/manifest.json) <(grep '"init"' run/manifest.json) || fail "another start in manifest.json"
    refused 74 "from" ranks 2 train run.yaml "${other[@]}" --set "output=$work/new"
    mv gone from
    new=(ranks 2 train run.yaml "${other[@]}" --set "output=$work/new")
    refused 2 "from/checkpoint.h5 has method.mask_init 0.5, and this run has 0.25" "${new[@]}" --set method.mask_init=0.25
    refused 2 "from/checkpoint.h5 has method.name apd, and this run has finetune" "${new[@]}" --set method.name=finetune
    refused 2 "method.name is apd in from/checkpoint.h5 and stl in this run" "${new[@]}" --set method.name=stl
    refused 2 "from/checkpoint.h5 has network.layers [{conv" "${new[@]}" --set 'network.layers=[dense: {units: 20}, relu]'
    "$APD" generate --classes 12 --train 9 --test 3 --size 18 --output large.h5 >/dev/null
    refused 2 "has images of 1 x 16 x 16, and this run has 1 x 18 x 18" "${new[@]}" --set data.file=large.h5
    in_background 2 --set training.epochs=100 --set "output=$work/half"
    wait_for '"event": *"step"' half/metrics.jsonl
    kill -USR1 "$job"
    ended 75
    refused 2 "half/checkpoint.h5 is in the middle of a task" "${new[@]}" --set init=half
    [ ! -e new/checkpoint.h5 ] || fail "a refused run made a commit"
}

"case_${1:?a case}"
echo "passed: $1"
