#include "network/fisher.h"

#include "base/memory.h"

#include <stdlib.h>

enum { HEIGHT = 24 }; /* rows of a dense layer that are made at a time, so that they stay in the cache */

struct apd_fisher {
    const apd_network *network;
    apd_workspace *workspace;
    apd_gradient_layout *layout; /* by image */
    float *gradient;             /* (layout->size) */
    float *rows;                 /* (HEIGHT, the most columns of a block) */
    float *sums;                 /* of the present call */
};

apd_fisher *apd_fisher_create(const apd_network *network, int images, apd_workspace *workspace) {
    const apd_layout *layout = apd_network_layout(network);
    apd_fisher *fisher = apd_allocate(1, sizeof *fisher, "the Fisher information");
    fisher->network = network;
    fisher->workspace = workspace;
    fisher->layout = apd_gradient_layout_create_by_image(layout, images);
    fisher->gradient = apd_allocate(fisher->layout->size, sizeof(float), "images' gradients");
    int64_t most = 0;
    for (int b = 0; b < layout->block_count; b++)
        most = layout->blocks[b].cols > most ? layout->blocks[b].cols : most;
    fisher->rows = apd_allocate(HEIGHT * most, sizeof(float), "images' gradients");
    return fisher;
}

void apd_fisher_destroy(apd_fisher *fisher) {
    if (fisher == NULL)
        return;
    apd_gradient_layout_destroy(fisher->layout);
    free(fisher->gradient);
    free(fisher->rows);
    free(fisher);
}

static void add_squares(const float *restrict gradient, int64_t count, float *restrict sums) {
    for (int64_t i = 0; i < count; i++)
        sums[i] += gradient[i] * gradient[i];
}

static void add(const float *restrict squares, int64_t count, float *restrict sums) {
    for (int64_t i = 0; i < count; i++)
        sums[i] += squares[i];
}

/* A dense block's squares, of all images of the pass. */
static void add_dense(const apd_fisher *fisher, int b, float *sums) {
    const apd_block *block = &fisher->layout->layout->blocks[b];
    apd_dense_square_factors(block->rows, block->cols, fisher->gradient + fisher->layout->blocks[b].weight);
    for (apd_rows rows = {0, 0}; rows.begin < block->rows; rows.begin = rows.end) {
        rows.end = rows.begin + HEIGHT < block->rows ? rows.begin + HEIGHT : block->rows;
        apd_gradient_rows(fisher->layout, fisher->gradient, b, rows, (apd_rows){0, block->cols}, fisher->rows,
                          block->cols);
        add(fisher->rows, (rows.end - rows.begin) * block->cols, sums + rows.begin * block->cols);
    }
}

/* An apd_block_done. */
static void add_block(void *context, int b) {
    const apd_fisher *fisher = context;
    const apd_block *block = &fisher->layout->layout->blocks[b];
    const apd_gradient_block *place = &fisher->layout->blocks[b];
    if (!block->decomposed)
        return;
    if (place->factored)
        add_dense(fisher, b, fisher->sums + block->weight);
    else
        add_squares(fisher->gradient + place->weight, block->rows * block->cols,
                    fisher->sums + block->weight);
}

void apd_fisher_add(apd_fisher *fisher, const float *theta, const float *images, const int32_t *labels, int n,
                    int classes, float *sums) {
    fisher->sums = sums;
    (void)apd_network_forward(fisher->network, theta, images, n, classes, NULL, 0, fisher->workspace);
    (void)apd_network_loss(fisher->network, labels, (apd_targets){0}, 1.0f, fisher->workspace);
    apd_network_backward(fisher->network, theta, fisher->layout, fisher->gradient, fisher->workspace,
                         add_block, fisher);
}
