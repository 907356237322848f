/* theta: a task's weights, from what a commit stores.
 *
 * To the bit, in float32 arithmetic and in this order: the product mask * sigma, row by row; plus the values of the task's
 * cluster at their columns, where it is in one; then, at the columns of tau's entries (code.h), their values instead. Of a task
 * with bits sigma where a bit is 1, else 0; of a task that shares nothing what it stores.
 *
 * What tasks share is read once, however many tasks follow. Local. */
#ifndef APD_IO_CHECKPOINT_THETA_H
#define APD_IO_CHECKPOINT_THETA_H

#include "io/checkpoint/reader.h"

typedef struct apd_theta_terms {
    int blocks;                 /* decomposed ones */
    apd_item *sigma;            /* (blocks) */
    apd_item **clusters;        /* (blocks) of as many as the state says */
    const apd_run_state *state; /* the reader's */
} apd_theta_terms;

/* Read what the tasks of a commit share. The reader outlives `*out`, which is set on success only. Clear it. Statuses: those of
 * apd_reader_item. */
apd_status apd_theta_read_terms(apd_reader *reader, apd_theta_terms *out, apd_error *error);
void apd_theta_clear_terms(apd_theta_terms *terms);

/* Read the task at `place`, which is not forgotten, into an item; apd_item_clear it. Set on success only. Statuses: those of
 * apd_reader_item. */
apd_status apd_theta_read_task(apd_reader *reader, int place, apd_item *out, apd_error *error);

/* theta of a task in a block: weights (R, C) and bias (R), of the head (classes, C) and (classes), out. */
void apd_theta_compose(const apd_theta_terms *terms, const apd_item *task, int block, float *weights,
                       float *bias);

#endif
