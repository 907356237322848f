/* solver_bench: a small network with its decomposition and a solver, and what the solvers' tests compare
 * with, in double, written from the formulae. cmocka.h comes before this header. */
#ifndef APD_TESTS_SOLVER_BENCH_H
#define APD_TESTS_SOLVER_BENCH_H

#include "method/solvers/solver.h"
#include "method_cases.h"

#include <string.h>

enum { ROOM = 32, BLOCK_ROWS = 5, COLS = 6, SIZE = BLOCK_ROWS * COLS };

/* --- a network 6 - 5 - 4 - head of 3, its decomposition on some rows, and a solver ----------------------- */

typedef struct bench {
    apd_network *network;
    const apd_layout *layout;
    apd_decomposition *d;
    apd_solver *solver;
    apd_solver_settings settings;
    float weights[TOY_BLOCKS][ROOM], bias[TOY_BLOCKS][BLOCK_ROWS]; /* what the last step wrote */
} bench;

static const apd_solver_settings usual = {.lambda1 = 4e-4,
                                          .lambda2 = INFINITY,
                                          .mask_init = 0.6,
                                          .sigma_bits = 16,
                                          .l2t_strength = 10.0,
                                          .packnet_prune = 0.5,
                                          .wsn_density = 0.5,
                                          .ewc_strength = 1000.0,
                                          .ewc_decay = 1.0,
                                          .beta1 = 0.9,
                                          .beta2 = 0.999,
                                          .epsilon = 1e-8,
                                          .seed = 5};

static inline apd_network *toy_network(void) {
    const apd_layer_spec layers[] = {{.kind = APD_LAYER_DENSE, .units = 5},
                                     {.kind = APD_LAYER_RELU},
                                     {.kind = APD_LAYER_DENSE, .units = 4}};
    apd_network *network;
    apd_error error = {0};
    assert_int_equal(
        apd_network_create((apd_image_shape){1, 1, COLS}, layers, 3, TOY_CLASSES, &network, &error), APD_OK);
    return network;
}

/* Thirds `from` to `to` of all rows, with `tasks` random finished tasks. */
static inline void bench_init(bench *on, const apd_method *kind, const apd_solver_settings *settings,
                              int from, int to, int tasks, double density) {
    apd_rows rows[TOY_BLOCKS];
    memset(on, 0, sizeof *on);
    on->network = toy_network();
    on->layout = apd_network_layout(on->network);
    on->settings = *settings;
    toy_rows(on->layout, from, to, rows);
    on->d = apd_decomposition_create(on->layout, rows);
    fill_sigma(on->d, 0.3);
    for (int t = 0; t < tasks; t++)
        append_random_task(on->d, density, 0.01, true, false);
    on->solver = apd_solver_create(kind, on->network, on->d, settings);
}

static inline void bench_clear(bench *on) {
    apd_solver_destroy(on->solver);
    apd_decomposition_destroy(on->d);
    apd_network_destroy(on->network);
}

/* A gradient as in training: a constant drift for each weight, and noise in each step. */
static inline double gradient_of(const bench *on, int task, int step, int b, int64_t r, int64_t c,
                                 double scale) {
    numbers drift = weight_numbers(on->d, 500 + task, b, r, c);
    numbers noise = weight_numbers(on->d, 10000 + task * 1000 + step, b, r, c);
    double mean = between(&drift, -1.0, 1.0);
    return (double)(float)(scale * (mean * mean * mean * 0.5 + between(&noise, -1.0, 1.0)));
}

static inline void fill_gradient(const bench *on, int task, int step, int b, double scale, float *gradient,
                                 float *bias) {
    for (int64_t r = 0, j = 0; r < apd_local_rows(on->d, b); r++) {
        bias[r] = (float)gradient_of(on, task, step, b, r, 99, scale);
        for (int64_t c = 0; c < on->layout->blocks[b].cols; c++, j++)
            gradient[j] = (float)gradient_of(on, task, step, b, r, c, scale);
    }
}

/* Sigma of a block in training, as a checkpoint reads it; NULL: there is none. */
static inline const float *sigma_of(const apd_solver *solver, int block) {
    for (int i = 0; i < apd_solver_array_count(solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        if (array->block == block && strcmp(array->name, "sigma") == 0)
            return array->values;
    }
    return NULL;
}

/* One block in one call. */
static inline void step_block(apd_solver *solver, const apd_decomposition *d, int block,
                              const float *gradient, const float *bias_gradient, float *weights,
                              float *bias) {
    apd_solver_step_rows(solver, block, (apd_rows){0, apd_local_rows(d, block)}, gradient, bias_gradient,
                         weights, bias);
}

static inline void random_step(bench *on, int task, int step, double rate) {
    float gradient[ROOM], bias[BLOCK_ROWS];
    apd_solver_begin_step(on->solver, rate);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        fill_gradient(on, task, step, b, 1e-3, gradient, bias);
        step_block(on->solver, on->d, b, gradient, bias, on->weights[b], on->bias[b]);
    }
}

static inline void random_task(bench *on, int task, int steps) {
    apd_solver_begin_task(on->solver, task, TOY_CLASSES);
    for (int k = 0; k < steps; k++)
        random_step(on, task, k, 1e-3);
    apd_solver_end_task(on->solver);
}

/* --- references -------------------------------------------------------------------------------------------
 */

typedef struct adam {
    double first, second;
} adam;

/* Adam's direction and rate after `step` steps (from 1). */
static inline void adam_move(adam *a, const apd_solver_settings *s, int step, double rate, double gradient,
                             double *direction, double *eta) {
    a->first = s->beta1 * a->first + (1.0 - s->beta1) * gradient;
    a->second = s->beta2 * a->second + (1.0 - s->beta2) * gradient * gradient;
    *direction = a->first / (1.0 - pow(s->beta1, step));
    *eta = rate / (sqrt(a->second / (1.0 - pow(s->beta2, step))) + s->epsilon);
}

static inline double adam_step_of(adam *a, const apd_solver_settings *s, int step, double rate,
                                  double gradient) {
    double direction, eta;
    adam_move(a, s, step, rate, gradient, &direction, &eta);
    return eta * direction;
}

static inline double soft(double x, double k) {
    return copysign(fmax(fabs(x) - k, 0.0), x);
}

/* The old tasks of one weight: theta and mask. */
typedef struct old_tasks {
    int count;
    double theta[64], mask[64];
} old_tasks;

/* The old tasks of weight (r, c) of block b. */
static inline old_tasks old_of(const apd_decomposition *d, float thetas[][ROOM], int b, int64_t j) {
    old_tasks old = {0};
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[b].mask != NULL) {
            old.mask[old.count] = (double)d->tasks[t]->blocks[b].mask[j / d->layout->blocks[b].cols];
            old.theta[old.count++] = (double)thetas[t][j];
        }
    return old;
}

static inline void old_thetas(const apd_decomposition *d, int b, float thetas[][ROOM]) {
    float bias[BLOCK_ROWS];
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL)
            apd_decomposition_theta(d, t, b, thetas[t], bias);
}

static inline double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

#endif
