/* network: from a list of layers to logits, a loss and a gradient, for one micro-batch on one core.
 *
 * A network is a trunk (the list of layers) and a head (a dense layer to the task's classes). It owns shapes
 * and the layout of its parameters, never the parameters: theta is an arena that the caller passes in.
 * What a pass needs in between (activations) lies in a workspace, one for each thread of work.
 *
 * Bits: a pass over n images gives the same bits wherever it runs, on one CPU kind, as long as n is the
 * same; other n may give other bits. So callers fix the micro-batch's shape. */
#ifndef APD_NETWORK_NETWORK_H
#define APD_NETWORK_NETWORK_H

#include "base/random.h"
#include "base/status.h"
#include "network/gradient.h"
#include "network/layers/spec.h"

typedef struct apd_network apd_network;
typedef struct apd_workspace apd_workspace;

/* Build a network. `max_classes` (1 .. 1e6) sizes the head. Statuses: USAGE with a line naming the layer (its
 * number from 1 and its kind) whose shape is impossible: a VALID kernel larger than its input, say, a
 * convolution after a dense layer, or more than 2^31 weights in a block. `*out` is set on success only. */
apd_status apd_network_create(apd_image_shape input, const apd_layer_spec *layers, int layer_count,
                              int max_classes, apd_network **out, apd_error *error);
void apd_network_destroy(apd_network *network);

const apd_layout *apd_network_layout(const apd_network *network);
apd_image_shape apd_network_input(const apd_network *network);

/* Most numbers of dropout's stream that one image uses in a layer: micro-batches whose `first` lie n times
 * this apart never share a number. 0 without dropout layers. */
int64_t apd_network_dropout_numbers(const apd_network *network);

/* Multiply-adds of a forward pass of one image with `classes` outputs. */
int64_t apd_network_multiply_adds(const apd_network *network, int classes);

/* He initialisation (He et al. 2015): normal, mean 0, standard deviation scale*sqrt(2/cols), for rows
 * `rows.begin .. rows.end-1` of block `block` into weights (rows, C). A weight's value depends on `random`
 * and its (row, column) only. The head's deviation is scale*sqrt(1/cols). Biases start at 0. */
void apd_network_initialise(const apd_network *network, int block, apd_rows rows, float scale,
                            const apd_random *random, float *weights);

/* Room for passes over at most `max_images` images. Destroy takes NULL. */
apd_workspace *apd_workspace_create(const apd_network *network, int max_images);
void apd_workspace_destroy(apd_workspace *workspace);

/* Logits of n images.
 *   theta    arena                                             in
 *   images   (n, channels, height, width), normalised          in
 *   classes  outputs of the head in use, 1 .. max_classes
 *   dropout  the stream for dropout's choices, or NULL for evaluation (dropout is the identity then); element
 *            e of dropout layer l of the micro-batch uses a number that depends on (stream, l, first+e)
 *   first    where this micro-batch's elements start in that stream (a shard's number times n times
 *            apd_network_dropout_numbers); all numbers are below 2^34
 * Returns (n, classes) logits inside the workspace, valid until its next use. 0 <= n <= max_images. */
const float *apd_network_forward(const apd_network *network, const float *theta, const float *images, int n,
                                 int classes, const apd_random *dropout, int64_t first,
                                 apd_workspace *workspace);

/* The same while theta is still coming: `await` is called before block `block` of theta is read. */
typedef void (*apd_block_wanted)(void *context, int block);
const float *apd_network_forward_behind(const apd_network *network, const float *theta, const float *images,
                                        int n, int classes, const apd_random *dropout, int64_t first,
                                        apd_workspace *workspace, apd_block_wanted await, void *context);

/* What a micro-batch scored; sums, not means. */
typedef struct apd_score {
    double loss;     /* sum over images of -log softmax(logits)[label], in double */
    int64_t correct; /* images whose largest logit (the first, on ties) is the label's */
} apd_score;

/* The loss of the last forward pass against labels (n) in 0 .. classes-1, and its derivative by the logits
 * times `weight` (one over the images of the whole batch, say), kept in the workspace for the backward pass.
 */
apd_score apd_network_loss(const apd_network *network, const int32_t *labels, float weight,
                           apd_workspace *workspace);

/* Count correct images only: no derivative. */
apd_score apd_network_score(const apd_network *network, const int32_t *labels,
                            const apd_workspace *workspace);

/* Called when block `block`'s gradient is complete and theta's rows of that block are no longer needed. */
typedef void (*apd_block_done)(void *context, int block);

/* The gradient of the weighted loss by theta of the last forward pass: *added* to `gradient` (arena) when
 * `accumulate`, written otherwise; the head's unused rows are set to 0 (or left alone). Blocks are finished
 * from the head to the first; `done` (may be NULL) is told after each. */
void apd_network_backward(const apd_network *network, const float *theta, float *gradient, bool accumulate,
                          apd_workspace *workspace, apd_block_done done, void *context);

/* The same, written to a gradient that lies as `to` says, large blocks of dense layers as factors. */
void apd_network_backward_factors(const apd_network *network, const float *theta,
                                  const apd_gradient_layout *to, float *gradient, apd_workspace *workspace,
                                  apd_block_done done, void *context);

#endif
