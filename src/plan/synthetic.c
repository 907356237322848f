#include "plan/synthetic.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <math.h>

/* Two numbers in [0, 1) for entry `entry` of row `row`. */
static void draw(const apd_random *random, int64_t row, int64_t cols, int64_t entry, double out[2]) {
    uint32_t bits[4];
    apd_random_block(random, (uint32_t)(row * (cols + 1) + entry), bits);
    out[0] = bits[0] * 0x1p-32;
    out[1] = bits[1] * 0x1p-32;
}

/* How many entries a row has: its share, rounded up or down at random. */
static int64_t row_entries(const apd_random *random, int64_t row, int64_t cols, double density) {
    double u[2];
    draw(random, row, cols, cols, u);
    int64_t entries = (int64_t)floor(density * (double)cols + u[0]);
    return entries < cols ? entries : cols;
}

/* Entry k of n lies in the k-th of n equal parts of the row, so columns ascend. */
static void fill_row(const apd_random *random, const float *sigma, float mask, int64_t row, int64_t cols,
                     int64_t entries, int32_t *columns, float *values) {
    double scale = 0.1 * sqrt(2.0 / (double)cols);
    for (int64_t k = 0; k < entries; k++) {
        double u[2];
        int64_t begin = k * cols / entries, width = (k + 1) * cols / entries - begin;
        draw(random, row, cols, k, u);
        int64_t column = begin + (int64_t)(u[0] * (double)width);
        columns[k] = (int32_t)column;
        values[k] = mask * sigma[column] + (float)(scale * (2.0 * u[1] - 1.0));
    }
}

static void fill_block(const apd_decomposition *d, int b, int task, double density, uint64_t seed,
                       apd_task_block *part) {
    apd_random random = apd_random_stream(seed, APD_RANDOM_TEST, (uint32_t)b, (uint32_t)task);
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols, first = d->rows[b].begin;
    int64_t entries = 0;
    for (int64_t r = 0; r < rows; r++)
        entries += row_entries(&random, first + r, cols, density);
    apd_sparse_resize(&part->tau, rows, entries);
    for (int64_t r = 0; r < rows; r++) {
        int64_t begin = part->tau.offsets[r], count = row_entries(&random, first + r, cols, density);
        part->mask[r] = 0.4f + 0.2f * (float)((first + r + task) % 16) / 16.0f;
        fill_row(&random, d->sigma[b] + r * cols, part->mask[r], first + r, cols, count,
                 part->tau.columns + begin, part->tau.values + begin);
        part->tau.offsets[r + 1] = begin + count;
    }
}

/* A bit at the column of every entry that fill_row would make. */
static void fill_bits(const apd_decomposition *d, int b, int task, double density, uint64_t seed,
                      uint8_t *bits) {
    apd_random random = apd_random_stream(seed, APD_RANDOM_TEST, (uint32_t)b, (uint32_t)task);
    int64_t cols = d->layout->blocks[b].cols;
    for (int64_t r = 0; r < apd_local_rows(d, b); r++, bits += apd_bit_bytes(cols)) {
        int64_t row = d->rows[b].begin + r, entries = row_entries(&random, row, cols, density);
        for (int64_t k = 0; k < entries; k++) {
            double u[2];
            int64_t begin = k * cols / entries, width = (k + 1) * cols / entries - begin;
            draw(&random, row, cols, k, u);
            apd_bit_set(bits, begin + (int64_t)(u[0] * (double)width));
        }
    }
}

void apd_synthetic_append(apd_decomposition *decomposition, int count, int classes, double density,
                          apd_storage storage, uint64_t seed) {
    APD_ASSERT(density >= 0.0 && density <= 1.0);
    for (int i = 0; i < count; i++) {
        apd_task_part *part = apd_task_part_create(decomposition, classes, storage);
        for (int b = 0; b < decomposition->layout->block_count; b++)
            if (part->blocks[b].mask != NULL)
                fill_block(decomposition, b, decomposition->task_count, density, seed, &part->blocks[b]);
            else if (part->blocks[b].bits != NULL)
                fill_bits(decomposition, b, decomposition->task_count, density, seed, part->blocks[b].bits);
        part->moved = false;
        apd_decomposition_append(decomposition, part);
    }
}
