#include "network/tile.h"

#include "base/status.h"

#include <stddef.h>

const float apd_tile_zeros[APD_TILE_WIDTH * APD_LANES];

typedef struct tile_ends {
    const float *start;
    int64_t start_step;
    float *out;
    int64_t out_step;
} tile_ends;

int apd_tile_points(int width) {
    static const int points_of_width[] = {0, 8, 6, 4};
    APD_ASSERT(width >= 1 && width <= APD_TILE_WIDTH);
    return points_of_width[width];
}

int apd_tile_width(int64_t lanes) {
    int64_t registers = lanes / APD_LANES;
    return registers == 3 ? 3 : (registers < 2 ? 1 : 2);
}

/* `p_count` and `v_count` are constants after inlining, so that the sums become registers. */
static inline __attribute__((always_inline)) void tile(const int p_count, const int v_count,
                                                       const bool stream, int points, const float *const *x,
                                                       const apd_tile_walk *walk, const float *w,
                                                       const tile_ends *ends) {
    apd_lanes sum[12];
    const float *at[APD_TILE_POINTS];
    const int64_t run = walk->run, step = walk->step, w_step = walk->w_step;
#pragma GCC unroll 8
    for (int p = 0; p < p_count; p++) {
        int point = p < points ? p : points - 1;
        at[p] = x[point];
#pragma GCC unroll 3
        for (int v = 0; v < v_count; v++)
            sum[p * v_count + v] = apd_lanes_load(ends->start + point * ends->start_step + v * APD_LANES);
    }
    for (int64_t row = 0; row < walk->rows; row++) {
        int64_t offset = row * walk->row_step;
        for (int64_t i = 0; i < run; i++) {
            apd_lanes factor[3];
#pragma GCC unroll 3
            for (int v = 0; v < v_count; v++)
                factor[v] = apd_lanes_load(w + v * APD_LANES);
#pragma GCC unroll 8
            for (int p = 0; p < p_count; p++) {
#pragma GCC unroll 3
                for (int v = 0; v < v_count; v++)
                    sum[p * v_count + v] =
                        apd_lanes_multiply_add(sum[p * v_count + v], at[p][offset], factor[v]);
            }
            offset += step;
            w += w_step;
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < p_count; p++) {
        if (p >= points)
            break;
#pragma GCC unroll 3
        for (int v = 0; v < v_count; v++) {
            float *to = ends->out + p * ends->out_step + v * APD_LANES;
            if (stream)
                apd_lanes_stream(to, sum[p * v_count + v]);
            else
                apd_lanes_store(to, sum[p * v_count + v]);
        }
    }
}

static void tile_8x1(int points, const float *const *x, const apd_tile_walk *walk, const float *w,
                     const tile_ends *ends) {
    tile(8, 1, false, points, x, walk, w, ends);
}

static void tile_6x2(int points, const float *const *x, const apd_tile_walk *walk, const float *w,
                     const tile_ends *ends) {
    tile(6, 2, false, points, x, walk, w, ends);
}

static void tile_4x3(int points, const float *const *x, const apd_tile_walk *walk, const float *w,
                     const tile_ends *ends) {
    tile(4, 3, false, points, x, walk, w, ends);
}

void apd_tile(int width, int points, const float *const *x, const apd_tile_walk *walk, const float *w,
              const float *start, int64_t start_step, float *out, int64_t out_step) {
    static void (*const tile_of_width[])(int, const float *const *, const apd_tile_walk *, const float *,
                                         const tile_ends *) = {NULL, tile_8x1, tile_6x2, tile_4x3};
    tile_ends ends = {start, start_step, out, out_step};
    tile_of_width[width](points, x, walk, w, &ends);
}

void apd_tile_stream(int points, const float *const *x, const apd_tile_walk *walk, const float *w, float *out,
                     int64_t out_step) {
    tile_ends ends = {apd_tile_zeros, 0, out, out_step};
    tile(6, 2, true, points, x, walk, w, &ends);
}

bool apd_tile_can_stream(const float *out, int64_t out_step) {
    const int64_t line = 2 * APD_LANES;
    return APD_LANES_STREAM && (uintptr_t)out % ((uintptr_t)line * sizeof *out) == 0 && out_step % line == 0;
}
