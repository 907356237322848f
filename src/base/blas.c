#include "base/blas.h"

#include <stddef.h>

/* Weak: which library answers is settled when the program is linked or started, and only OpenBLAS has all of these. */
#define OPTIONAL __attribute__((weak))

extern OPTIONAL void openblas_set_num_threads(int threads);
extern OPTIONAL char *openblas_get_corename(void);
extern OPTIONAL char *openblas_get_config(void);
extern OPTIONAL void flexiblas_set_num_threads(int threads);
extern OPTIONAL void MKL_Set_Num_Threads(int threads);

void apd_blas_set_threads(int threads) {
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(threads);
    if (flexiblas_set_num_threads != NULL)
        flexiblas_set_num_threads(threads);
    if (MKL_Set_Num_Threads != NULL)
        MKL_Set_Num_Threads(threads);
}

const char *apd_blas_core(void) {
    return openblas_get_corename != NULL ? openblas_get_corename() : "unknown";
}

const char *apd_blas_library(void) {
    return openblas_get_config != NULL ? openblas_get_config() : "not OpenBLAS";
}
