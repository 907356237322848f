/* Max-pooling. The window is clipped to the image once a pixel, so the loops over channels have no tests;
 * which tap won (the first, on ties) is kept for the backward pass. */
#include "network/layer.h"

#include <string.h>

static apd_status shape(apd_layer *layer, apd_error *error) {
    layer->out.channels = layer->in.channels;
    return apd_layer_window(layer, error);
}

/* The winning tap of each output, counted in its clipped window. */
static int64_t kept_bytes(const apd_layer *layer) {
    return apd_image_floats(layer->out) * (int64_t)sizeof(int32_t);
}

typedef struct window {
    int64_t top, bottom, left, right; /* input rows top .. bottom-1, columns left .. right-1 */
} window;

static int64_t clipped(int64_t value, int64_t most) {
    return value < 0 ? 0 : value > most ? most : value;
}

static window window_at(const apd_layer *layer, int64_t y, int64_t x) {
    int64_t top = y * layer->spec.stride_h - layer->pad_top;
    int64_t left = x * layer->spec.stride_w - layer->pad_left;
    return (window){.top = clipped(top, layer->in.height),
                    .bottom = clipped(top + layer->spec.kernel_h, layer->in.height),
                    .left = clipped(left, layer->in.width),
                    .right = clipped(left + layer->spec.kernel_w, layer->in.width)};
}

/* The largest over the window, and its tap, for one register of channels. */
static void largest(const float *input, int64_t width, int64_t stride, window at, float *output,
                    int32_t *winners) {
    apd_lanes best = apd_lanes_load(input + (at.top * width + at.left) * stride);
    apd_lane_ints winner = {0};
    int32_t tap = 0;
    for (int64_t y = at.top; y < at.bottom; y++)
        for (int64_t x = at.left; x < at.right; x++, tap++) {
            apd_lanes value = apd_lanes_load(input + (y * width + x) * stride);
            apd_lane_ints wins = value > best;
            best = apd_lanes_choose(wins, value, best);
            winner = (wins & tap) | (~wins & winner);
        }
    apd_lanes_store(output, best);
    apd_lane_ints_store(winners, winner);
}

static void forward(const apd_layer *layer, const apd_pass *pass) {
    int64_t stride = apd_channel_stride(layer->in.channels);
    float *output = pass->output;
    int32_t *winner = pass->kept;
    for (int64_t image = 0; image < pass->n; image++) {
        const float *input = pass->input + image * apd_image_floats(layer->in);
        for (int64_t y = 0; y < layer->out.height; y++)
            for (int64_t x = 0; x < layer->out.width; x++, output += stride, winner += stride) {
                window at = window_at(layer, y, x);
                for (int64_t c = 0; c < stride; c += APD_LANES)
                    largest(input + c, layer->in.width, stride, at, output + c, winner + c);
            }
    }
}

/* One register of channels of the output gradient, added where each channel's winner was. */
static void give_to_winner(const float *output_gradient, const int32_t *winners, int64_t width,
                           int64_t stride, window at, float *input_gradient) {
    apd_lanes given = apd_lanes_load(output_gradient);
    apd_lane_ints winner = apd_lane_ints_load(winners);
    int32_t tap = 0;
    for (int64_t y = at.top; y < at.bottom; y++)
        for (int64_t x = at.left; x < at.right; x++, tap++) {
            float *to = input_gradient + (y * width + x) * stride;
            apd_lanes_store(to, apd_lanes_load(to) + apd_lanes_choose(winner == tap, given, (apd_lanes){0}));
        }
}

static void backward(const apd_layer *layer, const apd_pass *pass) {
    int64_t stride = apd_channel_stride(layer->in.channels);
    int64_t in_floats = apd_image_floats(layer->in);
    const float *output_gradient = pass->output_gradient;
    const int32_t *winner = pass->kept;
    if (pass->input_gradient == NULL)
        return;
    memset(pass->input_gradient, 0, (size_t)(pass->n * in_floats) * sizeof(float));
    for (int64_t image = 0; image < pass->n; image++)
        for (int64_t y = 0; y < layer->out.height; y++)
            for (int64_t x = 0; x < layer->out.width; x++, output_gradient += stride, winner += stride) {
                window at = window_at(layer, y, x);
                for (int64_t c = 0; c < stride; c += APD_LANES)
                    give_to_winner(output_gradient + c, winner + c, layer->in.width, stride, at,
                                   pass->input_gradient + image * in_floats + c);
            }
}

const apd_layer_operation apd_max_pool_operation = {
    .name = "max-pool",
    .on_image = true,
    .shape = shape,
    .kept_bytes = kept_bytes,
    .forward = forward,
    .backward = backward,
};
