/* multitask: one body, trained on the images of all tasks seen, each batch of one task with that task's head and biases: joint
 * training, the upper line of most papers, which no method reaches that must do without the earlier images. Adam with weight
 * decay as in finetune, which it equals in the first task. With every new task all heads and biases train on; head and biases of a
 * task have moments of their own, and count their own steps for Adam.
 *
 * An epoch passes over the images of all tasks seen, so the t-th task takes t times as long as the first, and a stream of T
 * tasks T*(T+1)/2 times. Whose batch it is comes from engine/batches.h; solver.c keeps the finished tasks' heads and biases. */
#include "method/solvers/state.h"

static void multitask_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient,
                           float *theta) {
    apd_solver_finetune.step(solver, b, rows, gradient, theta);
}

const solver_operations apd_solver_multitask = {.step = multitask_step};
