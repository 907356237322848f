/* ewc: elastic weight consolidation. Finetune with a quadratic penalty, weight by weight, on leaving the theta of finished
 * tasks i; F_i is the diagonal Fisher information at the end of task i (network/fisher.h).
 *
 *     tasks    (strength/2) * sum_i decay^(t-1-i) * F_i*(theta - theta*_i)^2     Kirkpatrick et al. 2017 (arXiv 1612.00796)
 *     online   (strength/2) * (sum_i decay^(t-1-i) * F_i)*(theta - theta')^2     Huszar 2018 (arXiv 1712.03847), Schwarz et
 *              theta' the body as the task before left it                         al. 2018 (arXiv 1805.06370; decay: gamma)
 *
 * with decay 1 by default. Biases and heads are each task's own, so the penalty is on the body's weights alone.
 *
 * Either takes two numbers a weight, at any number of tasks: importance = sum_i decay^(t-1-i)*F_i, and the anchor at which the
 * penalty is least. The sum of parabolas is one with their summed curvature around the weighted mean of theta*_i, and a
 * constant; the mean is kept up as tasks end:
 *     importance <- decay*importance + F,   anchor <- anchor + (F/importance)*(theta - anchor)       (online: anchor <- theta)
 *
 * The step is proximal: with Adam's direction and its rate eta by the loss and weight decay,
 *     z = theta - eta*direction,   theta <- anchor + (z - anchor)/(1 + eta*strength*importance)
 * Adam divides a gradient by its size, so a penalty that went through it would pull an unimportant weight as hard as an
 * important one, and overshoot where strength*importance is large. This way strength 0 is finetune, and a weight of huge
 * importance stays at its anchor. */
#include "method/solvers/state.h"

#include <string.h>

static float *array_of(const struct apd_solver *solver, const char *name, int b) {
    return apd_decomposition_shared(solver->decomposition, name)[b];
}

static void ewc_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const adam_step adam = solver->adam;
    const float strength = (float)solver->settings.ewc_strength, decay = (float)solver->settings.weight_decay;
    int64_t first = rows.begin * block->cols, count = (rows.end - rows.begin) * block->cols;
    if (solver->decomposition->task_count == 0 || !(strength > 0.0f)) {
        apd_solver_finetune.step(solver, b, rows, gradient, theta);
        return;
    }
    const float *restrict importance = array_of(solver, "importance", b) + first;
    const float *restrict anchor = array_of(solver, "anchor", b) + first;
    float *restrict sigma = block->sigma + first;
    float *restrict m = block->sigma_moments.first + first, *restrict v = block->sigma_moments.second + first;
    for (int64_t j = 0; j < count; j++) {
        float direction, eta;
        adam_direction(&adam, &m[j], &v[j], gradient[j] + decay * sigma[j], &direction, &eta);
        float z = sigma[j] - eta * direction, pull = eta * strength * importance[j];
        sigma[j] = pull > 0.0f ? anchor[j] + (z - anchor[j]) / (1.0f + pull) : z;
    }
    memcpy(theta, sigma, (size_t)count * sizeof *theta);
}

static void ewc_add_fisher(struct apd_solver *solver, int b, apd_rows rows, const float *fisher,
                           float scale) {
    const solver_block *block = &solver->blocks[b];
    const float decay = (float)solver->settings.ewc_decay;
    int64_t first = rows.begin * block->cols, count = (rows.end - rows.begin) * block->cols;
    float *importance = array_of(solver, "importance", b) + first;
    float *anchor = array_of(solver, "anchor", b) + first;
    const float *theta = block->sigma + first;
    for (int64_t j = 0; j < count; j++) {
        float own = scale * fisher[j], all = decay * importance[j] + own;
        if (solver->settings.ewc_online || !(all > 0.0f) || !(own < all))
            anchor[j] = theta[j];
        else
            anchor[j] += own / all * (theta[j] - anchor[j]);
        importance[j] = all;
    }
}

const solver_operations apd_solver_ewc = {.step = ewc_step, .add_fisher = ewc_add_fisher};
