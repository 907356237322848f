/* types: what a solver, its callers and the checkpoint share. */
#ifndef APD_METHOD_SOLVERS_TYPES_H
#define APD_METHOD_SOLVERS_TYPES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_solver_settings {
    double lambda1;      /* weight of the l1 penalty on tau; >= 0 */
    double lambda2;      /* weight of the retroactive term; > 0, or INFINITY */
    double mask_init;    /* in (0, 1) */
    int sigma_tasks;     /* of apd-fixed: how many tasks train sigma; 0 counts as 1 */
    bool sigma_given;    /* sigma has its first values */
    double l2t_strength; /* >= 0, or INFINITY */
    double ewc_strength; /* >= 0 */
    double ewc_decay;    /* in [0, 1] */
    bool ewc_online;
    double packnet_prune; /* in [0, 1) */
    double wsn_density;   /* in (0, 1] */
    bool coded;           /* what is stored has few bits (stored.h); methods with `coded` alone heed it */
    int tau_bits;         /* then: 2 .. 16 */
    int sigma_bits;       /* then: 2 .. 16, 16 but where sigma comes to rest */
    double weight_decay;  /* adds weight_decay*theta to the gradient of decomposed weights and of the head */
    double beta1, beta2, epsilon; /* Adam's */
    uint64_t seed;
} apd_solver_settings;

/* Whose batch the next step takes. A finished task is named by its place, the task in training by -1. */
typedef struct apd_solver_turn {
    int place;
    int64_t number; /* of the step among this task's, from 1; 0: as the solver counts */
    int shown;      /* the task whose theta steps and apd_solver_theta give: that of the step after */
} apd_solver_turn;

/* An array that steps change: (rows, width) of a block's slice. `name` is unique within the block. */
typedef struct apd_solver_array {
    char name[48]; /* "tau", "tau_first", "sigma", "old000003_tau", ... */
    int block;
    int64_t rows, width;
    float *values;
    float *snapshot; /* the copy made by apd_solver_snapshot; NULL: none */
    bool parameter;  /* part of a snapshot; moments and such are not */
} apd_solver_array;

typedef struct apd_solver_progress {
    int64_t steps;                   /* of the task in training so far */
    int32_t polishing, has_snapshot; /* 0 or 1 */
} apd_solver_progress;

#endif
