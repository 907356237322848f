#!/usr/bin/env bash
# libapd beside ONNX Runtime, a LeNet on glyphs: throughput.sh LIBAPD.SO; skipped without ONNX_PYTHON.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
library=${1:?libapd.so}
[ -n "${ONNX_PYTHON-}" ] || {
    echo "skipped: ONNX_PYTHON names no Python with onnxruntime"
    exit 77
}
"$APD" generate --output glyphs.h5 --classes 4 >/dev/null
cat >run.yaml <<'YAML'
name: run
shards: 1
data: {file: glyphs.h5}
stream: {kind: split, tasks: 1, classes_per_task: 4}
network: {preset: lenet}
training: {epochs: 1}
YAML
"$APD" train run.yaml >/dev/null
"$APD" export runs/run --task 0 --onnx model.onnx >/dev/null
OMP_NUM_THREADS=1 "$ONNX_PYTHON" "$repository/tests/library/throughput.py" "$library" runs/run 0 model.onnx glyphs.h5
