/* solver: how the parameters of the task in training move, behind one interface for all methods (methods.h).
 *
 * A solver works on the rows of one slice and knows no ranks: everything it does is a function of one row. All
 * functions are local. With G the gradient by theta, summed over all shards,
 *     d/d tau = G,   d/d sigma = mask*G,   d/d v[r] = mask[r]*(1-mask[r]) * sum_c G[r,c]*sigma[r,c],
 * where mask = sigmoid(v).
 *
 * Order of calls: create; per task begin_task, (begin_step, step_rows for every row)*, add_fisher for every row where the method
 * asks for it, end_task; destroy. */
#ifndef APD_METHOD_SOLVERS_SOLVER_H
#define APD_METHOD_SOLVERS_SOLVER_H

#include "method/solvers/methods.h"
#include "method/solvers/types.h"
#include "network/network.h"

typedef struct apd_solver apd_solver;

/* Create a solver that trains tasks of `decomposition`; this and `network` must outlive it. If there is no finished task,
 * and sigma is not given, it is initialised by He's values, where there are masks divided by mask_init, so that the first theta has
 * He's scale. The decomposition gets the method's arrays beside sigma that it lacks, with zeros. */
apd_solver *apd_solver_create(const apd_method *method, const apd_network *network,
                              apd_decomposition *decomposition, const apd_solver_settings *settings);
void apd_solver_destroy(apd_solver *solver); /* Takes NULL. */

/* Begin the next task of the stream: tau and moments 0, masks at mask_init, head by He; biases 0, where the body is shared those
 * of the last task that is not forgotten, of the first task decomposition->first_biases. `task_id` seeds the head, in a network of the task's own the body, too. A task in
 * training is dropped. */
void apd_solver_begin_task(apd_solver *solver, int task_id, int classes);

/* The present theta of a block, of the task that the turn shows: weights (local rows, C), bias (local rows). */
void apd_solver_theta(const apd_solver *solver, int block, float *weights, float *bias);

/* Whose turn it is in the next step: where the method does not rehearse, and from begin_task on, the task in training's. */
void apd_solver_take_turn(apd_solver *solver, apd_solver_turn turn);

/* Begin a step of all blocks with this learning rate (> 0). */
void apd_solver_begin_step(apd_solver *solver, double learning_rate);

/* Step local rows rows.begin .. rows.end-1 of a block. Each row must be stepped once in a step; the division into calls
 * changes no bit.
 *   gradient, bias_gradient   (rows, C), (rows): of the mean loss by theta                  in
 *   weights, bias             (rows, C), (rows): the new theta                              out */
void apd_solver_step_rows(apd_solver *solver, int block, apd_rows rows, const float *gradient,
                          const float *bias_gradient, float *weights, float *bias);

/* Until the task ends train only what is not zero, without the l1 penalty; methods that do not polish ignore it. True if theta
 * changed: snapshots from before are of another network then. */
bool apd_solver_begin_polish(apd_solver *solver);

/* Copy the parameters in training; copy the last snapshot back, if there is one. Moments are not part of it. */
void apd_solver_snapshot(apd_solver *solver);
void apd_solver_restore(apd_solver *solver);

/* For methods with `fisher`, between the last step and the end of a task: `sums` (rows, C) are the squared derivatives of
 * log-likelihoods by theta of local rows rows.begin .. rows.end-1 of a block, added over `images` images. Each row comes once,
 * those of the head, too. */
void apd_solver_add_fisher(apd_solver *solver, int block, apd_rows rows, const float *sums, int64_t images);

/* End the task: write sigma and the old tasks' tau, which no step has touched, and append the new task. */
void apd_solver_end_task(apd_solver *solver);

/* --- checkpoints in the middle of a task ---------------------------------------------------------------- */

/* The arrays that the next step depends on besides the decomposition, in an order that is the same for every slice. */
int apd_solver_array_count(const apd_solver *solver);
const apd_solver_array *apd_solver_array_at(const apd_solver *solver, int index);

apd_solver_progress apd_solver_progress_of(const apd_solver *solver);

/* After apd_solver_begin_task: set the progress, and allocate snapshots if has_snapshot is set. The caller then fills
 * `values` of every array, and `snapshot` where it is not NULL, before the next step. */
void apd_solver_resume(apd_solver *solver, apd_solver_progress progress);

/* --- sizes ---------------------------------------------------------------------------------------------- */

/* Bytes held besides the decomposition. */
int64_t apd_solver_bytes(const apd_solver *solver);

#endif
