/* stage: neighbouring layers that a micro-batch goes through together, private to this room.
 *
 * A convolution's output is many times what the pooling behind it leaves of it. Written for a whole micro-batch it
 * would go to memory and back twice in each direction, which takes as long as the convolution; so a convolution
 * and the layers behind it take a few images at a time, whose activations stay in the second-level cache, and what
 * lies between them is kept for these few images only, unless the backward pass reads it. A dense layer takes all
 * images at once: its weights are what is large. */
#ifndef APD_NETWORK_STAGE_H
#define APD_NETWORK_STAGE_H

#include "network/layers/layer.h"

typedef struct apd_stage {
    int first,
        end; /* layers first .. end-1: a trained one, but for what is ahead of the first, and those behind it */
    int images; /* that go through together, 1 ..; 0: all */
} apd_stage;

/* The stages of `count` layers in order; `stages` (count). Returns how many there are. */
int apd_stages_cut(const apd_layer *layers, int count, apd_stage *stages);

/* Whether only the next layer reads layer l's output, in the forward pass: a few images' room is enough. */
bool apd_stage_passes_on(const apd_stage *stage, const apd_layer *layers, int l);

/* Images of a micro-batch of `n` that go through together, 0 .. n. */
int apd_stage_images(const apd_stage *stage, int n);

#endif
