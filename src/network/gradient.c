#include "network/gradient.h"

#include "base/memory.h"

#include <stdlib.h>

static apd_gradient_layout *create(const apd_layout *layout, int images, bool by_image) {
    apd_gradient_layout *made = apd_allocate(1, sizeof *made, "the gradients' layout");
    made->blocks = apd_allocate(layout->block_count, sizeof *made->blocks, "the gradients' layout");
    made->layout = layout;
    made->images = images;
    made->by_image = by_image;
    for (int b = 0; b < layout->block_count; b++) {
        const apd_block *block = &layout->blocks[b];
        apd_gradient_block *place = &made->blocks[b];
        int64_t weights = block->rows * block->cols,
                factors = apd_dense_factor_floats(images, block->rows, block->cols);
        /* not the head: it is small, and a task uses some of its rows only */
        place->factored =
            images > 0 && block->dense && block->decomposed && (by_image || factors <= weights / 2);
        place->weight = made->size;
        place->bias = place->weight + apd_aligned_floats(place->factored ? factors : weights);
        made->size = place->bias + apd_aligned_floats(block->rows);
    }
    return made;
}

apd_gradient_layout *apd_gradient_layout_create(const apd_layout *layout, int images) {
    return create(layout, images, false);
}

apd_gradient_layout *apd_gradient_layout_create_by_image(const apd_layout *layout, int images) {
    return create(layout, images, true);
}

void apd_gradient_layout_destroy(apd_gradient_layout *layout) {
    if (layout == NULL)
        return;
    free(layout->blocks);
    free(layout);
}

void apd_gradient_rows(const apd_gradient_layout *layout, const float *gradient, int block, apd_rows rows,
                       apd_rows cols, float *out, int64_t out_step) {
    const apd_block *shape = &layout->layout->blocks[block];
    apd_dense_by_factors(shape->rows, shape->cols, gradient + layout->blocks[block].weight, rows, cols, out,
                         out_step);
}
