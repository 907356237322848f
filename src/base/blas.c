#include "base/blas.h"

#include <cblas.h>

void apd_blas_set_threads(int threads) {
    openblas_set_num_threads(threads);
}

const char *apd_blas_core(void) {
    return openblas_get_corename();
}

const char *apd_blas_library(void) {
    return openblas_get_config();
}
