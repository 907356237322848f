/* layer: what every kind of layer provides, private to this room.
 *
 * Activations lie as (image, row, column, channel), the channels padded to whole vector registers
 * (apd_channel_stride), because then every loop over channels is a loop over whole registers whatever the
 * image's width, and a kernel's row of patches is one contiguous run. A dense layer's units are the channels
 * of an image of one pixel. Padding lanes are never read into a result.
 *
 * ReLU and dropout work in place: no layer needs its own output in its backward pass but ReLU, and a dropout
 * behind it changes no sign. A gradient by activations has the activations' layout.
 *
 * A layer may be given a micro-batch's images some at a time (stage.h), in order and the same ones in both
 * directions, between one call of `begin_` and one of `end_`; its bits do not depend on how many. */
#ifndef APD_NETWORK_LAYERS_LAYER_H
#define APD_NETWORK_LAYERS_LAYER_H

#include "base/random.h"
#include "base/status.h"
#include "network/kernels/lanes.h"
#include "network/layers/spec.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_layer apd_layer;

/* One layer's part of a pass. All but `n` may be meaningless to a kind that has no use for it. */
typedef struct apd_pass {
    int n;                /* images of this call */
    int units;            /* DENSE: outputs in use; the head's are the task's classes */
    int64_t stride;       /* DENSE: floats from an image's outputs to the next one's */
    const float *input;   /* (n, in) */
    float *output;        /* (n, out); in-place kinds: the same as input */
    void *kept;           /* kept_bytes an image, from forward to backward of one pass */
    float *scratch;       /* scratch_floats; kept from `begin_` to the end of a direction */
    const float *weights; /* (R, C) */
    const float *bias;    /* (R) */
    const apd_random *dropout;
    int64_t first;
    float *output_gradient; /* (n, out) */
    float
        *input_gradient; /* (n, in) written; NULL: not wanted; in-place kinds: the same as output_gradient */
    float *weight_gradient; /* (R, C), or: */
    bool factored;          /* DENSE: weight_gradient gets the factors (product.h) */
    float *bias_gradient;   /* (R) */
    bool accumulate;        /* add to weight_gradient and bias_gradient rather than write them */
} apd_pass;

typedef struct apd_layer_operation {
    const char *name;
    bool on_image; /* refused after a dense layer */
    bool in_place;
    bool trained;       /* has a block of parameters */
    bool forgets_input; /* its backward pass does not read pass->input */
    /* Fill layer->out, and pads and cols where there are any, from layer->spec and layer->in. */
    apd_status (*shape)(apd_layer *layer, apd_error *error);
    int64_t (*kept_bytes)(const apd_layer *layer);                       /* for one image; NULL: none */
    int64_t (*scratch_floats)(const apd_layer *layer);                   /* NULL: none */
    void (*begin_forward)(const apd_layer *layer, const apd_pass *pass); /* NULL: nothing to do */
    void (*forward)(const apd_layer *layer, const apd_pass *pass);
    void (*begin_backward)(const apd_layer *layer, const apd_pass *pass); /* NULL: nothing to do */
    void (*backward)(const apd_layer *layer, const apd_pass *pass);
    void (*end_backward)(const apd_layer *layer, const apd_pass *pass); /* NULL: nothing to do */
} apd_layer_operation;

struct apd_layer {
    const apd_layer_operation *operation;
    apd_layer_spec spec;
    int number; /* from 1, as the user counts */
    apd_image_shape in, out;
    int pad_top, pad_left; /* CONV, MAX_POOL */
    int64_t cols;          /* trained kinds: fan-in */
    int block;             /* trained kinds: its block in the layout; else -1 */
};

extern const apd_layer_operation apd_conv_operation, apd_dense_operation, apd_relu_operation,
    apd_max_pool_operation, apd_lrn_operation, apd_dropout_operation;

/* Floats from a pixel's channels to the next pixel's. */
static inline int64_t apd_channel_stride(int channels) {
    return ((int64_t)channels + APD_LANES - 1) / APD_LANES * APD_LANES;
}

static inline int64_t apd_pixels(apd_image_shape shape) {
    return (int64_t)shape.height * shape.width;
}

/* Numbers of an image, without padding lanes. */
static inline int64_t apd_features(apd_image_shape shape) {
    return apd_pixels(shape) * shape.channels;
}

/* Floats of one image's activations, padding lanes included. */
static inline int64_t apd_image_floats(apd_image_shape shape) {
    return apd_pixels(shape) * apd_channel_stride(shape.channels);
}

/* Output rows, columns and pads of a layer with a window (CONV, MAX_POOL); layer->out.channels is the
 * caller's. */
apd_status apd_layer_window(apd_layer *layer, apd_error *error);

/* layer->out = layer->in. */
apd_status apd_layer_same_shape(apd_layer *layer, apd_error *error);

/* A field of a layer that must lie in 1 .. most. */
apd_status apd_layer_range(const apd_layer *layer, const char *field, int64_t value, int64_t most,
                           apd_error *error);

/* Resolve the shapes of all layers, from the specs. `layers` (count + 1): the last is the head's dense layer. */
apd_status apd_layers_resolve(apd_image_shape input, const apd_layer_spec *specs, int count, int max_classes,
                              apd_layer *layers, apd_error *error);

/* Multiply-adds of one image through one layer, with `units` outputs of a dense layer. */
int64_t apd_layer_multiply_adds(const apd_layer *layer, int units);

#endif
