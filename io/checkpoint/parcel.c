#include "io/checkpoint/parcel.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

apd_task_block *apd_checkpoint_block_create(int64_t rows, int64_t cols, bool sparse, int64_t entries) {
    apd_task_block *block = apd_allocate(1, sizeof *block, "a block");
    block->bias = apd_allocate(rows, sizeof(float), "biases");
    if (!sparse) {
        block->dense = apd_allocate(rows * cols, sizeof(float), "a block's weights");
        return block;
    }
    block->mask = apd_allocate(rows, sizeof(float), "masks");
    apd_sparse_resize(&block->tau, rows, entries);
    return block;
}

void apd_checkpoint_block_destroy(apd_task_block *block) {
    if (block == NULL)
        return;
    free(block->mask);
    free(block->bias);
    free(block->dense);
    apd_sparse_clear(&block->tau);
    free(block);
}

static uint32_t *put(uint32_t *words, const void *from, int64_t count) {
    memcpy(words, from, (size_t)count * sizeof *words);
    return words + count;
}

static const uint32_t *take(const uint32_t *words, void *into, int64_t count) {
    memcpy(into, words, (size_t)count * sizeof *words);
    return words + count;
}

int64_t apd_checkpoint_sparse_words(const apd_sparse *sparse, apd_rows rows) {
    return rows.end - rows.begin + 2 * (sparse->offsets[rows.end] - sparse->offsets[rows.begin]);
}

void apd_checkpoint_sparse_pack(const apd_sparse *sparse, apd_rows rows, uint32_t *words) {
    const int64_t *offsets = sparse->offsets;
    for (int64_t r = rows.begin; r < rows.end; r++)
        *words++ = (uint32_t)(offsets[r + 1] - offsets[r]);
    int64_t first = offsets[rows.begin], entries = offsets[rows.end] - first;
    words = put(words, sparse->columns + first, entries);
    (void)put(words, sparse->values + first, entries);
}

int64_t apd_checkpoint_sparse_entries(const uint32_t *words, int64_t count) {
    int64_t entries = 0;
    for (int64_t r = 0; r < count; r++)
        entries += words[r];
    return entries;
}

int64_t apd_checkpoint_sparse_unpack(apd_sparse *sparse, apd_rows rows, const uint32_t *words) {
    const uint32_t *start = words;
    int64_t entries = apd_checkpoint_sparse_entries(words, rows.end - rows.begin);
    int64_t *offsets = sparse->offsets, first = offsets[rows.begin];
    for (int64_t r = rows.begin; r < rows.end; r++)
        offsets[r + 1] = offsets[r] + *words++;
    words = take(words, sparse->columns + first, entries);
    return take(words, sparse->values + first, entries) - start;
}

int64_t apd_checkpoint_parcel_words(const apd_task_block *block, int64_t cols, apd_rows rows) {
    int64_t count = rows.end - rows.begin;
    if (block->dense != NULL)
        return count * (1 + cols);
    return 2 * count + apd_checkpoint_sparse_words(&block->tau, rows);
}

void apd_checkpoint_parcel_pack(const apd_task_block *block, int64_t cols, apd_rows rows, uint32_t *words) {
    int64_t count = rows.end - rows.begin;
    words = put(words, block->bias + rows.begin, count);
    if (block->dense != NULL) {
        (void)put(words, block->dense + rows.begin * cols, count * cols);
        return;
    }
    words = put(words, block->mask + rows.begin, count);
    apd_checkpoint_sparse_pack(&block->tau, rows, words);
}

int64_t apd_checkpoint_parcel_entries(const uint32_t *words, int64_t count) {
    return apd_checkpoint_sparse_entries(words + 2 * count, count);
}

int64_t apd_checkpoint_parcel_view(uint32_t *words, int64_t count, int64_t cols, bool sparse,
                                   int64_t *offsets, apd_task_block *view) {
    void *bias = words, *second = words + count, *columns = words + 3 * count;
    *view = (apd_task_block){.bias = bias};
    if (!sparse) {
        view->dense = second;
        return count * (1 + cols);
    }
    offsets[0] = 0;
    for (int64_t r = 0; r < count; r++)
        offsets[r + 1] = offsets[r] + words[2 * count + r];
    void *values = words + 3 * count + offsets[count];
    view->mask = second;
    view->tau = (apd_sparse){.rows = count, .offsets = offsets, .columns = columns, .values = values};
    return 3 * count + 2 * offsets[count];
}

int64_t apd_checkpoint_parcel_unpack(apd_task_block *block, int64_t cols, apd_rows rows,
                                     const uint32_t *words) {
    const uint32_t *start = words;
    int64_t count = rows.end - rows.begin;
    words = take(words, block->bias + rows.begin, count);
    if (block->dense != NULL)
        return take(words, block->dense + rows.begin * cols, count * cols) - start;
    words = take(words, block->mask + rows.begin, count);
    return words - start + apd_checkpoint_sparse_unpack(&block->tau, rows, words);
}
