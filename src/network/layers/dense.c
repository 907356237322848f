/* dense: dense layers, by product.h. An image of more than one pixel is first flattened in the order (channel, row, column),
 * as other tools do. */
#include "network/kernels/product.h"
#include "network/layers/layer.h"

#include <string.h>

static apd_status shape(apd_layer *layer, apd_error *error) {
    (void)error;
    layer->out = (apd_image_shape){layer->spec.units, 1, 1};
    layer->cols = apd_features(layer->in);
    return APD_OK;
}

/* The flattened input (n, C) and its gradient, unless the input is flat already. */
static int64_t kept_bytes(const apd_layer *layer) {
    return apd_pixels(layer->in) > 1 ? 2 * layer->cols * (int64_t)sizeof(float) : 0;
}

/* flat (n, (c, pixel)) from images (n, pixel, c) */
static void flatten(apd_image_shape shape, int n, const float *images, float *flat) {
    int64_t stride = apd_channel_stride(shape.channels), pixels = apd_pixels(shape);
    for (int64_t image = 0; image < n; image++, images += pixels * stride, flat += apd_features(shape))
        for (int64_t c = 0; c < shape.channels; c++)
            for (int64_t pixel = 0; pixel < pixels; pixel++)
                flat[c * pixels + pixel] = images[pixel * stride + c];
}

static void unflatten(apd_image_shape shape, int n, const float *flat, float *images) {
    int64_t stride = apd_channel_stride(shape.channels), pixels = apd_pixels(shape);
    for (int64_t image = 0; image < n; image++, images += pixels * stride, flat += apd_features(shape))
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            for (int64_t c = 0; c < shape.channels; c++)
                images[pixel * stride + c] = flat[c * pixels + pixel];
}

static int64_t scratch_floats(const apd_layer *layer) {
    return apd_dense_scratch(layer->cols);
}

/* The input as (n, C), rows `step` apart. */
static const float *flat_input(const apd_layer *layer, const apd_pass *pass, int *step) {
    bool flat = apd_pixels(layer->in) == 1;
    *step = (int)(flat ? apd_channel_stride(layer->in.channels) : layer->cols);
    return flat ? pass->input : pass->kept;
}

/* output (n, units) = bias + input (n, C) * weights^T (C, units) */
static void forward(const apd_layer *layer, const apd_pass *pass) {
    int step;
    const float *input = flat_input(layer, pass, &step);
    if (pass->n == 0)
        return;
    if (input != pass->input)
        flatten(layer->in, pass->n, pass->input, pass->kept);
    apd_dense_shape shape = {pass->n, pass->units, layer->cols, step, pass->stride};
    apd_dense_forward(&shape, input, pass->weights, pass->bias, pass->output, pass->scratch);
}

/* input_gradient (n, C) = output_gradient (n, units) * weights (units, C) */
static void backward_input(const apd_layer *layer, const apd_pass *pass) {
    bool flat = apd_pixels(layer->in) == 1;
    float *to = flat ? pass->input_gradient : (float *)pass->kept + pass->n * layer->cols;
    int step = (int)(flat ? apd_channel_stride(layer->in.channels) : layer->cols);
    apd_dense_shape shape = {pass->n, pass->units, layer->cols, step, pass->stride};
    apd_dense_by_inputs(&shape, pass->output_gradient, pass->weights, to, pass->scratch);
    if (!flat)
        unflatten(layer->in, pass->n, to, pass->input_gradient);
}

static void backward_bias(const apd_pass *pass) {
    memset(pass->bias_gradient, 0, (size_t)pass->units * sizeof(float));
    for (int64_t image = 0; image < pass->n; image++)
        for (int r = 0; r < pass->units; r++)
            pass->bias_gradient[r] += pass->output_gradient[image * pass->stride + r];
}

/* weight_gradient (units, C) = output_gradient^T (units, n) * input (n, C) */
static void backward(const apd_layer *layer, const apd_pass *pass) {
    int step;
    const float *input = flat_input(layer, pass, &step);
    apd_dense_shape shape = {pass->n, pass->units, layer->cols, step, pass->stride};
    backward_bias(pass);
    if (pass->factored)
        apd_dense_pack_factors(&shape, pass->output_gradient, input, pass->weight_gradient);
    else
        apd_dense_by_weights(&shape, pass->output_gradient, input, pass->weight_gradient, pass->scratch);
    if (pass->input_gradient != NULL && pass->n > 0)
        backward_input(layer, pass);
}

const apd_layer_operation apd_dense_operation = {
    .name = "dense",
    .trained = true,
    .shape = shape,
    .kept_bytes = kept_bytes,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
