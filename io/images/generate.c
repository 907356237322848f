#include "io/images/generate.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/images/glyph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RADIANS        0.017453292519943295
#define FIRST_OF_NOISE 65536 /* in a sample's stream; all its other numbers come before */

/* How much a sample may differ from its class' glyph. Set by experiment so that tasks are neither trivial nor hopeless: over
 * tasks of 5 classes with 100 training images each, softmax regression on pixels reaches a test accuracy of 71 %, a small
 * convolutional network (5x5x16, 5x5x32, 100 units) 94 %. */
static const struct {
    double turn, scale_low, scale_high, shear, shift,
        wobble;                        /* turn in degrees, shift and wobble in half images */
    double width_low, width_high;      /* half a stroke, in half images */
    double ink_low, paper_high, slope; /* of full brightness */
    double noise_low, noise_high;      /* deviation, of full brightness */
    int clutter;                       /* most strokes that belong to no class */
} jitter = {.turn = 35.0,
            .scale_low = 0.62,
            .scale_high = 1.15,
            .shear = 0.3,
            .shift = 0.3,
            .wobble = 0.06,
            .width_low = 0.06,
            .width_high = 0.12,
            .ink_low = 0.6,
            .paper_high = 0.2,
            .slope = 0.1,
            .noise_low = 0.03,
            .noise_high = 0.1,
            .clutter = 3};

typedef struct affine {
    double xx, xy, yx, yy, x, y;
} affine;

/* Scale, then shear, then turn, then shift. */
static affine draw_affine(apd_draw *draw) {
    double angle = apd_draw_between(draw, -jitter.turn, jitter.turn) * RADIANS;
    double scale_x = apd_draw_between(draw, jitter.scale_low, jitter.scale_high);
    double scale_y = apd_draw_between(draw, jitter.scale_low, jitter.scale_high);
    double shear = apd_draw_between(draw, -jitter.shear, jitter.shear);
    double c = cos(angle), s = sin(angle);
    return (affine){.xx = c * scale_x,
                    .xy = (c * shear - s) * scale_y,
                    .yx = s * scale_x,
                    .yy = (s * shear + c) * scale_y,
                    .x = apd_draw_between(draw, -jitter.shift, jitter.shift),
                    .y = apd_draw_between(draw, -jitter.shift, jitter.shift)};
}

static apd_point move(const affine *map, apd_draw *draw, apd_point p) {
    double x = p.x + jitter.wobble * apd_draw_normal(draw), y = p.y + jitter.wobble * apd_draw_normal(draw);
    return (apd_point){map->xx * x + map->xy * y + map->x, map->yx * x + map->yy * y + map->y};
}

static void draw_glyph(const apd_glyph *glyph, apd_draw *draw, int size, float *plane) {
    affine map = draw_affine(draw);
    double width = apd_draw_between(draw, jitter.width_low, jitter.width_high);
    for (int i = 0; i < glyph->count; i++) {
        apd_stroke stroke = glyph->strokes[i];
        stroke.start = move(&map, draw, stroke.start);
        stroke.control = move(&map, draw, stroke.control);
        stroke.end = move(&map, draw, stroke.end);
        apd_glyph_draw(&stroke, width * apd_draw_between(draw, 0.85, 1.15), 1.0, size, plane);
    }
}

/* Short, thin, pale strokes that belong to no class. */
static void draw_clutter(apd_draw *draw, int size, float *plane) {
    int count = apd_draw_below(draw, jitter.clutter + 1);
    for (int i = 0; i < count; i++) {
        apd_point start = {apd_draw_between(draw, -0.95, 0.95), apd_draw_between(draw, -0.95, 0.95)};
        apd_point end = {start.x + apd_draw_between(draw, -0.45, 0.45),
                         start.y + apd_draw_between(draw, -0.45, 0.45)};
        apd_point middle = {(start.x + end.x) / 2.0, (start.y + end.y) / 2.0};
        apd_stroke stroke = {.start = start, .control = middle, .end = end};
        apd_glyph_draw(&stroke, jitter.width_low, apd_draw_between(draw, 0.4, 0.8), size, plane);
    }
}

/* Turn coverage into brightness: paper with a gradient, ink, noise. */
static void develop(apd_draw *draw, int size, const float *plane, float *noise, uint8_t *image) {
    double paper = apd_draw_between(draw, 0.0, jitter.paper_high);
    double ink = apd_draw_between(draw, jitter.ink_low, 1.0);
    double deviation = apd_draw_between(draw, jitter.noise_low, jitter.noise_high);
    double slope_x = apd_draw_between(draw, -jitter.slope, jitter.slope);
    double slope_y = apd_draw_between(draw, -jitter.slope, jitter.slope);
    apd_random_normal(&draw->random, FIRST_OF_NOISE, (int64_t)size * size, noise);
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            int i = row * size + column;
            double ground =
                paper + slope_x * (2.0 * column / size - 1.0) + slope_y * (2.0 * row / size - 1.0);
            double value = ground + (double)plane[i] * (ink - ground) + deviation * (double)noise[i];
            image[i] = (uint8_t)lround(255.0 * fmin(1.0, fmax(0.0, value)));
        }
}

/* The stream (class, 0) draws the glyph, (class, 1 + 2*sample + split) a sample, so that images do not depend on how many
 * there are. */
static void draw_sample(const apd_glyph *glyph, uint64_t seed, uint32_t class, uint32_t name, int size,
                        float *planes, uint8_t *image) {
    apd_draw draw = {apd_random_stream(seed, APD_RANDOM_GENERATE, class, name), 0};
    memset(planes, 0, (size_t)size * (size_t)size * sizeof *planes);
    draw_glyph(glyph, &draw, size, planes);
    draw_clutter(&draw, size, planes);
    develop(&draw, size, planes, planes + size * size, image);
}

static apd_status check_settings(const apd_generate_settings *settings, apd_error *error) {
    const struct {
        const char *name;
        int value, low, high;
    } ranges[] = {{"classes", settings->classes, 2, 100000},
                  {"train", settings->train, 1, 100000},
                  {"test", settings->test, 1, 100000},
                  {"size", settings->size, 16, 128}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].value < ranges[i].low || ranges[i].value > ranges[i].high)
            return apd_fail(error, APD_ERROR_USAGE, "generate: %s is %d; it must be %d to %d", ranges[i].name,
                            ranges[i].value, ranges[i].low, ranges[i].high);
    int64_t a_class = ((int64_t)settings->train + settings->test) * settings->size * settings->size;
    if (a_class * settings->classes > INT64_C(1) << 36)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "generate: %d classes of %d + %d images of %d x %d are more than 64 GiB; ask for fewer",
            settings->classes, settings->train, settings->test, settings->size, settings->size);
    return APD_OK;
}

static void allocate(const apd_generate_settings *settings, apd_dataset_content *content) {
    const int each[APD_SPLITS] = {settings->train, settings->test};
    int64_t pixels = (int64_t)settings->size * settings->size;
    *content = (apd_dataset_content){
        .source = "generate", .shape = {1, settings->size, settings->size}, .classes = settings->classes};
    for (int split = 0; split < APD_SPLITS; split++) {
        int64_t count = (int64_t)each[split] * settings->classes;
        content->count[split] = count;
        content->images[split] = apd_allocate(count, (size_t)pixels, "images");
        content->labels[split] = apd_allocate(count, sizeof(int32_t), "labels");
    }
}

static void draw_class(const apd_generate_settings *settings, int class, float *planes,
                       apd_dataset_content *content) {
    int64_t pixels = (int64_t)settings->size * settings->size;
    apd_draw draw = {apd_random_stream(settings->seed, APD_RANDOM_GENERATE, (uint32_t) class, 0), 0};
    apd_glyph glyph = apd_glyph_invent(&draw);
    for (int split = 0; split < APD_SPLITS; split++) {
        int64_t each = content->count[split] / settings->classes;
        for (int64_t i = 0; i < each; i++) {
            int64_t place = class * each + i;
            content->labels[split][place] = class;
            draw_sample(&glyph, settings->seed, (uint32_t) class, (uint32_t)(1 + 2 * i + split),
                        settings->size, planes, content->images[split] + place * pixels);
        }
    }
}

apd_status apd_generate(const apd_generate_settings *settings, apd_dataset_content *content,
                        apd_error *error) {
    APD_TRY(check_settings(settings, error));
    allocate(settings, content);
    float *planes = apd_allocate(2 * (int64_t)settings->size * settings->size, sizeof *planes, "planes");
    for (int class = 0; class < settings->classes; class ++) {
        apd_progress("drawing class %d of %d", class + 1, settings->classes);
        draw_class(settings, class, planes, content);
    }
    free(planes);
    return APD_OK;
}
