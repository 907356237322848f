/* Layers and whole networks against an evaluation in double written from the formulas; gradients against central
 * differences of it. */
#include "network/network.h"
#include "network/private.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* --- the plain evaluation: one image, (channel, row, column), double -------------------------------------
 */

typedef struct plane {
    int c, h, w;
    double *v;
} plane;

static plane plane_new(int c, int h, int w) {
    return (plane){c, h, w, calloc((size_t)(c * h * w) + 1, sizeof(double))};
}

static double at(const plane *in, int c, int y, int x, double outside) {
    if (y < 0 || x < 0 || y >= in->h || x >= in->w)
        return outside;
    return in->v[(c * in->h + y) * in->w + x];
}

static int out_size(apd_padding padding, int in, int kernel, int stride) {
    return padding == APD_PADDING_SAME ? (int)ceil((double)in / stride)
                                       : (int)ceil((double)(in - kernel + 1) / stride);
}

static int pad_before(apd_padding padding, int in, int kernel, int stride) {
    int total = (out_size(padding, in, kernel, stride) - 1) * stride + kernel - in;
    return padding == APD_PADDING_SAME && total > 0 ? total / 2 : 0;
}

static plane plain_window(const apd_layer_spec *spec, const plane *in, const double *weights,
                          const double *bias) {
    bool conv = spec->kind == APD_LAYER_CONV;
    int kh = spec->kernel_h, kw = spec->kernel_w;
    int top = pad_before(spec->padding, in->h, kh, spec->stride_h);
    int left = pad_before(spec->padding, in->w, kw, spec->stride_w);
    plane out = plane_new(conv ? spec->units : in->c, out_size(spec->padding, in->h, kh, spec->stride_h),
                          out_size(spec->padding, in->w, kw, spec->stride_w));
    for (int r = 0; r < out.c; r++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++) {
                double sum = conv ? bias[r] : 0.0, most = -INFINITY;
                for (int ky = 0; ky < kh; ky++)
                    for (int kx = 0; kx < kw; kx++) {
                        int iy = y * spec->stride_h + ky - top, ix = x * spec->stride_w + kx - left;
                        most = fmax(most, at(in, conv ? 0 : r, iy, ix, -INFINITY));
                        for (int c = 0; conv && c < in->c; c++)
                            sum += at(in, c, iy, ix, 0.0) * weights[((r * in->c + c) * kh + ky) * kw + kx];
                    }
                out.v[(r * out.h + y) * out.w + x] = conv ? sum : most;
            }
    return out;
}

static plane plain_dense(int units, const plane *in, const double *weights, const double *bias) {
    plane out = plane_new(units, 1, 1);
    int cols = in->c * in->h * in->w;
    for (int r = 0; r < units; r++) {
        out.v[r] = bias[r];
        for (int k = 0; k < cols; k++)
            out.v[r] += weights[r * cols + k] * in->v[k];
    }
    return out;
}

static plane plain_lrn(const apd_layer_spec *spec, const plane *in) {
    plane out = plane_new(in->c, in->h, in->w);
    int pixels = in->h * in->w;
    for (int c = 0; c < in->c; c++)
        for (int p = 0; p < pixels; p++) {
            double sum = 0.0;
            for (int j = 0; j < in->c; j++)
                if (abs(j - c) <= spec->radius)
                    sum += in->v[j * pixels + p] * in->v[j * pixels + p];
            out.v[c * pixels + p] = in->v[c * pixels + p] /
                                    pow((double)spec->bias + (double)spec->alpha * sum, (double)spec->beta);
        }
    return out;
}

/* ReLU, or dropout by known factors of an image. */
static plane plain_elementwise(const apd_layer_spec *spec, const plane *in, const double *factors) {
    plane out = plane_new(in->c, in->h, in->w);
    for (int i = 0; i < in->c * in->h * in->w; i++)
        out.v[i] = spec->kind == APD_LAYER_RELU ? fmax(in->v[i], 0.0)
                                                : in->v[i] * (factors != NULL ? factors[i] : 1.0);
    return out;
}

typedef struct sample {
    const apd_layer_spec *specs;
    int depth;
    apd_image_shape input;
    int n, max_classes, classes;
    apd_targets targets;
    float *images;
    int32_t labels[16];
    double *factors; /* dropout's, (n, features), or NULL */
    int together;    /* images that go through a convolution's stage together; 0: as the network chooses */
} sample;

static plane plain_logits(const sample *s, const apd_layout *layout, const double *theta, int image) {
    int features = s->input.channels * s->input.height * s->input.width;
    plane now = plane_new(s->input.channels, s->input.height, s->input.width);
    int block = 0;
    for (int i = 0; i < features; i++)
        now.v[i] = (double)s->images[image * features + i];
    for (int l = 0; l <= s->depth; l++) {
        apd_layer_spec spec =
            l < s->depth ? s->specs[l] : (apd_layer_spec){.kind = APD_LAYER_DENSE, .units = s->classes};
        bool trained = spec.kind == APD_LAYER_CONV || spec.kind == APD_LAYER_DENSE;
        const double *weights = theta + layout->blocks[trained ? block : 0].weight;
        const double *bias = theta + layout->blocks[trained ? block : 0].bias;
        const double *factors = s->factors != NULL ? s->factors + image * now.c * now.h * now.w : NULL;
        plane next = spec.kind == APD_LAYER_CONV || spec.kind == APD_LAYER_MAX_POOL
                         ? plain_window(&spec, &now, weights, bias)
                     : spec.kind == APD_LAYER_DENSE ? plain_dense(spec.units, &now, weights, bias)
                     : spec.kind == APD_LAYER_LRN   ? plain_lrn(&spec, &now)
                                                    : plain_elementwise(&spec, &now, factors);
        block += trained;
        free(now.v);
        now = next;
    }
    return now;
}

static double plain_loss(const sample *s, const apd_layout *layout, const double *theta) {
    double loss = 0.0;
    for (int image = 0; image < s->n; image++) {
        plane logits = plain_logits(s, layout, theta, image);
        double sum = 0.0;
        for (int k = 0; k < s->classes; k++)
            sum += exp(logits.v[k]);
        for (int k = 0; k < s->classes; k++) {
            const apd_targets *to = &s->targets;
            double target = to->smoothing / s->classes + (k == s->labels[image] ? 1.0 - to->smoothing : 0.0);
            if (to->taught != NULL)
                target += to->share * ((double)to->taught[image * s->classes + k] - target);
            loss += target * (log(sum) - logits.v[k]);
        }
        free(logits.v);
    }
    return loss;
}

/* --- one network against it ------------------------------------------------------------------------------ */

static const float weight_of_loss = 0.25f;

typedef struct bench {
    apd_network *network;
    const apd_layout *layout;
    apd_gradient_layout *to; /* without factors */
    apd_workspace *workspace;
    float *theta, *gradient;
    double *plain; /* theta in double */
} bench;

static bench bench_open(sample *s) {
    bench b = {0};
    apd_error error = {0};
    apd_random random = apd_random_stream(7, APD_RANDOM_TEST, 0, 0);
    apd_status status = apd_network_create(s->input, s->specs, s->depth, s->max_classes, &b.network, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(status, APD_OK);
    b.layout = apd_network_layout(b.network);
    b.to = apd_gradient_layout_create(b.layout, 0);
    for (int k = 0; k < b.network->stage_count && s->together > 0; k++)
        if (b.network->stages[k].images > 0)
            b.network->stages[k].images = s->together;
    b.workspace = apd_workspace_create(b.network, s->n);
    size_t size = (size_t)b.layout->size;
    b.theta = calloc(size, sizeof(float));
    b.gradient = calloc(size, sizeof(float));
    b.plain = calloc(size, sizeof(double));
    apd_random_normal(&random, 0, b.layout->size, b.theta);
    for (size_t i = 0; i < size; i++) {
        b.theta[i] *= 0.3f;
        b.plain[i] = (double)b.theta[i];
    }
    int64_t numbers = (int64_t)s->n * s->input.channels * s->input.height * s->input.width;
    s->images = calloc((size_t)numbers + 1, sizeof(float));
    apd_random_normal(&random, INT64_C(1) << 30, numbers, s->images);
    for (int image = 0; image < s->n; image++)
        s->labels[image] = image % s->classes;
    return b;
}

static void bench_close(bench *b, sample *s) {
    apd_workspace_destroy(b->workspace);
    apd_gradient_layout_destroy(b->to);
    apd_network_destroy(b->network);
    free(b->theta);
    free(b->gradient);
    free(b->plain);
    free(s->images);
}

static void compare_logits(const bench *b, const sample *s, const float *logits) {
    for (int image = 0; image < s->n; image++) {
        plane expected = plain_logits(s, b->layout, b->plain, image);
        for (int k = 0; k < s->classes; k++)
            if (!(fabs((double)logits[image * s->classes + k] - expected.v[k]) <
                  1e-5 * (1.0 + fabs(expected.v[k]))))
                fail_msg("image %d logit %d: %.7g, by the formula %.7g", image, k,
                         (double)logits[image * s->classes + k], expected.v[k]);
        free(expected.v);
    }
}

static double central_difference(const bench *b, const sample *s, int64_t parameter) {
    const double h = 1e-6;
    double kept = b->plain[parameter];
    b->plain[parameter] = kept + h;
    double above = plain_loss(s, b->layout, b->plain);
    b->plain[parameter] = kept - h;
    double below = plain_loss(s, b->layout, b->plain);
    b->plain[parameter] = kept;
    return (double)weight_of_loss * (above - below) / (2.0 * h);
}

static void compare_range(const bench *b, const sample *s, const char *what, int64_t begin, int64_t count) {
    double wrong = 0.0, size = 0.0;
    for (int64_t i = begin; i < begin + count; i++) {
        double expected = central_difference(b, s, i);
        wrong += ((double)b->gradient[i] - expected) * ((double)b->gradient[i] - expected);
        size += expected * expected;
    }
    if (!(sqrt(wrong) < 1e-4 * sqrt(size) + 1e-7))
        fail_msg("gradient of %s: off by %g of %g", what, sqrt(wrong), sqrt(size));
}

/* Forward, loss and backward of one network with random parameters, images and labels. */
static void check_with(sample *s, const apd_random *dropout) {
    bench b = bench_open(s);
    const float *logits =
        apd_network_forward(b.network, b.theta, s->images, s->n, s->classes, dropout, 0, b.workspace);
    compare_logits(&b, s, logits);
    apd_score score = apd_network_loss(b.network, s->labels, s->targets, weight_of_loss, b.workspace);
    double expected = plain_loss(s, b.layout, b.plain);
    assert_true(fabs(score.loss - expected) < 1e-5 * (1.0 + expected));
    apd_network_backward(b.network, b.theta, b.to, b.gradient, b.workspace, NULL, NULL);
    for (int k = 0; k < b.layout->block_count; k++) {
        const apd_block *block = &b.layout->blocks[k];
        compare_range(&b, s, block->name, block->weight, block->rows * block->cols);
        compare_range(&b, s, "its bias", block->bias, block->rows);
    }
    bench_close(&b, s);
}

static void check(apd_image_shape input, const apd_layer_spec *specs, int depth) {
    sample s = {.specs = specs, .depth = depth, .input = input, .n = 3, .max_classes = 4, .classes = 3};
    check_with(&s, NULL);
}

#define CONV(units_, kh, kw, sh, sw, pad)                                                        \
    {                                                                                            \
        .kind = APD_LAYER_CONV, .units = units_, .kernel_h = kh, .kernel_w = kw, .stride_h = sh, \
        .stride_w = sw, .padding = APD_PADDING_##pad                                             \
    }
#define POOL(kh, kw, sh, sw, pad)                                                                   \
    {                                                                                               \
        .kind = APD_LAYER_MAX_POOL, .kernel_h = kh, .kernel_w = kw, .stride_h = sh, .stride_w = sw, \
        .padding = APD_PADDING_##pad                                                                \
    }
#define DENSE(units_) \
    { .kind = APD_LAYER_DENSE, .units = units_ }
#define RELU \
    { .kind = APD_LAYER_RELU }
#define LRN(radius_, bias_, alpha_, beta_) \
    { .kind = APD_LAYER_LRN, .radius = radius_, .bias = bias_, .alpha = alpha_, .beta = beta_ }

/* A first convolution makes the second one's input gradient count. */
static void conv_all_geometries_match_formula(void **state) {
    (void)state;
    static const struct {
        apd_image_shape input;
        apd_layer_spec conv;
    } cases[] = {
        {{1, 5, 7}, CONV(2, 3, 3, 1, 1, SAME)},   {{2, 6, 4}, CONV(3, 2, 3, 1, 1, SAME)},
        {{3, 5, 5}, CONV(17, 3, 1, 1, 1, VALID)}, {{2, 7, 6}, CONV(3, 3, 2, 2, 3, SAME)},
        {{1, 8, 7}, CONV(2, 3, 2, 2, 2, VALID)},  {{2, 1, 1}, CONV(3, 5, 5, 1, 1, SAME)},
        {{2, 4, 4}, CONV(9, 1, 1, 1, 1, SAME)},   {{1, 6, 6}, CONV(1, 4, 4, 3, 3, SAME)},
        {{2, 5, 6}, CONV(2, 2, 2, 4, 5, SAME)},   {{2, 3, 9}, CONV(2, 3, 4, 1, 2, VALID)},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        apd_layer_spec specs[] = {CONV(9, 2, 2, 1, 1, SAME), cases[i].conv};
        check(cases[i].input, specs, 2);
        check(cases[i].input, &cases[i].conv, 1);
    }
}

static void max_pool_all_geometries_match_formula(void **state) {
    (void)state;
    static const struct {
        apd_image_shape input;
        apd_layer_spec pool;
    } cases[] = {
        {{1, 6, 6}, POOL(3, 3, 2, 2, SAME)},  {{2, 7, 5}, POOL(3, 3, 2, 2, SAME)},
        {{2, 7, 5}, POOL(2, 3, 2, 1, VALID)}, {{9, 1, 1}, POOL(3, 3, 2, 2, SAME)},
        {{1, 5, 8}, POOL(1, 2, 3, 4, SAME)},  {{2, 4, 4}, POOL(4, 4, 1, 1, VALID)},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        apd_layer_spec specs[] = {CONV(3, 3, 3, 1, 1, SAME), cases[i].pool};
        check(cases[i].input, specs, 2);
    }
}

static void lrn_all_radii_match_formula(void **state) {
    (void)state;
    static const apd_layer_spec norms[] = {LRN(4, 1.0f, 0.1f, 0.75f), LRN(0, 2.0f, 0.5f, 0.75f),
                                           LRN(1, 1.5f, 0.7f, 0.6f), LRN(100, 1.0f, 0.3f, 1.0f)};
    for (int i = 0; i < COUNT(norms); i++) {
        apd_layer_spec specs[] = {CONV(6, 2, 2, 1, 1, SAME), norms[i]};
        check((apd_image_shape){2, 3, 4}, specs, 2);
    }
}

static void dense_after_image_flattens_channel_first(void **state) {
    (void)state;
    apd_layer_spec specs[] = {DENSE(5), RELU, DENSE(9), RELU};
    check((apd_image_shape){3, 2, 4}, specs, COUNT(specs));
    check((apd_image_shape){11, 1, 1}, specs, COUNT(specs));
}

static void network_without_trunk_is_linear(void **state) {
    (void)state;
    check((apd_image_shape){2, 3, 2}, NULL, 0);
}

static void network_of_all_layers_matches_formula(void **state) {
    (void)state;
    apd_layer_spec specs[] = {RELU,
                              CONV(5, 3, 3, 1, 1, SAME),
                              RELU,
                              LRN(2, 1.0f, 0.2f, 0.75f),
                              POOL(3, 3, 2, 2, SAME),
                              CONV(10, 3, 3, 1, 1, SAME),
                              RELU,
                              POOL(3, 3, 2, 2, SAME),
                              DENSE(12),
                              RELU,
                              DENSE(7),
                              RELU};
    sample s = {.specs = specs,
                .depth = COUNT(specs),
                .input = {3, 8, 8},
                .n = 3,
                .max_classes = 4,
                .classes = 3,
                .targets.smoothing = 0.1};
    const float taught[9] = {0.2f, 0.7f, 0.1f, 1.0f, 0.0f, 0.0f, 0.3f, 0.3f, 0.4f};
    check_with(&s, NULL);
    s.targets = (apd_targets){.taught = taught, .share = 0.6};
    check_with(&s, NULL);
    s.targets = (apd_targets){0};
    check_with(&s, NULL);
}

/* The bits do not depend on how many images pass together. */
static void images_together_change_no_bit(void **state) {
    (void)state;
    enum { IMAGES = 7, CLASSES = 3 };
    const apd_layer_spec dropout = {.kind = APD_LAYER_DROPOUT, .rate = 0.3f};
    apd_layer_spec specs[] = {dropout,
                              CONV(5, 3, 2, 1, 2, SAME),
                              RELU,
                              POOL(2, 2, 2, 2, SAME),
                              dropout,
                              CONV(18, 3, 3, 1, 1, SAME),
                              POOL(2, 2, 1, 1, SAME),
                              POOL(2, 2, 1, 1, SAME),
                              LRN(2, 1.0f, 0.2f, 0.75f),
                              CONV(17, 5, 5, 1, 1, SAME),
                              dropout,
                              POOL(2, 2, 2, 2, SAME),
                              RELU,
                              DENSE(12),
                              RELU};
    const int counts[] = {IMAGES, 1, 2, 3};
    apd_random stream = apd_random_stream(3, APD_RANDOM_DROPOUT, 1, 2);
    float logits[IMAGES * CLASSES], *gradient = NULL;
    for (int i = 0; i < COUNT(counts); i++) {
        sample s = {.specs = specs,
                    .depth = COUNT(specs),
                    .input = {3, 12, 14},
                    .n = IMAGES,
                    .max_classes = CLASSES,
                    .classes = CLASSES,
                    .together = counts[i]};
        bench b = bench_open(&s);
        size_t bytes = (size_t)b.layout->size * sizeof(float);
        const float *found =
            apd_network_forward(b.network, b.theta, s.images, IMAGES, CLASSES, &stream, 5, b.workspace);
        (void)apd_network_loss(b.network, s.labels, (apd_targets){0}, weight_of_loss, b.workspace);
        apd_network_backward(b.network, b.theta, b.to, b.gradient, b.workspace, NULL, NULL);
        if (i == 0) {
            gradient = malloc(bytes);
            memcpy(gradient, b.gradient, bytes);
            memcpy(logits, found, sizeof logits);
        }
        assert_memory_equal(found, logits, sizeof logits);
        assert_memory_equal(b.gradient, gradient, bytes);
        bench_close(&b, &s);
    }
    free(gradient);
}

static void network_of_one_class_has_no_loss(void **state) {
    (void)state;
    apd_layer_spec specs[] = {CONV(3, 3, 3, 1, 1, SAME), RELU};
    sample s = {.specs = specs, .depth = 2, .input = {1, 3, 3}, .n = 2, .max_classes = 1, .classes = 1};
    check_with(&s, NULL);
}

/* The factors are read from a network with the same dropout layer and a head that is the identity. */
static void dropout_gradient_matches_formula_of_its_factors(void **state) {
    (void)state;
    enum { FEATURES = 8, IMAGES = 3 };
    apd_layer_spec bare[] = {RELU, {.kind = APD_LAYER_DROPOUT, .rate = 0.4f}};
    apd_layer_spec specs[] = {DENSE(FEATURES), {.kind = APD_LAYER_DROPOUT, .rate = 0.4f}};
    apd_random dropout = apd_random_stream(3, APD_RANDOM_DROPOUT, 1, 2);
    sample ones = {.specs = bare,
                   .depth = 2,
                   .input = {FEATURES, 1, 1},
                   .n = IMAGES,
                   .max_classes = FEATURES,
                   .classes = FEATURES};
    bench b = bench_open(&ones);
    double factors[IMAGES * FEATURES];
    int dropped = 0;
    memset(b.theta, 0, (size_t)b.layout->size * sizeof(float));
    for (int i = 0; i < FEATURES; i++)
        b.theta[b.layout->blocks[0].weight + i * FEATURES + i] = 1.0f;
    for (int i = 0; i < IMAGES * FEATURES; i++)
        ones.images[i] = 1.0f;
    const float *logits =
        apd_network_forward(b.network, b.theta, ones.images, IMAGES, FEATURES, &dropout, 0, b.workspace);
    for (int i = 0; i < IMAGES * FEATURES; i++) {
        factors[i] = (double)logits[i];
        dropped += logits[i] == 0.0f;
        assert_true(logits[i] == 0.0f || fabsf(logits[i] - 1.0f / 0.6f) < 1e-6f);
    }
    assert_in_range(dropped, 1, IMAGES * FEATURES - 1);
    bench_close(&b, &ones);
    sample s = {.specs = specs,
                .depth = 2,
                .input = {5, 1, 1},
                .n = IMAGES,
                .max_classes = 3,
                .classes = 3,
                .factors = factors};
    check_with(&s, &dropout);
}

/* SAME pads the odd pixel at the end: [1 2 3 4] with kernel [1 2 3], stride 2, by hand. */
static void conv_same_padding_puts_odd_pixel_last(void **state) {
    (void)state;
    apd_layer_spec specs[] = {CONV(1, 1, 3, 1, 2, SAME)};
    sample s = {.specs = specs, .depth = 1, .input = {1, 1, 4}, .n = 1, .max_classes = 2, .classes = 2};
    bench b = bench_open(&s);
    memset(b.theta, 0, (size_t)b.layout->size * sizeof(float));
    for (int i = 0; i < 4; i++)
        s.images[i] = (float)(i + 1);
    for (int i = 0; i < 3; i++)
        b.theta[b.layout->blocks[0].weight + i] = (float)(i + 1);
    b.theta[b.layout->blocks[1].weight] = 1.0f;
    b.theta[b.layout->blocks[1].weight + 3] = 1.0f;
    const float *logits = apd_network_forward(b.network, b.theta, s.images, 1, 2, NULL, 0, b.workspace);
    assert_true(logits[0] == 14.0f);
    assert_true(logits[1] == 11.0f);
    bench_close(&b, &s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_all_geometries_match_formula),
        cmocka_unit_test(conv_same_padding_puts_odd_pixel_last),
        cmocka_unit_test(max_pool_all_geometries_match_formula),
        cmocka_unit_test(lrn_all_radii_match_formula),
        cmocka_unit_test(dense_after_image_flattens_channel_first),
        cmocka_unit_test(network_without_trunk_is_linear),
        cmocka_unit_test(network_of_all_layers_matches_formula),
        cmocka_unit_test(images_together_change_no_bit),
        cmocka_unit_test(network_of_one_class_has_no_loss),
        cmocka_unit_test(dropout_gradient_matches_formula_of_its_factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
