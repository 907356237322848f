/* finetune: one body, which each task goes on training by Adam with weight decay, as stl does its own; the lower line in the
 * tables of Kirkpatrick et al. 2017 (EWC) and most papers since. A finished task uses the body as later tasks leave it. */
#include "method/solvers/state.h"

#include <string.h>

static void finetune_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient,
                          float *theta) {
    solver_block *block = &solver->blocks[b];
    int64_t first = rows.begin * block->cols, count = (rows.end - rows.begin) * block->cols;
    adam_moments moments = {block->sigma_moments.first + first, block->sigma_moments.second + first};
    apd_adam_update(&solver->adam, block->sigma + first, moments, gradient,
                    (float)solver->settings.weight_decay, count);
    memcpy(theta, block->sigma + first, (size_t)count * sizeof *theta);
}

const solver_operations apd_solver_finetune = {.step = finetune_step};
