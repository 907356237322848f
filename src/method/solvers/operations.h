/* operations: what a method does while a task trains; its file defines them, and its row (methods.c) points to them. Private to
 * this room. */
#ifndef APD_METHOD_SOLVERS_OPERATIONS_H
#define APD_METHOD_SOLVERS_OPERATIONS_H

#include "method/decomposition.h"

struct apd_solver;

/* What a method does. Functions are called for blocks that have sigma; all but `step` may be NULL. */
typedef struct solver_operations {
    void (*create)(struct apd_solver *solver, int block);     /* track arrays, make `lasting` */
    void (*begin_task)(struct apd_solver *solver, int block); /* make `own` */
    /* `gradient` and `theta` (rows, C) are those of local rows rows.begin .. rows.end-1. */
    void (*step)(struct apd_solver *solver, int block, apd_rows rows, const float *gradient, float *theta);
    /* Theta (rows, C) of a block; NULL: what solver.c knows to compose. */
    void (*theta)(const struct apd_solver *solver, int block, float *weights);
    void (*begin_polish)(struct apd_solver *solver, int block); /* changes theta */
    /* Write part->blocks[block].tau and update the old tasks. `anchor` (rows, C) is sigma from before the task; the
     * decomposition has the new one already. */
    void (*end_task)(struct apd_solver *solver, int block, const float *anchor, apd_task_part *part);
    /* Take over the Fisher information of the trained task, scale*fisher (rows, C). */
    void (*add_fisher)(struct apd_solver *solver, int block, apd_rows rows, const float *fisher, float scale);
    void (*release)(struct apd_solver *solver, int block);   /* free what `own` holds */
    void (*destroy)(struct apd_solver *solver, int block);   /* free what `lasting` holds */
    void (*rewritten)(struct apd_solver *solver, int block); /* arrays were set from outside */
    int64_t (*bytes)(const struct apd_solver *solver,
                     int block); /* of `own` and `lasting`, either may be NULL */
    int64_t (*finished_bytes)(int64_t weights, int64_t tasks,
                              int64_t entries); /* apd_method_finished_bytes */
} solver_operations;

extern const solver_operations apd_solver_exact, apd_solver_fixed, apd_solver_joint, apd_solver_stl,
    apd_solver_finetune, apd_solver_l2t, apd_solver_ewc, apd_solver_multitask, apd_solver_packnet,
    apd_solver_wsn;

#endif
