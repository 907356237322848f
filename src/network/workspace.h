/* workspace: what a network and a pass through it are made of, private to this room. */
#ifndef APD_NETWORK_WORKSPACE_H
#define APD_NETWORK_WORKSPACE_H

#include "network/layer.h"

struct apd_network {
    apd_image_shape input;
    int depth;         /* layers of the trunk */
    int first_trained; /* the first layer with parameters: no gradient is wanted below it */
    apd_layer *layers; /* (depth + 1): the last is the head */
    apd_layout layout;
};

struct apd_workspace {
    int max_images;
    int depth;      /* the network's */
    int n, classes; /* of the last forward pass */
    bool dropping;  /* it had a stream for dropout: */
    apd_random dropout;
    float *input;          /* (max_images, input) */
    float **outputs;       /* (depth) of (max_images, out); in-place layers share the one before */
    bool *shared;          /* (depth) whether a layer shares its output */
    void **kept;           /* (depth + 1) of max_images * kept_bytes */
    float *scratch;        /* the most that a layer asks for */
    float *logits;         /* (n, classes) */
    float *logit_gradient; /* (n, classes) */
    float *gradients[2];   /* by activations: a layer reads one and writes the other */
};

#endif
