/* winograd: 3x3 and 5x5 convolutions at a third to a sixth of their multiplications (Winograd 1980; Lavin &
 * Gray 2016).
 *
 * An image is cut into tiles of m x m outputs, m = 9 - kernel, each made of 8 x 8 inputs. Inputs, weights and
 * output gradients are polynomials taken at 8 x 8 points (points.h), where a convolution is one product a
 * point: of tiles x input channels with input channels x output channels. So a 5x5 kernel costs 64 products
 * for 16 outputs, not 400. The backward pass is the transpose of the forward one, step by step, so the output
 * gradient is transformed once for both the weights' and the input's gradient.
 *
 * Tiles go through in groups that stay in the second-level cache with what is made of them; a group may span
 * images. Sums differ from the plain ones in the last bits, some 2e-6 of the result's size. */
#ifndef APD_NETWORK_LAYERS_WINOGRAD_H
#define APD_NETWORK_LAYERS_WINOGRAD_H

#include "network/layers/layer.h"

/* Whether a convolution's shape gains by it: square kernel of 3 or 5, stride 1, and channels enough to pay for
 * the transforms. */
bool apd_winograd_suits(const apd_layer *layer);

int64_t apd_winograd_scratch_floats(const apd_layer *layer);

void apd_winograd_begin_forward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_forward(const apd_layer *layer, const apd_pass *pass);

/* The gradient by the input, where it is wanted; those by the weights and the bias at the end. */
void apd_winograd_begin_backward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_backward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_end_backward(const apd_layer *layer, const apd_pass *pass);

#endif
