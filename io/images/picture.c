#include "io/images/picture.h"

#include "base/memory.h"
#include "io/images/jpeg.h"
#include "io/images/png.h"
#include "io/system/file.h"
#include "io/system/memory_limit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static apd_status begins_as_jpeg(const char *path, bool *jpeg, apd_error *error) {
    static const uint8_t png_start[] = {0x89, 'P', 'N', 'G'}, jpeg_start[] = {0xff, 0xd8, 0xff};
    uint8_t start[4] = {0};
    int file = -1;
    APD_TRY(apd_file_open(path, &file, error));
    ssize_t count = read(file, start, sizeof start);
    (void)close(file);
    *jpeg = count >= 3 && memcmp(start, jpeg_start, sizeof jpeg_start) == 0;
    if (*jpeg || (count == 4 && memcmp(start, png_start, sizeof png_start) == 0))
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA, "%s: neither a PNG nor a JPEG file", path);
}

apd_status apd_picture_shape(const char *path, apd_image_shape *shape, apd_error *error) {
    bool jpeg = false;
    APD_TRY(begins_as_jpeg(path, &jpeg, error));
    return (jpeg ? apd_jpeg_shape : apd_png_shape)(path, shape, error);
}

apd_status apd_picture_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error) {
    bool jpeg = false;
    APD_TRY(begins_as_jpeg(path, &jpeg, error));
    return (jpeg ? apd_jpeg_read : apd_png_read)(path, shape, pixels, error);
}

/* --- fitting ------------------------------------------------------------------------------------------------ */

/* How one line of `count` numbers is resampled from numbers first .. first+length-1 of another. */
typedef struct line_filter {
    int count, taps;
    int *begin;    /* (count) the first number of each sum */
    float *weight; /* (count, taps), of sum 1 */
} line_filter;

static line_filter make_filter(int first, int length, int count) {
    double step = (double)length / count, reach = step > 1.0 ? step : 1.0;
    line_filter filter = {.count = count, .taps = (int)(2.0 * reach) + 2};
    filter.taps = filter.taps < length ? filter.taps : length;
    filter.begin = apd_allocate(count, sizeof *filter.begin, "a filter");
    filter.weight = apd_allocate((int64_t)count * filter.taps, sizeof *filter.weight, "a filter");
    for (int i = 0; i < count; i++) {
        double centre = (i + 0.5) * step - 0.5, sum = 0.0;
        int begin = (int)floor(centre - reach) + 1;
        begin = begin > length - filter.taps ? length - filter.taps : begin;
        begin = begin < 0 ? 0 : begin;
        filter.begin[i] = first + begin;
        float *weight = filter.weight + (int64_t)i * filter.taps;
        for (int t = 0; t < filter.taps; t++) {
            double away = fabs(begin + t - centre) / reach;
            weight[t] = (float)(away < 1.0 ? 1.0 - away : 0.0);
            sum += (double)weight[t];
        }
        for (int t = 0; t < filter.taps; t++)
            weight[t] = (float)((double)weight[t] / sum);
    }
    return filter;
}

static void clear_filter(line_filter *filter) {
    free(filter->begin);
    free(filter->weight);
}

/* in (rows, width) to out (rows, filter->count). */
static void filter_rows(const line_filter *filter, const uint8_t *in, int rows, int width, float *out) {
    for (int64_t y = 0; y < rows; y++)
        for (int64_t i = 0; i < filter->count; i++) {
            const uint8_t *from = in + y * width + filter->begin[i];
            float sum = 0.0f;
            for (int64_t t = 0; t < filter->taps; t++)
                sum += filter->weight[i * filter->taps + t] * (float)from[t];
            out[y * filter->count + i] = sum;
        }
}

/* in (rows, width) to out (filter->count, width). */
static void filter_columns(const line_filter *filter, const float *in, int width, uint8_t *out) {
    for (int64_t i = 0; i < filter->count; i++)
        for (int64_t x = 0; x < width; x++) {
            float sum = 0.0f;
            for (int64_t t = 0; t < filter->taps; t++)
                sum += filter->weight[i * filter->taps + t] * in[(filter->begin[i] + t) * width + x];
            out[i * width + x] = (uint8_t)fminf(fmaxf(rintf(sum), 0.0f), 255.0f);
        }
}

static void to_grey(const uint8_t *in, int64_t plane, uint8_t *out) {
    for (int64_t i = 0; i < plane; i++)
        out[i] = (uint8_t)((299 * in[i] + 587 * in[plane + i] + 114 * in[2 * plane + i] + 500) / 1000);
}

void apd_picture_fit(apd_image_shape from, const uint8_t *in, apd_image_shape to, uint8_t *out) {
    int64_t in_plane = (int64_t)from.height * from.width, out_plane = (int64_t)to.height * to.width;
    uint8_t *grey = NULL;
    if (from.channels == 3 && to.channels == 1) {
        grey = apd_allocate(in_plane, 1, "a grey image");
        to_grey(in, in_plane, grey);
        in = grey;
        from.channels = 1;
    }
    /* the part that is used: as high, or as wide, as the image */
    int64_t high = from.height, wide = (high * to.width + to.height / 2) / to.height;
    if (wide > from.width) {
        wide = from.width;
        high = (wide * to.height + to.width / 2) / to.width;
    }
    high = high < 1 ? 1 : high;
    wide = wide < 1 ? 1 : wide;
    line_filter rows = make_filter((int)(from.width - wide) / 2, (int)wide, to.width);
    line_filter columns = make_filter((int)(from.height - high) / 2, (int)high, to.height);
    float *narrow = apd_allocate((int64_t)from.height * to.width, sizeof *narrow, "a narrower image");
    for (int c = 0; c < from.channels; c++) {
        filter_rows(&rows, in + c * in_plane, from.height, from.width, narrow);
        filter_columns(&columns, narrow, to.width, out + c * out_plane);
    }
    for (int c = from.channels; c < to.channels; c++)
        memcpy(out + c * out_plane, out, (size_t)out_plane);
    free(narrow);
    clear_filter(&columns);
    clear_filter(&rows);
    free(grey);
}

apd_status apd_picture_read_to_fit(const char *path, apd_image_shape shape, uint8_t *pixels,
                                   apd_error *error) {
    apd_image_shape found = {0};
    APD_TRY(apd_picture_shape(path, &found, error));
    int64_t floats = (int64_t)found.channels * found.height * found.width;
    APD_TRY(apd_memory_limit_check(path, "pixels", floats, 1, error));
    uint8_t *whole = apd_allocate(floats, 1, "an image");
    apd_status status = apd_picture_read(path, found, whole, error);
    if (status == APD_OK)
        apd_picture_fit(found, whole, shape, pixels);
    free(whole);
    return status;
}
