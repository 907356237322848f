#!/usr/bin/env bash
# apd predict and apd export: predict.sh CASE
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# whole RUN TASK DATA: predictions of the task's test images have the accuracy that the run recorded
whole() {
    "$APD" predict "$1" "$3" --task "$2" --csv >"all.csv"
    "$APD_PYTHON" - "$1" "$2" "$3" <<'PY'
import csv, sys
import h5py
run, task, data = sys.argv[1:]
rows = list(csv.DictReader(open("all.csv", newline="")))
labels = h5py.File(data)["test/labels"][:]
classes = {int(key[2:]) for key in rows[0] if key.startswith("p_")}
hits = [int(row["class"]) == label for row, label in zip(rows, labels) if label in classes]
recorded = [float(row["accuracy"]) for row in csv.DictReader(open(run + "/tasks.csv", newline="")) if row["task"] == task]
assert len(rows) == len(labels) and abs(sum(hits) / len(hits) - recorded[0]) < 1e-6, (sum(hits), len(hits), recorded)
PY
}

# exported RUN TASK DATA: every format gives what apd predict says of the first images
exported() {
    rm -rf out && mkdir out
    "$APD_PYTHON" -c "
import h5py
with h5py.File('$3') as old, h5py.File('out/images.h5', 'w') as new:
    new['test/images'] = old['test/images'][:30]"
    "$APD" export "$1" --task "$2" --onnx out/model.onnx --npz out/model.npz --c out/c >said.txt
    "$APD" export "$1" --task "$2" --onnx out/raw.onnx --raw >/dev/null
    "$APD" predict "$1" out/images.h5 --task "$2" --csv >out/predictions.csv
    "${ONNX_PYTHON:-$APD_PYTHON}" "$repository/tests/commands/export_check.py" out
}

case_images() {
    make_data
    describe run
    ranks 2 train run.yaml >/dev/null
    whole run 0 glyphs.h5
    whole run 2 glyphs.h5
    "$APD" predict run glyphs.h5 --task 2 --csv >one.csv
    diff one.csv all.csv
    for count in 2 3; do # portions of seven images
        ranks "$count" predict run glyphs.h5 --task 2 --csv | diff one.csv -
    done
    # the same images as PNG files, from a folder and from a list
    "$APD_PYTHON" - <<'PY'
import os, struct, zlib
import h5py
images = h5py.File("glyphs.h5")["test/images"][:12]
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, pixels):
    height, width = pixels.shape
    rows = b"".join(b"\0" + bytes(row) for row in pixels)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
os.mkdir("pictures")
for i, image in enumerate(images):
    png(f"pictures/{i}.png", image[0])
png("larger.png", images[0, 0].repeat(2, 0).repeat(2, 1))
PY
    "$APD" predict run pictures --task 2 --csv | tail -n +2 | cut -d, -f2- >folder.csv
    head -n 13 one.csv | tail -n +2 | cut -d, -f2- | diff - folder.csv
    printf '%s\n' pictures/*.png | sort -V | "$APD" predict run - --task 2 --csv | tail -n +2 | cut -d, -f2- | diff - folder.csv
    "$APD" predict run pictures/0.png --task 2 --json | "$APD_PYTHON" -c "
import json, sys
row = json.loads(sys.stdin.read())
assert row['image'] == 'pictures/0.png' and abs(sum(row['probabilities']) - 1) < 1e-6 and row['probability'] == max(row['probabilities'])"
    [ "$("$APD" predict run pictures/0.png --task 2 --top 1 | wc -w)" = 5 ] # path, "class 7", 63.20 %
    # another size
    refused 65 "--resize makes them fit" "$APD" predict run larger.png --task 2
    "$APD" predict run larger.png --task 2 --resize >/dev/null
    # what is not there, or no image
    refused 2 "--task TASK is needed" "$APD" predict run pictures
    refused 2 "there is no such task" "$APD" predict run pictures --task 9
    refused 65 "neither a PNG nor a JPEG file" "$APD" predict run run.yaml --task 2
    refused 65 "there is no data set /train/pictures" "$APD" predict run glyphs.h5:/train/pictures --task 2
    mkdir empty
    refused 65 "there are no PNG or JPEG files" "$APD" predict run empty --task 2
    refused 74 "pictures/none.png" "$APD" predict run pictures/none.png --task 2
    # a packed commit is enough, and the data file is not needed
    "$APD" pack run --output run.h5 >/dev/null
    mv glyphs.h5 moved.h5
    "$APD" predict run.h5 moved.h5 --task 2 --csv | tail -n +2 | cut -d, -f2- >packed.csv
    tail -n +2 one.csv | cut -d, -f2- | diff - packed.csv
    mv moved.h5 glyphs.h5
    "$APD" forget run --task 2 >/dev/null
    refused 2 "this task has been forgotten" "$APD" predict run pictures --task 2
}

case_export() {
    make_data
    describe run
    ranks 2 train run.yaml >/dev/null
    exported run 1 glyphs.h5
    "$APD" export run --all --npz all >/dev/null
    [ "$(find all -name '*.npz' | wc -l)" = 4 ]
    "$APD_PYTHON" -c "
import json
tasks = json.load(open('all/index.json'))['tasks']
assert len(tasks) == 4 and all(len(task['classes']) == 3 and 0 <= task['accuracy'] <= 1 for task in tasks), tasks"
    diff all/task-000001.npz out/model.npz
    refused 2 "one of --onnx, --npz and --c is needed" "$APD" export run --task 1
    refused 2 "exclude each other" "$APD" export run --all --task 1 --npz x
    "$APD" forget run --task 1 >/dev/null
    refused 2 "this task has been forgotten" "$APD" export run --task 1 --npz x
    "$APD" export run --all --npz less >/dev/null
    [ "$(find less -name '*.npz' | wc -l)" = 3 ]
}

# streams that change the images: their order of pixels is exported, a rotation is said
case_transforms() {
    "$APD" generate --classes 5 --train 20 --test 12 --size 16 --output glyphs.h5 >/dev/null
    cat >permuted.yaml <<YAML
name: permuted
output: $work/permuted
data: {file: glyphs.h5}
stream: {kind: permutation, tasks: 2}
network: {preset: mlp, widths: [20]}
training: {epochs: 2, batch: 20}
YAML
    "$APD" train permuted.yaml >/dev/null
    whole permuted 1 glyphs.h5
    exported permuted 1 glyphs.h5
    "$APD" train permuted.yaml --set stream.kind=rotation --set stream.rotation_step=20 --set name=rotated \
        --set output="$work/rotated" >/dev/null
    whole rotated 1 glyphs.h5
    "$APD" export rotated --task 1 --npz rotated.npz | grep -q "images must come rotated by 20 degrees"
}

"case_$1"
