/* packnet: iterative pruning (Mallya and Lazebnik, "PackNet: Adding Multiple Tasks to a Single Network by Iterative Pruning",
 * CVPR 2018, arXiv 1711.05769). A task trains the weights that no earlier task keeps, with all of those in use, by Adam. When
 * polishing begins, it keeps the largest of them and sets the share method.packnet_prune of each row to 0 (subnetwork.h says why of
 * a row), and trains on what it kept. Its subnetwork is that and all of the earlier ones; from here on neither moves.
 *
 * The paper prunes 0.5 or 0.75 where three to six tasks are to come. As in the paper, free weights begin each task but the first
 * with 0. */
#include "method/solvers/subnetwork.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void packnet_begin_task(struct apd_solver *solver, int b) {
    (void)apd_subnetwork_begin(solver, b);
}

static void packnet_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient,
                         float *theta) {
    const adam_step adam = solver->adam;
    const float decay = (float)solver->settings.weight_decay;
    const bool polishing = solver->polishing;
    solver_block *block = &solver->blocks[b];
    const subnetwork *own = block->own;
    const int64_t first = rows.begin * block->cols, count = (rows.end - rows.begin) * block->cols;
    const uint8_t *restrict frozen = own->frozen + first;
    float *restrict sigma = block->sigma + first;
    float *restrict m = block->sigma_moments.first + first, *restrict v = block->sigma_moments.second + first;
    for (int64_t j = 0; j < count; j++) {
        const bool stays = frozen[j] != 0 || (polishing && sigma[j] == 0.0f);
        float direction, eta, slope = stays ? 0.0f : gradient[j] + decay * sigma[j];
        adam_direction(&adam, &m[j], &v[j], slope, &direction, &eta);
        sigma[j] = stays ? sigma[j] : sigma[j] - eta * direction;
    }
    memcpy(theta, sigma, (size_t)count * sizeof *theta);
}

/* Set the smallest weights that are free to 0: of f in a row, floor(prune*f). */
static void prune(struct apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    const subnetwork *own = block->own;
    for (int64_t r = 0; r < block->rows; r++) {
        const uint8_t *frozen = own->frozen + r * block->cols;
        uint8_t *active = own->active + r * block->cols;
        float *sigma = block->sigma + r * block->cols;
        int64_t free_weights = 0;
        for (int64_t c = 0; c < block->cols; c++)
            free_weights += frozen[c] == 0;
        int64_t pruned = (int64_t)floor(solver->settings.packnet_prune * (double)free_weights);
        apd_largest(sigma, frozen, block->cols, free_weights - pruned, own->keys, active);
        for (int64_t c = 0; c < block->cols; c++) {
            sigma[c] = frozen[c] != 0 || active[c] != 0 ? sigma[c] : 0.0f;
            active[c] |= frozen[c];
        }
    }
}

/* Prunes again, which changes nothing unless the weights are those from before polishing. */
static void packnet_end_task(struct apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    (void)anchor;
    prune(solver, b);
    memcpy(solver->decomposition->sigma[b], block->sigma,
           (size_t)(block->rows * block->cols) * sizeof(float));
    apd_subnetwork_store(solver, b, part);
}

const solver_operations apd_solver_packnet = {.begin_task = packnet_begin_task,
                                              .step = packnet_step,
                                              .begin_polish = prune,
                                              .end_task = packnet_end_task,
                                              .release = apd_subnetwork_release,
                                              .bytes = apd_subnetwork_bytes};
