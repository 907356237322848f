#include "io/data/transform.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 4, TAPS = 4 };

/* One output pixel of a rotation: four neighbours and their weights, 0 for a neighbour outside the image. */
typedef struct pixel_taps {
    int32_t source[TAPS];
    double weight[TAPS];
} pixel_taps;

struct apd_transform {
    apd_image_shape shape;
    bool is_float;
    int turns;
    int64_t plane;       /* H*W */
    int32_t *map[TURNS]; /* (C*H*W) source of each number; NULL: the identity */
    pixel_taps *taps;    /* (H*W), NULL without a rotation */
    void *scratch;       /* an image between map and taps; NULL without a rotation */
};

/* out[c][y][x] = in[(y*W + x)*C + c]; NULL, the identity, for one channel. */
static int32_t *scramble_map(apd_image_shape shape) {
    int32_t plane = shape.height * shape.width;
    if (shape.channels == 1)
        return NULL;
    int32_t *map = apd_allocate((int64_t)shape.channels * plane, sizeof *map, "a layout's table");
    for (int32_t c = 0; c < shape.channels; c++)
        for (int32_t i = 0; i < plane; i++)
            map[c * plane + i] = i * shape.channels + c;
    return map;
}

/* out[y][x] = in[x][N-1-y] is one quarter turn counter-clockwise; `map` already holds what comes before it. */
static int32_t *turn_map(const int32_t *map, int channels, int side) {
    int32_t *turned = apd_allocate((int64_t)channels * side * side, sizeof *turned, "a turn's table");
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                int32_t source = (int32_t)((c * side + x) * side + side - 1 - y);
                turned[(c * side + y) * side + x] = map != NULL ? map[source] : source;
            }
    return turned;
}

/* map becomes map after `permutation` of each channel; NULL stands for the identity. Frees the old one. */
static int32_t *permute_map(int32_t *map, int channels, const int64_t *permutation, int64_t plane) {
    int32_t *permuted = apd_allocate(channels * plane, sizeof *permuted, "a permutation's table");
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < plane; i++) {
            int64_t source = c * plane + permutation[i];
            permuted[c * plane + i] = map != NULL ? map[source] : (int32_t)source;
        }
    free(map);
    return permuted;
}

static void add_permutation(apd_transform *transform, const apd_transform_spec *spec) {
    int64_t *permutation = apd_allocate(transform->plane, sizeof *permutation, "a permutation of pixels");
    apd_random random = apd_random_stream(spec->seed, APD_RANDOM_PIXEL_PERMUTATION, (uint32_t)spec->task, 0);
    apd_random_permutation(&random, transform->plane, permutation);
    for (int turn = 0; turn < transform->turns; turn++)
        transform->map[turn] =
            permute_map(transform->map[turn], transform->shape.channels, permutation, transform->plane);
    free(permutation);
}

/* The four pixels around (x, y) with bilinear weights. */
static pixel_taps taps_at(apd_image_shape shape, double x, double y) {
    pixel_taps taps = {0};
    double left = floor(x), top = floor(y);
    double right_share = x - left, bottom_share = y - top;
    for (int tap = 0; tap < TAPS; tap++) {
        double column = left + (tap & 1), row = top + (tap >> 1);
        if (column < 0 || row < 0 || column >= shape.width || row >= shape.height)
            continue;
        taps.source[tap] = (int32_t)row * shape.width + (int32_t)column;
        taps.weight[tap] =
            (tap & 1 ? right_share : 1 - right_share) * (tap >> 1 ? bottom_share : 1 - bottom_share);
    }
    return taps;
}

/* The source of the pixel at offset (dx, dy) from the centre lies at R(-angle) of it; y points down. */
static void add_rotation(apd_transform *transform, double degrees) {
    apd_image_shape shape = transform->shape;
    double angle = degrees * (3.14159265358979323846 / 180.0);
    double cosine = cos(angle), sine = sin(angle);
    double centre_x = (shape.width - 1) / 2.0, centre_y = (shape.height - 1) / 2.0;
    transform->taps = apd_allocate(transform->plane, sizeof *transform->taps, "a rotation's table");
    transform->scratch =
        apd_allocate(transform->plane * shape.channels, sizeof(float), "an image to be rotated");
    for (int y = 0; y < shape.height; y++)
        for (int x = 0; x < shape.width; x++) {
            double dx = x - centre_x, dy = y - centre_y;
            transform->taps[(int64_t)y * shape.width + x] =
                taps_at(shape, centre_x + cosine * dx - sine * dy, centre_y + sine * dx + cosine * dy);
        }
}

apd_transform *apd_transform_create(const apd_transform_spec *spec) {
    int64_t plane = (int64_t)spec->shape.height * spec->shape.width;
    APD_ASSERT(spec->turns >= 1 && spec->turns <= TURNS && plane * spec->shape.channels <= INT32_MAX);
    APD_ASSERT(spec->turns == 1 || spec->shape.height == spec->shape.width);
    apd_transform *made = apd_allocate(1, sizeof *made, "a transform");
    made->shape = spec->shape;
    made->is_float = spec->is_float;
    made->turns = spec->turns;
    made->plane = plane;
    if (spec->scrambled)
        made->map[0] = scramble_map(spec->shape);
    for (int turn = 1; turn < spec->turns; turn++)
        made->map[turn] = turn_map(made->map[turn - 1], spec->shape.channels, spec->shape.width);
    if (spec->permuted)
        add_permutation(made, spec);
    double angle = fmod(spec->angle, 360.0);
    if (angle < 0 || angle > 0)
        add_rotation(made, angle);
    return made;
}

void apd_transform_destroy(apd_transform *transform) {
    if (transform == NULL)
        return;
    for (int turn = 0; turn < TURNS; turn++)
        free(transform->map[turn]);
    free(transform->taps);
    free(transform->scratch);
    free(transform);
}

static void map_image(const apd_transform *transform, const int32_t *map, const void *in, void *out) {
    const int64_t numbers = transform->plane * transform->shape.channels;
    if (map == NULL) {
        memcpy(out, in, (size_t)numbers * (transform->is_float ? sizeof(float) : 1));
        return;
    }
    for (int64_t i = 0; i < numbers; i++) {
        if (transform->is_float)
            ((float *)out)[i] = ((const float *)in)[map[i]];
        else
            ((uint8_t *)out)[i] = ((const uint8_t *)in)[map[i]];
    }
}

static void rotate_bytes(const apd_transform *transform, const uint8_t *in, uint8_t *out) {
    for (int64_t i = 0; i < transform->plane; i++) {
        const pixel_taps *taps = &transform->taps[i];
        double value = 0.5;
        for (int tap = 0; tap < TAPS; tap++)
            value += taps->weight[tap] * in[taps->source[tap]];
        out[i] = (uint8_t)value;
    }
}

static void rotate_floats(const apd_transform *transform, const float *in, float *out) {
    for (int64_t i = 0; i < transform->plane; i++) {
        const pixel_taps *taps = &transform->taps[i];
        double value = 0;
        for (int tap = 0; tap < TAPS; tap++)
            value += taps->weight[tap] * (double)in[taps->source[tap]];
        out[i] = (float)value;
    }
}

void apd_transform_apply(apd_transform *transform, int turn, const void *in, void *out) {
    APD_ASSERT(turn >= 0 && turn < transform->turns);
    if (transform->taps == NULL) {
        map_image(transform, transform->map[turn], in, out);
        return;
    }
    map_image(transform, transform->map[turn], in, transform->scratch);
    for (int64_t c = 0; c < transform->shape.channels; c++) {
        int64_t at = c * transform->plane;
        if (transform->is_float)
            rotate_floats(transform, (const float *)transform->scratch + at, (float *)out + at);
        else
            rotate_bytes(transform, (const uint8_t *)transform->scratch + at, (uint8_t *)out + at);
    }
}
