/* gradient: how a micro-batch's gradient lies in memory while many are added up.
 *
 * Biases' gradients, and those of convolutions and of the head, lie as in theta's layout. A dense layer's would be the
 * largest by far and is the product of two small matrices, the gradient by the layer's outputs (n, R) and its inputs
 * (n, C). Where these are less than half of it they are kept in its place, as *factors*: whoever adds up some rows over
 * all micro-batches makes the products for these rows in its cache, and the whole is never written, nor read. As many
 * products are made as before, by other ranks and at another time; the bits are the same. Between processes
 * factors are known as sufficient factors (Xie et al. 2016, Lighter-communication distributed machine learning via
 * sufficient factor broadcasting).
 *
 * Letters as in layout.h. */
#ifndef APD_NETWORK_GRADIENT_H
#define APD_NETWORK_GRADIENT_H

#include "network/kernels/product.h"
#include "network/layout.h"

typedef struct apd_gradient_block {
    bool factored;
    int64_t weight; /* offset of the (R, C) weights' gradient, or of its factors, in floats */
    int64_t bias;   /* offset of the (R) biases' */
} apd_gradient_block;

typedef struct apd_gradient_layout {
    const apd_layout *layout;
    int images;                 /* the most of a micro-batch */
    int64_t size;               /* floats, padding included */
    apd_gradient_block *blocks; /* (B) */
} apd_gradient_layout;

/* For micro-batches of up to `images` images (0: nothing is factored). `layout` must outlive it. */
apd_gradient_layout *apd_gradient_layout_create(const apd_layout *layout, int images);
void apd_gradient_layout_destroy(apd_gradient_layout *layout); /* Takes NULL. */

/* Rows and columns of a factored block's gradient by weights from its factors in `gradient`, into out, its rows
 * out_step apart; cols as for apd_dense_by_factors. */
void apd_gradient_rows(const apd_gradient_layout *layout, const float *gradient, int block, apd_rows rows,
                       apd_rows cols, float *out, int64_t out_step);

#endif
