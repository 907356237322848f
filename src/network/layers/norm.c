/* norm: local response normalisation (Krizhevsky et al. 2012, section 3.3), pixel by pixel:
 *     s_c = bias + alpha * sum over |j-c| <= radius of x_j^2,   p_c = s_c^-beta,   y_c = x_c * p_c
 *     dx_c = dy_c * p_c - 2*alpha*beta * x_c * sum over |j-c| <= radius of dy_j * x_j * p_j / s_j
 * s and p are kept for the backward pass. */
#include "network/layers/layer.h"

#include <math.h>
#include <string.h>

static apd_status shape(apd_layer *layer, apd_error *error) {
    const apd_layer_spec *spec = &layer->spec;
    if (spec->radius < 0)
        return apd_fail(error, APD_ERROR_USAGE, "layer %d (lrn): radius is %d; it must be 0 or more",
                        layer->number, spec->radius);
    if (!(spec->bias > 0.0f) || !(spec->alpha >= 0.0f) || !isfinite(spec->bias) || !isfinite(spec->alpha) ||
        !isfinite(spec->beta))
        return apd_fail(error, APD_ERROR_USAGE,
                        "layer %d (lrn): bias %g, alpha %g, beta %g; they must be finite, bias above 0 and "
                        "alpha 0 or more",
                        layer->number, (double)spec->bias, (double)spec->alpha, (double)spec->beta);
    return apd_layer_same_shape(layer, error);
}

/* s and p of each element */
static int64_t kept_bytes(const apd_layer *layer) {
    return 2 * apd_image_floats(layer->in) * (int64_t)sizeof(float);
}

static int radius_of(const apd_layer *layer) {
    int most = layer->in.channels - 1;
    return layer->spec.radius < most ? layer->spec.radius : most;
}

/* Terms with `radius` zeros on either side, and their windowed sums. */
static int64_t scratch_floats(const apd_layer *layer) {
    return 2 * (int64_t)layer->in.channels + 2 * (int64_t)radius_of(layer);
}

/* sums[c] = sum of terms[c-radius .. c+radius]; terms has zeros around it. */
static void windowed_sums(const float *restrict terms, int channels, int radius, float *restrict sums) {
    memset(sums, 0, (size_t)channels * sizeof(float));
    for (int shift = -radius; shift <= radius; shift++)
        for (int c = 0; c < channels; c++)
            sums[c] += terms[c + shift];
}

/* x^-beta; for the usual 3/4 by square roots, which vectorise. */
static void negative_power(const float *restrict x, int count, float beta, float *restrict out) {
    if (beta == 0.75f) {
        for (int i = 0; i < count; i++) {
            float root = sqrtf(x[i]);
            out[i] = 1.0f / (root * sqrtf(root));
        }
        return;
    }
    for (int i = 0; i < count; i++)
        out[i] = powf(x[i], -beta);
}

static void pixel_forward(const apd_layer *layer, const float *x, float *terms, float *sums, float *s,
                          float *p, float *y) {
    int channels = layer->in.channels;
    for (int c = 0; c < channels; c++)
        terms[c] = x[c] * x[c];
    windowed_sums(terms, channels, radius_of(layer), sums);
    for (int c = 0; c < channels; c++)
        s[c] = layer->spec.bias + layer->spec.alpha * sums[c];
    negative_power(s, channels, layer->spec.beta, p);
    for (int c = 0; c < channels; c++)
        y[c] = x[c] * p[c];
}

static void pixel_backward(const apd_layer *layer, const float *x, const float *dy, float *terms, float *sums,
                           const float *s, const float *p, float *dx) {
    int channels = layer->in.channels;
    float factor = 2.0f * layer->spec.alpha * layer->spec.beta;
    for (int c = 0; c < channels; c++)
        terms[c] = dy[c] * x[c] * p[c] / s[c];
    windowed_sums(terms, channels, radius_of(layer), sums);
    for (int c = 0; c < channels; c++)
        dx[c] = dy[c] * p[c] - factor * x[c] * sums[c];
}

/* Scratch for one pixel: the terms between zeros, then the sums. Returns the terms. */
static float *clear_terms(const apd_layer *layer, float *scratch) {
    memset(scratch, 0, (size_t)scratch_floats(layer) * sizeof(float));
    return scratch + radius_of(layer);
}

static void forward(const apd_layer *layer, const apd_pass *pass) {
    int64_t stride = apd_channel_stride(layer->in.channels);
    int64_t count = pass->n * apd_image_floats(layer->in);
    float *s = pass->kept, *p = s + count;
    float *terms = clear_terms(layer, pass->scratch);
    float *sums = terms + layer->in.channels + radius_of(layer);
    for (int64_t at = 0; at < count; at += stride)
        pixel_forward(layer, pass->input + at, terms, sums, s + at, p + at, pass->output + at);
}

static void backward(const apd_layer *layer, const apd_pass *pass) {
    int64_t stride = apd_channel_stride(layer->in.channels);
    int64_t count = pass->n * apd_image_floats(layer->in);
    const float *s = pass->kept, *p = s + count;
    if (pass->input_gradient == NULL)
        return;
    float *terms = clear_terms(layer, pass->scratch);
    float *sums = terms + layer->in.channels + radius_of(layer);
    for (int64_t at = 0; at < count; at += stride)
        pixel_backward(layer, pass->input + at, pass->output_gradient + at, terms, sums, s + at, p + at,
                       pass->input_gradient + at);
}

const apd_layer_operation apd_lrn_operation = {
    .name = "lrn",
    .on_image = true,
    .shape = shape,
    .kept_bytes = kept_bytes,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
