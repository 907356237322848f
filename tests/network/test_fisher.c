#include "network/fisher.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* A network 2x6x6 - conv of 4 - dense of 40 - dense of 9 - head of 3 (of 5 classes). */
enum {
    IMAGES = 3,
    TIMES = 15,
    CHANNELS = 2,
    SIDE = 6,
    PIXELS = SIDE * SIDE,
    MAPS = 4,
    WIDE = 40,
    NARROW = 9,
    CLASSES = 3
};

static const apd_layer_spec layers[] = {
    {.kind = APD_LAYER_CONV, .units = MAPS, .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_DENSE, .units = WIDE},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_DENSE, .units = NARROW},
    {.kind = APD_LAYER_RELU}};

/* --- the same network in double, written from the formulae ------------------------------------------------------ */

static double relu(double x) {
    return x > 0.0 ? x : 0.0;
}

static void dense(const double *theta, const apd_block *block, const double *in, int units, double *out) {
    for (int u = 0; u < units; u++) {
        out[u] = theta[block->bias + u];
        for (int64_t c = 0; c < block->cols; c++)
            out[u] += theta[block->weight + u * block->cols + c] * in[c];
    }
}

static void convolve(const double *theta, const apd_block *block, const float *image, double *out) {
    for (int u = 0; u < MAPS; u++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double sum = theta[block->bias + u];
                for (int c = 0; c < CHANNELS; c++)
                    for (int k = 0; k < 9; k++) {
                        int row = y + k / 3 - 1, column = x + k % 3 - 1;
                        if (row >= 0 && row < SIDE && column >= 0 && column < SIDE)
                            sum += theta[block->weight + u * block->cols + 9 * c + k] *
                                   (double)image[c * PIXELS + row * SIDE + column];
                    }
                out[u * PIXELS + y * SIDE + x] = relu(sum);
            }
}

static double log_likelihood(const double *theta, const apd_layout *layout, const float *image, int label) {
    double maps[MAPS * PIXELS], wide[WIDE], narrow[NARROW], logits[CLASSES], sum = 0.0;
    convolve(theta, &layout->blocks[0], image, maps);
    dense(theta, &layout->blocks[1], maps, WIDE, wide);
    for (int u = 0; u < WIDE; u++)
        wide[u] = relu(wide[u]);
    dense(theta, &layout->blocks[2], wide, NARROW, narrow);
    for (int u = 0; u < NARROW; u++)
        narrow[u] = relu(narrow[u]);
    dense(theta, &layout->blocks[3], narrow, CLASSES, logits);
    for (int c = 0; c < CLASSES; c++)
        sum += exp(logits[c]);
    return logits[label] - log(sum);
}

/* --- finite differences ------------------------------------------------------------------------------------------ */

static void squares_are_those_of_finite_differences(void **state) {
    (void)state;
    apd_network *network;
    assert_int_equal(
        apd_network_create((apd_image_shape){CHANNELS, SIDE, SIDE}, layers, 6, 5, &network, NULL), APD_OK);
    const apd_layout *layout = apd_network_layout(network);
    apd_gradient_layout *of_one = apd_gradient_layout_create(layout, 1);
    assert_true(!of_one->blocks[0].factored && of_one->blocks[1].factored);
    apd_gradient_layout_destroy(of_one);

    apd_random random = apd_random_stream(7, APD_RANDOM_TEST, 0, 0);
    float *theta = apd_allocate(layout->size, sizeof *theta, "theta");
    float *sums = apd_allocate(layout->size, sizeof *sums, "sums");
    double *moved = apd_allocate(layout->size, sizeof *moved, "theta");
    float images[IMAGES * CHANNELS * PIXELS];
    apd_random_normal(&random, 0, layout->size, theta);
    apd_random_normal(&random, INT64_C(1) << 31, IMAGES * CHANNELS * PIXELS, images);
    for (int64_t i = 0; i < layout->size; i++)
        moved[i] = (double)(theta[i] *= 0.15f);

    apd_fisher *fisher = apd_fisher_create(network);
    for (int n = 0; n < TIMES * IMAGES; n++) /* more than are held at a time */
        apd_fisher_add(fisher, theta, images + n % IMAGES * CHANNELS * PIXELS, n % IMAGES, CLASSES, sums);
    apd_fisher_flush(fisher, sums);
    int64_t zeros = 0, checked = 0;
    for (int b = 0; b < 3; b++)
        for (int64_t i = layout->blocks[b].weight;
             i < layout->blocks[b].weight + layout->blocks[b].rows * layout->blocks[b].cols; i++) {
            double expected = 0.0, at = moved[i], step = 1e-5;
            for (int n = 0; n < IMAGES; n++) {
                const float *image = images + n * CHANNELS * PIXELS;
                moved[i] = at + step;
                double above = log_likelihood(moved, layout, image, n);
                moved[i] = at - step;
                double slope = (above - log_likelihood(moved, layout, image, n)) / (2.0 * step);
                expected += TIMES * slope * slope;
            }
            moved[i] = at;
            if (fabs((double)sums[i] - expected) > 1e-7 + 1e-4 * expected)
                fail_msg("block %d, weight %d: %g, but %g by differences", b,
                         (int)(i - layout->blocks[b].weight), (double)sums[i], expected);
            zeros += expected == 0.0;
            checked++;
        }
    assert_true(checked == 72 + 5760 + 360 && zeros < checked / 2);
    for (int64_t i = layout->blocks[3].weight; i < layout->size; i++) /* the head is the task's own */
        assert_true(sums[i] == 0.0f);
    for (int b = 0; b < 3; b++)
        for (int64_t r = 0; r < layout->blocks[b].rows; r++)
            assert_true(sums[layout->blocks[b].bias + r] == 0.0f);
    apd_fisher_destroy(fisher);
    free(moved);
    free(sums);
    free(theta);
    apd_network_destroy(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(squares_are_those_of_finite_differences)};
    return cmocka_run_group_tests_name("fisher", tests, NULL, NULL);
}
