#!/usr/bin/env bash
# apd import images, whole: tests/commands/import.sh CASE. Pillow, where it is there, says what the pixels must be.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# photos/NAME/NUMBER.png, five of each of three classes, of two sizes
make_photos() {
    local class number
    for class in cat dog 'grüne Kuh'; do
        mkdir -p "photos/$class"
        for number in 1 2 3 4 5; do
            "$APD" generate --seed "$number" --classes 3 --train 1 --test 1 --size $((16 + 4 * (number % 2))) --output one.h5 >/dev/null
            "$APD" contact one.h5 "photos/$class/$number.png" --rows 1 --columns 3 >/dev/null
        done
    done
}

# imported SAID ARGUMENT...: the import succeeds, and says this on stderr
imported() {
    local said=$1
    shift
    "$APD" import images photos --size 12x30 --output data.h5 "$@" >out.txt 2>err.txt || fail "$(cat err.txt)"
    [ "$(cat err.txt)" = "$said" ] || fail "$* said: $(cat err.txt)"
}

# Which images are in which set, told by pixels: of the table that Python reads with its own module csv
case_labels() {
    "$APD_PYTHON" -c "import h5py, numpy" 2>/dev/null || { echo "skipped: no h5py"; exit 77; }
    make_photos
    "$APD_PYTHON" - <<'PY'
import csv
rows = [("cat/1.png", "pet, small", "test"), ("cat/2.png", "pet, small", "train"), ("dog/5.png", "pet, small", "train"),
        ("grüne Kuh/3.png", 'a "cow"', "train"), ("grüne Kuh/2.png", 'a "cow"', "test"), ("dog/1.png", 'a "cow"', "test")]
with open("labels.csv", "w", newline="", encoding="utf-8-sig") as file:  # with a byte order mark, and \r\n
    writer = csv.writer(file)
    writer.writerow(["split", "note", "path", "class"])
    writer.writerows([split, "", path, name] for path, name, split in rows)
with open("plain.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(row[:2] for row in reversed(rows))
with open("tests.txt", "w") as file:
    file.writelines(path + "\r\n" for path, _, split in rows if split == "test")
PY
    local rest='passed over 9 images without a label: cat/3.png, cat/4.png, cat/5.png, dog/2.png and 5 more'
    imported "$rest" --labels labels.csv
    mv data.h5 labels.h5
    imported "$rest" --labels plain.csv --test-list tests.txt
    mv data.h5 list.h5
    "$APD_PYTHON" - <<'PY'
import csv, h5py, numpy as np
rows = list(csv.DictReader(open("labels.csv", newline="", encoding="utf-8-sig")))
try:
    from PIL import Image
except ImportError:
    Image = None
for name in "labels.h5", "list.h5":
    with h5py.File(name) as data:
        names = [text.decode() for text in data["class_names"][:]]
        assert names == ['a "cow"', "pet, small"], names
        for split in "train", "test":
            expected = sorted((row["class"], row["path"]) for row in rows if row["split"] == split)
            found = [names[label] for label in data[split]["labels"]]
            assert found == [row[0] for row in expected], (name, split, found)
            for place, (_, path) in enumerate(expected if Image else []):
                whole = Image.open("photos/" + path).convert("RGB" if data["train/images"].shape[1] == 3 else "L")
                width, height = whole.size
                wide = min(width, height * 30 / 12)
                high = min(height, width * 12 / 30)
                box = (int(width - wide) // 2, int(height - high) // 2)
                box += (box[0] + round(wide), box[1] + round(high))
                scaled = np.asarray(whole.resize((30, 12), Image.BILINEAR, box=box), dtype=int).reshape(12, 30, -1)
                away = [np.abs(scaled.transpose(2, 0, 1) - image.astype(int)).mean() for image in data[split]["images"]]
                assert min(away) == away[place] < 1, (path, away)
PY
    grep -q '3 training and 3 test images, . x 12 x 30, 2 classes' out.txt || fail "$(cat out.txt)"
}

# What else one line refuses
case_refusals() {
    make_photos
    refused 2 "--labels goes with images, not with mnist" "$APD" import mnist photos --output x.h5 --labels l.csv
    refused 2 "--skip-damaged goes with images" "$APD" import omniglot photos --output x.h5 --skip-damaged
    refused 2 "--test and --test-list exclude each other" "$APD" import images photos --output x.h5 --test 0.2 --test-list t
    local share
    for share in 0 1; do
        refused 2 "--test $share: it must be above 0 and below 1" "$APD" import images photos --output x.h5 --test $share
    done
    for share in 20% -0.1 nan 1.5; do
        refused 2 "--test" "$APD" import images photos --output x.h5 --test="$share"
    done
    refused 74 "cannot list the folder" "$APD" import images nowhere --output x.h5
    refused 74 "l.csv" "$APD" import images photos --output x.h5 --labels l.csv
    echo junk >photos/dog/3.png
    refused 65 "3.png: neither a PNG nor a JPEG file; mend it, or --skip-damaged passes over it" \
        "$APD" import images photos --size 8 --output x.h5
    [ ! -e x.h5 ] || fail "a data file of a refused import"
    imported 'warning: photos/dog/3.png: neither a PNG nor a JPEG file; passed over
passed over 1 damaged image: dog/3.png' --skip-damaged --test 0.4
    grep -q '8 training and 6 test images' out.txt || fail "$(cat out.txt)" # 3 of 5, 2 of 4, 3 of 5
}

"case_${1:?a case}"
echo "passed: $1"
