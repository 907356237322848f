/* fixed: APD whose sigma stays once the first settings.sigma_tasks tasks have ended; with one task it is "APD-Fixed" of Yoon et al.
 * 2020, table 1. The first tasks move sigma as if no task had finished; at their end the finished tasks' tau make up for the move,
 * so that no bit of their theta changes. Later tasks train masks and tau by the steps of exact.c and touch no finished task.
 *
 * A step, weight by weight, with G the gradient by theta, m the mask of the row and dir() Adam's direction:
 *     g     =  G + decay*theta
 *     tau   <- soft(tau - eta_tau*dir(g), eta_tau*lambda1)     while polishing: without lambda1, where tau is not zero
 *     sigma <- sigma - eta*dir(m*g)                            in the first sigma_tasks tasks only
 *     theta <- m*sigma + tau */
#include "method/solvers/proximal.h"
#include "method/solvers/retroactive_update.h"
#include "method/solvers/state.h"
#include "method/solvers/stored.h"

static bool trains_sigma(const struct apd_solver *solver) {
    const int place = solver->decomposition->task_count;
    return place == 0 || place < solver->settings.sigma_tasks;
}

/* Weights j .. j+count-1 of a row with mask `mask`. */
static void step_weights(struct apd_solver *solver, solver_block *block, int64_t j, int64_t count, float mask,
                         const float *g) {
    const adam_step adam = solver->adam;
    const float decay = (float)solver->settings.weight_decay;
    const float lambda1 = solver->polishing ? 0.0f : (float)solver->settings.lambda1;
    const bool moves = trains_sigma(solver), polishing = solver->polishing;
    float *restrict sigma = block->sigma + j, *restrict tau = block->tau + j;
    const adam_moments of_sigma = {block->sigma_moments.first + j, block->sigma_moments.second + j};
    const adam_moments of_tau = {block->tau_moments.first + j, block->tau_moments.second + j};
    for (int64_t c = 0; c < count; c++) {
        float slope = g[c] + decay * (mask * sigma[c] + tau[c]), direction, eta;
        adam_direction(&adam, &of_tau.first[c], &of_tau.second[c], slope, &direction, &eta);
        float moved = apd_soft(tau[c] - eta * direction, eta * lambda1);
        tau[c] = polishing && tau[c] == 0.0f ? 0.0f : moved;
        if (!moves)
            continue;
        adam_direction(&adam, &of_sigma.first[c], &of_sigma.second[c], mask * slope, &direction, &eta);
        sigma[c] -= eta * direction;
    }
}

static void fixed_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const int64_t cols = block->cols;
    for (int64_t r = rows.begin; r < rows.end; r++, gradient += cols, theta += cols) {
        const float mask = block->mask[r], *sigma = block->sigma + r * cols, *tau = block->tau + r * cols;
        apd_solver_step_mask(solver, block, r, mask * (1.0f - mask) * apd_dot(gradient, sigma, cols));
        step_weights(solver, block, r * cols, cols, mask, gradient);
        for (int64_t c = 0; c < cols; c++)
            theta[c] = block->mask[r] * sigma[c] + tau[c];
        if (apd_solver_shows_stored(solver))
            apd_stored_row(solver->settings.tau_bits, block->mask[r], sigma, tau, cols, theta);
    }
}

static void fixed_end_task(struct apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    apd_solver_store_theta(solver, b, &part->blocks[b].tau);
    if (trains_sigma(solver))
        (void)apd_retroactive_update(solver->decomposition, b, anchor, 0.0);
}

const solver_operations apd_solver_fixed = {.step = fixed_step, .end_task = fixed_end_task};
