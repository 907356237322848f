/* tau_by_weight: the tau of all finished tasks in one row of a block, ordered by weight instead of by task.
 *
 * A weight has an entry for each finished task with tau_i != 0 there. The entry's breakpoint
 *     p_i = (theta_i - sigma_g)/mask_i
 * is the value of sigma at which task i would need no tau. The proximal step (proximal.h) needs a weight's breakpoints in
 * ascending order, re-centring takes them in task order. All tasks without an entry have their breakpoint at sigma.
 *
 * Building a row costs its entries and O(1) for every task. Local. */
#ifndef APD_METHOD_SOLVERS_TAU_BY_WEIGHT_H
#define APD_METHOD_SOLVERS_TAU_BY_WEIGHT_H

#include "method/decomposition.h"

typedef struct apd_tau_entry {
    float point; /* (theta - sigma_g)/mask */
    float theta;
    float group;  /* sigma_g, 0 where the task's group has no entry */
    int32_t task; /* place in the stream */
} apd_tau_entry;

/* The weights of a row that have entries, k = 0 .. count-1 from left to right. */
typedef struct apd_tau_row {
    int64_t count;
    int32_t *columns;       /* (count): the column of weight k */
    int32_t *index;         /* (C): k of a column, -1 without entries; NULL in a row of a single weight */
    int64_t *starts;        /* (count+1): weight k's entries are starts[k] .. starts[k+1]-1 */
    apd_tau_entry *entries; /* of one weight in task order, unless sorted */
    bool *sorted;           /* (count): by apd_tau_row_sort */
} apd_tau_row;

/* Build local row `row` of block `block`. Clear with apd_tau_row_clear. */
void apd_tau_row_build(const apd_decomposition *decomposition, int block, int64_t row, apd_tau_row *out);
void apd_tau_row_clear(apd_tau_row *row);

/* Sort the entries of weight k by breakpoint, ties by task. */
void apd_tau_row_sort(apd_tau_row *row, int64_t k);

/* Bytes of a row of `cols` columns in which `weights` have entries, `entries` altogether. */
int64_t apd_tau_row_bytes(int64_t cols, int64_t weights, int64_t entries);

/* A row built on demand: first one weight at a time, by a search in every task; the whole row once that is cheaper.
 * Start with {0}. */
typedef struct apd_tau_row_cache {
    apd_tau_row whole; /* columns NULL: not built yet */
    apd_tau_row *singles;
    int single_count;
    int64_t entries; /* of the row in all tasks, known once a single weight was built */
} apd_tau_row_cache;

/* Find the weight at `column` of local row `row`. Returns the row that holds it and sets *k to its index there, -1 if it
 * has no entries. Valid until the next call. Finished tasks must not change while the cache is in use. */
apd_tau_row *apd_tau_row_cache_find(const apd_decomposition *decomposition, int block, int64_t row,
                                    int32_t column, apd_tau_row_cache *cache, int64_t *k);
void apd_tau_row_cache_clear(apd_tau_row_cache *cache);
int64_t apd_tau_row_cache_bytes(const apd_decomposition *decomposition, int block,
                                const apd_tau_row_cache *cache);

#endif
