/* fisher: the diagonal of the empirical Fisher information, image by image. Local.
 *
 *     F_i = mean over images n of (d log p(label_n | image_n) / d theta_i)^2
 *
 * A square of a batch's gradient would not do: gradients of different images cancel. So every image has a pass of its own,
 * without dropout. A dense layer's gradient by one image is an outer product: its two factors are stored (gradient.h).
 * Gradients of some images are held, until a few rows after the other are made, squared and added for all of them: sums are
 * read and written once for these images. The bits are those of adding image after image.
 *
 * Labels are the data's (Kirkpatrick et al. 2017 leave this open). Labels drawn from p(. | image_n) would give the Fisher
 * information itself, to which this one comes close where the network is sure of the labels. */
#ifndef APD_NETWORK_FISHER_H
#define APD_NETWORK_FISHER_H

#include "network/network.h"

typedef struct apd_fisher apd_fisher;

/* Memory for the pass of an image. `network` must outlive it. */
apd_fisher *apd_fisher_create(const apd_network *network);
void apd_fisher_destroy(apd_fisher *fisher); /* Takes NULL. */

/* Add an image's squares to `sums`, at the latest when apd_fisher_flush is called with the same `sums`. These are laid out as theta
 * (layout.h); only decomposed weights have squares, biases and head stay as they are.
 *   image   (channels, height, width), normalised
 *   label   0 .. classes-1 */
void apd_fisher_add(apd_fisher *fisher, const float *theta, const float *image, int32_t label, int classes,
                    float *sums);
void apd_fisher_flush(apd_fisher *fisher, float *sums);

#endif
