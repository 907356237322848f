#include "io/data/key.h"

#include "base/memory.h"
#include "base/rows.h"

#include <math.h>
#include <stdlib.h>

enum { CELLS = 4, DIRECTIONS = 8 };

static int small_side(apd_image_shape shape) {
    int side = 16;
    while (side > 1 && shape.channels * side * side > APD_KEY_SMALL)
        side /= 2;
    return side;
}

int apd_key_features(apd_image_shape shape) {
    int side = small_side(shape);
    return APD_KEY_EDGES + shape.channels * side * side;
}

/* --- an image ------------------------------------------------------------------------------------------------ */

/* Cell `i` of n along a side of `length` pixels, which is one pixel at least: cells overlap where there are more than pixels. */
static apd_rows cell_of(int i, int n, int length) {
    int begin = (int)((int64_t)i * length / n), end = (int)((int64_t)(i + 1) * length / n);
    return (apd_rows){begin, end > begin ? end : begin + 1};
}

/* The direction and length of the edge at each of `count` pixels. The direction is the eighth of a half turn that the gradient (dx, dy)
 * lies in, opposite ones being the same: 5/12 is about the tangent of a sixteenth turn. The length is within 7 %, and whole. */
static void edges_of_row(const int *row, const int *above, const int *below, int count, int *directions,
                         int *lengths) {
    for (int i = 0; i < count; i++) {
        int dx = row[i + 1] - row[i - 1], dy = below[i] - above[i];
        int x = abs(dx), y = abs(dy), more = x > y ? x : y, less = x > y ? y : x;
        int quarter = (12 * y >= 5 * x) + (y >= x) + (5 * y >= 12 * x);
        directions[i] = ((dx ^ dy) < 0) & (dx != 0) & (dy != 0) ? DIRECTIONS - 1 - quarter : quarter;
        lengths[i] = more + 3 * less / 8;
    }
}

/* edges (CELLS, CELLS, DIRECTIONS) of grey (H, 1+W+1), which has been added up over the channels. There are no edges across the
 * border. */
static void find_edges(apd_image_shape shape, const int *grey, uint8_t *edges) {
    const int h = shape.height, w = shape.width, step = w + 2;
    int *directions = apd_allocate(2 * (int64_t)w, sizeof *directions, "edges of a row"),
        *lengths = directions + w;
    for (int cy = 0; cy < CELLS; cy++) {
        apd_rows ys = cell_of(cy, CELLS, h);
        int64_t sums[2][CELLS][DIRECTIONS] = {
            0}; /* of even and odd pixels, which do not wait for each other */
        for (int64_t y = ys.begin; y < ys.end; y++) {
            const int *row = grey + y * step + 1;
            bool inside = y > 0 && y < h - 1;
            edges_of_row(row, inside ? row - step : row, inside ? row + step : row, w, directions, lengths);
            for (int cx = 0; cx < CELLS; cx++) {
                apd_rows xs = cell_of(cx, CELLS, w);
                for (int64_t x = xs.begin; x < xs.end; x++)
                    sums[x & 1][cx][directions[x]] += lengths[x];
            }
        }
        for (int cx = 0; cx < CELLS; cx++) {
            apd_rows xs = cell_of(cx, CELLS, w);
            double pixels = (double)((ys.end - ys.begin) * (xs.end - xs.begin) * shape.channels);
            for (int d = 0; d < DIRECTIONS; d++) {
                double edge = 16.0 * sqrt((double)(sums[0][cx][d] + sums[1][cx][d]) / pixels) + 0.5;
                *edges++ = (uint8_t)(edge < 255.0 ? edge : 255.0);
            }
        }
    }
    free(directions);
}

/* plane (H, W) to small (side, side). */
static void shrink(const uint8_t *plane, int h, int w, int side, uint8_t *small) {
    apd_rows columns[16];
    for (int i = 0; i < side; i++)
        columns[i] = cell_of(i, side, w);
    for (int i = 0; i < side; i++) {
        apd_rows ys = cell_of(i, side, h);
        for (int j = 0; j < side; j++) {
            apd_rows xs = columns[j];
            int64_t sum = 0, pixels = (ys.end - ys.begin) * (xs.end - xs.begin);
            for (int64_t y = ys.begin; y < ys.end; y++)
                for (int64_t x = xs.begin; x < xs.end; x++)
                    sum += plane[y * w + x];
            *small++ = (uint8_t)((sum + pixels / 2) / pixels);
        }
    }
}

void apd_key_of_image(apd_image_shape shape, const uint8_t *image, uint8_t *features) {
    const int side = small_side(shape), h = shape.height, w = shape.width;
    const int64_t pixels = (int64_t)h * w;
    int *grey = apd_allocate(h * (int64_t)(w + 2), sizeof *grey, "a grey image");
    for (int y = 0; y < h; y++) {
        int *row = grey + y * (int64_t)(w + 2) + 1;
        for (int c = 0; c < shape.channels; c++)
            for (int x = 0; x < w; x++)
                row[x] += image[c * pixels + y * (int64_t)w + x];
        row[-1] = row[w > 1 ? 1 : 0]; /* reflected */
        row[w] = row[w > 1 ? w - 2 : 0];
    }
    find_edges(shape, grey, features);
    free(grey);
    for (int c = 0; c < shape.channels; c++)
        shrink(image + c * pixels, h, w, side, features + APD_KEY_EDGES + c * side * side);
}

/* --- sums and differences ---------------------------------------------------------------------------------------- */

/* Walsh-Hadamard, without a factor, of `count` numbers, a power of two: along all sides of an array whose sides are powers of two. */
static void add_and_subtract(float *numbers, int count) {
    for (int step = 1; step < count; step *= 2)
        for (int first = 0; first < count; first += 2 * step)
            for (int i = first; i < first + step; i++) {
                float a = numbers[i], b = numbers[i + step];
                numbers[i] = a + b;
                numbers[i + step] = a - b;
            }
}

void apd_key_sums(apd_image_shape shape, const uint8_t *features, float *sums) {
    const int side = small_side(shape), count = side * side;
    float *small = sums + APD_KEY_EDGES;
    for (int k = 0; k < APD_KEY_EDGES + shape.channels * count; k++)
        sums[k] = features[k];
    add_and_subtract(sums, APD_KEY_EDGES);
    for (int c = 0; c < shape.channels; c++)
        add_and_subtract(small + c * count, count);
    for (int i = 0; shape.channels == 3 && i < count; i++) {
        float r = small[i], g = small[count + i], b = small[2 * count + i];
        small[i] = r + g + b;
        small[count + i] = r - b;
        small[2 * count + i] = r - 2.0f * g + b;
    }
}

uint8_t apd_key_encode(double variance) {
    return (uint8_t)fmin(255.0, 3.0 * sqrt(sqrt(variance)) + 0.5);
}

double apd_key_decode(uint8_t code) {
    double root = (double)code / 3.0;
    return root * root * root * root;
}
