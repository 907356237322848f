#include "network/fisher.h"

#include "base/memory.h"

#include <stdlib.h>

enum {
    CHUNK = 4096, /* floats of a factored gradient that are made at a time, at least a row */
    MOST_HELD = 32,
    HELD_FLOATS = 1 << 20 /* of the gradients that are held */
};

struct apd_fisher {
    const apd_network *network;
    apd_workspace *workspace;
    apd_gradient_layout *layout; /* of one image's gradient */
    int room, held;              /* images whose gradients can be held, and are */
    float *gradients;            /* (room, layout->size) */
    float *rows;                 /* some rows of a factored gradient */
};

apd_fisher *apd_fisher_create(const apd_network *network) {
    const apd_layout *layout = apd_network_layout(network);
    apd_fisher *fisher = apd_allocate(1, sizeof *fisher, "the Fisher information");
    fisher->network = network;
    fisher->workspace = apd_workspace_create(network, 1);
    fisher->layout = apd_gradient_layout_create(layout, 1);
    int64_t room = HELD_FLOATS / fisher->layout->size;
    fisher->room = room < 1 ? 1 : room > MOST_HELD ? MOST_HELD : (int)room;
    fisher->gradients = apd_allocate(fisher->room * fisher->layout->size, sizeof(float), "images' gradients");
    int64_t most = CHUNK;
    for (int b = 0; b < layout->block_count; b++)
        most = layout->blocks[b].cols > most ? layout->blocks[b].cols : most;
    fisher->rows = apd_allocate(most, sizeof(float), "an image's gradient");
    return fisher;
}

void apd_fisher_destroy(apd_fisher *fisher) {
    if (fisher == NULL)
        return;
    apd_workspace_destroy(fisher->workspace);
    apd_gradient_layout_destroy(fisher->layout);
    free(fisher->gradients);
    free(fisher->rows);
    free(fisher);
}

static void add_squares(const float *restrict gradient, int64_t count, float *restrict sums) {
    for (int64_t i = 0; i < count; i++)
        sums[i] += gradient[i] * gradient[i];
}

/* Rows of the block's gradient by image `n` of those held. */
static const float *rows_of(const apd_fisher *fisher, int n, int b, apd_rows rows) {
    const int64_t cols = fisher->layout->layout->blocks[b].cols;
    const float *gradient = fisher->gradients + n * fisher->layout->size;
    if (!fisher->layout->blocks[b].factored)
        return gradient + fisher->layout->blocks[b].weight + rows.begin * cols;
    apd_gradient_rows(fisher->layout, gradient, b, rows, (apd_rows){0, cols}, fisher->rows, cols);
    return fisher->rows;
}

/* A few rows for all images held, so that their sums stay in cache. */
static void add_block(const apd_fisher *fisher, int b, float *sums) {
    const apd_block *block = &fisher->layout->layout->blocks[b];
    int64_t height = CHUNK > block->cols ? CHUNK / block->cols : 1;
    for (apd_rows rows = {0, 0}; rows.begin < block->rows; rows.begin = rows.end) {
        rows.end = rows.begin + height < block->rows ? rows.begin + height : block->rows;
        for (int n = 0; n < fisher->held; n++)
            add_squares(rows_of(fisher, n, b, rows), (rows.end - rows.begin) * block->cols,
                        sums + rows.begin * block->cols);
    }
}

void apd_fisher_flush(apd_fisher *fisher, float *sums) {
    const apd_layout *layout = fisher->layout->layout;
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            add_block(fisher, b, sums + layout->blocks[b].weight);
    fisher->held = 0;
}

void apd_fisher_add(apd_fisher *fisher, const float *theta, const float *image, int32_t label, int classes,
                    float *sums) {
    float *gradient = fisher->gradients + fisher->held++ * fisher->layout->size;
    (void)apd_network_forward(fisher->network, theta, image, 1, classes, NULL, 0, fisher->workspace);
    (void)apd_network_loss(fisher->network, &label, 0.0, 1.0f, fisher->workspace);
    apd_network_backward(fisher->network, theta, fisher->layout, gradient, fisher->workspace, NULL, NULL);
    if (fisher->held == fisher->room)
        apd_fisher_flush(fisher, sums);
}
