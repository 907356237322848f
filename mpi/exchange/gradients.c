#include "mpi/exchange/gradients.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>

enum {
    PIECE = 16384,     /* floats of a gradient summed at a time: 64 kB */
    PRODUCTS = 524288, /* the most of a factored one: every chunk costs a look at all factors */
    HEIGHT = 24,       /* rows of a factored one made at a time, whole tiles, and most wanted together */
    TILE = 6,          /* the least of them */
    MADE = 262144,     /* floats of them, of all shards, that are to stay in the cache: 1 MB */
    WIDTH = 6 * APD_DENSE_COLUMNS /* columns of it made at a time */
};

void apd_gradients_init(apd_gradients *gradients, const apd_gradient_layout *layout, const float **places,
                        int shards) {
    *gradients = (apd_gradients){.layout = layout,
                                 .shards = places,
                                 .leaves = apd_allocate(shards, sizeof(float *), "leaves of the tree"),
                                 .height = HEIGHT};
    int64_t near = 0, factored = 0;
    for (int s = 0; s < shards; s++)
        near += places[s] != NULL;
    for (int b = 0; b < layout->layout->block_count; b++)
        factored += layout->blocks[b].factored;
    while (near * gradients->height * WIDTH > MADE && gradients->height > TILE)
        gradients->height -= TILE;
    int64_t floats = factored > 0 && shards > 1 ? near * gradients->height * WIDTH : 0;
    gradients->made = apd_allocate(floats, sizeof(float), "rows of gradients");
    gradients->bytes = floats * (int64_t)sizeof(float);
}

void apd_gradients_clear(apd_gradients *gradients) {
    free(gradients->shards);
    free(gradients->leaves);
    free(gradients->made);
    *gradients = (apd_gradients){0};
}

int64_t apd_gradients_chunk(const apd_gradients *gradients, int block) {
    int64_t cols = gradients->layout->layout->blocks[block].cols;
    if (!gradients->layout->blocks[block].factored)
        return 1 + PIECE / cols;
    return PRODUCTS / cols < HEIGHT ? 1 + PRODUCTS / cols : HEIGHT;
}

/* --- sums ------------------------------------------------------------------------------------------------ */

/* Some rows and columns of a factored block into out, whose first row is `first_row` of the block. */
static void sum_products(const apd_gradients *g, const apd_tree *tree, const apd_addend *leaves, int count,
                         int block, apd_rows rows, apd_rows cols, int64_t first_row, float *out) {
    int64_t width = cols.end - cols.begin, height = rows.end - rows.begin,
            step = g->layout->layout->blocks[block].cols;
    float *made = g->made;
    for (int k = 0; k < count; k++) {
        if (leaves[k].shard < 0)
            continue;
        apd_gradient_rows(g->layout, g->shards[leaves[k].shard], block, rows, cols, made, width);
        made += height * width;
    }
    for (int64_t r = 0; r < height; r++) {
        const float *from = g->made + r * width;
        int64_t at = (rows.begin + r - first_row) * step + cols.begin;
        for (int k = 0; k < count; k++) {
            bool far = leaves[k].shard < 0;
            g->leaves[k] = far ? leaves[k].weights + at : from;
            from += far ? 0 : height * width;
        }
        (void)apd_tree_sum(tree, g->leaves, width, out + at);
    }
}

static void sum_factored(const apd_gradients *g, const apd_tree *tree, const apd_addend *leaves, int count,
                         int block, apd_rows rows, float *out) {
    int64_t cols = g->layout->layout->blocks[block].cols;
    if (count == 1) { /* this node's: nothing is added */
        APD_ASSERT(leaves[0].shard >= 0);
        apd_gradient_rows(g->layout, g->shards[leaves[0].shard], block, rows, (apd_rows){0, cols}, out, cols);
        return;
    }
    for (int64_t r = rows.begin; r < rows.end; r += g->height)
        for (int64_t c = 0; c < cols; c += WIDTH) {
            apd_rows high = {r, r + g->height < rows.end ? r + g->height : rows.end},
                     wide = {c, c + WIDTH < cols ? c + WIDTH : cols};
            sum_products(g, tree, leaves, count, block, high, wide, rows.begin, out);
        }
}

const float *apd_gradients_sum_weights(const apd_gradients *gradients, const apd_tree *tree,
                                       const apd_addend *leaves, int count, int block, apd_rows rows,
                                       float *out) {
    const apd_gradient_block *place = &gradients->layout->blocks[block];
    int64_t cols = gradients->layout->layout->blocks[block].cols;
    if (place->factored) {
        sum_factored(gradients, tree, leaves, count, block, rows, out);
        return out;
    }
    for (int k = 0; k < count; k++)
        gradients->leaves[k] = leaves[k].shard < 0
                                   ? leaves[k].weights
                                   : gradients->shards[leaves[k].shard] + place->weight + rows.begin * cols;
    return apd_tree_sum(tree, gradients->leaves, (rows.end - rows.begin) * cols, out);
}

const float *apd_gradients_sum_biases(const apd_gradients *gradients, const apd_tree *tree,
                                      const apd_addend *leaves, int count, int block, apd_rows rows,
                                      float *out) {
    int64_t first = gradients->layout->blocks[block].bias + rows.begin;
    for (int k = 0; k < count; k++)
        gradients->leaves[k] =
            leaves[k].shard < 0 ? leaves[k].bias : gradients->shards[leaves[k].shard] + first;
    return apd_tree_sum(tree, gradients->leaves, rows.end - rows.begin, out);
}
