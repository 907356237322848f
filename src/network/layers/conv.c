/* conv: convolutions, as three sums of tiles (tile.h) over one image at a time:
 *     output[pixel][r]        sum over (ky, kx, c) of the padded input around the pixel times weights
 *     input_gradient[pixel]   the same over the padded output gradient, spread by the stride, and mirrored weights
 *     weight_gradient[tap]    sum over output pixels of the padded input at the tap times the output gradient
 * Images are padded into scratch without padding channels, so that a row (kx, c) of the kernel is contiguous. Layers that
 * gain by it use winograd.h instead. */
#include "network/kernels/tile.h"
#include "network/layers/layer.h"
#include "network/layers/winograd.h"

#include <string.h>

/* A correlation over a padded image (rows, width, channels) at every `step`-th pixel. */
typedef struct correlation {
    int channels, width, rows; /* of the padded image */
    int kernel_h, kernel_w;
    int step_h, step_w;
    int out_h, out_w;
    int out_channels;
} correlation;

static correlation forward_correlation(const apd_layer *layer) {
    const apd_layer_spec *spec = &layer->spec;
    return (correlation){.channels = layer->in.channels,
                         .width = (layer->out.width - 1) * spec->stride_w + spec->kernel_w,
                         .rows = (layer->out.height - 1) * spec->stride_h + spec->kernel_h,
                         .kernel_h = spec->kernel_h,
                         .kernel_w = spec->kernel_w,
                         .step_h = spec->stride_h,
                         .step_w = spec->stride_w,
                         .out_h = layer->out.height,
                         .out_w = layer->out.width,
                         .out_channels = layer->out.channels};
}

/* Output gradients lie `stride` apart in the padded image, with zeros between. */
static correlation mirrored_correlation(const apd_layer *layer) {
    const apd_layer_spec *spec = &layer->spec;
    return (correlation){.channels = layer->out.channels,
                         .width = layer->in.width + spec->kernel_w - 1,
                         .rows = layer->in.height + spec->kernel_h - 1,
                         .kernel_h = spec->kernel_h,
                         .kernel_w = spec->kernel_w,
                         .step_h = 1,
                         .step_w = 1,
                         .out_h = layer->in.height,
                         .out_w = layer->in.width,
                         .out_channels = layer->in.channels};
}

static int64_t padded_floats(const correlation *sum) {
    return (int64_t)sum->rows * sum->width * sum->channels;
}

static int64_t taps(const correlation *sum) {
    return (int64_t)sum->kernel_h * sum->kernel_w * sum->channels;
}

static int64_t packed_floats(const correlation *sum) {
    return taps(sum) * apd_channel_stride(sum->out_channels);
}

/* The operations of a layer for which Winograd's algorithm is faster. */
static const apd_layer_operation by_winograd = {
    .name = "conv",
    .on_image = true,
    .trained = true,
    .scratch_floats = apd_winograd_scratch_floats,
    .begin_forward = apd_winograd_begin_forward,
    .forward = apd_winograd_forward,
    .begin_backward = apd_winograd_begin_backward,
    .backward = apd_winograd_backward,
    .end_backward = apd_winograd_end_backward,
};

static apd_status shape(apd_layer *layer, apd_error *error) {
    layer->out.channels = layer->spec.units;
    layer->cols = (int64_t)layer->in.channels * layer->spec.kernel_h * layer->spec.kernel_w;
    APD_TRY(apd_layer_window(layer, error));
    if (apd_winograd_suits(layer))
        layer->operation = &by_winograd;
    return APD_OK;
}

/* The division of scratch. */
typedef struct buffers {
    float *padded;  /* one padded image of the layer's input */
    float *spread;  /* the same for the gradient by its output */
    float *packed;  /* weights of the present correlation: (tile, taps, width of the tile) */
    float *bias;    /* (channel stride of out): the bias, or its gradient */
    float *zeros;   /* (channel stride of in) */
    float *sums;    /* weight gradient by tile, as packed */
    float *factors; /* output gradient of an image by tile: (pixels, width of the tile) */
} buffers;

static int64_t weight_floats(const apd_layer *layer) {
    correlation sum = forward_correlation(layer), mirrored = mirrored_correlation(layer);
    return apd_larger(packed_floats(&sum), packed_floats(&mirrored));
}

static int64_t factor_floats(const apd_layer *layer) {
    return apd_pixels(layer->out) * APD_TILE_WIDTH * APD_LANES;
}

static int64_t scratch_floats(const apd_layer *layer) {
    correlation sum = forward_correlation(layer), mirrored = mirrored_correlation(layer);
    return 2 * weight_floats(layer) + apd_channel_stride(layer->out.channels) +
           apd_channel_stride(layer->in.channels) + factor_floats(layer) + padded_floats(&sum) +
           padded_floats(&mirrored);
}

static buffers buffers_in(const apd_layer *layer, float *scratch) {
    correlation sum = forward_correlation(layer);
    buffers made = {.packed = scratch};
    made.sums = made.packed + weight_floats(layer);
    made.bias = made.sums + weight_floats(layer);
    made.zeros = made.bias + apd_channel_stride(layer->out.channels);
    made.factors = made.zeros + apd_channel_stride(layer->in.channels);
    made.padded = made.factors + factor_floats(layer);
    made.spread = made.padded + padded_floats(&sum);
    return made;
}

/* Copy an image into the padded image from (top, left) on, its rows and columns `step` apart. The rest stays zero. */
static void pad_image(const correlation *sum, apd_image_shape shape, const float *image, int top, int left,
                      int step_h, int step_w, float *padded) {
    int64_t stride = apd_channel_stride(shape.channels);
    int64_t columns = shape.width;
    while (left + (columns - 1) * step_w >= sum->width)
        columns--;
    for (int64_t y = 0; y < shape.height && top + y * step_h < sum->rows; y++) {
        float *to = padded + ((top + y * step_h) * sum->width + left) * sum->channels;
        const float *from = image + y * shape.width * stride;
        for (int64_t x = 0; x < columns; x++, to += step_w * sum->channels, from += stride)
            for (int64_t c = 0; c < shape.channels; c++)
                to[c] = from[c];
    }
}

/* out (pixels, channel stride) of one image. */
static void correlate(const correlation *sum, const float *padded, const float *packed, const float *bias,
                      float *out) {
    int64_t stride = apd_channel_stride(sum->out_channels);
    int64_t pixels = (int64_t)sum->out_h * sum->out_w;
    apd_tile_walk walk = {.rows = sum->kernel_h,
                          .run = (int64_t)sum->kernel_w * sum->channels,
                          .row_step = (int64_t)sum->width * sum->channels,
                          .step = 1};
    for (int64_t channel = 0; channel < stride;) {
        int width = apd_tile_width(stride - channel);
        int points = apd_tile_points(width);
        walk.w_step = width * APD_LANES;
        int64_t y = 0, x = 0;
        for (int64_t pixel = 0; pixel < pixels; pixel += points) {
            const float *from[APD_TILE_POINTS];
            int filled = 0;
            for (; filled < points && pixel + filled < pixels; filled++) {
                from[filled] = padded + (y * sum->step_h * sum->width + x * sum->step_w) * sum->channels;
                if (++x == sum->out_w) {
                    x = 0;
                    y++;
                }
            }
            apd_tile(width, filled, from, &walk, packed + channel * taps(sum), bias + channel, 0,
                     out + pixel * stride + channel, stride);
        }
        channel += width * APD_LANES;
    }
}

/* The index in the weights (R, (c, ky, kx)) of the correlation's weight from channel `from` at (ky, kx) to channel `to`. */
typedef int64_t (*weight_index)(const correlation *sum, int64_t to, int64_t ky, int64_t kx, int64_t from);

static int64_t plain_index(const correlation *sum, int64_t to, int64_t ky, int64_t kx, int64_t from) {
    return ((to * sum->channels + from) * sum->kernel_h + ky) * sum->kernel_w + kx;
}

static int64_t mirrored_index(const correlation *sum, int64_t to, int64_t ky, int64_t kx, int64_t from) {
    return ((from * sum->out_channels + to) * sum->kernel_h + sum->kernel_h - 1 - ky) * sum->kernel_w +
           sum->kernel_w - 1 - kx;
}

/* The tile of `packed` that begins at channel `to` holds (tap, lane); lanes beyond the channels are zero. */
static void pack_tile(const correlation *sum, const float *weights, weight_index index, int64_t to, int lanes,
                      float *packed) {
    for (int64_t ky = 0; ky < sum->kernel_h; ky++)
        for (int64_t kx = 0; kx < sum->kernel_w; kx++)
            for (int64_t from = 0; from < sum->channels; from++, packed += lanes)
                for (int lane = 0; lane < lanes; lane++)
                    packed[lane] =
                        to + lane < sum->out_channels ? weights[index(sum, to + lane, ky, kx, from)] : 0.0f;
}

static void pack(const correlation *sum, const float *weights, weight_index index, float *packed) {
    int64_t stride = apd_channel_stride(sum->out_channels);
    for (int64_t to = 0; to < stride;) {
        int lanes = apd_tile_width(stride - to) * APD_LANES;
        pack_tile(sum, weights, index, to, lanes, packed + to * taps(sum));
        to += lanes;
    }
}

static void begin_forward(const apd_layer *layer, const apd_pass *pass) {
    correlation sum = forward_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    pack(&sum, pass->weights, plain_index, in.packed);
    apd_clear_floats(in.padded, padded_floats(&sum));
    apd_clear_floats(in.bias, apd_channel_stride(layer->out.channels));
    memcpy(in.bias, pass->bias, (size_t)layer->out.channels * sizeof(float));
}

static void forward(const apd_layer *layer, const apd_pass *pass) {
    correlation sum = forward_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    for (int64_t image = 0; image < pass->n; image++) {
        pad_image(&sum, layer->in, pass->input + image * apd_image_floats(layer->in), layer->pad_top,
                  layer->pad_left, 1, 1, in.padded);
        correlate(&sum, in.padded, in.packed, in.bias, pass->output + image * apd_image_floats(layer->out));
    }
}

static void backward_input(const apd_layer *layer, const apd_pass *pass) {
    const apd_layer_spec *spec = &layer->spec;
    correlation sum = mirrored_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    for (int64_t image = 0; image < pass->n; image++) {
        pad_image(&sum, layer->out, pass->output_gradient + image * apd_image_floats(layer->out),
                  spec->kernel_h - 1 - layer->pad_top, spec->kernel_w - 1 - layer->pad_left, spec->stride_h,
                  spec->stride_w, in.spread);
        correlate(&sum, in.spread, in.packed, in.zeros,
                  pass->input_gradient + image * apd_image_floats(layer->in));
    }
}

/* sums (taps, lanes) of one tile of output channels += one image's. `factors` (pixels, lanes), w_step apart. */
static void add_weight_tile(const correlation *sum, const float *padded, const float *factors, int64_t w_step,
                            int width, float *sums) {
    apd_tile_walk walk = {.rows = sum->out_h,
                          .run = sum->out_w,
                          .row_step = (int64_t)sum->step_h * sum->width * sum->channels,
                          .step = (int64_t)sum->step_w * sum->channels,
                          .w_step = w_step};
    int64_t run = (int64_t)sum->kernel_w * sum->channels;
    int points = apd_tile_points(width);
    for (int64_t tap = 0; tap < taps(sum); tap += points) {
        const float *from[APD_TILE_POINTS];
        int filled = 0;
        for (; filled < points && tap + filled < taps(sum); filled++) {
            int64_t ky = (tap + filled) / run, along = (tap + filled) % run;
            from[filled] = padded + ky * sum->width * sum->channels + along;
        }
        float *to = sums + tap * width * APD_LANES;
        apd_tile(width, filled, from, &walk, factors, to, width * APD_LANES, to, width * APD_LANES);
    }
}

static void add_weights_of_image(const apd_layer *layer, const correlation *sum, const buffers *in,
                                 const float *output_gradient) {
    int64_t stride = apd_channel_stride(layer->out.channels);
    for (int64_t channel = 0; channel < stride;) {
        int width = apd_tile_width(stride - channel);
        int64_t lanes = width * APD_LANES;
        const float *factors = lanes == stride ? output_gradient : in->factors;
        for (int64_t pixel = 0; pixel < apd_pixels(layer->out) && lanes < stride; pixel++)
            memcpy(in->factors + pixel * lanes, output_gradient + pixel * stride + channel,
                   (size_t)lanes * sizeof(float));
        add_weight_tile(sum, in->padded, factors, lanes, width, in->sums + channel * taps(sum));
        channel += lanes;
    }
}

/* bias (channel stride) += one image's */
static void add_bias_of_image(const apd_layer *layer, const float *output_gradient, float *bias) {
    int64_t stride = apd_channel_stride(layer->out.channels), pixels = apd_pixels(layer->out);
    for (int64_t channel = 0; channel < stride; channel += APD_LANES) {
        apd_lanes sum = apd_lanes_load(bias + channel);
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            sum += apd_lanes_load(output_gradient + pixel * stride + channel);
        apd_lanes_store(bias + channel, sum);
    }
}

/* Write the sums of the tile that begins at output channel `to` to the gradient (R, (c, ky, kx)). */
static void unpack_tile(const correlation *sum, const float *sums, int64_t to, int lanes, float *gradient) {
    for (int64_t ky = 0; ky < sum->kernel_h; ky++)
        for (int64_t kx = 0; kx < sum->kernel_w; kx++)
            for (int64_t from = 0; from < sum->channels; from++, sums += lanes)
                for (int lane = 0; lane < lanes && to + lane < sum->out_channels; lane++)
                    gradient[plain_index(sum, to + lane, ky, kx, from)] = sums[lane];
}

static void unpack(const correlation *sum, const buffers *in, const apd_pass *pass) {
    int64_t stride = apd_channel_stride(sum->out_channels);
    for (int64_t to = 0; to < stride;) {
        int lanes = apd_tile_width(stride - to) * APD_LANES;
        unpack_tile(sum, in->sums + to * taps(sum), to, lanes, pass->weight_gradient);
        to += lanes;
    }
    memcpy(pass->bias_gradient, in->bias, (size_t)sum->out_channels * sizeof(float));
}

static void backward_weights(const apd_layer *layer, const apd_pass *pass) {
    correlation sum = forward_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    for (int64_t image = 0; image < pass->n; image++) {
        const float *output_gradient = pass->output_gradient + image * apd_image_floats(layer->out);
        pad_image(&sum, layer->in, pass->input + image * apd_image_floats(layer->in), layer->pad_top,
                  layer->pad_left, 1, 1, in.padded);
        add_weights_of_image(layer, &sum, &in, output_gradient);
        add_bias_of_image(layer, output_gradient, in.bias);
    }
}

static void begin_backward(const apd_layer *layer, const apd_pass *pass) {
    correlation sum = forward_correlation(layer), mirrored = mirrored_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    apd_clear_floats(in.sums, packed_floats(&sum));
    apd_clear_floats(in.bias, apd_channel_stride(layer->out.channels));
    apd_clear_floats(in.padded, padded_floats(&sum));
    if (pass->input_gradient == NULL)
        return;
    pack(&mirrored, pass->weights, mirrored_index, in.packed);
    apd_clear_floats(in.zeros, apd_channel_stride(layer->in.channels));
    apd_clear_floats(in.spread, padded_floats(&mirrored));
}

static void backward(const apd_layer *layer, const apd_pass *pass) {
    backward_weights(layer, pass);
    if (pass->input_gradient != NULL)
        backward_input(layer, pass);
}

static void end_backward(const apd_layer *layer, const apd_pass *pass) {
    correlation sum = forward_correlation(layer);
    buffers in = buffers_in(layer, pass->scratch);
    unpack(&sum, &in, pass);
}

const apd_layer_operation apd_conv_operation = {
    .name = "conv",
    .on_image = true,
    .trained = true,
    .shape = shape,
    .scratch_floats = scratch_floats,
    .begin_forward = begin_forward,
    .forward = forward,
    .begin_backward = begin_backward,
    .backward = backward,
    .end_backward = end_backward,
};
