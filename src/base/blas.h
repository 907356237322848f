/* blas: the process-wide settings of the BLAS. OpenBLAS is preferred; FlexiBLAS, MKL and reference BLAS do. Local. */
#ifndef APD_BASE_BLAS_H
#define APD_BASE_BLAS_H

/* Use this many threads from here on. Results depend on the number to the bit, so a run fixes it at 1. Without effect
 * on a BLAS that has no such call; reference BLAS has one thread anyway. */
void apd_blas_set_threads(int threads);

/* The kernel that OpenBLAS chose for this processor ("Haswell", "Zen", "SkylakeX"), on which results depend to the
 * bit; "unknown" with another BLAS. */
const char *apd_blas_core(void);

/* OpenBLAS's version and build options, one line; "not OpenBLAS" with another BLAS. */
const char *apd_blas_library(void);

#endif
