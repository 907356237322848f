/* subnetwork: what packnet and wsn share: which weights finished tasks use, which the task in training, and the largest numbers of
 * a row. Private to this room.
 *
 * Both papers take the largest of a whole layer. Here they are those of each row, the weights into one neuron or channel:
 * the rows of a layer lie on different ranks, and a threshold of the layer would cost a message in every step and depend on
 * who has which row. */
#ifndef APD_METHOD_SOLVERS_SUBNETWORK_H
#define APD_METHOD_SOLVERS_SUBNETWORK_H

#include "method/solvers/state.h"

/* A block's `own`: flags (local rows, C) of 0 and 1. */
typedef struct subnetwork {
    uint8_t *frozen; /* some finished task uses the weight: it stays */
    uint8_t *active; /* the task in training uses it */
    bool stale;      /* active is to be found again */
    uint32_t *keys;  /* (C): room for apd_largest */
} subnetwork;

/* Make `own` of a block: frozen as the decomposition's tasks say, nothing active. */
subnetwork *apd_subnetwork_begin(struct apd_solver *solver, int block);
void apd_subnetwork_release(struct apd_solver *solver, int block);
int64_t apd_subnetwork_bytes(const struct apd_solver *solver, int block);

/* Store the active weights as the task's bits. */
void apd_subnetwork_store(const struct apd_solver *solver, int block, apd_task_part *part);

/* Flag the `keep` of `count` values that are largest by magnitude, among those that are not excluded (NULL: all); of equal ones
 * the first. `keep` is at most the number of candidates; `keys` (count) is room. Linear in count. */
void apd_largest(const float *values, const uint8_t *excluded, int64_t count, int64_t keep, uint32_t *keys,
                 uint8_t *chosen);

#endif
