/* state: a solver's state and what the methods have in common. Private to this room.
 *
 * Every array that a step changes is registered once (apd_solver_track), so that snapshots, sizes and checkpoints are
 * loops over one list, whatever the method. */
#ifndef APD_METHOD_SOLVERS_STATE_H
#define APD_METHOD_SOLVERS_STATE_H

#include "method/decomposition.h"
#include "method/solvers/adam.h"
#include "method/solvers/methods.h"
#include "method/solvers/operations.h"
#include "method/solvers/types.h"
#include "network/network.h"

struct apd_solver;

/* What a task has of a block to itself, whatever the storage. */
typedef struct solver_own {
    float *dense; /* (rows, C) of the head, or of a single task; else NULL */
    float *bias;  /* (rows) */
    adam_moments dense_moments, bias_moments;
} solver_own;

/* One block of the task in training: (local rows, C) unless said otherwise; NULL where the block has no such array. The head,
 * and every block of APD_STORAGE_SINGLE, is `dense`; other bodies have sigma, and where the storage is DECOMPOSED tau and masks. */
typedef struct solver_block {
    int64_t rows, cols;
    float *sigma; /* in training; the decomposition keeps the sigma from the task's begin */
    float *tau;
    float *logit, *mask; /* (rows): v and sigmoid(v) */
    float *dense;        /* theta of the head, or of a single task */
    float *bias;         /* (rows) */
    solver_own *former; /* (finished tasks) where the method rehearses, else NULL; zeros of forgotten tasks */
    adam_moments sigma_moments, tau_moments, logit_moments, dense_moments, bias_moments;
    void *own;     /* the method's data for this task, from begin_task on; else NULL */
    void *lasting; /* the method's data from task to task; or NULL */
} solver_block;

struct apd_solver {
    const apd_method *method;
    const solver_operations *operations; /* the method's */
    const apd_network *network;
    apd_decomposition *decomposition;
    apd_solver_settings settings;
    int task_id, classes;
    int64_t steps;
    bool polishing, has_snapshot;
    bool coded;         /* what is stored has few bits */
    int sigma_bits;     /* of sigma's numbers as they are stored; 0: it rests (stored.h) */
    bool whole;         /* all weights of the present task are stored in tau_bits (stored.h) */
    adam_step adam;     /* of the body */
    adam_step own_adam; /* of head and biases of the task whose batch it is */
    apd_solver_turn turn;
    solver_block *blocks; /* (B) */
    apd_solver_array *arrays;
    int array_count, lasting; /* the first `lasting` arrays stay from task to task */
};

/* Register a new array of zeros, (local rows, width); width 0: (local rows). Arrays registered in begin_task are freed
 * when the task ends. */
float *apd_solver_track(struct apd_solver *solver, int block, const char *name, int64_t width,
                        bool parameter);

/* Moments of the array `name`, registered as NAME_first and NAME_second. */
adam_moments apd_solver_track_moments(struct apd_solver *solver, int block, const char *name, int64_t width);

/* Free the arrays from index `count` on. */
void apd_solver_untrack(struct apd_solver *solver, int count);

/* Whether the network computes with what will be stored (stored.h). */
static inline bool apd_solver_shows_stored(const struct apd_solver *solver) {
    return solver->coded && solver->polishing;
}

/* Weights that pass through the cache together. */
enum { STEP_CHUNK = 256 };

/* Adam's step of sigma without the old tasks: where each weight would be, and its rate. */
typedef struct sigma_target {
    float z[STEP_CHUNK], eta[STEP_CHUNK];
} sigma_target;

/* Weights j .. j+count-1 (at most STEP_CHUNK) of a row; mask: before the step; g (count): their gradient by theta.
 *     z   =  sigma - eta*dir(mask*(g + decay*theta))                      moves the moments, not sigma
 *     tau <- soft(tau - eta_tau*dir(g + decay*theta), eta_tau*lambda1)    while polishing: without lambda1, where tau is not zero
 * Both take theta from before the step, so sigma's target comes first and sigma moves last. */
void apd_solver_aim_sigma(const struct apd_solver *solver, const solver_block *block, int64_t j,
                          int64_t count, float mask, const float *g, sigma_target *to);
void apd_solver_step_tau(const struct apd_solver *solver, const solver_block *block, int64_t j, int64_t count,
                         float mask, const float *g);

/* Row `row` of theta (C) as it will be stored. */
void apd_solver_stored_row(const struct apd_solver *solver, const solver_block *block, int64_t row,
                           float *theta);

/* sum of a[i]*b[i], in sixteen partial sums joined in a fixed order. */
float apd_dot(const float *a, const float *b, int64_t count);

/* An Adam step of a row's mask; `gradient` is that by its logit v. */
void apd_solver_step_mask(struct apd_solver *solver, solver_block *block, int64_t row, float gradient);

/* Store tau where |tau| > limit, as values of theta (decomposition.h). Entries that rounding makes equal to theta
 * without tau are left out. `shared` (rows, C): sigma_g, or NULL. Replaces `out`. */
void apd_solver_store_tau(const solver_block *block, double limit, const float *shared, apd_sparse *out);

/* The same where tau is not zero (and everywhere, if the task is stored whole), with theta as it is stored where the method's
 * numbers are coded. */
void apd_solver_store_theta(const struct apd_solver *solver, int block, apd_sparse *out);

#endif
