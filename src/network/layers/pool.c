/* pool: max-pooling. The window is clipped to the image once a pixel, so loops over channels have no tests. The winning tap
 * (the first, on ties) is kept for the backward pass. */
#include "network/layers/layer.h"

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
            best = apd_lanes_larger(value, best);
            winner = (apd_lane_ints)apd_lanes_choose(wins, (apd_lanes)((apd_lane_ints){0} + tap),
                                                     (apd_lanes)winner);
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

/* The outputs along one direction whose windows hold an input row or column: first .. last, none where
 * last < first. */
typedef struct holders {
    int64_t first, last;
} holders;

/* From those of input at-1 to those of input `at`. */
static void advance(holders *held, int64_t at, int pad, int kernel, int stride, int64_t outputs) {
    while (held->last + 1 < outputs && (held->last + 1) * stride - pad <= at)
        held->last++;
    while (held->first < outputs && held->first * stride - pad + kernel <= at)
        held->first++;
}

/* Add an output's gradient where the channel's winner is `tap`; `begin`: write rather than add. */
static void add_if_won(const float *output_gradient, const int32_t *winners, int32_t tap, int64_t stride,
                       bool begin, float *input_gradient) {
    for (int64_t c = 0; c < stride; c += APD_LANES) {
        apd_lane_ints won = apd_lane_ints_load(winners + c) == tap;
        apd_lanes given = (apd_lanes)((apd_lane_ints)apd_lanes_load(output_gradient + c) & won);
        apd_lanes_store(input_gradient + c, begin ? given : apd_lanes_load(input_gradient + c) + given);
    }
}

/* One image. Each pixel sums over the windows that hold it, in order, and is written once. */
static void backward_image(const apd_layer *layer, const float *output_gradient, const int32_t *winners,
                           float *input_gradient) {
    const apd_layer_spec *spec = &layer->spec;
    int64_t stride = apd_channel_stride(layer->in.channels);
    holders rows = {0, -1};
    for (int64_t y = 0; y < layer->in.height; y++) {
        advance(&rows, y, layer->pad_top, spec->kernel_h, spec->stride_h, layer->out.height);
        holders columns = {0, -1};
        for (int64_t x = 0; x < layer->in.width; x++, input_gradient += stride) {
            bool begin = true;
            advance(&columns, x, layer->pad_left, spec->kernel_w, spec->stride_w, layer->out.width);
            for (int64_t v = rows.first; v <= rows.last; v++)
                for (int64_t u = columns.first; u <= columns.last; u++, begin = false) {
                    window at = window_at(layer, v, u);
                    int64_t tap = (y - at.top) * (at.right - at.left) + x - at.left;
                    int64_t output = (v * layer->out.width + u) * stride;
                    add_if_won(output_gradient + output, winners + output, (int32_t)tap, stride, begin,
                               input_gradient);
                }
            if (begin)
                memset(input_gradient, 0, (size_t)stride * sizeof *input_gradient);
        }
    }
}

static void backward(const apd_layer *layer, const apd_pass *pass) {
    int64_t in_floats = apd_image_floats(layer->in), out_floats = apd_image_floats(layer->out);
    const int32_t *winners = pass->kept;
    for (int64_t image = 0; image < pass->n && pass->input_gradient != NULL; image++)
        backward_image(layer, pass->output_gradient + image * out_floats, winners + image * out_floats,
                       pass->input_gradient + image * in_floats);
}

const apd_layer_operation apd_max_pool_operation = {
    .name = "max-pool",
    .on_image = true,
    .forgets_input = true,
    .shape = shape,
    .kept_bytes = kept_bytes,
    .forward = forward,
    .backward = backward,
};
