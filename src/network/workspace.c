/* Passes through a network's layers. */
#include "network/workspace.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* What is too much to count is too much to allocate, and is said so there. */
static int64_t for_images(int max_images, int64_t size) {
    int64_t product;
    return __builtin_mul_overflow((int64_t)max_images, size, &product) ? INT64_MAX : product;
}

static float *floats_for(int max_images, int64_t size) {
    return apd_allocate(for_images(max_images, size), sizeof(float), "activations of a micro-batch");
}

static int64_t most_scratch(const apd_network *network) {
    int64_t most = 0;
    for (int l = 0; l <= network->depth; l++) {
        const apd_layer *layer = &network->layers[l];
        int64_t asked =
            layer->operation->scratch_floats != NULL ? layer->operation->scratch_floats(layer) : 0;
        most = asked > most ? asked : most;
    }
    return most;
}

static int64_t most_activations(const apd_network *network) {
    int64_t most = 0;
    for (int l = 0; l <= network->depth; l++) {
        int64_t floats = apd_image_floats(network->layers[l].in);
        most = floats > most ? floats : most;
    }
    return most;
}

apd_workspace *apd_workspace_create(const apd_network *network, int max_images) {
    APD_ASSERT(max_images >= 0);
    apd_workspace *made = apd_allocate(1, sizeof *made, "a workspace");
    made->max_images = max_images;
    made->depth = network->depth;
    made->input = floats_for(max_images, apd_image_floats(network->layers[0].in));
    made->outputs = apd_allocate(network->depth, sizeof *made->outputs, "a workspace's layers");
    made->kept = apd_allocate(network->depth + 1, sizeof *made->kept, "a workspace's layers");
    made->shared = apd_allocate(network->depth, sizeof *made->shared, "a workspace's layers");
    for (int l = 0; l <= network->depth; l++) {
        const apd_layer *layer = &network->layers[l];
        if (layer->operation->kept_bytes != NULL)
            made->kept[l] = apd_allocate(for_images(max_images, layer->operation->kept_bytes(layer)), 1,
                                         "what layers keep of a micro-batch");
        if (l == network->depth)
            break;
        made->shared[l] = layer->operation->in_place;
        made->outputs[l] = !made->shared[l] ? floats_for(max_images, apd_image_floats(layer->out))
                           : l > 0          ? made->outputs[l - 1]
                                            : made->input;
    }
    int classes = network->layers[network->depth].out.channels;
    made->scratch = floats_for(1, most_scratch(network));
    made->logits = floats_for(max_images, classes);
    made->logit_gradient = floats_for(max_images, classes);
    made->gradients[0] = floats_for(max_images, most_activations(network));
    made->gradients[1] = floats_for(max_images, most_activations(network));
    return made;
}

void apd_workspace_destroy(apd_workspace *workspace) {
    if (workspace == NULL)
        return;
    for (int l = 0; l < workspace->depth; l++)
        if (!workspace->shared[l])
            free(workspace->outputs[l]);
    for (int l = 0; l <= workspace->depth; l++)
        free(workspace->kept[l]);
    free((void *)workspace->outputs);
    free((void *)workspace->kept);
    free(workspace->shared);
    free(workspace->input);
    free(workspace->scratch);
    free(workspace->logits);
    free(workspace->logit_gradient);
    free(workspace->gradients[0]);
    free(workspace->gradients[1]);
    free(workspace);
}

/* (n, pixel, channel) from (n, channel, pixel) */
static void take_images(apd_image_shape shape, const float *images, int n, float *input) {
    int64_t stride = apd_channel_stride(shape.channels), pixels = apd_pixels(shape);
    for (int64_t image = 0; image < n; image++, images += apd_features(shape), input += pixels * stride) {
        if (pixels == 1)
            memcpy(input, images, (size_t)apd_features(shape) * sizeof *input);
        for (int64_t c = 0; c < shape.channels && pixels > 1; c++)
            for (int64_t pixel = 0; pixel < pixels; pixel++)
                input[pixel * stride + c] = images[c * pixels + pixel];
    }
}

/* What both directions of a pass tell layer `l`. */
static apd_pass pass_of(const apd_network *network, const float *theta, const apd_workspace *workspace,
                        int l) {
    const apd_layer *layer = &network->layers[l];
    bool head = l == network->depth;
    apd_pass pass = {.n = workspace->n,
                     .units = head ? workspace->classes : layer->out.channels,
                     .stride = head ? workspace->classes : apd_channel_stride(layer->out.channels),
                     .input = l > 0 ? workspace->outputs[l - 1] : workspace->input,
                     .output = head ? workspace->logits : workspace->outputs[l],
                     .kept = workspace->kept[l],
                     .scratch = workspace->scratch,
                     .dropout = workspace->dropping ? &workspace->dropout : NULL};
    if (layer->block >= 0) {
        const apd_block *block = &network->layout.blocks[layer->block];
        pass.weights = theta + block->weight;
        pass.bias = theta + block->bias;
    }
    return pass;
}

const float *apd_network_forward(const apd_network *network, const float *theta, const float *images, int n,
                                 int classes, const apd_random *dropout, int64_t first,
                                 apd_workspace *workspace) {
    APD_ASSERT(n >= 0 && n <= workspace->max_images);
    APD_ASSERT(classes >= 1 && classes <= network->layers[network->depth].out.channels);
    workspace->n = n;
    workspace->classes = classes;
    workspace->dropping = dropout != NULL;
    if (dropout != NULL)
        workspace->dropout = *dropout;
    take_images(network->layers[0].in, images, n, workspace->input);
    for (int l = 0; l <= network->depth; l++) {
        apd_pass pass = pass_of(network, theta, workspace, l);
        pass.first = first;
        network->layers[l].operation->forward(&network->layers[l], &pass);
    }
    return workspace->logits;
}

static void clear_unused_head(const apd_network *network, int classes, float *gradient) {
    const apd_block *head = &network->layout.blocks[network->layout.block_count - 1];
    size_t unused = (size_t)(head->rows - classes);
    memset(gradient + head->weight + classes * head->cols, 0, unused * (size_t)head->cols * sizeof(float));
    memset(gradient + head->bias + classes, 0, unused * sizeof(float));
}

/* One layer's backward; returns the gradient by its input. */
static float *step_back(const apd_network *network, apd_pass *pass, float *gradient, int l, float *by_output,
                        apd_workspace *workspace) {
    const apd_layer *layer = &network->layers[l];
    float *by_input = workspace->gradients[by_output == workspace->gradients[0]];
    if (layer->operation->in_place)
        by_input = by_output;
    pass->output_gradient = by_output;
    pass->input_gradient = l > network->first_trained ? by_input : NULL;
    if (layer->block >= 0) {
        const apd_block *block = &network->layout.blocks[layer->block];
        pass->weight_gradient = gradient + block->weight;
        pass->bias_gradient = gradient + block->bias;
    }
    layer->operation->backward(layer, pass);
    return by_input;
}

void apd_network_backward(const apd_network *network, const float *theta, float *gradient, bool accumulate,
                          apd_workspace *workspace, apd_block_done done, void *context) {
    float *by_output = workspace->logit_gradient;
    if (!accumulate)
        clear_unused_head(network, workspace->classes, gradient);
    for (int l = network->depth; l >= network->first_trained; l--) {
        apd_pass pass = pass_of(network, theta, workspace, l);
        pass.accumulate = accumulate;
        by_output = step_back(network, &pass, gradient, l, by_output, workspace);
        if (done != NULL && network->layers[l].block >= 0)
            done(context, network->layers[l].block);
    }
}
