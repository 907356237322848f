#include "io/checkpoint/theta.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static apd_status read_item(apd_reader *reader, apd_item_key key, apd_item *out, apd_error *error) {
    apd_item item = apd_item_whole(key, apd_reader_layout(reader), apd_reader_state(reader));
    apd_status status = apd_reader_item(reader, &item, error);
    if (status == APD_OK)
        *out = item;
    else
        apd_item_clear(&item);
    return status;
}

apd_status apd_theta_read_task(apd_reader *reader, int place, apd_item *out, apd_error *error) {
    return read_item(reader, (apd_item_key){APD_ITEM_TASK, place, 0}, out, error);
}

apd_status apd_theta_read_terms(apd_reader *reader, apd_theta_terms *out, apd_error *error) {
    const apd_run_state *state = apd_reader_state(reader);
    apd_theta_terms terms = {.blocks = state->block_count - 1, .state = state};
    apd_status status = APD_OK;
    terms.sigma = apd_allocate(terms.blocks, sizeof *terms.sigma, "sigma");
    terms.clusters = apd_allocate(terms.blocks, sizeof *terms.clusters, "clusters");
    for (int b = 0; b < terms.blocks; b++) /* in the order of the parts */
        APD_GO(read_item(reader, (apd_item_key){APD_ITEM_SIGMA, b, 0}, &terms.sigma[b], error));
    for (int b = 0; b < terms.blocks; b++) {
        terms.clusters[b] = apd_allocate(state->shared[b].clusters, sizeof **terms.clusters, "clusters");
        for (int g = 0; g < state->shared[b].clusters; g++)
            APD_GO(read_item(reader, (apd_item_key){APD_ITEM_CLUSTER, b, g}, &terms.clusters[b][g], error));
    }
    *out = terms;
    return APD_OK;
out:
    apd_theta_clear_terms(&terms);
    return status;
}

void apd_theta_clear_terms(apd_theta_terms *terms) {
    for (int b = 0; b < terms->blocks; b++) {
        apd_item_clear(&terms->sigma[b]);
        for (int g = 0; terms->clusters[b] != NULL && g < terms->state->shared[b].clusters; g++)
            apd_item_clear(&terms->clusters[b][g]);
        free(terms->clusters[b]);
    }
    free((void *)terms->clusters);
    free(terms->sigma);
    *terms = (apd_theta_terms){0};
}

/* out += values, or = values, at the entries of a block's sparse rows. */
static void lay_entries(const apd_sparse *sparse, int64_t cols, bool add, float *out) {
    for (int64_t r = 0; r < sparse->rows; r++)
        for (int64_t e = sparse->offsets[r]; e < sparse->offsets[r + 1]; e++) {
            float *at = &out[r * cols + sparse->columns[e]];
            *at = add ? *at + sparse->values[e] : sparse->values[e];
        }
}

void apd_theta_compose(const apd_theta_terms *terms, const apd_item *task, int block, float *weights,
                       float *bias) {
    const apd_block *shape = &task->layout->blocks[block];
    const apd_task_block *own = &task->own[block];
    int64_t rows = apd_item_rows(task, block, (apd_rows){0, shape->rows}).end, cols = shape->cols;
    memcpy(bias, own->bias, (size_t)rows * sizeof *bias);
    if (own->dense != NULL) {
        memcpy(weights, own->dense, (size_t)(rows * cols) * sizeof *weights);
        return;
    }
    const float *sigma = terms->sigma[block].own->dense;
    for (int64_t r = 0, j = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++, j++)
            weights[j] = own->bits != NULL && !apd_bit(own->bits + r * apd_bit_bytes(cols), c) ? 0.0f
                         : own->mask != NULL ? own->mask[r] * sigma[j]
                                             : sigma[j];
    const int32_t *groups = terms->state->records[task->key.of].groups;
    if (groups != NULL && groups[block] >= 0)
        lay_entries(&terms->clusters[block][groups[block]].own->tau, cols, true, weights);
    lay_entries(&own->tau, cols, false, weights);
}
