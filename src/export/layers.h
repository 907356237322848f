/* The layers of a network that apd has exported, for one image of (channels, height, width). */
#include <math.h>

/* What conv and max_pool go through; pixels outside of the image are 0 for conv, and left out by max_pool. */
typedef struct shape {
    int in_channels, in_height, in_width, out_channels, out_height, out_width;
    int kernel_h, kernel_w, stride_h, stride_w, top, left;
} shape;

static inline void conv(const shape *s, const float *weights, const float *bias, const float *in,
                        float *out) {
    for (int o = 0; o < s->out_channels; o++)
        for (int y = 0; y < s->out_height; y++)
            for (int x = 0; x < s->out_width; x++) {
                const float *w = weights + (long)o * s->in_channels * s->kernel_h * s->kernel_w;
                float sum = bias[o];
                for (int c = 0; c < s->in_channels; c++)
                    for (int ky = 0; ky < s->kernel_h; ky++)
                        for (int kx = 0; kx < s->kernel_w; kx++, w++) {
                            int iy = y * s->stride_h + ky - s->top, ix = x * s->stride_w + kx - s->left;
                            if (iy >= 0 && iy < s->in_height && ix >= 0 && ix < s->in_width)
                                sum += *w * in[((long)c * s->in_height + iy) * s->in_width + ix];
                        }
                out[((long)o * s->out_height + y) * s->out_width + x] = sum;
            }
}

static inline void max_pool(const shape *s, const float *in, float *out) {
    for (int c = 0; c < s->out_channels; c++)
        for (int y = 0; y < s->out_height; y++)
            for (int x = 0; x < s->out_width; x++) {
                float most = -INFINITY;
                for (int ky = 0; ky < s->kernel_h; ky++)
                    for (int kx = 0; kx < s->kernel_w; kx++) {
                        int iy = y * s->stride_h + ky - s->top, ix = x * s->stride_w + kx - s->left;
                        if (iy >= 0 && iy < s->in_height && ix >= 0 && ix < s->in_width)
                            most = fmaxf(most, in[((long)c * s->in_height + iy) * s->in_width + ix]);
                    }
                out[((long)c * s->out_height + y) * s->out_width + x] = most;
            }
}

static inline void dense(int rows, int cols, const float *weights, const float *bias, const float *in,
                         float *out) {
    for (int r = 0; r < rows; r++) {
        float sum = bias[r];
        for (int c = 0; c < cols; c++)
            sum += weights[(long)r * cols + c] * in[c];
        out[r] = sum;
    }
}

static inline void relu(long count, float *values) {
    for (long i = 0; i < count; i++)
        values[i] = values[i] > 0.0f ? values[i] : 0.0f;
}

static inline void lrn(int channels, long pixels, int radius, float bias, float alpha, float beta,
                       const float *in, float *out) {
    for (long p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) {
            float sum = 0.0f;
            for (int j = c - radius; j <= c + radius; j++)
                if (j >= 0 && j < channels)
                    sum += in[j * pixels + p] * in[j * pixels + p];
            out[c * pixels + p] = in[c * pixels + p] * powf(bias + alpha * sum, -beta);
        }
}

/* Returns the most probable class. */
static inline int softmax(int classes, const float *logits, float *probabilities) {
    int best = 0;
    double sum = 0.0;
    for (int k = 1; k < classes; k++)
        best = logits[k] > logits[best] ? k : best;
    for (int k = 0; k < classes; k++)
        sum += exp((double)logits[k] - (double)logits[best]);
    for (int k = 0; k < classes; k++)
        probabilities[k] = (float)(exp((double)logits[k] - (double)logits[best]) / sum);
    return best;
}
