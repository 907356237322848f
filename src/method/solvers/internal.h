/* solver_internal: what the three solvers share. Included by solver*.c only.
 *
 * Every array that a step changes is registered once (apd_solver_track), so that snapshots, sizes
 * and saving are loops over one list, whichever solver it is. */
#ifndef APD_METHOD_SOLVERS_INTERNAL_H
#define APD_METHOD_SOLVERS_INTERNAL_H

#include "method/solvers/solver.h"

/* First and second moments of one array (Kingma & Ba 2015). */
typedef struct adam_moments {
    float *first, *second;
} adam_moments;

/* This step's constants: direction = first*first_scale, eta = rate/(sqrt(second*second_scale) + epsilon). */
typedef struct adam_step {
    float rate, beta1, beta2, epsilon;
    float first_scale, second_scale; /* 1/(1 - beta^step) */
} adam_step;

/* The task in training, one block of it. (local rows, C) unless said otherwise; NULL where a block has none. */
typedef struct solver_block {
    int64_t rows, cols;
    float *sigma; /* on its way; the decomposition's stays where it was when the task began */
    float *tau;
    float *logit, *mask; /* (rows): v and sigmoid(v) */
    float *dense;        /* head, or a single task's theta */
    float *bias;         /* (rows) */
    adam_moments sigma_moments, tau_moments, logit_moments, dense_moments, bias_moments;
    void *own;     /* what one kind of solver adds for a task */
    void *lasting; /* what it keeps from task to task */
} solver_block;

typedef struct solver_operations {
    bool decomposed;                               /* sigma, mask and tau; else every block is dense */
    void (*create)(apd_solver *solver, int block); /* arrays of its own; or NULL */
    void (*begin_task)(apd_solver *solver, int block);
    /* `gradient` and `theta` (rows, C) are those of local rows rows.begin .. rows.end-1. */
    void (*step)(apd_solver *solver, int block, apd_rows rows, const float *gradient, float *theta);
    /* `anchor` (rows, C): sigma when the task began; the decomposition has the new one by now. */
    void (*end_task)(apd_solver *solver, int block, const float *anchor, apd_task_part *part);
    void (*release)(apd_solver *solver, int block);   /* free what `own` holds */
    void (*destroy)(apd_solver *solver, int block);   /* free what `lasting` holds; or NULL */
    void (*rewritten)(apd_solver *solver, int block); /* arrays were set from outside; or NULL */
    int64_t (*bytes)(const apd_solver *solver,
                     int block); /* of what `own` (may be NULL) and `lasting` hold */
} solver_operations;

struct apd_solver {
    const solver_operations *operations;
    const apd_network *network;
    apd_decomposition *decomposition;
    apd_solver_settings settings;
    int task_id, classes;
    int64_t steps;
    bool polishing, has_snapshot;
    adam_step adam;
    solver_block *blocks; /* (B) */
    apd_solver_array *arrays;
    int array_count, lasting; /* the first `lasting` are there from one task to the next */
};

extern const solver_operations apd_solver_exact, apd_solver_joint, apd_solver_single;

/* A zeroed array (rows of the block, width), registered under `name`; width 0: (rows). Parameters are part of a snapshot,
 * other arrays are not. One that is registered in begin_task goes when the task ends. */
float *apd_solver_track(apd_solver *solver, int block, const char *name, int64_t width, bool parameter);

/* Moments of the array `name`: NAME_first and NAME_second. */
adam_moments apd_solver_track_moments(apd_solver *solver, int block, const char *name, int64_t width);

/* sum of a[i]*b[i], in sixteen partial sums joined in a fixed order. */
float apd_dot(const float *a, const float *b, int64_t count);

/* Move `values` by a plain Adam step along gradient + decay*values. */
void apd_adam_update(const adam_step *adam, float *values, adam_moments *moments, const float *gradient,
                     float decay, int64_t count);

/* The step of a row's mask from d loss/d mask's logit. */
void apd_solver_step_mask(apd_solver *solver, solver_block *block, int64_t row, float gradient);

/* Move `moments` at i by gradient g and give Adam's direction and rate for that number. */
static inline void adam_direction(const adam_step *adam, float *first, float *second, float g,
                                  float *direction, float *eta) {
    float m = adam->beta1 * *first + (1.0f - adam->beta1) * g;
    float v = adam->beta2 * *second + (1.0f - adam->beta2) * g * g;
    *first = m;
    *second = v;
    *direction = m * adam->first_scale;
    *eta = adam->rate / (__builtin_sqrtf(v * adam->second_scale) + adam->epsilon);
}

/* Store row r of a task's theta as tau: entries where theta differs from what it is without tau. `keep[c]`
 * says whether tau is not zero at c; `shared` (rows, C) is sigma_g, NULL for none. Entries go to tau's
 * columns and values from `next` on, whose new value is returned. */
int64_t apd_solver_store_row(const solver_block *block, int64_t row, const bool *keep, const float *shared,
                             apd_sparse *tau, int64_t next);

#endif
