/* onnx: a task's network as an ONNX model (onnx.ai, IR version 8, operator set 13), which every ONNX Runtime since 1.8 reads.
 *
 *   input   image          float32 (batch, C, H, W): pixels scaled to 0..1 (uint8 data), or as the data file has them (float32);
 *                          with `raw`, uint8 as they are
 *   output  logits         float32 (batch, classes)
 *           probabilities  float32 (batch, classes)
 *
 * A changed layout, the permutation of a stream of permutations, and the normalisation are inside. A rotation is not: images must
 * come rotated. Weights are initialisers. The model's metadata_props say apd.run, apd.task, apd.task_name, apd.classes (JSON),
 * apd.class_numbers (JSON), apd.accuracy, apd.commit, apd.config_digest, apd.data_digest and, if there is one,
 * apd.rotation_degrees. Local. */
#ifndef APD_EXPORT_ONNX_H
#define APD_EXPORT_ONNX_H

#include "trained/trained.h"

#include <stdio.h>

/* `raw` needs uint8 data. Status: USAGE for that, and for a network of more than the 2 GiB that the format can hold. The caller checks
 * `file` for errors. */
apd_status apd_export_onnx(const apd_trained *trained, bool raw, FILE *file, apd_error *error);

#endif
