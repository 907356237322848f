#include "method/solvers/subnetwork.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

subnetwork *apd_subnetwork_begin(struct apd_solver *solver, int b) {
    const apd_decomposition *d = solver->decomposition;
    solver_block *block = &solver->blocks[b];
    int64_t weights = block->rows * block->cols, bytes = apd_bit_bytes(block->cols);
    subnetwork *own = block->own = apd_allocate(1, sizeof *own, "a subnetwork");
    own->frozen = apd_allocate(weights, 1, "the finished tasks' weights");
    own->active = apd_allocate(weights, 1, "the task's weights");
    own->keys = apd_allocate(block->cols, sizeof *own->keys, "a row's magnitudes");
    uint8_t *bits = apd_allocate(block->rows * bytes, 1, "the finished tasks' bits");
    if (apd_decomposition_add_bits(d, b, bits))
        for (int64_t r = 0, j = 0; r < block->rows; r++)
            for (int64_t c = 0; c < block->cols; c++, j++)
                own->frozen[j] = apd_bit(bits + r * bytes, c);
    free(bits);
    return own;
}

void apd_subnetwork_release(struct apd_solver *solver, int b) {
    subnetwork *own = solver->blocks[b].own;
    free(own->frozen);
    free(own->active);
    free(own->keys);
}

int64_t apd_subnetwork_bytes(const struct apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    return block->own == NULL ? 0
                              : (int64_t)sizeof(subnetwork) + 2 * block->rows * block->cols +
                                    (int64_t)sizeof(uint32_t) * block->cols;
}

void apd_subnetwork_store(const struct apd_solver *solver, int b, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    const subnetwork *own = block->own;
    uint8_t *bits = part->blocks[b].bits;
    for (int64_t r = 0, j = 0; r < block->rows; r++, bits += apd_bit_bytes(block->cols))
        for (int64_t c = 0; c < block->cols; c++, j++)
            if (own->active[j] != 0)
                apd_bit_set(bits, c);
}

/* --- the largest of a row -------------------------------------------------------------------------------- */

/* Orders numbers by their magnitude; 1 .. 2^31. */
static inline uint32_t key_of(float value) {
    union {
        float number;
        uint32_t bits;
    } as = {value};
    return (as.bits & 0x7fffffffU) + 1;
}

/* The keep-th largest key, digit by digit, and how many of those equal to it belong to the `keep` largest. Destroys the keys. */
static uint32_t threshold_of(uint32_t *keys, int64_t count, int64_t keep, int64_t *equal) {
    static const int shifts[] = {21, 10, 0};
    uint32_t threshold = 0;
    for (int k = 0; k < 3; k++) {
        const int shift = shifts[k];
        const uint32_t most = k < 2 ? 0x7ff : 0x3ff;
        int32_t counts[0x800] = {0};
        for (int64_t i = 0; i < count; i++)
            counts[(keys[i] >> shift) & most]++;
        uint32_t digit = most;
        for (; counts[digit] < keep; digit--)
            keep -= counts[digit];
        int64_t left = 0;
        for (int64_t i = 0; i < count; i++) {
            uint32_t key = keys[i];
            keys[left] = key;
            left += ((key >> shift) & most) == digit;
        }
        count = left;
        threshold |= digit << shift;
    }
    *equal = keep;
    return threshold;
}

void apd_largest(const float *values, const uint8_t *excluded, int64_t count, int64_t keep, uint32_t *keys,
                 uint8_t *chosen) {
    if (keep < 1) {
        memset(chosen, 0, (size_t)count);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        keys[i] = excluded != NULL && excluded[i] != 0 ? 0 : key_of(values[i]);
    int64_t equal = 0;
    const uint32_t threshold = threshold_of(keys, count, keep, &equal);
    for (int64_t i = 0; i < count; i++)
        chosen[i] = key_of(values[i]) > threshold && (excluded == NULL || excluded[i] == 0);
    for (int64_t i = 0; equal > 0; i++)
        if (key_of(values[i]) == threshold && (excluded == NULL || excluded[i] == 0)) {
            chosen[i] = 1;
            equal--;
        }
}
