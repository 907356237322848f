#!/usr/bin/env bash
# Files of each format of checkpoints (tests/io/checkpoint/formats, made with its run.yaml): APD=path formats.sh
#   older ones are refused, and nothing of them is touched; the others are read, with the bits that were written
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../lib.sh"
formats=$repository/tests/io/checkpoint/formats

echo "- format 4 is refused"
older="not a checkpoint of format 5; if it is one of an earlier format, use the program that wrote it, or start a new run"
mkdir old
cp "$formats/format-4.h5" old/checkpoint.h5
cp "$formats/format-4.h5" old/checkpoint.previous.h5
"$APD" generate --classes 8 --train 12 --test 4 --size 16 --seed 3 --output data.h5 >/dev/null
cp "$formats/run.yaml" .
refused 65 "$older" "$APD" verify "$formats/format-4.h5"
refused 65 "$older" "$APD" pack "$formats/format-4.h5" --output packed.h5
refused 65 "$older" "$APD" inspect old
refused 65 "$older" "$APD" train run.yaml --set output=old
for commit in checkpoint checkpoint.previous; do
    cmp "$formats/format-4.h5" "old/$commit.h5" || fail "train touched $commit.h5 of format 4"
done

echo "- a later format is refused"
sed '1s/^apd-checkpoint 5$/apd-checkpoint 6/' "$formats/format-5.h5" >later.h5
refused 65 "a checkpoint of a later format" "$APD" verify later.h5

echo "- format 5 is read"
"$APD" verify "$formats/format-5.h5" >out.txt || fail "verify: $(cat out.txt)"
grep -q ': 22 groups, every digest is right$' out.txt || fail "verify: $(cat out.txt)"
"$APD" pack "$formats/format-5.h5" --output packed.h5 >out.txt || fail "pack: $(cat out.txt)"
if ! "${APD_PYTHON:-false}" -c 'import h5py, numpy' 2>/dev/null; then
    echo "(theta is not compared: Python without h5py)"
    exit 0
fi
"$APD" inspect --help-format >tables.txt
"$APD_PYTHON" - "$formats/format-5.h5" tables.txt "$repository/tests/io/checkpoint" <<'PYTHON'
import re, sys, zlib
import h5py, numpy as np

sys.path.insert(0, sys.argv[3])
from sparse_code import entries

# CRC-32 of theta's bytes, all blocks after one another
recorded = [0xF2438881, 0xEEF2D5CD]
with h5py.File(sys.argv[1]) as file:
    for place in range(len(recorded)):
        task, first, end, sum_ = file[f"tasks/{place:06d}"], 0, 0, 0
        for block, name in enumerate(file["layout/name"].asstr()[:-1]):
            sigma = file[f"shared/{name}/sigma"][:].astype("f4")
            mask = task["mask"][first : first + len(sigma)].astype("f4")
            theta = mask[:, None] * sigma
            cluster = file["records/groups"][place, block]
            if cluster >= 0:
                rows, columns, values, _ = entries(file[f"groups/{name}/{cluster:03d}/sigma_g"][:], 0, *sigma.shape, None)
                theta[rows, columns] += values
            rows, columns, values, end = entries(task["tau"][:], end, *sigma.shape, mask)
            theta[rows, columns] = values
            sum_, first = zlib.crc32(theta.astype("<f4").tobytes(), sum_), first + len(sigma)
        assert sum_ == recorded[place], f"theta of the task at place {place} is {sum_:#x}, not {recorded[place]:#x}"

    # what the file holds is what the tables say, each way; no task of a single network and no array beside sigma is in it
    held = set()
    def note(name, thing):
        if isinstance(thing, h5py.Dataset):
            held.add(f"/{name}")
    file.visititems(note)
    for group in ("", "half_way/"):
        held.update(f"/{group}{name}, attribute" for name in file[f"/{group}"].attrs if name != "digest")
blocks = "(conv1|dense2|head)"
for pattern, name in ((r"^/tasks/\d{6}/", "/tasks/000017/"), (rf"^/shared/{blocks}/", "/shared/NAME/"),
                      (rf"^/groups/{blocks}/\d+/", "/groups/NAME/003/"), (rf"^/training/{blocks}/.*", "/training/NAME/ARRAY")):
    held = {re.sub(pattern, name, one) for one in held}
said = set(re.findall(r"^\| `([^`]*)`", open(sys.argv[2]).read().replace("`, attribute", ", attribute`"), re.M))
absent = {"/keys/width, attribute", "/tasks/000017/key", "/tasks/000017/weight", "/tasks/000017/bits", "/shared_arrays/name", "/shared/NAME/ARRAY"}
held = {one for one in held if not re.match("/(results/|default,|NX_class,)", one)}  # what apd pack adds for viewers
assert said - held == absent and held <= said, (said - held, held - said)
PYTHON
