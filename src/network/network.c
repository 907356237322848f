#include "network/network.h"

#include "base/memory.h"
#include "network/layers/winograd.h"
#include "network/private.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static int first_trained(const apd_network *network) {
    int l = 0;
    while (!network->layers[l].operation->trained)
        l++;
    return l;
}

apd_status apd_network_create(apd_image_shape input, const apd_layer_spec *layers, int layer_count,
                              int max_classes, apd_network **out, apd_error *error) {
    APD_ASSERT(layer_count >= 0 && layer_count < 65536);
    apd_layer *resolved = apd_allocate(layer_count + 1, sizeof *resolved, "the network's layers");
    apd_status status = apd_layers_resolve(input, layers, layer_count, max_classes, resolved, error);
    if (status != APD_OK) {
        free(resolved);
        return status;
    }
    apd_network *made = apd_allocate(1, sizeof *made, "the network");
    made->depth = layer_count;
    made->layers = resolved;
    made->first_trained = first_trained(made);
    made->stages = apd_allocate(layer_count + 1, sizeof *made->stages, "the network's stages");
    made->stage_count = apd_stages_cut(resolved, layer_count + 1, made->stages);
    apd_layout_init(&made->layout, resolved, layer_count + 1);
    *out = made;
    return APD_OK;
}

void apd_network_destroy(apd_network *network) {
    if (network == NULL)
        return;
    apd_layout_clear(&network->layout);
    free(network->stages);
    free(network->layers);
    free(network);
}

const apd_layout *apd_network_layout(const apd_network *network) {
    return &network->layout;
}

int apd_network_depth(const apd_network *network) {
    return network->depth;
}

/* What a window's last position lacks beyond the end, after `begin` pixels of padding. */
static int padding_behind(int in, int out, int kernel, int stride, int begin) {
    int missing = (out - 1) * stride + kernel - in - begin;
    return missing > 0 ? missing : 0;
}

apd_layer_view apd_network_layer(const apd_network *network, int l) {
    APD_ASSERT(l >= 0 && l <= network->depth);
    const apd_layer *layer = &network->layers[l];
    const apd_layer_spec *spec = &layer->spec;
    apd_layer_view view = {.spec = *spec, .in = layer->in, .out = layer->out, .block = layer->block};
    if (spec->kind == APD_LAYER_CONV || spec->kind == APD_LAYER_MAX_POOL) {
        view.top = layer->pad_top;
        view.left = layer->pad_left;
        view.bottom =
            padding_behind(view.in.height, view.out.height, spec->kernel_h, spec->stride_h, view.top);
        view.right = padding_behind(view.in.width, view.out.width, spec->kernel_w, spec->stride_w, view.left);
    }
    return view;
}

int64_t apd_network_dropout_numbers(const apd_network *network) {
    int64_t most = 0;
    for (int l = 0; l < network->depth; l++) {
        const apd_layer *layer = &network->layers[l];
        if (layer->spec.kind == APD_LAYER_DROPOUT && apd_features(layer->out) > most)
            most = apd_features(layer->out);
    }
    return most;
}

apd_status apd_network_check_dropout(const apd_network *network, int64_t images, apd_error *error) {
    for (int l = 0; l < network->depth; l++) {
        const apd_layer *layer = &network->layers[l];
        if (layer->spec.kind == APD_LAYER_DROPOUT && images > APD_RANDOM_NUMBERS / apd_features(layer->out))
            return apd_fail(
                error, APD_ERROR_USAGE,
                "layer %d (dropout): a batch of %" PRId64 " images of %" PRId64
                " numbers each is more than the 2^34 that a step may draw; use a smaller batch, or "
                "dropout behind a smaller layer",
                layer->number, images, apd_features(layer->out));
    }
    return APD_OK;
}

apd_block_work apd_network_work(const apd_network *network, int block, int classes) {
    int l = 0;
    while (network->layers[l].block != block)
        l++;
    const apd_layer *layer = &network->layers[l];
    int64_t units = l < network->depth ? layer->out.channels : classes, pixels = apd_pixels(layer->out);
    bool fast = layer->spec.kind == APD_LAYER_CONV && apd_winograd_suits(layer);
    apd_block_work work = {.direct = pixels * layer->cols * units,
                           .inputs = apd_features(layer->in),
                           .outputs = pixels * units,
                           .weights = layer->cols * units};
    work.done = fast ? apd_winograd_multiply_adds(layer) : work.direct;
    return work;
}

void apd_network_initialise(const apd_network *network, int block, apd_rows rows, float scale,
                            const apd_random *random, float *weights) {
    APD_ASSERT(block >= 0 && block < network->layout.block_count);
    const apd_block *shape = &network->layout.blocks[block];
    APD_ASSERT(rows.begin >= 0 && rows.begin <= rows.end && rows.end <= shape->rows);
    double variance = (shape->decomposed ? 2.0 : 1.0) / (double)shape->cols;
    float deviation = (float)((double)scale * sqrt(variance));
    int64_t count = (rows.end - rows.begin) * shape->cols;
    apd_random_normal(random, rows.begin * shape->cols, count, weights);
    for (int64_t i = 0; i < count; i++)
        weights[i] *= deviation;
}
