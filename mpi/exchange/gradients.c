#include "mpi/exchange/gradients.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>

enum {
    CHUNK = 16384,     /* floats of a gradient summed at a time: 64 kB */
    PRODUCTS = 524288, /* the same of a factored one: every chunk reads all factors */
    HEIGHT = 24,       /* rows of a factored one made at a time (whole tiles) and, at most, collected */
    TILE = 6,          /* the fewest of them */
    MADE = 262144,     /* floats of them, of all shards, that should stay in cache: 1 MB */
    WIDTH = 6 * APD_DENSE_COLUMNS /* columns of it made at a time */
};

/* Rows of a factored block to make at a time, so that those of `near` shards stay in cache. */
static int64_t made_height(int64_t near) {
    int64_t height = HEIGHT;
    while (near * height * WIDTH > MADE && height > TILE)
        height -= TILE;
    return height;
}

int64_t apd_gradients_bytes(const apd_gradient_layout *layout, int64_t near, int shards) {
    bool factored = false;
    for (int b = 0; b < layout->layout->block_count; b++)
        factored = factored || layout->blocks[b].factored;
    return factored && shards > 1 ? near * made_height(near) * WIDTH * (int64_t)sizeof(float) : 0;
}

void apd_gradients_init(apd_gradients *gradients, const apd_gradient_layout *layout, const float **places,
                        int shards) {
    int64_t near = 0;
    for (int s = 0; s < shards; s++)
        near += places[s] != NULL;
    *gradients = (apd_gradients){
        .layout = layout,
        .shards = places,
        .leaves = apd_allocate(shards, sizeof(float *), "leaves of the tree"),
        .made = apd_allocate_bytes(apd_gradients_bytes(layout, near, shards), "rows of gradients"),
        .height = made_height(near)};
}

void apd_gradients_clear(apd_gradients *gradients) {
    free(gradients->shards);
    free(gradients->leaves);
    free(gradients->made);
    *gradients = (apd_gradients){0};
}

int64_t apd_gradients_chunk(const apd_gradient_layout *layout, int block) {
    int64_t cols = layout->layout->blocks[block].cols;
    if (!layout->blocks[block].factored)
        return 1 + CHUNK / cols;
    return PRODUCTS / cols < HEIGHT ? 1 + PRODUCTS / cols : HEIGHT;
}

/* --- sums ------------------------------------------------------------------------------------------------ */

/* Sum some rows and columns of a factored block into `out`, whose first row is the block's row `first_row`. */
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
    if (count == 1) { /* one shard: nothing to add */
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
