/* winograd: 3x3 and 5x5 convolutions with a third to a sixth of the multiplications (Winograd 1980; Lavin & Gray 2016).
 *
 * The output is cut into tiles of m x m pixels, m = 9 - kernel, each of which depends on 8 x 8 inputs. Inputs, weights and
 * output gradients are transformed to values of polynomials at 8 x 8 points (points.h); there a convolution is one matrix
 * product a point, (tiles, input channels) by (input channels, output channels). A 5x5 kernel costs 64 products for 16
 * outputs instead of 400. The backward pass is the transpose of the forward pass, step by step, so the output gradient is
 * transformed once for both the gradient by the weights and that by the input.
 *
 * Tiles pass in groups that stay in the second-level cache; a group may span images. Results differ from direct sums by
 * about 2e-6 of their size. */
#ifndef APD_NETWORK_LAYERS_WINOGRAD_H
#define APD_NETWORK_LAYERS_WINOGRAD_H

#include "network/layers/layer.h"

/* True if it is faster for this convolution: square kernel of 3 or 5, stride 1, enough channels to pay for the
 * transforms. */
bool apd_winograd_suits(const apd_layer *layer);

/* Multiply-adds of the products of an image, without the transforms, which are additions for the most part. */
int64_t apd_winograd_multiply_adds(const apd_layer *layer);

int64_t apd_winograd_scratch_floats(const apd_layer *layer);

void apd_winograd_begin_forward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_forward(const apd_layer *layer, const apd_pass *pass);

/* The gradient by the input, if wanted, is written by backward; those by weights and bias by end_backward. */
void apd_winograd_begin_backward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_backward(const apd_layer *layer, const apd_pass *pass);
void apd_winograd_end_backward(const apd_layer *layer, const apd_pass *pass);

#endif
