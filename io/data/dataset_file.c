#include "io/data/dataset_file.h"

#include "base/digest.h"

#include <math.h>

const char *const apd_split_names[APD_SPLITS] = {"train", "test"};

void apd_moments_add_bytes(apd_moments *moments, apd_image_shape shape, int64_t count,
                           const uint8_t *images) {
    int64_t plane = (int64_t)shape.height * shape.width;
    for (int64_t n = 0; n < count; n++)
        for (int c = 0; c < shape.channels; c++) {
            const uint8_t *values = images + (n * shape.channels + c) * plane;
            uint64_t sum = 0, squares = 0;
            for (int64_t i = 0; i < plane; i++) {
                sum += values[i];
                squares += (uint64_t)values[i] * values[i];
            }
            moments->sum[c] += sum;
            moments->squares[c] += squares;
        }
    moments->values += count * plane;
}

void apd_moments_add_floats(apd_moments *moments, apd_image_shape shape, int64_t count, const float *images) {
    int64_t plane = (int64_t)shape.height * shape.width;
    for (int64_t n = 0; n < count; n++)
        for (int c = 0; c < shape.channels; c++) {
            const float *values = images + (n * shape.channels + c) * plane;
            for (int64_t i = 0; i < plane; i++) {
                moments->float_sum[c] += (double)values[i];
                moments->float_squares[c] += (double)values[i] * (double)values[i];
            }
        }
    moments->values += count * plane;
}

/* n * sum of squares - (sum)^2 in 128-bit integers: nothing cancels. */
static void finish_bytes(const apd_moments *moments, int c, float *mean, float *deviation) {
    double n = (double)moments->values;
    unsigned __int128 spread = (unsigned __int128)(uint64_t)moments->values * moments->squares[c] -
                               (unsigned __int128)moments->sum[c] * moments->sum[c];
    *mean = (float)((double)moments->sum[c] / n / 255.0);
    *deviation = (float)(sqrt((double)spread) / n / 255.0);
}

static void finish_floats(const apd_moments *moments, int c, float *mean, float *deviation) {
    double n = (double)moments->values;
    double centre = moments->float_sum[c] / n;
    *mean = (float)centre;
    *deviation = (float)sqrt(fmax(0.0, moments->float_squares[c] / n - centre * centre));
}

void apd_moments_finish(const apd_moments *moments, int channels, bool is_float, float *mean,
                        float *deviation) {
    for (int c = 0; c < channels; c++)
        (is_float ? finish_floats : finish_bytes)(moments, c, mean + c, deviation + c);
}

uint64_t apd_dataset_shape_digest(apd_image_shape shape, bool is_float) {
    const int32_t numbers[4] = {shape.channels, shape.height, shape.width, is_float};
    return apd_digest(numbers, sizeof numbers);
}

uint64_t apd_dataset_split_digest(int64_t count, const int32_t *labels, const int32_t *coarse,
                                  uint64_t images) {
    size_t bytes = (size_t)count * sizeof *labels;
    uint64_t digest = apd_digest_join(apd_digest(labels, bytes), images);
    return coarse != NULL ? apd_digest_join(digest, apd_digest(coarse, bytes)) : digest;
}
