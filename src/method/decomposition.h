/* decomposition: sigma and what every finished task adds to it, for the rows that one rank owns.
 *
 * theta_t = mask_t * sigma + tau_t (Yoon et al. 2020, section 3), row by row: mask_t is one number a row.
 *
 * How tau is stored. tau_t is sparse; where it is not zero we keep the value of *theta_t* there, not of
 * tau_t: theta_t[j] = values[j] where j is in the support of tau_t,  (float)(mask_t * sigma[j]) elsewhere
 *     tau_t[j]   = theta_t[j] - mask_t * sigma[j]
 * This says the same and keeps old tasks to the bit: when sigma[j] moves, a weight with tau_t[j] != 0 needs
 * no update at all (its theta is what is stored), and one with tau_t[j] = 0 gets an entry that holds the very
 * bits of its theta from before. With tau itself stored, every move of sigma would round every old theta
 * anew, and every checkpoint would have to write every task again.
 *
 * Groups. Hierarchical consolidation (method/consolidate) moves what a cluster of tasks agrees on into
 * locally shared parameters sigma_g, sparse too, one set of clusters for each block: theta_t = mask_t * sigma
 * + sigma_g(t) + tau_t and with stored theta the rule stays as simple: where tau_t is zero, theta_t[j] is
 * (float)((float)(mask_t * sigma[j]) + sigma_g[j]), or the product alone where sigma_g has no entry.
 *
 * Rows: a rank's slice has rows[b].begin .. rows[b].end-1 of block b; local row 0 is row rows[b].begin.
 * Biases and the head are each task's own and dense. `single` tasks (one network a task) keep all blocks
 * dense. */
#ifndef APD_METHOD_DECOMPOSITION_H
#define APD_METHOD_DECOMPOSITION_H

#include "network/layout.h"

/* Equal to the bit: 0 and -0 differ, since digests tell them apart. */
static inline bool apd_same_bits(float a, float b) {
    union {
        float number;
        uint32_t bits;
    } left = {a}, right = {b};
    return left.bits == right.bits;
}

/* Compressed sparse rows. */
typedef struct apd_sparse {
    int64_t rows;
    int64_t *offsets; /* (rows+1); row r's entries are offsets[r] .. offsets[r+1]-1 */
    int32_t *columns; /* ascending within a row */
    float *values;    /* tau: theta's values; sigma_g: its own */
    int64_t room;     /* entries that columns and values have room for, where that is known; else 0 */
} apd_sparse;

/* An entry to be added. */
typedef struct apd_sparse_entry {
    int64_t row;
    int64_t
        before; /* the entry that it goes ahead of: the first of its row that is to its right, or offsets[row+1] */
    int32_t column;
    float value;
} apd_sparse_entry;

typedef struct apd_task_block {
    float *mask;    /* (local rows), in (0, 1); NULL for the head and for single tasks */
    float *bias;    /* (local rows) */
    apd_sparse tau; /* decomposed blocks */
    int group;      /* which of the block's groups the task belongs to; -1: none */
    float *dense;   /* (local rows, C) where the block is not decomposed, or the task is single; else NULL */
} apd_task_block;

typedef struct apd_task_part {
    int classes;            /* rows of the head in use */
    bool moved;             /* some theta of this slice changed since the flag was last cleared */
    bool changed;           /* some number of this slice's tau, masks or biases did; theta may be the same */
    apd_task_block *blocks; /* (B) */
} apd_task_part;

/* The locally shared parameters of a block: clusters of tasks in the order of their centroids. */
typedef struct apd_block_groups {
    int count;          /* clusters of the last consolidation; 0 before the first */
    apd_sparse *shared; /* (count): sigma_g; without entries where a cluster has fewer than two members */
} apd_block_groups;

typedef struct apd_decomposition {
    const apd_layout *layout; /* not owned */
    apd_rows *rows;           /* (B) this slice; owned */
    float **sigma;            /* (B): (local rows, C), NULL for the head; owned */
    apd_block_groups *groups; /* (B) */
    int64_t *revisions;       /* (B): see apd_decomposition_revised */
    int task_count;
    apd_task_part **tasks; /* (task_count) by place in the stream; NULL: forgotten */
} apd_decomposition;

/* `rows` (B) is copied; sigma is zero. */
apd_decomposition *apd_decomposition_create(const apd_layout *layout, const apd_rows *rows);
void apd_decomposition_destroy(apd_decomposition *decomposition); /* Takes NULL. */

/* An empty part for `classes` classes: masks, biases and dense blocks allocated and zero, tau without
 * entries. `single`: all blocks dense. It belongs to the caller until appended. */
apd_task_part *apd_task_part_create(const apd_decomposition *decomposition, int classes, bool single);
void apd_task_part_destroy(const apd_decomposition *decomposition, apd_task_part *part); /* Takes NULL. */
void apd_decomposition_append(apd_decomposition *decomposition, apd_task_part *part);    /* takes ownership */

/* To be called by whatever changes a finished task's parameters in block `block`, or its groups. Appending a task
 * is no such change, nor a move of sigma, also of tau where sigma moved: these are seen without. Things derived
 * from finished tasks are kept until it is. */
void apd_decomposition_revised(apd_decomposition *decomposition, int block);

/* Entries to make room for where `entries` are wanted: sizes that others have, too, so that what one task gives back
 * fits the next one's. Thousands of tasks grow and shrink a little at a time. */
int64_t apd_sparse_room(int64_t entries);

/* Make `sparse` hold `rows` rows with `entries` entries, contents undefined, offsets zero. */
void apd_sparse_resize(apd_sparse *sparse, int64_t rows, int64_t entries);
void apd_sparse_clear(apd_sparse *sparse);

/* Give room back that `entries` entries do not need. */
void apd_sparse_shrink(apd_sparse *sparse, int64_t entries);

/* Add `count` entries that are not there yet, in the order of rows and columns. Cost: those behind the first move. */
void apd_sparse_insert(apd_sparse *sparse, const apd_sparse_entry *added, int64_t count);

/* Give the part's block another tau, whose arrays it takes over; notes whether that changed it. */
void apd_task_replace_tau(apd_task_part *part, int block, apd_sparse tau);

/* What a row of a task is without its tau: mask*sigma, plus sigma_g where the task's group has entries. `out`
 * (C). `sigma` is the row of sigma to use: the decomposition's own, or a former one. */
void apd_decomposition_shared_row(const apd_decomposition *decomposition, int task, int block, int64_t row,
                                  const float *sigma, float *out);

/* The group's entries in row `row` of block `block`: columns and values inside the decomposition; returns how
 * many (0 for group -1). */
int64_t apd_group_entries(const apd_decomposition *decomposition, int block, int group, int64_t row,
                          const int32_t **columns, const float **values);

/* The first of `count` ascending columns that is not below `column`; count where all are. */
int64_t apd_find_column(const int32_t *columns, int64_t count, int32_t column);

/* sigma_g's entry at one weight; NULL: none. Cost O(log entries of the row). */
const float *apd_group_entry(const apd_decomposition *decomposition, int block, int group, int64_t row,
                             int32_t column);

/* sigma_g at one weight; 0 where the group has no entry, or there is none. Cost O(log entries of the row). */
float apd_group_value(const apd_decomposition *decomposition, int block, int group, int64_t row,
                      int32_t column);

/* Throw a block's groups away; tasks must not refer to them any more. */
void apd_block_groups_clear(apd_block_groups *groups);

static inline int64_t apd_local_rows(const apd_decomposition *decomposition, int block) {
    return decomposition->rows[block].end - decomposition->rows[block].begin;
}

/* theta_t of block `block`: weights (local rows, C) and bias (local rows); exact to the bit. Rows of the head
 * beyond the task's classes are 0. */
void apd_decomposition_theta(const apd_decomposition *decomposition, int task, int block, float *weights,
                             float *bias);

/* Non-zeros of tau of one task over this slice (0 for a forgotten one; decomposed weights for a single one). */
int64_t apd_decomposition_nonzeros(const apd_decomposition *decomposition, int task);

/* Row digests of sigma (task < 0) or of a task's theta and bias in block `block`: out (local rows). */
void apd_decomposition_row_digests(const apd_decomposition *decomposition, int task, int block,
                                   uint64_t *out);

/* Non-zeros of all sigma_g over this slice. */
int64_t apd_decomposition_group_nonzeros(const apd_decomposition *decomposition);

/* Bytes of everything held. */
int64_t apd_decomposition_bytes(const apd_decomposition *decomposition);

#endif
