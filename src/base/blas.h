/* blas: settings and version of OpenBLAS, which are global to the process. */
#ifndef APD_BASE_BLAS_H
#define APD_BASE_BLAS_H

/* Set the number of threads that OpenBLAS uses from now on. Its results depend on it, so a run sets 1. */
void apd_blas_set_threads(int threads);

/* The kernel that OpenBLAS chose for this processor ("Haswell", "Zen", "SkylakeX"); its results depend on it, too. */
const char *apd_blas_core(void);

/* OpenBLAS's version and build options, in one line. */
const char *apd_blas_library(void);

#endif
