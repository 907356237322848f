#include "network/kernels/product.h"

#include "base/memory.h"
#include "network/kernels/tile.h"

#include <string.h>

/* Sizes of blocks. What is reused most fits in a first-level cache of 32 kB, the rest of a block in a second-level cache. */
#define LANES  ((int64_t)APD_LANES)
#define IMAGES INT64_C(96)  /* forward: images taken together, or up to a register more */
#define GROUP  INT64_C(24)  /* units taken together; whole tiles of any width */
#define TERMS  INT64_C(256) /* forward: terms of a sum at a time */
#define ASIDE  4            /* forward: images beyond whole registers that are taken one at a time, at most */
#define WIDTH  (APD_LANES == 16 ? 4 : 2) /* gradients: registers of a tile */
#define INPUTS \
    (APD_LANES == 16 ? INT64_C(1024) : INT64_C(384)) /* gradients: inputs of a block, whole tiles */
#define DEPTH INT64_C(128)                           /* gradients: terms of a sum at a time */
#define MOST  INT64_C(120)                           /* by inputs: images taken together, whole groups */
#define SLICE INT64_C(512) /* by inputs: units packed together, whole blocks of terms */

_Static_assert(INPUTS % (WIDTH * APD_LANES) == 0, "a block is whole tiles");
_Static_assert(APD_DENSE_COLUMNS % (WIDTH * APD_LANES) == 0, "columns are cut between panels");

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t whole_lanes(int64_t count) {
    return (count + LANES - 1) / LANES * LANES;
}

const char *apd_kernels_name(void) {
    return APD_LANES_NAME;
}

int64_t apd_dense_scratch(int64_t cols) {
    int64_t forward = (cols + GROUP) * whole_lanes(IMAGES + LANES), backward = DEPTH * INPUTS + MOST * SLICE;
    return forward > backward ? forward : backward;
}

/* --- forward ----------------------------------------------------------------------------------------- */

/* The register of panels that `images` images, up to one a lane, fill; zeros in other lanes. */
static void pack_register(const float *rows, int64_t images, int64_t step, int64_t terms, float *panel,
                          int64_t floats) {
    int64_t k = 0;
    for (; images == LANES && k + LANES <= terms; k += LANES)
        apd_lanes_transpose(rows + k, step, panel + k * floats, floats);
    for (; k < terms; k++)
        for (int64_t lane = 0; lane < LANES; lane++)
            panel[k * floats + lane] = lane < images ? rows[lane * step + k] : 0.0f;
}

/* A lane an image: panels of (terms, width of a tile) from rows (images, terms). */
static void pack_images(const float *rows, int64_t images, int64_t step, int64_t terms, float *panels) {
    int64_t lanes = whole_lanes(images);
    for (int64_t first = 0, floats; first < lanes; first += floats, panels += floats * terms) {
        floats = apd_tile_width(lanes - first) * LANES;
        for (int64_t lane = 0; lane < floats; lane += LANES)
            pack_register(rows + (first + lane) * step, least(LANES, images - first - lane), step, terms,
                          panels + lane, floats);
    }
}

/* sums (units, lanes) = or += weights (units, terms; `step` apart) * panels */
static void add_terms(const float *weights, int64_t units, int64_t step, int64_t terms, const float *panels,
                      int64_t lanes, bool begin, float *sums) {
    apd_tile_walk walk = {.rows = 1, .run = terms, .step = 1};
    for (int64_t first = 0, floats; first < lanes; first += floats) {
        int width = apd_tile_width(lanes - first), points = apd_tile_points(width);
        walk.w_step = floats = width * LANES;
        for (int64_t r = 0; r < units; r += points) {
            const float *x[APD_TILE_POINTS];
            float *out = sums + r * lanes + first;
            int filled = (int)least(points, units - r);
            for (int p = 0; p < filled; p++)
                x[p] = weights + (r + p) * step;
            apd_tile(width, filled, x, &walk, panels + first * terms, begin ? apd_tile_zeros : out,
                     begin ? 0 : lanes, out, lanes);
        }
    }
}

/* y (images, units; y_step apart) = bias + sums (units, lanes) */
static void write_units(const float *sums, int64_t units, int64_t lanes, int64_t images, const float *bias,
                        float *y, int64_t y_step) {
    float turned[APD_LANES * APD_LANES];
    for (int64_t u = 0; u < units; u += LANES)
        for (int64_t i = 0; i < images; i += LANES) {
            int64_t wide = least(LANES, units - u), high = least(LANES, images - i);
            if (wide == LANES)
                apd_lanes_transpose(sums + u * lanes + i, lanes, turned, LANES);
            for (int64_t p = 0; p < high; p++)
                for (int64_t q = 0; q < wide; q++)
                    y[(i + p) * y_step + u + q] =
                        bias[u + q] + (wide == LANES ? turned[p * LANES + q] : sums[(u + q) * lanes + i + p]);
        }
}

/* sums (units, images) += weights (units, terms; w_step apart) * x (images, terms; x_step apart)^T, with lanes along the
 * terms: for the few images that would leave most of a register empty. Both counts are constants after inlining. */
static inline __attribute__((always_inline)) void dots(const int units, const int images, const float *x,
                                                       int64_t x_step, const float *weights, int64_t w_step,
                                                       int64_t terms, float *sums) {
    apd_lanes part[12] = {{0}};
    int64_t k = 0;
    for (; k + LANES <= terms; k += LANES)
#pragma GCC unroll 8
        for (int u = 0; u < units; u++) {
            apd_lanes weight = apd_lanes_load(weights + u * w_step + k);
#pragma GCC unroll 4
            for (int i = 0; i < images; i++)
                part[u * images + i] =
                    apd_lanes_add_product(part[u * images + i], weight, apd_lanes_load(x + i * x_step + k));
        }
#pragma GCC unroll 8
    for (int u = 0; u < units; u++)
#pragma GCC unroll 4
        for (int i = 0; i < images; i++) {
            float sum = 0.0f;
            for (int lane = 0; lane < APD_LANES; lane++)
                sum += part[u * images + i][lane];
            for (int64_t rest = k; rest < terms; rest++)
                sum += weights[u * w_step + rest] * x[i * x_step + rest];
            sums[u * images + i] += sum;
        }
}

typedef void (*dots_function)(const float *x, int64_t x_step, const float *weights, int64_t w_step,
                              int64_t terms, float *sums);

#define DOTS(units, images)                                                                   \
    static void dots_##units##x##images(const float *x, int64_t x_step, const float *weights, \
                                        int64_t w_step, int64_t terms, float *sums) {         \
        dots(units, images, x, x_step, weights, w_step, terms, sums);                         \
    }
DOTS(8, 1)
DOTS(4, 2)
DOTS(4, 3)
DOTS(3, 4)
DOTS(1, 1)
DOTS(1, 2)
DOTS(1, 3)
DOTS(1, 4)

/* dots of any number of units. */
static void add_dots(const float *x, int images, int64_t x_step, const float *weights, int64_t units,
                     int64_t w_step, int64_t terms, float *sums) {
    static const struct {
        int units;
        dots_function many, one;
    } kinds[ASIDE + 1] = {{0, NULL, NULL},
                          {8, dots_8x1, dots_1x1},
                          {4, dots_4x2, dots_1x2},
                          {4, dots_4x3, dots_1x3},
                          {3, dots_3x4, dots_1x4}};
    int64_t u = 0;
    for (; u + kinds[images].units <= units; u += kinds[images].units)
        kinds[images].many(x, x_step, weights + u * w_step, w_step, terms, sums + u * images);
    for (; u < units; u++)
        kinds[images].one(x, x_step, weights + u * w_step, w_step, terms, sums + u * images);
}

/* How many of the images are taken one at a time. */
static int images_aside(int64_t images) {
    int64_t rest = images % LANES;
    return rest <= ASIDE && 2 * rest <= LANES ? (int)rest : 0;
}

static void forward_images(const apd_dense_shape *s, const float *x, int64_t images, const float *weights,
                           const float *bias, float *y, float *scratch) {
    int aside = images_aside(images);
    int64_t packed = images - aside, lanes = whole_lanes(packed);
    const float *x_aside = x + packed * s->x_step;
    float *panels = scratch, *sums = scratch + s->cols * lanes, sums_aside[GROUP * ASIDE];
    for (int64_t k = 0; k < s->cols; k += TERMS)
        pack_images(x + k, packed, s->x_step, least(TERMS, s->cols - k), panels + k * lanes);
    for (int64_t r = 0; r < s->units; r += GROUP) {
        int64_t units = least(GROUP, s->units - r);
        memset(sums_aside, 0, sizeof sums_aside);
        for (int64_t k = 0; k < s->cols; k += TERMS) {
            const float *block = weights + r * s->cols + k;
            int64_t terms = least(TERMS, s->cols - k);
            add_terms(block, units, s->cols, terms, panels + k * lanes, lanes, k == 0, sums);
            if (aside > 0)
                add_dots(x_aside + k, aside, s->x_step, block, units, s->cols, terms, sums_aside);
        }
        write_units(sums, units, lanes, packed, bias + r, y + r, s->y_step);
        for (int64_t u = 0; u < units; u++)
            for (int i = 0; i < aside; i++)
                y[(packed + i) * s->y_step + r + u] = bias[r + u] + sums_aside[u * aside + i];
    }
}

void apd_dense_forward(const apd_dense_shape *shape, const float *x, const float *weights, const float *bias,
                       float *y, float *scratch) {
    int64_t most = IMAGES + LANES, blocks = (shape->n + most - 1) / most;
    for (int64_t k = 0; k < blocks; k++) {
        int64_t first = k * shape->n / blocks, images = (k + 1) * shape->n / blocks - first;
        forward_images(shape, x + first * shape->x_step, images, weights, bias, y + first * shape->y_step,
                       scratch);
    }
}

/* --- gradients --------------------------------------------------------------------------------------- */

/* Registers of the panel that begins `inputs` before the last input's end. */
static int panel_width(int64_t inputs) {
    return inputs < WIDTH * LANES ? (int)(whole_lanes(inputs) / LANES) : WIDTH;
}

/* Rows (terms, inputs; `step` apart) as panels of (terms, width of a tile), zeros beyond the last input. */
static void pack_rows(const float *rows, int64_t terms, int64_t step, int64_t inputs, float *panels) {
    for (int64_t k = 0; k < terms; k++, rows += step) {
        int64_t first = 0;
        for (; first + WIDTH * LANES <= inputs; first += WIDTH * LANES)
            memcpy(panels + first * terms + k * WIDTH * LANES, rows + first, WIDTH * LANES * sizeof *panels);
        int64_t wide = whole_lanes(inputs - first);
        float *to = panels + first * terms + k * wide;
        for (int64_t lane = 0; lane < wide; lane++)
            to[lane] = first + lane < inputs ? rows[first + lane] : 0.0f;
    }
}

/* (images, GROUP) of a group of units, contiguous: a power of two apart they would map to a few lines of the cache. */
static void pack_units(const float *y, int64_t images, int64_t step, int64_t units, float *packed) {
    for (int64_t i = 0; i < images; i++)
        for (int64_t u = 0; u < units; u++)
            packed[i * GROUP + u] = y[i * step + u];
}

/* (units, GROUP) of a group of images */
static void pack_transposed(const float *y, int64_t images, int64_t step, int64_t units, float *packed) {
    for (int64_t u = 0; u < units; u += DEPTH)
        for (int64_t i = 0; i < images; i++)
            for (int64_t k = u; k < least(u + DEPTH, units); k++)
                packed[k * GROUP + i] = y[i * step + k];
}

/* Where a tile's sums go. */
typedef struct tile_place {
    float *out;
    int64_t out_step;
    int64_t inputs; /* up to the right edge: a tile may be wider */
    bool begin;     /* write, do not add */
} tile_place;

/* A tile at the right edge. */
static void edge_tile(int width, int points, const float *const *x, const apd_tile_walk *walk, const float *w,
                      const tile_place *to) {
    const int64_t wide = width * LANES;
    float edge[APD_TILE_POINTS * WIDTH * APD_LANES] = {0};
    for (int p = 0; p < points && !to->begin; p++)
        memcpy(edge + p * wide, to->out + p * to->out_step, (size_t)to->inputs * sizeof *edge);
    apd_tile(width, points, x, walk, w, edge, wide, edge, wide);
    for (int p = 0; p < points; p++)
        memcpy(to->out + p * to->out_step, edge + p * wide, (size_t)to->inputs * sizeof *edge);
}

static void gradient_tile(int width, int points, const float *const *x, const apd_tile_walk *walk,
                          const float *w, const tile_place *to) {
    if (to->inputs < width * LANES)
        edge_tile(width, points, x, walk, w, to);
    else
        apd_tile(width, points, x, walk, w, to->begin ? apd_tile_zeros : to->out,
                 to->begin ? 0 : to->out_step, to->out, to->out_step);
}

typedef struct product_sums {
    float *out; /* (rows, inputs), out_step apart */
    int64_t rows, inputs, out_step;
    bool begin; /* write, do not add */
} product_sums;

/* out = or += group (terms, GROUP) of `rows` columns, transposed, * panels of `terms` rows */
static void add_products(const product_sums *g, const float *group, const float *panels, int64_t terms) {
    for (int64_t first = 0; first < g->inputs; first += WIDTH * LANES) {
        int width = panel_width(g->inputs - first), points = apd_tile_points(width);
        apd_tile_walk walk = {.rows = 1, .run = terms, .step = GROUP, .w_step = width * LANES};
        for (int64_t r = 0; r < g->rows; r += points) {
            const float *x[APD_TILE_POINTS];
            tile_place to = {g->out + r * g->out_step + first, g->out_step, g->inputs - first, g->begin};
            int filled = (int)least(points, g->rows - r);
            for (int p = 0; p < filled; p++)
                x[p] = group + r + p;
            gradient_tile(width, filled, x, &walk, panels + first * terms, &to);
        }
    }
}

void apd_dense_by_weights(const apd_dense_shape *s, const float *y, const float *x, float *weights,
                          float *scratch) {
    float *group = scratch + DEPTH * INPUTS;
    if (s->n == 0)
        memset(weights, 0, (size_t)(s->units * s->cols) * sizeof *weights);
    for (int64_t c = 0; c < s->cols; c += INPUTS) {
        int64_t inputs = least(INPUTS, s->cols - c);
        for (int64_t i = 0; i < s->n; i += DEPTH) {
            int64_t images = least(DEPTH, s->n - i);
            pack_rows(x + i * s->x_step + c, images, s->x_step, inputs, scratch);
            for (int64_t r = 0; r < s->units; r += GROUP) {
                product_sums gradient = {.out = weights + r * s->cols + c,
                                         .rows = least(GROUP, s->units - r),
                                         .inputs = inputs,
                                         .out_step = s->cols,
                                         .begin = i == 0};
                pack_units(y + i * s->y_step + r, images, s->y_step, gradient.rows, group);
                add_products(&gradient, group, scratch, images);
            }
        }
    }
}

/* --- a gradient's factors -------------------------------------------------------------------------------- */

/* The layout of factors: the number of images, padded to APD_ALIGNMENT; x in panels of (n, width of a tile); y in groups of
 * (n, GROUP). */
enum { HEAD = APD_ALIGNMENT / sizeof(float) };

static int64_t panel_floats(int64_t n, int64_t cols) {
    return whole_lanes(cols) * n;
}

int64_t apd_dense_factor_floats(int64_t n, int64_t units, int64_t cols) {
    return HEAD + panel_floats(n, cols) + (units + GROUP - 1) / GROUP * GROUP * n;
}

void apd_dense_pack_factors(const apd_dense_shape *s, const float *y, const float *x, float *factors) {
    memcpy(factors, &s->n, sizeof s->n);
    factors += HEAD;
    float *groups = factors + panel_floats(s->n, s->cols);
    for (int64_t c = 0; c < s->cols; c += INPUTS)
        pack_rows(x + c, s->n, s->x_step, least(INPUTS, s->cols - c), factors + c * s->n);
    for (int64_t r = 0; r < s->units; r += GROUP)
        pack_units(y + r, s->n, s->y_step, least(GROUP, s->units - r), groups + r * s->n);
}

void apd_dense_square_factors(int64_t units, int64_t cols, float *factors) {
    int64_t n;
    memcpy(&n, factors, sizeof n);
    const int64_t floats = apd_dense_factor_floats(n, units, cols);
    for (int64_t i = HEAD; i < floats; i++)
        factors[i] *= factors[i];
}

/* One panel's columns of some rows, of `images` images from `first` on. */
static void add_panel(const apd_dense_shape *s, const float *groups, const float *panel, apd_rows rows,
                      int64_t first, int64_t images, tile_place to) {
    int width = panel_width(to.inputs), points = apd_tile_points(width);
    apd_tile_walk walk = {.rows = 1, .run = images, .step = GROUP, .w_step = width * LANES};
    to.begin = first == 0;
    for (int64_t r = rows.begin; r < rows.end; r += points, to.out += points * to.out_step) {
        const float *x[APD_TILE_POINTS];
        int filled = (int)least(points, rows.end - r);
        for (int p = 0; p < filled; p++)
            x[p] = groups + (r + p) / GROUP * GROUP * s->n + first * GROUP + (r + p) % GROUP;
        gradient_tile(width, filled, x, &walk, panel + first * width * LANES, &to);
    }
}

void apd_dense_by_factors(int64_t units, int64_t columns, const float *factors, apd_rows rows, apd_rows cols,
                          float *out, int64_t out_step) {
    apd_dense_shape shape = {.units = units, .cols = columns};
    const apd_dense_shape *s = &shape;
    memcpy(&shape.n, factors, sizeof shape.n);
    factors += HEAD;
    const float *groups = factors + panel_floats(s->n, s->cols);
    for (int64_t r = rows.begin; r < rows.end && s->n == 0; r++)
        memset(out + (r - rows.begin) * out_step, 0, (size_t)(cols.end - cols.begin) * sizeof *out);
    for (int64_t c = cols.begin; c < cols.end; c += WIDTH * LANES)
        for (int64_t i = 0; i < s->n; i += DEPTH)
            add_panel(
                s, groups, factors + c * s->n, rows, i, least(DEPTH, s->n - i),
                (tile_place){.out = out + (c - cols.begin), .out_step = out_step, .inputs = cols.end - c});
}

/* --- by inputs ------------------------------------------------------------------------------------------- */

/* x (images, cols) = or += y (images, units) * weights (units, cols), up to MOST images and SLICE units. */
static void by_inputs(const apd_dense_shape *s, const float *y, int64_t images, const float *weights,
                      int64_t units, bool begin, float *x, float *scratch) {
    float *groups = scratch + DEPTH * INPUTS;
    for (int64_t i = 0; i < images; i += GROUP)
        pack_transposed(y + i * s->y_step, least(GROUP, images - i), s->y_step, units, groups + i * units);
    for (int64_t c = 0; c < s->cols; c += INPUTS) {
        int64_t inputs = least(INPUTS, s->cols - c);
        for (int64_t u = 0; u < units; u += DEPTH) {
            int64_t terms = least(DEPTH, units - u);
            pack_rows(weights + u * s->cols + c, terms, s->cols, inputs, scratch);
            for (int64_t i = 0; i < images; i += GROUP) {
                product_sums gradient = {.out = x + i * s->x_step + c,
                                         .rows = least(GROUP, images - i),
                                         .inputs = inputs,
                                         .out_step = s->x_step,
                                         .begin = begin && u == 0};
                add_products(&gradient, groups + i * units + u * GROUP, scratch, terms);
            }
        }
    }
}

void apd_dense_by_inputs(const apd_dense_shape *s, const float *y, const float *weights, float *x,
                         float *scratch) {
    int64_t blocks = (s->n + MOST - 1) / MOST;
    for (int64_t k = 0; k < blocks; k++) {
        int64_t first = k * s->n / blocks, images = (k + 1) * s->n / blocks - first;
        for (int64_t u = 0; u < s->units; u += SLICE)
            by_inputs(s, y + first * s->y_step + u, images, weights + u * s->cols, least(SLICE, s->units - u),
                      u == 0, x + first * s->x_step, scratch);
    }
}
