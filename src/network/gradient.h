/* gradient: how the gradient of a micro-batch lies in memory until all shards are summed.
 *
 * Biases, convolutions and the head have theirs as in theta's layout. A dense layer's gradient by weights would be the
 * largest by far, and it is a product of two small matrices: the gradient by the layer's outputs (n, R), transposed, and
 * the layer's inputs (n, C). Where these *factors* take less than half of its memory, they are stored in its place. The
 * rank that sums some rows over all micro-batches multiplies the factors for these rows in cache, so the product is never
 * written to memory nor read. The number of multiplications and the bits are the same. Between machines the idea is known as
 * sufficient factor broadcasting (Xie et al. 2016).
 *
 * A layout *by image* is for sums of squares (fisher.h): every decomposed dense layer's gradient is stored as factors, from
 * which each image's own follows, and a convolution's is that of one image at a time.
 *
 * Letters as in layout.h. Local. */
#ifndef APD_NETWORK_GRADIENT_H
#define APD_NETWORK_GRADIENT_H

#include "network/kernels/product.h"
#include "network/layout.h"

typedef struct apd_gradient_block {
    bool factored;
    int64_t weight; /* offset, in floats, of the gradient by the weights (R, C), or of its factors */
    int64_t bias;   /* offset of the gradient by the biases (R) */
} apd_gradient_block;

typedef struct apd_gradient_layout {
    const apd_layout *layout;
    int images;                 /* of a micro-batch, at most; 0: nothing is factored */
    bool by_image;              /* see above */
    int64_t size;               /* floats, padding included */
    apd_gradient_block *blocks; /* (B) */
} apd_gradient_layout;

/* For micro-batches of up to `images` images; 0: nothing is factored, offsets as in `layout`. `layout` must outlive it. */
apd_gradient_layout *apd_gradient_layout_create(const apd_layout *layout, int images);
apd_gradient_layout *apd_gradient_layout_create_by_image(const apd_layout *layout, int images);
void apd_gradient_layout_destroy(apd_gradient_layout *layout); /* Takes NULL. */

/* Multiply out part of a factored block's gradient by weights, into out, rows out_step floats apart. Ranges as for
 * apd_dense_by_factors. */
void apd_gradient_rows(const apd_gradient_layout *layout, const float *gradient, int block, apd_rows rows,
                       apd_rows cols, float *out, int64_t out_step);

#endif
