#include "method/decomposition.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

static const apd_block *block_of(const apd_decomposition *decomposition, int block) {
    return &decomposition->layout->blocks[block];
}

apd_decomposition *apd_decomposition_create(const apd_layout *layout, const apd_rows *rows) {
    apd_decomposition *made = apd_allocate(1, sizeof *made, "the decomposition");
    int blocks = layout->block_count;
    made->layout = layout;
    made->rows = apd_allocate(blocks, sizeof *made->rows, "the decomposition's rows");
    memcpy(made->rows, rows, (size_t)blocks * sizeof *rows);
    made->sigma = apd_allocate(blocks, sizeof *made->sigma, "sigma's blocks");
    made->first_biases = apd_allocate(blocks, sizeof *made->first_biases, "the first biases");
    made->groups = apd_allocate(blocks, sizeof *made->groups, "the blocks' groups");
    made->revisions = apd_allocate(blocks, sizeof *made->revisions, "the blocks' revisions");
    for (int b = 0; b < blocks; b++)
        if (layout->blocks[b].decomposed)
            made->sigma[b] =
                apd_allocate(apd_local_rows(made, b) * layout->blocks[b].cols, sizeof(float), "sigma");
    return made;
}

static float **create_shared(const apd_decomposition *decomposition) {
    int blocks = decomposition->layout->block_count;
    float **values = apd_allocate(blocks, sizeof *values, "an array beside sigma");
    for (int b = 0; b < blocks; b++)
        if (decomposition->layout->blocks[b].decomposed)
            values[b] = apd_allocate(apd_local_rows(decomposition, b) * decomposition->layout->blocks[b].cols,
                                     sizeof(float), "an array beside sigma");
    return values;
}

float **apd_decomposition_shared(apd_decomposition *decomposition, const char *name) {
    int count = decomposition->shared_count;
    for (int a = 0; a < count; a++)
        if (strcmp(decomposition->shared[a].name, name) == 0)
            return decomposition->shared[a].values;
    decomposition->shared = apd_reallocate(decomposition->shared, count, count + 1,
                                           sizeof *decomposition->shared, "arrays beside sigma");
    apd_shared_array *made = &decomposition->shared[decomposition->shared_count++];
    APD_ASSERT(strlen(name) < sizeof made->name);
    *made = (apd_shared_array){.values = create_shared(decomposition)};
    memcpy(made->name, name, strlen(name));
    return made->values;
}

void apd_decomposition_destroy(apd_decomposition *decomposition) {
    if (decomposition == NULL)
        return;
    for (int t = 0; t < decomposition->task_count; t++)
        apd_task_part_destroy(decomposition, decomposition->tasks[t]);
    for (int b = 0; b < decomposition->layout->block_count; b++) {
        free(decomposition->sigma[b]);
        free(decomposition->first_biases[b]);
        apd_block_groups_clear(&decomposition->groups[b]);
        for (int a = 0; a < decomposition->shared_count; a++)
            free(decomposition->shared[a].values[b]);
    }
    for (int a = 0; a < decomposition->shared_count; a++)
        free((void *)decomposition->shared[a].values);
    free(decomposition->shared);
    free(decomposition->revisions);
    free(decomposition->groups);
    free(decomposition->sigma);
    free((void *)decomposition->first_biases);
    free(decomposition->rows);
    free((void *)decomposition->tasks);
    free(decomposition);
}

apd_task_part *apd_task_part_create(const apd_decomposition *decomposition, int classes,
                                    apd_storage storage) {
    apd_task_part *part = apd_allocate(1, sizeof *part, "a task");
    part->storage = storage;
    part->classes = classes;
    part->moved = part->changed = true;
    part->blocks = apd_allocate(decomposition->layout->block_count, sizeof *part->blocks, "a task's blocks");
    for (int b = 0; b < decomposition->layout->block_count; b++) {
        const apd_block *shape = block_of(decomposition, b);
        apd_task_block *block = &part->blocks[b];
        int64_t rows = apd_local_rows(decomposition, b);
        block->group = -1;
        block->bias = apd_allocate(rows, sizeof(float), "a task's biases");
        if (!shape->decomposed || storage == APD_STORAGE_SINGLE) {
            block->dense = apd_allocate(rows * shape->cols, sizeof(float), "a task's own weights");
        } else if (storage == APD_STORAGE_SUBNETWORK) {
            block->bits = apd_allocate(rows * apd_bit_bytes(shape->cols), 1, "a task's bits");
        } else if (storage == APD_STORAGE_DECOMPOSED) {
            block->mask = apd_allocate(rows, sizeof(float), "a task's masks");
            apd_sparse_resize(&block->tau, rows, 0);
        }
    }
    return part;
}

void apd_task_part_destroy(const apd_decomposition *decomposition, apd_task_part *part) {
    if (part == NULL)
        return;
    for (int b = 0; b < decomposition->layout->block_count; b++) {
        free(part->blocks[b].mask);
        free(part->blocks[b].bias);
        free(part->blocks[b].dense);
        free(part->blocks[b].bits);
        free(part->blocks[b].key);
        apd_sparse_clear(&part->blocks[b].tau);
    }
    free(part->blocks);
    free(part);
}

void apd_decomposition_append(apd_decomposition *decomposition, apd_task_part *part) {
    int count = decomposition->task_count;
    decomposition->tasks = apd_reallocate((void *)decomposition->tasks, count, count + 1,
                                          sizeof *decomposition->tasks, "the list of tasks");
    decomposition->tasks[count] = part;
    decomposition->task_count = count + 1;
}

void apd_decomposition_revised(apd_decomposition *decomposition, int block) {
    decomposition->revisions[block]++;
}

int64_t apd_bits_count(const uint8_t *bits, int64_t bytes) {
    int64_t count = 0;
    for (int64_t i = 0; i < bytes; i++)
        count += __builtin_popcount(bits[i]);
    return count;
}

bool apd_decomposition_add_bits(const apd_decomposition *decomposition, int block, uint8_t *bits) {
    int64_t bytes =
        apd_local_rows(decomposition, block) * apd_bit_bytes(block_of(decomposition, block)->cols);
    bool any = false;
    for (int t = 0; t < decomposition->task_count; t++) {
        const apd_task_part *part = decomposition->tasks[t];
        if (part == NULL || part->blocks[block].bits == NULL)
            continue;
        any = true;
        for (int64_t i = 0; i < bytes; i++)
            bits[i] |= part->blocks[block].bits[i];
    }
    return any;
}

/* Zero rows and zero entries are equal, whatever their pointers are. */
static bool same_bytes(const void *a, const void *b, int64_t count, size_t size) {
    return count == 0 || memcmp(a, b, (size_t)count * size) == 0;
}

static bool same_sparse(const apd_sparse *a, const apd_sparse *b) {
    if (a->rows != b->rows || !same_bytes(a->offsets, b->offsets, a->rows + 1, sizeof *a->offsets))
        return false;
    int64_t entries = a->offsets[a->rows];
    return same_bytes(a->columns, b->columns, entries, sizeof *a->columns) &&
           same_bytes(a->values, b->values, entries, sizeof *a->values);
}

void apd_task_replace_tau(apd_task_part *part, int block, apd_sparse tau) {
    apd_sparse *old = &part->blocks[block].tau;
    part->changed = part->changed || !same_sparse(old, &tau);
    apd_sparse_clear(old);
    *old = tau;
}

bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block) {
    const apd_task_part *part = decomposition->tasks[place];
    return part != NULL && part->blocks[block].mask != NULL;
}

void apd_block_groups_clear(apd_block_groups *groups) {
    for (int g = 0; g < groups->count; g++)
        apd_sparse_clear(&groups->shared[g]);
    free(groups->shared);
    *groups = (apd_block_groups){0};
}

apd_sparse_cursor apd_group_cursor(const apd_decomposition *decomposition, int block, int group,
                                   int64_t row) {
    if (group < 0)
        return (apd_sparse_cursor){0};
    APD_ASSERT(group < decomposition->groups[block].count);
    return apd_sparse_row(&decomposition->groups[block].shared[group], row);
}

const float *apd_group_entry(const apd_decomposition *decomposition, int block, int group, int64_t row,
                             int32_t column) {
    apd_sparse_cursor entries = apd_group_cursor(decomposition, block, group, row);
    apd_sparse_skip(&entries, apd_find_column(entries.columns, entries.left, column));
    return apd_sparse_next(&entries) == column ? entries.values : NULL;
}

float apd_group_value(const apd_decomposition *decomposition, int block, int group, int64_t row,
                      int32_t column) {
    const float *entry = apd_group_entry(decomposition, block, group, row, column);
    return entry != NULL ? *entry : 0.0f;
}

void apd_decomposition_shared_row(const apd_decomposition *decomposition, int task, int block, int64_t row,
                                  const float *sigma, float *out) {
    const apd_task_block *part = &decomposition->tasks[task]->blocks[block];
    const int64_t cols = block_of(decomposition, block)->cols;
    const float mask = part->mask[row];
    for (int64_t c = 0; c < cols; c++)
        out[c] = mask * sigma[c];
    apd_sparse_cursor group = apd_group_cursor(decomposition, block, part->group, row);
    for (int64_t e = 0; e < group.left; e++)
        out[group.columns[e]] += group.values[e];
}

void apd_decomposition_theta(const apd_decomposition *decomposition, int task, int block, float *weights,
                             float *bias) {
    APD_ASSERT(task >= 0 && task < decomposition->task_count && decomposition->tasks[task] != NULL);
    const apd_task_block *part = &decomposition->tasks[task]->blocks[block];
    int64_t rows = apd_local_rows(decomposition, block);
    int64_t cols = block_of(decomposition, block)->cols;
    memcpy(bias, part->bias, (size_t)rows * sizeof(float));
    if (part->dense != NULL) {
        memcpy(weights, part->dense, (size_t)(rows * cols) * sizeof(float));
        return;
    }
    const float *sigma = decomposition->sigma[block];
    if (part->bits != NULL) {
        for (int64_t r = 0, j = 0; r < rows; r++)
            for (int64_t c = 0; c < cols; c++, j++)
                weights[j] = apd_bit(part->bits + r * apd_bit_bytes(cols), c) ? sigma[j] : 0.0f;
        return;
    }
    if (part->mask == NULL) {
        memcpy(weights, sigma, (size_t)(rows * cols) * sizeof(float));
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        apd_decomposition_shared_row(decomposition, task, block, r, sigma + r * cols, weights + r * cols);
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++)
            weights[r * cols + part->tau.columns[e]] = part->tau.values[e];
    }
}

int64_t apd_decomposition_nonzeros(const apd_decomposition *decomposition, int task) {
    const apd_task_part *part = decomposition->tasks[task];
    int64_t count = 0;
    if (part == NULL)
        return 0;
    for (int b = 0; b < decomposition->layout->block_count; b++) {
        int64_t rows = apd_local_rows(decomposition, b);
        if (!block_of(decomposition, b)->decomposed)
            continue;
        if (part->blocks[b].dense != NULL)
            count += rows * block_of(decomposition, b)->cols;
        else if (part->blocks[b].mask != NULL)
            count += part->blocks[b].tau.offsets[rows];
    }
    return count;
}

void apd_decomposition_row_digests(const apd_decomposition *decomposition, int task, int block,
                                   uint64_t *out) {
    int64_t rows = apd_local_rows(decomposition, block);
    int64_t cols = block_of(decomposition, block)->cols;
    size_t row_bytes = (size_t)cols * sizeof(float);
    if (task < 0) {
        for (int64_t r = 0; r < rows; r++)
            out[r] = apd_digest(decomposition->sigma[block] + r * cols, row_bytes);
        return;
    }
    float *weights = apd_allocate(rows * cols, sizeof(float), "theta for a digest");
    float *bias = apd_allocate(rows, sizeof(float), "biases for a digest");
    apd_decomposition_theta(decomposition, task, block, weights, bias);
    for (int64_t r = 0; r < rows; r++)
        out[r] =
            apd_digest_join(apd_digest(weights + r * cols, row_bytes), apd_digest(bias + r, sizeof(float)));
    free(bias);
    free(weights);
}

int64_t apd_task_block_bytes(apd_storage storage, int64_t rows, int64_t cols, int64_t entries) {
    int64_t bytes = (int64_t)sizeof(apd_task_block) + rows * (int64_t)sizeof(float); /* biases */
    if (storage == APD_STORAGE_SINGLE)
        return bytes + rows * cols * (int64_t)sizeof(float);
    if (storage == APD_STORAGE_SUBNETWORK)
        return bytes + rows * apd_bit_bytes(cols);
    return storage == APD_STORAGE_SHARED
               ? bytes
               : bytes + rows * (int64_t)sizeof(float) + apd_sparse_bytes(rows, entries);
}

int64_t apd_decomposition_sigma_used(const apd_decomposition *decomposition, int block) {
    int64_t rows = apd_local_rows(decomposition, block), cols = block_of(decomposition, block)->cols;
    int64_t bytes = rows * apd_bit_bytes(cols), used = 0;
    uint8_t *bits = apd_allocate(bytes, 1, "weights in use");
    if (apd_decomposition_add_bits(decomposition, block, bits))
        used = apd_bits_count(bits, bytes);
    else
        for (int64_t j = 0; j < rows * cols; j++)
            used += decomposition->sigma[block][j] != 0.0f;
    free(bits);
    return used;
}

int64_t apd_decomposition_group_nonzeros(const apd_decomposition *decomposition) {
    int64_t entries = 0;
    for (int b = 0; b < decomposition->layout->block_count; b++)
        for (int g = 0; g < decomposition->groups[b].count; g++)
            entries += decomposition->groups[b].shared[g].offsets[apd_local_rows(decomposition, b)];
    return entries;
}
