/* c_source: a task's network as C without dependencies but libm: one header and one file with the weights. Local.
 *
 * The code is C99, keeps no state, allocates nothing, and uses one array on the stack for activations. It adds in another order than
 * apd, so probabilities differ in the last digits. */
#ifndef APD_EXPORT_C_SOURCE_H
#define APD_EXPORT_C_SOURCE_H

#include "trained/trained.h"

#include <stdio.h>

/* The caller checks the files for errors. */
void apd_export_c_header(const apd_trained *trained, FILE *file);
void apd_export_c_source(const apd_trained *trained, FILE *file);

#endif
