#include "method/solvers/state.h"

#include "base/loop.h"
#include "base/memory.h"
#include "method/solvers/proximal.h"
#include "method/solvers/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

float *apd_solver_track(struct apd_solver *solver, int block, const char *name, int64_t width,
                        bool parameter) {
    solver->arrays = apd_reallocate(solver->arrays, solver->array_count, solver->array_count + 1,
                                    sizeof *solver->arrays, "the solver's arrays");
    apd_solver_array *array = &solver->arrays[solver->array_count++];
    *array = (apd_solver_array){.block = block,
                                .rows = solver->blocks[block].rows,
                                .width = width > 0 ? width : 1,
                                .parameter = parameter};
    (void)snprintf(array->name, sizeof array->name, "%s", name);
    array->values = apd_allocate(array->rows * array->width, sizeof(float),
                                 parameter ? "parameters in training" : "Adam's moments");
    return array->values;
}

adam_moments apd_solver_track_moments(struct apd_solver *solver, int block, const char *name, int64_t width) {
    char first[sizeof solver->arrays->name], second[sizeof solver->arrays->name];
    (void)snprintf(first, sizeof first, "%s_first", name);
    (void)snprintf(second, sizeof second, "%s_second", name);
    float *moments = apd_solver_track(solver, block, first, width, false);
    return (adam_moments){moments, apd_solver_track(solver, block, second, width, false)};
}

void apd_solver_untrack(struct apd_solver *solver, int count) {
    for (int i = count; i < solver->array_count; i++) {
        free(solver->arrays[i].snapshot);
        free(solver->arrays[i].values);
    }
    solver->array_count = count;
}

float apd_dot(const float *a, const float *b, int64_t count) {
    float sums[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int k = 0; k < 16; k++)
            sums[k] += a[i + k] * b[i + k];
    for (int k = 0; i < count; i++, k++)
        sums[k] += a[i] * b[i];
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            sums[k] += sums[k + half];
    return sums[0];
}

void apd_solver_step_mask(struct apd_solver *solver, solver_block *block, int64_t row, float gradient) {
    float direction, eta;
    adam_direction(&solver->adam, &block->logit_moments.first[row], &block->logit_moments.second[row],
                   gradient, &direction, &eta);
    block->logit[row] -= eta * direction;
    block->mask[row] = (float)(1.0 / (1.0 + exp(-(double)block->logit[row])));
    if (solver->coded)
        block->mask[row] = apd_stored_mask(block->mask[row]);
}

void apd_solver_aim_sigma(const struct apd_solver *solver, const solver_block *block, int64_t j,
                          int64_t count, float mask, const float *restrict g, sigma_target *restrict to) {
    const adam_step adam = solver->adam;
    const float decay = (float)solver->settings.weight_decay;
    const float *restrict sigma = block->sigma + j, *restrict tau = block->tau + j;
    float *restrict first = block->sigma_moments.first + j;
    float *restrict second = block->sigma_moments.second + j;
    APD_INDEPENDENT
    for (int64_t c = 0; c < count; c++) {
        float direction, slope = g[c] + decay * (mask * sigma[c] + tau[c]);
        adam_direction(&adam, &first[c], &second[c], mask * slope, &direction, &to->eta[c]);
        to->z[c] = sigma[c] - to->eta[c] * direction;
    }
}

void apd_solver_step_tau(const struct apd_solver *solver, const solver_block *block, int64_t j, int64_t count,
                         float mask, const float *restrict g) {
    const adam_step adam = solver->adam;
    const float decay = (float)solver->settings.weight_decay;
    const float lambda1 = solver->polishing ? 0.0f : (float)solver->settings.lambda1;
    const bool support_only = solver->polishing;
    const float *restrict sigma = block->sigma + j;
    float *restrict tau = block->tau + j;
    float *restrict first = block->tau_moments.first + j, *restrict second = block->tau_moments.second + j;
    APD_INDEPENDENT
    for (int64_t c = 0; c < count; c++) {
        float slope = g[c] + decay * (mask * sigma[c] + tau[c]), direction, eta;
        adam_direction(&adam, &first[c], &second[c], slope, &direction, &eta);
        float moved = apd_soft(tau[c] - eta * direction, eta * lambda1);
        tau[c] = support_only && tau[c] == 0.0f ? 0.0f : moved;
    }
}

void apd_solver_store_tau(const solver_block *block, double limit, const float *shared, apd_sparse *out) {
    int64_t entries = 0;
    for (int64_t j = 0; j < block->rows * block->cols; j++)
        entries += fabs((double)block->tau[j]) > limit;
    apd_sparse_writer writer = apd_sparse_begin(block->rows, entries);
    for (int64_t r = 0, j = 0; r < block->rows; r++) {
        float mask = block->mask[r];
        for (int64_t c = 0; c < block->cols; c++, j++) {
            /* plain = mask*sigma (+ sigma_g),   theta = plain + tau */
            float plain = mask * block->sigma[j];
            if (shared != NULL && shared[j] != 0.0f)
                plain += shared[j];
            float theta = plain + block->tau[j];
            if (fabs((double)block->tau[j]) > limit && theta != plain)
                apd_sparse_put(&writer, (int32_t)c, theta);
        }
        apd_sparse_end_row(&writer, r);
    }
    apd_sparse_clear(out);
    *out = apd_sparse_end(&writer);
}

void apd_solver_stored_row(const struct apd_solver *solver, const solver_block *block, int64_t row,
                           float *theta) {
    const int64_t first = row * block->cols;
    apd_stored_row(solver->settings.tau_bits, solver->sigma_bits, solver->whole, block->mask[row],
                   block->sigma + first, block->tau + first, block->cols, theta);
}

void apd_solver_store_theta(const struct apd_solver *solver, int b, apd_sparse *out) {
    const solver_block *block = &solver->blocks[b];
    const int64_t cols = block->cols;
    if (!solver->coded) {
        apd_solver_store_tau(block, 0.0, NULL, out);
        return;
    }
    float *theta = apd_allocate(cols, sizeof *theta, "a row of theta");
    apd_sparse_writer writer = apd_sparse_begin(block->rows, 0);
    for (int64_t r = 0; r < block->rows; r++) {
        const float mask = block->mask[r], *sigma = block->sigma + r * cols, *tau = block->tau + r * cols;
        apd_solver_stored_row(solver, block, r, theta);
        for (int64_t c = 0; c < cols; c++)
            if ((solver->whole || tau[c] != 0.0f) && !apd_same_bits(theta[c], mask * sigma[c]))
                apd_sparse_put(&writer, (int32_t)c, theta[c]);
        apd_sparse_end_row(&writer, r);
    }
    free(theta);
    apd_sparse_clear(out);
    *out = apd_sparse_end(&writer);
}
