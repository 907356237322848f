"""Images a second of processor time, libapd beside ONNX Runtime, the same network on one core in turns:
throughput.py LIBAPD.SO RUN TASK MODEL.ONNX DATA.H5. Needs h5py, NumPy and onnxruntime. Fails if libapd is slower than 0.8 of it."""

import ctypes
import statistics
import sys
import time

import h5py
import numpy
import onnxruntime

library_path, run, task, model, data = sys.argv[1:]
IMAGES, TURNS = 2000, 7
library = ctypes.CDLL(library_path)
library.apd_reason.restype = ctypes.c_char_p


def good(status):
    assert status == 0, library.apd_reason().decode()


handle, theta, place = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int()
good(library.apd_open(run.encode(), ctypes.byref(handle)))
good(library.apd_find(handle, task.encode(), ctypes.byref(place)))
good(library.apd_compose(handle, place, ctypes.byref(theta)))
classes = library.apd_class_count(handle, place)

with h5py.File(data) as file:
    images = file["test/images"][:IMAGES]
images = numpy.ascontiguousarray(numpy.resize(images, (IMAGES, *images.shape[1:])))
unit = images.astype("f4") / numpy.float32(255)
probabilities = numpy.zeros((IMAGES, classes), "f4")
best = numpy.zeros(IMAGES, "i4")

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def pointer(array, at):
    return ctypes.c_void_p(array.ctypes.data + at * array.strides[0])


def ours(batch):
    for at in range(0, IMAGES, batch):
        good(library.apd_predict(theta, pointer(images, at), ctypes.c_int64(batch), pointer(probabilities, at),
                                 pointer(best, at)))


def theirs(batch):
    return numpy.concatenate([session.run(["probabilities"], {"image": unit[at:at + batch]})[0]
                              for at in range(0, IMAGES, batch)])


def rate(function, batch):
    start = time.process_time()
    result = function(batch)
    return IMAGES / (time.process_time() - start), result


ours(IMAGES)
for batch in (1, 10, 100, 1000):
    turns = []
    for _ in range(TURNS):
        mine, _ = rate(ours, batch)
        other, expected = rate(theirs, batch)
        turns.append((mine, other))
        assert numpy.abs(probabilities - expected).max() < 1e-5
    ratio = statistics.median(mine / other for mine, other in turns)
    print(f"batches of {batch}: libapd {statistics.median(t[0] for t in turns):.0f}, ONNX Runtime "
          f"{onnxruntime.__version__} {statistics.median(t[1] for t in turns):.0f} images a second, ratio {ratio:.2f}")
    assert ratio > 0.8, "libapd is too slow"
