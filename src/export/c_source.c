#include "export/c_source.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "layers_text.h" /* made by CMake from layers.h */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const apd_block *block_of(const apd_trained *trained, const apd_layer_view *layer) {
    return layer->block >= 0 ? &apd_network_layout(trained->network)->blocks[layer->block] : NULL;
}

static int64_t numbers_of(apd_image_shape shape) {
    return (int64_t)shape.channels * shape.height * shape.width;
}

/* A name inside a comment or a string: only letters, digits and what cannot end either. */
static void write_name(FILE *file, const char *name) {
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' ||
                     c == '-' || c == '_' || c == '.' || c == ',';
        if (plain || c >= 0x80)
            (void)fputc(c, file);
        else
            (void)fputc('_', file);
    }
}

void apd_export_c_header(const apd_trained *trained, FILE *file) {
    apd_image_shape shape = trained->file->shape;
    double angle = apd_trained_transform(trained).angle;
    (void)fputs("/* The network of task ", file);
    (void)fprintf(file, "%d (", trained->record->id);
    write_name(file, apd_utf8_shown(trained->record->name).text);
    (void)fprintf(file, "), written by apd %s. */\n#ifndef APD_MODEL_H\n#define APD_MODEL_H\n\n",
                  APD_VERSION);
    (void)fprintf(file, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    (void)fprintf(file,
                  "enum { APD_MODEL_CHANNELS = %d, APD_MODEL_HEIGHT = %d, APD_MODEL_WIDTH = %d, "
                  "APD_MODEL_CLASSES = %d };\n\n",
                  shape.channels, shape.height, shape.width, trained->record->class_count);
    (void)fputs("/* The classes' names, and their numbers in the data file. */\n"
                "extern const char *const apd_model_names[APD_MODEL_CLASSES];\n"
                "extern const int apd_model_classes[APD_MODEL_CLASSES];\n\n",
                file);
    (void)fprintf(file,
                  "/* The class of an image, 0 .. APD_MODEL_CLASSES-1.\n"
                  " *   image          (channels, height, width), %s%s\n"
                  " *   probabilities  one a class, out */\n"
                  "int apd_model_predict(const float *image, float *probabilities);\n\n",
                  trained->file->is_float ? "as the run's data file has them" : "pixels from 0 to 1",
                  angle < 0.0 || angle > 0.0 ? ", rotated as the task's" : "");
    (void)fputs("#ifdef __cplusplus\n}\n#endif\n\n#endif\n", file);
}

/* --- the source ---------------------------------------------------------------------------------------------------- */

static void write_floats(FILE *file, const char *name, const char *part, const float *floats, int64_t count) {
    (void)fprintf(file, "static const float %s%s[%" PRId64 "] = {", name, part, count);
    for (int64_t i = 0; i < count; i++)
        (void)fprintf(file, "%s%.9ef%s", i % 8 == 0 ? "\n    " : " ", (double)floats[i],
                      i + 1 < count ? "," : "");
    (void)fputs("};\n\n", file);
}

static void write_pixels(const apd_trained *trained, FILE *file) {
    int32_t *pixels = apd_trained_pixels(trained);
    int64_t count = numbers_of(trained->file->shape);
    if (pixels != NULL) {
        (void)fprintf(file, "static const int pixels[%" PRId64 "] = {", count);
        for (int64_t i = 0; i < count; i++)
            (void)fprintf(file, "%s%" PRId32 "%s", i % 16 == 0 ? "\n    " : " ", pixels[i],
                          i + 1 < count ? "," : "");
        (void)fputs("};\n\n", file);
    }
    free(pixels);
}

/* --- a call a layer: from `in` to `out`, or in place ---------------------------------------------------------------- */

typedef struct c_layer {
    const apd_layer_view *layer;
    const apd_block *block; /* NULL: nothing is trained */
    const char *in, *out;
} c_layer;

static void write_window(const c_layer *call, FILE *file) {
    const apd_layer_view *layer = call->layer;
    const apd_layer_spec *spec = &layer->spec;
    (void)fprintf(file, "%s(&(const shape){%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d}",
                  call->block != NULL ? "conv" : "max_pool", layer->in.channels, layer->in.height,
                  layer->in.width, layer->out.channels, layer->out.height, layer->out.width, spec->kernel_h,
                  spec->kernel_w, spec->stride_h, spec->stride_w, layer->top, layer->left);
    if (call->block != NULL)
        (void)fprintf(file, ", %s_weights, %s_bias", call->block->name, call->block->name);
    (void)fprintf(file, ", %s, %s)", call->in, call->out);
}

static void write_dense(const c_layer *call, FILE *file) {
    const apd_block *block = call->block;
    (void)fprintf(file, "dense(%" PRId64 ", %" PRId64 ", %s_weights, %s_bias, %s, %s)", block->rows,
                  block->cols, block->name, block->name, call->in, call->out);
}

static void write_relu(const c_layer *call, FILE *file) {
    (void)fprintf(file, "relu(%" PRId64 ", %s)", numbers_of(call->layer->in), call->in);
}

static void write_lrn(const c_layer *call, FILE *file) {
    const apd_layer_spec *spec = &call->layer->spec;
    (void)fprintf(file, "lrn(%d, %d, %d, %.9ef, %.9ef, %.9ef, %s, %s)", call->layer->in.channels,
                  call->layer->in.height * call->layer->in.width, spec->radius, (double)spec->bias,
                  (double)spec->alpha, (double)spec->beta, call->in, call->out);
}

/* Dropout does nothing when a network is used. */
static const struct {
    void (*write)(const c_layer *call, FILE *file);
    bool in_place;
} calls[] = {
    [APD_LAYER_CONV] = {write_window, false}, [APD_LAYER_DENSE] = {write_dense, false},
    [APD_LAYER_RELU] = {write_relu, true},    [APD_LAYER_MAX_POOL] = {write_window, false},
    [APD_LAYER_LRN] = {write_lrn, false},     [APD_LAYER_DROPOUT] = {NULL, true},
};

/* Activations lie in `a` and `b` in turn. */
static void write_predict(const apd_trained *trained, FILE *file) {
    const int depth = apd_network_depth(trained->network);
    apd_image_shape shape = trained->file->shape;
    int64_t most = numbers_of(shape), pixels = (int64_t)shape.height * shape.width;
    int32_t *moved = apd_trained_pixels(trained);
    const char *here = "a", *there = "b";
    for (int l = 0; l <= depth; l++) {
        int64_t numbers = numbers_of(apd_network_layer(trained->network, l).out);
        most = numbers > most ? numbers : most;
    }
    (void)fprintf(file,
                  "int apd_model_predict(const float *image, float *probabilities) {\n    float a[%" PRId64
                  "], b[%" PRId64 "];\n",
                  most, most);
    (void)fprintf(file,
                  "    for (long i = 0; i < %" PRId64 "; i++)\n        a[i] = (image[%s] - mean[i / %" PRId64
                  "]) / deviation[i / %" PRId64 "];\n",
                  numbers_of(shape), moved != NULL ? "pixels[i]" : "i", pixels, pixels);
    for (int l = 0; l <= depth; l++) {
        apd_layer_view layer = apd_network_layer(trained->network, l);
        if (calls[layer.spec.kind].write == NULL)
            continue;
        (void)fputs("    ", file);
        calls[layer.spec.kind].write(&(c_layer){&layer, block_of(trained, &layer), here, there}, file);
        (void)fputs(";\n", file);
        if (!calls[layer.spec.kind].in_place) {
            const char *former = here;
            here = there;
            there = former;
        }
    }
    (void)fprintf(file, "    return softmax(APD_MODEL_CLASSES, %s, probabilities);\n}\n", here);
    free(moved);
}

void apd_export_c_source(const apd_trained *trained, FILE *file) {
    const apd_layout *layout = apd_network_layout(trained->network);
    int classes = trained->record->class_count, channels = trained->file->shape.channels;
    char room[64];
    (void)fputs("#include \"model.h\"\n\n", file);
    (void)fputs(apd_layers_text, file);
    (void)fputs("\nconst char *const apd_model_names[APD_MODEL_CLASSES] = {", file);
    for (int c = 0; c < classes; c++) {
        (void)fputs(c == 0 ? "\"" : ", \"", file);
        write_name(file, apd_trained_class_name(trained, c, room));
        (void)fputs("\"", file);
    }
    (void)fputs("};\nconst int apd_model_classes[APD_MODEL_CLASSES] = {", file);
    for (int c = 0; c < classes; c++)
        (void)fprintf(file, "%s%d", c == 0 ? "" : ", ", trained->record->classes[c]);
    (void)fputs("};\n\n", file);
    write_floats(file, "mean", "", trained->normalisation.mean, channels);
    write_floats(file, "deviation", "", trained->normalisation.deviation, channels);
    write_pixels(trained, file);
    for (int b = 0; b < layout->block_count; b++) {
        const apd_block *block = &layout->blocks[b];
        write_floats(file, block->name, "_weights", trained->theta + block->weight,
                     block->rows * block->cols);
        write_floats(file, block->name, "_bias", trained->theta + block->bias, block->rows);
    }
    write_predict(trained, file);
}
