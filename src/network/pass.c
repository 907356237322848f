/* pass: forward and backward through the stages of a network (stage.h). */
#include "base/status.h"
#include "network/network.h"
#include "network/private.h"

#include <string.h>

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

/* The part of apd_pass that both directions have, for layer l and images first .. first+n-1 of the micro-batch. */
static apd_pass pass_of(const apd_network *network, const float *theta, const apd_workspace *workspace, int l,
                        int64_t first, int n) {
    const apd_layer *layer = &network->layers[l];
    bool head = l == network->depth;
    const float *input = l > 0 ? workspace->outputs[l - 1] : workspace->input;
    float *output = head ? workspace->logits : workspace->outputs[l];
    int64_t into = l > 0 && workspace->passes_on[l - 1] ? 0 : first * apd_image_floats(layer->in);
    int64_t out_of = head || workspace->passes_on[l] ? 0 : first * apd_image_floats(layer->out);
    apd_pass pass = {.n = n,
                     .units = head ? workspace->classes : layer->out.channels,
                     .stride = head ? workspace->classes : apd_channel_stride(layer->out.channels),
                     .input = input + into,
                     .output = output + out_of,
                     .scratch = workspace->scratch[l],
                     .dropout = workspace->dropping ? &workspace->dropout : NULL};
    if (workspace->kept[l] != NULL)
        pass.kept = (char *)workspace->kept[l] + first * layer->operation->kept_bytes(layer);
    if (layer->block >= 0) {
        const apd_block *block = &network->layout.blocks[layer->block];
        pass.weights = theta + block->weight;
        pass.bias = theta + block->bias;
    }
    return pass;
}

/* --- forward --------------------------------------------------------------------------------------------- */

typedef struct forward_pass {
    const apd_network *network;
    const float *theta, *images;
    int64_t dropout_first;
    apd_workspace *workspace;
} forward_pass;

/* Only the first layer of a stage has a begin step. */
static void begin_forward(const forward_pass *f, const apd_stage *stage) {
    const apd_layer *layer = &f->network->layers[stage->first];
    apd_pass pass = pass_of(f->network, f->theta, f->workspace, stage->first, 0, f->workspace->n);
    if (layer->operation->begin_forward != NULL)
        layer->operation->begin_forward(layer, &pass);
}

static void forward_images(const forward_pass *f, const apd_stage *stage, int64_t first, int n) {
    const apd_layer *layers = f->network->layers;
    if (stage->first == 0)
        take_images(layers[0].in, f->images + first * apd_features(layers[0].in), n,
                    f->workspace->input + first * apd_image_floats(layers[0].in));
    for (int l = stage->first; l < stage->end; l++) {
        apd_pass pass = pass_of(f->network, f->theta, f->workspace, l, first, n);
        pass.first = f->dropout_first + first * apd_features(layers[l].out);
        layers[l].operation->forward(&layers[l], &pass);
    }
}

/* Wait for the parameters of a stage: it has one block at most. */
static void await_block(const apd_network *network, const apd_stage *stage, apd_block_wanted await,
                        void *context) {
    for (int l = stage->first; l < stage->end && await != NULL; l++)
        if (network->layers[l].block >= 0)
            await(context, network->layers[l].block);
}

const float *apd_network_forward_behind(const apd_network *network, const float *theta, const float *images,
                                        int n, int classes, const apd_random *dropout, int64_t first,
                                        apd_workspace *workspace, apd_block_wanted await, void *context) {
    APD_ASSERT(n >= 0 && n <= workspace->max_images);
    APD_ASSERT(classes >= 1 && classes <= network->layers[network->depth].out.channels);
    workspace->n = n;
    workspace->classes = classes;
    workspace->dropping = dropout != NULL;
    if (dropout != NULL)
        workspace->dropout = *dropout;
    forward_pass f = {network, theta, images, first, workspace};
    for (int s = 0; s < network->stage_count; s++) {
        const apd_stage *stage = &network->stages[s];
        int together = apd_stage_images(stage, n);
        await_block(network, stage, await, context);
        if (n > 0)
            begin_forward(&f, stage);
        for (int image = 0; image < n; image += together)
            forward_images(&f, stage, image, n - image < together ? n - image : together);
    }
    return workspace->logits;
}

const float *apd_network_forward(const apd_network *network, const float *theta, const float *images, int n,
                                 int classes, const apd_random *dropout, int64_t first,
                                 apd_workspace *workspace) {
    return apd_network_forward_behind(network, theta, images, n, classes, dropout, first, workspace, NULL,
                                      NULL);
}

/* --- backward -------------------------------------------------------------------------------------------- */

typedef struct backward_pass {
    const apd_network *network;
    const float *theta;
    const apd_gradient_layout *to;
    float *gradient;
    apd_workspace *workspace;
    float *by_output,
        *by_input; /* gradients by the stage's activations, all images; by_input NULL: not wanted */
} backward_pass;

static void clear_unused_head(const backward_pass *b) {
    int last = b->network->layout.block_count - 1, classes = b->workspace->classes;
    const apd_block *head = &b->network->layout.blocks[last];
    apd_gradient_block place = b->to->blocks[last];
    size_t unused = (size_t)(head->rows - classes);
    memset(b->gradient + place.weight + classes * head->cols, 0, unused * (size_t)head->cols * sizeof(float));
    memset(b->gradient + place.bias + classes, 0, unused * sizeof(float));
}

/* apd_pass for the backward direction; the caller sets the gradients by activations. */
static apd_pass pass_back(const backward_pass *b, int l, int64_t first, int n) {
    apd_pass pass = pass_of(b->network, b->theta, b->workspace, l, first, n);
    const apd_layer *layer = &b->network->layers[l];
    pass.input_gradient = b->by_input;
    if (layer->block >= 0) {
        apd_gradient_block place = b->to->blocks[layer->block];
        pass.weight_gradient = b->gradient + place.weight;
        pass.bias_gradient = b->gradient + place.bias;
        pass.factored = place.factored;
    }
    return pass;
}

/* Call the begin or end function of the stage's first layer, if it has one. */
static void call_first(const backward_pass *b, const apd_stage *stage, int64_t first, int n,
                       void (*step)(const apd_layer *layer, const apd_pass *pass)) {
    apd_pass pass = pass_back(b, stage->first, first, n);
    if (step != NULL)
        step(&b->network->layers[stage->first], &pass);
}

static void backward_images(const backward_pass *b, const apd_stage *stage, int64_t first, int n) {
    const apd_layer *layers = b->network->layers;
    bool head = stage->end > b->network->depth;
    float *by_output = b->by_output + (head ? 0 : first * apd_image_floats(layers[stage->end - 1].out));
    for (int l = stage->end - 1, next = 0; l >= stage->first; l--) {
        apd_pass pass = pass_back(b, l, first, n);
        pass.output_gradient = by_output;
        if (layers[l].operation->in_place)
            pass.input_gradient = by_output;
        else if (l > stage->first)
            pass.input_gradient = b->workspace->inner[next++ % 2];
        else if (b->by_input != NULL)
            pass.input_gradient = b->by_input + first * apd_image_floats(layers[l].in);
        layers[l].operation->backward(&layers[l], &pass);
        by_output = pass.input_gradient;
    }
}

/* A stage's gradient by images first .. first+n-1. */
static void backward_stage(const backward_pass *b, const apd_stage *stage, int first, int n) {
    const apd_layer_operation *operation = b->network->layers[stage->first].operation;
    const int together = apd_stage_images(stage, b->workspace->n), end = first + n;
    call_first(b, stage, first, n, operation->begin_backward);
    int image = first;
    do { /* also for n = 0, where zeros are written */
        backward_images(b, stage, image, end - image < together ? end - image : together);
        image += together;
    } while (image < end);
    call_first(b, stage, first, n, operation->end_backward);
}

void apd_network_backward(const apd_network *network, const float *theta, const apd_gradient_layout *to,
                          float *gradient, apd_workspace *workspace, apd_block_done done, void *context) {
    const int n = workspace->n;
    backward_pass b = {.network = network,
                       .theta = theta,
                       .to = to,
                       .gradient = gradient,
                       .workspace = workspace,
                       .by_output = workspace->logit_gradient};
    APD_ASSERT(n <= to->images || to->images == 0);
    clear_unused_head(&b);
    for (int s = network->stage_count - 1; s >= 0 && network->stages[s].end > network->first_trained; s--) {
        const apd_stage *stage = &network->stages[s];
        const int block = network->layers[stage->first].block;
        const int whole = to->by_image && !network->layout.blocks[block].dense ? 1 : n;
        b.by_input = stage->first > network->first_trained
                         ? workspace->gradients[b.by_output == workspace->gradients[0]]
                         : NULL;
        int image = 0;
        do {
            backward_stage(&b, stage, image, whole);
            if (done != NULL)
                done(context, block);
            image += whole;
        } while (image < n);
        b.by_output = b.by_input;
    }
}
