#include "network/kernels/tile.h"

#include "base/status.h"

#include <stddef.h>

const float apd_tile_zeros[APD_TILE_WIDTH * APD_LANES];

typedef struct tile_ends {
    const float *start;
    int64_t start_step;
    float *out;
    int64_t out_step;
} tile_ends;

/* `p_count` and `v_count` are constants after inlining, so that the sums become registers. */
static inline __attribute__((always_inline)) void tile(const int p_count, const int v_count, int points,
                                                       const float *const *x, const apd_tile_walk *walk,
                                                       const float *w, const tile_ends *ends) {
    apd_lanes sum[24];
    const float *at[APD_TILE_POINTS];
    const int64_t run = walk->run, step = walk->step, w_step = walk->w_step;
#pragma GCC unroll 8
    for (int p = 0; p < p_count; p++) {
        int point = p < points ? p : points - 1;
        at[p] = x[point];
#pragma GCC unroll 4
        for (int v = 0; v < v_count; v++)
            sum[p * v_count + v] = apd_lanes_load(ends->start + point * ends->start_step + v * APD_LANES);
    }
    for (int64_t row = 0; row < walk->rows; row++) {
        int64_t offset = row * walk->row_step;
        for (int64_t i = 0; i < run; i++) {
            apd_lanes factor[4];
#pragma GCC unroll 4
            for (int v = 0; v < v_count; v++)
                factor[v] = apd_lanes_load(w + v * APD_LANES);
#pragma GCC unroll 8
            for (int p = 0; p < p_count; p++) {
#pragma GCC unroll 4
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
#pragma GCC unroll 4
        for (int v = 0; v < v_count; v++)
            apd_lanes_store(ends->out + p * ends->out_step + v * APD_LANES, sum[p * v_count + v]);
    }
}

#define TILE(p_count, v_count)                                                                           \
    static void tile_##p_count##x##v_count(int points, const float *const *x, const apd_tile_walk *walk, \
                                           const float *w, const tile_ends *ends) {                      \
        tile(p_count, v_count, points, x, walk, w, ends);                                                \
    }
TILE(8, 1)
TILE(4, 1)
#if APD_LANES == 16
TILE(8, 2)
TILE(4, 2)
TILE(8, 3)
TILE(4, 3)
TILE(6, 4)
TILE(3, 4)
#else
TILE(6, 2)
TILE(3, 2)
TILE(4, 3)
TILE(2, 3)
#endif

/* The tile of a width, and the one for at most half of its points. */
static const struct {
    int points;
    void (*whole)(int, const float *const *, const apd_tile_walk *, const float *, const tile_ends *);
    void (*half)(int, const float *const *, const apd_tile_walk *, const float *, const tile_ends *);
} tiles[] = {{0, NULL, NULL},
             {8, tile_8x1, tile_4x1},
#if APD_LANES == 16
             {8, tile_8x2, tile_4x2},
             {8, tile_8x3, tile_4x3},
             {6, tile_6x4, tile_3x4}};
#else
             {6, tile_6x2, tile_3x2},
             {4, tile_4x3, tile_2x3}};
#endif

int apd_tile_points(int width) {
    APD_ASSERT(width >= 1 && width <= APD_TILE_WIDTH);
    return tiles[width].points;
}

int apd_tile_width(int64_t lanes) {
    int64_t registers = lanes / APD_LANES;
#if APD_LANES == 16
    return registers == 5 || registers == 6 ? 3 : registers < 4 ? (int)registers : 4;
#else
    return registers == 3 ? 3 : (registers < 2 ? 1 : 2);
#endif
}

void apd_tile(int width, int points, const float *const *x, const apd_tile_walk *walk, const float *w,
              const float *start, int64_t start_step, float *out, int64_t out_step) {
    tile_ends ends = {start, start_step, out, out_step};
    if (2 * points <= tiles[width].points)
        tiles[width].half(points, x, walk, w, &ends);
    else
        tiles[width].whole(points, x, walk, w, &ends);
}
