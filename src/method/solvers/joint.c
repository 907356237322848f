/* joint: the scheme of the paper (Yoon et al. 2020, eq. 2), kept for reproduction and as a check on the exact solver.
 *
 * Adam on sigma, the mask, tau_t and every old tau_i, with the subgradient of |tau| (0 at 0) and the retroactive term
 *     lambda2*||theta*_i - (m_i*sigma + sigma_g(i) + tau_i)||^2.
 * A step costs in proportion to the number of old tasks; tau, moments and target of each are dense while a task trains.
 * At the end every tau with |tau| <= lambda1 is set to 0, as the authors' code does. */
#include "base/memory.h"
#include "method/solvers/solver.h"
#include "method/solvers/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One finished task while another trains: (rows, C) each. */
typedef struct old_task {
    int place;
    float *tau, *target, *shared; /* shared: sigma_g, which stays */
    adam_moments moments;
} old_task;

typedef struct joint_block {
    old_task *tasks;
    int count;
} joint_block;

static void begin_old(apd_solver *solver, int b, int place, old_task *old) {
    const solver_block *block = &solver->blocks[b];
    const float *mask = solver->decomposition->tasks[place]->blocks[b].mask;
    int64_t size = block->rows * block->cols;
    char name[32];
    (void)snprintf(name, sizeof name, "old%06d_tau", place);
    old->tau = apd_solver_track(solver, b, name, block->cols, false);
    old->moments = apd_solver_track_moments(solver, b, name, block->cols);
    old->target = apd_allocate(size, sizeof(float), "an old task in the joint solver");
    old->shared = apd_allocate(size, sizeof(float), "an old task in the joint solver");
    old->place = place;
    float *bias = apd_allocate(block->rows, sizeof(float), "an old task's biases");
    apd_decomposition_theta(solver->decomposition, place, b, old->target, bias);
    free(bias);
    for (int64_t r = 0; r < block->rows; r++) {
        int number = solver->decomposition->tasks[place]->blocks[b].group;
        apd_sparse_cursor group = apd_group_cursor(solver->decomposition, b, number, r);
        for (int64_t e = 0; e < group.left; e++)
            old->shared[r * block->cols + group.columns[e]] = group.values[e];
        for (int64_t j = r * block->cols; j < (r + 1) * block->cols; j++)
            old->tau[j] = old->target[j] - (mask[r] * block->sigma[j] + old->shared[j]);
    }
}

static void joint_begin_task(apd_solver *solver, int b) {
    const apd_decomposition *d = solver->decomposition;
    joint_block *own = solver->blocks[b].own = apd_allocate(1, sizeof *own, "the joint solver");
    own->tasks = apd_allocate(d->task_count, sizeof *own->tasks, "the joint solver");
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, b))
            begin_old(solver, b, t, &own->tasks[own->count++]);
}

static void joint_release(apd_solver *solver, int b) {
    joint_block *own = solver->blocks[b].own;
    for (int i = 0; i < own->count; i++) {
        free(own->tasks[i].target);
        free(own->tasks[i].shared);
    }
    free(own->tasks);
}

static int64_t joint_bytes(const apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    const joint_block *own = block->own;
    return own->count * 2 * block->rows * block->cols * (int64_t)sizeof(float);
}

/* Of an old task: tau and its two moments, tracked; target and sigma_g. */
enum { OLD_ARRAYS = 5 };

static int64_t joint_finished_bytes(int64_t weights, int64_t tasks, int64_t entries) {
    (void)entries;
    return OLD_ARRAYS * tasks * weights * (int64_t)sizeof(float);
}

static float sign_of(float x) {
    return (float)((x > 0.0f) - (x < 0.0f));
}

/* A row of an old task: adds its share of the gradient by sigma, and steps its tau.
 *     residual = m*sigma + sigma_g + tau - theta*
 *     d/d sigma = 2*lambda2*m*residual,   d/d tau = 2*lambda2*residual + lambda1*sign(tau) */
static void step_old_row(apd_solver *solver, const solver_block *block, old_task *old, float mask, int64_t j,
                         float *sigma_gradient) {
    const adam_step adam = solver->adam;
    const float twice_lambda2 = (float)(2.0 * solver->settings.lambda2);
    const float lambda1 = (float)solver->settings.lambda1;
    for (int64_t c = 0; c < block->cols; c++) {
        float residual =
            mask * block->sigma[j + c] + old->shared[j + c] + old->tau[j + c] - old->target[j + c];
        float direction, eta;
        sigma_gradient[c] += twice_lambda2 * mask * residual;
        adam_direction(&adam, &old->moments.first[j + c], &old->moments.second[j + c],
                       twice_lambda2 * residual + lambda1 * sign_of(old->tau[j + c]), &direction, &eta);
        old->tau[j + c] -= eta * direction;
    }
}

/* One row; `gradient` (C) is that of theta. */
static void joint_step_row(apd_solver *solver, int b, int64_t r, const float *gradient, float *scratch) {
    solver_block *block = &solver->blocks[b];
    joint_block *own = block->own;
    const float lambda1 = (float)solver->settings.lambda1, decay = (float)solver->settings.weight_decay;
    int64_t cols = block->cols, j = r * cols;
    float mask = block->mask[r];
    float *tau_gradient = scratch, *sigma_gradient = scratch + cols;
    for (int64_t c = 0; c < cols; c++) {
        float slope = gradient[c] + decay * (mask * block->sigma[j + c] + block->tau[j + c]);
        tau_gradient[c] = slope + lambda1 * sign_of(block->tau[j + c]);
        sigma_gradient[c] = mask * slope;
    }
    float mask_slope = mask * (1.0f - mask) * apd_dot(gradient, block->sigma + j, cols);
    for (int i = 0; i < own->count; i++)
        step_old_row(solver, block, &own->tasks[i],
                     solver->decomposition->tasks[own->tasks[i].place]->blocks[b].mask[r], j, sigma_gradient);
    adam_moments tau = {block->tau_moments.first + j, block->tau_moments.second + j};
    adam_moments sigma = {block->sigma_moments.first + j, block->sigma_moments.second + j};
    apd_adam_update(&solver->adam, block->tau + j, tau, tau_gradient, 0.0f, cols);
    apd_adam_update(&solver->adam, block->sigma + j, sigma, sigma_gradient, 0.0f, cols);
    apd_solver_step_mask(solver, block, r, mask_slope);
}

static void joint_step(apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    float *scratch = apd_allocate(2 * block->cols, sizeof(float), "a row's gradients");
    for (int64_t r = rows.begin; r < rows.end; r++, gradient += block->cols, theta += block->cols) {
        const float *sigma = block->sigma + r * block->cols, *tau = block->tau + r * block->cols;
        joint_step_row(solver, b, r, gradient, scratch);
        for (int64_t c = 0; c < block->cols; c++)
            theta[c] = block->mask[r] * sigma[c] + tau[c];
    }
    free(scratch);
}

static void joint_end_task(apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    joint_block *own = block->own;
    (void)anchor;
    apd_solver_store_tau(block, solver->settings.lambda1, NULL, &part->blocks[b].tau);
    apd_decomposition_revised(solver->decomposition, b);
    for (int i = 0; i < own->count; i++) {
        apd_task_part *old = solver->decomposition->tasks[own->tasks[i].place];
        solver_block view = *block;
        view.tau = own->tasks[i].tau;
        view.mask = old->blocks[b].mask;
        apd_solver_store_tau(&view, solver->settings.lambda1, own->tasks[i].shared, &old->blocks[b].tau);
        old->moved = old->changed = true;
    }
}

const solver_operations apd_solver_joint = {.begin_task = joint_begin_task,
                                            .step = joint_step,
                                            .end_task = joint_end_task,
                                            .release = joint_release,
                                            .bytes = joint_bytes,
                                            .finished_bytes = joint_finished_bytes};
