/* blas: the one thing about the BLAS that is global to a process. */
#ifndef APD_BASE_BLAS_H
#define APD_BASE_BLAS_H

/* OpenBLAS uses this many threads from here on. Its bits depend on the number, so a run fixes it at 1. */
void apd_blas_set_threads(int threads);

/* The kernel that OpenBLAS chose for this processor ("Haswell", "Zen", "SkylakeX"): bits depend on it too. */
const char *apd_blas_core(void);

/* OpenBLAS's version and build options, one line. */
const char *apd_blas_library(void);

#endif
