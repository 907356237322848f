"""What apd export wrote, against apd predict: export_check.py FOLDER, with model.onnx, raw.onnx, model.npz, c/ and predictions.csv of
the images images.h5:/test/images. Parts whose readers are missing are named and left out."""

import csv
import ctypes
import subprocess
import sys

import h5py
import numpy

folder = sys.argv[1]
with h5py.File(f"{folder}/images.h5") as file:
    images = file["test/images"][:]
with open(f"{folder}/predictions.csv", newline="") as file:
    rows = list(csv.DictReader(file))
expected = numpy.array([[float(row[key]) for key in row if key.startswith("p_")] for row in rows], "f4")
assert len(expected) == len(images) and numpy.allclose(expected.sum(axis=1), 1, atol=1e-5)


def close(found, what):
    worst = numpy.abs(found - expected).max()
    print(f"{what}: differs by {worst:.2g} at most")
    assert found.shape == expected.shape and worst < 1e-5, what


unit = images.astype("f4") / numpy.float32(255)

# C: compiled with all warnings, as a library
subprocess.run(["cc", "-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-o",
                f"{folder}/model.so", f"{folder}/c/model.c", "-lm"], check=True)
library = ctypes.CDLL(f"{folder}/model.so")
found = numpy.zeros_like(expected)
pointer = ctypes.POINTER(ctypes.c_float)
for image, out in zip(unit, found):
    best = library.apd_model_predict(numpy.ascontiguousarray(image).ctypes.data_as(pointer), out.ctypes.data_as(pointer))
    assert best == out.argmax()
close(found, "C")

# NumPy: a network of dense layers by hand
theta = numpy.load(f"{folder}/model.npz")
if not any(name.startswith("conv") for name in theta):
    x = (unit - theta["mean"][:, None, None]) / theta["deviation"][:, None, None]
    x = x.reshape(len(x), -1)
    if "pixels" in theta:
        x = ((unit.reshape(len(x), -1)[:, theta["pixels"]]).reshape(unit.shape) - theta["mean"][:, None, None]) / theta[
            "deviation"][:, None, None]
        x = x.reshape(len(x), -1)
    blocks = [name[:-8] for name in theta if name.endswith("_weights")]
    for name in blocks:
        x = x @ theta[f"{name}_weights"].T + theta[f"{name}_bias"]
        x = x if name == "head" else numpy.maximum(x, 0)
    x = numpy.exp(x - x.max(axis=1, keepdims=True))
    close(x / x.sum(axis=1, keepdims=True), "NumPy")

try:
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"not tested: {error}")
    sys.exit(0)
for name, given in ("model", unit), ("raw", images):
    model = onnx.load(f"{folder}/{name}.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8 and model.opset_import[0].version == 13
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["apd.class_numbers"] == "[" + ", ".join(key[2:] for key in rows[0] if key.startswith("p_")) + "]", facts
    session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx", providers=["CPUExecutionProvider"])
    for batch in 1, 7:
        parts = [session.run(["logits", "probabilities"], {"image": given[i:i + batch]})
                 for i in range(0, len(given), batch)]
        close(numpy.concatenate([part[1] for part in parts]), f"ONNX Runtime, {name}, batch {batch}")
        assert (numpy.concatenate([part[0] for part in parts]).argmax(axis=1) == expected.argmax(axis=1)).all()
