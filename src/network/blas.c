#include "network/blas.h"

#include "base/memory.h"

#include <cblas.h>
#include <stdlib.h>

void apd_blas_set_threads(int threads) {
    openblas_set_num_threads(threads);
}

const char *apd_blas_core(void) {
    return openblas_get_corename();
}

const char *apd_blas_library(void) {
    return openblas_get_config();
}

void apd_blas_warm(void) {
    enum { ROWS = 256, COLS = 1024, TERMS = 256 };
    float *zeros =
        apd_allocate((ROWS + COLS) * TERMS + ROWS * COLS, sizeof *zeros, "OpenBLAS's first product");
    float *b = zeros + ROWS * TERMS, *c = b + TERMS * COLS;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ROWS, COLS, TERMS, 1.0f, zeros, TERMS, b, COLS,
                0.0f, c, COLS);
    free(zeros);
}
