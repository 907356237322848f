/* blas: the one thing about the BLAS that is global to a process. */
#ifndef APD_NETWORK_BLAS_H
#define APD_NETWORK_BLAS_H

/* OpenBLAS uses this many threads from here on. Its bits depend on the number, so a run fixes it at 1. */
void apd_blas_set_threads(int threads);

/* The kernel that OpenBLAS chose for this processor ("Haswell", "Zen", "SkylakeX"): bits depend on it too. */
const char *apd_blas_core(void);

/* OpenBLAS's version and build options, one line. */
const char *apd_blas_library(void);

/* Have OpenBLAS's buffers in memory, which takes some 5 ms. Small products are up to four times slower before: its
 * kernels prefetch far beyond what they use, from pages that nothing has touched yet. */
void apd_blas_warm(void);

#endif
