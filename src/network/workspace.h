/* workspace: what a network and a pass through it are made of, private to this room. */
#ifndef APD_NETWORK_WORKSPACE_H
#define APD_NETWORK_WORKSPACE_H

#include "network/network.h"
#include "network/stage.h"

struct apd_network {
    apd_image_shape input;
    int depth;         /* layers of the trunk */
    int first_trained; /* the first layer with parameters: no gradient is wanted below it */
    apd_layer *layers; /* (depth + 1): the last is the head */
    int stage_count;
    apd_stage *stages;
    apd_layout layout;
};

struct apd_workspace {
    int max_images;
    int depth;      /* the network's */
    int n, classes; /* of the last forward pass */
    bool dropping;  /* it had a stream for dropout: */
    apd_random dropout;
    float *input;    /* (max_images, input) */
    float **outputs; /* (depth) of (max_images or what goes through together, out); in-place layers share the
                              one before */
    bool *shared;    /* (depth) whether a layer shares its output */
    bool *passes_on; /* (depth) whether there is room for what goes through together only */
    void **kept;     /* (depth + 1) of max_images * kept_bytes */
    float **scratch; /* (depth + 1) of scratch_floats; layers of different stages share it */
    float *all_scratch;    /* the most that a stage asks for */
    float *logits;         /* (n, classes) */
    float *logit_gradient; /* (n, classes) */
    float *gradients[2];   /* by activations between stages: one is read and the other written */
    float *inner[2];       /* alike, between layers of a stage, for what goes through together */
};

#endif
