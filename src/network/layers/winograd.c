#include "network/layers/winograd.h"

#include "network/kernels/square.h"
#include "network/kernels/tile.h"

#include <string.h>

#define TRANSFORM  1000                  /* cost of transforming a tile, in multiplications a channel */
#define CACHE      (INT64_C(256) * 1024) /* bytes of a group of tiles */
#define GROUP_STEP INT64_C(12)           /* tiles: whole tiles of sums, whatever their width */

/* A layer's sizes. (Cs), (Ks): channels in and out, padded to whole registers. */
typedef struct plan {
    int kernel, side; /* outputs along a tile */
    int64_t in, out;  /* channels */
    int64_t in_stride, out_stride;
    int64_t across, tiles;           /* tiles in a row, in an image */
    int64_t padded_rows, row_floats; /* of a padded image */
    int64_t group;                   /* tiles that pass together */
    int64_t in_step, out_step;       /* floats from a transformed tile to the next */
} plan;

static plan plan_of(const apd_layer *layer) {
    plan p = {.kernel = layer->spec.kernel_h,
              .side = APD_POINTS + 1 - layer->spec.kernel_h,
              .in = layer->in.channels,
              .out = layer->out.channels,
              .in_stride = apd_channel_stride(layer->in.channels),
              .out_stride = apd_channel_stride(layer->out.channels)};
    int64_t down = (layer->out.height + p.side - 1) / p.side;
    p.across = (layer->out.width + p.side - 1) / p.side;
    p.tiles = down * p.across;
    p.padded_rows = down * p.side + p.kernel - 1;
    p.row_floats = (p.across * p.side + p.kernel - 1) * p.in_stride;
    /* not a power of two apart: all tiles would map to a few lines of the cache */
    p.in_step = APD_SQUARE_POINTS * p.in_stride + 16;
    p.out_step = APD_SQUARE_POINTS * p.out_stride + 16;
    p.group = CACHE / ((p.in_step + p.out_step) * (int64_t)sizeof(float)) / GROUP_STEP * GROUP_STEP;
    p.group = p.group < GROUP_STEP ? GROUP_STEP : p.group;
    return p;
}

bool apd_winograd_suits(const apd_layer *layer) {
    const apd_layer_spec *spec = &layer->spec;
    if (spec->kernel_h != spec->kernel_w || (spec->kernel_h != 3 && spec->kernel_h != 5) ||
        spec->stride_h != 1 || spec->stride_w != 1)
        return false;
    plan p = plan_of(layer);
    double pairs = (double)p.in * (double)p.out;
    double direct = pairs * (double)(p.kernel * p.kernel) * (double)apd_pixels(layer->out);
    double fast = (double)p.tiles * ((double)APD_SQUARE_POINTS * pairs + TRANSFORM * (double)(p.in + p.out));
    return fast < 0.8 * direct;
}

int64_t apd_winograd_multiply_adds(const apd_layer *layer) {
    plan p = plan_of(layer);
    return p.tiles * APD_SQUARE_POINTS * p.in * p.out;
}

/* --- scratch ----------------------------------------------------------------------------------------- */

typedef struct buffers {
    float *inputs;   /* (group, points, Cs) */
    float *outputs;  /* (group, points, Ks) */
    float *weights;  /* (points, in, Ks) forward, (points, out, Cs) backward */
    float *sums;     /* (points, in, Ks): the weights' gradient */
    float *padded;   /* an image, (padded rows, row) */
    float *gradient; /* its gradient, (padded rows, row) */
    float *bias;     /* (Ks) */
    float *zeros;    /* (the larger stride) */
} buffers;

/* Take `floats` floats of scratch; if it is NULL, only count. */
static float *take(float *scratch, int64_t *used, int64_t floats) {
    float *taken = scratch != NULL ? scratch + *used : NULL;
    *used += (floats + 15) / 16 * 16;
    return taken;
}

static buffers buffers_in(const plan *p, float *scratch, int64_t *used) {
    buffers r;
    *used = 0;
    r.inputs = take(scratch, used, p->group * p->in_step);
    r.outputs = take(scratch, used, p->group * p->out_step);
    r.weights =
        take(scratch, used, APD_SQUARE_POINTS * apd_larger(p->in * p->out_stride, p->out * p->in_stride));
    r.sums = take(scratch, used, APD_SQUARE_POINTS * p->in * p->out_stride);
    r.padded = take(scratch, used, p->padded_rows * p->row_floats);
    r.gradient = take(scratch, used, p->padded_rows * p->row_floats);
    r.bias = take(scratch, used, p->out_stride);
    r.zeros = take(scratch, used, apd_larger(p->in_stride, p->out_stride));
    return r;
}

int64_t apd_winograd_scratch_floats(const apd_layer *layer) {
    plan p = plan_of(layer);
    int64_t used;
    (void)buffers_in(&p, NULL, &used);
    return used;
}

/* --- weights ----------------------------------------------------------------------------------------- */

/* (points, rows, stride) of the weights between each of `rows` channels and the `lanes` channels of the other
 * side, which lie row_step and lane_step floats apart in the (R, (c, ky, kx)) weights. */
typedef struct weight_order {
    int64_t rows, row_step;
    int64_t lanes, lane_step, stride;
} weight_order;

static weight_order forward_order(const plan *p) {
    int64_t taps = (int64_t)p->kernel * p->kernel;
    return (weight_order){p->in, taps, p->out, p->in * taps, p->out_stride};
}

static weight_order backward_order(const plan *p) {
    int64_t taps = (int64_t)p->kernel * p->kernel;
    return (weight_order){p->out, p->in * taps, p->in, taps, p->in_stride};
}

static apd_square_grid taps_grid(const plan *p) {
    return (apd_square_grid){(int64_t)p->kernel * APD_LANES, APD_LANES, p->kernel, p->kernel};
}

static void transform_weights(const plan *p, weight_order order, const float *weights, float *out) {
    float taps[5 * 5 * APD_LANES] = {0};
    int count = p->kernel * p->kernel;
    apd_square_grid at = taps_grid(p);
    for (int64_t row = 0; row < order.rows; row++)
        for (int64_t first = 0; first < order.stride; first += APD_LANES) {
            for (int lane = 0; lane < APD_LANES; lane++) {
                const float *from = weights + row * order.row_step + (first + lane) * order.lane_step;
                for (int tap = 0; tap < count; tap++)
                    taps[tap * APD_LANES + lane] = first + lane < order.lanes ? from[tap] : 0.0f;
            }
            apd_square_values(p->kernel, taps, &at, out + row * order.stride + first,
                              order.rows * order.stride);
        }
}

/* The gradient by the weights from the sums over all tiles. */
static void write_weights(const plan *p, const buffers *r, const apd_pass *pass) {
    float taps[5 * 5 * APD_LANES];
    int count = p->kernel * p->kernel;
    apd_square_grid at = taps_grid(p);
    weight_order order = forward_order(p);
    for (int64_t row = 0; row < order.rows; row++)
        for (int64_t first = 0; first < order.stride; first += APD_LANES) {
            apd_square_pixels(p->kernel, r->sums + row * order.stride + first, order.rows * order.stride,
                              r->zeros, taps, &at);
            for (int lane = 0; lane < APD_LANES && first + lane < order.lanes; lane++) {
                float *to = pass->weight_gradient + row * order.row_step + (first + lane) * order.lane_step;
                for (int tap = 0; tap < count; tap++)
                    to[tap] = taps[tap * APD_LANES + lane];
            }
        }
    memcpy(pass->bias_gradient, r->bias, (size_t)p->out * sizeof(float));
}

/* --- products ---------------------------------------------------------------------------------------- */

/* out (count, lanes) = start + x (count, terms) * w (terms, lanes) */
typedef struct product {
    int64_t count, terms, lanes;
    const float *x;
    int64_t x_step, x_term; /* floats from an x to the next, and from a term to the next */
    const float *w;
    int64_t w_term;
    const float *start; /* NULL: out itself */
    float *out;
    int64_t out_step;
} product;

static void multiply(const product *m) {
    apd_tile_walk walk = {.rows = 1, .run = m->terms, .step = m->x_term, .w_step = m->w_term};
    for (int64_t first = 0; first < m->lanes;) {
        int width = apd_tile_width(m->lanes - first), points = apd_tile_points(width);
        for (int64_t i = 0; i < m->count; i += points) {
            const float *x[APD_TILE_POINTS];
            int filled = m->count - i < points ? (int)(m->count - i) : points;
            for (int k = 0; k < filled; k++)
                x[k] = m->x + (i + k) * m->x_step;
            float *out = m->out + i * m->out_step + first;
            apd_tile(width, filled, x, &walk, m->w + first, m->start != NULL ? m->start : out,
                     m->start != NULL ? 0 : m->out_step, out, m->out_step);
        }
        first += width * APD_LANES;
    }
}

static void multiply_forward(const plan *p, const buffers *r, int64_t count) {
    for (int64_t point = 0; point < APD_SQUARE_POINTS; point++)
        multiply(&(product){.count = count,
                            .terms = p->in,
                            .lanes = p->out_stride,
                            .x = r->inputs + point * p->in_stride,
                            .x_step = p->in_step,
                            .x_term = 1,
                            .w = r->weights + point * p->in * p->out_stride,
                            .w_term = p->out_stride,
                            .start = r->zeros,
                            .out = r->outputs + point * p->out_stride,
                            .out_step = p->out_step});
}

static void multiply_for_weights(const plan *p, const buffers *r, int64_t count) {
    for (int64_t point = 0; point < APD_SQUARE_POINTS; point++)
        multiply(&(product){.count = p->in,
                            .terms = count,
                            .lanes = p->out_stride,
                            .x = r->inputs + point * p->in_stride,
                            .x_step = 1,
                            .x_term = p->in_step,
                            .w = r->outputs + point * p->out_stride,
                            .w_term = p->out_step,
                            .out = r->sums + point * p->in * p->out_stride,
                            .out_step = p->out_stride});
}

/* A tile's value at the point (1, 1) is the sum of its pixels. */
static void add_biases(const plan *p, const buffers *r, int64_t count) {
    for (int64_t c = 0; c < p->out_stride; c += APD_LANES) {
        apd_lanes sum = apd_lanes_load(r->bias + c);
        for (int64_t i = 0; i < count; i++)
            sum += apd_lanes_load(r->outputs + i * p->out_step + (APD_POINTS + 1) * p->out_stride + c);
        apd_lanes_store(r->bias + c, sum);
    }
}

static void multiply_for_input(const plan *p, const buffers *r, int64_t count) {
    for (int64_t point = 0; point < APD_SQUARE_POINTS; point++)
        multiply(&(product){.count = count,
                            .terms = p->out,
                            .lanes = p->in_stride,
                            .x = r->outputs + point * p->out_stride,
                            .x_step = p->out_step,
                            .x_term = 1,
                            .w = r->weights + point * p->out * p->in_stride,
                            .w_term = p->in_stride,
                            .start = r->zeros,
                            .out = r->inputs + point * p->in_stride,
                            .out_step = p->in_step});
}

/* --- tiles ------------------------------------------------------------------------------------------- */

typedef struct place {
    int64_t image, y, x; /* of a tile's first output */
} place;

static place place_of(const plan *p, int64_t tile) {
    int64_t within = tile % p->tiles;
    return (place){tile / p->tiles, within / p->across * p->side, within % p->across * p->side};
}

/* Where a tile's outputs are, in an image of the layer's outputs. */
static apd_square_grid outputs_grid(const apd_layer *layer, const plan *p, place at) {
    int64_t rows = layer->out.height - at.y, columns = layer->out.width - at.x;
    return (apd_square_grid){layer->out.width * p->out_stride, p->out_stride, rows < p->side ? rows : p->side,
                             columns < p->side ? columns : p->side};
}

static int64_t output_offset(const apd_layer *layer, const plan *p, place at) {
    return at.image * apd_image_floats(layer->out) + (at.y * layer->out.width + at.x) * p->out_stride;
}

static apd_square_grid inputs_grid(const plan *p) {
    return (apd_square_grid){p->row_floats, p->in_stride, APD_POINTS, APD_POINTS};
}

/* The rows of an image that lie in the padded one, and how many floats of each. */
static int64_t rows_inside(const apd_layer *layer, const plan *p) {
    int64_t rows = p->padded_rows - layer->pad_top;
    return rows < layer->in.height ? rows : layer->in.height;
}

static size_t bytes_inside(const apd_layer *layer, const plan *p) {
    int64_t floats = p->row_floats - layer->pad_left * p->in_stride, row = layer->in.width * p->in_stride;
    return (size_t)(floats < row ? floats : row) * sizeof(float);
}

static void pad_image(const apd_layer *layer, const plan *p, const float *image, float *padded) {
    float *to = padded + layer->pad_top * p->row_floats + layer->pad_left * p->in_stride;
    for (int64_t y = 0; y < rows_inside(layer, p); y++)
        memcpy(to + y * p->row_floats, image + y * layer->in.width * p->in_stride, bytes_inside(layer, p));
}

/* The gradient of an image's pixels; those that no window reaches have none. */
static void cut_image(const apd_layer *layer, const plan *p, const float *padded, float *image) {
    const float *from = padded + layer->pad_top * p->row_floats + layer->pad_left * p->in_stride;
    if (rows_inside(layer, p) < layer->in.height || p->row_floats < layer->in.width * p->in_stride)
        apd_clear_floats(image, apd_image_floats(layer->in));
    for (int64_t y = 0; y < rows_inside(layer, p); y++)
        memcpy(image + y * layer->in.width * p->in_stride, from + y * p->row_floats, bytes_inside(layer, p));
}

/* Windows of tiles first .. first+count-1; r->padded holds the image of the tile before. */
static void read_inputs(const apd_layer *layer, const plan *p, const buffers *r, const apd_pass *pass,
                        int64_t first, int64_t count) {
    apd_square_grid window = inputs_grid(p);
    for (int64_t i = 0; i < count; i++) {
        place at = place_of(p, first + i);
        if ((first + i) % p->tiles == 0)
            pad_image(layer, p, pass->input + at.image * apd_image_floats(layer->in), r->padded);
        const float *from = r->padded + at.y * p->row_floats + at.x * p->in_stride;
        for (int64_t c = 0; c < p->in_stride; c += APD_LANES)
            apd_square_windows(from + c, &window, r->inputs + i * p->in_step + c, p->in_stride);
    }
}

static void write_outputs(const apd_layer *layer, const plan *p, const buffers *r, const apd_pass *pass,
                          int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        place at = place_of(p, first + i);
        apd_square_grid outputs = outputs_grid(layer, p, at);
        float *to = pass->output + output_offset(layer, p, at);
        for (int64_t c = 0; c < p->out_stride; c += APD_LANES)
            apd_square_pixels(p->side, r->outputs + i * p->out_step + c, p->out_stride, r->bias + c, to + c,
                              &outputs);
    }
}

static void read_output_gradients(const apd_layer *layer, const plan *p, const buffers *r,
                                  const apd_pass *pass, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        place at = place_of(p, first + i);
        apd_square_grid outputs = outputs_grid(layer, p, at);
        const float *from = pass->output_gradient + output_offset(layer, p, at);
        for (int64_t c = 0; c < p->out_stride; c += APD_LANES)
            apd_square_values(p->side, from + c, &outputs, r->outputs + i * p->out_step + c, p->out_stride);
    }
}

/* r->gradient collects an image's tiles and is written with the last of them. */
static void write_input_gradients(const apd_layer *layer, const plan *p, const buffers *r,
                                  const apd_pass *pass, int64_t first, int64_t count) {
    apd_square_grid window = inputs_grid(p);
    for (int64_t i = 0; i < count; i++) {
        place at = place_of(p, first + i);
        if ((first + i) % p->tiles == 0)
            apd_clear_floats(r->gradient, p->padded_rows * p->row_floats);
        float *to = r->gradient + at.y * p->row_floats + at.x * p->in_stride;
        for (int64_t c = 0; c < p->in_stride; c += APD_LANES)
            apd_square_add_windows(r->inputs + i * p->in_step + c, p->in_stride, to + c, &window);
        if ((first + i) % p->tiles == p->tiles - 1)
            cut_image(layer, p, r->gradient, pass->input_gradient + at.image * apd_image_floats(layer->in));
    }
}

/* --- passes ------------------------------------------------------------------------------------------ */

static int64_t group_at(const plan *p, int64_t first, int64_t all) {
    return all - first < p->group ? all - first : p->group;
}

/* The borders of padded images and the padding channels stay zero throughout a direction. */
static void clear_frames(const plan *p, const buffers *r) {
    apd_clear_floats(r->padded, p->padded_rows * p->row_floats);
    apd_clear_floats(r->zeros, apd_larger(p->in_stride, p->out_stride));
    apd_clear_floats(r->bias, p->out_stride);
}

void apd_winograd_begin_forward(const apd_layer *layer, const apd_pass *pass) {
    plan p = plan_of(layer);
    int64_t used;
    buffers r = buffers_in(&p, pass->scratch, &used);
    clear_frames(&p, &r);
    memcpy(r.bias, pass->bias, (size_t)p.out * sizeof(float));
    transform_weights(&p, forward_order(&p), pass->weights, r.weights);
}

void apd_winograd_forward(const apd_layer *layer, const apd_pass *pass) {
    plan p = plan_of(layer);
    int64_t used, all = pass->n * p.tiles;
    buffers r = buffers_in(&p, pass->scratch, &used);
    for (int64_t first = 0; first < all; first += p.group) {
        int64_t count = group_at(&p, first, all);
        read_inputs(layer, &p, &r, pass, first, count);
        multiply_forward(&p, &r, count);
        write_outputs(layer, &p, &r, pass, first, count);
    }
}

void apd_winograd_begin_backward(const apd_layer *layer, const apd_pass *pass) {
    plan p = plan_of(layer);
    int64_t used;
    buffers r = buffers_in(&p, pass->scratch, &used);
    clear_frames(&p, &r);
    apd_clear_floats(r.sums, APD_SQUARE_POINTS * p.in * p.out_stride);
    if (pass->input_gradient != NULL)
        transform_weights(&p, backward_order(&p), pass->weights, r.weights);
}

void apd_winograd_backward(const apd_layer *layer, const apd_pass *pass) {
    plan p = plan_of(layer);
    int64_t used, all = pass->n * p.tiles;
    buffers r = buffers_in(&p, pass->scratch, &used);
    for (int64_t first = 0; first < all; first += p.group) {
        int64_t count = group_at(&p, first, all);
        read_inputs(layer, &p, &r, pass, first, count);
        read_output_gradients(layer, &p, &r, pass, first, count);
        add_biases(&p, &r, count);
        multiply_for_weights(&p, &r, count);
        if (pass->input_gradient == NULL)
            continue;
        multiply_for_input(&p, &r, count);
        write_input_gradients(layer, &p, &r, pass, first, count);
    }
}

void apd_winograd_end_backward(const apd_layer *layer, const apd_pass *pass) {
    plan p = plan_of(layer);
    int64_t used;
    buffers r = buffers_in(&p, pass->scratch, &used);
    write_weights(&p, &r, pass);
}
