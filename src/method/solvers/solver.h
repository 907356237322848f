/* solver: how sigma, mask_t and tau_t of the task in training move, behind one interface.
 *
 *   exact   (default) proximal Adam; old tau are eliminated in closed form, so a step costs the same after a
 *           thousand tasks as after none; exact zeros; finite or infinite lambda2       solver_exact.c
 *   joint   the paper's scheme: Adam on everything, all old tau_i at every step         solver_joint.c
 *   single  one network a task, plain Adam (STL)                                        solver_single.c
 *
 * A solver works on the rows of one slice and knows nothing of ranks: everything it does is a function of a
 * row. The gradient that it gets is the summed gradient of theta's rows: d/d tau = G, d/d sigma = mask * G,
 * d/d v[r] = mask[r]*(1-mask[r]) * sum_c G[r,c]*sigma[r,c] with mask = sigmoid(v). */
#ifndef APD_METHOD_SOLVERS_SOLVER_H
#define APD_METHOD_SOLVERS_SOLVER_H

#include "base/random.h"
#include "base/status.h"
#include "method/decomposition.h"
#include "network/network.h"

typedef struct apd_solver_settings {
    double lambda1;   /* >= 0 */
    double lambda2;   /* > 0 or INFINITY (exact only) */
    double mask_init; /* in (0, 1) */
    double
        weight_decay; /* added to the gradient as weight_decay * theta, on decomposed weights and the head */
    double beta1, beta2, epsilon;
    uint64_t seed;
} apd_solver_settings;

typedef struct apd_solver apd_solver;

typedef enum apd_solver_kind { APD_SOLVER_EXACT, APD_SOLVER_JOINT, APD_SOLVER_SINGLE } apd_solver_kind;

/* The solver changes `decomposition`, which must outlive it. Sigma is initialised (He, divided by mask_init,
 * so that the first theta is He's) when the decomposition has no task. */
apd_solver *apd_solver_create(apd_solver_kind kind, const apd_network *network,
                              apd_decomposition *decomposition, const apd_solver_settings *settings);
void apd_solver_destroy(apd_solver *solver); /* Takes NULL. */

/* Start the task at place decomposition->task_count of the stream: tau = 0, masks at mask_init, biases 0,
 * head by He, moments 0. `task_id` seeds the head and, for single, the whole network. */
void apd_solver_begin_task(apd_solver *solver, int task_id, int classes);

/* theta_t of a block as it stands: weights (local rows, C), bias (local rows). */
void apd_solver_theta(const apd_solver *solver, int block, float *weights, float *bias);

/* Start a step: the learning rate for all its blocks (> 0). */
void apd_solver_begin_step(apd_solver *solver, double learning_rate);

/* One block's share of the step. gradient (local rows, C) and bias_gradient (local rows) are of the mean
 * loss; the new theta rows are written to weights and bias. */
void apd_solver_step(apd_solver *solver, int block, const float *gradient, const float *bias_gradient,
                     float *weights, float *bias);

/* The same for local rows rows.begin .. rows.end-1 alone, to which all four arrays belong. A step takes every row
 * once; how they are cut changes no bit. */
void apd_solver_step_rows(apd_solver *solver, int block, apd_rows rows, const float *gradient,
                          const float *bias_gradient, float *weights, float *bias);

/* From here to the task's end train the support alone, without the pull of lambda1 (exact; others: nothing). */
void apd_solver_begin_polish(apd_solver *solver);

/* Keep a copy of what is being trained; bring the last copy back (if there is one). */
void apd_solver_snapshot(apd_solver *solver);
void apd_solver_restore(apd_solver *solver);

/* End the task: write out sigma and the old tasks' tau, append the new task's part to the decomposition, which
 * no step before has touched. */
void apd_solver_end_task(apd_solver *solver);

/* Sigma of a decomposed block on its way (local rows, C), the solver's own. */
const float *apd_solver_sigma(const apd_solver *solver, int block);

/* --- a task half way: all that the next step depends on besides the decomposition ------------------------- */

/* An array that steps change: (rows, width) of a block's slice; `name` is unique within the block. */
typedef struct apd_solver_array {
    char name[48]; /* "tau", "tau_first", "sigma", "old000003_tau", ... */
    int block;
    int64_t rows, width;
    float *values;
    float *snapshot; /* the copy made by apd_solver_snapshot; NULL: none */
    bool parameter;
} apd_solver_array;

typedef struct apd_solver_progress {
    int64_t steps;                   /* of this task so far */
    int32_t polishing, has_snapshot; /* 0 or 1 */
} apd_solver_progress;

/* The arrays of the task in training, in an order that does not depend on the slice. */
int apd_solver_array_count(const apd_solver *solver);
const apd_solver_array *apd_solver_array_at(const apd_solver *solver, int index);

apd_solver_progress apd_solver_progress_of(const apd_solver *solver);

/* After apd_solver_begin_task, on the way back to where a task was: set the progress and allocate the snapshots if
 * has_snapshot is set. The caller then fills every array's values, and snapshot where it is not NULL. */
void apd_solver_resume(apd_solver *solver, apd_solver_progress progress);

/* Bytes held besides the decomposition. */
int64_t apd_solver_bytes(const apd_solver *solver);

#endif
