/* stage: consecutive layers that a few images pass together. Private to this room.
 *
 * A convolution's output is many times larger than what the pooling behind it leaves. For a whole micro-batch it would go
 * to memory and back in each direction, which takes as long as the convolution itself. So a convolution and the layers
 * behind it take a few images at a time, whose activations stay in the second-level cache. A dense layer takes all images
 * at once, because its weights are larger than its activations. */
#ifndef APD_NETWORK_STAGE_H
#define APD_NETWORK_STAGE_H

#include "network/layers/layer.h"

/* Layers first .. end-1: a trained layer and the untrained ones behind it; the first stage also has those ahead of it. */
typedef struct apd_stage {
    int first, end;
    int images; /* that pass together, >= 1; 0: all */
} apd_stage;

/* Divide `count` layers into stages (count). Returns how many there are. */
int apd_stages_cut(const apd_layer *layers, int count, apd_stage *stages);

/* True if only layer l+1 reads the output of l, and only in the forward pass: a buffer for the images that pass together
 * suffices. */
bool apd_stage_passes_on(const apd_stage *stage, const apd_layer *layers, int l);

/* How many of the n images of a micro-batch pass together; n for all. */
int apd_stage_images(const apd_stage *stage, int n);

#endif
