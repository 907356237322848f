/* npz: a task's theta for NumPy: a zip archive of .npy arrays, uncompressed. Local.
 *
 *   NAME_weights      float32 (R, C) of each block, "conv1", "dense3", ..., "head"; a convolution's columns are (input channel,
 *                     kernel row, kernel column)
 *   NAME_bias         float32 (R)
 *   mean, deviation   float32 (C): the network sees (x - mean)/deviation of pixels scaled to 0..1 (uint8), or as they are
 *   pixels            int32 (C*H*W), where a layout or permutation moves pixels: which one becomes each
 *   classes           int32: the numbers of the task's classes in the data file */
#ifndef APD_EXPORT_NPZ_H
#define APD_EXPORT_NPZ_H

#include "trained/trained.h"

#include <stdio.h>

/* Status: USAGE for an array of more than 4 GiB, which a zip archive does not hold. The caller checks `file`. */
apd_status apd_export_npz(const apd_trained *trained, FILE *file, apd_error *error);

#endif
