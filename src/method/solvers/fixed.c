/* fixed: APD whose sigma stays once the first settings.sigma_tasks tasks have ended; with one task it is "APD-Fixed" of Yoon et al.
 * 2020, table 1. The first tasks move sigma as if no task had finished; at their end the finished tasks' tau make up for the move,
 * so that no bit of their theta changes. As sigma moves nearly everywhere, all of them but the last are stored whole (stored.h). Later tasks train masks and tau by the steps of exact.c and touch no finished task.
 *
 * A step, weight by weight, with G the gradient by theta, m the mask of the row and dir() Adam's direction:
 *     g     =  G + decay*theta
 *     tau   <- soft(tau - eta_tau*dir(g), eta_tau*lambda1)     while polishing: without lambda1, where tau is not zero
 *     sigma <- sigma - eta*dir(m*g)                            in the first sigma_tasks tasks only
 *     theta <- m*sigma + tau */
#include "method/solvers/retroactive_update.h"
#include "method/solvers/state.h"

#include <string.h>

static bool trains_sigma(const struct apd_solver *solver) {
    const int place = solver->decomposition->task_count;
    return place == 0 || place < solver->settings.sigma_tasks;
}

/* Where the next task trains sigma, this one will have an entry for each weight; where this one does not, sigma was rounded before. */
static void fixed_begin_task(struct apd_solver *solver, int b) {
    (void)b;
    if (!trains_sigma(solver))
        solver->sigma_bits = 0;
    solver->whole = solver->decomposition->task_count + 1 < solver->settings.sigma_tasks;
}

/* Weights that polishing passes over together where none has tau: a line of the cache, so that their gradient and moments are
 * not read. */
enum { POLISH_GROUP = 16 };

/* Whether one of `count` weights has tau. */
static bool any_tau(const float *tau, int64_t count) {
    int any = 0;
    for (int64_t i = 0; i < count; i++)
        any |= tau[i] != 0.0f;
    return any != 0;
}

/* Weights j .. j+count-1 of a row with mask `mask`, while sigma moves. */
static void step_both(struct apd_solver *solver, solver_block *block, int64_t j, int64_t count, float mask,
                      const float *g) {
    sigma_target to;
    apd_solver_aim_sigma(solver, block, j, count, mask, g, &to);
    apd_solver_step_tau(solver, block, j, count, mask, g);
    memcpy(block->sigma + j, to.z, (size_t)count * sizeof *to.z);
}

/* The same while sigma stays. */
static void step_own(struct apd_solver *solver, solver_block *block, int64_t j, int64_t count, float mask,
                     const float *g) {
    if (!solver->polishing) {
        apd_solver_step_tau(solver, block, j, count, mask, g);
        return;
    }
    for (int64_t c = 0, group; c < count; c += group) {
        group = count - c < POLISH_GROUP ? count - c : POLISH_GROUP;
        if (any_tau(block->tau + j + c, group))
            apd_solver_step_tau(solver, block, j + c, group, mask, g + c);
    }
}

static void fixed_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const int64_t cols = block->cols;
    const bool moves = trains_sigma(solver);
    for (int64_t r = rows.begin; r < rows.end; r++, gradient += cols, theta += cols) {
        const float mask = block->mask[r], *sigma = block->sigma + r * cols, *tau = block->tau + r * cols;
        apd_solver_step_mask(solver, block, r, mask * (1.0f - mask) * apd_dot(gradient, sigma, cols));
        for (int64_t c = 0; c < cols; c += STEP_CHUNK) {
            const int64_t count = cols - c < STEP_CHUNK ? cols - c : STEP_CHUNK;
            (moves ? step_both : step_own)(solver, block, r * cols + c, count, mask, gradient + c);
        }
        if (apd_solver_shows_stored(solver))
            apd_solver_stored_row(solver, block, r, theta);
        else
            for (int64_t c = 0; c < cols; c++)
                theta[c] = block->mask[r] * sigma[c] + tau[c];
    }
}

static void fixed_end_task(struct apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    apd_solver_store_theta(solver, b, &part->blocks[b].tau);
    if (trains_sigma(solver))
        (void)apd_retroactive_update(solver->decomposition, b, anchor, 0.0);
}

const solver_operations apd_solver_fixed = {
    .begin_task = fixed_begin_task, .step = fixed_step, .end_task = fixed_end_task};
