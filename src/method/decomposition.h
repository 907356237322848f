/* decomposition: sigma and all finished tasks, for the rows that one rank owns.
 *
 * With mask_t one number a row (Yoon et al. 2020, section 3), task t has the weights
 *
 *     theta_t = mask_t * sigma + sigma_g(t) + tau_t
 *
 * sigma     shared by all tasks, dense
 * sigma_g   locally shared: common to the tasks of one cluster of one block, sparse; made by hierarchical knowledge
 *           consolidation (clustering/consolidate.h), absent before
 * tau_t     the task's own, sparse
 *
 * Storage of tau. Where tau_t is not zero, the value of theta_t is stored in its place:
 *
 *     theta_t[j] = values[j]                                  where tau_t has an entry
 *                  (float)((float)(mask_t*sigma[j]) + sigma_g[j])   else, where sigma_g has an entry
 *                  (float)(mask_t*sigma[j])                   else
 *
 * and tau_t = theta_t - mask_t*sigma - sigma_g. So when sigma[j] moves, a weight with an entry needs no update, and one
 * without gets an entry that holds the bits of its former theta: finished tasks do not change in any bit. If tau
 * itself were stored, every move of sigma would round all old theta again, and every checkpoint would have to write
 * all tasks again.
 *
 * Other storages. A task's body may also be a network of its own (SINGLE), or sigma itself (SHARED): then theta_t is what sigma
 * is now. Or it is a subnetwork of sigma (SUBNETWORK): a bit a weight says where theta_t is sigma, elsewhere it is 0; as long as
 * sigma stays where a task has a bit, no task changes. Methods may keep further arrays of sigma's shape beside it, which live from task to task (`shared`).
 *
 * Rows. The slice of a rank is rows[b].begin .. rows[b].end-1 of each block b; local row 0 is row rows[b].begin. Biases
 * and the head belong to each task, whatever its storage, and are dense.
 *
 * All functions are local. */
#ifndef APD_METHOD_DECOMPOSITION_H
#define APD_METHOD_DECOMPOSITION_H

#include "method/sparse.h"
#include "network/layout.h"

/* Equal to the bit: 0 and -0 differ, since digests tell them apart. */
static inline bool apd_same_bits(float a, float b) {
    union {
        float number;
        uint32_t bits;
    } left = {a}, right = {b};
    return left.bits == right.bits;
}

/* How a finished task's body is stored; the numbers are those of commits. */
typedef enum apd_storage {
    APD_STORAGE_DECOMPOSED, /* mask and tau */
    APD_STORAGE_SINGLE,     /* dense theta */
    APD_STORAGE_SHARED,     /* nothing: theta is sigma */
    APD_STORAGE_SUBNETWORK, /* a bit a weight: theta is sigma there, else 0 */
    APD_STORAGES
} apd_storage;

typedef struct apd_task_block {
    float *mask;    /* (local rows), in (0, 1); NULL but in decomposed blocks of DECOMPOSED tasks */
    float *bias;    /* (local rows) */
    apd_sparse tau; /* where there is a mask, else {0}; its values are those of theta */
    int group;      /* the cluster of the block that the task belongs to; -1: none */
    float *dense;   /* (local rows, C) for the head, and of SINGLE tasks; else NULL */
    uint8_t *
        bits; /* (local rows, apd_bit_bytes(C)) of SUBNETWORK tasks, else NULL; unused bits of a row's last byte are 0 */
    uint8_t
        *key; /* (local rows, bytes of a key) of the head: what the classes' images look like; NULL: none */
} apd_task_block;

typedef struct apd_task_part {
    apd_storage storage;
    int classes;  /* rows of the head in use */
    bool moved;   /* some theta of this slice changed since the flag was last cleared */
    bool changed; /* some stored number (tau, mask, bias) changed, possibly without changing theta */
    apd_task_block *blocks; /* (B) */
} apd_task_part;

/* The locally shared parameters of a block. */
typedef struct apd_block_groups {
    int count;          /* clusters of the last consolidation; 0 before the first */
    apd_sparse *shared; /* (count): sigma_g; empty where a cluster has fewer than two members */
} apd_block_groups;

/* An array of sigma's shape that lives from task to task beside it. */
typedef struct apd_shared_array {
    char name[32];
    float **values; /* (B) of (local rows, C); NULL for the head */
} apd_shared_array;

typedef struct apd_decomposition {
    const apd_layout *layout; /* borrowed */
    apd_rows *rows;           /* (B): this slice */
    float **sigma;            /* (B) of (local rows, C); NULL for the head */
    float **first_biases;     /* (B) of (local rows), NULL: 0; of the first task, where its body is sigma */
    bool half;                /* sigma, masks, biases and heads are numbers of 16 bits (base/half.h) */
    bool sigma_coded;         /* but sigma's are integers of fewer bits times a power of two, one a row */
    int shared_count;
    apd_shared_array *shared; /* (shared_count) */
    apd_block_groups *groups; /* (B) */
    int64_t *revisions;       /* (B): see apd_decomposition_revised */
    int task_count;
    apd_task_part **tasks; /* (task_count) by place in the stream; NULL: forgotten */
} apd_decomposition;

/* Create a decomposition without tasks; sigma is 0. `rows` (B) is copied, `layout` must outlive it. */
apd_decomposition *apd_decomposition_create(const apd_layout *layout, const apd_rows *rows);
void apd_decomposition_destroy(apd_decomposition *decomposition); /* Takes NULL. */

/* The blocks (B) of the array `name` beside sigma, which is made of zeros where there is none yet. */
float **apd_decomposition_shared(apd_decomposition *decomposition, const char *name);

/* Create a task with `classes` classes, all numbers 0 and tau empty. The caller owns it until apd_decomposition_append takes
 * it over. */
apd_task_part *apd_task_part_create(const apd_decomposition *decomposition, int classes, apd_storage storage);
void apd_task_part_destroy(const apd_decomposition *decomposition, apd_task_part *part); /* Takes NULL. */
void apd_decomposition_append(apd_decomposition *decomposition, apd_task_part *part);

/* Invalidate caches derived from finished tasks. Call after changing their tau, masks or groups in block `block`;
 * appended tasks and moves of sigma (with the tau that follow from them) are detected without it. */
void apd_decomposition_revised(apd_decomposition *decomposition, int block);

/* Replace the tau of a block, taking over its arrays. Sets `changed` if any bit differs. */
void apd_task_replace_tau(apd_task_part *part, int block, apd_sparse tau);

/* True if the task at `place` exists and block `block` of it is decomposed. */
bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block);

/* --- bits ------------------------------------------------------------------------------------------------- */

/* Bytes of a row of bits. Bit c is in byte c/8, the first one is the most significant (numpy.unpackbits). */
static inline int64_t apd_bit_bytes(int64_t cols) {
    return (cols + 7) / 8;
}

static inline bool apd_bit(const uint8_t *row, int64_t c) {
    return ((row[c / 8] >> (7 - c % 8)) & 1) != 0;
}

static inline void apd_bit_set(uint8_t *row, int64_t c) {
    row[c / 8] |= (uint8_t)(0x80 >> (c % 8));
}

/* How many of `bytes` bytes' bits are set. */
int64_t apd_bits_count(const uint8_t *bits, int64_t bytes);

/* Add the bits of all tasks to `bits` (local rows, apd_bit_bytes(C)) of a block; false: no task has any. */
bool apd_decomposition_add_bits(const apd_decomposition *decomposition, int block, uint8_t *bits);

static inline int64_t apd_local_rows(const apd_decomposition *decomposition, int block) {
    return decomposition->rows[block].end - decomposition->rows[block].begin;
}

/* --- theta ---------------------------------------------------------------------------------------------- */

/* theta_t of a block, exact to the bit: weights (local rows, C), bias (local rows). Rows of the head beyond the task's
 * classes are 0. */
void apd_decomposition_theta(const apd_decomposition *decomposition, int task, int block, float *weights,
                             float *bias);

/* One row of theta_t without tau: mask*sigma + sigma_g, into out (C). `sigma` (C) is the row of sigma to use, the
 * present one or a former one. */
void apd_decomposition_shared_row(const apd_decomposition *decomposition, int task, int block, int64_t row,
                                  const float *sigma, float *out);

/* Digest of each row of sigma (task < 0), or of a task's theta and bias: out (local rows). */
void apd_decomposition_row_digests(const apd_decomposition *decomposition, int task, int block,
                                   uint64_t *out);

/* --- locally shared parameters -------------------------------------------------------------------------- */

/* The entries of sigma_g in a row; none for group -1. */
apd_sparse_cursor apd_group_cursor(const apd_decomposition *decomposition, int block, int group, int64_t row);

/* sigma_g at one weight, by bisection: the entry, or NULL; and its value, or 0. */
const float *apd_group_entry(const apd_decomposition *decomposition, int block, int group, int64_t row,
                             int32_t column);
float apd_group_value(const apd_decomposition *decomposition, int block, int group, int64_t row,
                      int32_t column);

/* Free the groups of a block. No task may refer to them any more. */
void apd_block_groups_clear(apd_block_groups *groups);

/* --- sizes ---------------------------------------------------------------------------------------------- */

/* Entries of a task's tau over this slice, or its weights in decomposed blocks where these are its own; 0 for a forgotten task. */
int64_t apd_decomposition_nonzeros(const apd_decomposition *decomposition, int task);

/* Weights of sigma in use over this slice: those of the tasks' subnetworks where there are some, else what is not zero. */
int64_t apd_decomposition_sigma_used(const apd_decomposition *decomposition, int block);

/* Entries of all sigma_g over this slice. */
int64_t apd_decomposition_group_nonzeros(const apd_decomposition *decomposition);

/* Bytes of a block (rows, cols) of a finished task, where DECOMPOSED with `entries` entries of tau; the head is as SINGLE. */
int64_t apd_task_block_bytes(apd_storage storage, int64_t rows, int64_t cols, int64_t entries);

#endif
