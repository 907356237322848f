/* wsn: winning subnetworks (Kang, Mina, Madjid, Yoon, Hasegawa-Johnson, Hwang and Yoo, "Forget-free Continual Learning with Winning
 * Subnetworks", ICML 2022, and its code). Every weight has a score s; a task uses the weights with the largest |s|, the share
 * method.wsn_density of each row (subnetwork.h says why of a row: the one deviation). Scores go on from task to task; Adam starts
 * anew. With G the gradient by theta = m*sigma, m 1 where a weight is used and else 0, gradients go straight through the choice:
 *
 *     d/d s = G * sigma * sign(s)       d/d sigma = G * m where no finished task uses the weight, else 0
 *
 * The weights that a finished task uses never move again, whichever task goes on to use them. The bits that are stored are
 * those of the last step's scores, with which the accuracies are measured.
 *
 * The paper: Adam 1e-3, batches of 64, at most 50 epochs, images divided by 255, density 0.5 best for LeNet. */
#include "base/memory.h"
#include "method/solvers/subnetwork.h"

#include <math.h>
#include <string.h>

/* The moment of a weight that stays unused shrinks to denormal numbers, with which processors are slow. */
#define TINY 1e-30f

/* A block's `lasting`. */
typedef struct wsn_scores {
    float *values;
    adam_moments moments;
} wsn_scores;

/* The first scores are uniform within 1/sqrt(C) (PyTorch's kaiming_uniform with a = sqrt(5)). */
static void initialise_scores(const struct apd_solver *solver, int b, float *scores) {
    const solver_block *block = &solver->blocks[b];
    apd_random random = apd_random_stream(solver->settings.seed, APD_RANDOM_SCORES, (uint32_t)b, 0);
    const float bound = (float)(1.0 / sqrt((double)block->cols));
    const int64_t first = solver->decomposition->rows[b].begin * block->cols;
    for (int64_t j = 0; j < block->rows * block->cols; j++)
        scores[j] = bound * (2.0f * apd_random_uniform(&random, first + j) - 1.0f);
}

static void wsn_create(struct apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    wsn_scores *scores = block->lasting = apd_allocate(1, sizeof *scores, "scores");
    scores->values = apd_solver_track(solver, b, "scores", block->cols, true);
    scores->moments = apd_solver_track_moments(solver, b, "scores", block->cols);
    if (solver->decomposition->task_count == 0)
        initialise_scores(solver, b, apd_decomposition_shared(solver->decomposition, "scores")[b]);
}

static void wsn_begin_task(struct apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    const wsn_scores *scores = block->lasting;
    apd_subnetwork_begin(solver, b)->stale = true;
    memcpy(scores->values, apd_decomposition_shared(solver->decomposition, "scores")[b],
           (size_t)(block->rows * block->cols) * sizeof(float));
}

/* Find the weights that a row uses. */
static void choose(const struct apd_solver *solver, const solver_block *block, int64_t row) {
    const subnetwork *own = block->own;
    const wsn_scores *scores = block->lasting;
    int64_t keep = (int64_t)floor(solver->settings.wsn_density * (double)block->cols + 0.5);
    apd_largest(scores->values + row * block->cols, NULL, block->cols, keep > 1 ? keep : 1, own->keys,
                own->active + row * block->cols);
}

/* The block's flags, found again where arrays were set from outside. */
static const subnetwork *refreshed(const struct apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    subnetwork *own = block->own;
    for (int64_t r = 0; r < block->rows && own->stale; r++)
        choose(solver, block, r);
    own->stale = false;
    return own;
}

static void compose(const uint8_t *restrict active, const float *restrict sigma, int64_t count,
                    float *restrict theta) {
    for (int64_t j = 0; j < count; j++)
        theta[j] = active[j] != 0 ? sigma[j] : 0.0f;
}

static void wsn_theta(const struct apd_solver *solver, int b, float *weights) {
    const solver_block *block = &solver->blocks[b];
    compose(refreshed(solver, b)->active, block->sigma, block->rows * block->cols, weights);
}

/* Scores and weights j .. j+count-1. */
static void step_scores(const adam_step step, float *restrict score, adam_moments moments,
                        const float *restrict sigma, int64_t count, const float *restrict g) {
    float *restrict first = moments.first, *restrict second = moments.second;
    for (int64_t c = 0; c < count; c++) {
        float direction, eta, slope = g[c] * sigma[c];
        adam_direction(&step, &first[c], &second[c], score[c] < 0.0f ? -slope : slope, &direction, &eta);
        score[c] -= eta * direction;
    }
}

static void step_weights(const adam_step step, float decay, const uint8_t *restrict frozen,
                         const uint8_t *restrict active, float *restrict sigma, adam_moments moments,
                         int64_t count, const float *restrict g) {
    float *restrict first = moments.first, *restrict second = moments.second;
    for (int64_t c = 0; c < count; c++) {
        float direction, eta, slope = active[c] > frozen[c] ? g[c] + decay * sigma[c] : 0.0f;
        adam_direction(&step, &first[c], &second[c], slope, &direction, &eta);
        sigma[c] = frozen[c] != 0 ? sigma[c] : sigma[c] - eta * direction;
        first[c] = __builtin_fabsf(first[c]) < TINY ? 0.0f : first[c];
    }
}

static void wsn_step(struct apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const wsn_scores *scores = block->lasting;
    const subnetwork *own = refreshed(solver, b);
    const int64_t cols = block->cols;
    for (int64_t r = rows.begin; r < rows.end; r++, gradient += cols, theta += cols) {
        const int64_t j = r * cols;
        step_scores(solver->adam, scores->values + j,
                    (adam_moments){scores->moments.first + j, scores->moments.second + j}, block->sigma + j,
                    cols, gradient);
        step_weights(solver->adam, (float)solver->settings.weight_decay, own->frozen + j, own->active + j,
                     block->sigma + j,
                     (adam_moments){block->sigma_moments.first + j, block->sigma_moments.second + j}, cols,
                     gradient);
        choose(solver, block, r);
        compose(own->active + r * cols, block->sigma + r * cols, cols, theta);
    }
}

static void wsn_end_task(struct apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    const wsn_scores *scores = block->lasting;
    (void)anchor;
    (void)refreshed(solver, b);
    memcpy(apd_decomposition_shared(solver->decomposition, "scores")[b], scores->values,
           (size_t)(block->rows * block->cols) * sizeof(float));
    apd_subnetwork_store(solver, b, part);
}

static void wsn_rewritten(struct apd_solver *solver, int b) {
    subnetwork *own = solver->blocks[b].own;
    own->stale = true;
}

/* The arrays are tracked. */
static void wsn_destroy(struct apd_solver *solver, int b) {
    (void)solver;
    (void)b;
}

static int64_t wsn_bytes(const struct apd_solver *solver, int b) {
    return (int64_t)sizeof(wsn_scores) + apd_subnetwork_bytes(solver, b);
}

const solver_operations apd_solver_wsn = {.create = wsn_create,
                                          .begin_task = wsn_begin_task,
                                          .step = wsn_step,
                                          .theta = wsn_theta,
                                          .end_task = wsn_end_task,
                                          .release = apd_subnetwork_release,
                                          .destroy = wsn_destroy,
                                          .rewritten = wsn_rewritten,
                                          .bytes = wsn_bytes};
