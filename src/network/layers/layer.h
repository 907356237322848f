/* layer: what every kind of layer provides, and the resolution of shapes. Private to src/network.
 *
 * Activations lie as (image, row, column, channel), channels padded to whole vector registers (apd_channel_stride): every
 * loop over channels is then a loop over whole registers, whatever the image's width, and a row of a kernel is contiguous
 * in its input. A dense layer's units are the channels of an image of one pixel. Padding never enters a result. A gradient
 * by activations has the layout of the activations.
 *
 * ReLU and dropout work in place: of all layers only ReLU reads its own output in the backward pass, and dropout behind it
 * changes no sign.
 *
 * A layer gets the images of a micro-batch some at a time (stage.h), in order and in the same portions in both directions,
 * between one call of begin_ and one of end_. Its bits do not depend on the portions. */
#ifndef APD_NETWORK_LAYERS_LAYER_H
#define APD_NETWORK_LAYERS_LAYER_H

#include "base/random.h"
#include "base/status.h"
#include "network/kernels/lanes.h"
#include "network/layers/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct apd_layer apd_layer;

/* The arguments of one call. Kinds ignore what they have no use for. */
typedef struct apd_pass {
    int n;                     /* images of this call */
    int units;                 /* DENSE: rows in use; of the head, the task's classes */
    int64_t stride;            /* DENSE: floats from an image's outputs to the next one's */
    const float *input;        /* (n, in) */
    float *output;             /* (n, out); in place: input */
    void *kept;                /* n * kept_bytes, from the forward to the backward pass */
    float *scratch;            /* scratch_floats, from begin_ to the end of a direction */
    const float *weights;      /* (R, C) */
    const float *bias;         /* (R) */
    const apd_random *dropout; /* NULL: evaluation */
    int64_t first;             /* number of the first element in the dropout stream */
    float *output_gradient;    /* (n, out) */
    float *input_gradient;     /* (n, in), out; NULL: not wanted; in place: output_gradient */
    float *weight_gradient;    /* (R, C), out, or if `factored` (DENSE) its factors (product.h) */
    bool factored;
    float *bias_gradient; /* (R), out */
} apd_pass;

typedef struct apd_layer_operation {
    const char *name;
    bool on_image; /* cannot follow a dense layer */
    bool in_place;
    bool trained;       /* has a block of parameters */
    bool forgets_input; /* its backward pass does not read pass->input */
    /* Set layer->out, pads and cols from layer->spec and layer->in. Status: USAGE. */
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

/* Floats from a pixel to the next. */
static inline int64_t apd_channel_stride(int channels) {
    return ((int64_t)channels + APD_LANES - 1) / APD_LANES * APD_LANES;
}

static inline int64_t apd_pixels(apd_image_shape shape) {
    return (int64_t)shape.height * shape.width;
}

/* Numbers of an image, without padding. */
static inline int64_t apd_features(apd_image_shape shape) {
    return apd_pixels(shape) * shape.channels;
}

/* Floats of an image, padding included. */
static inline int64_t apd_image_floats(apd_image_shape shape) {
    return apd_pixels(shape) * apd_channel_stride(shape.channels);
}

static inline int64_t apd_larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline void apd_clear_floats(float *floats, int64_t count) {
    memset(floats, 0, (size_t)count * sizeof *floats);
}

/* Set output height, width and pads of a layer with a window (CONV, MAX_POOL). Status: USAGE. */
apd_status apd_layer_window(apd_layer *layer, apd_error *error);

/* layer->out = layer->in. */
apd_status apd_layer_same_shape(apd_layer *layer, apd_error *error);

/* Check that a field lies in 1 .. most. Status: USAGE. */
apd_status apd_layer_range(const apd_layer *layer, const char *field, int64_t value, int64_t most,
                           apd_error *error);

/* Resolve `count` specs and the head into layers (count + 1). Status: USAGE, naming the layer. */
apd_status apd_layers_resolve(apd_image_shape input, const apd_layer_spec *specs, int count, int max_classes,
                              apd_layer *layers, apd_error *error);

#endif
