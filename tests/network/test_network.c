#include "network/network.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

enum { IMAGES = 7, MAX_CLASSES = 10 };

static const apd_image_shape lenet_input = {3, 32, 32};
static const apd_layer_spec lenet[] = {
    {.kind = APD_LAYER_CONV, .units = 20, .kernel_h = 5, .kernel_w = 5, .stride_h = 1, .stride_w = 1},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2},
    {.kind = APD_LAYER_CONV, .units = 50, .kernel_h = 5, .kernel_w = 5, .stride_h = 1, .stride_w = 1},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2},
    {.kind = APD_LAYER_DENSE, .units = 800},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_DENSE, .units = 500},
    {.kind = APD_LAYER_RELU},
};

/* A small network with every kind of layer. */
static const apd_image_shape small_input = {2, 6, 6};
static const apd_layer_spec small[] = {
    {.kind = APD_LAYER_CONV, .units = 5, .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_LRN, .radius = 2, .bias = 1.0f, .alpha = 0.1f, .beta = 0.75f},
    {.kind = APD_LAYER_MAX_POOL, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2},
    {.kind = APD_LAYER_DROPOUT, .rate = 0.3f},
    {.kind = APD_LAYER_DENSE, .units = 11},
    {.kind = APD_LAYER_RELU},
    {.kind = APD_LAYER_DROPOUT, .rate = 0.5f},
};

typedef struct bench {
    apd_network *network;
    const apd_layout *layout;
    apd_gradient_layout *to; /* without factors */
    apd_workspace *workspace;
    float *theta, *gradient, *images;
    int32_t labels[IMAGES];
} bench;

static bench bench_open(apd_image_shape input, const apd_layer_spec *specs, int depth) {
    bench b = {0};
    apd_random random = apd_random_stream(5, APD_RANDOM_TEST, 0, 0);
    assert_int_equal(apd_network_create(input, specs, depth, MAX_CLASSES, &b.network, NULL), APD_OK);
    b.layout = apd_network_layout(b.network);
    b.to = apd_gradient_layout_create(b.layout, 0);
    b.workspace = apd_workspace_create(b.network, IMAGES);
    b.theta = apd_allocate(b.layout->size, sizeof(float), "theta");
    b.gradient = apd_allocate(b.layout->size, sizeof(float), "gradient");
    for (int k = 0; k < b.layout->block_count; k++)
        apd_network_initialise(b.network, k, (apd_rows){0, b.layout->blocks[k].rows}, 1.0f, &random,
                               b.theta + b.layout->blocks[k].weight);
    int64_t numbers = (int64_t)IMAGES * input.channels * input.height * input.width;
    b.images = apd_allocate(numbers, sizeof(float), "images");
    apd_random_normal(&random, INT64_C(1) << 31, numbers, b.images);
    for (int i = 0; i < IMAGES; i++)
        b.labels[i] = i % 4;
    return b;
}

static void bench_close(bench *b) {
    apd_gradient_layout_destroy(b->to);
    apd_workspace_destroy(b->workspace);
    apd_network_destroy(b->network);
    free(b->theta);
    free(b->gradient);
    free(b->images);
}

static apd_score step(bench *b, int n, int classes, const apd_random *dropout) {
    apd_network_forward(b->network, b->theta, b->images, n, classes, dropout, 0, b->workspace);
    apd_score score = apd_network_loss(b->network, b->labels, (apd_targets){0}, 0.125f, b->workspace);
    apd_network_backward(b->network, b->theta, b->to, b->gradient, b->workspace, NULL, NULL);
    return score;
}

static float *copy_of(const float *floats, int64_t count) {
    float *copy = apd_allocate(count, sizeof(float), "a copy");
    memcpy(copy, floats, (size_t)count * sizeof(float));
    return copy;
}

/* --- shapes ---------------------------------------------------------------------------------------------- */

static void create_lenet_has_published_size(void **state) {
    (void)state;
    apd_network *network;
    assert_int_equal(apd_network_create(lenet_input, lenet, COUNT(lenet), 10, &network, NULL), APD_OK);
    const apd_layout *layout = apd_network_layout(network);
    static const char *const names[] = {"conv1", "conv2", "dense3", "dense4", "head"};
    assert_int_equal(layout->block_count, COUNT(names));
    for (int k = 0; k < COUNT(names); k++) {
        assert_string_equal(layout->blocks[k].name, names[k]);
        assert_int_equal(layout->blocks[k].decomposed, k < 4);
    }
    assert_int_equal(layout->decomposed, 2986500);
    /* 75*20*1024 + 500*50*256 + 3200*800 + 800*500 + 500*7 */
    int64_t direct = 0;
    for (int k = 0; k < COUNT(names); k++)
        direct += apd_network_work(network, k, 7).direct;
    assert_int_equal(direct, 10899500);
    /* 3 channels do not pay for transforms; 20 do: 4 x 4 tiles of 64 products for 20*50 pairs of channels */
    assert_int_equal(apd_network_work(network, 0, 7).done, 75 * 20 * 1024);
    apd_block_work conv2 = apd_network_work(network, 1, 7);
    assert_int_equal(conv2.done, 16 * 64 * 20 * 50);
    assert_int_equal(conv2.inputs, 20 * 256);
    assert_int_equal(conv2.outputs, 50 * 256);
    assert_int_equal(conv2.weights, 500 * 50);
    assert_int_equal(apd_network_work(network, 4, 7).weights, 500 * 7);
    apd_network_destroy(network);
}

static void layout_blocks_are_aligned_and_apart(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    int64_t end = 0;
    for (int k = 0; k < b.layout->block_count; k++) {
        const apd_block *block = &b.layout->blocks[k];
        assert_int_equal(block->weight * (int64_t)sizeof(float) % APD_ALIGNMENT, 0);
        assert_int_equal(block->bias * (int64_t)sizeof(float) % APD_ALIGNMENT, 0);
        assert_true(block->weight >= end);
        assert_true(block->bias >= block->weight + block->rows * block->cols);
        end = block->bias + block->rows;
    }
    assert_true(b.layout->size >= end);
    bench_close(&b);
}

static void create_impossible_shape_names_layer(void **state) {
    (void)state;
#define DENSE \
    { .kind = APD_LAYER_DENSE, .units = 3 }
#define WINDOW .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1
    static const struct {
        apd_layer_spec first, second;
        const char *part;
    } cases[] = {
        {{.kind = APD_LAYER_RELU},
         {.kind = APD_LAYER_CONV,
          .units = 1,
          .kernel_h = 7,
          .kernel_w = 1,
          .stride_h = 1,
          .stride_w = 1,
          .padding = APD_PADDING_VALID},
         "layer 2 (conv): its VALID kernel of 7x1 is larger than its input of 6x6"},
        {{.kind = APD_LAYER_DENSE, .units = 3},
         {.kind = APD_LAYER_CONV, .units = 1, WINDOW},
         "layer 2 (conv): it works on images and cannot follow a dense layer; put it ahead of all dense "
         "layers"},
        {{.kind = APD_LAYER_DENSE, .units = 3}, {.kind = APD_LAYER_MAX_POOL, WINDOW}, "layer 2 (max-pool)"},
        {{.kind = APD_LAYER_CONV, .units = 0, WINDOW}, DENSE, "layer 1 (conv): units is 0"},
        {{.kind = APD_LAYER_DENSE, .units = 1000001}, DENSE, "layer 1 (dense): units is 1000001"},
        {{.kind = APD_LAYER_DENSE, .units = 1000000},
         {.kind = APD_LAYER_DENSE, .units = 1000000},
         "layer 2 (dense): 1000000 outputs of 1000000 inputs each are more than 2^31 weights"},
        {{.kind = APD_LAYER_CONV, .units = 1000000, WINDOW},
         {.kind = APD_LAYER_CONV, .units = 1000000, WINDOW},
         "layer 2 (conv)"},
        {{.kind = APD_LAYER_MAX_POOL, .kernel_h = 1025, .kernel_w = 1, .stride_h = 1, .stride_w = 1},
         DENSE,
         "layer 1 (max-pool): kernel height is 1025; it must be 1 .. 1024"},
        {{.kind = APD_LAYER_MAX_POOL, .kernel_h = 1, .kernel_w = 1, .stride_h = 1},
         DENSE,
         "layer 1 (max-pool): horizontal stride is 0"},
        {{.kind = APD_LAYER_DROPOUT, .rate = 1.0f}, DENSE, "layer 1 (dropout): rate is 1"},
        {{.kind = APD_LAYER_DROPOUT, .rate = NAN}, DENSE, "layer 1 (dropout): rate is"},
        {{.kind = APD_LAYER_LRN, .radius = -1, .bias = 1}, DENSE, "layer 1 (lrn): radius is -1"},
        {{.kind = APD_LAYER_LRN, .radius = 1, .bias = 0}, DENSE, "layer 1 (lrn): bias 0"},
        {{.kind = (apd_layer_kind)99}, DENSE, "layer 1: kind 99"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        apd_layer_spec specs[] = {cases[i].first, cases[i].second};
        apd_network *network = NULL;
        apd_error error = {0};
        assert_int_equal(apd_network_create(small_input, specs, 2, 2, &network, &error), APD_ERROR_USAGE);
        if (strstr(error.message, cases[i].part) == NULL)
            fail_msg("case %d: \"%s\" lacks \"%s\"", i, error.message, cases[i].part);
        assert_null(network);
    }
}

static void create_impossible_input_or_head_is_refused(void **state) {
    (void)state;
    static const struct {
        apd_image_shape input;
        int classes;
    } cases[] = {{{0, 1, 1}, 2},
                 {{1, -1, 1}, 2},
                 {{1000000, 1000000, 1000000}, 2},
                 {{1, 1, 1}, 0},
                 {{1, 1, 1}, 1000001}};
    for (int i = 0; i < COUNT(cases); i++) {
        apd_network *network = NULL;
        apd_error error = {0};
        assert_int_equal(apd_network_create(cases[i].input, NULL, 0, cases[i].classes, &network, &error),
                         APD_ERROR_USAGE);
        assert_true(error.message[0] != '\0');
    }
}

/* --- initialisation -------------------------------------------------------------------------------------- */

static void initialise_has_he_statistics(void **state) {
    (void)state;
    bench b = bench_open(lenet_input, lenet, COUNT(lenet));
    apd_random random = apd_random_stream(11, APD_RANDOM_INITIAL_WEIGHTS, 3, 0);
    const apd_block *block = &b.layout->blocks[2];
    int64_t count = block->rows * block->cols;
    float *weights = b.theta + block->weight;
    apd_network_initialise(b.network, 2, (apd_rows){0, block->rows}, 0.5f, &random, weights);
    double sum = 0.0, squares = 0.0, fourth = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double square = (double)weights[i] * (double)weights[i];
        sum += (double)weights[i];
        squares += square;
        fourth += square * square;
    }
    double variance = squares / (double)count, wanted = 0.25 * 2.0 / 3200.0;
    assert_true(fabs(sum / (double)count) < 5.0 * sqrt(wanted / (double)count));
    assert_true(fabs(variance / wanted - 1.0) < 5.0 * sqrt(2.0 / (double)count));
    assert_true(fabs(fourth / (double)count / (variance * variance) - 3.0) < 0.05);
    bench_close(&b);
}

static void initialise_rows_do_not_depend_on_slice(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    apd_random random = apd_random_stream(11, APD_RANDOM_INITIAL_WEIGHTS, 1, 0);
    const apd_block *block = &b.layout->blocks[1];
    float *whole = apd_allocate(block->rows * block->cols, sizeof(float), "weights");
    float *part = apd_allocate(block->rows * block->cols, sizeof(float), "weights");
    apd_network_initialise(b.network, 1, (apd_rows){0, block->rows}, 1.0f, &random, whole);
    apd_network_initialise(b.network, 1, (apd_rows){3, 7}, 1.0f, &random, part);
    assert_memory_equal(part, whole + 3 * block->cols, (size_t)(4 * block->cols) * sizeof(float));
    assert_true(whole[0] != 0.0f);
    apd_network_initialise(b.network, 1, (apd_rows){2, 2}, 1.0f, &random, part);
    assert_memory_equal(part, whole + 3 * block->cols, (size_t)(4 * block->cols) * sizeof(float));
    free(part);
    free(whole);
    bench_close(&b);
}

/* --- passes ---------------------------------------------------------------------------------------------- */

static void step_again_gives_same_bits_whatever_came_between(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    apd_random dropout = apd_random_stream(1, APD_RANDOM_DROPOUT, 2, 3);
    apd_score score = step(&b, 5, 4, &dropout);
    float *gradient = copy_of(b.gradient, b.layout->size);
    for (int64_t i = 0; i < IMAGES * 72; i++)
        b.images[i] *= -4.0f;
    step(&b, IMAGES, MAX_CLASSES, NULL);
    for (int64_t i = 0; i < IMAGES * 72; i++)
        b.images[i] /= -4.0f;
    apd_score again = step(&b, 5, 4, &dropout);
    assert_memory_equal(&again.loss, &score.loss, sizeof score.loss);
    assert_memory_equal(b.gradient, gradient, (size_t)b.layout->size * sizeof(float));
    apd_workspace_destroy(b.workspace);
    b.workspace = apd_workspace_create(b.network, 5);
    step(&b, 5, 4, &dropout);
    assert_memory_equal(b.gradient, gradient, (size_t)b.layout->size * sizeof(float));
    free(gradient);
    bench_close(&b);
}

static void backward_no_images_writes_zeros(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    apd_random dropout = apd_random_stream(1, APD_RANDOM_DROPOUT, 2, 3);
    for (int64_t i = 0; i < b.layout->size; i++)
        b.gradient[i] = 1.0f;
    apd_score score = step(&b, 0, 4, &dropout);
    assert_true(score.loss == 0.0);
    assert_int_equal(score.correct, 0);
    for (int k = 0; k < b.layout->block_count; k++) {
        const apd_block *block = &b.layout->blocks[k];
        for (int64_t i = 0; i < block->rows * block->cols; i++)
            assert_true(b.gradient[block->weight + i] == 0.0f);
        for (int64_t i = 0; i < block->rows; i++)
            assert_true(b.gradient[block->bias + i] == 0.0f);
    }
    bench_close(&b);
}

static void backward_unused_head_rows_are_zeroed(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    const apd_block *head = &b.layout->blocks[b.layout->block_count - 1];
    float *unused = b.gradient + head->weight + 4 * head->cols;
    int64_t count = 6 * head->cols;
    for (int64_t i = 0; i < b.layout->size; i++)
        b.gradient[i] = 7.0f;
    step(&b, 3, 4, NULL);
    for (int64_t i = 0; i < count; i++)
        assert_true(unused[i] == 0.0f);
    assert_true(b.gradient[head->bias + 4] == 0.0f && b.gradient[head->bias + 9] == 0.0f);
    assert_true(b.gradient[head->bias + 3] != 0.0f);
    bench_close(&b);
}

typedef struct witness {
    int count, blocks[8];
    const float *gradient;
    const apd_layout *layout;
    const float *finished; /* the gradient as it is in the end */
} witness;

static void see_block(void *context, int block) {
    witness *seen = context;
    const apd_block *of = &seen->layout->blocks[block];
    assert_memory_equal(seen->gradient + of->weight, seen->finished + of->weight,
                        (size_t)(of->rows * of->cols) * sizeof(float));
    assert_memory_equal(seen->gradient + of->bias, seen->finished + of->bias,
                        (size_t)of->rows * sizeof(float));
    seen->blocks[seen->count++] = block;
}

static void backward_tells_finished_blocks_from_head_to_first(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    step(&b, 4, 4, NULL);
    float *finished = copy_of(b.gradient, b.layout->size);
    witness seen = {.gradient = b.gradient, .layout = b.layout, .finished = finished};
    memset(b.gradient, 0, (size_t)b.layout->size * sizeof(float));
    apd_network_forward(b.network, b.theta, b.images, 4, 4, NULL, 0, b.workspace);
    apd_network_loss(b.network, b.labels, (apd_targets){0}, 0.125f, b.workspace);
    apd_network_backward(b.network, b.theta, b.to, b.gradient, b.workspace, see_block, &seen);
    assert_int_equal(seen.count, 3);
    for (int k = 0; k < 3; k++)
        assert_int_equal(seen.blocks[k], 2 - k);
    free(finished);
    bench_close(&b);
}

/* --- loss ------------------------------------------------------------------------------------------------ */

/* A head on one input of value 1 makes its bias the logits. */
static void loss_of_known_logits_is_known(void **state) {
    (void)state;
    bench b = bench_open((apd_image_shape){1, 1, 1}, NULL, 0);
    const apd_block *head = &b.layout->blocks[0];
    memset(b.theta, 0, (size_t)b.layout->size * sizeof(float));
    b.theta[head->bias + 1] = logf(3.0f);
    b.labels[0] = 1;
    apd_score score = step(&b, 1, 2, NULL);
    assert_true(fabs(score.loss - log(4.0 / 3.0)) < 1e-7);
    assert_int_equal(score.correct, 1);
    assert_true(fabsf(b.gradient[head->bias] - 0.125f * 0.25f) < 1e-7f);
    assert_true(fabsf(b.gradient[head->bias + 1] + 0.125f * 0.25f) < 1e-7f);
    b.theta[head->bias + 1] = 0.0f; /* a tie: the first is chosen */
    assert_int_equal(step(&b, 1, 2, NULL).correct, 0);
    b.labels[0] = 0;
    assert_int_equal(step(&b, 1, 2, NULL).correct, 1);
    assert_int_equal(apd_network_score(b.network, b.labels, b.workspace).correct, 1);
    b.theta[head->bias + 1] = 3e4f; /* exp would overflow */
    score = step(&b, 1, 2, NULL);
    assert_true(fabs(score.loss - 3e4) < 1.0);
    bench_close(&b);
}

/* --- dropout --------------------------------------------------------------------------------------------- */

enum { WIDE = 4000 };

/* Through two dropout layers of rate 1/2 and a head that sums all features: 4 times those kept twice. */
static void dropout_numbers_follow_stream_layer_and_first(void **state) {
    (void)state;
    apd_layer_spec specs[] = {{.kind = APD_LAYER_DROPOUT, .rate = 0.5f},
                              {.kind = APD_LAYER_DROPOUT, .rate = 0.5f}};
    bench b = bench_open((apd_image_shape){WIDE, 1, 1}, specs, 2);
    apd_random one = apd_random_stream(1, APD_RANDOM_DROPOUT, 0, 1);
    apd_random other = apd_random_stream(1, APD_RANDOM_DROPOUT, 0, 2);
    assert_int_equal(apd_network_dropout_numbers(b.network), WIDE);
    for (int i = 0; i < IMAGES * WIDE; i++)
        b.images[i] = 1.0f;
    for (int i = 0; i < WIDE; i++)
        b.theta[i] = 1.0f;
#define SUMS(stream, first) \
    apd_network_forward(b.network, b.theta, b.images, 2, 1, stream, first, b.workspace)
    const float *sums = SUMS(NULL, 0);
    assert_true(sums[0] == (float)WIDE);
    sums = SUMS(&one, 0);
    float first = sums[0], second = sums[1];
    assert_true(fabsf(first - WIDE) < 5.0f * sqrtf(3.0f * WIDE)); /* two equal layers would give 2*WIDE */
    assert_true(first != second);
    sums = SUMS(&one, WIDE);
    assert_true(sums[0] == second);
    sums = SUMS(&other, 0);
    assert_true(sums[0] != first);
    bench_close(&b);
}

static void dropout_of_more_numbers_than_a_stream_has_is_a_usage_error(void **state) {
    (void)state;
    const apd_layer_spec specs[] = {{.kind = APD_LAYER_RELU}, {.kind = APD_LAYER_DROPOUT, .rate = 0.5f}};
    bench b = bench_open((apd_image_shape){4, 16, 16}, specs, 2); /* 2^10 numbers an image */
    apd_error error = {0};
    assert_int_equal(apd_network_check_dropout(b.network, INT64_C(1) << 24, &error), APD_OK);
    assert_int_equal(apd_network_check_dropout(b.network, (INT64_C(1) << 24) + 1, &error), APD_ERROR_USAGE);
    assert_non_null(strstr(error.message, "layer 2 (dropout)"));
    bench_close(&b);
}

static void dropout_in_evaluation_is_identity(void **state) {
    (void)state;
    bench b = bench_open(small_input, small, COUNT(small));
    apd_layer_spec without[COUNT(small)];
    int depth = 0;
    for (int l = 0; l < COUNT(small); l++)
        if (small[l].kind != APD_LAYER_DROPOUT)
            without[depth++] = small[l];
    bench plain = bench_open(small_input, without, depth);
    apd_random dropout = apd_random_stream(1, APD_RANDOM_DROPOUT, 0, 1);
    step(&b, 4, 4, &dropout);
    assert_int_equal(b.layout->size, plain.layout->size);
    step(&plain, 4, 4, NULL);
    assert_memory_not_equal(b.gradient, plain.gradient, (size_t)b.layout->size * sizeof(float));
    step(&b, 4, 4, NULL);
    assert_memory_equal(b.gradient, plain.gradient, (size_t)b.layout->size * sizeof(float));
    bench_close(&plain);
    bench_close(&b);
}

/* --- factors ---------------------------------------------------------------------------------------------- */

/* A block's gradient has the same bits, whether written whole or as factors. */
static void check_block(const bench *b, const apd_gradient_layout *to, const float *gradient, int k) {
    const apd_block *block = &b->layout->blocks[k];
    int64_t count = block->rows * block->cols;
    float *made = apd_allocate(count, sizeof(float), "a block's gradient");
    if (to->blocks[k].factored)
        apd_gradient_rows(to, gradient, k, (apd_rows){0, block->rows}, (apd_rows){0, block->cols}, made,
                          block->cols);
    else
        memcpy(made, gradient + to->blocks[k].weight, (size_t)count * sizeof(float));
    assert_memory_equal(made, b->gradient + block->weight, (size_t)count * sizeof(float));
    assert_memory_equal(gradient + to->blocks[k].bias, b->gradient + block->bias,
                        (size_t)block->rows * sizeof(float));
    free(made);
}

static void backward_factors_have_the_bits_of_the_whole_gradient(void **state) {
    (void)state;
    bench b = bench_open(lenet_input, lenet, COUNT(lenet));
    apd_gradient_layout *to = apd_gradient_layout_create(b.layout, IMAGES);
    static const bool factored[] = {false, false, true, true, false};
    assert_true(to->size < b.layout->size / 10);
    float *gradient = apd_allocate(to->size, sizeof(float), "a gradient");
    for (int n = IMAGES; n >= 0; n -= 3) { /* fewer images than there is room for, too */
        int n_or_none = n == 1 ? 0 : n;
        step(&b, n_or_none, 6, NULL);
        for (int64_t i = 0; i < to->size; i++)
            gradient[i] = NAN;
        apd_network_backward(b.network, b.theta, to, gradient, b.workspace, NULL, NULL);
        for (int k = 0; k < b.layout->block_count; k++) {
            assert_int_equal(to->blocks[k].factored, factored[k]);
            check_block(&b, to, gradient, k);
        }
    }
    free(gradient);
    apd_gradient_layout_destroy(to);
    bench_close(&b);
}

/* Blocks are factored where the factors take at most half of the memory, and only for a known size of micro-batches. */
static void gradient_layout_factors_only_where_it_saves(void **state) {
    (void)state;
    bench b = bench_open(lenet_input, lenet, COUNT(lenet));
    static const struct {
        int images;
        bool dense3, dense4;
    } cases[] = {
        {0, false, false}, {1, true, true}, {100, true, true}, {200, true, false}, {400, false, false}};
    for (int i = 0; i < COUNT(cases); i++) {
        apd_gradient_layout *to = apd_gradient_layout_create(b.layout, cases[i].images);
        assert_int_equal(to->blocks[2].factored, cases[i].dense3);
        assert_int_equal(to->blocks[3].factored, cases[i].dense4);
        assert_true(to->size <= b.layout->size && !to->blocks[0].factored && !to->blocks[4].factored);
        apd_gradient_layout_destroy(to);
    }
    apd_gradient_layout_destroy(NULL);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_lenet_has_published_size),
        cmocka_unit_test(layout_blocks_are_aligned_and_apart),
        cmocka_unit_test(create_impossible_shape_names_layer),
        cmocka_unit_test(create_impossible_input_or_head_is_refused),
        cmocka_unit_test(initialise_has_he_statistics),
        cmocka_unit_test(initialise_rows_do_not_depend_on_slice),
        cmocka_unit_test(step_again_gives_same_bits_whatever_came_between),
        cmocka_unit_test(backward_no_images_writes_zeros),
        cmocka_unit_test(backward_unused_head_rows_are_zeroed),
        cmocka_unit_test(backward_tells_finished_blocks_from_head_to_first),
        cmocka_unit_test(loss_of_known_logits_is_known),
        cmocka_unit_test(dropout_numbers_follow_stream_layer_and_first),
        cmocka_unit_test(dropout_of_more_numbers_than_a_stream_has_is_a_usage_error),
        cmocka_unit_test(dropout_in_evaluation_is_identity),
        cmocka_unit_test(backward_factors_have_the_bits_of_the_whole_gradient),
        cmocka_unit_test(gradient_layout_factors_only_where_it_saves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
