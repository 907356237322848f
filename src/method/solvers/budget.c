#include "method/solvers/budget.h"

#include "method/solvers/state.h"

#include <math.h>
#include <string.h>

int64_t apd_budget_entries(double budget, int bits, int64_t weights) {
    const double room = budget * 32.0 * (double)weights;
    int64_t least = 0, most = weights; /* `least` fits */
    while (least < most) {
        int64_t n = least + (most - least + 1) / 2;
        double each = bits + 2.0 + log2((double)weights / (double)n);
        if ((double)n * each <= room)
            least = n;
        else
            most = n - 1;
    }
    return least;
}

/* Floats that are not negative are ordered as their bits are. */
static int bucket_of(float tau, float second) {
    float saliency = tau * tau * second;
    uint32_t bits;
    memcpy(&bits, &saliency, sizeof bits);
    return (int)(bits >> 16);
}

void apd_budget_count(const apd_solver *solver, int64_t *counts) {
    if (solver->whole) /* an entry costs the same with tau and without */
        return;
    for (int b = 0; b < solver->decomposition->layout->block_count; b++) {
        const solver_block *block = &solver->blocks[b];
        for (int64_t j = 0; block->tau != NULL && j < block->rows * block->cols; j++)
            if (block->tau[j] != 0.0f)
                counts[bucket_of(block->tau[j], block->tau_moments.second[j])]++;
    }
}

int apd_budget_limit(const int64_t *counts, int64_t entries) {
    int limit = APD_SALIENCY_BUCKETS;
    while (limit > 0 && counts[limit - 1] <= entries)
        entries -= counts[--limit];
    return limit;
}

void apd_budget_apply(apd_solver *solver, int limit) {
    for (int b = 0; b < solver->decomposition->layout->block_count; b++) {
        solver_block *block = &solver->blocks[b];
        for (int64_t j = 0; block->tau != NULL && j < block->rows * block->cols; j++)
            if (block->tau[j] != 0.0f && bucket_of(block->tau[j], block->tau_moments.second[j]) < limit)
                block->tau[j] = 0.0f;
    }
}
