#include "io/data/pixels.h"

#include "base/status.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const double SMALLEST_DEVIATION = 1e-6;

float apd_pixels_deviation(float deviation) {
    return (double)deviation >= SMALLEST_DEVIATION ? deviation : 1.0f;
}

void apd_pixels_init(apd_pixels *pixels, apd_image_shape shape, bool is_float,
                     const apd_normalisation *normalisation) {
    APD_ASSERT(shape.channels >= 1 && shape.channels <= APD_MAX_CHANNELS);
    *pixels = (apd_pixels){.shape = shape, .is_float = is_float};
    double full = is_float ? 1.0 : 255.0;
    for (int c = 0; c < shape.channels; c++) {
        double deviation = (double)apd_pixels_deviation(normalisation->deviation[c]);
        pixels->scale[c] = (float)(1 / (full * deviation));
        pixels->offset[c] = (float)(-(double)normalisation->mean[c] / deviation);
    }
}

apd_augmentation apd_augmentation_draw(const apd_random *random, int64_t place, bool flip, int shift) {
    apd_augmentation drawn = {0};
    if (!flip && shift == 0)
        return drawn;
    uint32_t bits[4];
    apd_random_block(random, (uint32_t)place, bits);
    uint64_t offsets = 2 * (uint64_t)shift + 1;
    drawn.flip = flip && bits[0] >> 31 != 0;
    drawn.down = (int)(bits[1] * offsets >> 32) - shift;
    drawn.right = (int)(bits[2] * offsets >> 32) - shift;
    return drawn;
}

/* Converts a span of `count` stored pixels to floats, in order or from the last to the first. */
typedef void (*span_function)(const void *in, int64_t count, float scale, float offset, float *out);

static void bytes_forward(const void *in, int64_t count, float scale, float offset, float *restrict out) {
    const uint8_t *restrict pixels = in;
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)pixels[i] * scale + offset;
}

static void bytes_backward(const void *in, int64_t count, float scale, float offset, float *restrict out) {
    const uint8_t *restrict pixels = in;
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)pixels[count - 1 - i] * scale + offset;
}

static void floats_forward(const void *in, int64_t count, float scale, float offset, float *restrict out) {
    const float *restrict pixels = in;
    for (int64_t i = 0; i < count; i++)
        out[i] = pixels[i] * scale + offset;
}

static void floats_backward(const void *in, int64_t count, float scale, float offset, float *restrict out) {
    const float *restrict pixels = in;
    for (int64_t i = 0; i < count; i++)
        out[i] = pixels[count - 1 - i] * scale + offset;
}

static const span_function spans[2][2] = {{bytes_forward, bytes_backward}, {floats_forward, floats_backward}};

/* The outputs first .. first+count-1 along an axis of `size` that a window shifted by `shift` takes from the image. */
typedef struct visible {
    int first, count;
} visible;

static visible visible_part(int size, int shift) {
    int away = shift < 0 ? -shift : shift;
    if (away >= size)
        return (visible){size, 0};
    return (visible){shift < 0 ? away : 0, size - away};
}

/* One row. With a flip, output column x is the window's column W-1-x. */
static void gather_row(const apd_pixels *pixels, int channel, const char *row, apd_augmentation augmentation,
                       float *out) {
    int width = pixels->shape.width;
    size_t size = pixels->is_float ? sizeof(float) : 1;
    visible seen = visible_part(width, augmentation.right);
    int source = seen.first + augmentation.right;
    int first = augmentation.flip ? width - seen.first - seen.count : seen.first;
    if (seen.count == 0)
        source = first = 0;
    memset(out, 0, (size_t)first * sizeof *out);
    spans[pixels->is_float][augmentation.flip](row + (size_t)source * size, seen.count,
                                               pixels->scale[channel], pixels->offset[channel], out + first);
    int last = first + seen.count;
    memset(out + last, 0, (size_t)(width - last) * sizeof *out);
}

static void gather_plane(const apd_pixels *pixels, int channel, const char *plane,
                         apd_augmentation augmentation, float *out) {
    int64_t width = pixels->shape.width;
    int64_t row_bytes = width * (pixels->is_float ? (int64_t)sizeof(float) : 1);
    visible seen = visible_part(pixels->shape.height, augmentation.down);
    memset(out, 0, (size_t)(seen.first * width) * sizeof *out);
    int last = seen.first + seen.count;
    for (int y = seen.first; y < last; y++)
        gather_row(pixels, channel, plane + (y + augmentation.down) * row_bytes, augmentation,
                   out + y * width);
    memset(out + last * width, 0, (size_t)((pixels->shape.height - last) * width) * sizeof *out);
}

void apd_pixels_gather(const apd_pixels *pixels, const void *image, apd_augmentation augmentation,
                       float *out) {
    int64_t plane = (int64_t)pixels->shape.height * pixels->shape.width;
    int64_t plane_bytes = plane * (pixels->is_float ? (int64_t)sizeof(float) : 1);
    bool plain = !augmentation.flip && augmentation.down == 0 && augmentation.right == 0;
    for (int c = 0; c < pixels->shape.channels; c++) {
        const char *in = (const char *)image + c * plane_bytes;
        if (plain)
            spans[pixels->is_float][false](in, plane, pixels->scale[c], pixels->offset[c], out + c * plane);
        else
            gather_plane(pixels, c, in, augmentation, out + c * plane);
    }
}

static void add_bytes(apd_pixel_sums *sums, int channel, const uint8_t *pixels, int64_t count) {
    uint64_t sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t value = pixels[i];
        sum += value;
        squares += value * value;
    }
    sums->sum[channel] += sum;
    sums->squares[channel] += squares;
}

static void add_floats(apd_pixel_sums *sums, int channel, const float *pixels, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        double value = (double)pixels[i];
        sums->float_sum[channel] += value;
        sums->float_squares[channel] += value * value;
    }
}

void apd_pixel_sums_add(apd_pixel_sums *sums, apd_image_shape shape, bool is_float, int64_t count,
                        const void *images) {
    int64_t plane = (int64_t)shape.height * shape.width;
    sums->count += count * plane;
    for (int64_t p = 0; p < count * shape.channels; p++) {
        int channel = (int)(p % shape.channels);
        if (is_float)
            add_floats(sums, channel, (const float *)images + p * plane, plane);
        else
            add_bytes(sums, channel, (const uint8_t *)images + p * plane, plane);
    }
}

void apd_pixel_sums_join(apd_pixel_sums *sums, const apd_pixel_sums *others) {
    sums->count += others->count;
    for (int c = 0; c < APD_MAX_CHANNELS; c++) {
        sums->sum[c] += others->sum[c];
        sums->squares[c] += others->squares[c];
        sums->float_sum[c] += others->float_sum[c];
        sums->float_squares[c] += others->float_squares[c];
    }
}

apd_normalisation apd_pixel_sums_moments(const apd_pixel_sums *sums, bool is_float) {
    apd_normalisation made = {0};
    double n = (double)sums->count;
    for (int c = 0; c < APD_MAX_CHANNELS && sums->count > 0; c++) {
        if (is_float) {
            double mean = sums->float_sum[c] / n;
            made.mean[c] = (float)mean;
            made.deviation[c] = (float)sqrt(fmax(0.0, sums->float_squares[c] / n - mean * mean));
            continue;
        }
        /* n*(sum of squares) - sum^2 is n^2 times the variance; in 128 bits it is exact */
        unsigned __int128 sum = sums->sum[c];
        unsigned __int128 spread = (unsigned __int128)(uint64_t)sums->count * sums->squares[c] - sum * sum;
        made.mean[c] = (float)((double)sums->sum[c] / n / 255.0);
        made.deviation[c] = (float)(sqrt((double)spread) / n / 255.0);
    }
    return made;
}

apd_normalisation apd_pixel_sums_normalisation(const apd_pixel_sums *sums, bool is_float) {
    apd_normalisation made = apd_pixel_sums_moments(sums, is_float);
    for (int c = 0; c < APD_MAX_CHANNELS; c++)
        if (!((double)made.deviation[c] >= SMALLEST_DEVIATION))
            made.deviation[c] = 1;
    return made;
}
