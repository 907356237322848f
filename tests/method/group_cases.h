/* group_cases: finished tasks with locally shared parameters, and a dense reference for a block of them, computed entry by
 * entry from the definitions in decomposition.h.
 *
 * As in method_cases.h every number is a function of its task, block, row and column. cmocka.h comes before this header. */
#ifndef APD_TESTS_GROUP_CASES_H
#define APD_TESTS_GROUP_CASES_H

#include "base/memory.h"
#include "method_cases.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP_ROOM = 32, MOST_TASKS = 12, MOST_GROUPS = 8 };

typedef struct group_bed {
    apd_block blocks[TOY_BLOCKS];
    apd_layout layout;
    apd_decomposition *d;
} group_bed;

/* Thirds `from` to `to` of the toy layout's rows, no tasks. */
static inline void group_bed_init(group_bed *bed, int from, int to) {
    apd_rows rows[TOY_BLOCKS];
    bed->layout = toy_layout(bed->blocks);
    toy_rows(&bed->layout, from, to, rows);
    bed->d = apd_decomposition_create(&bed->layout, rows);
    fill_sigma(bed->d, 0.3);
}

static inline void group_bed_clear(group_bed *bed) {
    apd_decomposition_destroy(bed->d);
}

/* --- random groups -----------------------------------------------------------------------------------------
 */

/* The entry at (r, c), by a search through the whole row; NULL: none. */
static inline const float *entry_at(const apd_sparse *sparse, int64_t r, int64_t c) {
    for (int64_t e = sparse->offsets[r]; e < sparse->offsets[r + 1]; e++)
        if (sparse->columns[e] == c)
            return &sparse->values[e];
    return NULL;
}

/* Give block `b` `count` groups and the task at place t the group group_of[t] (-1: none). sigma_g has entries
 * at half of the weights, of up to `spread`, or multiples of `spread`/4 when `exact`; none in the groups of
 * the bit mask `empty`. `key` names the numbers. */
static inline void give_groups(apd_decomposition *d, int b, int count, const int *group_of, unsigned empty,
                               double spread, bool exact, int key) {
    apd_block_groups *groups = &d->groups[b];
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols;
    apd_block_groups_clear(groups);
    groups->count = count;
    groups->shared = apd_allocate(count, sizeof *groups->shared, "groups");
    for (int g = 0; g < count; g++) {
        apd_sparse *shared = &groups->shared[g];
        int64_t next = 0;
        apd_sparse_resize(shared, rows, rows * cols);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < cols; c++) {
                numbers n = weight_numbers(d, key + g, b, r, c);
                bool there = below(&n, 2) == 0 && !(empty >> g & 1u);
                double sign = below(&n, 2) == 0 ? 1.0 : -1.0;
                double value = exact ? spread / 4 * (1 + below(&n, 4)) : between(&n, spread / 100, spread);
                shared->columns[next] = (int32_t)c;
                shared->values[next] = (float)(sign * value);
                next += there;
            }
            shared->offsets[r + 1] = next;
        }
    }
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[b].mask != NULL)
            d->tasks[t]->blocks[b].group = group_of[t];
}

/* Add sigma_g to the stored thetas, so that tau is what it was without groups. */
static inline void carry_groups(apd_decomposition *d, int b) {
    for (int t = 0; t < d->task_count; t++) {
        if (d->tasks[t] == NULL || d->tasks[t]->blocks[b].mask == NULL)
            continue;
        apd_task_block *part = &d->tasks[t]->blocks[b];
        for (int64_t r = 0; r < apd_local_rows(d, b) && part->group >= 0; r++)
            for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
                const float *shared = entry_at(&d->groups[b].shared[part->group], r, part->tau.columns[e]);
                part->tau.values[e] += shared != NULL ? *shared : 0.0f;
            }
    }
}

/* Groups in both decomposed blocks: tasks take turns, the first has none. */
static inline void give_usual_groups(apd_decomposition *d, int count, double spread, int key) {
    int group_of[MOST_TASKS];
    for (int t = 0; t < MOST_TASKS; t++)
        group_of[t] = t % (count + 1) - 1;
    for (int b = 0; b < 2; b++) {
        give_groups(d, b, count, group_of, 0, spread, false, key + 10 * b);
        carry_groups(d, b);
    }
}

/* --- a block, dense ----------------------------------------------------------------------------------------
 */

/* (tasks, R*C) each, and (groups, R*C). */
typedef struct dense_block {
    int64_t rows, cols, size;
    float theta[MOST_TASKS][GROUP_ROOM];
    float product[MOST_TASKS][GROUP_ROOM];   /* mask*sigma */
    float group[MOST_TASKS][GROUP_ROOM];     /* sigma_g of the task's group; 0: no entry */
    float plain[MOST_TASKS][GROUP_ROOM];     /* theta without tau */
    double adaptive[MOST_TASKS][GROUP_ROOM]; /* tau + sigma_g */
    bool tau[MOST_TASKS][GROUP_ROOM];        /* has an entry */
    float shared[MOST_GROUPS][GROUP_ROOM];
    bool moved[MOST_TASKS];
} dense_block;

static inline void read_weight(const apd_decomposition *d, int b, int t, int64_t j, dense_block *out) {
    const apd_task_block *part = &d->tasks[t]->blocks[b];
    int64_t r = j / out->cols, c = j % out->cols;
    const float *tau = entry_at(&part->tau, r, c), sigma = d->sigma[b][j];
    const float *group = part->group < 0 ? NULL : entry_at(&d->groups[b].shared[part->group], r, c);
    out->product[t][j] = part->mask[r] * sigma;
    out->group[t][j] = group != NULL ? *group : 0.0f;
    out->plain[t][j] = group != NULL ? out->product[t][j] + *group : out->product[t][j];
    out->theta[t][j] = tau != NULL ? *tau : out->plain[t][j];
    out->tau[t][j] = tau != NULL;
    out->adaptive[t][j] =
        tau != NULL ? (double)*tau - (double)part->mask[r] * (double)sigma : (double)out->group[t][j];
}

/* Forgotten and single tasks stay zero. */
static inline void read_block(const apd_decomposition *d, int b, dense_block *out) {
    memset(out, 0, sizeof *out);
    out->rows = apd_local_rows(d, b);
    out->cols = d->layout->blocks[b].cols;
    out->size = out->rows * out->cols;
    for (int64_t j = 0; j < out->size; j++) {
        for (int t = 0; t < d->task_count; t++)
            if (d->tasks[t] != NULL && d->tasks[t]->blocks[b].mask != NULL) {
                out->moved[t] = d->tasks[t]->moved;
                read_weight(d, b, t, j, out);
            }
        for (int g = 0; g < d->groups[b].count; g++) {
            const float *value = entry_at(&d->groups[b].shared[g], j / out->cols, j % out->cols);
            out->shared[g][j] = value != NULL ? *value : 0.0f;
        }
    }
}

static inline int64_t dense_entries(const dense_block *block) {
    int64_t entries = 0;
    for (int t = 0; t < MOST_TASKS; t++)
        for (int64_t j = 0; j < block->size; j++)
            entries += block->tau[t][j];
    return entries;
}

/* tau has entries exactly where theta differs from what it is without. */
static inline void check_support(const dense_block *block) {
    for (int t = 0; t < MOST_TASKS; t++)
        for (int64_t j = 0; j < block->size; j++)
            assert_int_equal(block->tau[t][j], !apd_same_bits(block->theta[t][j], block->plain[t][j]));
}

static inline void check_sparse(const apd_sparse *sparse, int64_t rows, int64_t cols) {
    assert_int_equal(sparse->rows, rows);
    assert_int_equal(sparse->offsets[0], 0);
    for (int64_t r = 0; r < rows; r++) {
        assert_true(sparse->offsets[r] <= sparse->offsets[r + 1]);
        for (int64_t e = sparse->offsets[r]; e < sparse->offsets[r + 1]; e++) {
            assert_in_range(sparse->columns[e], 0, cols - 1);
            assert_true(e == sparse->offsets[r] || sparse->columns[e - 1] < sparse->columns[e]);
        }
    }
}

/* Rows in order, columns ascending and in range, groups that exist. */
static inline void check_form(const apd_decomposition *d, int b) {
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols;
    for (int g = 0; g < d->groups[b].count; g++)
        check_sparse(&d->groups[b].shared[g], rows, cols);
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[b].mask != NULL) {
            check_sparse(&d->tasks[t]->blocks[b].tau, rows, cols);
            assert_true(d->tasks[t]->blocks[b].group >= -1);
            assert_true(d->tasks[t]->blocks[b].group < d->groups[b].count);
        }
}

/* --- all thetas --------------------------------------------------------------------------------------------
 */

typedef struct snapshot {
    float theta[MOST_TASKS][TOY_BLOCKS][GROUP_ROOM], bias[MOST_TASKS][TOY_BLOCKS][8];
    float sigma[TOY_BLOCKS][GROUP_ROOM];
} snapshot;

static inline void take_snapshot(const apd_decomposition *d, snapshot *s) {
    memset(s, 0, sizeof *s);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t size = apd_local_rows(d, b) * d->layout->blocks[b].cols;
        if (d->sigma[b] != NULL)
            memcpy(s->sigma[b], d->sigma[b], (size_t)size * sizeof(float));
        for (int t = 0; t < d->task_count; t++)
            if (d->tasks[t] != NULL)
                apd_decomposition_theta(d, t, b, s->theta[t][b], s->bias[t][b]);
    }
}

/* Every task that is still there has the thetas and biases of before, to the bit. */
static inline void check_thetas_kept(const apd_decomposition *d, const snapshot *before) {
    snapshot *now = apd_allocate(1, sizeof *now, "a snapshot");
    take_snapshot(d, now);
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL) {
            assert_memory_equal(now->theta[t], before->theta[t], sizeof now->theta[t]);
            assert_memory_equal(now->bias[t], before->bias[t], sizeof now->bias[t]);
        }
    free(now);
}

static inline void clear_moved(apd_decomposition *d) {
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL)
            d->tasks[t]->moved = false;
}

static inline void check_none_moved(const apd_decomposition *d) {
    for (int t = 0; t < d->task_count; t++)
        assert_true(d->tasks[t] == NULL || !d->tasks[t]->moved);
}

#endif
