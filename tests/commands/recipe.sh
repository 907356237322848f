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

"case_${1:?a case}"
echo "passed: $1"
