/* l2t: finetune with the penalty (strength/2)*||theta - theta'||^2, theta' the body as the task before left it: the baseline
 * "L2-transfer" of Yoon et al. 2020. The first task has no penalty.
 *
 * The step is proximal: with Adam's direction and its rate eta by the loss and weight decay,
 *     z = theta - eta*direction,   theta <- theta' + (z - theta')/(1 + eta*strength)
 * A gradient of the penalty that went through Adam would lose its size, and overshoot for large strengths. This way
 * strength 0 is finetune, and strength inf leaves every bit of the body as it is. */
#include "method/solvers/state.h"

#include <math.h>
#include <string.h>

static void l2t_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const adam_step adam = solver->adam;
    const float strength = (float)solver->settings.l2t_strength, decay = (float)solver->settings.weight_decay;
    int64_t first = rows.begin * block->cols, count = (rows.end - rows.begin) * block->cols;
    if (solver->decomposition->task_count == 0 || !(strength > 0.0f)) {
        apd_solver_finetune.step(solver, b, rows, gradient, theta);
        return;
    }
    const float *restrict former = solver->decomposition->sigma[b] + first;
    float *restrict sigma = block->sigma + first;
    float *restrict m = block->sigma_moments.first + first, *restrict v = block->sigma_moments.second + first;
    for (int64_t j = 0; j < count && !isinf(strength); j++) {
        float direction, eta;
        adam_direction(&adam, &m[j], &v[j], gradient[j] + decay * sigma[j], &direction, &eta);
        float z = sigma[j] - eta * direction;
        sigma[j] = former[j] + (z - former[j]) / (1.0f + eta * strength);
    }
    memcpy(theta, sigma, (size_t)count * sizeof *theta);
}

const solver_operations apd_solver_l2t = {.step = l2t_step};
