#include "network/fisher.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A network 2x6x6 - conv of 4 - dense of 40 - dense of 9 - head of 3 (of 5 classes). */
enum {
    IMAGES = 3,
    TIMES = 15,
    TOGETHER = 20,
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

    apd_random random = apd_random_stream(7, APD_RANDOM_TEST, 0, 0);
    float *theta = apd_allocate(layout->size, sizeof *theta, "theta");
    float *sums = apd_allocate(layout->size, sizeof *sums, "sums");
    double *moved = apd_allocate(layout->size, sizeof *moved, "theta");
    float images[TIMES * IMAGES * CHANNELS * PIXELS];
    int32_t labels[TIMES * IMAGES];
    apd_random_normal(&random, 0, layout->size, theta);
    apd_random_normal(&random, INT64_C(1) << 31, IMAGES * CHANNELS * PIXELS, images);
    for (int64_t i = 0; i < layout->size; i++)
        moved[i] = (double)(theta[i] *= 0.15f);

    for (int n = 0; n < TIMES * IMAGES; n++) {
        labels[n] = n % IMAGES;
        memmove(images + n * CHANNELS * PIXELS, images + n % IMAGES * CHANNELS * PIXELS,
                CHANNELS * PIXELS * sizeof *images);
    }

    apd_workspace *workspace = apd_workspace_create(network, TOGETHER + 3); /* room for more than is used */
    apd_fisher *fisher = apd_fisher_create(network, TOGETHER, workspace);
    for (int n = 0, many; n < TIMES * IMAGES; n += many) {
        many = TIMES * IMAGES - n < TOGETHER ? TIMES * IMAGES - n : TOGETHER; /* the last are fewer */
        apd_fisher_add(fisher, theta, images + n * CHANNELS * PIXELS, labels + n, many, CLASSES, sums);
    }
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
    apd_workspace_destroy(workspace);
    free(moved);
    free(sums);
    free(theta);
    apd_network_destroy(network);
}

/* --- a larger network: Winograd's convolutions, pooling, several images in a stage ------------------------------- */

static void squares_of_a_batch_are_those_of_its_images(void **state) {
    (void)state;
    enum { ALL = 7, COLOURS = 3, EDGE = 24, SIZE = COLOURS * EDGE * EDGE, LABELS = 5 };
    static const apd_layer_spec deep[] = {
        {.kind = APD_LAYER_RELU},
        {.kind = APD_LAYER_CONV, .units = 20, .kernel_h = 5, .kernel_w = 5, .stride_h = 1, .stride_w = 1},
        {.kind = APD_LAYER_RELU},
        {.kind = APD_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2},
        {.kind = APD_LAYER_CONV, .units = 32, .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1},
        {.kind = APD_LAYER_RELU},
        {.kind = APD_LAYER_DENSE, .units = 50},
        {.kind = APD_LAYER_RELU}};
    apd_network *network;
    assert_int_equal(
        apd_network_create((apd_image_shape){COLOURS, EDGE, EDGE}, deep, 8, LABELS, &network, NULL), APD_OK);
    const apd_layout *layout = apd_network_layout(network);
    apd_random random = apd_random_stream(8, APD_RANDOM_TEST, 0, 0);
    float *theta = apd_allocate(layout->size, sizeof *theta, "theta");
    float *sums = apd_allocate(layout->size, sizeof *sums, "sums");
    float *gradient = apd_allocate(layout->size, sizeof *gradient, "a gradient");
    double *expected = apd_allocate(layout->size, sizeof *expected, "sums");
    float *images = apd_allocate(ALL * SIZE, sizeof *images, "images");
    int32_t labels[ALL];
    apd_random_normal(&random, INT64_C(1) << 31, ALL * SIZE, images);
    apd_random_normal(&random, 0, layout->size, theta);
    for (int64_t i = 0; i < layout->size; i++)
        theta[i] *= 0.05f;
    apd_workspace *workspace = apd_workspace_create(network, ALL);
    apd_gradient_layout *plain = apd_gradient_layout_create(layout, 0);
    for (int n = 0; n < ALL; n++) {
        labels[n] = n % LABELS;
        (void)apd_network_forward(network, theta, images + n * SIZE, 1, LABELS, NULL, 0, workspace);
        (void)apd_network_loss(network, labels + n, (apd_targets){0}, 1.0f, workspace);
        apd_network_backward(network, theta, plain, gradient, workspace, NULL, NULL);
        for (int64_t i = 0; i < layout->size; i++)
            expected[i] += (double)gradient[i] * (double)gradient[i];
    }
    apd_fisher *fisher = apd_fisher_create(network, ALL, workspace);
    apd_fisher_add(fisher, theta, images, labels, ALL, LABELS, sums);
    for (int b = 0; b < layout->block_count - 1; b++) {
        const apd_block *block = &layout->blocks[b];
        double most = 0.0;
        for (int64_t i = block->weight; i < block->weight + block->rows * block->cols; i++)
            most = fmax(most, expected[i]);
        assert_true(most > 0.0);
        for (int64_t i = block->weight; i < block->weight + block->rows * block->cols; i++)
            if (fabs((double)sums[i] - expected[i]) > 1e-4 * expected[i] + 1e-6 * most)
                fail_msg("block %d, weight %d: %g, but %g image by image", b, (int)(i - block->weight),
                         (double)sums[i], expected[i]);
    }
    apd_fisher_destroy(fisher);
    apd_gradient_layout_destroy(plain);
    apd_workspace_destroy(workspace);
    free(images);
    free(expected);
    free(gradient);
    free(sums);
    free(theta);
    apd_network_destroy(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(squares_are_those_of_finite_differences),
                                       cmocka_unit_test(squares_of_a_batch_are_those_of_its_images)};
    return cmocka_run_group_tests_name("fisher", tests, NULL, NULL);
}
