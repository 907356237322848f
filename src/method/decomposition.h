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
 * Rows: a rank's slice has rows[b].begin .. rows[b].end-1 of block b; local row 0 is row rows[b].begin.
 * Biases and the head are each task's own and dense. `single` tasks (one network a task) keep all blocks
 * dense. */
#ifndef APD_METHOD_DECOMPOSITION_H
#define APD_METHOD_DECOMPOSITION_H

#include "network/layout.h"

/* Compressed sparse rows. */
typedef struct apd_sparse {
    int64_t rows;
    int64_t *offsets; /* (rows+1); row r's entries are offsets[r] .. offsets[r+1]-1 */
    int32_t *columns; /* ascending within a row */
    float *values;    /* theta's values */
} apd_sparse;

typedef struct apd_task_block {
    float *mask;    /* (local rows), in (0, 1); NULL for the head and for single tasks */
    float *bias;    /* (local rows) */
    apd_sparse tau; /* decomposed blocks */
    float *dense;   /* (local rows, C) where the block is not decomposed, or the task is single; else NULL */
} apd_task_block;

typedef struct apd_task_part {
    int classes;            /* rows of the head in use */
    bool moved;             /* some theta of this slice changed since the flag was last cleared */
    apd_task_block *blocks; /* (B) */
} apd_task_part;

typedef struct apd_decomposition {
    const apd_layout *layout; /* not owned */
    apd_rows *rows;           /* (B) this slice; owned */
    float **sigma;            /* (B): (local rows, C), NULL for the head; owned */
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

/* Make `sparse` hold `rows` rows with `entries` entries, contents undefined, offsets zero. */
void apd_sparse_resize(apd_sparse *sparse, int64_t rows, int64_t entries);
void apd_sparse_clear(apd_sparse *sparse);

static inline int64_t apd_local_rows(const apd_decomposition *decomposition, int block) {
    return decomposition->rows[block].end - decomposition->rows[block].begin;
}

/* theta_t of block `block`: weights (local rows, C) and bias (local rows); exact to the bit. Rows of the head
 * beyond the task's classes are 0. */
void apd_decomposition_theta(const apd_decomposition *decomposition, int task, int block, float *weights,
                             float *bias);

/* Non-zeros of tau of one task over this slice (0 for a forgotten one; decomposed weights for a single one).
 */
int64_t apd_decomposition_nonzeros(const apd_decomposition *decomposition, int task);

/* Row digests of sigma (task < 0) or of a task's theta and bias in block `block`: out (local rows). */
void apd_decomposition_row_digests(const apd_decomposition *decomposition, int task, int block,
                                   uint64_t *out);

/* Bytes of everything held. */
int64_t apd_decomposition_bytes(const apd_decomposition *decomposition);

#endif
