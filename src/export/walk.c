#include "export/walk.h"

#include "base/memory.h"

#include <stdlib.h>

/* As src/network/layers pads: of an odd number, the larger half goes to the end. */
static int pad(apd_padding padding, int size, int kernel, int stride, int *out, int *end) {
    if (padding == APD_PADDING_VALID) {
        *out = (size - kernel) / stride + 1;
        *end = 0;
        return 0;
    }
    *out = (size + stride - 1) / stride;
    int missing = (*out - 1) * stride + kernel - size;
    missing = missing > 0 ? missing : 0;
    *end = missing - missing / 2;
    return missing / 2;
}

static void set_window(apd_walk_step *step) {
    const apd_layer_spec *s = &step->spec;
    step->top = pad(s->padding, step->in.height, s->kernel_h, s->stride_h, &step->out.height, &step->bottom);
    step->left = pad(s->padding, step->in.width, s->kernel_w, s->stride_w, &step->out.width, &step->right);
}

static void add_step(apd_walk *walk, apd_walk_step step) {
    walk->steps[walk->count++] = step;
}

static void add_layer(const apd_trained *model, apd_walk *walk, apd_layer_spec spec, bool *flat, int *block) {
    apd_image_shape in = walk->count == 0 ? model->file->shape : walk->steps[walk->count - 1].out;
    if (spec.kind == APD_LAYER_DROPOUT)
        return;
    if (spec.kind == APD_LAYER_DENSE && !*flat) {
        apd_image_shape vector = {in.channels * in.height * in.width, 1, 1};
        add_step(walk, (apd_walk_step){.flatten = true, .in = in, .out = vector});
        in = vector;
        *flat = true;
    }
    apd_walk_step step = {.spec = spec, .in = in, .out = in};
    if (spec.kind == APD_LAYER_CONV || spec.kind == APD_LAYER_MAX_POOL)
        set_window(&step);
    if (spec.kind == APD_LAYER_CONV || spec.kind == APD_LAYER_DENSE) {
        step.block = &apd_network_layout(model->network)->blocks[(*block)++];
        step.weights = model->theta + step.block->weight;
        step.bias = model->theta + step.block->bias;
        step.out.channels = (int)step.block->rows;
    }
    add_step(walk, step);
}

apd_walk apd_walk_make(const apd_trained *model) {
    const apd_description *description = model->file->description;
    int layers = description->network.layer_count;
    apd_walk walk = {.steps = apd_allocate(layers + 2, sizeof *walk.steps, "the layers of a network")};
    bool flat = false;
    int block = 0;
    for (int l = 0; l < layers; l++)
        add_layer(model, &walk, description->network.layers[l], &flat, &block);
    add_layer(model, &walk, (apd_layer_spec){.kind = APD_LAYER_DENSE, .units = model->record->class_count},
              &flat, &block);
    return walk;
}

void apd_walk_clear(apd_walk *walk) {
    free(walk->steps);
    *walk = (apd_walk){0};
}

/* Read off an image whose pixels are their own numbers. */
int32_t *apd_walk_pixels(const apd_trained *model) {
    apd_transform_spec spec = apd_trained_transform(model);
    apd_image_shape shape = model->file->shape;
    int64_t count = (int64_t)shape.channels * shape.height * shape.width;
    if (!spec.permuted && !(spec.scrambled && shape.channels > 1))
        return NULL;
    APD_ASSERT(count < 1 << 24); /* so that each is a float */
    spec.is_float = true;
    spec.angle = 0.0;
    float *numbers = apd_allocate(2 * count, sizeof *numbers, "the numbers of pixels");
    int32_t *pixels = apd_allocate(count, sizeof *pixels, "the numbers of pixels");
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (float)i;
    apd_transform *transform = apd_transform_create(&spec);
    apd_transform_apply(transform, 0, numbers, numbers + count);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (int32_t)numbers[count + i];
    apd_transform_destroy(transform);
    free(numbers);
    return pixels;
}
