#include "export/c_source.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

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

void apd_export_c_header(const apd_trained *model, FILE *file) {
    apd_image_shape shape = model->file->shape;
    double angle = apd_trained_transform(model).angle;
    (void)fputs("/* The network of task ", file);
    (void)fprintf(file, "%d (", model->record->id);
    write_name(file, apd_utf8_shown(model->record->name).text);
    (void)fprintf(file, "), written by apd %s. */\n#ifndef APD_MODEL_H\n#define APD_MODEL_H\n\n",
                  APD_VERSION);
    (void)fprintf(file, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    (void)fprintf(file,
                  "enum { APD_MODEL_CHANNELS = %d, APD_MODEL_HEIGHT = %d, APD_MODEL_WIDTH = %d, "
                  "APD_MODEL_CLASSES = %d };\n\n",
                  shape.channels, shape.height, shape.width, model->record->class_count);
    (void)fputs("/* The classes' names, and their numbers in the data file. */\n"
                "extern const char *const apd_model_names[APD_MODEL_CLASSES];\n"
                "extern const int apd_model_classes[APD_MODEL_CLASSES];\n\n",
                file);
    (void)fprintf(file,
                  "/* The class of an image, 0 .. APD_MODEL_CLASSES-1.\n"
                  " *   image          (channels, height, width), %s%s\n"
                  " *   probabilities  one a class, out */\n"
                  "int apd_model_predict(const float *image, float *probabilities);\n\n",
                  model->file->is_float ? "as the run's data file has them" : "pixels from 0 to 1",
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

static void write_pixels(const apd_trained *model, FILE *file) {
    int32_t *pixels = apd_walk_pixels(model);
    int64_t count = numbers_of(model->file->shape);
    if (pixels != NULL) {
        (void)fprintf(file, "static const int pixels[%" PRId64 "] = {", count);
        for (int64_t i = 0; i < count; i++)
            (void)fprintf(file, "%s%" PRId32 "%s", i % 16 == 0 ? "\n    " : " ", pixels[i],
                          i + 1 < count ? "," : "");
        (void)fputs("};\n\n", file);
    }
    free(pixels);
}

static const char layers[] =
    "/* (channels, height, width) images; what lies outside of one is 0 for conv and ignored by max_pool */\n"
    "typedef struct shape {\n"
    "    int in_channels, in_height, in_width, out_channels, out_height, out_width;\n"
    "    int kernel_h, kernel_w, stride_h, stride_w, top, left;\n"
    "} shape;\n\n";

static const char conv_text[] =
    "static void conv(const shape *s, const float *weights, const float *bias, const float *in, float *out) "
    "{\n"
    "    for (int o = 0; o < s->out_channels; o++)\n"
    "        for (int y = 0; y < s->out_height; y++)\n"
    "            for (int x = 0; x < s->out_width; x++) {\n"
    "                const float *w = weights + (long)o * s->in_channels * s->kernel_h * s->kernel_w;\n"
    "                float sum = bias[o];\n"
    "                for (int c = 0; c < s->in_channels; c++)\n"
    "                    for (int ky = 0; ky < s->kernel_h; ky++)\n"
    "                        for (int kx = 0; kx < s->kernel_w; kx++, w++) {\n"
    "                            int iy = y * s->stride_h + ky - s->top, ix = x * s->stride_w + kx - "
    "s->left;\n"
    "                            if (iy >= 0 && iy < s->in_height && ix >= 0 && ix < s->in_width)\n"
    "                                sum += *w * in[((long)c * s->in_height + iy) * s->in_width + ix];\n"
    "                        }\n"
    "                out[((long)o * s->out_height + y) * s->out_width + x] = sum;\n"
    "            }\n"
    "}\n\n";

static const char pool_text[] =
    "static void max_pool(const shape *s, const float *in, float *out) {\n"
    "    for (int c = 0; c < s->out_channels; c++)\n"
    "        for (int y = 0; y < s->out_height; y++)\n"
    "            for (int x = 0; x < s->out_width; x++) {\n"
    "                float most = -INFINITY;\n"
    "                for (int ky = 0; ky < s->kernel_h; ky++)\n"
    "                    for (int kx = 0; kx < s->kernel_w; kx++) {\n"
    "                        int iy = y * s->stride_h + ky - s->top, ix = x * s->stride_w + kx - s->left;\n"
    "                        if (iy >= 0 && iy < s->in_height && ix >= 0 && ix < s->in_width)\n"
    "                            most = fmaxf(most, in[((long)c * s->in_height + iy) * s->in_width + ix]);\n"
    "                    }\n"
    "                out[((long)c * s->out_height + y) * s->out_width + x] = most;\n"
    "            }\n"
    "}\n\n";

static const char dense_text[] = "static void dense(int rows, int cols, const float *weights, const float "
                                 "*bias, const float *in, float *out) {\n"
                                 "    for (int r = 0; r < rows; r++) {\n"
                                 "        float sum = bias[r];\n"
                                 "        for (int c = 0; c < cols; c++)\n"
                                 "            sum += weights[(long)r * cols + c] * in[c];\n"
                                 "        out[r] = sum;\n"
                                 "    }\n"
                                 "}\n\n";

static const char relu_text[] = "static void relu(long count, float *values) {\n"
                                "    for (long i = 0; i < count; i++)\n"
                                "        values[i] = values[i] > 0.0f ? values[i] : 0.0f;\n"
                                "}\n\n";

static const char lrn_text[] =
    "static void lrn(int channels, long pixels, int radius, float bias, float alpha, float beta, const float "
    "*in,\n"
    "                float *out) {\n"
    "    for (long p = 0; p < pixels; p++)\n"
    "        for (int c = 0; c < channels; c++) {\n"
    "            float sum = 0.0f;\n"
    "            for (int j = c - radius; j <= c + radius; j++)\n"
    "                if (j >= 0 && j < channels)\n"
    "                    sum += in[j * pixels + p] * in[j * pixels + p];\n"
    "            out[c * pixels + p] = in[c * pixels + p] * powf(bias + alpha * sum, -beta);\n"
    "        }\n"
    "}\n\n";

/* The function of each kind of layer, and whether it works in place. */
static const struct {
    const char *text;
    bool in_place;
} kinds[] = {
    [APD_LAYER_CONV] = {conv_text, false}, [APD_LAYER_DENSE] = {dense_text, false},
    [APD_LAYER_RELU] = {relu_text, true},  [APD_LAYER_MAX_POOL] = {pool_text, false},
    [APD_LAYER_LRN] = {lrn_text, false},   [APD_LAYER_DROPOUT] = {NULL, true},
};

static void write_functions(const apd_walk *walk, FILE *file) {
    bool written[sizeof kinds / sizeof kinds[0]] = {false};
    for (int s = 0; s < walk->count; s++) {
        apd_layer_kind kind = walk->steps[s].spec.kind;
        if (walk->steps[s].flatten || written[kind])
            continue;
        (void)fputs(kinds[kind].text, file);
        written[kind] = true;
    }
}

static void write_window(const apd_walk_step *step, FILE *file) {
    const apd_layer_spec *spec = &step->spec;
    (void)fprintf(file, "&(const shape){%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d}, ", step->in.channels,
                  step->in.height, step->in.width, step->out.channels, step->out.height, step->out.width,
                  spec->kernel_h, spec->kernel_w, spec->stride_h, spec->stride_w, step->top, step->left);
}

static void write_call(const apd_walk_step *step, const char *in, const char *out, FILE *file) {
    const apd_layer_spec *spec = &step->spec;
    const char *name = step->block != NULL ? step->block->name : "";
    switch (spec->kind) {
    case APD_LAYER_CONV:
        (void)fputs("    conv(", file);
        write_window(step, file);
        (void)fprintf(file, "%s_weights, %s_bias, %s, %s);\n", name, name, in, out);
        break;
    case APD_LAYER_MAX_POOL:
        (void)fputs("    max_pool(", file);
        write_window(step, file);
        (void)fprintf(file, "%s, %s);\n", in, out);
        break;
    case APD_LAYER_DENSE:
        (void)fprintf(file, "    dense(%" PRId64 ", %" PRId64 ", %s_weights, %s_bias, %s, %s);\n",
                      step->block->rows, step->block->cols, name, name, in, out);
        break;
    case APD_LAYER_RELU: (void)fprintf(file, "    relu(%" PRId64 ", %s);\n", numbers_of(step->in), in); break;
    case APD_LAYER_LRN:
        (void)fprintf(file, "    lrn(%d, %d, %d, %.9ef, %.9ef, %.9ef, %s, %s);\n", step->in.channels,
                      step->in.height * step->in.width, spec->radius, (double)spec->bias, (double)spec->alpha,
                      (double)spec->beta, in, out);
        break;
    case APD_LAYER_DROPOUT: break;
    }
}

static const char softmax_text[] =
    "    int best = 0;\n"
    "    double sum = 0.0;\n"
    "    for (int k = 1; k < APD_MODEL_CLASSES; k++)\n"
    "        best = LOGITS[k] > LOGITS[best] ? k : best;\n"
    "    for (int k = 0; k < APD_MODEL_CLASSES; k++)\n"
    "        sum += exp((double)LOGITS[k] - (double)LOGITS[best]);\n"
    "    for (int k = 0; k < APD_MODEL_CLASSES; k++)\n"
    "        probabilities[k] = (float)(exp((double)LOGITS[k] - (double)LOGITS[best]) / sum);\n"
    "    return best;\n"
    "}\n";

/* Activations lie in `a` and `b` in turn. */
static void write_predict(const apd_trained *model, const apd_walk *walk, FILE *file) {
    apd_image_shape shape = model->file->shape;
    int64_t most = numbers_of(shape), pixels = (int64_t)shape.height * shape.width;
    int32_t *moved = apd_walk_pixels(model);
    const char *here = "a", *there = "b";
    for (int s = 0; s < walk->count; s++)
        most = numbers_of(walk->steps[s].out) > most ? numbers_of(walk->steps[s].out) : most;
    (void)fprintf(file,
                  "int apd_model_predict(const float *image, float *probabilities) {\n    float a[%" PRId64
                  "], b[%" PRId64 "];\n",
                  most, most);
    (void)fprintf(file,
                  "    for (long i = 0; i < %" PRId64 "; i++)\n        a[i] = (image[%s] - mean[i / %" PRId64
                  "]) / deviation[i / %" PRId64 "];\n",
                  numbers_of(shape), moved != NULL ? "pixels[i]" : "i", pixels, pixels);
    for (int s = 0; s < walk->count; s++) {
        if (walk->steps[s].flatten)
            continue;
        write_call(&walk->steps[s], here, there, file);
        if (!kinds[walk->steps[s].spec.kind].in_place) {
            const char *former = here;
            here = there;
            there = former;
        }
    }
    (void)fprintf(file, "#define LOGITS %s\n", here);
    (void)fputs(softmax_text, file);
    free(moved);
}

void apd_export_c_source(const apd_trained *model, FILE *file) {
    apd_walk walk = apd_walk_make(model);
    const apd_normalisation *by = &model->record->normalisation;
    int classes = model->record->class_count, channels = model->file->shape.channels;
    char room[32];
    float deviation[APD_MAX_CHANNELS];
    (void)fputs("#include \"model.h\"\n\n#include <math.h>\n\nconst char *const "
                "apd_model_names[APD_MODEL_CLASSES] = {",
                file);
    for (int c = 0; c < classes; c++) {
        (void)fputs(c == 0 ? "\"" : ", \"", file);
        write_name(file, apd_trained_class_name(model, c, room));
        (void)fputs("\"", file);
    }
    (void)fputs("};\nconst int apd_model_classes[APD_MODEL_CLASSES] = {", file);
    for (int c = 0; c < classes; c++)
        (void)fprintf(file, "%s%d", c == 0 ? "" : ", ", model->record->classes[c]);
    (void)fputs("};\n\n", file);
    for (int c = 0; c < channels; c++) /* as io/data/pixels.h takes them */
        deviation[c] = by->deviation[c] < 1e-6f ? 1.0f : by->deviation[c];
    write_floats(file, "mean", "", by->mean, channels);
    write_floats(file, "deviation", "", deviation, channels);
    write_pixels(model, file);
    for (int s = 0; s < walk.count; s++) {
        const apd_walk_step *step = &walk.steps[s];
        if (step->block == NULL)
            continue;
        write_floats(file, step->block->name, "_weights", step->weights,
                     step->block->rows * step->block->cols);
        write_floats(file, step->block->name, "_bias", step->bias, step->block->rows);
    }
    bool windows = false;
    for (int s = 0; s < walk.count; s++)
        windows = windows || (!walk.steps[s].flatten && (walk.steps[s].spec.kind == APD_LAYER_CONV ||
                                                         walk.steps[s].spec.kind == APD_LAYER_MAX_POOL));
    if (windows)
        (void)fputs(layers, file);
    write_functions(&walk, file);
    write_predict(model, &walk, file);
    apd_walk_clear(&walk);
}
