/* private: the structs behind the handles of network.h. Private to this room. */
#ifndef APD_NETWORK_PRIVATE_H
#define APD_NETWORK_PRIVATE_H

#include "network/layout.h"
#include "network/stage.h"

struct apd_network {
    int depth;         /* layers of the trunk */
    int first_trained; /* the first layer with parameters; gradients by activations below it are not computed */
    apd_layer *layers; /* (depth + 1): the last is the head */
    int stage_count;
    apd_stage *stages;
    apd_layout layout;
};

struct apd_workspace {
    int max_images;
    int depth;      /* the network's */
    int n, classes; /* of the last forward pass */
    bool dropping;  /* the pass had a dropout stream: */
    apd_random dropout;
    float *input;          /* (max_images, input) */
    float **outputs;       /* (depth) of (images, out); an in-place layer has the pointer of the one before */
    bool *shared;          /* (depth): the output is that of the layer before */
    bool *passes_on;       /* (depth): the output has room for the images that pass together only */
    void **kept;           /* (depth + 1) of max_images * kept_bytes */
    float **scratch;       /* (depth + 1) of scratch_floats; stages share the memory */
    float *all_scratch;    /* that memory */
    float *logits;         /* (max_images, classes) */
    float *logit_gradient; /* (max_images, classes) */
    float *gradients[2];   /* by activations between stages: one is read while the other is written */
    float *inner[2];       /* the same between layers of a stage, for the images that pass together */
};

#endif
