#include "network/layers/layer.h"

#include <inttypes.h>
#include <limits.h>

#define MOST_UNITS    1000000
#define MOST_KERNEL   1024
#define MOST_FEATURES INT32_MAX
#define MOST_IN_BLOCK (INT64_C(1) << 31)

static const apd_layer_operation *const operation_of_kind[] = {
    [APD_LAYER_CONV] = &apd_conv_operation, [APD_LAYER_DENSE] = &apd_dense_operation,
    [APD_LAYER_RELU] = &apd_relu_operation, [APD_LAYER_MAX_POOL] = &apd_max_pool_operation,
    [APD_LAYER_LRN] = &apd_lrn_operation,   [APD_LAYER_DROPOUT] = &apd_dropout_operation,
};

apd_status apd_layer_range(const apd_layer *layer, const char *field, int64_t value, int64_t most,
                           apd_error *error) {
    if (value >= 1 && value <= most)
        return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE, "layer %d (%s): %s is %" PRId64 "; it must be 1 .. %" PRId64,
                    layer->number, layer->operation->name, field, value, most);
}

apd_status apd_layer_same_shape(apd_layer *layer, apd_error *error) {
    (void)error;
    layer->out = layer->in;
    return APD_OK;
}

/* One direction of a window; SAME pads as TensorFlow: the odd pixel goes to the end. */
static void window_extent(apd_padding padding, int size, int kernel, int stride, int *out, int *pad) {
    if (padding == APD_PADDING_VALID) {
        *out = (size - kernel) / stride + 1;
        *pad = 0;
        return;
    }
    *out = (size - 1) / stride + 1;
    int missing = (*out - 1) * stride + kernel - size;
    *pad = missing > 0 ? missing / 2 : 0;
}

apd_status apd_layer_window(apd_layer *layer, apd_error *error) {
    const apd_layer_spec *spec = &layer->spec;
    const apd_image_shape *in = &layer->in;
    APD_TRY(apd_layer_range(layer, "kernel height", spec->kernel_h, MOST_KERNEL, error));
    APD_TRY(apd_layer_range(layer, "kernel width", spec->kernel_w, MOST_KERNEL, error));
    APD_TRY(apd_layer_range(layer, "vertical stride", spec->stride_h, MOST_KERNEL, error));
    APD_TRY(apd_layer_range(layer, "horizontal stride", spec->stride_w, MOST_KERNEL, error));
    if (spec->padding == APD_PADDING_VALID && (spec->kernel_h > in->height || spec->kernel_w > in->width))
        return apd_fail(error, APD_ERROR_USAGE,
                        "layer %d (%s): its VALID kernel of %dx%d is larger than its input of %dx%d; use a "
                        "smaller kernel or SAME padding",
                        layer->number, layer->operation->name, spec->kernel_h, spec->kernel_w, in->height,
                        in->width);
    window_extent(spec->padding, in->height, spec->kernel_h, spec->stride_h, &layer->out.height,
                  &layer->pad_top);
    window_extent(spec->padding, in->width, spec->kernel_w, spec->stride_w, &layer->out.width,
                  &layer->pad_left);
    return APD_OK;
}

static apd_status check_sizes(const apd_layer *layer, apd_error *error) {
    if (apd_features(layer->out) > MOST_FEATURES)
        return apd_fail(error, APD_ERROR_USAGE,
                        "layer %d (%s): its output of %dx%dx%d numbers an image is more than the %d allowed",
                        layer->number, layer->operation->name, layer->out.channels, layer->out.height,
                        layer->out.width, MOST_FEATURES);
    if (layer->cols > MOST_IN_BLOCK / layer->out.channels)
        return apd_fail(error, APD_ERROR_USAGE,
                        "layer %d (%s): %d outputs of %" PRId64 " inputs each are more than 2^31 weights",
                        layer->number, layer->operation->name, layer->out.channels, layer->cols);
    return APD_OK;
}

static apd_status resolve(apd_layer *layer, bool flat, apd_error *error) {
    if (flat && layer->operation->on_image)
        return apd_fail(error, APD_ERROR_USAGE,
                        "layer %d (%s): it works on images and cannot follow a dense layer; put it ahead of "
                        "all dense layers",
                        layer->number, layer->operation->name);
    if (layer->operation->trained)
        APD_TRY(apd_layer_range(layer, "units", layer->spec.units, MOST_UNITS, error));
    APD_TRY(layer->operation->shape(layer, error));
    return check_sizes(layer, error);
}

static apd_status check_input(apd_image_shape input, int max_classes, apd_error *error) {
    bool positive = input.channels >= 1 && input.height >= 1 && input.width >= 1;
    if (!positive || input.channels > MOST_UNITS || input.height > MOST_UNITS || input.width > MOST_UNITS ||
        apd_features(input) > MOST_FEATURES)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "the network's input of %d channels of %dx%d is impossible: each must be 1 .. %d, and "
            "their product at most %d",
            input.channels, input.height, input.width, MOST_UNITS, MOST_FEATURES);
    if (max_classes < 1 || max_classes > MOST_UNITS)
        return apd_fail(error, APD_ERROR_USAGE, "the head has %d classes; it must have 1 .. %d", max_classes,
                        MOST_UNITS);
    return APD_OK;
}

/* The index of the spec at place l. A ReLU and the max-pooling that follows it are exchanged: outputs and gradients are the
 * same in either order, and the pooled image is smaller. */
static int spec_at(const apd_layer_spec *specs, int count, int l) {
    for (int first = l - 1; first <= l && first + 1 < count; first++)
        if (first >= 0 && specs[first].kind == APD_LAYER_RELU && specs[first + 1].kind == APD_LAYER_MAX_POOL)
            return first == l ? l + 1 : l - 1;
    return l;
}

apd_status apd_layers_resolve(apd_image_shape input, const apd_layer_spec *specs, int count, int max_classes,
                              apd_layer *layers, apd_error *error) {
    const int kinds = (int)(sizeof operation_of_kind / sizeof operation_of_kind[0]);
    apd_layer_spec head = {.kind = APD_LAYER_DENSE, .units = max_classes};
    apd_image_shape shape = input;
    bool flat = false;
    int blocks = 0;
    APD_TRY(check_input(input, max_classes, error));
    for (int l = 0; l <= count; l++) {
        int place = spec_at(specs, count, l);
        apd_layer_spec spec = l < count ? specs[place] : head;
        if ((int)spec.kind < 0 || (int)spec.kind >= kinds)
            return apd_fail(error, APD_ERROR_USAGE, "layer %d: kind %d does not exist", place + 1,
                            (int)spec.kind);
        if (l == 0 && spec.kind == APD_LAYER_DENSE) /* images come flattened already */
            shape = (apd_image_shape){(int)apd_features(input), 1, 1};
        layers[l] = (apd_layer){
            .operation = operation_of_kind[spec.kind], .spec = spec, .number = place + 1, .in = shape};
        APD_TRY(resolve(&layers[l], flat, error));
        layers[l].block = layers[l].operation->trained ? blocks++ : -1;
        flat = flat || spec.kind == APD_LAYER_DENSE;
        shape = layers[l].out;
    }
    return APD_OK;
}
