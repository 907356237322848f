/* activation: ReLU and dropout, in place. */
#include "network/layers/layer.h"

#include <stddef.h>

static void relu_forward(const apd_layer *layer, const apd_pass *pass) {
    int64_t count = pass->n * apd_image_floats(layer->out);
    float *values = pass->output;
    for (int64_t i = 0; i < count; i++)
        values[i] = values[i] < 0.0f ? 0.0f : values[i]; /* NaN passes, and shows in the loss */
}

static void relu_backward(const apd_layer *layer, const apd_pass *pass) {
    int64_t count = pass->n * apd_image_floats(layer->out);
    const float *output = pass->output;
    float *gradient = pass->output_gradient;
    for (int64_t i = 0; i < count; i++)
        gradient[i] = output[i] > 0.0f ? gradient[i] : 0.0f;
}

static apd_status dropout_shape(apd_layer *layer, apd_error *error) {
    if (!(layer->spec.rate >= 0.0f && layer->spec.rate < 1.0f))
        return apd_fail(error, APD_ERROR_USAGE, "layer %d (dropout): rate is %g; it must be 0 <= rate < 1",
                        layer->number, (double)layer->spec.rate);
    return apd_layer_same_shape(layer, error);
}

/* A factor for each element: 0 or 1/(1-rate). */
static int64_t dropout_kept_bytes(const apd_layer *layer) {
    return apd_image_floats(layer->out) * (int64_t)sizeof(float);
}

/* A stream for each dropout layer: its number goes above the purpose, which is below 2^8. */
static apd_random stream_of_layer(const apd_layer *layer, const apd_random *dropout) {
    apd_random stream = *dropout;
    stream.purpose += (uint32_t)layer->number << 8;
    return stream;
}

/* factor[e] = u < rate ? 0 : 1/(1-rate), u being number first+e, e in the order (image, row, column, channel). */
static void draw_factors(const apd_layer *layer, const apd_pass *pass, float *factors) {
    /* apd_network_check_dropout has refused larger batches */
    APD_ASSERT(pass->first >= 0 && pass->first + pass->n * apd_features(layer->out) <= APD_RANDOM_NUMBERS);
    apd_random stream = stream_of_layer(layer, pass->dropout);
    int64_t stride = apd_channel_stride(layer->out.channels);
    int64_t number = pass->first;
    float scale = 1.0f / (1.0f - layer->spec.rate);
    int64_t loaded = -1;
    uint32_t block[4];
    for (int64_t pixel = 0; pixel < pass->n * apd_pixels(layer->out); pixel++)
        for (int64_t c = 0; c < layer->out.channels; c++, number++) {
            if (number >> 2 != loaded) {
                loaded = number >> 2;
                apd_random_block(&stream, (uint32_t)loaded, block);
            }
            float uniform = (float)(block[number & 3] >> 8) * 0x1p-24f;
            factors[pixel * stride + c] = uniform < layer->spec.rate ? 0.0f : scale;
        }
}

static void multiply(const apd_layer *layer, int n, const float *factors, float *values) {
    int64_t count = n * apd_image_floats(layer->out);
    for (int64_t i = 0; i < count; i++)
        values[i] *= factors[i];
}

static void dropout_forward(const apd_layer *layer, const apd_pass *pass) {
    if (pass->dropout == NULL)
        return;
    draw_factors(layer, pass, pass->kept);
    multiply(layer, pass->n, pass->kept, pass->output);
}

static void dropout_backward(const apd_layer *layer, const apd_pass *pass) {
    if (pass->dropout != NULL)
        multiply(layer, pass->n, pass->kept, pass->output_gradient);
}

const apd_layer_operation apd_relu_operation = {
    .name = "relu",
    .in_place = true,
    .shape = apd_layer_same_shape,
    .forward = relu_forward,
    .backward = relu_backward,
};

const apd_layer_operation apd_dropout_operation = {
    .name = "dropout",
    .in_place = true,
    .shape = dropout_shape,
    .kept_bytes = dropout_kept_bytes,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
