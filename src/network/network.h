/* network: from a list of layers to logits, a loss and a gradient, for one micro-batch on one core.
 *
 * A network is a trunk (the list of layers) and a head (a dense layer to the task's classes). It owns the shapes and the
 * layout of the parameters, not the parameters: theta is an array that the caller passes in (layout.h). Activations lie in
 * a workspace; each thread needs its own.
 *
 * Bits: on one kind of processor a pass over n images gives the same bits everywhere; another n may give others. So
 * callers fix the size of micro-batches. All functions are local. */
#ifndef APD_NETWORK_NETWORK_H
#define APD_NETWORK_NETWORK_H

#include "base/random.h"
#include "base/status.h"
#include "network/gradient.h"
#include "network/layers/spec.h"

typedef struct apd_network apd_network;
typedef struct apd_workspace apd_workspace;

/* Create a network. `max_classes` (1 .. 1e6) is the size of the head.
 * Status   USAGE, naming the layer by its number from 1 and its kind, if its shape is impossible: a VALID kernel larger
 *          than its input, a convolution behind a dense layer, more than 2^31 weights in a block. `*out` is set on
 *          success only. */
apd_status apd_network_create(apd_image_shape input, const apd_layer_spec *layers, int layer_count,
                              int max_classes, apd_network **out, apd_error *error);
void apd_network_destroy(apd_network *network); /* Takes NULL. */

const apd_layout *apd_network_layout(const apd_network *network);

/* Layer `l` with its shapes, in the order in which images pass them: 0 .. apd_network_depth()-1 of the trunk, then the head. */
typedef struct apd_layer_view {
    apd_layer_spec spec; /* the head is a dense layer */
    apd_image_shape in, out;
    int top, left, bottom, right; /* padding of CONV and MAX_POOL */
    int block;                    /* in the layout; -1: nothing is trained */
} apd_layer_view;

int apd_network_depth(const apd_network *network);
apd_layer_view apd_network_layer(const apd_network *network, int l);

/* How many numbers of the dropout stream an image uses in a layer, at most; 0 without dropout. Micro-batches whose
 * `first` differ by n times this share no number. */
int64_t apd_network_dropout_numbers(const apd_network *network);

/* Check that a step over `images` images, all shards together, does not use more numbers than a stream has.
 * Status   USAGE, naming the layer. */
apd_status apd_network_check_dropout(const apd_network *network, int64_t images, apd_error *error);

/* What the forward pass of one image costs in a trained layer; the gradients by its weights and by its inputs cost as many
 * multiply-adds each. */
typedef struct apd_block_work {
    int64_t direct; /* multiply-adds of plain sums */
    int64_t done;   /* multiply-adds of the kernel in use, without transforms (layers/winograd.h) */
    int64_t inputs, outputs, weights; /* numbers; weights: of the layer, whatever the images */
} apd_block_work;

/* `classes`: rows of the head in use. */
apd_block_work apd_network_work(const apd_network *network, int block, int classes);

/* He initialisation (He et al. 2015) of rows rows.begin .. rows.end-1 of a block: normal numbers of mean 0 and standard
 * deviation scale*sqrt(2/C), for the head scale*sqrt(1/C), into weights (rows, C). A weight depends on `random` and its
 * row and column only. Biases start at 0, which is not done here. */
void apd_network_initialise(const apd_network *network, int block, apd_rows rows, float scale,
                            const apd_random *random, float *weights);

/* Memory for passes over at most `max_images` images. */
apd_workspace *apd_workspace_create(const apd_network *network, int max_images);
void apd_workspace_destroy(apd_workspace *workspace); /* Takes NULL. */

/* Forward pass over n images, 0 <= n <= max_images. Returns the logits (n, classes), which stay valid until the next pass.
 *   theta     parameters, as layout.h says                                                    in
 *   images    (n, channels, height, width), normalised                                        in
 *   classes   rows of the head in use, 1 .. max_classes
 *   dropout   the stream for dropout, or NULL for evaluation (dropout is then the identity)
 *   first     number of this micro-batch's first element in a layer's stream: element e uses number first+e. Shard s
 *             passes s*n*apd_network_dropout_numbers(); apd_network_check_dropout() keeps this below 2^34. */
const float *apd_network_forward(const apd_network *network, const float *theta, const float *images, int n,
                                 int classes, const apd_random *dropout, int64_t first,
                                 apd_workspace *workspace);

/* The same while theta still arrives: `await` is called before block `block` of theta is read. */
typedef void (*apd_block_wanted)(void *context, int block);
const float *apd_network_forward_behind(const apd_network *network, const float *theta, const float *images,
                                        int n, int classes, const apd_random *dropout, int64_t first,
                                        apd_workspace *workspace, apd_block_wanted await, void *context);

/* Sums over a micro-batch. */
typedef struct apd_score {
    double loss;     /* sum of the cross-entropies */
    int64_t correct; /* images whose largest logit (the first, on ties) is the label's */
} apd_score;

/* What an image is trained to be, besides its label. */
typedef struct apd_targets {
    double smoothing;    /* in [0, 1] */
    const float *taught; /* (n, classes): probabilities that teachers give each class; NULL: there are none */
    double share;        /* theirs, in [0, 1] */
} apd_targets;

/* The loss of the last forward pass for labels (n) in 0 .. classes-1: the cross-entropy of softmax(logits) to targets of
 * 1 - smoothing for the label and smoothing/classes besides for every class (Szegedy et al. 2016, section 7); with teachers
 * to (1 - share) of these and `share` of what is taught (Hinton et al. 2015). Also computes its derivative by the logits
 * times `weight` (1/(images of the whole batch), say), which the backward pass starts from. */
apd_score apd_network_loss(const apd_network *network, const int32_t *labels, apd_targets targets,
                           float weight, apd_workspace *workspace);

/* The first of the largest values (classes), 0 .. classes-1: what a network answers. */
int apd_most_probable(const float *values, int classes);

/* softmax(logits/temperature) of one image, (classes); temperature > 0. Computed in double. */
void apd_softmax(const float *logits, int classes, double temperature, float *probabilities);

/* Only the count of correct images; loss 0. */
apd_score apd_network_score(const apd_network *network, const int32_t *labels,
                            const apd_workspace *workspace);

/* Called when the gradient of block `block` is complete and its theta will not be read again in this pass. */
typedef void (*apd_block_done)(void *context, int block);

/* The gradient of the weighted loss of the last forward pass by theta, written to `gradient` as the layout `to` says.
 * Rows of the head beyond `classes` are set to 0. Blocks are finished from the head to the first; `done` (may be
 * NULL) is called after each. With a layout by image it is called for a convolution after each image, in order, whose
 * gradient overwrites that of the image before. */
void apd_network_backward(const apd_network *network, const float *theta, const apd_gradient_layout *to,
                          float *gradient, apd_workspace *workspace, apd_block_done done, void *context);

#endif
