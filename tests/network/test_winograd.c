/* Convolutions by Winograd's products against plain sums in double: forward, and the gradients, which are
 * bilinear in the output gradient and so need no differences. */
#include "network/layers/winograd.h"
#include "network/network.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* A convolution alone, its activations with padded channels as inside a network. */
typedef struct bench {
    apd_layer layer;
    int n;
    int64_t in_stride, out_stride, weight_count;
    float *input, *output, *weights, *bias, *scratch;
    float *output_gradient, *input_gradient, *weight_gradient, *bias_gradient;
} bench;

static float *numbers(int64_t count, uint32_t stream) {
    float *made = calloc((size_t)count + 1, sizeof(float));
    apd_random random = apd_random_stream(4, APD_RANDOM_INITIAL_WEIGHTS, stream, 0);
    apd_random_normal(&random, 0, count, made);
    return made;
}

static bench bench_open(apd_image_shape in, int units, int kernel, apd_padding padding, int n) {
    apd_layer_spec spec = {.kind = APD_LAYER_CONV,
                           .units = units,
                           .kernel_h = kernel,
                           .kernel_w = kernel,
                           .stride_h = 1,
                           .stride_w = 1,
                           .padding = padding};
    apd_layer layers[2];
    apd_error error = {0};
    assert_int_equal(apd_layers_resolve(in, &spec, 1, 1, layers, &error), APD_OK);
    bench b = {.layer = layers[0], .n = n};
    b.in_stride = apd_channel_stride(in.channels);
    b.out_stride = apd_channel_stride(units);
    b.weight_count = units * b.layer.cols;
    b.input = numbers(n * apd_image_floats(in), 1);
    b.output = numbers(n * apd_image_floats(b.layer.out), 2);
    b.weights = numbers(b.weight_count, 3);
    b.bias = numbers(units, 4);
    b.output_gradient = numbers(n * apd_image_floats(b.layer.out), 5);
    b.input_gradient = numbers(n * apd_image_floats(in), 6);
    b.weight_gradient = numbers(b.weight_count, 7);
    b.bias_gradient = numbers(units, 8);
    b.scratch = numbers(apd_winograd_scratch_floats(&b.layer), 9); /* what it holds before has no meaning */
    return b;
}

static void bench_close(bench *b) {
    free(b->input);
    free(b->output);
    free(b->weights);
    free(b->bias);
    free(b->scratch);
    free(b->output_gradient);
    free(b->input_gradient);
    free(b->weight_gradient);
    free(b->bias_gradient);
}

static apd_pass pass_of(const bench *b) {
    return (apd_pass){.n = b->n,
                      .input = b->input,
                      .output = b->output,
                      .weights = b->weights,
                      .bias = b->bias,
                      .scratch = b->scratch,
                      .output_gradient = b->output_gradient,
                      .input_gradient = b->input_gradient,
                      .weight_gradient = b->weight_gradient,
                      .bias_gradient = b->bias_gradient};
}

/* The pass of images first .. first+n-1 among all of the bench's. */
static apd_pass some_images(const bench *b, const apd_pass *all, int first, int n) {
    apd_pass pass = *all;
    int64_t in = first * apd_image_floats(b->layer.in), out = first * apd_image_floats(b->layer.out);
    pass.n = n;
    pass.input += in;
    pass.output += out;
    pass.output_gradient += out;
    if (pass.input_gradient != NULL)
        pass.input_gradient += in;
    return pass;
}

/* Both directions, `together` images at a time. */
static void run_passes(const bench *b, const apd_pass *all, int together) {
    apd_winograd_begin_forward(&b->layer, all);
    for (int first = 0; first < b->n; first += together) {
        apd_pass pass = some_images(b, all, first, together);
        apd_winograd_forward(&b->layer, &pass);
    }
    apd_winograd_begin_backward(&b->layer, all);
    for (int first = 0; first < b->n; first += together) {
        apd_pass pass = some_images(b, all, first, together);
        apd_winograd_backward(&b->layer, &pass);
    }
    apd_winograd_end_backward(&b->layer, all);
}

/* What the formula gives. */
typedef struct plain {
    double *output, *input_gradient, *weight_gradient, *bias_gradient;
} plain;

/* One product of the sums: input (image, iy, ix, c), weight (r, c, ky, kx), output (image, y, x, r). */
static void add_product(const bench *b, plain *to, int64_t input, int64_t weight, int64_t output) {
    to->output[output] += (double)b->input[input] * (double)b->weights[weight];
    to->input_gradient[input] += (double)b->output_gradient[output] * (double)b->weights[weight];
    to->weight_gradient[weight] += (double)b->output_gradient[output] * (double)b->input[input];
}

static void add_window(const bench *b, plain *to, int64_t image, int y, int x, int r) {
    const apd_layer *l = &b->layer;
    int kernel = l->spec.kernel_h;
    int64_t output = ((image * l->out.height + y) * l->out.width + x) * b->out_stride + r;
    to->output[output] += (double)b->bias[r];
    to->bias_gradient[r] += (double)b->output_gradient[output];
    for (int ky = 0; ky < kernel; ky++)
        for (int kx = 0; kx < kernel; kx++) {
            int iy = y + ky - l->pad_top, ix = x + kx - l->pad_left;
            if (iy < 0 || ix < 0 || iy >= l->in.height || ix >= l->in.width)
                continue;
            for (int c = 0; c < l->in.channels; c++)
                add_product(b, to, ((image * l->in.height + iy) * l->in.width + ix) * b->in_stride + c,
                            ((r * (int64_t)l->in.channels + c) * kernel + ky) * kernel + kx, output);
        }
}

static plain plain_of(const bench *b) {
    const apd_layer *l = &b->layer;
    plain made = {.output = calloc((size_t)(b->n * apd_image_floats(l->out)) + 1, sizeof(double)),
                  .input_gradient = calloc((size_t)(b->n * apd_image_floats(l->in)) + 1, sizeof(double)),
                  .weight_gradient = calloc((size_t)b->weight_count, sizeof(double)),
                  .bias_gradient = calloc((size_t)l->out.channels, sizeof(double))};
    for (int64_t image = 0; image < b->n; image++)
        for (int y = 0; y < l->out.height; y++)
            for (int x = 0; x < l->out.width; x++)
                for (int r = 0; r < l->out.channels; r++)
                    add_window(b, &made, image, y, x, r);
    return made;
}

static void plain_clear(plain *p) {
    free(p->output);
    free(p->input_gradient);
    free(p->weight_gradient);
    free(p->bias_gradient);
}

/* Compares `used` of every `stride` numbers. */
static void compare(const char *what, const float *is, const double *expected, int64_t count, int64_t stride,
                    int64_t used) {
    double wrong = 0.0, size = 0.0;
    for (int64_t i = 0; i < count; i++) {
        if (i % stride >= used)
            continue;
        double off = (double)is[i] - expected[i];
        wrong += off * off;
        size += expected[i] * expected[i];
    }
    if (!(sqrt(wrong) <= 3e-5 * sqrt(size)))
        fail_msg("%s: off by %g of %g", what, sqrt(wrong), sqrt(size));
}

static void check(apd_image_shape in, int units, int kernel, apd_padding padding, int n) {
    bench b = bench_open(in, units, kernel, padding, n);
    const apd_image_shape out = b.layer.out;
    plain expected = plain_of(&b);
    apd_pass pass = pass_of(&b);
    run_passes(&b, &pass, n);
    compare("output", b.output, expected.output, n * apd_image_floats(out), b.out_stride, units);
    compare("input's gradient", b.input_gradient, expected.input_gradient, n * apd_image_floats(in),
            b.in_stride, in.channels);
    compare("weights' gradient", b.weight_gradient, expected.weight_gradient, b.weight_count, 1, 1);
    compare("bias's gradient", b.bias_gradient, expected.bias_gradient, units, 1, 1);
    plain_clear(&expected);
    bench_close(&b);
}

static void every_geometry_matches_formula(void **state) {
    (void)state;
    static const struct {
        apd_image_shape in;
        int units, kernel;
        apd_padding padding;
        int n;
    } cases[] = {
        {{20, 16, 16}, 50, 5, APD_PADDING_SAME, 2},  /* the second convolution of LeNet: whole tiles */
        {{9, 14, 11}, 10, 5, APD_PADDING_SAME, 3},   /* tiles that reach over the edge */
        {{8, 13, 9}, 17, 5, APD_PADDING_VALID, 2},   /* no padding */
        {{3, 5, 5}, 4, 5, APD_PADDING_VALID, 1},     /* one output */
        {{5, 7, 20}, 9, 3, APD_PADDING_SAME, 2},     /* tiles of six */
        {{16, 12, 18}, 24, 3, APD_PADDING_VALID, 2}, /* and without padding */
        {{1, 1, 1}, 1, 5, APD_PADDING_SAME, 30},     /* padding only; groups that span many images */
        {{33, 8, 8}, 65, 3, APD_PADDING_SAME, 1},    /* more registers of channels than a tile has */
    };
    for (int i = 0; i < COUNT(cases); i++)
        check(cases[i].in, cases[i].units, cases[i].kernel, cases[i].padding, cases[i].n);
}

static void bits_do_not_depend_on_how_many_images_come_together(void **state) {
    (void)state;
    enum { IMAGES = 6 };
    const apd_image_shape in = {9, 14, 11};
    bench whole = bench_open(in, 10, 5, APD_PADDING_SAME, IMAGES);
    apd_pass pass = pass_of(&whole);
    run_passes(&whole, &pass, IMAGES);
    for (int together = 1; together <= 3; together++) {
        bench b = bench_open(in, 10, 5, APD_PADDING_SAME, IMAGES);
        pass = pass_of(&b);
        run_passes(&b, &pass, together);
        const size_t outputs = IMAGES * (size_t)apd_image_floats(b.layer.out);
        const size_t inputs = IMAGES * (size_t)apd_image_floats(b.layer.in);
        assert_memory_equal(b.output, whole.output, outputs * sizeof(float));
        assert_memory_equal(b.input_gradient, whole.input_gradient, inputs * sizeof(float));
        assert_memory_equal(b.weight_gradient, whole.weight_gradient, (size_t)b.weight_count * sizeof(float));
        assert_memory_equal(b.bias_gradient, whole.bias_gradient, 10 * sizeof(float));
        bench_close(&b);
    }
    bench_close(&whole);
}

static void input_gradient_is_left_alone_where_it_is_not_wanted(void **state) {
    (void)state;
    bench b = bench_open((apd_image_shape){8, 8, 8}, 8, 5, APD_PADDING_SAME, 1);
    plain expected = plain_of(&b);
    apd_pass pass = pass_of(&b);
    pass.input_gradient = NULL;
    run_passes(&b, &pass, 1);
    compare("weights' gradient", b.weight_gradient, expected.weight_gradient, b.weight_count, 1, 1);
    plain_clear(&expected);
    bench_close(&b);
}

static void no_image_has_no_gradient(void **state) {
    (void)state;
    bench b = bench_open((apd_image_shape){8, 8, 8}, 8, 5, APD_PADDING_SAME, 0);
    apd_pass pass = pass_of(&b);
    run_passes(&b, &pass, 1);
    for (int64_t i = 0; i < b.weight_count; i++)
        assert_true(b.weight_gradient[i] == 0.0f);
    assert_true(b.bias_gradient[7] == 0.0f);
    bench_close(&b);
}

static bool suits(apd_image_shape in, apd_layer_spec spec) {
    apd_layer layers[2];
    apd_error error = {0};
    spec.kind = APD_LAYER_CONV;
    assert_int_equal(apd_layers_resolve(in, &spec, 1, 1, layers, &error), APD_OK);
    return apd_winograd_suits(&layers[0]);
}

static void suits_many_channels_and_small_square_kernels_only(void **state) {
    (void)state;
    apd_image_shape wide = {20, 16, 16}, grey = {1, 28, 28};
    apd_layer_spec spec = {.units = 50, .kernel_h = 5, .kernel_w = 5, .stride_h = 1, .stride_w = 1};
    assert_true(suits(wide, spec));
    assert_false(suits(grey, spec));
    spec.kernel_h = 3;
    assert_false(suits(wide, spec));
    spec.kernel_w = 3;
    assert_true(suits(wide, spec));
    spec.stride_w = 2;
    assert_false(suits(wide, spec));
    spec.stride_w = 1;
    spec.kernel_h = spec.kernel_w = 7;
    assert_false(suits(wide, spec));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_geometry_matches_formula),
        cmocka_unit_test(bits_do_not_depend_on_how_many_images_come_together),
        cmocka_unit_test(input_gradient_is_left_alone_where_it_is_not_wanted),
        cmocka_unit_test(no_image_has_no_gradient),
        cmocka_unit_test(suits_many_channels_and_small_square_kernels_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
