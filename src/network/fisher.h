/* fisher: the diagonal of the empirical Fisher information. Local.
 *
 *     F_i = mean over images n of (d log p(label_n | image_n) / d theta_i)^2
 *
 * A square of a batch's gradient would not do: gradients of different images cancel. Yet all images of a batch pass
 * together, without dropout (gradient.h, layouts by image). With y_n the gradient by a dense layer's outputs and x_n its
 * inputs, an image's gradient by weight (r, c) is y_n[r]*x_n[c], so that
 *
 *     sum over n of (y_n[r]*x_n[c])^2 = sum over n of y_n[r]^2 * x_n[c]^2
 *
 * is one product of the squared factors. A convolution's gradient is made, squared and added image by image.
 *
 * Labels are the data's (Kirkpatrick et al. 2017 leave this open). Labels drawn from p(. | image_n) would give the Fisher
 * information itself, to which this one comes close where the network is sure of the labels. */
#ifndef APD_NETWORK_FISHER_H
#define APD_NETWORK_FISHER_H

#include "network/network.h"

typedef struct apd_fisher apd_fisher;

/* For up to `images` images at a time, for which `workspace` has room. `network` and `workspace` must outlive it. */
apd_fisher *apd_fisher_create(const apd_network *network, int images, apd_workspace *workspace);
void apd_fisher_destroy(apd_fisher *fisher); /* Takes NULL. */

/* Add the squares of n images, 1 <= n <= images, to `sums`, which are laid out as theta (layout.h). Only decomposed weights
 * have squares; biases and head stay as they are. Another n may give other bits.
 *   images   (n, channels, height, width), normalised
 *   labels   (n) of 0 .. classes-1 */
void apd_fisher_add(apd_fisher *fisher, const float *theta, const float *images, const int32_t *labels, int n,
                    int classes, float *sums);

#endif
